//! What a store keeps when its process is killed, or the end of its log is damaged.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{event, insert, remember, segment};
use push_core::{Change, EventId, EventState, PersistTicket, SegmentId, Snapshot};
use push_message::UnixMillis;
use push_store::{
    Durability, SqliteStore, Store as _, StoreSettings, SubmitError, Transaction, Writer,
    WriterSettings,
};

/// An event is removed so many transactions after its insertion, and its state set so many before that.
const LIFE: u64 = 40;
const TRIED: u64 = 30;
/// A segment is removed together with the insertion of the event so many transactions later.
const WAITED: u64 = 5;

const FAR: u64 = u64::MAX;

fn state_of(number: u64) -> EventState {
    EventState {
        attempts: u32::try_from(number % 7).unwrap() + 1,
        not_before: UnixMillis(number * 3),
        dead: number.is_multiple_of(5),
    }
}

/// What transaction `number` does: it tells itself apart from every other, in every table.
fn changes(number: u64) -> Vec<Change> {
    let mut changes = vec![
        Change::PutSegment(segment(number)),
        insert(number),
        remember(number, FAR),
    ];
    if let Some(whole @ 1..) = number.checked_sub(WAITED) {
        changes.push(Change::RemoveSegments([SegmentId(whole)].into()));
    }
    if let Some(tried @ 1..) = number.checked_sub(TRIED) {
        changes.push(Change::SetEventState {
            event: EventId(tried),
            state: state_of(tried),
        });
    }
    if let Some(gone @ 1..) = number.checked_sub(LIFE) {
        changes.push(Change::RemoveEvent(EventId(gone)));
    }
    changes
}

/// Checks that the store holds transactions 1 to some number, each wholly, and says which number.
fn check(snapshot: &Snapshot) -> u64 {
    let last = snapshot.last_event;
    let first = last.saturating_sub(LIFE) + 1;
    let expected: Vec<_> = (first..=last)
        .map(|number| {
            let mut event = event(number);
            if number + TRIED <= last {
                event.state = state_of(number);
            }
            event
        })
        .collect();
    assert!(snapshot.events == expected, "events up to {last}");
    let waiting = last.saturating_sub(WAITED) + 1..=last;
    let waiting: Vec<_> = waiting.map(segment).collect();
    assert!(snapshot.segments == waiting, "segments up to {last}");
    let mut remembered = snapshot.remembered.clone();
    remembered.sort_unstable();
    let all: Vec<Change> = (1..=last).map(|number| remember(number, FAR)).collect();
    let found: Vec<Change> = remembered
        .into_iter()
        .map(|(fingerprint, until)| Change::Remember { fingerprint, until })
        .collect();
    assert!(found == all, "transmissions up to {last}");
    last
}

fn settings(durability: Durability, checkpoint_frames: u32) -> StoreSettings {
    StoreSettings {
        durability,
        checkpoint_frames,
        max_remembered: u32::MAX,
        // Events are in batches even where they come alone.
        shared_rows_from: 1,
        ..StoreSettings::default()
    }
}

const CHILD_PATH: &str = "PUSH_STORE_CRASH_PATH";
const CHILD_DURABILITY: &str = "PUSH_STORE_CRASH_DURABILITY";

#[test]
fn what_was_answered_outlives_a_kill_with_power_loss_durability() {
    kill_and_check(Durability::PowerLoss, 25, 40);
}

#[test]
fn what_was_answered_outlives_a_kill_with_process_durability() {
    kill_and_check(Durability::Process, 50, 600);
}

/// Kills a writing process `rounds` times, each after some number of answers below `most`, on the same database.
fn kill_and_check(durability: Durability, rounds: u64, most: u64) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pushcai.db");
    let settings = settings(durability, 60);
    let mut last = 0;
    for round in 1..=rounds {
        let after = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let answered = run_and_kill(&path, durability, after % most);
        let (store, snapshot) = SqliteStore::open(&path, &settings).unwrap();
        let found = check(&snapshot);
        assert!(
            found >= answered.max(last),
            "{answered} answered, {found} found"
        );
        last = found;
        if round.is_multiple_of(4) {
            Box::new(store).close().unwrap();
        }
    }
    assert!(last > rounds, "something was written at all");
}

