//! Kannel as a push proxy gateway: bearerbox and wapbox, connectionless push over UDP.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    path::Path,
    process::Command,
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::{
    loopback::{self, Network},
    pap::{self, Submission},
    peer,
    process::{PATIENCE, Running},
};

/// The port on which a client takes connectionless pushes; Kannel sends to no other.
pub const CONNECTIONLESS_PUSH: u16 = 2948;

/// A running gateway with loopback addresses of its own.
#[derive(Debug)]
pub struct Kannel {
    network: Network,
    pap: SocketAddrV4,
    // Dropped in this order: wapbox ends before the bearerbox it is connected to.
    wapbox: Running,
    bearerbox: Running,
    _directory: TempDir,
}

impl Kannel {
    /// Starts a gateway and waits until it takes pushes; `None` if Kannel is not installed and may be skipped.
    ///
    /// # Errors
    ///
    /// Kannel is missing though nothing may be skipped, or did not start; its own log lines stand in the error.
    pub fn start() -> anyhow::Result<Option<Self>> {
        Self::start_with("")
    }

    /// As [`Kannel::start`], with more groups of its configuration in `extra`.
    ///
    /// # Errors
    ///
    /// Kannel is missing though nothing may be skipped, or did not start; its own log lines stand in the error.
    pub fn start_with(extra: &str) -> anyhow::Result<Option<Self>> {
        let Some([bearerbox, wapbox]) = peer::find(["bearerbox", "wapbox"])? else {
            return Ok(None);
        };
        let mut attempt = Self::try_start(&bearerbox, &wapbox, extra);
        // A port that was free a moment ago may be taken by now: ask for others.
        for _ in 0..2 {
            if attempt.is_err() {
                attempt = Self::try_start(&bearerbox, &wapbox, extra);
            }
        }
        attempt.map(Some)
    }

    fn try_start(bearerbox: &Path, wapbox: &Path, extra: &str) -> anyhow::Result<Self> {
        let network = Network::claim()?;
        let directory = tempfile::tempdir()?;
        let ports = Ports::free()?;
        let configuration = directory.path().join("kannel.conf");
        let core = ports.configuration(network.host(1));
        fs::write(&configuration, core + "\n" + extra)?;
        let bearerbox = start_box("bearerbox", bearerbox, &configuration, "Start-up done")?;
        // It says that it is connected before it has kept the connection; a push in between makes it panic.
        // Its heartbeat starts after both.
        let wapbox = start_box("wapbox", wapbox, &configuration, "heartbeat_thread")?;
        Ok(Self {
            network,
            pap: SocketAddrV4::new(Ipv4Addr::LOCALHOST, ports.pap),
            wapbox,
            bearerbox,
            _directory: directory,
        })
    }

    /// The address of client `number` (2 to 253) of this gateway.
    #[must_use]
    pub fn client_address(&self, number: u8) -> Ipv4Addr {
        self.network.host(number)
    }

    /// The address that pushes come from.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.network.host(1)
    }

    /// A socket that takes the pushes for client `number`.
    ///
    /// # Errors
    ///
    /// The address is taken.
    pub fn client_socket(&self, number: u8) -> anyhow::Result<UdpSocket> {
        let socket = UdpSocket::bind((self.client_address(number), CONNECTIONLESS_PUSH))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    }

    /// Hands `submission` to the gateway, which has to accept it.
    ///
    /// # Errors
    ///
    /// The gateway cannot be reached or refuses.
    pub fn submit(&self, submission: &Submission<'_>) -> anyhow::Result<()> {
        let answer = pap::submit(self.pap, submission)?;
        if answer.status != 202 || answer.code != Some(1001) {
            bail!("Kannel refuses the push: {answer:?}");
        }
        Ok(())
    }

    /// Submits a push to the client of `socket` and returns the datagram that arrives there.
    ///
    /// # Errors
    ///
    /// The push is refused, or nothing arrives.
    pub fn push(&self, socket: &UdpSocket, submission: &Submission<'_>) -> anyhow::Result<Vec<u8>> {
        self.submit(submission)?;
        let mut buffer = vec![0; 65_536];
        let (length, _) = socket
            .recv_from(&mut buffer)
            .with_context(|| self.complaints())?;
        buffer.truncate(length);
        Ok(buffer)
    }

    fn complaints(&self) -> String {
        format!(
            "Kannel accepted the push and sent nothing; {}\n{}",
            self.wapbox.complaints(),
            self.bearerbox.complaints()
        )
    }
}

struct Ports {
    admin: u16,
    wapbox: u16,
    smsbox: u16,
    pap: u16,
}

impl Ports {
    fn free() -> anyhow::Result<Self> {
        Ok(Self {
            admin: loopback::free_tcp_port()?,
            wapbox: loopback::free_tcp_port()?,
            smsbox: loopback::free_tcp_port()?,
            pap: loopback::free_tcp_port()?,
        })
    }

    fn configuration(&self, bearer: Ipv4Addr) -> String {
        let Self {
            admin,
            wapbox,
            smsbox,
            pap,
        } = self;
        format!(
            "group = core\n\
             admin-port = {admin}\n\
             admin-interface = 127.0.0.1\n\
             admin-password = conformance\n\
             wapbox-port = {wapbox}\n\
             smsbox-port = {smsbox}\n\
             smsbox-interface = 127.0.0.1\n\
             wdp-interface-name = \"{bearer}\"\n\
             box-deny-ip = \"*.*.*.*\"\n\
             box-allow-ip = \"127.0.0.1\"\n\
             \n\
             group = wapbox\n\
             bearerbox-host = 127.0.0.1\n\
             syslog-level = none\n\
             \n\
             group = ppg\n\
             ppg-url = {path}\n\
             ppg-port = {pap}\n\
             concurrent-pushes = 100\n\
             users = 8\n\
             trusted-pi = true\n",
            path = pap::PATH,
        )
    }
}

fn start_box(
    name: &str,
    program: &Path,
    configuration: &Path,
    ready: &str,
) -> anyhow::Result<Running> {
    let mut command = Command::new(program);
    command.args(["-v", "0"]).arg(configuration);
    let running = Running::start(name, &mut command)?;
    running.wait_for_error_line(ready)?;
    Ok(running)
}
