//! Anything at any moment: nothing is left in the end, and each push is judged once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What happens; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Invite {
        offer: usize,
    },
    Message,
    Foreseen {
        which: usize,
        outcome: PushOutcome,
    },
    Judged {
        which: usize,
        outcome: PushOutcome,
    },
    Ack {
        which: usize,
    },
    Within {
        which: usize,
        method: usize,
    },
    Cancel {
        which: usize,
    },
    Opened {
        which: usize,
    },
    Accepted,
    Ended {
        which: usize,
    },
    Octets {
        which: usize,
        session: usize,
        what: usize,
    },
    FlowEnded,
    Pass {
        millis: u64,
    },
    Stop,
}

fn outcomes() -> impl Strategy<Value = PushOutcome> {
    prop::sample::select(vec![
        PushOutcome::Delivered,
        PushOutcome::Delivered,
        PushOutcome::Delivered,
        PushOutcome::Stored,
        PushOutcome::ContentType,
        PushOutcome::ServerNotListed,
        PushOutcome::NotYet,
    ])
}

fn steps() -> impl Strategy<Value = Step> {
    let any = 0..8_usize;
    prop_oneof![
        4 => any.clone().prop_map(|offer| Step::Invite { offer }),
        1 => Just(Step::Message),
        5 => (any.clone(), outcomes()).prop_map(|(which, outcome)| Step::Foreseen { which, outcome }),
        4 => (any.clone(), outcomes()).prop_map(|(which, outcome)| Step::Judged { which, outcome }),
        5 => any.clone().prop_map(|which| Step::Ack { which }),
        2 => (any.clone(), any.clone()).prop_map(|(which, method)| Step::Within { which, method }),
        1 => any.clone().prop_map(|which| Step::Cancel { which }),
        5 => any.clone().prop_map(|which| Step::Opened { which }),
        3 => Just(Step::Accepted),
        1 => any.clone().prop_map(|which| Step::Ended { which }),
        8 => (any.clone(), any.clone(), any).prop_map(|(which, session, what)| Step::Octets { which, session, what }),
        1 => Just(Step::FlowEnded),
        3 => (0..40_000_u64).prop_map(|millis| Step::Pass { millis }),
        1 => prop::bool::weighted(0.2).prop_map(|stop| if stop { Step::Stop } else { Step::Accepted }),
    ]
}

/// Everybody around the terminal.
struct World {
    terminal: Terminal,
    calls: u32,
    streams: u64,
    invited: Vec<ServerId>,
    asked: BTreeSet<SipPushTicket>,
    pushes: BTreeSet<SipPushTicket>,
    seen: BTreeSet<SipPushTicket>,
    /// Requests without final answer; the calls of those that are INVITE.
    unanswered: BTreeMap<ServerId, u32>,
    /// Requests whose flow ended before they were answered.
    gone: BTreeSet<ServerId>,
    succeeded: BTreeSet<ServerId>,
    /// Call, tag and path of each session that was answered with success.
    sessions: Vec<(u32, String, String)>,
    /// The path of the session that was acknowledged last.
    acknowledged: String,
    /// The session that is spoken of on a connection.
    paths: BTreeMap<StreamId, String>,
    cseq: u32,
    asking: BTreeSet<StreamId>,
    open: BTreeSet<StreamId>,
}

impl World {
    fn new() -> Self {
        Self {
            terminal: with(|settings| {
                settings.sessions.listening = "192.0.2.7:2855".parse().ok();
                settings.sessions.max_sessions = 4;
                settings.sessions.max_unbound = 2;
                settings.sessions.max_content = 50;
                settings.sessions.max_octets = 120;
                settings.transactions.max_unanswered = 3;
            }),
            calls: 0,
            streams: 0,
            invited: Vec::new(),
            asked: BTreeSet::new(),
            pushes: BTreeSet::new(),
            seen: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            gone: BTreeSet::new(),
            succeeded: BTreeSet::new(),
            sessions: Vec::new(),
            acknowledged: String::new(),
            paths: BTreeMap::new(),
            cseq: 4,
            asking: BTreeSet::new(),
            open: BTreeSet::new(),
        }
    }

    fn request(&mut self, text: &str) {
        let (id, outputs) = self.terminal.request(text);
        self.unanswered.insert(id, self.calls);
        self.look(outputs);
    }

