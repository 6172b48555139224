//! Kamailio as the SIP core: registrar and outbound proxy that routes by what terminals registered, and tells what it sees.

use std::{
    cell::{Cell, RefCell},
    fs,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    peer,
    process::{Running, eventually},
    sip::{self, Message},
};

/// The domain that it serves.
pub const DOMAIN: &str = "core.test";
/// The password of every user.
pub const PASSWORD: &str = "open-sesame";
/// Where it takes SIP over UDP and TCP.
pub const PORT: u16 = 5060;
/// Where it takes SIP over TLS.
pub const TLS_PORT: u16 = 5061;

const SCRIPT: &str = include_str!("kamailio.cfg");

/// How the core behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Passwords are asked for by SHA-256, not MD5.
    pub sha256: bool,
    /// For how many seconds a nonce is good.
    pub nonce: u32,
    /// The most seconds that a binding is granted for.
    pub longest: u32,
    /// A REGISTER for fewer seconds is refused with 423.
    pub brief: Option<u32>,
    /// Requests of terminals other than REGISTER are challenged with 407.
    pub asks_proxy: bool,
    /// It takes SIP over UDP alone.
    pub datagrams_alone: bool,
    /// How many milliseconds it waits for an answer that it passes on.
    pub patience: u32,
    /// Certificate chain and key, as PEM, of TLS.
    pub tls: Option<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sha256: false,
            nonce: 300,
            longest: 3_600,
            brief: None,
            asks_proxy: false,
            datagrams_alone: false,
            patience: 4_000,
            tls: None,
        }
    }
}

/// Something that the core saw.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// A REGISTER, OPTIONS or INVITE came in.
    Request(Message),
    /// A terminal was asked for its password: the status, and what the core knows of why.
    Challenge(u16, String),
    /// A binding was written, changed or taken away: user and Contact.
    Bound(String, String),
    /// A request of a terminal that did not come by its Service-Route.
    Astray,
}

/// A running core with an address of its own.
#[derive(Debug)]
pub struct Kamailio {
    running: Option<Running>,
    address: Ipv4Addr,
    seen: RefCell<Vec<Seen>>,
    /// How often [`Kamailio::seen`] was asked.
    marks: Cell<u32>,
    directory: TempDir,
}

impl Kamailio {
    /// Starts a core at `address` that believes what push servers at `server` (ports 5090 to 5099) assert, and waits until it answers;
    /// `None` if Kamailio is not installed and may be skipped.
    ///
    /// # Errors
    ///
    /// Kamailio is missing though nothing may be skipped, or did not start.
    pub fn start(
        address: Ipv4Addr,
        server: Ipv4Addr,
        settings: &Settings,
    ) -> anyhow::Result<Option<Self>> {
        if peer::find(["kamailio"])?.is_none() {
            return Ok(None);
        }
        let directory = tempfile::tempdir()?;
        write_configuration(directory.path(), address, server, settings)?;
        let mut core = Self {
            running: None,
            address,
            seen: RefCell::default(),
            marks: Cell::new(0),
            directory,
        };
        core.return_()?;
        Ok(Some(core))
    }

