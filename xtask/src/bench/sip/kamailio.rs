//! The peer: Kamailio with one worker, which answers every request at once and keeps nothing.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::bench::process::SERVER_CORE;
use crate::command;

/// A running Kamailio; ended when dropped, and its workers with it.
#[derive(Debug)]
pub(crate) struct Kamailio {
    child: Child,
}

/// Whether it is installed.
pub(crate) fn is_here() -> bool {
    command::find_program("kamailio").is_some()
}

impl Kamailio {
    /// Starts it in `place` on the server's core.
    pub(crate) fn start(place: &Path, listen: SocketAddr) -> anyhow::Result<Self> {
        let program = command::find_program("kamailio").context("no kamailio")?;
        let script = place.join("kamailio.cfg");
        let text = format!(
            "debug=0\nlog_stderror=no\nchildren=1\ndisable_tcp=yes\nauto_aliases=no\nlisten=udp:{listen}\n\
             loadmodule \"sl.so\"\nrequest_route {{\n    sl_send_reply(\"200\", \"OK\");\n    exit;\n}}\n"
        );
        fs::write(&script, text)?;
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", SERVER_CORE])
            .arg(program)
            .arg("-f")
            .arg(&script)
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-w"])
            .arg(place)
            .arg("-Y")
            .arg(place)
            .arg("-P")
            .arg(place.join("kamailio.pid"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(place.join("kamailio.log"))?);
        let child = command.spawn().context("cannot start kamailio")?;
        Ok(Self { child })
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its workers end with it where it is asked to end, and stay where it is killed.
        let id = rustix::process::Pid::from_child(&self.child);
        let asked = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let ended = asked
            .map_err(std::io::Error::from)
            .and_then(|()| self.child.wait());
        if let Err(error) = ended {
            println!("cannot end kamailio {}: {error}", self.child.id());
        }
    }
}
