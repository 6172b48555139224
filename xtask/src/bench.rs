//! `cargo xtask bench`: measurements, as ratios against a floor or a peer of the same interleaved run.

mod answers;
mod app;
mod bus;
mod clock;
mod corpus;
mod dbus;
mod decode;
mod delivery;
mod driver;
mod footprint;
mod http;
mod process;
mod relay;
mod report;
mod sip;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::command;
use crate::workspace;

/// Measure: instructions per decoded push, delivery beside its floor, footprint beside oFono's
///
/// Each number is printed beside a floor or a peer that ran in the same interleaved run; only ratios mean something. The daemon
/// (or the relay that is the floor) runs on core 0, the sender and the application on core 1.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
    /// Rounds of the delivery benchmark; medians are taken over them
    #[arg(long, default_value_t = 5, global = true)]
    rounds: usize,
    /// Write the figures to docs/benchmarks.md and docs/benchmarks.svg
    #[arg(long, global = true)]
    write: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Instructions per push for decoding every header, by callgrind
    Decode {
        /// Fail when more than 2,200 instructions are needed
        #[arg(long)]
        gate: bool,
    },
    /// Datagram sent to event at the application, beside the relay that is the floor
    Delivery,
    /// POST to 204 over OTA-HTTP, beside a bare hyper server
    Http,
    /// MESSAGE to its final answer over OTA-SIP, beside Kamailio that answers statelessly and an answerer that syncs
    Sip,
    /// Events to an application on D-Bus, beside raw calls of sd-bus on the same bus, and beside oFono's push agent
    Dbus,
    /// Start-up time, idle memory and wake-ups, beside oFono's
    Footprint,
    /// Drive a daemon that runs already, under a profiler for instance
    Load(delivery::Load),
    /// Send pushes over OTA-HTTP to a terminal that runs already
    HttpLoad(http::Load),
    /// Register an application over OTA-SIP with a daemon that runs already, and send it pushes
    SipLoad(sip::Load),
    /// The relay that is the floor of the delivery benchmark (run by it)
    #[command(hide = true)]
    Relay(relay::Options),
    /// The server that is the floor of the OTA-HTTP benchmark (run by it)
    #[command(hide = true)]
    HttpFloor(http::floor::Options),
    /// The answerer that is the durable floor of the OTA-SIP benchmark (run by it)
    #[command(hide = true)]
    SipFloor(sip::floor::Options),
}

/// Runs the benchmarks that `arguments` ask for.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let name = std::iter::once("bench".to_owned());
    let cli = match Cli::try_parse_from(name.chain(arguments.iter().cloned())) {
        Ok(cli) => cli,
        Err(error) => {
            error.print().context("cannot print the help")?;
            if error.use_stderr() {
                anyhow::bail!("`cargo xtask bench --help` lists what it takes");
            }
            return Ok(());
        }
    };
    match &cli.what {
        Some(What::Relay(options)) => return relay::run(options),
        Some(What::HttpFloor(options)) => return http::floor::run(options),
        Some(What::HttpLoad(load)) => return http::load(load),
        Some(What::SipFloor(options)) => return sip::floor::run(options),
        Some(What::SipLoad(load)) => return sip::load(load),
        Some(What::Load(load)) => return delivery::load(load),
        Some(What::Decode { gate: true }) => return decode::gate(),
        Some(_) | None => {}
    }
    if cfg!(debug_assertions) && !matches!(cli.what, Some(What::Decode { .. })) {
        return run_optimised(arguments);
    }
    let mut report = report::Report::new();
    if matches!(cli.what, None | Some(What::Decode { .. })) {
        report.decode = Some(decode::measure()?);
    }
    if matches!(cli.what, None | Some(What::Delivery)) {
        report.delivery = delivery::measure(&Programs::build()?, cli.rounds)?;
    }
    if matches!(cli.what, None | Some(What::Http)) {
        report.http = http::measure(&Programs::build()?, cli.rounds)?;
    }
    if matches!(cli.what, None | Some(What::Sip)) {
        report.sip = sip::measure(&Programs::build()?, cli.rounds)?;
    }
    if matches!(cli.what, None | Some(What::Dbus)) {
        report.dbus = dbus::measure(&Programs::build()?, cli.rounds)?;
    }
    if matches!(cli.what, None | Some(What::Footprint)) {
        report.footprint = Some(footprint::measure(&Programs::build()?)?);
    }
    println!("{}", report.text());
    if cli.write {
        report.write(&workspace::root())?;
    }
    Ok(())
}

/// Hands over to this program as it is when optimised: the sender and the application are in it, and must not be what is measured.
fn run_optimised(arguments: &[String]) -> anyhow::Result<()> {
    let programs = Programs::build()?;
    let mut bench = std::process::Command::new(programs.xtask);
    command::step("measurements", bench.arg("bench").args(arguments))
}

/// The programs under measurement, built as they are released.
struct Programs {
    pushcaid: PathBuf,
    xtask: PathBuf,
}

impl Programs {
    fn build() -> anyhow::Result<Self> {
        let root = workspace::root();
        let target = workspace::Workspace::load()?.target;
        let daemon = ["build", "--release", "--package", "pushcaid"];
        command::step("the daemon, optimised", &mut command::cargo(&root, &daemon))?;
        let floor = ["build", "--release", "--package", "xtask"];
        command::step("the floor, optimised", &mut command::cargo(&root, &floor))?;
        Ok(Self {
            pushcaid: target.join("release/pushcaid"),
            xtask: target.join("release/xtask"),
        })
    }
}
