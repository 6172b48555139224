//! The runner beside a real Push Client on loopback, with a scheme whose handlers do what the test says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod played;

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use push_api::{Caller, DeregistrationQuery, ExplainRequest, PushService as _};
use push_client::{
    Acknowledgement, Builder, Client, ClientSettings, Event, Events, Outcome, RegistrationId,
    RegistrationRequest, Selector, Settings, handlers,
};
use push_handlers::{Answering, Handed, Handlers, Runner, RunnerSettings, Unreachable};
use push_message::Owner;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use played::{Act, Fault, Played, accept};

struct Bench {
    client: Client,
    gateway: UdpSocket,
    acts: mpsc::Receiver<Act>,
    stop: oneshot::Sender<()>,
    runner: JoinHandle<()>,
}

impl Bench {
    fn start(window: u32, settings: RunnerSettings) -> Self {
        Self::with([], window, settings)
    }

    fn with(
        faults: impl IntoIterator<Item = Fault>,
        window: u32,
        settings: RunnerSettings,
    ) -> Self {
        Self::on(Settings::default(), faults, window, settings)
    }

    fn on(
        core: Settings,
        faults: impl IntoIterator<Item = Fault>,
        window: u32,
        settings: RunnerSettings,
    ) -> Self {
        let (played, acts) = mpsc::channel(64);
        let scheme = Played {
            window,
            faults: Mutex::new(faults.into_iter().collect()),
            acts: played,
        };
        let host = Arc::new(Handlers::new(vec![Arc::new(scheme)]));
        let (seam, wanted) = handlers(Arc::clone(&host) as _);
        let soon = Duration::from_millis(1);
        let core = Settings {
            backoff_base: soon,
            handler_backoff_base: soon,
            ..core
        };
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let builder = Builder::new().core_settings(core);
        let builder = builder.client_settings(ClientSettings::default());
        let (client, engine) = builder.handlers(seam).listen(loopback).build().unwrap();
        tokio::spawn(engine.run());
        let runner = Runner::new(host, wanted, client.clone(), settings);
        let (stop, stopped) = oneshot::channel();
        let runner = tokio::spawn(runner.run(async { stopped.await.unwrap_or(()) }));
        Self {
            client,
            gateway: UdpSocket::bind(loopback).unwrap(),
            acts,
            stop,
            runner,
        }
    }

    async fn register(&self, owner: &str, number: u8) -> RegistrationId {
        let request = RegistrationRequest {
            push_application_id: number.to_string(),
            event_handler: Some("played:it".to_owned()),
            ..RegistrationRequest::default()
        };
        let registered = self.client.application(owner).register(request).await;
        registered.unwrap().registration
    }

    /// The administrator takes the registration of an application away.
    async fn revoke(&self, owner: &str, number: u8) {
        let administrator = Caller {
            owner: Owner::proved("uid:0".to_owned()),
            administrator: true,
        };
        let query = DeregistrationQuery {
            push_application_id: number.to_string(),
            owner: Some(owner.to_owned()),
            ..DeregistrationQuery::default()
        };
        self.client.deregister(administrator, query).await.unwrap();
    }

    /// Sends a push to this OMNA number.
    fn push(&self, number: u8, body: u8) {
        let octets = [body, 0x06, 0x03, 0xBE, 0xAF, 0x80 | number, body];
        let address = self.client.listening()[0];
        self.gateway.send_to(&octets, address).unwrap();
    }

    /// Another application's events, from one on that came behind all that was pushed so far.
    async fn behind(&self) -> Events {
        let other = self.client.application("behind");
        let request = RegistrationRequest {
            push_application_id: "9".to_owned(),
            ..RegistrationRequest::default()
        };
        other.register(request).await.unwrap();
        let mut events = other.subscribe(Selector::default()).await.unwrap();
        self.push(9, 1);
        assert_eq!(events.next_event().await.unwrap().content(), [1]);
        events
    }

