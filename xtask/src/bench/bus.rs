//! Just enough of D-Bus to see a name appear on a private bus.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

/// A connection to a bus that is told when names get owners.
#[derive(Debug)]
pub(crate) struct Watcher {
    stream: UnixStream,
}

impl Watcher {
    /// Connects, authenticates as the own user and asks for changes of the owner of `name`.
    pub(crate) fn connect(socket: &Path, name: &str) -> anyhow::Result<Self> {
        let mut stream = UnixStream::connect(socket).context("the bus cannot be reached")?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let uid = rustix::process::geteuid().as_raw().to_string();
        let identity = uid
            .bytes()
            .fold(String::new(), |text, digit| format!("{text}{digit:02x}"));
        stream.write_all(format!("\0AUTH EXTERNAL {identity}\r\n").as_bytes())?;
        let mut answer = [0; 512];
        let length = stream.read(&mut answer)?;
        if !answer[..length].starts_with(b"OK ") {
            bail!(
                "the bus refused: {}",
                String::from_utf8_lossy(&answer[..length])
            );
        }
        stream.write_all(b"BEGIN\r\n")?;
        stream.write_all(&method_call(1, "Hello", None))?;
        let rule = format!("type='signal',member='NameOwnerChanged',arg0='{name}'");
        stream.write_all(&method_call(2, "AddMatch", Some(&rule)))?;
        let mut watcher = Self { stream };
        // The answer to AddMatch carries the serial of the call, and no other message here ends in it.
        watcher.read_until(|seen| {
            seen.windows(8)
                .any(|window| window == [5, 1, b'u', 0, 2, 0, 0, 0])
        })?;
        Ok(watcher)
    }

    /// Waits until the name has an owner.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        self.read_until(|seen| seen.windows(16).any(|window| window == b"NameOwnerChanged"))
    }

    fn read_until(&mut self, done: impl Fn(&[u8]) -> bool) -> anyhow::Result<()> {
        let mut seen = Vec::new();
        let mut octets = [0; 4_096];
        while !done(&seen) {
            let length = self.stream.read(&mut octets)?;
            if length == 0 {
                bail!("the bus ended the connection");
            }
            seen.extend_from_slice(&octets[..length]);
        }
        Ok(())
    }
}

/// A call of a method of the bus itself, little-endian, with one string as its argument or none.
fn method_call(serial: u32, member: &str, argument: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(argument) = argument {
        push_string(&mut body, argument);
    }
    let mut fields = Vec::new();
    push_field(&mut fields, 1, b'o', "/org/freedesktop/DBus");
    push_field(&mut fields, 2, b's', "org.freedesktop.DBus");
    push_field(&mut fields, 3, b's', member);
    push_field(&mut fields, 6, b's', "org.freedesktop.DBus");
    if argument.is_some() {
        pad(&mut fields, 8);
        fields.extend_from_slice(&[8, 1, b'g', 0, 1, b's', 0]);
    }
    let mut message = vec![b'l', 1, 0, 1];
    for number in [body.len(), serial as usize, fields.len()] {
        message.extend_from_slice(&number.to_le_bytes()[..4]);
    }
    message.append(&mut fields);
    pad(&mut message, 8);
    message.append(&mut body);
    message
}

fn push_field(fields: &mut Vec<u8>, code: u8, kind: u8, value: &str) {
    pad(fields, 8);
    fields.extend_from_slice(&[code, 1, kind, 0]);
    push_string(fields, value);
}

fn push_string(octets: &mut Vec<u8>, text: &str) {
    octets.extend_from_slice(&text.len().to_le_bytes()[..4]);
    octets.extend_from_slice(text.as_bytes());
    octets.push(0);
}

fn pad(octets: &mut Vec<u8>, alignment: usize) {
    octets.resize(octets.len().next_multiple_of(alignment), 0);
}
