//! A user who makes sandbox after sandbox, each of which is another owner.

use std::{
    fs,
    io::{PipeWriter, pipe},
    path::Path,
    process::{Command, Stdio},
};

use crate::{peer, process::Running};

const PROGRAM: &str = include_str!("sandboxes.py");

/// What the sandboxes flood.
#[derive(Debug, Clone, Copy)]
pub enum Road<'a> {
    /// The bus at this path.
    Bus(&'a Path),
    /// The daemon's socket.
    Http(&'a Path),
}

/// Sandboxes of one user that ask, and wait for what never comes.
#[derive(Debug)]
pub struct Sandboxes {
    // Before the pipe: it is stopped, whatever its standard input says.
    running: Running,
    _directory: tempfile::TempDir,
    _input: PipeWriter,
}

impl Sandboxes {
    /// The user whose they are: `daemon`, whom every system has.
    pub const USER: u32 = 1;

    /// So many sandboxes, each of which makes so many requests; `None` without Python, or without the right to make them
    /// (continuous integration runs as root).
    ///
    /// # Errors
    ///
    /// They cannot be started.
    pub fn flood(road: Road<'_>, count: usize, requests: usize) -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() || peer::find(["python3"])?.is_none() {
            return Ok(None);
        }
        let directory = tempfile::tempdir()?;
        let program = directory.path().join("sandboxes.py");
        fs::write(&program, PROGRAM)?;
        let (word, socket) = match road {
            Road::Bus(socket) => ("bus", socket),
            Road::Http(socket) => ("http", socket),
        };
        let (input, sender) = pipe()?;
        let mut command = Command::new("/usr/bin/python3");
        command.arg(&program).arg(word).arg(socket);
        command.args([
            Self::USER.to_string(),
            count.to_string(),
            requests.to_string(),
        ]);
        Ok(Some(Self {
            running: Running::start_with_input("sandboxes.py", &mut command, Stdio::from(input))?,
            _directory: directory,
            _input: sender,
        }))
    }

    /// The words of the next refusal.
    ///
    /// # Errors
    ///
    /// None comes.
    pub fn refusal(&self) -> anyhow::Result<String> {
        self.running.next_line()
    }
}
