//! What a store refuses to open, and that it leaves it as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::support::{event, insert, registration, remember, segment};
use push_core::{Change, EventId, RegistrationRecord};
use push_message::{PushApplicationId, UnixMillis};
use push_store::{SqliteStore, Store as _, StoreError, StoreSettings};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

fn scene() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pushcai.db");
    (directory, path)
}

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, &StoreSettings::default()).map(|(store, _)| store)
}

/// A database with some rows; its log is in the file, or left beside it.
fn filled(path: &Path, clean: bool) {
    let mut store = open(path).unwrap();
    let mut changes = vec![Change::PutRegistration(registration(1).into())];
    changes.extend((1..=300).map(insert));
    changes.push(remember(1, 1_000));
    // The first ones have rows of their own then, and the second batch is there in part.
    changes.extend((1..=80).map(|id| Change::SetEventState {
        event: EventId(id),
        state: event(id).state,
    }));
    store.commit(UnixMillis(0), &mut changes.iter()).unwrap();
    if clean {
        Box::new(store).close().unwrap();
    }
}

/// Names and octets of everything in the directory.
fn octets(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    files.sort_unstable();
    files
}

fn refusal(path: &Path) -> StoreError {
    let before = octets(path);
    let error = open(path).unwrap_err();
    assert!(before == octets(path), "a file was touched: {error}");
    error
}

/// Runs statements as another program would.
fn tamper(path: &Path, statements: &str, keep_log: bool) {
    let connection = Connection::open(path).unwrap();
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log)
        .unwrap();
    connection
        .query_row("PRAGMA locking_mode=EXCLUSIVE", [], |_| Ok(()))
        .unwrap();
    connection.execute_batch(statements).unwrap();
    connection.close().unwrap();
}

