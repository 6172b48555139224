//! Pushes in sessions.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use push_lab::sip::{
    ChunkOrder, MsrpManner, Setup, SipManner, SipMessage, SipPush, SipPushResult, SipPushServer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::terminal::{PATIENCE, Terminal, core, server};

const ALICE: &str = "sip:alice@lab.example";
const TAG: &str = ";+g.oma.pusheventapp=\"ulp.ua\"";

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| index.to_le_bytes()[0]).collect()
}

fn push(length: usize) -> SipPush {
    SipPush::new("application/octet-stream", content(length)).application("ulp.ua")
}

fn manner(session: MsrpManner) -> SipManner {
    SipManner {
        session,
        ..SipManner::session()
    }
}

/// A value of an attribute in an SDP.
fn attribute(sdp: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(sdp).into_owned();
    let prefix = format!("a={name}:");
    text.lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .map(str::to_owned)
}

fn address(path: &str) -> SocketAddr {
    let rest = path.strip_prefix("msrp://").unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}

/// What a terminal does with the chunks that it gets.
struct Reception {
    stream: TcpStream,
    own: String,
    peer: String,
    buffer: Vec<u8>,
    /// The octets by their first position.
    parts: BTreeMap<usize, Vec<u8>>,
    /// What chunks are answered.
    status: &'static str,
    chunks: usize,
}

impl Reception {
    /// Says which session it is.
    async fn greet(&mut self) {
        let send = format!(
            "MSRP hello SEND\r\nTo-Path: {}\r\nFrom-Path: {}\r\nMessage-ID: e\r\nByte-Range: 1-0/0\r\n-------hello$\r\n",
            self.peer, self.own
        );
        self.stream.write_all(send.as_bytes()).await.unwrap();
    }

    /// Takes chunks until this much content has come, or the connection ends; tells so where it is asked to.
    async fn run(&mut self, length: usize) {
        let mut piece = vec![0; 8_192];
        while self.parts.values().map(Vec::len).sum::<usize>() < length {
            let read = timeout(PATIENCE, self.stream.read(&mut piece)).await;
            let count = read.unwrap().unwrap_or(0);
            if count == 0 {
                return;
            }
            self.buffer.extend_from_slice(&piece[..count]);
            while let Some(length) = self.take().await {
                self.buffer.drain(..length);
            }
        }
    }

    async fn take(&mut self) -> Option<usize> {
        let text = String::from_utf8_lossy(&self.buffer).into_owned();
        let transaction = text.strip_prefix("MSRP ")?.split(' ').next()?.to_owned();
        let end = format!("\r\n-------{transaction}");
        let find = |wanted: &[u8]| {
            self.buffer
                .windows(wanted.len())
                .position(|window| window == wanted)
        };
        let at = find(end.as_bytes())?;
        let whole = at + end.len() + 3;
        if self.buffer.len() < whole {
            return None;
        }
        let frame = String::from_utf8_lossy(&self.buffer[..at + 2]).into_owned();
        let head = frame.split("\r\n\r\n").next()?.to_owned();
        if !head.contains(" SEND\r\n") {
            return Some(whole);
        }
        let get = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let range = get("Byte-Range:")?;
        let first: usize = range.split('-').next()?.parse().ok()?;
        let body = find(b"\r\n\r\n")? + 4;
        self.parts.insert(first, self.buffer[body..at].to_vec());
        self.chunks += 1;
        let paths = format!("To-Path: {}\r\nFrom-Path: {}\r\n", self.peer, self.own);
        let mut answer = format!(
            "MSRP {transaction} {}\r\n{paths}-------{transaction}$\r\n",
            self.status
        );
        let total = range.split('/').nth(1)?.parse().unwrap_or(usize::MAX);
        let come: usize = self.parts.values().map(Vec::len).sum();
        if get("Success-Report:").as_deref() == Some("yes") && come >= total {
            let id = get("Message-ID:")?;
            let report = format!(
                "MSRP report REPORT\r\n{paths}Message-ID: {id}\r\nByte-Range: 1-{come}/{total}\r\nStatus: 000 200 OK\r\n-------report$\r\n"
            );
            answer.push_str(&report);
        }
        self.stream.write_all(answer.as_bytes()).await.unwrap();
        Some(whole)
    }

    fn content(&self) -> Vec<u8> {
        self.parts.values().flatten().copied().collect()
    }
}