    fn step(&mut self, step: &Step) {
        let now = self.terminal.now;
        match step {
            Step::Invite { offer: which } => {
                self.calls += 1;
                let setups = [
                    ACTPASS,
                    ACTPASS,
                    "a=setup:active\r\n",
                    "",
                    "a=setup:passive\r\n",
                ];
                let offer = offer(setups.get(*which).unwrap_or(&ACTPASS));
                let (id, outputs) = self.terminal.request(&invite(self.calls, "", &offer));
                self.invited.push(id);
                self.unanswered.insert(id, self.calls);
                self.look(outputs);
            }
            Step::Message => self.request(&request("MESSAGE", "c: text/plain\r\n", "hello")),
            Step::Foreseen { which, outcome } => {
                if let Some(ticket) = nth(&self.asked, *which) {
                    self.asked.remove(&ticket);
                    let outputs = self.terminal.foreseen(ticket, *outcome);
                    self.look(outputs);
                }
            }
            Step::Judged { which, outcome } => {
                if let Some(ticket) = nth(&self.pushes, *which) {
                    self.judge(ticket, *outcome);
                }
            }
            Step::Ack { which } => {
                if let Some((call, tag, own)) = self.session(*which) {
                    self.acknowledged = own;
                    let outputs = self.terminal.ack(call, &tag, 4);
                    self.look(outputs);
                }
            }
            Step::Within { which, method } => {
                if let Some((call, tag, _)) = self.session(*which) {
                    self.cseq += 1;
                    let methods = ["BYE", "BYE", "INFO", "OPTIONS", "INVITE", "NOTIFY"];
                    let method = methods.get(*method).unwrap_or(&"INVITE");
                    let described =
                        "Contact: <sip:psa@192.0.2.9:5090>\r\nContent-Type: application/sdp\r\n";
                    let body = offer(ACTPASS);
                    self.request(&within(method, call, &tag, self.cseq, described, &body));
                }
            }
            Step::Cancel { which } => {
                if let Some(id) = self.invited.get(*which) {
                    self.terminal.serving.cancelled(*id);
                }
            }
            Step::Opened { which } => {
                if let Some(stream) = nth(&self.asking, *which) {
                    self.asking.remove(&stream);
                    self.open.insert(stream);
                    self.terminal.serving.stream_opened(stream, now);
                }
            }
            Step::Accepted => {
                self.streams += 2;
                let stream = StreamId(self.streams);
                self.open.insert(stream);
                let peer = "192.0.2.9:40000".parse().unwrap();
                self.terminal.serving.stream_accepted(stream, peer, now);
            }
            Step::Ended { which } => {
                let all: BTreeSet<_> = self.asking.union(&self.open).copied().collect();
                if let Some(stream) = nth(&all, *which) {
                    self.asking.remove(&stream);
                    self.open.remove(&stream);
                    self.terminal.serving.stream_ended(stream, "gone", now);
                }
            }
            Step::Octets {
                which,
                session,
                what,
            } => self.octets(*which, *session, *what),
            Step::FlowEnded => {
                self.terminal.serving.flow_ended(route().flow);
                let gone = std::mem::take(&mut self.unanswered);
                self.gone.extend(gone.into_keys());
            }
            Step::Pass { millis } => {
                self.terminal.now += Duration::from_millis(*millis);
                self.terminal.serving.handle_timeout(self.terminal.now);
            }
            Step::Stop => self.terminal.serving.stop(),
        }
        let outputs = self.terminal.take();
        self.look(outputs);
    }

    /// One of the last sessions.
    fn session(&self, which: usize) -> Option<(u32, String, String)> {
        let which = which % self.sessions.len().clamp(1, 4);
        self.sessions.iter().rev().nth(which).cloned()
    }

    fn octets(&mut self, which: usize, session: usize, what: usize) {
        let (Some(stream), Some((_, _, own))) = (nth(&self.open, which), self.session(session))
        else {
            return;
        };
        let own = self.paths.entry(stream).or_insert(own);
        let head = format!(
            "MSRP t1 SEND\r\nTo-Path: {own}\r\nFrom-Path: msrp://192.0.2.9:2856/s1;tcp\r\nMessage-ID: m{what}\r\n"
        );
        let typed = "Content-Type: text/plain\r\n\r\n";
        let octets = match what {
            0..=3 => format!("{head}Byte-Range: 1-5/5\r\n{typed}hello\r\n-------t1$\r\n"),
            4 => format!("{head}Byte-Range: 1-5/10\r\n{typed}hello\r\n-------t1+\r\n"),
            5 => format!("{head}Byte-Range: 1-60/60\r\n{typed}"),
            6 => format!("{head}{typed}hel"),
            _ => "no such thing\r\n\r\n".to_owned(),
        };
        let received = push_message::UnixMillis(1);
        let now = self.terminal.now;
        let serving = &mut self.terminal.serving;
        serving.stream_octets(stream, octets.as_bytes(), received, now);
    }