#[test]
fn what_is_no_database_is_left_alone() {
    for content in [&b""[..], b"notes", &[b'x'; 5_000]] {
        let (_directory, path) = scene();
        fs::write(&path, content).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    for keep_log in [false, true] {
        let (_directory, path) = scene();
        let statements = "PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1);";
        tamper(&path, statements, keep_log);
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
}

#[test]
fn a_later_version_is_left_alone() {
    for keep_log in [false, true] {
        let (_directory, path) = scene();
        filled(&path, true);
        tamper(&path, "PRAGMA user_version=99", keep_log);
        let error = refusal(&path);
        assert!(
            matches!(error, StoreError::Newer { found: 99, .. }),
            "{error}"
        );
    }
}

#[test]
fn another_schema_is_left_alone() {
    for statements in [
        "DROP TABLE remembered",
        "ALTER TABLE events ADD COLUMN note TEXT",
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events; END",
    ] {
        let (_directory, path) = scene();
        filled(&path, true);
        tamper(&path, statements, false);
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
}

#[test]
fn rows_that_do_not_decode_are_left_alone() {
    for statements in [
        "UPDATE events SET push = x'0101' WHERE id = 7",
        "UPDATE events SET push = CAST(x'ff' || substr(push, 2) AS BLOB) WHERE id = 7",
        "UPDATE registrations SET state = 'asleep'",
        "UPDATE registrations SET profiles = 'OTA-WSP'",
        "UPDATE registrations SET whitelist = '..'",
        "UPDATE remembered SET records = x'00'",
        "UPDATE batches SET events = CAST(x'02' || substr(events, 2) AS BLOB)",
        "UPDATE batches SET events = substr(events, 1, length(events) - 1)",
        "UPDATE batches SET events = x'01'",
        "UPDATE batches SET id = 100 WHERE id = 129",
        "DELETE FROM batches WHERE id = 65",
        "DELETE FROM gone",
        "UPDATE gone SET events = 0",
        "UPDATE gone SET events = -1",
        "INSERT INTO gone VALUES (257, 1 << 50)",
        "INSERT INTO events SELECT 200, registration, received, attempts, not_before, dead, push FROM events WHERE id = 7",
    ] {
        let (_directory, path) = scene();
        filled(&path, true);
        tamper(&path, statements, false);
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_damaged_page_is_found_after_an_unclean_end() {
    let (_directory, path) = scene();
    filled(&path, true);
    let mut store = open(&path).unwrap();
    let removals: Vec<_> = (1..=300)
        .map(|id| Change::RemoveEvent(EventId(id)))
        .collect();
    store.commit(UnixMillis(0), &mut removals.iter()).unwrap();
    Box::new(store).close().unwrap();
    let mut store = open(&path).unwrap();
    store
        .commit(UnixMillis(0), &mut [insert(1_000)].iter())
        .unwrap();
    drop(store);
    // The list of free pages is on no path that opening takes, but for the check of the whole.
    let mut content = fs::read(&path).unwrap();
    let list = u32::from_be_bytes(*content[32..].first_chunk().unwrap()) as usize;
    assert_ne!(list, 0);
    content[(list - 1) * 4_096..][..96].fill(0xff);
    fs::write(&path, content).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn a_truncated_database_is_left_alone() {
    let (_directory, path) = scene();
    filled(&path, true);
    let content = fs::read(&path).unwrap();
    for length in [10, 99, 100, 4_096, content.len() - 4_096, content.len() - 1] {
        fs::write(&path, &content[..length]).unwrap();
        let error = refusal(&path);
        assert!(
            matches!(
                error,
                StoreError::Damaged { .. } | StoreError::Foreign { .. }
            ),
            "{length}: {error}"
        );
    }
}

#[test]
fn a_log_without_its_database_is_left_alone() {
    let (_directory, path) = scene();
    filled(&path, false);
    fs::remove_file(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn what_an_unfinished_start_left_is_replaced() {
    let (_directory, path) = scene();
    fs::write(path.with_file_name("pushcai.db-new"), b"half").unwrap();
    fs::write(path.with_file_name("pushcai.db-new-journal"), b"half").unwrap();
    filled(&path, true);
    assert_eq!(octets(&path).len(), 1);
}

#[test]
fn two_stores_do_not_share_a_database() {
    let (_directory, path) = scene();
    let mut first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    first
        .commit(UnixMillis(0), &mut [insert(1)].iter())
        .unwrap();
    let busy = Connection::open(&path).unwrap();
    busy.busy_timeout(std::time::Duration::ZERO).unwrap();
    let read = busy.query_row("SELECT count(*) FROM events", [], |row| {
        row.get::<_, u32>(0)
    });
    assert!(read.is_err(), "the store holds the database alone");
    drop((first, busy));
    open(&path).unwrap();
}

#[test]
fn two_processes_do_not_share_a_database() {
    let (_directory, path) = scene();
    let store = open(&path).unwrap();
    assert_eq!(open_in_child(&path, None), "InUse");
    drop(store);
    assert_eq!(open_in_child(&path, None), "Open");
}

#[test]
fn a_database_that_another_program_reads_is_in_use() {
    let (_directory, path) = scene();
    filled(&path, true);
    let reader = Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM events;")
        .unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(reader);
    open(&path).unwrap();
}

#[test]
fn what_cannot_be_written_is_named() {
    let (directory, path) = scene();
    let missing = directory.path().join("missing/pushcai.db");
    let error = open(&missing).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");

    filled(&path, true);
    allow(directory.path(), 0o555);
    allow(&path, 0o666);
    assert_eq!(open_in_child(&path, nobody()), "NotWritable");
    allow(directory.path(), 0o777);
    allow(&path, 0o444);
    let before = octets(&path);
    assert_eq!(open_in_child(&path, nobody()), "NotWritable");
    assert!(before == octets(&path));
    allow(&path, 0o666);
    assert_eq!(open_in_child(&path, nobody()), "Open");
}

#[test]
fn a_database_of_version_1_is_read() {
    let (_directory, path) = scene();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(include_str!("fixtures/version-1.sql"))
        .unwrap();
    connection.close().unwrap();
    let (store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    assert_eq!(snapshot.registrations, [registration(1)]);
    assert_eq!(snapshot.events, [event(7), event(8)]);
    assert_eq!(snapshot.remembered.len(), 2);
    assert_eq!((snapshot.last_event, snapshot.last_registration), (12, 3));
    assert!(snapshot.segments.is_empty());
    let mut store = store;
    let put = [Change::PutSegment(segment(3))];
    store.commit(UnixMillis(1), &mut put.iter()).unwrap();
    Box::new(store).close().unwrap();
    let (_store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    assert_eq!(snapshot.segments, [segment(3)]);
    assert_eq!(snapshot.events, [event(7), event(8)]);
    assert_eq!(snapshot.registrations, [registration(1)]);
}

#[test]
fn a_database_of_version_2_is_read() {
    let (_directory, path) = scene();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(include_str!("fixtures/version-2.sql"))
        .unwrap();
    connection.close().unwrap();
    let (mut store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    assert_eq!(snapshot.registrations, [registration(1)]);
    assert_eq!(snapshot.events, [event(7)]);
    assert_eq!(snapshot.segments, [segment(3)]);
    let observer = RegistrationRecord {
        observes: true,
        push_application_id: PushApplicationId::ANY,
        ..registration(4)
    };
    let put = [Change::PutRegistration(Arc::new(observer.clone()))];
    store.commit(UnixMillis(1), &mut put.iter()).unwrap();
    Box::new(store).close().unwrap();
    let (_store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    assert_eq!(snapshot.registrations, [registration(1), observer]);
    assert_eq!(snapshot.events, [event(7)]);
    assert_eq!(snapshot.segments, [segment(3)]);
}

#[test]
fn a_database_of_version_3_is_read() {
    let (_directory, path) = scene();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(include_str!("fixtures/version-3.sql"))
        .unwrap();
    connection.close().unwrap();
    let observer = RegistrationRecord {
        observes: true,
        ..registration(1)
    };
    let (mut store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    assert_eq!(snapshot.registrations, std::slice::from_ref(&observer));
    assert_eq!(snapshot.events, [event(7)]);
    assert_eq!(snapshot.segments, [segment(3)]);
    assert_eq!((snapshot.last_event, snapshot.last_registration), (12, 3));
    let mut changes: Vec<Change> = (13..33).map(insert).collect();
    changes.extend([7, 14].map(|id| Change::RemoveEvent(EventId(id))));
    store.commit(UnixMillis(1), &mut changes.iter()).unwrap();
    Box::new(store).close().unwrap();
    let (_store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    let left: Vec<_> = (13..33).filter(|id| *id != 14).map(event).collect();
    assert_eq!(snapshot.events, left);
    assert_eq!(snapshot.registrations, [observer]);
    assert_eq!(snapshot.segments, [segment(3)]);
}

#[test]
fn an_empty_database_of_ours_is_brought_up_to_date() {
    let (_directory, path) = scene();
    tamper(&path, "PRAGMA application_id=0x50757368; VACUUM;", false);
    filled(&path, true);
    let (_store, snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
    assert_eq!(snapshot.events.len(), 300);
}

fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Permissions do not bind root, who can be somebody else instead.
fn nobody() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(65_534)
}

const CHILD_PATH: &str = "PUSH_STORE_OPEN_PATH";

/// Opens the database in another process; the answer is the name of the error, or `Open`.
fn open_in_child(path: &Path, user: Option<u32>) -> String {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "open::child_opens",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_PATH, path);
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.split_once("opened: "));
    line.map(|(_, answer)| answer.to_owned()).unwrap()
}

/// Not a test of its own: what [`open_in_child`] runs.
#[test]
fn child_opens() {
    let Some(path) = std::env::var_os(CHILD_PATH) else {
        return;
    };
    let answer = match open(Path::new(&path)) {
        Ok(_) => "Open",
        Err(StoreError::InUse { .. }) => "InUse",
        Err(StoreError::NotWritable { .. }) => "NotWritable",
        Err(_) => "other",
    };
    println!("opened: {answer}");
}
