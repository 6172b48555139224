//! Completion scripts and manual pages, from the definition of the command line.

use std::path::Path;

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Output;

/// Writes the completion script for a shell.
pub(crate) fn completions(shell: clap_complete::Shell, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pushcai", &mut script);
    output.octets(&script)
}

/// Writes the main page to the output, or every page into a directory.
pub(crate) fn man(directory: Option<&Path>, output: &mut Output) -> Result<(), Failure> {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        // As the pages in a directory are made: the page of pushcai is the same on both roads.
        let mut command = Arguments::command().disable_help_subcommand(true);
        command.build();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| Failure::Other(error.to_string()))?;
        return output.octets(&page);
    };
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), directory))
        .map_err(|error| Failure::file(directory, &error))
}
