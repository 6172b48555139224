//! One step at a time, with nothing lost.

use super::*;

struct Rig {
    agent: UserAgent,
    now: Duration,
    outputs: Vec<AgentOutput>,
}

impl Rig {
    fn with(settings: AgentSettings) -> Self {
        Self {
            agent: UserAgent::new(settings, 3),
            now: seconds(50),
            outputs: Vec::new(),
        }
    }

    fn drain(&mut self) {
        self.outputs
            .extend(std::iter::from_fn(|| self.agent.poll_output()));
    }

    fn input(&mut self, input: AgentInput) {
        self.agent.handle_input(input, self.now);
        self.drain();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.agent.handle_timeout(due);
            self.drain();
        }
        self.now = end;
    }

    fn announce(&mut self, names: &[&str]) {
        self.input(AgentInput::Announce {
            ticket: AnnounceTicket(1),
            applications: ids(names),
            instances: BTreeSet::new(),
            accept: BTreeSet::from(["text/plain".into()]),
        });
    }

    fn open(&mut self, flow: u64) {
        self.input(AgentInput::FlowOpened {
            flow: FlowId(flow),
            local: LOCAL.parse().unwrap(),
            peer: CORE.parse().unwrap(),
        });
    }

    fn datagram(&mut self, source: &str, octets: Bytes) {
        self.input(AgentInput::Datagram {
            flow: FlowId(1),
            source: source.parse().unwrap(),
            octets,
            received: UnixMillis(9),
        });
    }

    /// Takes what was transmitted since the last time.
    fn transmitted(&mut self) -> Vec<(FlowId, Text)> {
        let is_message = |output: &mut AgentOutput| matches!(output, AgentOutput::Transmit { octets, .. } if octets.len() > 4);
        let taken = self.outputs.extract_if(.., is_message);
        let taken = taken.filter_map(|output| match output {
            AgentOutput::Transmit { flow, octets, .. } => Some((flow, Text::read(&octets))),
            _ => None,
        });
        taken.collect()
    }

    fn one(&mut self) -> Text {
        let mut all = self.transmitted();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).1
    }

    fn registered() -> Self {
        let mut rig = Self::with(settings());
        rig.announce(&["mms.ua"]);
        rig.open(1);
        let register = rig.one();
        let expires = "Expires: 120".to_owned();
        rig.datagram(CORE, register.answer("200 OK", &[expires]));
        let options = rig.one();
        let contact = format!("Contact: {}", options.header("Contact"));
        rig.datagram(CORE, options.answer("200 OK", &[contact]));
        assert!(rig.transmitted().is_empty());
        rig.outputs.clear();
        rig
    }

    fn pushes(&self) -> Vec<SipPushTicket> {
        let ticket = |output: &AgentOutput| match output {
            AgentOutput::Push { ticket, .. } => Some(*ticket),
            _ => None,
        };
        self.outputs.iter().filter_map(ticket).collect()
    }

    fn judge(&mut self, push: SipPushTicket) {
        let outcome = PushOutcome::Delivered;
        self.input(AgentInput::Judged { push, outcome });
    }

    fn closed(&self) -> Vec<FlowId> {
        let closed = |output: &AgentOutput| match output {
            AgentOutput::CloseFlow { flow } => Some(*flow),
            _ => None,
        };
        self.outputs.iter().filter_map(closed).collect()
    }
}

#[test]
fn a_terminal_registers_takes_a_push_and_leaves() {
    let mut rig = Rig::with(settings());
    assert_eq!(rig.agent.poll_timeout(), None);
    rig.announce(&["mms.ua"]);
    assert!(matches!(
        rig.outputs.as_slice(),
        [AgentOutput::OpenFlow {
            flow: FlowId(1),
            transport: Transport::Udp,
            port: 5060,
            host: Host::Ip(_)
        }]
    ));
    rig.open(1);
    let register = rig.one();
    assert_eq!(register.first, "REGISTER sip:ims.example.net SIP/2.0");
    let via = register.header("Via");
    assert!(via.starts_with("SIP/2.0/UDP 198.51.100.4:5070;"), "{via}");
    let challenge =
        "WWW-Authenticate: Digest realm=\"ims\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    let challenge = register.answer("401 Unauthorized", &[challenge.to_owned()]);
    rig.datagram(CORE, challenge);
    let again = rig.one();
    assert_ne!(again.header("Via"), register.header("Via"));
    assert!(again.header("Authorization").contains("SHA-256"));
    rig.datagram(CORE, again.answer("200 OK", &["Expires: 120".to_owned()]));
    let options = rig.one();
    assert_eq!(options.ids(), BTreeSet::from(["mms.ua".to_owned()]));
    let contact = format!("Contact: {}", options.header("Contact"));
    rig.datagram(CORE, options.answer("200 OK", &[contact]));
    let announced = rig.outputs.iter().any(|output| {
        matches!(output, AgentOutput::Announced { ticket: AnnounceTicket(1), reports }
            if reports.iter().all(|report| report.state == SipServerState::Confirmed))
    });
    assert!(announced, "{:?}", rig.outputs);

    rig.datagram(CORE, message(1, "UDP"));
    assert_eq!(rig.pushes().len(), 1);
    // It comes again before it is judged, and after that.
    rig.datagram(CORE, message(1, "UDP"));
    let early = rig.transmitted();
    assert!(
        early
            .iter()
            .all(|(_, text)| text.first == "SIP/2.0 100 Trying"),
        "{early:?}"
    );
    rig.judge(rig.pushes()[0]);
    assert_eq!(rig.one().first, "SIP/2.0 200 OK");
    rig.datagram(CORE, message(1, "UDP"));
    assert_eq!(rig.one().first, "SIP/2.0 200 OK");
    assert_eq!(rig.pushes().len(), 1);

    rig.input(AgentInput::Stop);
    let end = rig.one();
    assert_eq!(end.header("Expires"), "0");
    assert!(!rig.agent.is_idle());
    rig.datagram(CORE, end.answer("200 OK", &[]));
    assert!(rig.agent.is_idle());
    assert_eq!(rig.closed(), [FlowId(1)]);
}