/// Answers an invitation as it should be, and gives what belongs to its connection.
async fn accept(terminal: &Terminal, invite: &SipMessage) -> Reception {
    let peer = attribute(&invite.body, "path").unwrap();
    let setup = attribute(&invite.body, "setup");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let active = matches!(setup.as_deref(), Some("actpass" | "passive"));
    let own = format!("msrp://{}/own;tcp", listener.local_addr().unwrap());
    let setup = match (setup.is_some(), active) {
        (false, _) => "",
        (true, true) => "a=setup:active\r\n",
        (true, false) => "a=setup:passive\r\n",
    };
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n\
         a=accept-types:*\r\na=path:{own}\r\n{setup}a=recvonly\r\n"
    );
    let answer = invite
        .reply(200, "own")
        .with("Contact", format!("<{}>", terminal.contact()))
        .with_body("application/sdp", sdp);
    terminal.send(&answer).await;
    let ack = terminal.next("ACK").await;
    assert_eq!(ack.uri(), terminal.contact());
    let stream = if active {
        TcpStream::connect(address(&peer)).await.unwrap()
    } else {
        timeout(PATIENCE, listener.accept())
            .await
            .unwrap()
            .unwrap()
            .0
    };
    let mut reception = Reception {
        stream,
        own,
        peer,
        buffer: Vec::new(),
        parts: BTreeMap::new(),
        status: "200 OK",
        chunks: 0,
    };
    if active {
        reception.greet().await;
    }
    reception
}

/// Pushes, and takes the push as it should be taken.
async fn exchange(
    server: &SipPushServer,
    terminal: &Terminal,
    length: usize,
    session: MsrpManner,
) -> (SipPushResult, Vec<u8>) {
    let push = push(length);
    let manner = manner(session);
    let taking = async {
        let invite = terminal.next("INVITE").await;
        let mut reception = accept(terminal, &invite).await;
        reception.run(length).await;
        let bye = terminal.next("BYE").await;
        terminal.answer(&bye, 200).await;
        reception.content()
    };
    tokio::join!(server.push(ALICE, &push, &manner), taking)
}

#[tokio::test]
async fn large_pushes_go_whoever_opens_the_connection() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(TAG).await;
    for setup in [Setup::ActPass, Setup::Active, Setup::Passive, Setup::Absent] {
        let session = MsrpManner {
            setup,
            success_report: true,
            ..MsrpManner::default()
        };
        let (result, taken) = exchange(&server, &terminal, 30_000, session).await;
        assert!(result.is_accepted(), "{setup:?}: {result:?}");
        assert_eq!(taken, content(30_000));
        let session = result.session.unwrap();
        assert_eq!((session.chunks, session.reports), (15, vec![200]));
    }
}

#[tokio::test]
async fn chunks_go_in_any_order_and_in_pieces() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(TAG).await;
    for order in [ChunkOrder::Backward, ChunkOrder::Shuffled(3)] {
        let session = MsrpManner {
            order,
            chunk: 100,
            pieces: Some(7),
            ..MsrpManner::default()
        };
        let (result, taken) = exchange(&server, &terminal, 1_001, session).await;
        assert!(result.is_accepted(), "{result:?}");
        assert_eq!(taken, content(1_001));
    }
}

#[tokio::test]
async fn a_push_that_is_refused_on_its_way_stops() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(TAG).await;
    let push = push(50);
    let manner = manner(MsrpManner {
        chunk: 10,
        ..MsrpManner::default()
    });
    let refusing = async {
        let invite = terminal.next("INVITE").await;
        let mut reception = accept(&terminal, &invite).await;
        reception.status = "413 Too much";
        reception.run(50).await;
        let bye = terminal.next("BYE").await;
        terminal.answer(&bye, 200).await;
    };
    let (result, ()) = tokio::join!(server.push(ALICE, &push, &manner), refusing);
    assert!(!result.is_accepted());
    let session = result.session.unwrap();
    assert!(session.statuses.iter().all(|status| *status == 413));
    // The invitation itself as well.
    let refusing = async {
        let invite = terminal.next("INVITE").await;
        terminal.answer(&invite, 488).await;
        terminal.next("ACK").await
    };
    let (result, ack) = tokio::join!(server.push(ALICE, &push, &manner), refusing);
    assert_eq!((result.status, ack.cseq()), (488, (1, "ACK")));
}

