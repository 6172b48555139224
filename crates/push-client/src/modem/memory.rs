//! Which stored messages have been taken, so that what stays with the modem is not taken twice.
//!
//! The duplicate window of the machine covers minutes; a message may lie in a modem for years. So each message that is taken
//! is written down before anything is done about it, and struck out once the modem has deleted it. What is written is a
//! digest: nobody reads a number or content out of it.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha1::{Digest as _, Sha1};

/// What a stored message is known by: its device, addresses, time stamp and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 20]);

impl Fingerprint {
    /// The fingerprint of a message with these parts, in their order.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha1::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    fn write(self, line: &mut String) {
        for octet in self.0 {
            line.extend(
                [octet >> 4, octet & 15]
                    .into_iter()
                    .filter_map(|digit| char::from_digit(digit.into(), 16)),
            );
        }
    }

    fn read(digits: &str) -> Option<Self> {
        let mut octets = [0; 20];
        if digits.len() != 2 * octets.len() || !digits.is_ascii() {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *octet = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(octets))
    }
}

/// The messages taken that may still lie in a modem; the oldest give way.
#[derive(Debug)]
pub(super) struct Memory {
    path: Option<PathBuf>,
    known: VecDeque<Fingerprint>,
    bound: usize,
    /// Lines in the file, those that are out of date included.
    lines: usize,
}

impl Memory {
    /// One that ends with the process.
    pub(super) fn forgetful(bound: usize) -> Self {
        Self {
            path: None,
            known: VecDeque::new(),
            bound: bound.max(1),
            lines: 0,
        }
    }

    /// Reads what is written at `path`, and goes on writing there.
    pub(super) fn open(path: &Path, bound: usize) -> io::Result<Self> {
        let mut memory = Self {
            path: Some(path.to_owned()),
            ..Self::forgetful(bound)
        };
        match fs::read_to_string(path) {
            Ok(text) => memory.read(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // A line that was torn by a crash is not appended to.
        memory.rewrite()?;
        Ok(memory)
    }

    /// Whether a message has been taken.
    pub(super) fn knows(&self, fingerprint: &Fingerprint) -> bool {
        self.known.contains(fingerprint)
    }

    /// Writes down that a message has been taken; it is durable when this returns.
    pub(super) fn remember(&mut self, fingerprint: Fingerprint) -> io::Result<()> {
        if self.knows(&fingerprint) {
            return Ok(());
        }
        self.keep(fingerprint);
        self.append('+', fingerprint)
    }

    /// Strikes out a message that the modem has deleted.
    pub(super) fn forget(&mut self, fingerprint: Fingerprint) -> io::Result<()> {
        if !self.knows(&fingerprint) {
            return Ok(());
        }
        self.strike(fingerprint);
        self.append('-', fingerprint)
    }

    fn keep(&mut self, fingerprint: Fingerprint) {
        if self.known.len() == self.bound {
            self.known.pop_front();
        }
        self.known.push_back(fingerprint);
    }

    fn strike(&mut self, fingerprint: Fingerprint) {
        self.known.retain(|known| *known != fingerprint);
    }

    fn read(&mut self, text: &str) {
        for line in text.lines() {
            if let Some(added) = line.strip_prefix('+').and_then(Fingerprint::read) {
                self.keep(added);
            } else if let Some(struck) = line.strip_prefix('-').and_then(Fingerprint::read) {
                self.strike(struck);
            }
        }
    }

    fn append(&mut self, sign: char, fingerprint: Fingerprint) -> io::Result<()> {
        if self.lines >= self.bound.saturating_mul(2) {
            return self.rewrite();
        }
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut line = String::from(sign);
        fingerprint.write(&mut line);
        line.push('\n');
        let mut file = OpenOptions::new().append(true).open(path)?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        self.lines += 1;
        Ok(())
    }

    /// Writes the file anew, beside the old one and then in its place.
    fn rewrite(&mut self) -> io::Result<()> {
        self.lines = self.known.len();
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut text = String::new();
        for fingerprint in &self.known {
            text.push('+');
            fingerprint.write(&mut text);
            text.push('\n');
        }
        let fresh = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&fresh, path)?;
        match path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(number: u8) -> Fingerprint {
        Fingerprint::of(&[&[number]])
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(
            Fingerprint::of(&[b"ab", b"c"]),
            Fingerprint::of(&[b"a", b"bc"])
        );
    }

    #[test]
    fn what_was_taken_is_known_after_a_restart_and_what_was_deleted_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        let mut memory = Memory::open(&path, 10).unwrap();
        memory.remember(fingerprint(1)).unwrap();
        memory.remember(fingerprint(2)).unwrap();
        memory.forget(fingerprint(1)).unwrap();
        drop(memory);
        let memory = Memory::open(&path, 10).unwrap();
        assert!(!memory.knows(&fingerprint(1)));
        assert!(memory.knows(&fingerprint(2)));
    }

    #[test]
    fn a_torn_line_costs_nothing_but_itself() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        let mut memory = Memory::open(&path, 10).unwrap();
        memory.remember(fingerprint(1)).unwrap();
        drop(memory);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"+0123").unwrap();
        let mut memory = Memory::open(&path, 10).unwrap();
        memory.remember(fingerprint(2)).unwrap();
        let memory = Memory::open(&path, 10).unwrap();
        assert!(memory.knows(&fingerprint(1)) && memory.knows(&fingerprint(2)));
    }

    #[test]
    fn the_oldest_give_way_and_the_file_stays_short() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        let mut memory = Memory::open(&path, 3).unwrap();
        for number in 0..50 {
            memory.remember(fingerprint(number)).unwrap();
        }
        assert!(!memory.knows(&fingerprint(46)));
        assert!(memory.knows(&fingerprint(47)) && memory.knows(&fingerprint(49)));
        assert!(fs::read_to_string(&path).unwrap().lines().count() <= 6);
    }
}
