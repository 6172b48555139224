//! Which application gets what, and in which order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use push_api::{
    OpenedEvent, PushEvent, SessionAnswer, SessionApplication, SessionClosing, SessionEvent,
    SessionLoss, SessionOutcome,
};
use push_client::Outcome;
use push_handlers::{Answering, Handed, Unreachable};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::lanes::{Applications, Lanes, Way};

/// After which nothing comes any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// Applications whose processes do what the test says.
#[derive(Debug, Clone, Default)]
struct Fake(Arc<Mutex<World>>);

#[derive(Debug, Default)]
struct World {
    /// Each process that was started, or that there was an attempt to start.
    processes: Vec<Process>,
    /// The next attempts to start one fail.
    refusing: bool,
}

#[derive(Debug, Default)]
struct Process {
    is_gone: bool,
    /// What it was given, in order.
    given: Vec<u64>,
    has: Vec<Answering>,
}

/// The way to one process, by its number.
struct To(Fake, usize);

impl Fake {
    /// What each process was given.
    fn given(&self) -> Vec<Vec<u64>> {
        let world = self.0.lock().unwrap();
        let given = world.processes.iter().map(|process| process.given.clone());
        given.collect()
    }

    /// The process accepts the oldest event that it has.
    fn accept(&self, process: usize) {
        let mut world = self.0.lock().unwrap();
        let oldest = world.processes[process].has.remove(0);
        oldest.give(Ok(Handed::new(Outcome::Accepted, "accepted")));
    }

    /// The process ends as the bus tells it: nothing is known of its events but that it fell with the oldest.
    fn kill(&self, process: usize) {
        let mut world = self.0.lock().unwrap();
        let process = &mut world.processes[process];
        process.is_gone = true;
        for (index, answering) in process.has.drain(..).enumerate() {
            answering.give(if index == 0 {
                Ok(Handed::new(Outcome::Later, "it left the bus"))
            } else {
                Err(Unreachable::new("it left the bus"))
            });
        }
    }

    fn refuse(&self, refusing: bool) {
        self.0.lock().unwrap().refusing = refusing;
    }
}

impl Applications for Fake {
    type Way = To;

    async fn check(&self, _: &SessionApplication) -> Result<(), String> {
        Ok(())
    }

    async fn tell(&self, _: &SessionLoss) -> Result<(), String> {
        Ok(())
    }

    async fn reach(&self, _: &SessionApplication) -> Result<To, Unreachable> {
        let mut world = self.0.lock().unwrap();
        world.processes.push(Process::default());
        if world.refusing {
            return Err(Unreachable::new("it does not start"));
        }
        Ok(To(self.clone(), world.processes.len() - 1))
    }
}

impl Way for To {
    async fn give(&self, event: &OpenedEvent, answering: Answering) -> Result<(), Unreachable> {
        let mut world = self.0.0.lock().unwrap();
        let process = &mut world.processes[self.1];
        if process.is_gone {
            answering.give(Err(Unreachable::new("nobody has this name")));
        } else {
            let id = push_api::DeliveredEvent::view(event).id;
            process.given.push(id);
            process.has.push(answering);
        }
        Ok(())
    }
}

/// A helper, and what it answers.
struct Stage {
    fake: Fake,
    lanes: Lanes<Fake>,
    answers: mpsc::Receiver<SessionAnswer>,
}

impl Stage {
    fn new() -> Self {
        let fake = Fake::default();
        let (sender, answers) = mpsc::channel(1000);
        let lanes = Lanes::new(fake.clone(), sender);
        Self {
            fake,
            lanes,
            answers,
        }
    }

    /// The daemon hands an event over, as a task with the same number.
    fn deliver(&mut self, opening: u64, id: u64) {
        self.lanes.deliver(SessionEvent {
            task: id,
            opening,
            application: SessionApplication {
                name: "org.example.App".to_owned(),
                path: "/org/pushcai/Handler".to_owned(),
            },
            event: event(id),
        });
    }

    /// Waits until processes were given this.
    async fn until_given(&self, given: &[&[u64]]) {
        self.until(|all| all == given).await;
    }