#[test]
fn what_strangers_send_is_refused() {
    let mut rig = Rig::registered();
    let sources = [CORE, "192.0.2.9:5061", "203.0.113.77:5060"];
    for (number, source) in (1..).zip(sources) {
        rig.datagram(source, message(number, "UDP"));
    }
    assert_eq!(rig.pushes().len(), 1);
    let refused = rig.transmitted();
    assert_eq!(refused.len(), 2);
    for (_, refusal) in refused {
        assert_eq!(refusal.first, "SIP/2.0 403 Forbidden");
    }
    let mut own = settings();
    own.serving.core_addresses = vec!["203.0.113.77".parse().unwrap()];
    let mut rig = Rig::with(own);
    rig.announce(&["mms.ua"]);
    rig.open(1);
    rig.datagram("203.0.113.77:9", message(3, "UDP"));
    assert_eq!(rig.pushes().len(), 1);
}

#[test]
fn the_core_may_ask_what_the_terminal_takes() {
    let mut rig = Rig::registered();
    let options = "OPTIONS sip:carol@198.51.100.4:5070 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKo;rport\r\n\
        Max-Forwards: 68\r\nFrom: <sip:psa@ims.example.net>;tag=p\r\n\
        To: <sip:carol@ims.example.net>\r\n\
        Call-ID: o@192.0.2.30\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    rig.datagram(CORE, Bytes::from_static(options.as_bytes()));
    let answer = rig.one();
    assert_eq!(answer.first, "SIP/2.0 200 OK");
    let contact = answer.header("Contact");
    assert!(
        contact.starts_with("<sip:carol@198.51.100.4:5070>"),
        "{contact}"
    );
    assert_eq!(answer.ids(), BTreeSet::from(["mms.ua".to_owned()]));
    assert_eq!(answer.header("Accept"), "text/plain");
    assert!(answer.header("Allow").contains("MESSAGE"));
}

/// Addresses of IPv4 look like this to a socket of IPv6.
#[test]
fn a_host_of_the_core_is_known_in_either_notation() {
    let mut settings = settings();
    settings.serving.core_addresses = vec!["203.0.113.8".parse().unwrap()];
    let mut rig = Rig::with(settings);
    rig.announce(&["mms.ua"]);
    rig.open(1);
    rig.outputs.clear();
    rig.datagram("[::ffff:203.0.113.8]:5060", message(1, "UDP"));
    assert_eq!(rig.pushes().len(), 1);
}

#[test]
fn connections_carry_requests_and_keep_alives() {
    let mut rig = Rig::registered();
    let flow = FlowId(2);
    let octets = |octets: &[u8]| AgentInput::Octets {
        flow,
        octets: Bytes::copy_from_slice(octets),
        received: UnixMillis(4),
    };
    // Nobody has opened it.
    rig.input(octets(&message(1, "TCP")));
    assert!(rig.pushes().is_empty());
    rig.input(AgentInput::FlowAccepted {
        flow,
        local: LOCAL.parse().unwrap(),
        peer: "192.0.2.9:41000".parse().unwrap(),
        transport: Transport::Tcp,
    });
    rig.input(octets(b"\r\n\r\n"));
    assert!(matches!(
        rig.outputs.pop(),
        Some(AgentOutput::Transmit { flow: FlowId(2), octets, .. }) if &*octets == b"\r\n"
    ));
    // In pieces.
    for piece in message(1, "TCP").chunks(50) {
        rig.input(octets(piece));
    }
    let (of, answer) = rig.transmitted().remove(0);
    assert_eq!(of, flow);
    assert_eq!(answer.first, "SIP/2.0 403 Forbidden");
    // What cannot be framed ends the connection.
    rig.input(octets(b"MESSAGE sip:a@b SIP/2.0\r\nFrom: x\r\n\r\n"));
    assert_eq!(rig.closed(), [flow]);
    rig.outputs.clear();
    rig.input(octets(&message(2, "TCP")));
    assert!(rig.outputs.is_empty());
}

