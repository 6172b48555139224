//! What a store keeps, and that it keeps it exactly.

use std::path::{Path, PathBuf};

use crate::support::{event, insert, registration, remember, segment};
use push_core::{Change, EventId, EventState, RegistrationId, SegmentId, SegmentRecord, Snapshot};
use push_message::UnixMillis;
use push_store::{SqliteStore, Store as _, StoreError, StoreSettings};
use tempfile::TempDir;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("pushcai.db")
    }

    fn open(&self) -> (SqliteStore, Snapshot) {
        SqliteStore::open(&self.path(), &StoreSettings::default()).unwrap()
    }

    /// What another start would find.
    fn read(&self) -> Snapshot {
        let (store, snapshot) = self.open();
        Box::new(store).close().unwrap();
        snapshot
    }
}

fn commit(store: &mut SqliteStore, changes: &[Change]) -> Result<(), StoreError> {
    store.commit(NOW, &mut changes.iter())
}

fn ids(snapshot: &Snapshot) -> Vec<u64> {
    snapshot.events.iter().map(|event| event.id.0).collect()
}

fn exists(path: &Path, suffix: &str) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    Path::new(&name).exists()
}

#[test]
fn a_new_store_is_empty_and_leaves_no_log_behind() {
    let scene = Scene::new();
    let snapshot = scene.read();
    assert!(snapshot.registrations.is_empty() && snapshot.events.is_empty());
    assert_eq!((snapshot.last_event, snapshot.last_registration), (0, 0));
    assert!(scene.path().exists());
    for suffix in ["-wal", "-shm", "-journal", "-new"] {
        assert!(!exists(&scene.path(), suffix), "{suffix}");
    }
}

#[test]
fn everything_comes_back_after_a_drop_without_close() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let changes = [
        Change::PutRegistration(registration(1).into()),
        insert(1),
        insert(2),
        remember(7, NOW.0 + 300_000),
    ];
    commit(&mut store, &changes).unwrap();
    drop(store);
    assert!(exists(&scene.path(), "-wal"));
    let snapshot = scene.read();
    assert_eq!(snapshot.registrations, [registration(1)]);
    assert_eq!(snapshot.events, [event(1), event(2)]);
    assert_eq!(snapshot.remembered.len(), 1);
    assert_eq!(scene.read().events, snapshot.events);
}

#[test]
fn changes_of_an_event_follow_its_row() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let state = EventState {
        attempts: 3,
        not_before: UnixMillis(u64::MAX),
        dead: true,
    };
    let assign = Change::AssignEvent {
        event: EventId(2),
        registration: RegistrationId(u64::MAX),
    };
    let set = Change::SetEventState {
        event: EventId(2),
        state,
    };
    commit(&mut store, &[insert(1), insert(2), insert(3)]).unwrap();
    commit(&mut store, &[assign, set, Change::RemoveEvent(EventId(1))]).unwrap();
    drop(store);
    let mut expected = event(2);
    expected.registration = Some(RegistrationId(u64::MAX));
    expected.state = state;
    assert_eq!(scene.read().events, [expected, event(3)]);
}

#[test]
fn the_last_ids_outlive_their_rows() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    commit(
        &mut store,
        &[
            insert(8),
            insert(9),
            Change::PutRegistration(registration(5).into()),
        ],
    )
    .unwrap();
    commit(&mut store, &[Change::RemoveEvent(EventId(9))]).unwrap();
    commit(
        &mut store,
        &[
            Change::RemoveEvent(EventId(8)),
            Change::RemoveRegistration(RegistrationId(5)),
        ],
    )
    .unwrap();
    drop(store);
    let snapshot = scene.read();
    assert!(snapshot.events.is_empty() && snapshot.registrations.is_empty());
    assert_eq!((snapshot.last_event, snapshot.last_registration), (9, 5));
}

#[test]
fn a_bad_change_leaves_nothing_of_its_commit() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    commit(&mut store, &[insert(1)]).unwrap();
    let error = commit(&mut store, &[insert(2), insert(1)]).unwrap_err();
    assert!(error.is_change(), "{error}");
    let missing = Change::AssignEvent {
        event: EventId(7),
        registration: RegistrationId(1),
    };
    let error = commit(&mut store, &[insert(3), missing]).unwrap_err();
    assert!(error.is_change(), "{error}");
    commit(&mut store, &[insert(4)]).unwrap();
    drop(store);
    let snapshot = scene.read();
    assert_eq!(ids(&snapshot), [1, 4]);
    assert_eq!(snapshot.last_event, 4);
}

#[test]
fn a_bad_set_fails_alone() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let sets: [&[Change]; 3] = [
        &[insert(1), remember(1, NOW.0 + 1)],
        &[insert(2), insert(1), remember(2, NOW.0 + 1)],
        &[insert(3)],
    ];
    let results = store.commit_each(NOW, &sets).unwrap();
    let fine: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(fine, [true, false, true]);
    drop(store);
    let snapshot = scene.read();
    assert_eq!(ids(&snapshot), [1, 3]);
    assert_eq!(snapshot.remembered.len(), 1);
}