    /// An application that runs connects by itself: it gets what is pushed from then on.
    async fn connects(&self, owner: &str, number: u8, body: u8) -> Events {
        let application = self.client.application(owner);
        let mut events = application.subscribe(Selector::default()).await.unwrap();
        self.push(number, body);
        assert_eq!(events.next_event().await.unwrap().content(), [body]);
        events
    }

    /// A handler takes events with these bodies, each for the first time, and accepts them.
    async fn accepts(&mut self, bodies: impl IntoIterator<Item = u8>) {
        for body in bodies {
            let (_, event, answering) = self.taken().await;
            assert_eq!((event.content(), event.attempt()), (&[body][..], 1));
            accept(answering);
        }
    }

    async fn act(&mut self) -> Act {
        let act = tokio::time::timeout(Duration::from_secs(20), self.acts.recv());
        act.await.unwrap().unwrap()
    }

    /// The next event that a handler takes.
    async fn taken(&mut self) -> (RegistrationId, Event, Answering) {
        loop {
            if let Act::Taken(registration, event, answering) = self.act().await {
                return (registration, event, answering);
            }
        }
    }

    /// The next that an application is told, which is of this registration.
    async fn lost(&mut self, expected: RegistrationId) -> oneshot::Sender<()> {
        loop {
            if let Act::Lost(registration, hearing) = self.act().await {
                assert_eq!(registration, expected);
                return hearing;
            }
        }
    }

    async fn closed(&mut self) {
        while !matches!(self.act().await, Act::Closed) {}
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.runner.await.unwrap();
        self.client.shut_down().await;
    }
}

#[tokio::test]
async fn a_window_keeps_the_order_and_its_bound() {
    let mut bench = Bench::start(3, RunnerSettings::default());
    bench.register("app", 4).await;
    (1..=9).for_each(|body| bench.push(4, body));
    let mut under_way = Vec::new();
    for body in 1..=9 {
        if under_way.len() == 3 {
            assert!(bench.acts.is_empty(), "a fourth was given");
            // The latest is answered first, which frees the next place.
            under_way.pop().into_iter().for_each(accept);
        }
        let (_, event, answering) = bench.taken().await;
        assert_eq!(event.content(), [body]);
        under_way.push(answering);
    }
    under_way.into_iter().for_each(accept);
    bench.closed().await;
    bench.stop().await;
}

