//! The Push Client daemon.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use push_handlers::exec::{RUN_HANDLER, run_handler};
use pushcaid::arguments::{Command, HELP};
use pushcaid::{Config, ConfigError, Daemon, DaemonError, Manager};

/// The command line is wrong.
const USAGE: u8 = 2;
/// The configuration is wrong (`EX_CONFIG`).
const CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    // Not for people: so this program starts itself anew in order to become an event handler.
    if arguments.next_if(|word| word == RUN_HANDLER).is_some() {
        return run_handler(arguments);
    }
    let command = match Command::parse(arguments) {
        Ok(command) => command,
        Err(error) => return fail(&error, USAGE),
    };
    match command {
        Command::Help => print(HELP),
        Command::Version => print(concat!("pushcaid ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Check { config } => {
            with_config(config, |config| match config.check_certificates() {
                Ok(()) => print("the configuration is good\n"),
                Err(error) => fail(&error, CONFIGURATION),
            })
        }
        Command::PrintConfig { config } => with_config(config, |config| match config.print() {
            Ok(text) => print(&text),
            Err(error) => fail(&error, 1),
        }),
        Command::Run { config } => with_config(config, |config| match run(&config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        }),
    }
}

fn run(config: &Config) -> Result<(), DaemonError> {
    let wiring = config
        .wiring()
        .map_err(|wrong| DaemonError::Configuration(wrong.to_string()))?;
    pushcaid::start_logging(&config.log, &wiring.log).map_err(DaemonError::Logging)?;
    let manager = Manager::of_this_process()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = runtime.map_err(DaemonError::Runtime)?;
    let ended = runtime.block_on(async {
        let daemon = Daemon::open(config, wiring, manager)?;
        daemon.run().await
    });
    // A name that is still being resolved has a thread of its own, which nobody waits for.
    runtime.shutdown_background();
    ended
}

fn with_config(path: Option<PathBuf>, then: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    let config: Result<Config, ConfigError> =
        path.map_or_else(|| Ok(Config::default()), |path| Config::read(&path));
    match config {
        Ok(config) => then(config),
        Err(error) => fail(&error, CONFIGURATION),
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One line for people, whatever the log is connected to.
fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let line = format!("pushcaid: {error}\n");
    // There is nowhere else to complain to.
    std::io::stderr().write_all(line.as_bytes()).ok();
    ExitCode::from(code)
}