#[test]
fn removals_by_range_take_nothing_else() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let all: Vec<u64> = vec![1, 2, 3, 5, 6, 9, i64::MAX as u64, 1 << 63, u64::MAX];
    let inserts: Vec<Change> = all.iter().copied().map(insert).collect();
    commit(&mut store, &inserts).unwrap();
    let removals = [5, 2, 3, 3, 77, i64::MAX as u64, 1 << 63];
    let removals: Vec<Change> = removals
        .into_iter()
        .map(|id| Change::RemoveEvent(EventId(id)))
        .collect();
    commit(&mut store, &removals).unwrap();
    drop(store);
    assert_eq!(ids(&scene.read()), [1, 6, 9, u64::MAX]);
}

#[test]
fn outlived_transmissions_are_forgotten_in_passing() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    for number in 0..40 {
        commit(&mut store, &[remember(number, NOW.0 + 1_000)]).unwrap();
    }
    commit(&mut store, &[remember(100, NOW.0 + 900_000)]).unwrap();
    let later = UnixMillis(NOW.0 + 40_000);
    for number in 1..=5 {
        store.commit(later, &mut [insert(number)].iter()).unwrap();
    }
    drop(store);
    let snapshot = scene.read();
    let ends: Vec<u64> = snapshot
        .remembered
        .iter()
        .map(|(_, until)| until.0)
        .collect();
    assert_eq!(ends, [NOW.0 + 900_000]);
}

#[test]
fn remembered_transmissions_have_a_bound() {
    let scene = Scene::new();
    let settings = StoreSettings {
        max_remembered: 300,
        ..StoreSettings::default()
    };
    let (mut store, _) = SqliteStore::open(&scene.path(), &settings).unwrap();
    for start in 0..20 {
        let batch: Vec<Change> = (0..64)
            .map(|number| remember(start * 64 + number, NOW.0 + 300_000 + start))
            .collect();
        commit(&mut store, &batch).unwrap();
    }
    drop(store);
    let remembered = scene.read().remembered.len();
    assert!((200..=300).contains(&remembered), "{remembered}");
}

#[test]
fn the_log_is_moved_and_used_again() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let mut log = scene.path().into_os_string();
    log.push("-wal");
    let mut sizes = Vec::new();
    for round in 0..200_u64 {
        let inserts: Vec<Change> = (1..=64).map(|number| insert(round * 64 + number)).collect();
        commit(&mut store, &inserts).unwrap();
        store.maintain(false).unwrap();
        sizes.push(std::fs::metadata(&log).unwrap().len());
    }
    let greatest = *sizes.iter().max().unwrap();
    assert!(greatest < 6 << 20, "{greatest}");
    assert_eq!(sizes.last(), Some(&greatest), "the log is not truncated");
    Box::new(store).close().unwrap();
    assert!(!Path::new(&log).exists());
    assert_eq!(scene.read().events.len(), 200 * 64);
}

#[test]
fn a_log_that_was_only_given_room_is_no_damage() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    store.maintain(true).unwrap();
    drop(store);
    assert!(exists(&scene.path(), "-wal"));
    let (mut store, _) = scene.open();
    store.maintain(true).unwrap();
    commit(&mut store, &[insert(1)]).unwrap();
    drop(store);
    assert_eq!(ids(&scene.read()), [1]);
}

#[test]
fn segments_come_are_replaced_and_go() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let put = [3, 1, 2].map(|number| Change::PutSegment(segment(number)));
    commit(&mut store, &put).unwrap();
    let again = SegmentRecord {
        octets: Box::from(*b"other"),
        ..segment(2)
    };
    commit(&mut store, &[Change::PutSegment(again.clone())]).unwrap();
    drop(store);
    assert_eq!(scene.read().segments, [segment(1), again, segment(3)]);

    let (mut store, _) = scene.open();
    let gone = [SegmentId(1), SegmentId(3), SegmentId(7)];
    commit(&mut store, &[Change::RemoveSegments(gone.into())]).unwrap();
    commit(&mut store, &[Change::RemoveSegments(gone.into())]).unwrap();
    drop(store);
    let left: Vec<_> = scene
        .read()
        .segments
        .iter()
        .map(|segment| segment.id)
        .collect();
    assert_eq!(left, [SegmentId(2)]);
}

#[test]
fn segments_go_with_the_event_made_of_them_or_stay() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let put = [1, 2].map(|number| Change::PutSegment(segment(number)));
    commit(&mut store, &put).unwrap();
    let whole = Change::RemoveSegments([SegmentId(1), SegmentId(2)].into());
    let contradiction = Change::SetEventState {
        event: EventId(9),
        state: event(9).state,
    };
    let error = commit(&mut store, &[insert(5), whole.clone(), contradiction]).unwrap_err();
    assert!(error.is_change(), "{error}");
    drop(store);
    let snapshot = scene.read();
    assert_eq!((snapshot.events.len(), snapshot.segments.len()), (0, 2));

    let (mut store, _) = scene.open();
    commit(&mut store, &[insert(5), whole]).unwrap();
    drop(store);
    let snapshot = scene.read();
    assert_eq!((ids(&snapshot), snapshot.segments.len()), (vec![5], 0));
}
