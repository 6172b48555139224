//! Pushes until their answer, whatever protocol carries them: rounds, counts, and an application that reads meanwhile.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::app::{Application as _, EventReader};
use super::delivery::Figures;

/// Pushes of one latency run.
pub(super) const LATENCY_COUNT: u32 = 2_000;
/// Pushes before it that nobody measures.
pub(super) const WARM_UP_COUNT: u32 = LATENCY_COUNT / 10;
/// Pushes of one rate run where nothing is synced.
const RATE_COUNT: u32 = 60_000;
/// Pushes of one rate run where everything is synced.
const DURABLE_RATE_COUNT: u32 = 20_000;

/// Rounds of the peer or the floor and of the daemon, interleaved.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// What is written down before the answer.
    pub(crate) durability: &'static str,
    /// Whom the daemon is compared with.
    pub(crate) other: &'static str,
    /// The other's rounds.
    pub(crate) floor: Vec<Figures>,
    /// The daemon's rounds, the application away: its events wait.
    pub(crate) queued: Vec<Figures>,
    /// The daemon's rounds, the application reading and acknowledging every event meanwhile.
    pub(crate) delivered: Vec<Figures>,
}

impl Comparison {
    /// One without a round.
    pub(super) const fn new(durability: &'static str, other: &'static str) -> Self {
        Self {
            durability,
            other,
            floor: Vec::new(),
            queued: Vec::new(),
            delivered: Vec::new(),
        }
    }
}

/// Runs the rounds. Each way of measuring is told its directory and the durability.
pub(super) fn measure(
    mut comparisons: Vec<Comparison>,
    rounds: usize,
    floor: impl Fn(&Path, &str) -> anyhow::Result<Figures>,
    queued: impl Fn(&Path, &str) -> anyhow::Result<Figures>,
    delivered: impl Fn(&Path, &str) -> anyhow::Result<Figures>,
) -> anyhow::Result<Vec<Comparison>> {
    super::process::pin_to_client_core()?;
    let directory = tempfile::tempdir()?;
    for round in 0..rounds {
        for comparison in &mut comparisons {
            let durability = comparison.durability;
            let place = directory.path().join(format!("{round}-{durability}"));
            std::fs::create_dir_all(&place)?;
            comparison.floor.push(floor(&place, durability)?);
            let figures = queued(&place.join("queued"), durability)?;
            comparison.queued.push(figures);
            let figures = delivered(&place.join("delivered"), durability)?;
            comparison.delivered.push(figures);
            println!("round {} of {rounds}, {durability}: done", round + 1);
        }
    }
    Ok(comparisons)
}

/// Pushes of one rate run.
pub(super) const fn rate_count(durability: &str) -> u32 {
    if matches!(durability.as_bytes(), b"none") {
        RATE_COUNT
    } else {
        DURABLE_RATE_COUNT
    }
}

/// One run, while the application reads and acknowledges every event of it.
pub(super) fn while_read(
    reader: &mut EventReader,
    durability: &str,
    run: impl FnOnce() -> anyhow::Result<Figures>,
) -> anyhow::Result<Figures> {
    let pushes = WARM_UP_COUNT + LATENCY_COUNT + rate_count(durability);
    reading(reader, pushes, run)
}

/// Sends so many pushes, while the application reads and acknowledges their events.
pub(super) fn reading<T>(
    reader: &mut EventReader,
    pushes: u32,
    send: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let application = scope.spawn(|| read_all(reader, pushes));
        let sent = send()?;
        let read = application.join();
        read.map_err(|_| anyhow::anyhow!("the application broke"))??;
        Ok(sent)
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

/// The figures of one run, its times in order.
pub(super) fn figures(times: &[Duration], rate: f64) -> anyhow::Result<Figures> {
    Ok(Figures {
        p50: *times.get(times.len() / 2).context("nothing was measured")?,
        p99: *times
            .get(times.len() * 99 / 100)
            .context("nothing was measured")?,
        rate,
    })
}
