//! What can go wrong, and how it is told.

use std::io;

use push_api::{Problem, Reason};

use crate::exit::Exit;
use crate::output::{Output, visible};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The daemon refused.
    Refused(Box<Problem>),
    /// The daemon cannot be reached, or did not answer.
    Unreachable {
        /// What was tried and what came of it.
        message: String,
        /// What would work.
        hint: String,
    },
    /// What was asked makes no sense.
    Usage {
        /// What is wrong.
        message: String,
        /// What would work.
        hint: String,
    },
    /// Some input could not be decoded; which, stands in the output.
    Undecodable,
    /// Whoever reads the output has gone: nobody is left to be told.
    OutputClosed,
    /// Anything else.
    Other(String),
}

impl Failure {
    /// An answer that is none of those that the daemon gives.
    pub(crate) fn answer(what: impl std::fmt::Display) -> Self {
        Self::Other(format!("the daemon's answer cannot be understood: {what}"))
    }

    /// What went wrong with a file.
    pub(crate) fn file(path: &std::path::Path, error: &io::Error) -> Self {
        Self::Other(format!("{}: {error}", path.display()))
    }

    /// What went wrong with the output.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Other(format!("the output cannot be written: {error}"))
        }
    }
}

/// Tells what went wrong, in one line and hints, and says how the run ends.
pub(crate) fn report(failure: &Failure, output: &mut Output) -> Exit {
    // What was put out before belongs before the complaint.
    drop(output.flush());
    match failure {
        Failure::Refused(problem) => refused(problem, output),
        Failure::Unreachable { message, hint } => {
            complain(output, message, Some(hint), Exit::Unreachable)
        }
        Failure::Usage { message, hint } => complain(output, message, Some(hint), Exit::Usage),
        Failure::Undecodable => Exit::Undecodable,
        Failure::OutputClosed => Exit::Success,
        Failure::Other(message) => complain(output, message, None, Exit::Failure),
    }
}

fn complain(output: &Output, message: &str, hint: Option<&String>, exit: Exit) -> Exit {
    output.complain(message);
    if let Some(hint) = hint {
        output.hint(hint);
    }
    exit
}

fn refused(problem: &Problem, output: &mut Output) -> Exit {
    if output.is_json() {
        // A reader that has gone away does not change what the daemon said.
        let written = output.json(problem).and_then(|()| output.flush());
        if let Err(Failure::OutputClosed) = written {
            return exit_of(problem);
        }
    }
    let option = problem.option.as_ref();
    let option = option.map(|option| format!(" ({option})"));
    let (reason, option) = (&problem.reason, option.unwrap_or_default());
    output.complain(&visible(&format!("{reason}{option}: {}", problem.detail)));
    exit_of(problem)
}

fn exit_of(problem: &Problem) -> Exit {
    Reason::from_word(&problem.reason).map_or(Exit::Failure, Exit::Refused)
}
