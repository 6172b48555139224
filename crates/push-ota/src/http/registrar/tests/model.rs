//! Random histories, judged by what can be read from the whole of each.
//!
//! The model keeps no state but the list of what happened. Whatever it has to know of a gateway, it finds by going
//! through that list from the beginning.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whoever reads a history looks for single events"
)]

use proptest::prelude::*;

use super::*;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
enum Event {
    Announce { ticket: u64, tag: u8, needed: bool },
    Invited { gateway: u8, port: u16 },
    Connected(u64),
    Failed(u64),
    Closed(u64),
    Asked(u8),
    Knows(u8, u8),
    Unbelieved(u8, bool),
    Dialled { dial: u64, gateway: u8, port: u16 },
    Retired(u64),
    Answered(u64),
}

/// What a test does next.
#[derive(Debug, Clone)]
enum Act {
    Announce(u8, bool),
    Invite(Vec<(u8, bool)>),
    Connect(usize),
    Fail(usize),
    Close(usize),
    Ask(usize),
    Know(usize, u8),
    KnowPresent(usize),
    Unbelieve(usize, bool),
    Pass(u64),
    Wake,
}

/// Gateways 0 to 2 are provisioned, as far as there are so many; the others are strangers.
const STRANGERS: u8 = 5;

struct Model {
    gateways: Vec<Connect>,
    announce_on: AnnounceOn,
    confirm: bool,
    settings: RegistrarSettings,
    history: Vec<(Duration, Event)>,
}