    fn judge(&mut self, ticket: SipPushTicket, outcome: PushOutcome) {
        self.pushes.remove(&ticket);
        let (announced, now) = (&self.terminal.announced, self.terminal.now);
        self.terminal
            .serving
            .judged(ticket, outcome, announced, now);
        let outputs = self.terminal.take();
        self.look(outputs);
    }

    /// Looks at what the terminal does: every name is new, or known.
    fn look(&mut self, outputs: Vec<ServingOutput>) {
        for output in outputs {
            match output {
                ServingOutput::Respond { id, response } => self.answered(id, &response),
                ServingOutput::Push { ticket, push } => {
                    assert!(push.message.content.len() <= 50);
                    assert!(self.seen.insert(ticket) && self.pushes.insert(ticket));
                }
                ServingOutput::Foresee { ticket, .. } => {
                    assert!(self.seen.insert(ticket) && self.asked.insert(ticket));
                }
                ServingOutput::OpenStream { stream, .. } => {
                    assert!(stream.0 % 2 == 1 && self.asking.insert(stream));
                    assert!(!self.open.contains(&stream));
                    self.paths.insert(stream, self.acknowledged.clone());
                }
                ServingOutput::StreamTransmit { stream, .. } => {
                    assert!(self.open.contains(&stream), "{stream:?} is not open");
                }
                ServingOutput::CloseStream { stream } => {
                    let known = self.open.remove(&stream) || self.asking.remove(&stream);
                    assert!(known, "{stream:?} is closed twice");
                }
                ServingOutput::Send { request, .. } => assert_eq!(request.method().as_str(), "BYE"),
                ServingOutput::Noted(_) => {}
            }
        }
    }

    /// Only an answer of success to INVITE comes again.
    fn answered(&mut self, id: ServerId, response: &Response) {
        let success = response.status() == 200 && response.method().as_str() == "INVITE";
        let of = self.unanswered.remove(&id);
        let first = of.is_some() || self.gone.remove(&id);
        assert!(
            first || success && self.succeeded.contains(&id),
            "{response:?}"
        );
        if !success || !first {
            return;
        }
        self.succeeded.insert(id);
        if let Some(call) = of
            && self.invited.contains(&id)
        {
            let tag = response.to_tag().unwrap().to_owned();
            let body = String::from_utf8_lossy(response.body()).into_owned();
            let path = body.lines().find_map(|line| line.strip_prefix("a=path:"));
            self.sessions.push((call, tag, path.unwrap().to_owned()));
        }
    }

    /// Nobody asks for anything any more, and everything is judged.
    fn end(&mut self) {
        for ticket in self.asked.clone() {
            self.asked.remove(&ticket);
            let outputs = self.terminal.foreseen(ticket, PushOutcome::Delivered);
            self.look(outputs);
        }
        for ticket in self.pushes.clone() {
            self.judge(ticket, PushOutcome::Delivered);
        }
        for _ in 0..1_000 {
            let Some(due) = self.terminal.serving.poll_timeout() else {
                break;
            };
            self.terminal.now = self.terminal.now.max(due);
            self.terminal.serving.handle_timeout(self.terminal.now);
            let outputs = self.terminal.take();
            self.look(outputs);
            for ticket in self.pushes.clone() {
                self.judge(ticket, PushOutcome::Delivered);
            }
        }
        assert_eq!(self.terminal.serving.poll_timeout(), None);
        assert!(self.terminal.serving.is_idle());
        assert!(
            self.terminal.serving.is_empty(),
            "{:?}",
            self.terminal.serving
        );
        assert_eq!(
            self.open.union(&self.asking).count(),
            0,
            "a connection is left"
        );
        assert!(self.unanswered.is_empty(), "{:?}", self.unanswered);
    }
}

fn nth<T: Copy + Ord>(all: &BTreeSet<T>, which: usize) -> Option<T> {
    all.iter().nth(which % all.len().max(1)).copied()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn anything_at_any_moment_comes_to_its_end(steps in prop::collection::vec(steps(), 1..120)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.end();
    }
}
