//! What a command writes: the last of it is kept, and none of it fills memory or takes all the time.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{sleep, timeout};

/// How much is read at a time.
const CHUNK: usize = 16 << 10;
/// After how much a command is read slowly: what it writes beyond is of no use to anybody.
const SWIFT: u64 = 1 << 20;
/// How long a slow one waits before each chunk.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a pipe is read after its command has ended, by whoever else holds it open.
const GRACE: Duration = Duration::from_millis(200);

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
    /// The last `most` octets of what comes out of a pipe.
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

    /// Reads what is left once the command has ended, and gives it as text.
    pub(super) async fn finish(mut self) -> String {
        let rest = async { while self.read_chunk().await {} };
        // Whoever holds the pipe open still is not waited for.
        timeout(GRACE, rest).await.ok();
        self.into_text()
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
                let surplus = self.kept.len().saturating_sub(self.most);
                self.kept.drain(..surplus);
            }
        }
        self.pipe.is_some()
    }

    fn into_text(self) -> String {
        let lost = self.all.saturating_sub(self.kept.len() as u64);
        let kept: Vec<u8> = self.kept.into();
        let text = String::from_utf8_lossy(&kept);
        let text: String = text.chars().map(printable).collect();
        if lost == 0 {
            text
        } else {
            format!("({lost} octets before)\n{text}")
        }
    }
}

/// What is written is shown on terminals: nothing in it may steer one.
fn printable(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
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
        output.finish().await
    }

    #[tokio::test]
    async fn the_last_of_it_is_kept_as_harmless_text() {
        assert_eq!(written(b"all\n", 10).await, "all\n");
        assert_eq!(written(b"0123456789", 4).await, "(6 octets before)\n6789");
        assert_eq!(
            written(b"\x1b[2J\xff\tz", 10).await,
            "\u{fffd}[2J\u{fffd}\tz"
        );
    }

    #[tokio::test]
    async fn a_pipe_that_stays_open_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().unwrap();
        let output = Output::of(reader.into(), 10).unwrap();
        writer.write_all(b"held").unwrap();
        assert_eq!(output.finish().await, "held");
        drop(writer);
    }
}