impl Model {
    fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.history.iter().map(|(_, event)| event)
    }

    fn numbers(&self) -> impl Iterator<Item = u8> + use<> {
        0..u8::try_from(self.gateways.len()).unwrap()
    }

    fn connect(&self, gateway: u8) -> Connect {
        self.gateways[usize::from(gateway)]
    }

    /// The tags that the CPI has had, each until it changed.
    fn tags(history: &[(Duration, Event)]) -> Vec<u8> {
        let mut tags = Vec::new();
        for (_, event) in history {
            if let Event::Announce { tag, .. } = event
                && tags.last() != Some(tag)
            {
                tags.push(*tag);
            }
        }
        tags
    }

    fn cpi(&self) -> usize {
        Self::tags(&self.history).len()
    }

    fn needed(&self) -> bool {
        let needed = |event: &Event| match event {
            Event::Announce { needed, .. } => Some(*needed),
            _ => None,
        };
        self.events().rev().find_map(needed).unwrap_or(false)
    }

    /// Announcements without answer: ticket, CPI and when they came.
    fn waiting(&self) -> Vec<(u64, usize, Duration)> {
        let asked = |(index, (at, event)): (usize, &(Duration, Event))| match event {
            Event::Announce { ticket, .. } => {
                Some((*ticket, Self::tags(&self.history[..=index]).len(), *at))
            }
            _ => None,
        };
        let answered = |ticket: u64| self.events().any(|event| *event == Event::Answered(ticket));
        let all = self.history.iter().enumerate().filter_map(asked);
        all.filter(|(ticket, ..)| !answered(*ticket)).collect()
    }

    /// Dials to `gateway` with the CPI at which they were made.
    fn dials(&self, gateway: u8) -> Vec<(u64, usize, u16)> {
        let dialled = |(index, (_, event)): (usize, &(Duration, Event))| match event {
            Event::Dialled {
                dial,
                gateway: to,
                port,
            } if *to == gateway => Some((*dial, Self::tags(&self.history[..index]).len(), *port)),
            _ => None,
        };
        self.history
            .iter()
            .enumerate()
            .filter_map(dialled)
            .collect()
    }

    fn happened(&self, event: &Event) -> bool {
        self.events().any(|other| other == event)
    }

    fn is_over(&self, dial: u64) -> bool {
        [Event::Failed(dial), Event::Closed(dial)]
            .iter()
            .any(|event| self.happened(event))
    }

    fn in_flight(&self, gateway: u8) -> Vec<u64> {
        let dials = self.dials(gateway).into_iter().map(|(dial, ..)| dial);
        dials
            .filter(|dial| !self.happened(&Event::Connected(*dial)) && !self.is_over(*dial))
            .collect()
    }

    /// Connections that are open and were not retired, with the CPI at which they were dialled.
    fn open(&self, gateway: u8) -> Vec<(u64, usize)> {
        let open = |dial: u64| {
            self.happened(&Event::Connected(dial))
                && !self.is_over(dial)
                && !self.happened(&Event::Retired(dial))
        };
        let dials = self.dials(gateway).into_iter();
        dials
            .filter(|(dial, ..)| open(*dial))
            .map(|(dial, cpi, _)| (dial, cpi))
            .collect()
    }

    fn is_told(&self, gateway: u8) -> bool {
        self.connect(gateway) != Connect::Never
    }

    /// It knows the present CPI; it does not believe the terminal.
    fn belief(&self, gateway: u8) -> (bool, bool) {
        let (mut present, mut known, mut rejected) = (None, None, false);
        for event in self.events() {
            match event {
                Event::Announce { tag, .. } if present != Some(*tag) => {
                    present = Some(*tag);
                    rejected = false;
                }
                Event::Invited { gateway: to, .. } if *to == gateway => rejected = false,
                Event::Knows(who, tag) if *who == gateway => {
                    if present == Some(*tag) {
                        rejected = false;
                        known = present;
                    } else if present.is_none() || known != present {
                        known = Some(*tag);
                    }
                }
                Event::Unbelieved(who, false) if *who == gateway => rejected = true,
                _ => {}
            }
        }
        (present.is_some() && known == present, rejected)
    }

    /// How far `gateway` is with a CPI; nothing where it has not been reached.
    fn state(&self, gateway: u8, cpi: usize) -> Option<PpgState> {
        match self.belief(gateway) {
            (_, true) => Some(PpgState::Rejected),
            (true, false) => Some(PpgState::Confirmed),
            (false, false) => {
                let any = self.announce_on == AnnounceOn::OpenConnection;
                let open = self
                    .open(gateway)
                    .iter()
                    .any(|(_, dialled)| any || *dialled >= cpi);
                open.then_some(PpgState::Announced)
            }
        }
    }

    fn is_done(&self, gateway: u8, cpi: usize) -> bool {
        match self.state(gateway, cpi) {
            Some(PpgState::Announced) => !self.confirm,
            state => state.is_some(),
        }
    }

    fn wants_dial(&self, gateway: u8) -> bool {
        let kept = self.connect(gateway) == Connect::Always && self.needed();
        let awaited = !self.waiting().is_empty();
        let reached = self.state(gateway, self.cpi()).is_some();
        self.is_told(gateway)
            && !self.belief(gateway).1
            && ((kept && self.open(gateway).is_empty()) || ((kept || awaited) && !reached))
    }

    /// When its own contact was lost last, and the wait that this calls for at most.
    fn wait(&self, gateway: u8) -> Option<(Duration, Duration)> {
        let own: Vec<_> = self.dials(gateway);
        let (mut failures, mut last) = (0_u32, None);
        for (index, (at, event)) in self.history.iter().enumerate() {
            match event {
                Event::Failed(dial) | Event::Closed(dial) => {
                    let retired = self.history[..index]
                        .iter()
                        .any(|(_, event)| *event == Event::Retired(*dial));
                    if !retired
                        && own
                            .iter()
                            .any(|(own, _, port)| own == dial && *port == 4035)
                    {
                        failures += 1;
                        let wait = self.settings.backoff_base * 2_u32.pow((failures - 1).min(10));
                        last = Some((*at, wait.min(self.settings.backoff_limit)));
                    }
                }
                Event::Asked(who) | Event::Knows(who, _) if *who == gateway => failures = 0,
                _ => {}
            }
        }
        last
    }

    /// The place of the last event that is one of these, from 1; 0 if there is none.
    fn last(&self, of: impl Fn(&Event) -> bool) -> usize {
        let events: Vec<_> = self.events().collect();
        events
            .iter()
            .rposition(|event| of(event))
            .map_or(0, |index| index + 1)
    }

    /// There was an announcement since the last dial to its own contact: a wait does not count.
    fn is_urged(&self, gateway: u8) -> bool {
        self.last(|event| matches!(event, Event::Announce { .. })) > self.last_dial(gateway)
    }

    /// The gateway asked to be dialled at its own contact, and may not have been since.
    fn is_asked_for(&self, gateway: u8) -> bool {
        let asked = Event::Invited {
            gateway,
            port: 4035,
        };
        self.last(|event| *event == asked) > self.last_dial(gateway)
    }

    /// The place of the last dial to its own contact.
    fn last_dial(&self, gateway: u8) -> usize {
        self.last(|event| matches!(event, Event::Dialled { gateway: to, port: 4035, .. } if *to == gateway))
    }
}

struct Run {
    bench: Bench,
    model: Model,
    /// Every output, in order.
    log: Vec<String>,
}