#[tokio::test]
async fn what_is_held_for_a_handler_is_not_overdue_for_that() {
    let core = Settings {
        acknowledgement_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    let mut bench = Bench::on(core, [], 2, RunnerSettings::default());
    bench.register("app", 4).await;
    (1..=3).for_each(|body| bench.push(4, body));
    let (_, _, first) = bench.taken().await;
    let (_, _, second) = bench.taken().await;
    let mut later = bench.behind().await;
    // It has had its time, and so have those that came before it.
    assert_eq!(later.next_event().await.unwrap().attempt(), 2);
    bench.push(4, 4);
    accept(first);
    accept(second);
    bench.accepts([3, 4]).await;
    bench.stop().await;
}

#[tokio::test]
async fn who_is_not_wanted_any_more_is_given_what_is_held_for_it() {
    let mut bench = Bench::start(2, RunnerSettings::default());
    bench.register("app", 4).await;
    (1..=4).for_each(|body| bench.push(4, body));
    let (_, _, first) = bench.taken().await;
    let (_, _, second) = bench.taken().await;
    bench.behind().await;
    let _events = bench.connects("app", 4, 5).await;
    accept(first);
    accept(second);
    bench.accepts([3, 4]).await;
    bench.closed().await;
    bench.stop().await;
}

#[tokio::test]
async fn what_is_held_for_a_registration_that_ends_is_given_to_nobody() {
    let mut bench = Bench::start(2, RunnerSettings::default());
    bench.register("app", 4).await;
    (1..=3).for_each(|body| bench.push(4, body));
    let (_, _, first) = bench.taken().await;
    let (_, _, second) = bench.taken().await;
    bench.behind().await;
    // It is let go of before, and has held events by then that are still its own.
    let _events = bench.connects("app", 4, 4).await;
    bench.revoke("app", 4).await;
    accept(first);
    accept(second);
    loop {
        let act = bench.act().await;
        assert!(!matches!(act, Act::Taken(..)), "{act:?}");
        if matches!(act, Act::Closed) {
            break;
        }
    }
    bench.stop().await;
}

#[tokio::test]
async fn who_is_unreachable_within_a_window_gets_again_what_was_not_answered() {
    let mut bench = Bench::start(3, RunnerSettings::default());
    bench.register("app", 4).await;
    (1..=4).for_each(|body| bench.push(4, body));
    let (_, _, first) = bench.taken().await;
    let (_, _, second) = bench.taken().await;
    let (_, _, third) = bench.taken().await;
    accept(first);
    second.give(Err(Unreachable::new("gone")));
    accept(third);
    // A probe: the next comes after the answer.
    let (_, event, answering) = bench.taken().await;
    assert_eq!((event.content(), event.attempt()), (&[2][..], 1));
    accept(answering);
    let (_, event, answering) = bench.taken().await;
    assert_eq!(event.content(), [4]);
    accept(answering);
    bench.stop().await;
}

#[tokio::test]
async fn what_was_answered_as_the_application_went_does_not_come_again() {
    let mut bench = Bench::with([Fault::Breaks], 3, RunnerSettings::default());
    bench.register("app", 4).await;
    bench.push(4, 1);
    bench.push(4, 2);
    let (_, event, answering) = bench.taken().await;
    assert_eq!((event.content(), event.attempt()), (&[2][..], 1));
    accept(answering);
    bench.stop().await;
}

#[tokio::test]
async fn what_never_came_to_the_application_counts_no_attempt() {
    let mut bench = Bench::with([Fault::Hangs; 3], 3, RunnerSettings::default());
    bench.register("app", 4).await;
    for body in [1, 2] {
        bench.push(4, body);
    }
    for body in [1, 2] {
        let (_, event, answering) = bench.taken().await;
        assert_eq!((event.content(), event.attempt()), (&[body][..], 1));
        accept(answering);
    }
    bench.stop().await;
}

#[tokio::test]
async fn an_application_hears_of_its_registration_in_order() {
    let mut bench = Bench::start(1, RunnerSettings::default());
    let first = bench.register("app", 4).await;
    bench.revoke("app", 4).await;
    let hearing = bench.lost(first).await;
    let second = bench.register("app", 4).await;
    bench.revoke("app", 4).await;
    // It is not told of the first any more before it is told of the second.
    while !matches!(bench.act().await, Act::Outdated) {}
    assert!(hearing.is_closed(), "it is told what holds no longer");
    bench.lost(second).await.send(()).unwrap();
    bench.stop().await;
}

#[tokio::test]
async fn what_one_application_has_to_hear_keeps_no_other_waiting() {
    let mut bench = Bench::start(1, RunnerSettings::default());
    let first = bench.register("app", 4).await;
    bench.revoke("app", 4).await;
    let _hearing = bench.lost(first).await;
    let other = bench.register("app", 5).await;
    bench.revoke("app", 5).await;
    bench.lost(other).await.send(()).unwrap();
    bench.register("other", 6).await;
    bench.push(6, 1);
    let (_, _, answering) = bench.taken().await;
    accept(answering);
    bench.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_dropped_is_later() {
    let mut bench = Bench::start(1, RunnerSettings::default());
    bench.register("app", 4).await;
    bench.push(4, 1);
    bench.push(4, 2);
    let (_, _, answering) = bench.taken().await;
    drop(answering);
    for (body, attempt) in [(1, 2), (2, 1)] {
        let (_, event, answering) = bench.taken().await;
        assert_eq!((event.content(), event.attempt()), (&[body][..], attempt));
        accept(answering);
    }
    bench.stop().await;
}

#[tokio::test]
async fn who_is_not_wanted_any_more_lets_go_after_what_it_has() {
    let mut bench = Bench::start(1, RunnerSettings::default());
    bench.register("app", 4).await;
    bench.push(4, 1);
    let (_, _, answering) = bench.taken().await;
    // The application takes its events itself from here on.
    let application = bench.client.application("app");
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    bench.push(4, 2);
    let second = events.next_event().await.unwrap();
    assert_eq!(second.content(), [2]);
    accept(answering);
    bench.closed().await;
    assert!(bench.acts.is_empty());
    let accepted = Acknowledgement::new(second.id(), Outcome::Accepted);
    application.acknowledge(vec![accepted]).await.unwrap();
    drop(events);
    bench.push(4, 3);
    let (_, event, answering) = bench.taken().await;
    assert_eq!((event.content(), event.attempt()), (&[3][..], 1));
    accept(answering);
    bench.stop().await;
}

#[tokio::test]
async fn who_has_many_events_makes_room_after_its_turn() {
    let mut bench = Bench::start(
        1,
        RunnerSettings {
            max_at_work: 1,
            events_per_turn: 2,
            ..RunnerSettings::default()
        },
    );
    let busy = bench.register("busy", 4).await;
    let other = bench.register("other", 5).await;
    for body in 1..=100 {
        bench.push(4, body);
    }
    let mut expected = 1..=100;
    let mut others = 0;
    for taken in 0..=100 {
        let (registration, event, answering) = bench.taken().await;
        if taken == 0 {
            bench.push(5, 1);
        }
        if registration == busy {
            assert_eq!(event.content(), [expected.next().unwrap()]);
        } else {
            assert_eq!(registration, other);
            assert!(taken < 90, "it waited for all that the other one had");
            others += 1;
        }
        accept(answering);
    }
    assert_eq!(others, 1);
    bench.stop().await;
}

#[tokio::test]
async fn an_owner_whose_handlers_hang_leaves_places_to_others() {
    let mut bench = Bench::start(
        1,
        RunnerSettings {
            max_at_work: 3,
            max_at_work_per_owner: 2,
            stop_timeout: Duration::ZERO,
            ..RunnerSettings::default()
        },
    );
    let mut hanging = Vec::new();
    for number in [4, 5, 6] {
        hanging.push(bench.register("hanging", number).await);
        bench.push(number, 1);
    }
    let (first, _, answering) = bench.taken().await;
    let (second, _, _kept) = bench.taken().await;
    let other = bench.register("other", 7).await;
    bench.push(7, 1);
    let (third, _, _kept_too) = bench.taken().await;
    assert_eq!((first, second, third), (hanging[0], hanging[1], other));
    assert!(bench.acts.is_empty());
    accept(answering);
    let (fourth, ..) = bench.taken().await;
    assert_eq!(fourth, hanging[2]);
    bench.stop().await;
}

#[tokio::test]
async fn what_handlers_say_is_kept_without_what_a_terminal_would_obey() {
    let mut bench = Bench::start(1, RunnerSettings::default());
    bench.register("app", 4).await;
    bench.push(4, 1);
    let (_, _, answering) = bench.taken().await;
    answering.give(Ok(Handed {
        output: "\u{1b}[2J\tno\n".to_owned(),
        ..Handed::new(Outcome::Later, "answered `\u{7}`")
    }));
    let (_, event, answering) = bench.taken().await;
    let caller = Caller {
        owner: Owner::proved("app"),
        administrator: false,
    };
    let request = ExplainRequest {
        event_id: Some(event.id().to_string()),
        ..ExplainRequest::default()
    };
    let answer = bench.client.explain(caller, request).await.unwrap();
    let attempts = answer.event.unwrap().handler_attempts;
    let said = (attempts[0].outcome.as_str(), attempts[0].output.as_str());
    assert_eq!(said, ("answered `\u{fffd}`", "\u{fffd}[2J\tno\n"));
    accept(answering);
    bench.stop().await;
}
