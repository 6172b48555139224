//! Running programs and waiting for what they say.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything on this machine may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How many lines a program may be ahead of its reader.
const LINES: usize = 100_000;

/// A program that runs until it is stopped or this value is dropped; it is killed by its own process id.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    output: Lines,
    errors: Lines,
}

impl Running {
    /// Starts `command`; `name` stands in error messages.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        Self::start_with_input(name, command, Stdio::null())
    }

    /// As [`Running::start`], with `input` as its standard input.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub fn start_with_input(
        name: &str,
        command: &mut Command,
        input: Stdio,
    ) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        let output = child.stdout.take().context("stdout is piped")?;
        let errors = child.stderr.take().context("stderr is piped")?;
        Ok(Self {
            name: name.to_owned(),
            child,
            output: Lines::of(output),
            errors: Lines::of(errors),
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output.
    ///
    /// # Errors
    ///
    /// None came within [`PATIENCE`], or the program ended; both say what stood on standard error.
    pub fn next_line(&self) -> anyhow::Result<String> {
        match self.output.next() {
            Ok(line) => Ok(line),
            Err(error) => bail!("no line came ({error}); {}", self.complaints()),
        }
    }

    /// The next line of standard error; `None` if none is there at this moment and `waits` is not set.
    ///
    /// # Errors
    ///
    /// None came within [`PATIENCE`], or the program ended.
    pub fn next_error_line(&self, waits: bool) -> anyhow::Result<Option<String>> {
        if !waits {
            return Ok(self.errors.receiver.try_recv().ok());
        }
        match self.errors.next() {
            Ok(line) => Ok(Some(line)),
            Err(error) => bail!("no line came ({error}); {}", self.complaints()),
        }
    }

    /// Reads standard error until a line holds `fragment`, and returns that line.
    ///
    /// # Errors
    ///
    /// No such line came before the program fell silent for [`PATIENCE`] or ended.
    pub fn wait_for_error_line(&self, fragment: &str) -> anyhow::Result<String> {
        loop {
            match self.errors.next() {
                Ok(line) if line.contains(fragment) => return Ok(line),
                Ok(_) => {}
                Err(error) => bail!("no {fragment:?} came ({error}); {}", self.complaints()),
            }
        }
    }

    /// Reads standard error until a line holds one of `fragments`, and says which.
    ///
    /// # Errors
    ///
    /// As [`Running::wait_for_error_line`].
    pub fn wait_for_one_of<'a>(&self, fragments: &[&'a str]) -> anyhow::Result<&'a str> {
        loop {
            match self.errors.next() {
                Ok(line) => {
                    let mut fragments = fragments.iter();
                    if let Some(found) = fragments.find(|fragment| line.contains(**fragment)) {
                        return Ok(found);
                    }
                }
                Err(error) => bail!("no {fragments:?} came ({error}); {}", self.complaints()),
            }
        }
    }

    /// Asks the program to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn terminate(mut self) -> anyhow::Result<ExitStatus> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)
            .with_context(|| format!("cannot send SIGTERM to {}", self.name))?;
        Ok(self.child.wait()?)
    }

    /// Ends the program with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends the program with SIGKILL and returns all that it had written to standard output and nobody had read.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn kill_and_read_rest(mut self) -> anyhow::Result<Vec<String>> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(std::iter::from_fn(|| self.output.next().ok()).collect())
    }

    /// Waits until the program ends by itself.
    ///
    /// # Errors
    ///
    /// The system cannot wait for it.
    pub fn wait(mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// The last lines of its standard error, for an error message.
    pub fn complaints(&self) -> String {
        let lines = self.errors.so_far();
        format!(
            "the last of {}'s standard error:\n{}",
            self.name,
            lines.join("\n")
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail only because the program has ended and been waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Tries `check` until it gives something, for as long as [`PATIENCE`]; each try has to take time of its own.
///
/// # Errors
///
/// `check` fails, or gives nothing for that long.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that waits in vain has to end"
)]
pub fn eventually<T>(
    what: &str,
    mut check: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = check()? {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!("{what} did not come about");
        }
        thread::yield_now();
    }
}

/// The lines of a pipe, read by a thread so that its writer is never held up.
#[derive(Debug)]
struct Lines {
    receiver: Receiver<String>,
    last: RefCell<VecDeque<String>>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::sync_channel(LINES);
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n') {
                let Ok(line) = line else { break };
                let text = String::from_utf8_lossy(&line).into_owned();
                // A reader who has gone, or who lags far behind, must not stop the program.
                if let Err(mpsc::TrySendError::Disconnected(_)) = sender.try_send(text) {
                    break;
                }
            }
        });
        Self {
            receiver,
            last: RefCell::default(),
        }
    }

    fn next(&self) -> Result<String, RecvTimeoutError> {
        let line = self.receiver.recv_timeout(PATIENCE)?;
        self.remember(line.clone());
        Ok(line)
    }

    fn so_far(&self) -> Vec<String> {
        while let Ok(line) = self.receiver.try_recv() {
            self.remember(line);
        }
        self.last.borrow().iter().cloned().collect()
    }

    fn remember(&self, line: String) {
        let mut last = self.last.borrow_mut();
        if last.len() == 40 {
            last.pop_front();
        }
        last.push_back(line);
    }
}