/// Runs the child until it has answered `after` transactions or more, kills it, and says the last that it answered.
fn run_and_kill(path: &Path, durability: Durability, after: u64) -> u64 {
    let mut child = spawn(path, durability);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut answered = 0;
    let mut count = 0;
    let mut killed = false;
    let mut line = Vec::new();
    // The pipe still holds what was reported before the kill took effect.
    while lines.read_until(b'\n', &mut line).unwrap() > 0 {
        if let Some(ticket) = parse_report(&line) {
            assert!(ticket > answered, "answers come in order");
            answered = ticket;
            count += 1;
        }
        line.clear();
        if count > after && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself");
    answered
}

fn spawn(path: &Path, durability: Durability) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::child_writes",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_PATH, path)
        .env(CHILD_DURABILITY, format!("{durability:?}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The ticket of a line that is whole.
fn parse_report(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    line.split_once("answered ")?.1.parse().ok()
}

/// Not a test of its own: what [`spawn`] runs, until it is killed.
#[test]
fn child_writes() {
    let Some(path) = std::env::var_os(CHILD_PATH) else {
        return;
    };
    let durability = if std::env::var(CHILD_DURABILITY).unwrap() == "Process" {
        Durability::Process
    } else {
        Durability::PowerLoss
    };
    let (store, snapshot) = SqliteStore::open(Path::new(&path), &settings(durability, 60)).unwrap();
    let (room, has_room) = std::sync::mpsc::channel();
    let settings = WriterSettings {
        queue: 64,
        group: 16,
        ..WriterSettings::default()
    };
    let writer = Writer::start(store, settings, move |group| {
        let mut report = Vec::new();
        for (ticket, result) in group {
            result.unwrap();
            writeln!(report, "answered {}", ticket.0).unwrap();
        }
        std::io::stdout().write_all(&report).unwrap();
        room.send(()).unwrap();
    })
    .unwrap();
    let mut waiting = Vec::new();
    for number in snapshot.last_event + 1.. {
        waiting.push(Transaction {
            ticket: PersistTicket(number),
            now: UnixMillis(number),
            changes: changes(number),
        });
        if waiting.len() < 8 {
            continue;
        }
        while writer.submit(&mut waiting) == Err(SubmitError::Full) {
            has_room.recv().unwrap();
        }
    }
}

const PAGE: usize = 4_096;
const LOG_HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;

/// For each frame of a log that was never used twice: whether it ends a commit.
fn commit_frames(log: &[u8]) -> Vec<bool> {
    log[LOG_HEADER..]
        .chunks_exact(FRAME)
        .map(|frame| frame[4..8] != [0; 4])
        .collect()
}

#[test]
fn a_torn_log_loses_nothing_before_the_tear() {
    let source = tempfile::tempdir().unwrap();
    let path = source.path().join("pushcai.db");
    let settings = settings(Durability::PowerLoss, u32::MAX);
    let (mut store, _) = SqliteStore::open(&path, &settings).unwrap();
    for number in 1..=90 {
        store
            .commit(UnixMillis(0), &mut changes(number).iter())
            .unwrap();
    }
    // A drop leaves the files as a kill does: no log is moved.
    drop(store);
    let database = fs::read(&path).unwrap();
    let log = fs::read(source.path().join("pushcai.db-wal")).unwrap();
    let frames = commit_frames(&log);
    assert_eq!(frames.iter().filter(|&&commits| commits).count(), 90);

    let open_with = |log: &[u8]| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pushcai.db");
        fs::write(&path, &database).unwrap();
        fs::write(directory.path().join("pushcai.db-wal"), log).unwrap();
        let (mut store, snapshot) = SqliteStore::open(&path, &settings).unwrap();
        let last = check(&snapshot);
        // It goes on from there.
        store
            .commit(UnixMillis(0), &mut changes(last + 1).iter())
            .unwrap();
        Box::new(store).close().unwrap();
        let (_store, snapshot) = SqliteStore::open(&path, &settings).unwrap();
        assert_eq!(check(&snapshot), last + 1);
        last
    };
    let whole_before = |offset: usize| {
        let whole = offset.saturating_sub(LOG_HEADER) / FRAME;
        frames[..whole].iter().filter(|&&commits| commits).count() as u64
    };
    assert_eq!(open_with(&log), 90);
    for step in 0..24 {
        let offset = log.len() - 1 - step * 1_111;
        assert_eq!(
            open_with(&log[..offset]),
            whole_before(offset),
            "cut at {offset}"
        );
        let mut flipped = log.clone();
        flipped[offset] ^= 0x40;
        assert_eq!(
            open_with(&flipped),
            whole_before(offset),
            "flipped at {offset}"
        );
        let mut zeroed = log.clone();
        zeroed[offset..].fill(0);
        assert!(
            open_with(&zeroed) >= whole_before(offset),
            "zeroed from {offset}"
        );
    }
}
