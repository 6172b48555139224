//! Large pushes: INVITE, and MSRP.

use std::net::SocketAddr;

use push_client::sip::Transport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{Bench, MMS, next, settings, stream, within};
use crate::core::{Core, push_headers};
use crate::message::Message;

/// A push server's end of MSRP.
struct Msrp {
    stream: TcpStream,
    octets: Vec<u8>,
    /// The terminal's path, and the server's own.
    to: String,
    from: String,
}

impl Msrp {
    /// The next chunk or response: its first line and the lines behind it, up to its end.
    async fn next(&mut self) -> Vec<String> {
        loop {
            let text = String::from_utf8(self.octets.clone()).unwrap();
            if let Some(transaction) = text.split(' ').nth(1) {
                for mark in ["$", "+", "#"] {
                    let end = format!("-------{transaction}{mark}\r\n");
                    if let Some(at) = text.find(&end) {
                        self.octets.drain(..at + end.len());
                        return text[..at].lines().map(str::to_owned).collect();
                    }
                }
            }
            let mut buffer = vec![0; 65_536];
            let length = within(self.stream.read(&mut buffer)).await.unwrap();
            assert!(length > 0, "the terminal closed the connection");
            self.octets.extend_from_slice(&buffer[..length]);
        }
    }

    async fn answer(&mut self, chunk: &[String]) {
        let transaction = chunk[0].split(' ').nth(1).unwrap();
        let (to, from) = (&self.to, &self.from);
        let answer = format!(
            "MSRP {transaction} 200 OK\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------{transaction}$\r\n"
        );
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Sends content in chunks of so many octets, each answered with 200.
    async fn deliver(&mut self, content_type: &str, content: &[u8], size: usize) {
        let total = content.len();
        let mut start = 1;
        for (number, chunk) in content.chunks(size).enumerate() {
            let end = start + chunk.len() - 1;
            let mark = if end == total { "$" } else { "+" };
            let (to, from) = (&self.to, &self.from);
            let head = format!(
                "MSRP t{number:08} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: m1\r\n\
                 Byte-Range: {start}-{end}/{total}\r\nContent-Type: {content_type}\r\n\r\n"
            );
            let tail = format!("\r\n-------t{number:08}{mark}\r\n");
            let octets = [head.as_bytes(), chunk, tail.as_bytes()].concat();
            self.stream.write_all(&octets).await.unwrap();
            start = end + 1;
        }
        for number in 0..content.chunks(size).len() {
            let answer = self.next().await;
            assert_eq!(answer[0], format!("MSRP t{number:08} 200 OK"), "{answer:?}");
        }
    }
}

/// An offer of MSRP whose path is at this address.
fn offer(address: SocketAddr, setup: &str) -> (String, String) {
    let path = format!("msrp://{address}/server;tcp");
    let (ip, port) = (address.ip(), address.port());
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=sendonly\r\na=accept-types:*\r\n\
         a=setup:{setup}\r\na=path:{path}\r\n"
    );
    (offer, path)
}

fn attribute<'a>(answer: &'a str, name: &str) -> &'a str {
    let start = format!("a={name}:");
    let mut lines = answer.lines();
    lines.find_map(|line| line.strip_prefix(&*start)).unwrap()
}

/// Invites the terminal; gives its answer and the call.
async fn invite(core: &mut Core, offer: &str) -> (Message, String) {
    let call = "large-1";
    let headers = format!(
        "{}Contact: <sip:psa@{}>\r\n",
        push_headers("mms.ua", "application/sdp"),
        core.address()
    );
    let invite = core.within_call("INVITE", 1, call, &headers, offer.as_bytes());
    let answer = core.ask(&invite).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let headers = format!("To: {}\r\n", answer.header("to"));
    let ack = core.within_call("ACK", 1, call, &headers, b"");
    core.send(ack).await;
    (answer, call.to_owned())
}

/// Ends the session, from whichever side it is ended.
async fn leave(core: &mut Core, answer: &Message) {
    let to = answer.header("to");
    let headers = format!("To: {to}\r\n").replace("CSeq: 1", "CSeq: 2");
    let bye = core.within_call("BYE", 2, "large-1", &headers, b"");
    let bye = String::from_utf8(bye).unwrap().replace("tag=f2", "tag=f1");
    core.send(bye.as_bytes()).await;
    loop {
        let message = core.next().await.unwrap();
        if message.first.starts_with("SIP/2.0") {
            assert!([200, 481].contains(&message.status()), "{message:?}");
            return;
        }
        assert_eq!(message.method(), "BYE");
        core.answer(&message, "200 OK", "").await;
    }
}

fn content() -> Vec<u8> {
    let octets = (0..1_000_000_u32).map(|number| (number % 251) as u8);
    octets.map(|octet| b'a' + octet % 26).collect()
}

#[tokio::test]
async fn a_large_push_comes_over_a_connection_that_the_terminal_opens() {
    let mut core = Core::udp().await;
    let bench = Bench::start(settings(core.address(), Transport::Udp));
    let application = bench.register(&mut core, MMS).await;
    let mut events = stream(&application).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (offer, own) = offer(listener.local_addr().unwrap(), "passive");
    let (answer, _) = invite(&mut core, &offer).await;
    let description = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(attribute(&description, "setup"), "active");
    let (stream, _) = within(listener.accept()).await.unwrap();
    let mut msrp = Msrp {
        stream,
        octets: Vec::new(),
        to: attribute(&description, "path").to_owned(),
        from: own,
    };
    let first = msrp.next().await;
    assert!(first[0].ends_with(" SEND"), "{first:?}");
    msrp.answer(&first).await;
    let content = content();
    msrp.deliver("text/plain", &content, 20_000).await;
    let event = next(&mut events).await;
    assert!(event.content() == content);
    assert_eq!(event.content_type(), "text/plain");
    leave(&mut core, &answer).await;
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_large_push_comes_over_a_connection_that_the_server_opens() {
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.msrp_listen = Some(([0, 0, 0, 0], 0).into());
    let bench = Bench::start(settings);
    let application = bench.register(&mut core, MMS).await;
    let mut events = stream(&application).await;
    let address = ([127, 0, 0, 1], 9).into();
    let (offer, own) = offer(address, "active");
    let (answer, _) = invite(&mut core, &offer).await;
    let description = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(attribute(&description, "setup"), "passive");
    let to = attribute(&description, "path").to_owned();
    let port = bench.address("OTA-SIP-MSRP").port();
    // The address is the one that the core is spoken to from.
    assert!(to.starts_with(&format!("msrp://127.0.0.1:{port}/")), "{to}");
    let mut msrp = Msrp {
        stream: TcpStream::connect(("127.0.0.1", port)).await.unwrap(),
        octets: Vec::new(),
        to,
        from: own,
    };
    msrp.deliver("text/plain", &content(), 64_000).await;
    assert!(next(&mut events).await.content() == content());
    leave(&mut core, &answer).await;
    bench.stop_bound(&mut core).await;
}
