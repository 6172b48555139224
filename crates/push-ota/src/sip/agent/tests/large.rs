//! Large pushes through the whole user agent.

use super::super::super::events::StreamId;
use super::*;

const PEER: &str = "msrp://192.0.2.30:2856/s1;tcp";

struct Rig {
    agent: UserAgent,
    now: Duration,
    outputs: Vec<AgentOutput>,
}

impl Rig {
    /// A terminal whose applications the core knows.
    fn new() -> Self {
        let mut rig = Self {
            agent: UserAgent::new(settings(), 3),
            now: seconds(50),
            outputs: Vec::new(),
        };
        rig.input(AgentInput::Announce {
            ticket: AnnounceTicket(1),
            applications: ids(&["mms.ua"]),
            instances: BTreeSet::new(),
            accept: BTreeSet::from(["text/plain".into()]),
        });
        rig.input(AgentInput::FlowOpened {
            flow: FlowId(1),
            local: LOCAL.parse().unwrap(),
            peer: CORE.parse().unwrap(),
        });
        let register = rig.one();
        let expires = ["Expires: 120".to_owned()];
        rig.datagram(register.answer("200 OK", &expires));
        let options = rig.one();
        let contact = [format!("Contact: {}", options.header("Contact"))];
        rig.datagram(options.answer("200 OK", &contact));
        rig.outputs.clear();
        rig
    }

    fn drain(&mut self) {
        self.outputs
            .extend(std::iter::from_fn(|| self.agent.poll_output()));
    }

    fn input(&mut self, input: AgentInput) {
        self.agent.handle_input(input, self.now);
        self.drain();
    }

    fn datagram(&mut self, octets: impl Into<Bytes>) {
        self.input(AgentInput::Datagram {
            flow: FlowId(1),
            source: CORE.parse().unwrap(),
            octets: octets.into(),
            received: UnixMillis(9),
        });
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.agent.handle_timeout(due);
            self.drain();
        }
        self.now = end;
    }

    /// The messages that were sent since the last time.
    fn sent(&mut self) -> Vec<Text> {
        let is_sent = |output: &mut AgentOutput| matches!(output, AgentOutput::Transmit { .. });
        let taken = self.outputs.extract_if(.., is_sent);
        let texts = taken.filter_map(|output| match output {
            AgentOutput::Transmit { octets, .. } => Some(Text::read(&octets)),
            _ => None,
        });
        texts.collect()
    }

    fn first_lines(&mut self) -> Vec<String> {
        self.sent().into_iter().map(|text| text.first).collect()
    }

    fn one(&mut self) -> Text {
        let mut all = self.sent();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn foreseen(&mut self, outcome: PushOutcome) {
        let asked = self.outputs.iter().find_map(|output| match output {
            AgentOutput::Foresee { push, .. } => Some(*push),
            _ => None,
        });
        let push = asked.expect("somebody is asked");
        self.input(AgentInput::Foreseen { push, outcome });
    }

    fn stream_octets(&mut self, octets: &str) {
        self.input(AgentInput::StreamOctets {
            stream: StreamId(1),
            octets: Bytes::from(octets.to_owned()),
            received: UnixMillis(10),
        });
    }
}

fn request(method: &str, branch: &str, cseq: &str, to: &str, body: &str) -> String {
    format!(
        "{method} sip:carol@198.51.100.4:5070 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{branch};rport\r\n\
         Record-Route: <sip:192.0.2.9;lr>\r\n\
         Max-Forwards: 68\r\nFrom: <sip:psa@ims.example.net>;tag=p1\r\nTo: <sip:carol@ims.example.net>{to}\r\n\
         Call-ID: large@192.0.2.30\r\nCSeq: {cseq}\r\nContact: <sip:psa@192.0.2.30:5090>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn invite(branch: &str) -> String {
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\nt=0 0\r\nm=message 2856 TCP/MSRP *\r\n\
         a=accept-types:*\r\na=path:{PEER}\r\na=setup:actpass\r\na=sendonly\r\n"
    );
    request("INVITE", branch, "1 INVITE", "", &offer)
}

fn tag(text: &Text) -> String {
    let (_, tag) = text.header("To").split_once(";tag=").unwrap();
    format!(";tag={tag}")
}

