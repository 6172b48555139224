//! How the writer groups, answers, bounds and ends.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::support::insert;
use push_core::{Change, EventId, PersistTicket};
use push_message::UnixMillis;
use push_store::{
    SqliteStore, Store, StoreError, StoreSettings, SubmitError, Transaction, Writer, WriterSettings,
};

type Answers = Vec<(PersistTicket, Result<(), String>)>;

/// Waits at the gate in every commit, and notes how many changes each had.
struct GatedStore {
    arrived: Sender<()>,
    gate: Receiver<Result<(), StoreError>>,
    commits: Arc<Mutex<Vec<usize>>>,
    closed: Sender<()>,
}

impl Store for GatedStore {
    fn commit(
        &mut self,
        _: UnixMillis,
        changes: &mut dyn Iterator<Item = &Change>,
    ) -> Result<(), StoreError> {
        self.commits.lock().unwrap().push(changes.count());
        self.arrived.send(()).unwrap();
        self.gate.recv().unwrap_or(Ok(()))
    }

    fn commit_each(
        &mut self,
        _: UnixMillis,
        sets: &[&[Change]],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        Ok(sets.iter().map(|_| Ok(())).collect())
    }

    fn maintain(&mut self, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.closed.send(()).unwrap();
        Ok(())
    }
}

struct Scene {
    writer: Writer,
    arrived: Receiver<()>,
    gate: Sender<Result<(), StoreError>>,
    commits: Arc<Mutex<Vec<usize>>>,
    closed: Receiver<()>,
    answers: Receiver<Answers>,
}

fn scene(settings: WriterSettings) -> Scene {
    let (arrived, arrived_seen) = channel();
    let (gate_opener, gate) = channel();
    let (closed, closed_seen) = channel();
    let (answers, answers_seen) = channel();
    let commits = Arc::default();
    let store = GatedStore {
        arrived,
        gate,
        commits: Arc::clone(&commits),
        closed,
    };
    let writer = Writer::start(store, settings, move |group| answers.send(group).unwrap()).unwrap();
    Scene {
        writer,
        arrived: arrived_seen,
        gate: gate_opener,
        commits,
        closed: closed_seen,
        answers: answers_seen,
    }
}

fn transactions(tickets: std::ops::RangeInclusive<u64>) -> Vec<Transaction> {
    tickets
        .map(|ticket| Transaction {
            ticket: PersistTicket(ticket),
            now: UnixMillis(ticket),
            changes: vec![insert(ticket)],
        })
        .collect()
}

fn tickets(answers: &Answers) -> Vec<u64> {
    answers.iter().map(|(ticket, _)| ticket.0).collect()
}