    /// Where it takes SIP over UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, PORT)
    }

    /// Ends it with SIGKILL, all of its processes, and waits until they are gone. Its bindings are gone with it.
    ///
    /// # Errors
    ///
    /// It cannot be found out what its processes are.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        self.drain(&running);
        end(running)
    }

    /// Starts it again, as it was configured, and waits until it answers.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn return_(&mut self) -> anyhow::Result<()> {
        let Some([program]) = peer::find(["kamailio"])? else {
            anyhow::bail!("Kamailio has gone");
        };
        let mut command = Command::new(program);
        let directory = self.directory.path();
        command.arg("-f").arg(directory.join("core.cfg"));
        command.args(["-DD", "-E", "-m", "64", "-M", "8", "-w"]);
        command.arg(directory).arg("-Y").arg(directory);
        let running = self
            .running
            .insert(Running::start("kamailio", &mut command)?);
        let socket = UdpSocket::bind((self.address, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let target = SocketAddrV4::new(self.address, PORT);
        eventually("an answer of Kamailio", || answers(&socket, target, "up"))
            .with_context(|| running.complaints())
    }

    /// Everything that it has seen until now. A request of the test's own, which is left out, tells where that is.
    ///
    /// # Errors
    ///
    /// It runs and does not answer.
    pub fn seen(&self) -> anyhow::Result<Vec<Seen>> {
        if self.running.is_some() {
            let mark = format!("mark-{}", self.marks.get());
            self.marks.set(self.marks.get() + 1);
            let socket = UdpSocket::bind((self.address, 0))?;
            socket.set_read_timeout(Some(Duration::from_millis(500)))?;
            let target = self.address();
            eventually("an answer of Kamailio", || answers(&socket, target, &mark))?;
            let is_mark = |seen: &Seen| matches!(seen, Seen::Request(request) if request.header("Call-ID") == Some(&mark));
            self.until(|seen| seen.iter().any(is_mark).then_some(()))?;
            self.seen.borrow_mut().retain(|seen| !is_mark(seen));
        }
        Ok(self.seen.borrow().clone())
    }

    /// Waits until `check` finds something in what it has seen, from the first to the last.
    ///
    /// # Errors
    ///
    /// It fell silent for long before.
    pub fn until<T>(&self, check: impl Fn(&[Seen]) -> Option<T>) -> anyhow::Result<T> {
        let running = self.running.as_ref().context("Kamailio does not run")?;
        self.drain(running);
        loop {
            if let Some(found) = check(&self.seen.borrow()) {
                return Ok(found);
            }
            let Some(line) = running.next_error_line(true)? else {
                continue;
            };
            self.remember(&line);
        }
    }

    /// The requests of `method` that it has seen until now.
    ///
    /// # Errors
    ///
    /// As [`Kamailio::seen`].
    pub fn requests(&self, method: &str) -> anyhow::Result<Vec<Message>> {
        let seen = self.seen()?.into_iter();
        let requests = seen.filter_map(|seen| match seen {
            Seen::Request(request) => Some(request),
            Seen::Challenge(..) | Seen::Bound(..) | Seen::Astray => None,
        });
        Ok(requests
            .filter(|request| request.method() == method)
            .collect())
    }

    /// The last Contact that was bound for `user`.
    ///
    /// # Errors
    ///
    /// As [`Kamailio::seen`].
    pub fn contact(&self, user: &str) -> anyhow::Result<Option<String>> {
        Ok(last_contact(&self.seen()?, user))
    }

    fn drain(&self, running: &Running) {
        while let Ok(Some(line)) = running.next_error_line(false) {
            self.remember(&line);
        }
    }

    fn remember(&self, line: &str) {
        if let Some(seen) = line.split_once("SEEN ").and_then(|(_, told)| read(told)) {
            self.seen.borrow_mut().push(seen);
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            drop(end(running));
        }
    }
}

/// The last Contact in `seen` that was bound for `user`.
#[must_use]
pub fn last_contact(seen: &[Seen], user: &str) -> Option<String> {
    seen.iter().rev().find_map(|seen| match seen {
        Seen::Bound(of, contact) if of == user => Some(contact.clone()),
        Seen::Bound(..) | Seen::Request(_) | Seen::Challenge(..) | Seen::Astray => None,
    })
}

/// The Push Resource Identifiers in the last Contact that was bound for `user`.
#[must_use]
pub fn applications(seen: &[Seen], user: &str) -> Vec<String> {
    let contact = last_contact(seen, user).unwrap_or_default();
    sip::feature(&contact, "+g.oma.pusheventapp").unwrap_or_default()
}

