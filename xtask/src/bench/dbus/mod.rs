//! Events to an application on D-Bus: how many in a second beside raw calls of sd-bus on the same bus, and how soon beside oFono's.

mod program;
mod roads;

use std::path::Path;
use std::time::Duration;

use conformance::buses::{Bus, Kind, Scope, Setup};

use super::Programs;
use super::process::pin_to_client_core;
use super::report::median;
use program::Program;

pub(crate) use roads::WINDOW;

/// What the rate is to reach, of that of sd-bus.
pub(crate) const RATE_AIM: f64 = 0.85;
/// What the median time may be, of oFono's.
pub(crate) const TIME_AIM: f64 = 0.9;

/// Times until the application is called, of one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The median.
    pub(crate) p50: Duration,
    /// The 99th percentile.
    pub(crate) p99: Duration,
}

/// Rounds on one kind of bus, interleaved.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The program that carries the messages.
    pub(crate) bus: &'static str,
    /// Calls of sd-bus in a second, by round.
    pub(crate) raw: Vec<f64>,
    /// Events of the daemon in a second, by round.
    pub(crate) rates: Vec<f64>,
    /// oFono's times, by round; none where it is not installed.
    pub(crate) ofono: Vec<Times>,
    /// The daemon's times, by round.
    pub(crate) times: Vec<Times>,
}

impl Comparison {
    const fn new(bus: &'static str) -> Self {
        Self {
            bus,
            raw: Vec::new(),
            rates: Vec::new(),
            ofono: Vec::new(),
            times: Vec::new(),
        }
    }

    /// The median of the rounds' ratios of rates.
    pub(crate) fn rate(&self) -> f64 {
        median(
            self.rates
                .iter()
                .zip(&self.raw)
                .map(|(ours, raw)| ours / raw),
        )
    }

    /// The median of the rounds' ratios of times; `None` without oFono.
    pub(crate) fn time(&self) -> Option<f64> {
        let rounds = self.times.iter().zip(&self.ofono);
        let ratios = rounds.map(|(ours, theirs)| ours.p50.as_secs_f64() / theirs.p50.as_secs_f64());
        (!self.ofono.is_empty()).then(|| median(ratios))
    }
}

/// Runs the rounds.
pub(crate) fn measure(programs: &Programs, rounds: usize) -> anyhow::Result<Vec<Comparison>> {
    pin_to_client_core()?;
    let directory = tempfile::tempdir()?;
    let Some(program) = Program::compile(directory.path())? else {
        return Ok(Vec::new());
    };
    let mut comparisons = [
        (Kind::DbusDaemon, Comparison::new("dbus-daemon")),
        (Kind::DbusBroker, Comparison::new("dbus-broker")),
    ];
    for round in 0..rounds {
        for (kind, comparison) in &mut comparisons {
            let place = directory.path().join(format!("{round}-{}", comparison.bus));
            if measure_once(programs, &program, *kind, comparison, &place)? {
                println!("round {} of {rounds}, {}: done", round + 1, comparison.bus);
            }
        }
    }
    let comparisons = comparisons.into_iter().map(|(_, comparison)| comparison);
    Ok(comparisons
        .filter(|comparison| !comparison.raw.is_empty())
        .collect())
}

/// One round, each part of it on a bus of its own; false where this kind of bus is not installed.
fn measure_once(
    programs: &Programs,
    program: &Program,
    kind: Kind,
    comparison: &mut Comparison,
    place: &Path,
) -> anyhow::Result<bool> {
    let setup = Setup::open();
    let bus = || Bus::start_with(kind, Scope::System, &setup);
    let Some(first) = bus()? else {
        return Ok(false);
    };
    comparison.raw.push(roads::raw_rate(program, &first)?);
    drop(first);
    if let Some(bus) = bus()? {
        let rate = roads::rate(programs, program, &bus, &place.join("rate"))?;
        comparison.rates.push(rate);
    }
    if let Some(bus) = bus()?
        && let Some(times) = roads::times_of_ofono(program, &bus)?
    {
        comparison.ofono.push(times);
    }
    if let Some(bus) = bus()? {
        let times = roads::times(programs, program, &bus, &place.join("times"))?;
        comparison.times.push(times);
    }
    Ok(true)
}