impl Run {
    fn new(gateways: &[Connect], announce_on: AnnounceOn, confirm: bool) -> Self {
        Self {
            bench: Bench::announcing(gateways, announce_on, confirm),
            model: Model {
                gateways: gateways.to_vec(),
                announce_on,
                confirm,
                settings: settings(confirm),
                history: Vec::new(),
            },
            log: Vec::new(),
        }
    }

    fn push(&mut self, event: Event) {
        self.model.history.push((self.bench.now, event));
    }

    fn dials(&self) -> Vec<u64> {
        let dial = |event: &Event| match event {
            Event::Dialled { dial, .. } => Some(*dial),
            _ => None,
        };
        self.model.events().filter_map(dial).collect()
    }

    /// A dial that is under way, or a connection that is open or retired.
    fn pick(&self, index: usize, connected: bool) -> Option<u64> {
        let fits = |dial: &u64| {
            self.model.happened(&Event::Connected(*dial)) == connected && !self.model.is_over(*dial)
        };
        let dials: Vec<_> = self.dials().into_iter().filter(fits).collect();
        (!dials.is_empty()).then(|| dials[index % dials.len()])
    }

    fn gateway(&self, index: usize) -> u8 {
        u8::try_from(index % self.model.gateways.len()).unwrap()
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Announce(tag, needed) => {
                let (ticket, tag, needed) = (self.bench.next_ticket, *tag, *needed);
                self.push(Event::Announce {
                    ticket,
                    tag,
                    needed,
                });
                let outputs = self.bench.announce(tag, needed);
                self.outputs(outputs, self.model.waiting().len() > 3);
            }
            Act::Invite(contacts) => {
                let mut invited = Vec::new();
                for (number, elsewhere) in contacts {
                    let port = if *elsewhere { 9000 } else { 4035 };
                    self.push(Event::Invited {
                        gateway: *number,
                        port,
                    });
                    invited.push((contact(*number, port), None));
                }
                let outputs = self.bench.input(RegistrarInput::Invited {
                    contacts: invited,
                    prov_url: None,
                });
                self.outputs(outputs, false);
            }
            Act::Connect(index) => {
                let Some(dial) = self.pick(*index, false) else {
                    return;
                };
                self.push(Event::Connected(dial));
                let outputs = self.bench.connected(dial);
                self.outputs(outputs, false);
            }
            Act::Fail(index) => {
                let Some(dial) = self.pick(*index, false) else {
                    return;
                };
                self.push(Event::Failed(dial));
                let outputs = self.bench.failed(dial);
                self.outputs(outputs, false);
            }
            Act::Close(index) => {
                let Some(dial) = self.pick(*index, true) else {
                    return;
                };
                self.push(Event::Closed(dial));
                let outputs = self.bench.closed(dial);
                self.outputs(outputs, false);
            }
            Act::Ask(index) => {
                let gateway = self.gateway(*index);
                self.push(Event::Asked(gateway));
                let outputs = self.bench.exchanged(gateway, None);
                self.outputs(outputs, false);
            }
            Act::Know(index, tag) => self.know(*index, *tag),
            Act::KnowPresent(index) => {
                let present = Model::tags(&self.model.history).last().copied();
                self.know(*index, present.unwrap_or(9));
            }
            Act::Unbelieve(index, retry) => {
                let gateway = self.gateway(*index);
                self.push(Event::Unbelieved(gateway, *retry));
                let outputs = self.bench.unbelieved(gateway, *retry);
                self.outputs(outputs, false);
            }
            Act::Pass(milliseconds) => {
                let at = self.bench.now + Duration::from_millis(*milliseconds);
                while self
                    .bench
                    .registrar
                    .poll_timeout()
                    .is_some_and(|wake| wake <= at)
                {
                    self.wake();
                }
                self.bench.now = at;
            }
            Act::Wake => self.wake(),
        }
    }

    fn know(&mut self, index: usize, tag: u8) {
        let gateway = self.gateway(index);
        self.push(Event::Knows(gateway, tag));
        let outputs = self.bench.knows(gateway, tag);
        self.outputs(outputs, false);
    }

    fn wake(&mut self) {
        let outputs = self.bench.wake();
        self.outputs(outputs, false);
    }

    /// Judges what came out, and what is the case behind it. `full` if an announcement had to give way.
    fn outputs(&mut self, outputs: Vec<RegistrarOutput>, full: bool) {
        assert!(outputs.len() < 16, "{outputs:?}");
        let now = self.bench.now;
        // Before what came out: a connection that takes the place of another reaches no less.
        let model = &self.model;
        let due = |at: Duration| now >= at + model.settings.announce_patience;
        let done = |cpi| {
            model
                .numbers()
                .all(|gateway| !model.is_told(gateway) || model.is_done(gateway, cpi))
        };
        let expected: Vec<(u64, usize, bool)> = (0..)
            .zip(model.waiting())
            .filter(|(index, (_, cpi, at))| (full && *index == 0) || due(*at) || done(*cpi))
            .map(|(_, (ticket, cpi, at))| (ticket, cpi, due(at)))
            .collect();
        let mut answered = Vec::new();
        for output in outputs {
            self.log.push(format!("{output:?}"));
            match output {
                RegistrarOutput::Dial {
                    dial, ppg, contact, ..
                } => self.dialled(dial.0, ppg.as_ref(), &contact),
                RegistrarOutput::Retire { dial } => {
                    let mut all = (0..=u8::MAX).take(10);
                    assert!(all.any(|gateway| {
                        self.model
                            .open(gateway)
                            .iter()
                            .any(|(open, _)| *open == dial.0)
                    }));
                    self.push(Event::Retired(dial.0));
                }
                RegistrarOutput::Announced { ticket, reports } => {
                    let (_, cpi, due) = expected
                        .iter()
                        .find(|(other, ..)| *other == ticket.0)
                        .unwrap();
                    let told: Vec<_> = self
                        .model
                        .numbers()
                        .filter(|gateway| self.model.is_told(*gateway))
                        .collect();
                    assert_eq!(reports.len(), told.len());
                    for (report, gateway) in reports.iter().zip(told) {
                        assert_eq!(report.ppg, id(gateway));
                        match self.model.state(gateway, *cpi) {
                            Some(state) => assert_eq!(report.state, state),
                            None if *due => assert_eq!(report.state, PpgState::Unreachable),
                            None => assert!(matches!(
                                report.state,
                                PpgState::Requested | PpgState::Unreachable
                            )),
                        }
                        let told = matches!(
                            report.state,
                            PpgState::Confirmed | PpgState::Announced | PpgState::Requested
                        );
                        assert!(told || report.reason.is_some(), "{report:?}");
                    }
                    answered.push(ticket.0);
                    self.push(Event::Answered(ticket.0));
                }
            }
        }
        let expected: Vec<_> = expected.into_iter().map(|(ticket, ..)| ticket).collect();
        assert_eq!(answered, expected);
        self.judge();
    }

    fn dialled(&mut self, dial: u64, ppg: Option<&PpgId>, to: &Contact) {
        assert!(!self.dials().contains(&dial));
        let Some(gateway) = self
            .model
            .numbers()
            .find(|gateway| Some(&id(*gateway)) == ppg)
        else {
            let gateway = (STRANGERS..10)
                .find(|number| contact(*number, to.port) == *to)
                .unwrap();
            self.push(Event::Dialled {
                dial,
                gateway,
                port: to.port,
            });
            let strangers = (STRANGERS..10).map(|gateway| {
                self.model.in_flight(gateway).len() + self.model.open(gateway).len()
            });
            assert!(strangers.sum::<usize>() <= self.model.settings.max_contacts);
            return;
        };
        assert_eq!(*to, contact(gateway, to.port));
        assert_eq!(self.model.in_flight(gateway), [0; 0], "two dials at a time");
        if to.port == 4035 && !self.model.is_asked_for(gateway) {
            assert!(self.model.wants_dial(gateway), "nobody wants this dial");
            let waited = self
                .model
                .wait(gateway)
                .is_none_or(|(since, wait)| self.bench.now >= since + wait * 749 / 1000);
            assert!(
                waited || self.model.is_urged(gateway),
                "it is dialled too soon"
            );
        }
        self.push(Event::Dialled {
            dial,
            gateway,
            port: to.port,
        });
    }

    /// What has to be so at any time.
    fn judge(&self) {
        let (model, now) = (&self.model, self.bench.now);
        let cpi = model.cpi();
        let views = self.bench.registrar.view();
        let mut asleep = model.waiting().is_empty();
        for (gateway, view) in (0..).zip(&views) {
            match model.state(gateway, cpi) {
                Some(state) => assert_eq!(view.state, state),
                None => assert!(matches!(
                    view.state,
                    PpgState::Requested | PpgState::Unreachable
                )),
            }
            assert_eq!(view.connections, model.open(gateway).len());
            assert!(view.connections <= model.settings.max_contacts);
            let open = model.open(gateway);
            assert!(
                open.iter().all(|(_, cpi)| *cpi == open[0].1),
                "a connection of an earlier CPI is left beside a later one"
            );
            if model.wants_dial(gateway) && model.in_flight(gateway).is_empty() {
                asleep = false;
                let (since, wait) = model.wait(gateway).unwrap_or_default();
                assert!(now < since + wait, "it is not dialled again");
            }
        }
        let wake = self.bench.registrar.poll_timeout();
        assert_eq!(wake.is_none(), asleep, "{wake:?}");
        assert!(wake.is_none_or(|wake| wake > now));
    }
}

