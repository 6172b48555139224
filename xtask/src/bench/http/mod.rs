//! POST to 204: a push over OTA-HTTP until its answer, beside a bare hyper server that answers 204 to everything.

mod client;
pub(crate) mod floor;

use std::path::Path;

use super::Programs;
use super::answers::{self, Comparison, LATENCY_COUNT, WARM_UP_COUNT, rate_count};
use super::app::EventReader;
use super::delivery::Figures;
use super::process::{Daemon, Process, free_tcp_address};

use client::Client;

/// Connections, each with one push under way, in a rate run.
const CONNECTIONS: usize = 64;
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
    let comparisons = vec![
        Comparison::new("none", "floor"),
        Comparison::new("power-loss", "floor"),
    ];
    answers::measure(
        comparisons,
        rounds,
        |place, durability| floor(programs, place, durability),
        |place, durability| queued(programs, place, durability),
        |place, durability| delivered(programs, place, durability),
    )
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
    answers::while_read(&mut reader, durability, || run(&listen, durability))
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

fn run(listen: &str, durability: &str) -> anyhow::Result<Figures> {
    let mut one = Client::connect(listen, 1)?;
    one.latencies(WARM_UP_COUNT)?;
    let times = one.latencies(LATENCY_COUNT)?;
    drop(one);
    let rate = Client::connect(listen, CONNECTIONS)?.rate(rate_count(durability))?;
    answers::figures(&times, rate)
}
