//! The check of the framing and hyper take the same octets for the same requests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use push_ota::http::framing::{Framing, FramingLimits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Method, target and content of a request.
type Seen = (String, String, Vec<u8>);

/// The requests that the check sees to have come whole, and the octets that it lets through.
fn checked(octets: &[u8]) -> (Vec<Seen>, &[u8]) {
    let mut framing = Framing::new(FramingLimits::default());
    let (mut starts, mut good, mut whole) = (Vec::new(), 0, 0);
    for octet in octets.chunks(1) {
        let before = framing.requests();
        if framing.check(octet).is_err() {
            break;
        }
        if framing.requests() > before {
            starts.push(good);
        }
        good += 1;
        if framing.is_between_requests() {
            whole = starts.len();
        }
    }
    let good = &octets[..good];
    let ends = starts.iter().skip(1).copied().chain([good.len()]);
    let all: Vec<_> = starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| read(&good[start..end]))
        .collect();
    (all.into_iter().take(whole).flatten().collect(), good)
}

/// Takes one request apart that is there as a whole.
fn read(request: &[u8]) -> Option<Seen> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head: String = request[..end].iter().copied().map(char::from).collect();
    let mut line = head.split(['\r', ' ']);
    let (method, target) = (line.next()?.to_owned(), line.next()?.to_owned());
    let body = &request[end + 4..];
    let lower = head.to_ascii_lowercase();
    let value = |name: &str| {
        let mut lines = lower
            .split("\r\n")
            .filter_map(|line| line.strip_prefix(name));
        lines.next().map(str::trim)
    };
    // An empty line before the next request belongs to nobody.
    let content = match (value("transfer-encoding:"), value("content-length:")) {
        (Some(_), _) => dechunk(body)?,
        (None, Some(length)) => body.get(..length.parse().ok()?)?.to_vec(),
        (None, None) => Vec::new(),
    };
    Some((method, target, content))
}

fn dechunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(body.get(end + 2..end + 2 + size)?);
        body = body.get(end + 4 + size..)?;
    }
}

/// The requests that hyper sees to have come whole. Content that is left unread is not compared.
async fn served(octets: &[u8], reads: bool) -> (Vec<Seen>, hyper::Result<()>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (mut ours, theirs) = tokio::io::duplex(1 << 16);
    ours.write_all(octets).await.unwrap();
    ours.shutdown().await.unwrap();
    let all = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Incoming>| {
        let all = Arc::clone(&all);
        async move {
            let (head, body) = request.into_parts();
            let content = if reads {
                content(body).await
            } else {
                Some(Vec::new())
            };
            if let Some(content) = content {
                let one = (head.method.to_string(), head.uri.to_string(), content);
                all.lock().unwrap().push(one);
            }
            let mut response = Response::new(String::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok::<_, Infallible>(response)
        }
    });
    let answers = tokio::spawn(async move {
        let mut answers = Vec::new();
        ours.read_to_end(&mut answers).await.ok();
    });
    let served = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(theirs), service)
        .await;
    answers.await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (seen, served)
}

async fn content(mut body: Incoming) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await
    {
        content.extend_from_slice(frame.ok()?.data_ref().unwrap_or(&Bytes::new()));
    }
    Some(content)
}

/// Requests of pieces that are good, or nearly so.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => Just("POST /wappush HTTP/1.1\r\n"),
        2 => Just("OPTIONS * HTTP/1.1\r\n"),
        1 => Just("GET /a HTTP/1.1\r\n"),
        1 => Just("HEAD /b HTTP/1.1\r\n"),
        1 => Just("CONNECT ppg:80 HTTP/1.1\r\n"),
        1 => Just("POST /old HTTP/1.0\r\n"),
        1 => Just("\r\nPOST /wappush HTTP/1.1\r\n"),
        1 => Just("TRACE /~!*'() HTTP/1.1\r\n"),
    ];
    let header = prop_oneof![
        2 => "[A-Za-z!#$%&'*+.^_`|~-]{1,12}:[ \t]{0,2}[ -~\t\u{e9}]{0,20}[ \t]{0,2}\r\n",
        1 => Just("Connection: keep-alive\r\n".to_owned()),
        1 => Just("Connection: Upgrade\r\nUpgrade: h2c\r\n".to_owned()),
        1 => Just("Expect: 100-continue\r\n".to_owned()),
        1 => Just("Trailer: X\r\nTE: trailers\r\n".to_owned()),
        1 => "(Content-Length|content-length|Content-Length-|Transfer-Encoding-): ?[0-9]{1,2}\r\n",
    ];
    let body = prop_oneof![
        4 => Just("\r\n".to_owned()),
        3 => "Content-Length:[ \t]{0,2}0{0,3}4[ \t]{0,2}\r\n\r\n[a-z\r\n]{4}",
        1 => Just("Content-Length: 0\r\n\r\n".to_owned()),
        1 => Just("Content-Length: 18446744073709551615\r\n\r\n".to_owned()),
        1 => Just("Content-Length: 18446744073709551614\r\n\r\n".to_owned()),
        4 => "[Tt]ransfer-[Ee]ncoding:[ \t]{0,2}[Cc]hunked[ \t]{0,2}\r\n\r\n(0{0,14}1\r\n[a-z\r\n]\r\n|[aA]\r\n[a-z]{10}\r\n){0,3}0{1,16}\r\n([A-Za-z]{1,8}: [a-z]{0,4}\r\n){0,2}\r\n",
    ];
    let request = (line, prop::collection::vec(header, 0..3), body)
        .prop_map(|(line, headers, body)| format!("{line}{}{body}", headers.concat()));
    let requests = prop::collection::vec(request, 1..5);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..3);
    (requests, changes).prop_map(|(requests, changes)| {
        let mut octets = requests.concat().into_bytes();
        for (at, octet, how) in changes {
            let at = at.index(octets.len());
            match how {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                _ => drop(octets.remove(at)),
            }
        }
        octets
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_let_through_is_to_hyper_what_it_is_to_the_check(octets in requests(), reads: bool) {
        let (mut expected, good) = checked(&octets);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (seen, ended) = runtime.block_on(served(good, reads));
        if !reads {
            for (_, _, content) in &mut expected {
                content.clear();
            }
            // Of a request that has begun hyper tells before it has come whole.
            let known = seen.len().min(expected.len());
            prop_assert_eq!(&seen[..known], &expected[..known]);
            return Ok(());
        }
        prop_assert!(expected.starts_with(&seen), "{:?}\n{:?}\n{:?}", seen, expected, ended);
        // Where hyper takes fewer, it says why, or the last one was to be the last.
        let text = good.to_ascii_lowercase();
        let has = |what: &[u8]| text.windows(what.len()).any(|window| window == what);
        let may_end = has(b"http/1.0") || has(b"upgrade") || has(b"connect") || has(b"close");
        prop_assert!(
            seen.len() == expected.len() || ended.is_err() || may_end,
            "{:?}\n{:?}",
            seen,
            expected
        );
    }
}
