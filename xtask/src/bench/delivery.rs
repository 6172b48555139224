//! End to end: datagram sent to event at the application over the Unix socket, beside the relay that is the floor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Programs;
use super::app::{Application, EventReader, FrameReader};
use super::corpus;
use super::driver::Driver;
use super::process::{Daemon, Process, free_address, pin_to_client_core};

/// Pushes of one latency run.
const LATENCY_COUNT: u32 = 2_000;
/// Pushes of one rate run where nothing is synced.
const RATE_COUNT: u32 = 60_000;
/// Pushes of one rate run where everything is synced.
const DURABLE_RATE_COUNT: u32 = 20_000;
/// Pushes under way in a rate run.
const WINDOW: u64 = 64;

/// What one round measured of one program.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Median latency, one push at a time.
    pub(crate) p50: Duration,
    /// 99th percentile of the same.
    pub(crate) p99: Duration,
    /// Events per second, 64 pushes under way.
    pub(crate) rate: f64,
}

/// Rounds of the floor and of the daemon, interleaved.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// What is written down before anybody sees an acknowledgement.
    pub(crate) durability: &'static str,
    /// The floor's rounds.
    pub(crate) floor: Vec<Figures>,
    /// The daemon's rounds.
    pub(crate) ours: Vec<Figures>,
}

/// Runs the rounds.
pub(crate) fn measure(programs: &Programs, rounds: usize) -> anyhow::Result<Vec<Comparison>> {
    pin_to_client_core()?;
    let directory = tempfile::tempdir()?;
    let mut comparisons: Vec<Comparison> = ["none", "power-loss"]
        .map(|durability| Comparison {
            durability,
            floor: Vec::new(),
            ours: Vec::new(),
        })
        .into();
    for round in 0..rounds {
        for comparison in &mut comparisons {
            let durable = comparison.durability != "none";
            let place = directory
                .path()
                .join(format!("{round}-{}", comparison.durability));
            std::fs::create_dir_all(&place)?;
            comparison.floor.push(floor(programs, &place, durable)?);
            comparison
                .ours
                .push(ours(programs, &place, comparison.durability)?);
            println!(
                "round {} of {rounds}, {}: done",
                round + 1,
                comparison.durability
            );
        }
    }
    Ok(comparisons)
}

/// A load for a daemon that runs already.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// The daemon's API socket
    #[arg(long)]
    socket: PathBuf,
    /// Its UDP address for pushes
    #[arg(long)]
    listen: String,
    /// Pushes to send
    #[arg(long, default_value_t = 10_000)]
    count: u32,
    /// Pushes under way
    #[arg(long, default_value_t = WINDOW)]
    window: u64,
}

/// Sends the pushes, acknowledges their events, and says how fast that went.
pub(crate) fn load(load: &Load) -> anyhow::Result<()> {
    let mut reader = EventReader::connect(&load.socket, &corpus::APPLICATIONS)?;
    let mut driver = Driver::new(&load.listen, 0)?;
    let rate = driver.rate(&mut reader, load.window, load.count)?;
    println!("{rate:.0} events/s");
    Ok(())
}

fn floor(programs: &Programs, place: &Path, durable: bool) -> anyhow::Result<Figures> {
    let socket = place.join("relay.sock");
    let listen = free_address()?;
    let log = place.join("relay.log");
    let (socket_text, log_text) = (socket.display().to_string(), log.display().to_string());
    let mut arguments = vec![
        "bench",
        "relay",
        "--listen",
        &listen,
        "--socket",
        &socket_text,
    ];
    if durable {
        arguments.extend(["--log", &log_text]);
    }
    let mut relay = Process::start(&programs.xtask, &arguments)?;
    relay.wait_for_output("ready")?;
    run(&listen, &mut FrameReader::connect(&socket)?, durable)
}

fn ours(programs: &Programs, place: &Path, durability: &str) -> anyhow::Result<Figures> {
    let daemon = Daemon::start(programs, &place.join("daemon"), durability)?;
    let mut reader = EventReader::connect(&daemon.socket, &corpus::APPLICATIONS)?;
    run(&daemon.listen, &mut reader, durability != "none")
}

fn run(listen: &str, app: &mut impl Application, durable: bool) -> anyhow::Result<Figures> {
    let mut driver = Driver::new(listen, 0)?;
    driver.latencies(app, LATENCY_COUNT / 10)?;
    let times = driver.latencies(app, LATENCY_COUNT)?;
    let count = if durable {
        DURABLE_RATE_COUNT
    } else {
        RATE_COUNT
    };
    let rate = driver.rate(app, WINDOW, count)?;
    Ok(Figures {
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
        rate,
    })
}
