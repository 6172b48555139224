//! A disk that is full, and one that is read-only.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

use crate::bench::{Bench, Daemon};
use crate::gateway;

/// A small file system of its own, where this user may mount one.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Nothing, with a word, where this user may not mount; where CI=true that is a failure.
    fn mount(path: &Path, flags: MountFlags) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = mount("tmpfs", path, "tmpfs", flags, c"size=1m,mode=0700");
        if let Err(error) = mounted {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "cannot mount a file system: {error}"
            );
            eprintln!("skipped: this user may not mount a file system ({error})");
            return None;
        }
        Some(Self {
            path: path.to_owned(),
        })
    }

    /// Fills it to the last octet.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(&self.path, UnmountFlags::DETACH).ok();
    }
}

/// A registration too large for what is left anywhere.
fn large_registration(daemon: &Daemon, number: usize) -> (u16, Value) {
    let label = "a".repeat(60);
    let host = |index: usize| format!("{index:02}.{label}.{label}.{label}.example");
    let whitelist: Vec<String> = (0..60).map(host).collect();
    let request =
        json!({ "pushApplicationID": format!("x-acme:{number}"), "whitelist": whitelist });
    daemon.request("POST", "/v1/registrations", Some(&request))
}

/// Pushes and registers until the store cannot write, frees it, and sees the service resume.
fn refuses_and_resumes(daemon: &Daemon, make_room: impl FnOnce(&Daemon)) {
    let gateway = gateway();
    let body = vec![0x42; 20_000];
    let judged = |status: &Value| -> u64 {
        let counters = status["counters"].as_object().unwrap().iter();
        counters
            .filter(|(name, _)| name.starts_with("pushes."))
            .filter_map(|(_, count)| count.as_u64())
            .sum()
    };
    let refused = (1..=200).any(|count| {
        daemon.push(&gateway, u8::try_from(count).unwrap(), &body);
        let status = daemon.status_until(|status| judged(status) == count);
        status["counters"]["pushes.noRoom"] == 1
    });
    assert!(refused, "the store never got full");
    assert!(daemon.status()["storeFailure"].is_string());
    let answer = (0..100)
        .map(|number| large_registration(daemon, number))
        .find(|(status, _)| *status != 201);
    let (status, problem) = answer.expect("a registration that finds no room");
    assert_eq!(
        (status, &problem["reason"]),
        (507, &json!("storeFailed")),
        "{problem}"
    );

    let before = judged(&daemon.status());
    make_room(daemon);
    daemon.push(&gateway, 255, b"room again");
    let status = daemon.status_until(|status| judged(status) == before + 1);
    assert_eq!(status["counters"]["pushes.noRoom"], 1, "{status}");
    assert_eq!(status["storeFailure"], Value::Null);
    assert_eq!(daemon.register("x-acme:after").0, 201);
}

#[test]
fn a_full_disk_refuses_until_there_is_room() {
    let bench = Bench::new("");
    let Some(disk) = SmallDisk::mount(&bench.state, MountFlags::empty()) else {
        return;
    };
    let daemon = bench.start();
    assert_eq!(daemon.register("4").0, 201);
    // Behind the first answer the store tries to give its log room; the second one tells that it has given that up.
    assert_eq!(daemon.register("x-acme:second").0, 201);
    let filler = disk.fill();
    refuses_and_resumes(&daemon, |_| fs::remove_file(filler).unwrap());
    assert!(daemon.terminate().success());
    let daemon = bench.start();
    assert!(daemon.status()["waitingEvents"].as_u64().unwrap() >= 1);
    daemon.kill();
    drop(disk);
}

#[test]
fn a_full_database_refuses_until_there_is_room() {
    let bench = Bench::new("[store]\nmax_pages = 128\n");
    let daemon = bench.start();
    assert_eq!(daemon.register("4").0, 201);
    refuses_and_resumes(&daemon, |daemon| {
        let (_, events) = daemon.request("GET", "/v1/events?fetch=10", None);
        for event in events.as_array().unwrap() {
            let path = format!("/v1/events/{}/ack", event["id"].as_str().unwrap());
            assert_eq!(
                daemon
                    .request("POST", &path, Some(&json!({ "outcome": "accepted" })))
                    .0,
                200
            );
        }
    });
    assert!(daemon.terminate().success());
}

#[test]
fn a_read_only_disk_is_a_clear_error_at_start() {
    let bench = Bench::new("");
    let Some(disk) = SmallDisk::mount(&bench.state, MountFlags::RDONLY) else {
        return;
    };
    let failed = bench.fail();
    let stderr = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("cannot be written") && stderr.contains(&*disk.path.to_string_lossy()),
        "{stderr}"
    );
}
