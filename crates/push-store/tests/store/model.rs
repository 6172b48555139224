//! Random histories of the journal beside a plain map: whatever shares a row with whatever, what is read back is what was
//! written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use push_core::{Change, EventId, EventRecord, EventState, RegistrationId};
use push_message::UnixMillis;
use push_store::{SqliteStore, Store as _, StoreSettings};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::event;

/// One step of a history. Events are picked among those that are there.
#[derive(Debug, Clone)]
enum Step {
    /// So many new events, after that many ids that are left out.
    Insert(u64, u64),
    /// A new event that takes more room than those that share rows, and so many small ones behind it.
    InsertLarge(u64),
    /// A new event that was tried already.
    InsertTried,
    Remove(Index),
    /// The oldest ones.
    RemoveFirst(usize),
    /// All but each tenth.
    RemoveMost,
    SetState(Index, u32),
    Assign(Index, u64),
}

/// How a commit ends, and what follows it.
#[derive(Debug, Clone, Copy)]
enum End {
    Committed,
    /// In sets of their own, with a contradicting one among them.
    Each,
    /// It holds a contradiction: nothing of it counts.
    Refused,
    /// The process ends suddenly after it. From then on so many new events share a row at least.
    Crash(u32),
    /// The store is closed after it, and likewise.
    Close(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..8_u64, 0..2_u64).prop_map(|(count, gap)| Step::Insert(count, gap)),
        2 => (8..150_u64, 0..2_u64).prop_map(|(count, gap)| Step::Insert(count, gap)),
        1 => (0..20_u64).prop_map(Step::InsertLarge),
        1 => Just(Step::InsertTried),
        4 => any::<Index>().prop_map(Step::Remove),
        3 => (1..90_usize).prop_map(Step::RemoveFirst),
        1 => Just(Step::RemoveMost),
        3 => (any::<Index>(), 1..9_u32).prop_map(|(index, tries)| Step::SetState(index, tries)),
        2 => (any::<Index>(), any::<u64>()).prop_map(|(index, registration)| Step::Assign(index, registration)),
    ]
}

fn end() -> impl Strategy<Value = End> {
    let least = || prop::sample::select(vec![0, 1, 2, 4, 64, u32::MAX]);
    prop_oneof![
        6 => Just(End::Committed),
        2 => Just(End::Each),
        2 => Just(End::Refused),
        2 => least().prop_map(End::Crash),
        1 => least().prop_map(End::Close),
    ]
}

/// What the journal should hold.
#[derive(Debug, Clone, Default)]
struct Model {
    events: BTreeMap<u64, EventRecord>,
    last: u64,
}

impl Model {
    /// Takes the step, and gives the changes that ask a store for the same.
    fn take(&mut self, step: &Step) -> Vec<Change> {
        match step {
            Step::Insert(count, gap) => {
                self.last += gap;
                (0..*count).map(|_| self.insert(|_| {})).collect()
            }
            Step::InsertLarge(count) => {
                let large = self.insert(|event| {
                    let mut push = event.push.as_ref().clone();
                    push.message.content = vec![0x5a; 5_000].into();
                    event.push = Arc::new(push);
                });
                let small = (0..*count).map(|_| self.insert(|_| {}));
                std::iter::once(large).chain(small).collect()
            }
            Step::InsertTried => vec![self.insert(|event| {
                event.registration = None;
                event.state.attempts = 3;
            })],
            Step::Remove(index) => self
                .picked(*index)
                .map(|id| self.remove(id))
                .into_iter()
                .collect(),
            Step::RemoveFirst(count) => {
                let ids: Vec<u64> = self.events.keys().copied().take(*count).collect();
                ids.into_iter().map(|id| self.remove(id)).collect()
            }
            Step::RemoveMost => {
                let ids = self
                    .events
                    .keys()
                    .copied()
                    .filter(|id| !id.is_multiple_of(10));
                let ids: Vec<u64> = ids.collect();
                ids.into_iter().map(|id| self.remove(id)).collect()
            }
            Step::SetState(index, tries) => {
                let id = self.picked(*index);
                id.map(|id| self.set_state(id, *tries))
                    .into_iter()
                    .collect()
            }
            Step::Assign(index, registration) => {
                let id = self.picked(*index);
                id.map(|id| self.assign(id, *registration))
                    .into_iter()
                    .collect()
            }
        }
    }

    fn picked(&self, index: Index) -> Option<u64> {
        let ids: Vec<u64> = self.events.keys().copied().collect();
        (!ids.is_empty()).then(|| *index.get(&ids))
    }

    fn insert(&mut self, change: impl FnOnce(&mut EventRecord)) -> Change {
        self.last += 1;
        let mut event = event(self.last);
        change(&mut event);
        self.events.insert(self.last, event.clone());
        Change::InsertEvent(event)
    }

    fn remove(&mut self, id: u64) -> Change {
        self.events.remove(&id);
        Change::RemoveEvent(EventId(id))
    }

    fn set_state(&mut self, id: u64, tries: u32) -> Change {
        let state = EventState {
            attempts: tries,
            not_before: UnixMillis(id * 7),
            dead: tries.is_multiple_of(3),
        };
        if let Some(event) = self.events.get_mut(&id) {
            event.state = state;
        }
        let event = EventId(id);
        Change::SetEventState { event, state }
    }

    fn assign(&mut self, id: u64, registration: u64) -> Change {
        let registration = RegistrationId(registration);
        if let Some(event) = self.events.get_mut(&id) {
            event.registration = Some(registration);
        }
        let event = EventId(id);
        Change::AssignEvent {
            event,
            registration,
        }
    }
}

/// An event that nobody has is given away.
fn contradiction() -> Change {
    Change::AssignEvent {
        event: EventId(u64::MAX),
        registration: RegistrationId(1),
    }
}

