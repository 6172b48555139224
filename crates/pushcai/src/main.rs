//! The command line of the Push Client.

#![forbid(unsafe_code)]

mod arguments;
mod client;
mod commands;
mod exit;
mod failure;
mod output;
mod profile;
mod sse;
mod stream;
mod usage;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    match parse() {
        Ok(arguments) => run(&arguments).into(),
        Err(error) => usage::report(&error).into(),
    }
}

fn parse() -> Result<Arguments, clap::Error> {
    let matches = Arguments::command().try_get_matches()?;
    Arguments::from_arg_matches(&matches)?.checked(&matches)
}

fn run(arguments: &Arguments) -> Exit {
    let mut output = Output::new(arguments.json);
    let result = commands::run(arguments, &mut output).and_then(|()| output.flush());
    match result {
        Ok(()) => Exit::Success,
        Err(failure) => failure::report(&failure, &mut output),
    }
}
