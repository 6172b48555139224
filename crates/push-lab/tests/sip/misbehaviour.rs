//! What goes wrong on purpose.

use std::time::Duration;

use push_lab::sip::{SipCoreBehaviour, SipEvent, SipExtent, SipMisbehaviour, SipPush, Spoil};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::terminal::{PATIENCE, Terminal, core};

const TAG: &str = ";+g.oma.pusheventapp=\"ulp.ua\"";

fn spoilt(spoil: Spoil) -> SipCoreBehaviour {
    SipCoreBehaviour {
        challenge_register: false,
        spoilt: vec![("REGISTER".to_owned(), spoil)],
        ..SipCoreBehaviour::default()
    }
}

#[tokio::test]
async fn every_kind_of_spoilt_answer_is_spoilt_as_it_says() {
    let core = core().await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    let mut events = core.events();
    for (word, spoil) in Spoil::ALL {
        assert_eq!(Spoil::parse(word), Some(*spoil));
        core.behave(spoilt(*spoil));
        let request = terminal.register(TAG);
        terminal.send(&request).await;
        let done = events.until(|event| matches!(event, SipEvent::Registered { .. }).then_some(()));
        timeout(PATIENCE, done).await.unwrap().unwrap();
        if *spoil == Spoil::Silence {
            continue;
        }
        let octets = terminal.octets().await;
        let text = String::from_utf8_lossy(&octets).into_owned();
        let has = |part: &str| text.contains(part);
        let call_id = format!("Call-ID: {}", request.call_id());
        let is_spoilt = match spoil {
            Spoil::Silence | Spoil::Late(_) => has("200 OK"),
            Spoil::Twice => terminal.octets().await == octets,
            Spoil::WrongCallId => !has(&call_id),
            Spoil::WrongFromTag => has("tag=another"),
            Spoil::WrongCseq => !has(request.get("CSeq").unwrap()),
            Spoil::WrongBranch => has("z9hG4bKanother"),
            Spoil::NoVia => !has("Via"),
            Spoil::NoContact => !has("Contact"),
            Spoil::StrangeContact => has("somebody@"),
            Spoil::BadStatus => has("SIP/2.0 x200"),
            Spoil::BadLength => has("Content-Length: 1000\r\n"),
            Spoil::NegativeLength => has("Content-Length: -1\r\n"),
            Spoil::Truncated(count) | Spoil::Cut(count) => octets.len() == *count,
            Spoil::Garbage(_) => !has("SIP/2.0"),
            Spoil::Padded(count) => octets.len() > *count,
            Spoil::Split(count) => {
                let mut length = octets.len();
                let whole = length;
                while length == *count {
                    length = terminal.octets().await.len();
                }
                whole == *count
            }
        };
        assert!(is_spoilt, "{word}: {text}");
    }
}

#[tokio::test]
async fn answers_on_connections_are_split_and_cut() {
    let core = core().await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    for (spoil, is_whole) in [(Spoil::Split(1), true), (Spoil::Cut(60), false)] {
        core.behave(spoilt(spoil));
        let mut stream = TcpStream::connect(core.address()).await.unwrap();
        let octets = terminal.register(TAG).encode();
        stream.write_all(&octets).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 512];
            let read = timeout(PATIENCE, stream.read(&mut piece)).await;
            let count = read.unwrap().unwrap();
            if count == 0 {
                break;
            }
            answer.extend_from_slice(&piece[..count]);
        }
        assert_eq!(answer.ends_with(b"\r\n\r\n"), is_whole);
        assert_eq!(answer.len() == 60, !is_whole);
    }
}

#[tokio::test]
async fn every_kind_of_misbehaviour_is_sent_and_answers_are_counted() {
    let core = core().await;
    core.behave(SipCoreBehaviour {
        challenge_register: false,
        ..SipCoreBehaviour::default()
    });
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(TAG).await;
    let binding = core.bindings().remove(0);
    let push = SipPush::new("text/plain", *b"hello").application("ulp.ua");
    for (word, kind) in SipMisbehaviour::ALL {
        assert_eq!(SipMisbehaviour::parse(word), Some(*kind));
        assert_eq!(kind.word(), *word);
        let extent = SipExtent {
            count: 5,
            seed: 1,
            quiet: Duration::from_millis(60),
        };
        let answering = async {
            loop {
                let octets = terminal.octets().await;
                if let Ok(request) = push_lab::sip::SipMessage::parse(&octets)
                    && request.is_request()
                    && request.method() != "ACK"
                {
                    terminal.answer(&request, 400).await;
                }
            }
        };
        let provocation = tokio::select! {
            provocation = core.misbehave(&binding, *kind, &push, extent) => provocation,
            () = answering => unreachable!(),
        };
        assert!(provocation.sent > 0, "{word}");
        let is_flood = matches!(
            kind,
            SipMisbehaviour::FloodMessages
                | SipMisbehaviour::FloodInvites
                | SipMisbehaviour::FloodOptions
                | SipMisbehaviour::Repeated
        );
        if is_flood {
            assert_eq!(provocation.sent, 5);
            assert_eq!(provocation.answered(), 5, "{word}: {provocation:?}");
        }
    }
}
