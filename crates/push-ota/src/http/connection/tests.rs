use std::time::Duration;

use ::http::HeaderName;
use push_message::{
    Bearer, InitiatorTrust, Origin, PushApplicationId, ReceivedPush, ServerAddress,
};

use super::super::{AnnounceOn, Connect, Contact, CpiSettings, Host, Pushed, Secret};
use super::*;

mod decisions;
mod exchanges;
mod gateways;
mod proofs;

const GATEWAY: &str = "ppg.example.net";
const SEED: [u8; 16] = *b"0123456789abcdef";

/// A gateway at 192.0.2.7 that has nothing to prove.
fn ppg() -> Ppg {
    Ppg {
        id: PpgId(GATEWAY.into()),
        contact: Some(Contact {
            host: Host::Ip([192, 0, 2, 7].into()),
            port: 4035,
            secure: false,
        }),
        addresses: Vec::new(),
        tls_name: None,
        prov_url: None,
        terminal_id: None,
        terminal_secret: Some(Secret("terminal-secret".into())),
        basic_in_clear: true,
        authentication: Authentication::None,
        ppg_secret: Some(Secret("ppg-secret".into())),
        bearer: None,
        connect: Connect::Always,
        announce_on: AnnounceOn::NewConnection,
    }
}

/// Another one, which nothing but its own word tells from strangers.
fn other() -> Ppg {
    Ppg {
        id: PpgId("other.example.net".into()),
        contact: None,
        terminal_secret: Some(Secret("other-terminal-secret".into())),
        ppg_secret: Some(Secret("other-secret".into())),
        ..ppg()
    }
}

fn terminal(ppgs: impl IntoIterator<Item = Ppg>) -> Terminal {
    Terminal {
        ppgs: ppgs.into_iter().collect(),
        terminal_id: TerminalId::Given("4447700900123".into()),
        bearer: 0x0B,
        versions: vec![(1, 0)],
        version_required: false,
        accept_stale_tag: false,
        accept_absent_tag: true,
        identified_only: false,
        max_message_length: 2000,
        max_headers: 16,
        max_headers_length: 1000,
        max_authentication_failures: 3,
        nonce_lifetime: Duration::from_mins(1),
    }
}

fn accepted() -> Peer {
    Peer {
        remote: ([192, 0, 2, 7], 40_000).into(),
        local: ([192, 0, 2, 100], 4035).into(),
        way: Way::Accepted,
        tls_name: None,
    }
}

/// A peer that nothing is known of.
fn stranger() -> Peer {
    Peer {
        remote: ([203, 0, 113, 5], 40_000).into(),
        ..accepted()
    }
}

fn dialled(ppg: Option<&str>, assumed: Option<CpiTag>) -> Peer {
    Peer {
        remote: ([192, 0, 2, 200], 4035).into(),
        way: Way::Dialled {
            ppg: ppg.map(|id| PpgId(id.into())),
            assumed,
            prov_url: None,
        },
        ..accepted()
    }
}

fn cpi() -> Cpi {
    let settings = CpiSettings {
        charsets: vec!["UTF-8".into()],
        encodings: Vec::new(),
        languages: Vec::new(),
        max_message_length: 2000,
        max_push_requests: 4,
        max_value_length: 1000,
    };
    let sia = PushApplicationId::parse("x-wap-application:push.sia").unwrap();
    Cpi::new([&sia], ["application/vnd.wap.sia"], &settings)
}

/// One connection, and how what needs others is answered on it.
struct Bench {
    connection: Connection,
    cpi: Cpi,
    listed: bool,
    verdict: PushStatus,
    now: UnixMillis,
    /// The last push that the core had to judge.
    push: Option<ReceivedPush>,
}

impl Bench {
    fn new(terminal: Terminal, peer: Peer) -> Self {
        Self {
            connection: Connection::new(Arc::new(terminal), peer, SEED),
            cpi: cpi(),
            listed: true,
            verdict: PushStatus::Accepted,
            now: UnixMillis(1_700_000_000_000),
            push: None,
        }
    }

    /// Sends a request: its first line holds method and target, the others headers.
    fn send(&mut self, head: &str, body: &[u8]) -> Answer {
        let head = parts(head);
        match self.connection.request(&head, &self.cpi, self.now) {
            Step::Answer(answer) => answer,
            Step::Register(registering) => {
                registering.answer(&mut self.connection, self.listed, &self.cpi)
            }
            Step::Push(push) if body.len() > push.limit() => push.too_long(),
            Step::Push(push) => match push.body(&mut self.connection, body, self.now, [7].into()) {
                Pushed::Answer(answer) => answer,
                Pushed::Judge(received, judging) => {
                    self.push = Arc::into_inner(received);
                    judging.answer(self.verdict)
                }
            },
        }
    }

    fn options(&mut self, headers: &str) -> Answer {
        self.send(&format!("OPTIONS /wappush\n{headers}"), b"")
    }

    fn post(&mut self, headers: &str) -> Answer {
        self.send(
            &format!("POST /wappush\ncontent-type: application/http\n{headers}"),
            ENTITY,
        )
    }
}

const ENTITY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\r\nhello";

fn parts(head: &str) -> Parts {
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = ::http::Request::builder().method(method).uri(target);
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        request = request.header(name, value.trim());
    }
    request.body(()).unwrap().into_parts().0
}

/// The HTTP status and the code of the push status: `204 501`, or `404` alone.
fn outcome(answer: &Answer) -> String {
    let http = answer.response.status().as_u16();
    let shown = header(answer, "x-wap-push-status").map(|value| value[..3].to_owned());
    assert_eq!(shown.as_deref(), answer.push_status.map(PushStatus::code));
    shown.map_or_else(|| http.to_string(), |code| format!("{http} {code}"))
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    let value = answer.response.headers().get(name)?;
    Some(String::from_utf8(value.as_bytes().to_vec()).unwrap())
}

fn has(answer: &Answer, name: &str) -> bool {
    answer.response.headers().contains_key(name)
}

/// Status line and headers as text, in the order in which they were added.
fn shown(answer: &Answer) -> String {
    let headers = answer.response.headers().iter();
    let lines = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let first = answer.response.status().as_u16().to_string();
    let all: Vec<_> = std::iter::once(first).chain(lines).collect();
    all.join("\n")
}