fn act() -> impl Strategy<Value = Act> {
    let number = prop_oneof![4 => 0..3_u8, 1 => STRANGERS..10];
    let index = any::<usize>;
    prop_oneof![
        4 => (0..3_u8, prop::bool::weighted(0.8)).prop_map(|(tag, needed)| Act::Announce(tag, needed)),
        2 => prop::collection::vec((number, any::<bool>()), 1..4).prop_map(Act::Invite),
        6 => index().prop_map(Act::Connect),
        3 => index().prop_map(Act::Fail),
        3 => index().prop_map(Act::Close),
        1 => index().prop_map(Act::Ask),
        1 => (index(), 0..3_u8).prop_map(|(gateway, tag)| Act::Know(gateway, tag)),
        2 => index().prop_map(Act::KnowPresent),
        1 => (index(), any::<bool>()).prop_map(|(gateway, retry)| Act::Unbelieve(gateway, retry)),
        2 => (0..20_000_u64).prop_map(Act::Pass),
        3 => Just(Act::Wake),
    ]
}

fn gateways() -> impl Strategy<Value = Vec<Connect>> {
    let connect = prop_oneof![
        3 => Just(Connect::Always),
        2 => Just(Connect::WhenNeeded),
        1 => Just(Connect::Never),
    ];
    prop::collection::vec(connect, 3)
}

