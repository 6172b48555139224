//! Random histories, against a registrar and a Push Sender Agent that remember no more than what they were told last.

use proptest::prelude::*;

use super::*;

/// What a test does next.
#[derive(Debug, Clone)]
enum Act {
    Announce(Vec<u8>),
    /// Answers one of the requests that are under way.
    Answer(usize, Answer),
    /// Answers a request that may be over.
    Late(usize, Answer),
    Open,
    Lose,
    NetworkChanged,
    CoreForgets,
    Pass(u64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Success,
    Status(u16, Option<(&'static str, &'static str)>),
    /// Nobody answers, although the request was heard, or was not.
    Silence {
        heard: bool,
    },
}

/// The model: what was heard last by the registrar and the Push Sender Agent.
struct Model {
    rig: Rig,
    wanted: Announced,
    registrar: Announced,
    /// When the binding lapses there.
    lapses: Duration,
    sender: Announced,
    /// What the last answer of each was: success with this set, and until when it holds.
    confirmed: [Option<(Announced, Duration)>; 2],
    tickets: u64,
}

impl Model {
    fn new() -> Self {
        let mut own = settings();
        own.registration.expires = seconds(900);
        Self {
            rig: Rig::with(&own),
            wanted: Announced::default(),
            registrar: Announced::default(),
            lapses: Duration::ZERO,
            sender: Announced::default(),
            confirmed: [None, None],
            tickets: 0,
        }
    }

    /// The requests under way, by their place among all that were sent.
    fn under_way(&self) -> Vec<usize> {
        let asked = |sent: &Sent| {
            let mut targets = self.rig.machine.targets();
            targets.any(|target| target.is_asked(sent.exchange))
        };
        let all = self.rig.sent.iter().enumerate();
        all.filter(|(_, sent)| asked(sent))
            .map(|(at, _)| at)
            .collect()
    }

    /// What a request says that the terminal takes.
    fn set_of(sent: &Sent) -> Announced {
        let rows = super::super::super::tags::Row::read(&sent.header("Contact"));
        let applications = rows[0].applications(&BTreeSet::new());
        Announced {
            applications,
            ..Announced::default()
        }
    }

    fn hear(&mut self, at: usize) {
        let sent = &self.rig.sent[at];
        let set = Self::set_of(sent);
        let contact = sent.header("Contact");
        assert!(!contact.contains('*'), "{contact}");
        if sent.is("OPTIONS") {
            self.sender = set;
        } else if sent.header("Expires") == "0" {
            self.registrar = Announced::default();
        } else {
            self.registrar = set;
            let time: u64 = sent.header("Expires").parse().unwrap();
            self.lapses = self.rig.now + seconds(time);
        }
    }

