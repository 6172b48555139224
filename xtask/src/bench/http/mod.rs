//! POST to 204: a push over OTA-HTTP until its answer, beside a bare hyper server that answers 204 to everything.

mod client;
pub(crate) mod floor;

use std::path::Path;

use anyhow::Context as _;

use super::Programs;
use super::app::{Application as _, EventReader};
use super::delivery::Figures;
use super::process::{Daemon, Process, free_tcp_address};

use client::Client;

/// Connections, each with one push under way, in a rate run.
const CONNECTIONS: usize = 64;
/// Pushes of one latency run.
const LATENCY_COUNT: u32 = 2_000;
/// Pushes of one rate run where nothing is synced.
const RATE_COUNT: u32 = 60_000;
/// Pushes of one rate run where everything is synced.
const DURABLE_RATE_COUNT: u32 = 20_000;

/// Rounds of the floor and of the daemon, interleaved.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// What is written down before the answer.
    pub(crate) durability: &'static str,
    /// The floor's rounds.
    pub(crate) floor: Vec<Figures>,
    /// The daemon's rounds, the application away: its events wait.
    pub(crate) queued: Vec<Figures>,
    /// The daemon's rounds, the application reading and acknowledging every event meanwhile.
    pub(crate) delivered: Vec<Figures>,
}

/// A load for a terminal that runs already.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// Its address for OTA-HTTP
    #[arg(long)]
    listen: String,
    /// Pushes to send
    #[arg(long, default_value_t = 10_000)]
    count: u32,
    /// Connections, each with one push under way
    #[arg(long, default_value_t = CONNECTIONS)]
    connections: usize,
}

/// Sends the pushes, for `x-bench:meter.reading`, and says how fast they were answered.
pub(crate) fn load(load: &Load) -> anyhow::Result<()> {
    let rate = Client::connect(&load.listen, load.connections)?.rate(load.count)?;
    println!("{rate:.0} answers/s");
    Ok(())
}

/// Runs the rounds.
pub(crate) fn measure(programs: &Programs, rounds: usize) -> anyhow::Result<Vec<Comparison>> {
    super::process::pin_to_client_core()?;
    let directory = tempfile::tempdir()?;
    let mut comparisons: Vec<Comparison> = ["none", "power-loss"]
        .map(|durability| Comparison {
            durability,
            floor: Vec::new(),
            queued: Vec::new(),
            delivered: Vec::new(),
        })
        .into();
    for round in 0..rounds {
        for comparison in &mut comparisons {
            let durability = comparison.durability;
            let place = directory.path().join(format!("{round}-{durability}"));
            std::fs::create_dir_all(&place)?;
            comparison.floor.push(floor(programs, &place, durability)?);
            comparison
                .queued
                .push(queued(programs, &place.join("queued"), durability)?);
            comparison
                .delivered
                .push(delivered(programs, &place.join("delivered"), durability)?);
            println!("round {} of {rounds}, {durability}: done", round + 1);
        }
    }
    Ok(comparisons)
}

fn floor(programs: &Programs, place: &Path, durability: &str) -> anyhow::Result<Figures> {
    let listen = free_tcp_address()?;
    let log = place.join("http-floor.log").display().to_string();
    let mut arguments = vec!["bench", "http-floor", "--listen", &listen];
    if durability != "none" {
        arguments.extend(["--log", &log]);
    }
    let mut server = Process::start(&programs.xtask, &arguments)?;
    server.wait_for_output("ready")?;
    run(&listen, durability)
}

fn queued(programs: &Programs, place: &Path, durability: &str) -> anyhow::Result<Figures> {
    let (daemon, listen) = daemon(programs, place, durability)?;
    // Whoever registered goes away; the registration stays.
    drop(EventReader::connect(
        &daemon.socket,
        &[client::APPLICATION],
    )?);
    run(&listen, durability)
}

fn delivered(programs: &Programs, place: &Path, durability: &str) -> anyhow::Result<Figures> {
    let (daemon, listen) = daemon(programs, place, durability)?;
    let mut reader = EventReader::connect(&daemon.socket, &[client::APPLICATION])?;
    std::thread::scope(|scope| {
        let application = scope.spawn(|| read_all(&mut reader, pushes(durability)));
        let figures = run(&listen, durability)?;
        let read = application.join();
        read.map_err(|_| anyhow::anyhow!("the application broke"))??;
        Ok(figures)
    })
}

/// Reads and acknowledges so many events.
fn read_all(reader: &mut EventReader, count: u32) -> anyhow::Result<()> {
    let mut events = 0;
    while events < u64::from(count) {
        events += reader.read()?.events;
        reader.acknowledge(false)?;
    }
    anyhow::ensure!(
        events == u64::from(count),
        "{count} pushes gave {events} events"
    );
    Ok(())
}

fn daemon(programs: &Programs, place: &Path, durability: &str) -> anyhow::Result<(Daemon, String)> {
    let listen = free_tcp_address()?;
    let settings = format!(
        "[ota_http]\nlisten = [\"{listen}\"]\nmax_push_requests = 256\nmax_connections_per_address = 256\n\
         [queue]\nmax_queue_events = 200000\nmax_queue_octets = \"512MiB\"\nmax_total_octets = \"512MiB\"\n"
    );
    let daemon = Daemon::start_with(programs, place, durability, &settings)?;
    Ok((daemon, listen))
}

const fn rate_count(durability: &str) -> u32 {
    if matches!(durability.as_bytes(), b"none") {
        RATE_COUNT
    } else {
        DURABLE_RATE_COUNT
    }
}

/// The pushes of one [`run`].
const fn pushes(durability: &str) -> u32 {
    LATENCY_COUNT / 10 + LATENCY_COUNT + rate_count(durability)
}

fn run(listen: &str, durability: &str) -> anyhow::Result<Figures> {
    let mut one = Client::connect(listen, 1)?;
    one.latencies(LATENCY_COUNT / 10)?;
    let times = one.latencies(LATENCY_COUNT)?;
    drop(one);
    let rate = Client::connect(listen, CONNECTIONS)?.rate(rate_count(durability))?;
    Ok(Figures {
        p50: *times.get(times.len() / 2).context("nothing was measured")?,
        p99: *times
            .get(times.len() * 99 / 100)
            .context("nothing was measured")?,
        rate,
    })
}