fn announce_on() -> impl Strategy<Value = AnnounceOn> {
    prop_oneof![
        2 => Just(AnnounceOn::NewConnection),
        1 => Just(AnnounceOn::OpenConnection),
    ]
}

fn run(gateways: &[Connect], announce_on: AnnounceOn, confirm: bool, acts: &[Act]) -> Run {
    let mut run = Run::new(gateways, announce_on, confirm);
    for act in acts {
        run.act(act);
    }
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_history_is_as_the_model_reads_it(
        gateways in gateways(),
        announce_on in announce_on(),
        confirm in any::<bool>(),
        acts in prop::collection::vec(act(), 0..60),
    ) {
        let mut first = run(&gateways, announce_on, confirm, &acts);
        let again = run(&gateways, announce_on, confirm, &acts);
        prop_assert_eq!(&first.log, &again.log);
        // Whatever waits is answered when patience ends, and not twice.
        first.act(&Act::Pass(10_000));
        prop_assert_eq!(first.model.waiting(), []);
        let answers = first.log.iter().filter(|line| line.starts_with("Announced")).count();
        prop_assert_eq!(answers as u64, first.bench.next_ticket);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Gateways that answer each dial in the worst way are dialled seldom.
    #[test]
    fn there_is_no_storm_of_dials(
        gateways in gateways(),
        announce_on in announce_on(),
        fails in prop::collection::vec(any::<bool>(), 1..20),
        tags in prop::collection::vec(0..3_u8, 0..10),
    ) {
        let mut run = Run::new(&gateways, announce_on, false);
        run.act(&Act::Announce(0, true));
        for tag in &tags {
            run.act(&Act::Announce(*tag, true));
        }
        let end = run.bench.now + Duration::from_mins(10);
        let mut fails = fails.iter().cycle();
        while run.bench.now < end {
            while let Some(dial) = run.pick(0, false) {
                let event = if *fails.next().unwrap() { Event::Failed(dial) } else { Event::Connected(dial) };
                run.push(event.clone());
                let outputs = match event {
                    Event::Failed(_) => run.bench.failed(dial),
                    _ => run.bench.connected(dial),
                };
                run.outputs(outputs, false);
                if event == Event::Connected(dial) {
                    run.push(Event::Closed(dial));
                    let outputs = run.bench.closed(dial);
                    run.outputs(outputs, false);
                }
            }
            if run.bench.registrar.poll_timeout().is_none() {
                break;
            }
            run.wake();
        }
        // The waits of ten minutes: 2, 4, 8, 16, 32 s, and then a minute each, shortened by a quarter at most.
        let most = 3 * (5 + 14 + 2 * (tags.len() + 1));
        prop_assert!(run.dials().len() <= most, "{} dials", run.dials().len());
    }
}
