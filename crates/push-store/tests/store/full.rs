//! What a store does when there is no room.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::support::{event, insert};
use push_core::{Change, EventId, Snapshot};
use push_message::UnixMillis;
use push_store::{Durability, SqliteStore, Store as _, StoreError, StoreSettings};

/// A commit of so many events.
const BATCH: u64 = 16;

fn commit(store: &mut SqliteStore, batch: u64) -> Result<(), StoreError> {
    let inserts: Vec<Change> = (1..=BATCH)
        .map(|number| insert(batch * BATCH + number))
        .collect();
    store.commit(UnixMillis(0), &mut inserts.iter())
}

/// Commits batch after batch until one fails, and says which.
fn fill(store: &mut SqliteStore, from: u64) -> (u64, StoreError) {
    for batch in from..100_000 {
        match commit(store, batch) {
            Ok(()) => store.maintain(false).unwrap_or_default(),
            Err(error) => return (batch, error),
        }
    }
    panic!("the bound was never met");
}

/// Checks that whole batches are there and nothing else.
fn check(snapshot: &Snapshot, batches: impl Iterator<Item = u64>) {
    let expected: Vec<_> = batches
        .flat_map(|batch| (1..=BATCH).map(move |number| event(batch * BATCH + number)))
        .collect();
    assert!(
        snapshot.events == expected,
        "{} events",
        snapshot.events.len()
    );
}

#[test]
fn a_database_at_its_bound_takes_changes_again_once_events_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pushcai.db");
    let settings = StoreSettings {
        max_pages: Some(64),
        ..StoreSettings::default()
    };
    let (mut store, _) = SqliteStore::open(&path, &settings).unwrap();
    let (failed, error) = fill(&mut store, 0);
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(commit(&mut store, failed).is_err());
    let removals: Vec<Change> = (1..=2 * BATCH)
        .map(|id| Change::RemoveEvent(EventId(id)))
        .collect();
    store.commit(UnixMillis(0), &mut removals.iter()).unwrap();
    commit(&mut store, failed).unwrap();
    drop(store);
    let (_store, snapshot) = SqliteStore::open(&path, &settings).unwrap();
    check(&snapshot, 2..=failed);
}

/// Every event of rows that are shared can go, whichever goes first, where no page is left.
fn let_go_one_by_one(octets: usize, together: u64) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pushcai.db");
    let settings = StoreSettings {
        durability: Durability::Process,
        max_pages: Some(256),
        ..StoreSettings::default()
    };
    let (mut store, _) = SqliteStore::open(&path, &settings).unwrap();
    let (mut last, mut shared) = (0, 0);
    for (count, octets) in [(together, octets), (1, octets), (1, 1)] {
        let mut insert = |last: u64| {
            let changes: Vec<Change> = (1..=count).map(|next| sized(last + next, octets)).collect();
            store.commit(UnixMillis(0), &mut changes.iter())
        };
        while insert(last).is_ok() {
            last += count;
        }
        if count == together {
            shared = last;
        }
    }
    for position in (1..=together).rev() {
        for first in (0..shared).step_by(usize::try_from(together).unwrap()) {
            let removal = [Change::RemoveEvent(EventId(first + position))];
            let removed = store.commit(UnixMillis(0), &mut removal.iter());
            assert!(removed.is_ok(), "{first} {position} {removed:?}");
        }
    }
    drop(store);
    let (_store, snapshot) = SqliteStore::open(&path, &settings).unwrap();
    let left: Vec<u64> = snapshot.events.iter().map(|event| event.id.0).collect();
    assert_eq!(left, (shared + 1..=last).collect::<Vec<_>>());
}

fn sized(id: u64, octets: usize) -> Change {
    let mut event = event(id);
    let mut push = event.push.as_ref().clone();
    push.message.content = vec![0x5a; octets].into();
    event.push = Arc::new(push);
    Change::InsertEvent(event)
}

#[test]
fn a_database_at_its_bound_lets_go_of_events_that_share_rows() {
    // What is left of large ones moves to rows of its own; to mark which of many small ones are gone takes pages.
    let_go_one_by_one(3_900, 16);
    let_go_one_by_one(8, 4);
}

#[test]
fn a_full_file_system_fails_commits_until_there_is_room() {
    let Some(mount) = Mount::new() else {
        eprintln!("skipped: no file system may be mounted here");
        return;
    };
    let path = mount.0.join("pushcai.db");
    let ballast = mount.0.join("ballast");
    fs::write(&ballast, vec![1; 600 << 10]).unwrap();
    let (mut store, _) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    let (failed, error) = fill(&mut store, 0);
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    fs::remove_file(&ballast).unwrap();
    let (failed_again, error) = fill(&mut store, failed);
    assert!(failed_again > failed, "the room made is used");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    drop(store);
    let (store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    check(&snapshot, 0..failed_again);
    drop(store);
}

/// A file system of 1 MiB, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap().keep();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "pushcai-test"])
            .arg(&directory)
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(directory));
        }
        fs::remove_dir(&directory).unwrap();
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
        fs::remove_dir(&self.0).unwrap();
    }
}

const CHILD_PATH: &str = "PUSH_STORE_FULL_PATH";

/// Files may have this many blocks of 512 octets in the child.
const BLOCKS: u32 = 1_024;

#[test]
fn a_bound_on_file_sizes_is_met_without_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pushcai.db");
    // The signal that comes with the bound is ignored, as a service manager can have it; the write fails then.
    let script = format!(r#"trap '' XFSZ; ulimit -f {BLOCKS}; exec "$0" "$@""#);
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "full::child_fills",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_PATH, &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = text.lines().find_map(|line| line.split_once("failed at "));
    let (first, second) = numbers
        .and_then(|(_, numbers)| numbers.split_once(' '))
        .unwrap();
    let (first, second): (u64, u64) = (first.parse().unwrap(), second.parse().unwrap());
    assert!(second > first, "moving the log makes room for more");
    let (_store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    check(&snapshot, 0..second);
}

/// Not a test of its own: fills the store until the log meets the bound, moves the log, and fills it again.
#[test]
fn child_fills() {
    let Some(path) = std::env::var_os(CHILD_PATH) else {
        return;
    };
    let (mut store, _) = SqliteStore::open(Path::new(&path), &StoreSettings::default()).unwrap();
    let (first, _) = fill(&mut store, 0);
    store.maintain(true).unwrap();
    let (second, _) = fill(&mut store, first);
    println!("failed at {first} {second}");
}
