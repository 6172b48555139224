//! What durability costs: syncs, counted from outside.

use std::fs;
use std::path::Path;
use std::process::Command;

use push_message::UnixMillis;
use push_store::{Durability, SqliteStore, Store as _, StoreSettings};

use crate::support::{insert, remember};

const CHILD_PATH: &str = "PUSH_STORE_SYNCS_PATH";
const CHILD_COMMITS: &str = "PUSH_STORE_SYNCS_COMMITS";
const CHILD_DURABILITY: &str = "PUSH_STORE_SYNCS_DURABILITY";

#[test]
fn power_loss_durability_is_one_sync_a_commit() {
    let (Some(few), Some(many)) = (syncs("PowerLoss", 10), syncs("PowerLoss", 90)) else {
        eprintln!("skipped: strace cannot trace here");
        return;
    };
    assert_eq!(many - few, 80);
}

#[test]
fn process_durability_is_no_sync_a_commit() {
    let (Some(few), Some(many)) = (syncs("Process", 10), syncs("Process", 90)) else {
        eprintln!("skipped: strace cannot trace here");
        return;
    };
    assert_eq!(many, few);
}

/// Syncs of a process that opens a store and commits so many times.
fn syncs(durability: &str, commits: u64) -> Option<usize> {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let status = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=fsync,fdatasync,sync_file_range,sync",
            "-o",
        ])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "syncs::child_commits", "--test-threads=1"])
        .env(CHILD_PATH, directory.path().join("pushcai.db"))
        .env(CHILD_COMMITS, commits.to_string())
        .env(CHILD_DURABILITY, durability)
        .output()
        .ok()?
        .status;
    let trace = fs::read_to_string(trace).ok()?;
    status
        .success()
        .then(|| trace.lines().filter(|line| line.contains("sync(")).count())
}

/// Not a test of its own: what [`syncs`] runs.
#[test]
fn child_commits() {
    let Some(path) = std::env::var_os(CHILD_PATH) else {
        return;
    };
    let settings = StoreSettings {
        durability: match std::env::var(CHILD_DURABILITY).unwrap().as_str() {
            "PowerLoss" => Durability::PowerLoss,
            _ => Durability::Process,
        },
        ..StoreSettings::default()
    };
    let commits: u64 = std::env::var(CHILD_COMMITS).unwrap().parse().unwrap();
    let (mut store, _) = SqliteStore::open(Path::new(&path), &settings).unwrap();
    store.maintain(true).unwrap();
    for number in 1..=commits {
        let changes = [insert(number), remember(number, number + 300_000)];
        store.commit(UnixMillis(0), &mut changes.iter()).unwrap();
        store.maintain(false).unwrap();
    }
}