#[tokio::test]
async fn sessions_end_when_they_should_not() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(TAG).await;
    let push = push(1_000);
    let cases = [
        MsrpManner {
            bye_after: Some(2),
            ..MsrpManner::default()
        },
        MsrpManner {
            interrupt_after: Some(2),
            ..MsrpManner::default()
        },
        MsrpManner {
            missing: vec![2],
            ..MsrpManner::default()
        },
    ];
    for session in cases {
        let missing = !session.missing.is_empty();
        let manner = manner(MsrpManner {
            chunk: 100,
            ..session
        });
        let taking = async {
            let invite = terminal.next("INVITE").await;
            let mut reception = accept(&terminal, &invite).await;
            // The connection may end before the session does.
            let bye = tokio::select! {
                () = reception.run(1_000) => None,
                bye = terminal.next("BYE") => Some(bye),
            };
            let bye = match bye {
                Some(bye) => bye,
                None => terminal.next("BYE").await,
            };
            terminal.answer(&bye, 200).await;
            reception.content().len()
        };
        let (result, length) = tokio::join!(server.push(ALICE, &push, &manner), taking);
        assert!(length < 1_000, "{manner:?}");
        // Nothing tells the server that a chunk is missing.
        assert_eq!(result.is_accepted(), missing, "{result:?}");
    }
    // The terminal may end it as well.
    let manner = manner(MsrpManner::default());
    let ending = async {
        let invite = terminal.next("INVITE").await;
        let _reception = accept(&terminal, &invite).await;
        let uri = invite.address("Contact").unwrap().uri;
        let from = invite.get("From").unwrap();
        let to = format!("{};tag=own", invite.get("To").unwrap());
        let bye = SipMessage::request("BYE", &uri)
            .with(
                "Via",
                format!("SIP/2.0/UDP {};branch=z9hG4bKbye;rport", terminal.address()),
            )
            .with("Route", invite.get("Record-Route").unwrap())
            .with("From", to)
            .with("To", from)
            .with("Call-ID", invite.call_id())
            .with("CSeq", "1 BYE");
        terminal.send(&bye).await;
        terminal.next("BYE").await.status()
    };
    let (result, status) = tokio::join!(server.push(ALICE, &push, &manner), ending);
    assert_eq!(status, 200);
    assert!(result.session.unwrap().ended_by_terminal);
}

#[tokio::test]
async fn an_invitation_is_taken_back() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(TAG).await;
    let push = push(1_000);
    let manner = manner(MsrpManner {
        cancel: true,
        ..MsrpManner::default()
    });
    let giving_way = async {
        let invite = terminal.next("INVITE").await;
        terminal.answer(&invite, 180).await;
        let cancel = terminal.next("CANCEL").await;
        assert_eq!(cancel.via(), invite.via());
        terminal.answer(&cancel, 200).await;
        terminal.answer(&invite, 487).await;
        terminal.next("ACK").await;
    };
    let (result, ()) = tokio::join!(server.push(ALICE, &push, &manner), giving_way);
    assert_eq!(result.status, 487);
}

#[tokio::test]
async fn an_answer_that_comes_again_is_acknowledged_again() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(TAG).await;
    let push = push(1_000);
    let manner = manner(MsrpManner {
        no_connection: true,
        ..MsrpManner::default()
    });
    let repeating = async {
        let invite = terminal.next("INVITE").await;
        let answer = invite
            .reply(200, "own")
            .with("Contact", format!("<{}>", terminal.contact()));
        for _ in 0..3 {
            terminal.send(&answer).await;
            let ack = terminal.next("ACK").await;
            assert_eq!(ack.address("To").unwrap().param("tag"), Some("own"));
        }
    };
    tokio::select! {
        biased;
        () = repeating => {}
        result = server.push(ALICE, &push, &manner) => panic!("{result:?}"),
    }
}

#[tokio::test]
async fn of_several_contacts_that_accept_the_first_gets_the_push() {
    let core = core().await;
    let server = server(&core).await;
    let mut one = Terminal::new(core.address(), "alice").await;
    let mut other = Terminal::new(core.address(), "alice").await;
    one.registered(TAG).await;
    other.registered(TAG).await;
    let push = push(5_000);
    let manner = SipManner::session();
    let taking = async {
        let invite = one.next("INVITE").await;
        let late = other.next("INVITE").await;
        let mut reception = accept(&one, &invite).await;
        let answer = late
            .reply(200, "other")
            .with("Contact", format!("<{}>", other.contact()));
        other.send(&answer).await;
        assert_eq!(other.next("ACK").await.uri(), other.contact());
        let bye = other.next("BYE").await;
        assert_eq!(bye.address("To").unwrap().param("tag"), Some("other"));
        other.answer(&bye, 200).await;
        reception.run(5_000).await;
        let bye = one.next("BYE").await;
        one.answer(&bye, 200).await;
        reception.content()
    };
    let (result, taken) = tokio::join!(server.push(ALICE, &push, &manner), taking);
    assert!(result.is_accepted(), "{result:?}");
    assert_eq!(taken, content(5_000));
}