#[test]
fn what_waits_is_written_as_one() {
    let scene = scene(WriterSettings::default());
    scene.writer.submit(&mut transactions(1..=1)).unwrap();
    scene.arrived.recv().unwrap();
    scene.writer.submit(&mut transactions(2..=40)).unwrap();
    scene.writer.submit(&mut transactions(41..=65)).unwrap();
    scene.gate.send(Ok(())).unwrap();
    scene.gate.send(Ok(())).unwrap();
    assert_eq!(tickets(&scene.answers.recv().unwrap()), [1]);
    let second = scene.answers.recv().unwrap();
    assert_eq!(tickets(&second), (2..=65).collect::<Vec<_>>());
    assert!(second.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(*scene.commits.lock().unwrap(), [1, 64]);
    scene.writer.shut_down().unwrap();
}

#[test]
fn groups_and_the_queue_have_bounds() {
    let scene = scene(WriterSettings {
        queue: 10,
        group: 8,
        group_changes: 4,
    });
    scene.writer.submit(&mut transactions(1..=1)).unwrap();
    scene.arrived.recv().unwrap();
    let mut more = transactions(2..=20);
    assert_eq!(scene.writer.submit(&mut more), Err(SubmitError::Full));
    assert_eq!(more, transactions(12..=20));
    drop(scene.gate);
    scene.writer.shut_down().unwrap();
    assert_eq!(*scene.commits.lock().unwrap(), [1, 4, 4, 2]);
}

#[test]
fn a_transaction_larger_than_a_group_goes_alone() {
    let scene = scene(WriterSettings {
        group_changes: 4,
        ..WriterSettings::default()
    });
    let large = Transaction {
        ticket: PersistTicket(1),
        now: UnixMillis(0),
        changes: (1..=9).map(insert).collect(),
    };
    let mut all = vec![large];
    all.extend(transactions(10..=11));
    scene.writer.submit(&mut all).unwrap();
    drop(scene.gate);
    scene.writer.shut_down().unwrap();
    assert_eq!(*scene.commits.lock().unwrap(), [9, 2]);
}

#[test]
fn a_store_that_cannot_write_fails_every_ticket() {
    let scene = scene(WriterSettings::default());
    scene.writer.submit(&mut transactions(1..=3)).unwrap();
    scene
        .gate
        .send(Err(StoreError::Sqlite {
            doing: "committing",
            source: rusqlite::Error::ExecuteReturnedResults,
        }))
        .unwrap();
    let answers = scene.answers.recv().unwrap();
    assert_eq!(tickets(&answers), [1, 2, 3]);
    for (_, result) in answers {
        assert!(result.unwrap_err().contains("failed while committing"));
    }
    drop(scene.gate);
    scene.writer.submit(&mut transactions(4..=4)).unwrap();
    assert_eq!(scene.answers.recv().unwrap(), [(PersistTicket(4), Ok(()))]);
}

#[test]
fn what_finds_no_room_does_not_hold_up_what_makes_room() {
    let scene = scene(WriterSettings::default());
    let full = || {
        let detail = "no room".to_owned();
        Err(StoreError::Full { detail })
    };
    for result in [full(), Ok(()), full(), Ok(())] {
        scene.gate.send(result).unwrap();
    }
    scene.writer.submit(&mut transactions(1..=3)).unwrap();
    let answers = scene.answers.recv().unwrap();
    let failed: Vec<bool> = answers.iter().map(|(_, result)| result.is_err()).collect();
    assert_eq!(failed, [false, true, false]);
    assert_eq!(*scene.commits.lock().unwrap(), [3, 1, 1, 1]);
    scene.writer.shut_down().unwrap();
}

#[test]
fn the_end_writes_and_answers_what_waits_and_closes() {
    for dropped in [false, true] {
        let scene = scene(WriterSettings {
            group: 2,
            ..WriterSettings::default()
        });
        scene.writer.submit(&mut transactions(1..=7)).unwrap();
        drop(scene.gate);
        if dropped {
            drop(scene.writer);
        } else {
            scene.writer.shut_down().unwrap();
        }
        scene.closed.recv().unwrap();
        let answered: Vec<u64> = scene
            .answers
            .iter()
            .flat_map(|group| tickets(&group))
            .collect();
        assert_eq!(answered, (1..=7).collect::<Vec<_>>());
    }
}

#[test]
fn a_bad_transaction_does_not_take_the_others_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pushcai.db");
    let (store, _) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    let (answers, answered) = channel();
    let writer = Writer::start(store, WriterSettings::default(), move |group: Answers| {
        answers.send(group).unwrap();
    })
    .unwrap();
    let mut all = transactions(1..=5);
    // The third has an id that is taken, after a change that is fine by itself.
    all[2].changes = vec![insert(100), insert(1)];
    writer.submit(&mut all).unwrap();
    let mut results: Answers = Vec::new();
    while results.len() < 5 {
        results.extend(answered.recv().unwrap());
    }
    assert_eq!(tickets(&results), [1, 2, 3, 4, 5]);
    let failed: Vec<u64> = results
        .iter()
        .filter(|(_, result)| result.is_err())
        .map(|(ticket, _)| ticket.0)
        .collect();
    assert_eq!(failed, [3]);
    writer.shut_down().unwrap();
    let (_store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    let ids: Vec<EventId> = snapshot.events.iter().map(|event| event.id).collect();
    assert_eq!(ids, [1, 2, 4, 5].map(EventId));
}