struct Scene {
    _directory: TempDir,
    path: PathBuf,
    store: Option<SqliteStore>,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pushcai.db");
        let mut scene = Self {
            _directory: directory,
            path,
            store: None,
        };
        scene.open(4, &Model::default());
        scene
    }

    /// Opens the store, and compares what it holds.
    fn open(&mut self, shared_rows_from: u32, model: &Model) {
        let settings = StoreSettings {
            shared_rows_from,
            ..StoreSettings::default()
        };
        let (store, snapshot) = SqliteStore::open(&self.path, &settings).unwrap();
        let expected: Vec<EventRecord> = model.events.values().cloned().collect();
        assert!(
            snapshot.events == expected,
            "{} events instead of {}",
            snapshot.events.len(),
            expected.len()
        );
        assert_eq!(snapshot.last_event, model.last);
        self.store = Some(store);
    }

    fn commit(&mut self, changes: &[Change]) -> bool {
        let store = self.store.as_mut().unwrap();
        store.commit(UnixMillis(0), &mut changes.iter()).is_ok()
    }

    /// Runs one commit, and says what the journal should hold afterwards.
    fn run(&mut self, steps: &[Step], end: End, before: &Model) -> Model {
        let mut after = before.clone();
        let sets: Vec<Vec<Change>> = steps.iter().map(|step| after.take(step)).collect();
        let mut changes = sets.concat();
        match end {
            End::Refused => {
                changes.insert(changes.len() / 2, contradiction());
                assert!(!self.commit(&changes));
                return before.clone();
            }
            End::Each => {
                // The bad one begins with an event that it would leave behind.
                let bad = [Change::InsertEvent(event(after.last + 1)), contradiction()];
                let mut sets: Vec<&[Change]> = sets.iter().map(Vec::as_slice).collect();
                sets.push(&bad);
                let store = self.store.as_mut().unwrap();
                let results = store.commit_each(UnixMillis(0), &sets).unwrap();
                let failed = results.iter().position(Result::is_err);
                assert_eq!(failed, Some(sets.len() - 1));
            }
            End::Committed | End::Crash(_) | End::Close(_) => assert!(self.commit(&changes)),
        }
        after
    }

    fn close(&mut self) {
        Box::new(self.store.take().unwrap()).close().unwrap();
    }
}

/// Rows of a table of a database that nobody has open.
fn rows(path: &Path, table: &str) -> u32 {
    let connection = Connection::open(path).unwrap();
    let query = format!("SELECT count(*) FROM {table}");
    connection.query_row(&query, [], |row| row.get(0)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_journal_is_what_a_map_says(
        history in prop::collection::vec((prop::collection::vec(step(), 1..5), end()), 1..24),
    ) {
        let mut scene = Scene::new();
        let mut model = Model::default();
        for (steps, end) in &history {
            model = scene.run(steps, *end, &model);
            match end {
                End::Crash(least) => {
                    // A drop leaves the files as a kill does.
                    scene.store = None;
                    scene.open(*least, &model);
                }
                End::Close(least) => {
                    scene.close();
                    scene.open(*least, &model);
                }
                End::Committed | End::Each | End::Refused => {}
            }
        }
        scene.store = None;
        scene.open(4, &model);
        // Nothing stays behind when every event is gone.
        model = scene.run(&[Step::RemoveFirst(usize::MAX)], End::Committed, &model);
        scene.close();
        for table in ["events", "batches", "gone"] {
            prop_assert_eq!(rows(&scene.path, table), 0, "{}", table);
        }
        scene.open(4, &model);
    }
}

/// Removes all but one of 64, a hundred times.
#[test]
fn a_few_that_stay_do_not_keep_the_room_of_many() {
    let mut scene = Scene::new();
    let mut model = Model::default();
    for _ in 0..100 {
        model = scene.run(&[Step::Insert(64, 0)], End::Committed, &model);
        let all = model.last - 63..=model.last;
        let stays = model.last - 30;
        let gone = all.filter(|id| *id != stays);
        let gone: Vec<Change> = gone.map(|id| model.remove(id)).collect();
        assert!(scene.commit(&gone));
    }
    scene.close();
    let batches = rows(&scene.path, "batches");
    assert!((1..=20).contains(&batches), "{batches}");
    assert_eq!(rows(&scene.path, "events") + batches, 100);
    assert_eq!(rows(&scene.path, "gone"), batches);
    scene.open(4, &model);
}

#[test]
fn many_that_come_at_once_share_rows_and_a_few_do_not() {
    let mut scene = Scene::new();
    let mut model = Model::default();
    for step in [
        Step::Insert(3, 0),
        Step::Insert(130, 0),
        Step::InsertLarge(4),
    ] {
        model = scene.run(&[step], End::Committed, &model);
    }
    scene.close();
    // 64 and 64 of the 130, and the four small ones; two of the 130 and the large one are left over.
    assert_eq!(rows(&scene.path, "batches"), 3);
    assert_eq!(rows(&scene.path, "events"), 3 + 2 + 1);
    scene.open(4, &model);
}

#[test]
fn what_becomes_of_an_event_stands_in_a_row_of_its_own() {
    let mut scene = Scene::new();
    let mut model = Model::default();
    model = scene.run(&[Step::Insert(64, 0)], End::Committed, &model);
    let changes = [model.set_state(7, 2), model.assign(9, 5)];
    assert!(scene.commit(&changes));
    scene.close();
    let connection = Connection::open(&scene.path).unwrap();
    let query = "SELECT sum(id), sum(attempts), max(registration) FROM events";
    let row = connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    assert_eq!(row.unwrap(), (7 + 9, 2, 5));
    drop(connection);
    scene.open(4, &model);
}
