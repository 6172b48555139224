//! What a command writes: the last of it is kept, and none of it fills memory or takes all the time.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{sleep, timeout};

use crate::shown::harmless;

/// How much is read at a time.
const CHUNK: usize = 16 << 10;
/// After how much a command is read slowly: what it writes beyond is of no use to anybody.
const SWIFT: u64 = 1 << 20;
/// How long a slow one waits before each chunk.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a pipe is read after its command has ended, by whoever else holds it open.
const GRACE: Duration = Duration::from_millis(200);
/// How much is kept until the end at least, however little is wanted then: why a command could not be run is written there too.
const LEAST_KEPT: usize = 8 << 10;
/// The longest note of what came before.
const LONGEST_NOTE: usize = "(18446744073709551615 octets before)\n".len();

/// What a command wrote, as far as it was kept.
#[derive(Debug)]
pub(super) struct Written {
    kept: Vec<u8>,
    most: usize,
    all: u64,
}

/// What a command writes.
#[derive(Debug)]
pub(super) struct Output {
    /// Absent once nobody writes any more.
    pipe: Option<Receiver>,
    kept: VecDeque<u8>,
    most: usize,
    all: u64,
    chunk: Box<[u8]>,
}

impl Output {
    /// What comes out of a pipe: as text, the last of it, `most` octets together with a note of what came before.
    pub(super) fn of(pipe: OwnedFd, most: usize) -> io::Result<Self> {
        Ok(Self {
            pipe: Some(Receiver::from_owned_fd(pipe)?),
            kept: VecDeque::new(),
            most,
            all: 0,
            chunk: vec![0; CHUNK].into(),
        })
    }

    /// Reads on until nobody writes any more, and never ends then. Safe to cancel.
    pub(super) async fn read(&mut self) {
        while self.read_chunk().await {}
        std::future::pending::<()>().await;
    }

    /// Reads what is left once the command has ended.
    pub(super) async fn finish(mut self) -> Written {
        let rest = async { while self.read_chunk().await {} };
        // Whoever holds the pipe open still is not waited for.
        timeout(GRACE, rest).await.ok();
        Written {
            kept: self.kept.into(),
            most: self.most,
            all: self.all,
        }
    }

    /// Whether there may be more.
    async fn read_chunk(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else {
            return false;
        };
        if self.all > SWIFT {
            sleep(PAUSE).await;
        }
        match pipe.read(&mut self.chunk).await {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(count) => {
                self.all = self.all.saturating_add(count as u64);
                self.kept.extend(self.chunk.iter().take(count));
                let surplus = self.kept.len().saturating_sub(self.most.max(LEAST_KEPT));
                self.kept.drain(..surplus);
            }
        }
        self.pipe.is_some()
    }
}

impl Written {
    /// What stands behind this, where that is all that was written.
    pub(super) fn behind(&self, mark: &str) -> Option<String> {
        let is_whole = self.all == self.kept.len() as u64;
        let behind = self.kept.strip_prefix(mark.as_bytes());
        behind.filter(|_| is_whole).map(harmless)
    }

    /// The last of it, as text.
    pub(super) fn into_text(self) -> String {
        let whole = harmless(&self.kept);
        if self.all == self.kept.len() as u64 && whole.len() <= self.most {
            return whole;
        }
        let room = self.most.saturating_sub(LONGEST_NOTE);
        if room == 0 {
            return last(whole, self.most);
        }
        let start = self.kept.len().saturating_sub(room);
        let shown = self.kept.get(start..).unwrap_or_default();
        let before = self.all.saturating_sub(shown.len() as u64);
        let text = last(harmless(shown), room);
        format!("({before} octets before)\n{text}")
    }
}

/// The last octets of a text, so many at most, cut between characters.
fn last(mut text: String, most: usize) -> String {
    let start = text.ceil_char_boundary(text.len().saturating_sub(most));
    text.drain(..start);
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    async fn written(octets: &[u8], most: usize) -> String {
        let (reader, writer) = io::pipe().unwrap();
        let output = Output::of(reader.into(), most).unwrap();
        let mut writer = writer;
        writer.write_all(octets).unwrap();
        drop(writer);
        output.finish().await.into_text()
    }

    #[tokio::test]
    async fn the_last_of_it_is_kept_as_harmless_text() {
        assert_eq!(written(b"all\n", 10).await, "all\n");
        assert_eq!(written(b"0123456789", 4).await, "6789");
        assert_eq!(written(b"0123456789", 0).await, "");
        let long = "0123456789".repeat(10);
        assert_eq!(
            written(long.as_bytes(), 40).await,
            "(97 octets before)\n789"
        );
        assert_eq!(
            written(b"\x1b[2J\xff\tz", 11).await,
            "\u{fffd}[2J\u{fffd}\tz"
        );
        for most in 0..100 {
            let text = written(&b"\xff".repeat(20_000), most).await;
            assert!(text.len() <= most, "{most}: {text}");
        }
    }

    #[tokio::test]
    async fn a_pipe_that_stays_open_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().unwrap();
        let output = Output::of(reader.into(), 10).unwrap();
        writer.write_all(b"held").unwrap();
        assert_eq!(output.finish().await.into_text(), "held");
        drop(writer);
    }
}