#[test]
fn a_large_push_runs_from_invite_to_bye() {
    let mut rig = Rig::new();
    rig.datagram(invite("a"));
    assert!(rig.first_lines().is_empty());
    rig.pass(300);
    assert_eq!(rig.first_lines(), ["SIP/2.0 100 Trying"]);
    rig.datagram(invite("a"));
    assert_eq!(rig.first_lines(), ["SIP/2.0 100 Trying"]);
    rig.foreseen(PushOutcome::Delivered);
    let answer = rig.one();
    assert_eq!(answer.first, "SIP/2.0 200 OK");
    assert_eq!(answer.header("Record-Route"), "<sip:192.0.2.9;lr>");
    assert_eq!(answer.header("Contact"), "<sip:carol@198.51.100.4:5070>");
    // The INVITE came again before the answer was there: it is not a new one.
    rig.datagram(invite("a"));
    rig.pass(1_600);
    assert_eq!(rig.first_lines(), ["SIP/2.0 200 OK"; 2]);
    rig.datagram(request("ACK", "b", "1 ACK", &tag(&answer), ""));
    let opened = rig.outputs.iter().any(|output| {
        matches!(
            output,
            AgentOutput::OpenStream {
                stream: StreamId(1),
                port: 2856,
                ..
            }
        )
    });
    assert!(opened, "{:?}", rig.outputs);
    rig.pass(5_000);
    assert!(rig.first_lines().is_empty());
    rig.outputs.clear();
    rig.input(AgentInput::StreamOpened {
        stream: StreamId(1),
    });
    let hello = rig.outputs.iter().find_map(|output| match output {
        AgentOutput::StreamTransmit { octets, .. } => {
            Some(String::from_utf8(octets.to_vec()).unwrap())
        }
        _ => None,
    });
    let hello = hello.unwrap();
    let own = hello.split("From-Path: ").nth(1).unwrap();
    let own = own.split("\r\n").next().unwrap();
    rig.outputs.clear();
    rig.stream_octets(&format!(
        "MSRP c1 SEND\r\nTo-Path: {own}\r\nFrom-Path: {PEER}\r\nMessage-ID: m\r\nByte-Range: 1-5/5\r\n\
         Content-Type: text/plain\r\n\r\nhello\r\n-------c1$\r\n"
    ));
    let push = rig.outputs.iter().find_map(|output| match output {
        AgentOutput::Push { ticket, push } => {
            assert_eq!(&*push.message.content, b"hello");
            Some(*ticket)
        }
        _ => None,
    });
    let outcome = PushOutcome::Delivered;
    let push = push.unwrap();
    rig.outputs.clear();
    rig.input(AgentInput::Judged { push, outcome });
    assert!(matches!(
        rig.outputs.as_slice(),
        [AgentOutput::StreamTransmit { octets, .. }] if octets.starts_with(b"MSRP c1 200")
    ));
    let bye = request("BYE", "c", "2 BYE", &tag(&answer), "");
    rig.datagram(bye.clone());
    assert_eq!(rig.one().first, "SIP/2.0 200 OK");
    rig.datagram(bye);
    assert_eq!(rig.one().first, "SIP/2.0 200 OK");
    rig.pass(60_000);
    assert!(
        rig.sent()
            .iter()
            .all(|text| text.first.starts_with("REGISTER"))
    );
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that reaches the terminal a second time by another path MUST be refused with 482.
#[test]
fn an_invitation_by_two_ways_is_one() {
    let mut rig = Rig::new();
    rig.datagram(invite("a"));
    rig.datagram(invite("other"));
    assert_eq!(rig.first_lines(), ["SIP/2.0 482 Loop Detected"]);
    rig.foreseen(PushOutcome::NoRoom);
    assert_eq!(rig.first_lines(), ["SIP/2.0 486 Busy Here"]);
}

#[test]
fn an_invitation_is_taken_back() {
    let mut rig = Rig::new();
    rig.datagram(invite("a"));
    rig.datagram(request("CANCEL", "a", "1 CANCEL", "", ""));
    let answers: Vec<_> = rig
        .sent()
        .into_iter()
        .map(|text| (text.first.clone(), text.header("CSeq").to_owned()))
        .collect();
    let expected = [
        ("SIP/2.0 200 OK", "1 CANCEL"),
        ("SIP/2.0 487 Request Terminated", "1 INVITE"),
    ];
    let expected = expected.map(|(first, cseq)| (first.to_owned(), cseq.to_owned()));
    assert_eq!(answers, expected);
    rig.foreseen(PushOutcome::Delivered);
    assert!(rig.sent().is_empty());
    rig.datagram(request("ACK", "a", "1 ACK", ";tag=any", ""));
    rig.pass(10_000);
    assert!(rig.sent().is_empty());
}

#[test]
fn the_end_of_the_terminal_waits_for_the_end_of_its_sessions() {
    let mut rig = Rig::new();
    rig.datagram(invite("a"));
    rig.foreseen(PushOutcome::Delivered);
    let answer = rig.one();
    rig.datagram(request("ACK", "b", "1 ACK", &tag(&answer), ""));
    rig.input(AgentInput::Stop);
    let sent = rig.sent();
    let bye = sent
        .iter()
        .find(|text| text.first.starts_with("BYE"))
        .unwrap();
    assert_eq!(bye.first, "BYE sip:psa@192.0.2.30:5090 SIP/2.0");
    assert_eq!(bye.header("Route"), "<sip:192.0.2.9;lr>");
    assert!(
        bye.header("Via")
            .starts_with("SIP/2.0/UDP 198.51.100.4:5070;")
    );
    let register = sent.iter().find(|text| text.first.starts_with("REGISTER"));
    let closed = rig
        .outputs
        .iter()
        .any(|output| matches!(output, AgentOutput::CloseStream { .. }));
    assert!(closed);
    // Nobody answers the BYE, and it goes out again.
    rig.pass(600);
    assert!(rig.sent().iter().any(|text| text.first.starts_with("BYE")));
    rig.datagram(bye.answer("200 OK", &[]));
    if let Some(register) = register {
        rig.datagram(register.answer("200 OK", &[]));
    }
    rig.pass(600);
    assert!(rig.sent().iter().all(|text| !text.first.starts_with("BYE")));
}