fn write_configuration(
    directory: &Path,
    address: Ipv4Addr,
    server: Ipv4Addr,
    settings: &Settings,
) -> anyhow::Result<()> {
    let mut text = "#!KAMAILIO\n".to_owned();
    let switches = [
        ("ALSO_TLS", settings.tls.is_some()),
        ("DIGEST_SHA256", settings.sha256),
        ("ASK_PROXY", settings.asks_proxy),
        ("DATAGRAMS_ALONE", settings.datagrams_alone),
        ("BRIEF_REFUSED", settings.brief.is_some()),
    ];
    for (switch, _) in switches.iter().filter(|(_, is_on)| *is_on) {
        text.extend(["#!define ", switch, "\n"]);
    }
    text.push_str(SCRIPT);
    let words = [
        ("{core}", address.to_string()),
        ("{server}", server.to_string()),
        ("{domain}", DOMAIN.to_owned()),
        ("{password}", PASSWORD.to_owned()),
        ("{nonce}", settings.nonce.to_string()),
        ("{longest}", settings.longest.to_string()),
        ("{patience}", settings.patience.to_string()),
        ("{brief}", settings.brief.unwrap_or_default().to_string()),
        ("{directory}", directory.display().to_string()),
    ];
    for (word, value) in words {
        text = text.replace(word, &value);
    }
    fs::write(directory.join("core.cfg"), text)?;
    if let Some((chain, key)) = &settings.tls {
        let (chain_file, key_file) = (directory.join("chain.pem"), directory.join("key.pem"));
        fs::write(&chain_file, chain)?;
        fs::write(&key_file, key)?;
        let side = |name| {
            format!(
                "[{name}:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n\
                 certificate = {}\nprivate_key = {}\n",
                chain_file.display(),
                key_file.display()
            )
        };
        fs::write(directory.join("tls.cfg"), side("server") + &side("client"))?;
    }
    Ok(())
}

/// Asks it for a sign of life, by a request with this Call-ID.
fn answers(socket: &UdpSocket, target: SocketAddrV4, call_id: &str) -> anyhow::Result<Option<()>> {
    let own = socket.local_addr()?;
    let ask = format!(
        "OPTIONS sip:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKup;rport\r\nFrom: <sip:{own}>;tag=up\r\n\
         To: <sip:{target}>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
    );
    // Nobody there may be told by an error of either call.
    drop(socket.send_to(ask.as_bytes(), target));
    let mut buffer = [0; 2_048];
    let came = socket.recv(&mut buffer);
    Ok(came.is_ok_and(|length| length > 0).then_some(()))
}

/// Ends the program and its children, each by its id. It is held first, so that it makes no more of them.
fn end(running: Running) -> anyhow::Result<()> {
    let id = running.id();
    let parent = pid(id).context("it has no id")?;
    // Signals fail only because a process has ended.
    kill_process(parent, Signal::STOP).unwrap_or_default();
    let children = children(id);
    running.kill()?;
    for child in &children {
        if let Some(child) = pid(*child) {
            kill_process(child, Signal::KILL).unwrap_or_default();
        }
    }
    eventually("the end of Kamailio", || {
        Ok(children.iter().all(|child| is_gone(*child)).then_some(()))
    })
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// The processes that `parent` started.
fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| stat(*id).is_some_and(|(_, of)| of == parent))
        .collect()
}

/// State and parent of a process.
fn stat(id: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name of the program stands in brackets and may hold anything.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?.chars().next()?;
    Some((state, words.next()?.parse().ok()?))
}

/// Whether it is gone, but for its entry, which a new parent may be slow to take away.
fn is_gone(id: u32) -> bool {
    stat(id).is_none_or(|(state, _)| matches!(state, 'Z' | 'X'))
}

fn read(told: &str) -> Option<Seen> {
    let mut words = told.split(' ');
    match words.next()? {
        "challenge" => {
            let status = words.next()?.parse().ok()?;
            Some(Seen::Challenge(status, words.collect::<Vec<_>>().join(" ")))
        }
        "bound" => {
            let user = words.next()?.to_owned();
            let contact = octets(words.next().unwrap_or_default())?;
            Some(Seen::Bound(user, String::from_utf8(contact).ok()?))
        }
        "astray" => Some(Seen::Astray),
        _ => {
            let message = Message::parse(&octets(words.next()?)?).ok()?;
            (message.header("Call-ID") != Some("up")).then_some(Seen::Request(message))
        }
    }
}

fn octets(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.trim().as_bytes();
    let pairs = digits.chunks(2);
    let octets = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    octets.collect()
}