    /// Waits until what the processes were given is so.
    async fn until(&self, is_so: impl Fn(&[Vec<u64>]) -> bool) {
        let waiting = async {
            while !is_so(&self.fake.given()) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("the events");
    }

    async fn answer(&mut self) -> (u64, SessionOutcome) {
        let answer = timeout(PATIENCE, self.answers.recv()).await;
        let answer = answer.expect("an answer").unwrap();
        (answer.task, answer.outcome)
    }
}

fn event(id: u64) -> PushEvent {
    serde_json::from_value(serde_json::json!({
        "id": format!("{id:016x}"),
        "registrationID": format!("{:016x}", 7),
        "pushApplicationID": "x-wap-application:mms.ua",
        "contentType": "text/plain",
        "content": "",
        "protocol": "OTA-WSP",
        "bearer": "IP",
        "server": "127.0.0.1",
        "ports": {},
        "receivedAt": 5,
        "attempt": 1,
        "authenticated": false,
        "trusted": false,
    }))
    .unwrap()
}

#[tokio::test]
async fn what_was_sent_before_an_application_fell_goes_to_no_other_process_first() {
    let mut stage = Stage::new();
    stage.deliver(1, 10);
    stage.deliver(1, 11);
    stage.until_given(&[&[10, 11]]).await;
    stage.fake.kill(0);
    assert_eq!(stage.answer().await, (10, SessionOutcome::Later));
    assert_eq!(stage.answer().await, (11, SessionOutcome::Unreachable));
    // This one was on its way here meanwhile.
    stage.deliver(1, 12);
    assert_eq!(stage.answer().await, (12, SessionOutcome::Unreachable));
    for id in 10..13 {
        stage.deliver(2, id);
    }
    stage.until_given(&[&[10, 11], &[10, 11, 12]]).await;
}

#[tokio::test]
async fn an_application_that_fell_with_its_only_event_is_not_started_for_the_next_one() {
    let mut stage = Stage::new();
    stage.deliver(1, 10);
    stage.until_given(&[&[10]]).await;
    stage.fake.kill(0);
    assert_eq!(stage.answer().await, (10, SessionOutcome::Later));
    stage.deliver(1, 11);
    assert_eq!(stage.answer().await, (11, SessionOutcome::Unreachable));
    assert_eq!(stage.fake.given().len(), 1);
}

#[tokio::test]
async fn an_application_that_does_not_start_is_not_tried_again_by_the_same_opening() {
    let mut stage = Stage::new();
    stage.fake.refuse(true);
    stage.deliver(1, 10);
    assert_eq!(stage.answer().await, (10, SessionOutcome::Unreachable));
    stage.fake.refuse(false);
    stage.deliver(1, 11);
    assert_eq!(stage.answer().await, (11, SessionOutcome::Unreachable));
    stage.deliver(2, 10);
    stage.until_given(&[&[], &[10]]).await;
}

#[tokio::test]
async fn an_application_that_ended_when_it_was_done_is_started_again() {
    let mut stage = Stage::new();
    for (process, id) in (10..12).enumerate() {
        stage.deliver(1, id);
        let given = |all: &[Vec<u64>]| all.get(process) == Some(&vec![id]);
        stage.until(given).await;
        stage.fake.accept(process);
        assert_eq!(stage.answer().await, (id, SessionOutcome::Accepted));
        stage.fake.kill(process);
    }
}

#[tokio::test]
async fn answers_go_out_in_the_order_of_events_where_several_are_there() {
    let mut stage = Stage::new();
    for id in 10..14 {
        stage.deliver(1, id);
    }
    stage.until_given(&[&[10, 11, 12, 13]]).await;
    stage.fake.accept(0);
    stage.fake.kill(0);
    for expected in [
        (10, SessionOutcome::Accepted),
        (11, SessionOutcome::Later),
        (12, SessionOutcome::Unreachable),
        (13, SessionOutcome::Unreachable),
    ] {
        assert_eq!(stage.answer().await, expected);
    }
}

#[tokio::test]
async fn what_finds_no_room_keeps_all_behind_it_back() {
    let mut stage = Stage::new();
    // No lane runs in between: nothing here waits.
    for id in 0..=256 {
        stage.deliver(1, id);
    }
    stage.deliver(1, 257);
    assert_eq!(stage.answer().await, (256, SessionOutcome::Unreachable));
    assert_eq!(stage.answer().await, (257, SessionOutcome::Unreachable));
    stage.deliver(2, 0);
    stage.until_given(&[&[0]]).await;
}

#[tokio::test]
async fn an_opening_that_is_over_gives_nothing_more() {
    let mut stage = Stage::new();
    stage.deliver(1, 10);
    stage.lanes.close(SessionClosing { opening: 1 });
    stage.deliver(2, 11);
    stage.until_given(&[&[11]]).await;
}

#[tokio::test]
async fn the_oldest_openings_make_room_and_are_not_opened_again() {
    let mut stage = Stage::new();
    for opening in 1..=257 {
        stage.deliver(opening, opening);
    }
    stage.deliver(1, 1000);
    assert_eq!(stage.answer().await, (1000, SessionOutcome::Unreachable));
    stage.deliver(258, 1001);
    stage.until(|all| all.concat().contains(&1001)).await;
    assert!(!stage.fake.given().concat().contains(&1000));
}
