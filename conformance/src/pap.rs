//! The Push Access Protocol, as far as handing in a push goes (WAP-247).

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::Context;

/// The path of the gateway's push service.
pub const PATH: &str = "/push";

const BOUNDARY: &str = "conformance-boundary";

/// The number of the next push.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A push to hand in.
#[derive(Debug)]
pub struct Submission<'a> {
    /// The client that shall get it.
    pub client: Client<'a>,
    /// How it is delivered.
    pub delivery: Delivery,
    /// The MIME type of `content`, with parameters.
    pub content_type: &'a str,
    /// Headers of the part that holds the content.
    pub part_headers: &'a [(&'a str, &'a str)],
    /// Headers of the HTTP request; a gateway may pass them on to the client.
    pub http_headers: &'a [(&'a str, &'a str)],
    /// The content.
    pub content: &'a [u8],
}

/// The address of a client (WAP-247 section 9.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Client<'a> {
    /// On an IP bearer.
    Ip(Ipv4Addr),
    /// In a mobile network: a number with its `+`.
    Number(&'a str),
}

/// How a push is delivered (WAP-247 section 9.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Delivery {
    /// Without an answer of the client.
    #[default]
    Unconfirmed,
    /// With one.
    Confirmed,
    /// Without one, and not before this point in time (UTC, RFC 3339).
    UnconfirmedAfter(&'static str),
}

/// What the gateway answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The code of the push-response or badmessage-response (WAP-247 section 9.13), if there is one.
    pub code: Option<u16>,
    /// All of the answer.
    pub text: String,
}

/// Hands `submission` to the gateway at `gateway`.
///
/// # Errors
///
/// The gateway cannot be reached or answers with something that is not HTTP.
pub fn submit(gateway: SocketAddrV4, submission: &Submission<'_>) -> anyhow::Result<Answer> {
    let body = body(submission);
    let mut stream = TcpStream::connect(gateway)
        .with_context(|| format!("cannot reach the gateway at {gateway}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(head(gateway, submission, body.len()).as_bytes())?;
    stream.write_all(&body)?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok(Answer {
        status: status.with_context(|| format!("no HTTP answer: {text:?}"))?,
        code: code(&text),
        text,
    })
}

fn head(gateway: SocketAddrV4, submission: &Submission<'_>, length: usize) -> String {
    let extra = lines(submission.http_headers);
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: {gateway}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: multipart/related; boundary={BOUNDARY}; type=\"application/xml\"\r\n{extra}\r\n"
    )
}

fn body(submission: &Submission<'_>) -> Vec<u8> {
    let control = control(submission.client, submission.delivery);
    let (kind, extra) = (submission.content_type, lines(submission.part_headers));
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Type: application/xml\r\n\r\n{control}\r\n\
         --{BOUNDARY}\r\nContent-Type: {kind}\r\n{extra}\r\n"
    )
    .into_bytes();
    body.extend_from_slice(submission.content);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn control(client: Client<'_>, delivery: Delivery) -> String {
    let address = match client {
        Client::Ip(address) => format!("{address}/TYPE=IPV4"),
        Client::Number(number) => format!("{number}/TYPE=PLMN"),
    };
    // A gateway refuses the identity of a push that it has not delivered yet.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let (method, after) = match delivery {
        Delivery::Unconfirmed => ("unconfirmed", String::new()),
        Delivery::Confirmed => ("confirmed", String::new()),
        Delivery::UnconfirmedAfter(time) => {
            let attribute = format!(" deliver-after-timestamp=\"{time}\"");
            ("unconfirmed", attribute)
        }
    };
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 1.0//EN\" \
         \"http://www.wapforum.org/DTD/pap_1.0.dtd\"><pap><push-message push-id=\"{number}@pi.conformance.test\"{after}>\
         <address address-value=\"WAPPUSH={address}@ppg.conformance.test\"/>\
         <quality-of-service delivery-method=\"{method}\"/></push-message></pap>"
    )
}

fn lines(headers: &[(&str, &str)]) -> String {
    headers.iter().fold(String::new(), |lines, (name, value)| {
        lines + name + ": " + value + "\r\n"
    })
}

/// The value of the first attribute `code`; Kannel writes a space before the equals sign.
fn code(answer: &str) -> Option<u16> {
    answer.match_indices("code").find_map(|(at, name)| {
        let rest = answer.get(at + name.len()..)?.trim_start();
        let value = rest.strip_prefix('=')?.trim_start().strip_prefix('"')?;
        value.split_once('"')?.0.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_however_it_is_spaced() {
        assert_eq!(
            code("<a x-coding=\"2\"><b code =\"1001\" desc=\"d\"/>"),
            Some(1001)
        );
        assert_eq!(code("<badmessage-response code=\"2000\"/>"), Some(2000));
        assert_eq!(code("<html/>"), None);
    }
}