#[test]
fn a_message_that_drips_ends_its_connection() {
    let mut rig = Rig::with(settings());
    let flow = FlowId(2);
    let peer = "192.0.2.9:41000".parse().unwrap();
    rig.input(AgentInput::FlowAccepted {
        flow,
        local: LOCAL.parse().unwrap(),
        peer,
        transport: Transport::Tcp,
    });
    let octets = |octets: &[u8]| AgentInput::Octets {
        flow,
        octets: Bytes::copy_from_slice(octets),
        received: UnixMillis(4),
    };
    let (whole, next) = (message(1, "TCP"), message(2, "TCP"));
    // Each message has its own time, however slow those before were; between messages there is none.
    for message in [&whole, &next] {
        rig.input(octets(&message[..100]));
        rig.pass(seconds(31));
        rig.input(octets(&message[100..]));
        assert_eq!(rig.transmitted().len(), 1);
    }
    assert_eq!(rig.agent.poll_timeout(), None);
    rig.input(octets(&[&whole[..], &next[..10]].concat()));
    for octet in &next[10..41] {
        rig.pass(seconds(1));
        rig.input(octets(&[*octet]));
    }
    assert!(rig.closed().is_empty());
    rig.pass(seconds(1));
    assert_eq!(rig.closed(), [flow]);
    let noted = rig.outputs.iter().filter(|output| {
        matches!(output, AgentOutput::Noted(SipNote::Refused { word: "unfinished", length: 41, source, .. })
            if *source == peer)
    });
    assert_eq!(noted.count(), 1);
    assert_eq!(rig.agent.poll_timeout(), None);
    rig.outputs.clear();
    rig.input(octets(&next[41..]));
    assert!(rig.outputs.is_empty());
}

#[test]
fn pushes_are_answered_until_the_end() {
    let mut rig = Rig::registered();
    rig.datagram(CORE, message(1, "UDP"));
    let push = rig.pushes()[0];
    rig.input(AgentInput::Stop);
    let end = rig.one();
    rig.datagram(CORE, message(2, "UDP"));
    let refused = rig.one().first;
    assert!(
        refused.starts_with("SIP/2.0 503") || refused.starts_with("SIP/2.0 480"),
        "{refused}"
    );
    rig.datagram(CORE, end.answer("200 OK", &[]));
    assert!(!rig.agent.is_idle());
    assert!(rig.closed().is_empty());
    rig.judge(push);
    assert_eq!(rig.one().first, "SIP/2.0 200 OK");
    assert!(rig.agent.is_idle());
    assert_eq!(rig.closed(), [FlowId(1)]);
}

#[test]
fn the_end_does_not_wait_for_a_core_that_is_gone() {
    let mut rig = Rig::registered();
    rig.input(AgentInput::Stop);
    rig.pass(seconds(31));
    assert!(!rig.agent.is_idle());
    rig.pass(seconds(2));
    assert!(rig.agent.is_idle());
    let failed = |output: &AgentOutput| {
        matches!(
            output,
            AgentOutput::Noted(SipNote::RegistrationFailed { .. })
        )
    };
    assert!(rig.outputs.iter().any(failed));
}

#[test]
fn keep_alives_go_to_the_core() {
    let mut own = settings();
    own.registration.keep_alive = seconds(20);
    let mut rig = Rig::with(own);
    rig.announce(&["mms.ua"]);
    rig.open(1);
    let register = rig.one();
    rig.datagram(CORE, register.answer("403 Forbidden", &[]));
    rig.outputs.clear();
    rig.pass(seconds(20));
    let sent = rig.outputs.iter().filter(|output| {
        matches!(output, AgentOutput::Transmit { octets, destination, .. }
            if &**octets == b"\r\n\r\n" && destination.to_string() == CORE)
    });
    assert_eq!(sent.count(), 1);
}

#[test]
fn a_changed_network_is_registered_anew() {
    let mut rig = Rig::registered();
    rig.input(AgentInput::NetworkChanged);
    assert_eq!(rig.closed(), [FlowId(1)]);
    rig.open(3);
    let (flow, register) = rig.transmitted().remove(0);
    assert_eq!(flow, FlowId(3));
    assert!(register.first.starts_with("REGISTER"));
}

#[test]
fn a_flow_that_opens_too_late_is_closed_again() {
    let mut rig = Rig::with(settings());
    rig.announce(&["mms.ua"]);
    rig.input(AgentInput::NetworkChanged);
    assert_eq!(rig.closed(), [FlowId(1)]);
    rig.open(1);
    assert_eq!(rig.closed(), [FlowId(1); 2]);
    assert!(rig.transmitted().is_empty());
    rig.open(3);
    let (flow, register) = rig.transmitted().remove(0);
    assert_eq!(flow, FlowId(3));
    assert!(register.first.starts_with("REGISTER"));
}
