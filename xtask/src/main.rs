//! Project tasks: `cargo xtask --help` lists them.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tasks talk to the person at the terminal"
)]

mod bench;
mod command;
mod layers;
mod lint;
mod names;
mod peers;
mod requirements;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Project tasks
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what the tests need where that is possible, build the binaries, run all tests
    ///
    /// As root on a machine with apt-get, missing peers (Kannel, tshark, valgrind) are installed from Debian.
    /// Elsewhere the tests that need them are skipped, and the skipping is said. With CI=true nothing is skipped:
    /// a missing peer is a failure.
    Test {
        /// Passed on to the test runner: names of tests, filters
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filters: Vec<String>,
    },
    /// Check the format, the lints, the documentation, the fuzz targets and the names, with every warning an error
    Lint,
    /// Check which crate depends on which, and that sans-I/O crates name no clock, socket or runtime
    Layers,
    /// Check that every requirement under specs/ has code that obeys it and a test that shows it
    ///
    /// Runs duvet, which is installed below the target directory if the machine has none of the right version.
    Requirements,
    /// Check that no tracked file holds a path that means something on one machine only
    Names,
    /// Measure
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on to the benchmarks; --help lists what they take
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Test { filters } => test::run(&filters),
        Task::Lint => lint::run(),
        Task::Layers => layers::run(),
        Task::Requirements => requirements::run(),
        Task::Names => names::run(),
        Task::Bench { arguments } => bench::run(&arguments),
    }
}
