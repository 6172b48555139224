//! Kannel as a push proxy gateway: bearerbox and wapbox, connectionless push over UDP, and sessions.

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

/// Runs a program with its threads on one processor, first come, first served.
const ORDERLY: [&str; 6] = ["taskset", "-c", "0", "chrt", "-f", "5"];

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
        Self::start_as(&bearerbox, &mut || Command::new(&wapbox), extra).map(Some)
    }

    /// Starts a gateway that has a session already, with nobody: acknowledging the one with the number 0 can make it panic.
    ///
    /// # Errors
    ///
    /// As [`Kannel::start`].
    pub fn start_for_sessions() -> anyhow::Result<Option<Self>> {
        let Some(kannel) = Self::start_fresh()? else {
            return Ok(None);
        };
        kannel.open_session_with_nobody()?;
        Ok(Some(kannel))
    }

    /// Starts a gateway whose first session will have the number 0: the only one in which it pushes unconfirmed.
    ///
    /// Its threads share one processor, first come, first served, where the system lets a test decide that: else more of its pushes
    /// are lost by a race of its own, in which it pushes in a session that it has not opened yet.
    ///
    /// # Errors
    ///
    /// As [`Kannel::start`].
    pub fn start_fresh() -> anyhow::Result<Option<Self>> {
        let Some([bearerbox, wapbox]) = peer::find(["bearerbox", "wapbox"])? else {
            return Ok(None);
        };
        let [first, rest @ ..] = ORDERLY;
        let may_decide = Command::new(first)
            .args(rest)
            .arg("true")
            .output()
            .is_ok_and(|output| output.status.success());
        let mut command = || {
            if may_decide {
                let mut command = Command::new(first);
                command.args(rest).arg(&wapbox);
                command
            } else {
                Command::new(&wapbox)
            }
        };
        Self::start_as(&bearerbox, &mut command, "").map(Some)
    }

    fn start_as(
        bearerbox: &Path,
        wapbox: &mut dyn FnMut() -> Command,
        extra: &str,
    ) -> anyhow::Result<Self> {
        let mut attempt = Self::try_start(bearerbox, wapbox(), extra);
        // A port that was free a moment ago may be taken by now: ask for others.
        for _ in 0..2 {
            if attempt.is_err() {
                attempt = Self::try_start(bearerbox, wapbox(), extra);
            }
        }
        attempt
    }

    /// Opens a session as a terminal does that wants no push.
    fn open_session_with_nobody(&self) -> anyhow::Result<()> {
        const ATTEMPTS: u8 = 20;
        let socket = UdpSocket::bind((self.client_address(253), 0))?;
        socket.set_read_timeout(Some(PATIENCE / u32::from(ATTEMPTS)))?;
        for transaction in 1..=ATTEMPTS {
            // Invoke of class 2: Connect, version 1.0, neither capabilities nor headers.
            let connect = [0x0e, 0x00, transaction, 0x12, 0x01, 0x10, 0x00, 0x00];
            socket.send_to(&connect, self.session_address())?;
            let mut reply = [0; 1500];
            // Its answer to an earlier attempt is as good.
            if socket.recv_from(&mut reply).is_err() {
                continue;
            }
            // A Result with a ConnectReply.
            let [0x16 | 0x17, _, answered, 0x02, ..] = reply else {
                bail!("Kannel opens no session: {:02x?}", reply.get(..16));
            };
            socket.send_to(&[0x18, 0x00, answered], self.session_address())?;
            return Ok(());
        }
        bail!("Kannel opens no session; {}", self.wapbox.complaints())
    }

    fn try_start(bearerbox: &Path, mut wapbox: Command, extra: &str) -> anyhow::Result<Self> {
        let network = Network::claim()?;
        let directory = tempfile::tempdir()?;
        let ports = Ports::free()?;
        let configuration = directory.path().join("kannel.conf");
        fs::write(&configuration, ports.configuration(network.host(1), extra))?;
        let mut bearerbox = Command::new(bearerbox);
        let bearerbox = start_box("bearerbox", &mut bearerbox, &configuration, "Start-up done")?;
        // It says that it is connected before it has kept the connection; a push in between makes it panic.
        // Its heartbeat starts after both.
        let wapbox = start_box("wapbox", &mut wapbox, &configuration, "heartbeat_thread")?;
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

    /// Where it takes sessions.
    #[must_use]
    pub fn session_address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address(), 9201)
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

    /// Reads its log until a line holds one of `fragments`, and says which.
    ///
    /// # Errors
    ///
    /// No such line came before it fell silent for [`PATIENCE`] or ended.
    pub fn wait_for_log<'a>(&self, fragments: &[&'a str]) -> anyhow::Result<&'a str> {
        self.wapbox.wait_for_one_of(fragments)
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

    /// Kannel takes the port of a smsbox only where it has a group for one.
    fn configuration(&self, bearer: Ipv4Addr, extra: &str) -> String {
        let Self {
            admin,
            wapbox,
            smsbox,
            pap,
        } = self;
        let smsbox = if extra.contains("group = smsbox") {
            format!("smsbox-port = {smsbox}\nsmsbox-interface = 127.0.0.1\n")
        } else {
            String::new()
        };
        format!(
            "group = core\n\
             admin-port = {admin}\n\
             admin-interface = 127.0.0.1\n\
             admin-password = conformance\n\
             wapbox-port = {wapbox}\n\
             {smsbox}\
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
             trusted-pi = true\n\
             \n\
             {extra}",
            path = pap::PATH,
        )
    }
}

fn start_box(
    name: &str,
    command: &mut Command,
    configuration: &Path,
    ready: &str,
) -> anyhow::Result<Running> {
    command.args(["-v", "0"]).arg(configuration);
    let running = Running::start(name, command)?;
    running.wait_for_error_line(ready)?;
    Ok(running)
}