    fn answer(&mut self, at: usize, answer: Answer) {
        let current = self.under_way().contains(&at);
        let (exchange, request) = {
            let sent = &self.rig.sent[at];
            (sent.exchange, sent.request.clone())
        };
        let options = self.rig.sent[at].is("OPTIONS");
        let leaving = self.rig.sent[at].header("Expires") == "0";
        let server = usize::from(options);
        let set = Self::set_of(&self.rig.sent[at]);
        match answer {
            Answer::Success => {
                if current {
                    self.hear(at);
                    let until = if options {
                        Duration::MAX
                    } else {
                        self.rig.now + seconds(900)
                    };
                    self.confirmed[server] = (!leaving).then_some((set, until));
                }
                let contact = request.header("Contact").unwrap_or_default().into_owned();
                let contact = contact.split(", <").next().unwrap_or_default().to_owned();
                let response = reply(&request, 200, Some("r")).header("Contact", &contact);
                let response = response.header("Expires", "900").build();
                self.rig.response(exchange, &response);
            }
            Answer::Status(status, header) => {
                let mut response = reply(&request, status, Some("r"));
                if let Some((name, value)) = header {
                    response = response.header(name, value);
                }
                if current && status >= 200 && status != 401 && status != 423 {
                    self.confirmed[server] = None;
                }
                self.rig.response(exchange, &response.build());
            }
            Answer::Silence { heard } => {
                if current {
                    self.confirmed[server] = None;
                    if heard {
                        self.hear(at);
                    }
                }
                let why = Unanswered::TimedOut;
                self.rig.machine.ended(exchange, why, self.rig.now);
                self.rig.drain();
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Announce(numbers) => {
                let names: Vec<_> = numbers.iter().map(|it| format!("app-{it}.ua")).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let set = set(&names, &["text/plain"]);
                self.wanted.applications = set.applications.clone();
                self.tickets = self.rig.announce_set(set);
            }
            Act::Answer(index, answer) => {
                let under_way = self.under_way();
                if let Some(at) = under_way.get(index % under_way.len().max(1)) {
                    self.answer(*at, answer);
                }
            }
            Act::Late(index, answer) => {
                if !self.rig.sent.is_empty() {
                    self.answer(index % self.rig.sent.len(), answer);
                }
            }
            Act::Open => self.open(),
            Act::Lose => {
                if let Some(main) = self.rig.machine.flows.main {
                    self.confirmed[0] = None;
                    self.rig.lose(main.id);
                }
            }
            Act::NetworkChanged => {
                self.confirmed[0] = None;
                self.rig.machine.network_changed(self.rig.now);
                self.rig.drain();
            }
            Act::CoreForgets => self.registrar = Announced::default(),
            Act::Pass(time) => self.rig.pass(seconds(time)),
        }
        self.check();
    }

    fn open(&mut self) {
        let main = self.rig.machine.flows.main;
        if let Some(main) = main.filter(|main| main.ends.is_none()) {
            let local = format!("198.51.100.4:{}", 5000 + main.id.0 % 4);
            self.rig.open_at(main.id, &local);
        }
    }

    fn check(&mut self) {
        if self.rig.now >= self.lapses {
            self.registrar = Announced::default();
        }
        let under_way = self.under_way();
        let options = under_way
            .iter()
            .filter(|at| self.rig.sent[**at].is("OPTIONS"));
        assert!(options.count() <= 1 && under_way.len() <= 2);
        let views = self.rig.views();
        if views == ["Idle", "Idle"] {
            assert!(self.wanted.applications.is_empty());
            assert!(self.rig.machine.views()[0].binding.is_none());
            assert_eq!(self.rig.machine.poll_timeout(), None);
            self.confirmed = [None, None];
        }
        for (view, confirmed) in views.iter().zip(&self.confirmed) {
            let known = confirmed.as_ref().is_some_and(|(set, until)| {
                set.applications == self.wanted.applications && self.rig.now < *until
            });
            // Of nothing, nobody has to be told.
            let known = known || self.wanted.applications.is_empty();
            assert!(view != "Confirmed" || known, "{views:?} {confirmed:?}");
        }
        assert!(self.rig.answers.len() as u64 <= self.tickets);
    }

    /// Everybody answers, and every way is there.
    fn settle(&mut self) {
        let end = self.rig.now + seconds(10_000);
        while self.rig.now < end {
            self.open();
            match self.under_way().first() {
                Some(at) => self.answer(*at, Answer::Success),
                None => self.rig.pass(seconds(60)),
            }
            self.check();
        }
        while let Some(at) = self.under_way().first() {
            self.answer(*at, Answer::Success);
        }
        // Nobody needed to be told but for refreshing.
        let tail = self.rig.sent.iter().rev().take(3);
        let mut tail = tail.filter(|sent| sent.is("OPTIONS"));
        assert!(self.wanted.applications.is_empty() || tail.next().is_none());
    }
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        8 => Just(Answer::Success),
        1 => Just(Answer::Status(100, None)),
        1 => Just(Answer::Status(403, None)),
        1 => Just(Answer::Status(404, None)),
        1 => Just(Answer::Status(302, Some(("Contact", "<sip:other.example.org>")))),
        1 => Just(Answer::Status(500, None)),
        1 => Just(Answer::Status(503, Some(("Retry-After", "90")))),
        1 => Just(Answer::Status(423, Some(("Min-Expires", "1000")))),
        2 => Just(Answer::Status(401, Some(("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")))),
        1 => Just(Answer::Status(401, Some(("WWW-Authenticate", "Digest realm=\"r\", nonce=\"m\", stale=true")))),
        2 => any::<bool>().prop_map(|heard| Answer::Silence { heard }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let ids = prop::collection::btree_set(0..4_u8, 0..4);
    prop_oneof![
        6 => ids.prop_map(|ids| Act::Announce(ids.into_iter().collect())),
        12 => (any::<usize>(), answer()).prop_map(|(at, answer)| Act::Answer(at, answer)),
        1 => (any::<usize>(), answer()).prop_map(|(at, answer)| Act::Late(at, answer)),
        6 => Just(Act::Open),
        2 => Just(Act::Lose),
        1 => Just(Act::NetworkChanged),
        1 => Just(Act::CoreForgets),
        3 => (0..1000_u64).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn what_is_announced_last_is_what_everybody_knows(acts in prop::collection::vec(act(), 1..60)) {
        let mut model = Model::new();
        for act in acts {
            model.act(act);
        }
        model.settle();
        let (wanted, rig) = (&model.wanted.applications, &model.rig);
        prop_assert_eq!(rig.answers.len() as u64, model.tickets);
        prop_assert_eq!(&model.registrar.applications, wanted);
        if wanted.is_empty() {
            prop_assert_eq!(rig.views(), ["Idle", "Idle"]);
        } else {
            prop_assert_eq!(&model.sender.applications, wanted);
            prop_assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
            let binding = rig.machine.views()[0].binding.clone();
            let due = binding.map(|binding| binding.expires > rig.machine.poll_timeout().unwrap());
            prop_assert_eq!(due, Some(true));
        }
    }
}
