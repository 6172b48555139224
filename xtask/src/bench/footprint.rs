//! Start-up time, idle memory and wake-ups, beside oFono's on the same machine.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::Programs;
use super::app::post;
use super::bus::Watcher;
use super::clock::now;
use super::process::{Daemon, Process, SERVER_CORE};
use crate::command;

/// Measured starts of each program; the median counts.
const STARTS: usize = 5;
/// Registrations of the memory measurement.
const REGISTRATIONS: usize = 10_000;
/// How long a program is left alone before its memory is read, and then watched for wake-ups.
const IDLE: Duration = Duration::from_secs(2);

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Footprint {
    /// The daemon with nothing registered.
    pub(crate) ours: Idle,
    /// oFono; absent where it cannot be had.
    pub(crate) ofono: Option<Idle>,
    /// KiB resident with 10,000 registrations made one after the other.
    pub(crate) registered: u64,
    /// KiB resident after starting with 10,000 registrations in the store.
    pub(crate) restarted: u64,
    /// Time to be ready with 10,000 registrations in the store.
    pub(crate) restart: Duration,
    /// Size of the program's file in octets.
    pub(crate) binary: u64,
}

/// A program that has nothing to do.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Idle {
    /// From starting it to its being ready.
    pub(crate) ready: Duration,
    /// KiB resident.
    pub(crate) resident: u64,
    /// KiB resident, shared pages counted in part.
    pub(crate) proportional: u64,
    /// Times that any of its threads was scheduled in two seconds.
    pub(crate) wakeups: u64,
}

/// Starts, watches and ends the programs.
pub(crate) fn measure(programs: &Programs) -> anyhow::Result<Footprint> {
    let directory = tempfile::tempdir()?;
    let (mut ours, mut ofono) = (Vec::new(), Vec::new());
    let peer = ofono_is_here();
    for start in 0..STARTS {
        ours.push(idle_daemon(
            programs,
            &directory.path().join(format!("ours-{start}")),
        )?);
        if peer {
            ofono.push(idle_ofono(
                &directory.path().join(format!("ofono-{start}")),
            )?);
        }
    }
    let mut footprint = Footprint {
        ours: median(ours),
        ofono: peer.then(|| median(ofono)),
        binary: fs::metadata(&programs.pushcaid)?.len(),
        ..Footprint::default()
    };
    many_registrations(programs, &directory.path().join("many"), &mut footprint)?;
    Ok(footprint)
}

fn median(mut all: Vec<Idle>) -> Idle {
    all.sort_unstable_by_key(|idle| idle.ready);
    let ready = all[all.len() / 2].ready;
    all.sort_unstable_by_key(|idle| idle.resident);
    Idle {
        ready,
        ..all[all.len() / 2]
    }
}

/// The second start in a directory counts: the first one makes the database, which a daemon does once in its life.
fn idle_daemon(programs: &Programs, directory: &Path) -> anyhow::Result<Idle> {
    let first = Daemon::start(programs, directory, "power-loss")?;
    first.process.end()?;
    let daemon = Daemon::start(programs, directory, "power-loss")?;
    observe(daemon.process.id(), daemon.ready)
}

/// Ten thousand syncs would measure the disk, so the registrations are written without any.
fn many_registrations(
    programs: &Programs,
    directory: &Path,
    footprint: &mut Footprint,
) -> anyhow::Result<()> {
    let daemon = Daemon::start(programs, directory, "process")?;
    let mut requests = UnixStream::connect(&daemon.socket)?;
    for number in 0..REGISTRATIONS {
        let body = format!(
            r#"{{"pushApplicationID":"x-bench:device.{number}.reading","Accept":"application/json"}}"#
        );
        let answer = post(&mut requests, "/v1/registrations", body.as_bytes())?;
        anyhow::ensure!(
            answer.starts_with("HTTP/1.1 201"),
            "registration {number} was refused: {answer}"
        );
    }
    drop(requests);
    footprint.registered = observe(daemon.process.id(), daemon.ready)?.resident;
    daemon.process.end()?;
    let daemon = Daemon::start(programs, directory, "process")?;
    let idle = observe(daemon.process.id(), daemon.ready)?;
    (footprint.restarted, footprint.restart) = (idle.resident, idle.ready);
    Ok(())
}

/// Leaves the program alone, reads its memory, and counts how often it wakes up.
fn observe(process: u32, ready: Duration) -> anyhow::Result<Idle> {
    std::thread::sleep(IDLE);
    let before = schedulings(process)?;
    std::thread::sleep(IDLE);
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    Ok(Idle {
        ready,
        resident: kibibytes(&rollup, "Rss:")?,
        proportional: kibibytes(&rollup, "Pss:")?,
        wakeups: schedulings(process)?.saturating_sub(before),
    })
}

fn kibibytes(text: &str, name: &str) -> anyhow::Result<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .context("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Voluntary and involuntary switches of all threads so far.
fn schedulings(process: u32) -> anyhow::Result<u64> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        let counts = status
            .lines()
            .filter(|line| line.contains("ctxt_switches:"));
        total += counts
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum::<u64>();
    }
    Ok(total)
}

fn ofono_is_here() -> bool {
    let here = ["ofonod", "dbus-daemon"]
        .map(command::find_program)
        .iter()
        .all(Option::is_some);
    if !here {
        println!("oFono is not measured: the Debian packages ofono and dbus-daemon are missing");
    }
    here
}

/// Starts oFono on a private bus; ready is when its name has an owner.
fn idle_ofono(directory: &Path) -> anyhow::Result<Idle> {
    fs::create_dir_all(directory)?;
    let socket = directory.join("bus.sock");
    let config = directory.join("bus.conf");
    fs::write(&config, bus_configuration(&socket))?;
    let bus_program = command::find_program("dbus-daemon").context("no dbus-daemon")?;
    let config_option = format!("--config-file={}", config.display());
    let mut bus = Process::start(
        &bus_program,
        &[&config_option, "--nofork", "--print-address"],
    )?;
    bus.wait_for_output("unix:")?;
    let mut watcher = Watcher::connect(&socket, "org.ofono")?;
    let ofonod = command::find_program("ofonod").context("no ofonod")?;
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", SERVER_CORE])
        .arg(ofonod)
        .arg("--nodetach");
    command.env(
        "DBUS_SYSTEM_BUS_ADDRESS",
        format!("unix:path={}", socket.display()),
    );
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = now();
    let process = Process::of(command.spawn().context("cannot start ofonod")?);
    watcher.wait()?;
    observe(process.id(), start.elapsed())
}

fn bus_configuration(socket: &Path) -> String {
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>system</type>\
         <listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow user=\"*\"/>\
         <allow own=\"*\"/><allow send_type=\"method_call\"/><allow send_type=\"signal\"/>\
         <allow send_requested_reply=\"true\"/><allow receive_type=\"method_call\"/>\
         <allow receive_type=\"signal\"/><allow receive_requested_reply=\"true\"/></policy></busconfig>\n",
        socket.display()
    )
}
