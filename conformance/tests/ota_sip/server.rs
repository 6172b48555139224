//! A push server by hand: SIP over UDP, message by message.

use std::{
    fmt::Write,
    net::{SocketAddr, SocketAddrV4, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, bail};
use conformance::{kamailio::DOMAIN, process::PATIENCE, sip::Message};

use crate::stage::{USER, instance};

/// A push server with a socket of its own.
pub(crate) struct Server {
    socket: UdpSocket,
    /// Where its requests go.
    pub(crate) target: SocketAddrV4,
    own: SocketAddrV4,
}

/// Names every request of this process.
static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A request with all that belongs into it; what is empty is left out.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) uri: String,
    pub(crate) from: String,
    pub(crate) to_tag: String,
    pub(crate) call_id: String,
    pub(crate) sequence: u32,
    pub(crate) branch: String,
    /// What it asserts of itself.
    pub(crate) identity: String,
    /// The Push Resource Identifier that is asked for.
    pub(crate) application: String,
    /// The application instance that is asked for.
    pub(crate) instance: String,
    pub(crate) content_type: String,
    /// More header lines, each ended by CRLF.
    pub(crate) more: String,
    pub(crate) content: Vec<u8>,
}

impl Request {
    /// The octets, as they are sent from `own`.
    pub(crate) fn octets(&self, own: SocketAddrV4) -> anyhow::Result<Vec<u8>> {
        let (method, uri, branch) = (self.method, &self.uri, &self.branch);
        let mut text = format!("{method} {uri} SIP/2.0\r\n");
        write!(
            text,
            "Via: SIP/2.0/UDP {own};branch={branch};rport\r\nMax-Forwards: 70\r\n"
        )?;
        write!(text, "From: <{}>;tag=by-hand\r\n", self.from)?;
        let tag = if self.to_tag.is_empty() { "" } else { ";tag=" };
        write!(text, "To: <sip:{USER}@{DOMAIN}>{tag}{}\r\n", self.to_tag)?;
        write!(
            text,
            "Call-ID: {}\r\nCSeq: {} {method}\r\n",
            self.call_id, self.sequence
        )?;
        if !self.identity.is_empty() {
            write!(text, "P-Asserted-Identity: <{}>\r\n", self.identity)?;
        }
        if !self.application.is_empty() {
            let application = &self.application;
            write!(
                text,
                "Accept-Contact: *;+g.oma.pusheventapp=\"{application}\";require;explicit\r\n"
            )?;
        }
        if !self.instance.is_empty() {
            let instance = instance(&self.instance);
            write!(
                text,
                "Accept-Contact: *;+g.3gpp.iari-ref=\"{instance}\";require;explicit\r\n"
            )?;
        }
        if !self.content_type.is_empty() {
            write!(text, "Content-Type: {}\r\n", self.content_type)?;
        }
        write!(
            text,
            "{}Content-Length: {}\r\n\r\n",
            self.more,
            self.content.len()
        )?;
        let mut octets = text.into_bytes();
        octets.extend_from_slice(&self.content);
        Ok(octets)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Server {
    pub(crate) fn new(own: SocketAddrV4, target: SocketAddrV4) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(own)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let own = match socket.local_addr()? {
            SocketAddr::V4(own) => own,
            SocketAddr::V6(_) => bail!("not IPv4"),
        };
        Ok(Self {
            socket,
            target,
            own,
        })
    }

    /// Its address.
    pub(crate) fn own(&self) -> SocketAddrV4 {
        self.own
    }

    /// A good push of text to `application`, not sent yet.
    pub(crate) fn push(&self, application: &str, content: &[u8]) -> Request {
        let mut request = self.request("MESSAGE");
        application.clone_into(&mut request.application);
        "text/plain".clone_into(&mut request.content_type);
        request.content = content.to_vec();
        request
    }

    /// A request without content.
    pub(crate) fn request(&self, method: &'static str) -> Request {
        let (own, number) = (self.own, NUMBER.fetch_add(1, Ordering::Relaxed));
        Request {
            method,
            uri: format!("sip:{USER}@{DOMAIN}"),
            from: format!("sip:psa@{DOMAIN}"),
            to_tag: String::new(),
            call_id: format!("{number}.{own}"),
            sequence: 1,
            branch: format!("z9hG4bK{number}"),
            identity: format!("sip:psa@{DOMAIN}"),
            application: String::new(),
            instance: String::new(),
            content_type: String::new(),
            more: String::new(),
            content: Vec::new(),
        }
    }

    pub(crate) fn send(&self, request: &Request) -> anyhow::Result<()> {
        self.send_octets(&request.octets(self.own)?)
    }

    pub(crate) fn send_octets(&self, octets: &[u8]) -> anyhow::Result<()> {
        self.socket.send_to(octets, self.target)?;
        Ok(())
    }

    /// Sends a request and waits for its final answer.
    pub(crate) fn ask(&self, request: &Request) -> anyhow::Result<Message> {
        self.send(request)?;
        self.answer(request)
    }

    /// Sends a request and wants this status.
    pub(crate) fn expect(&self, request: &Request, status: u16) -> anyhow::Result<Message> {
        let answer = self.ask(request)?;
        anyhow::ensure!(answer.status() == status, "{status} wanted: {answer:?}");
        Ok(answer)
    }

    /// Waits for the final answer to a request; it is sent again meanwhile.
    pub(crate) fn answer(&self, request: &Request) -> anyhow::Result<Message> {
        let sequence = format!("{} {}", request.sequence, request.method);
        let start = self.socket.read_timeout()?;
        self.socket
            .set_read_timeout(Some(Duration::from_millis(500)))?;
        let (mut is_provisional, mut silences) = (false, 0);
        let mut found = None;
        while found.is_none() && silences < 40 {
            let Some(message) = self.next()? else {
                silences += 1;
                // RFC 3261 17.1: an INVITE is sent again only until something comes.
                if !(is_provisional && request.method == "INVITE") {
                    self.send(request)?;
                }
                continue;
            };
            let is_ours = message.header("Call-ID") == Some(&request.call_id)
                && message.header("CSeq") == Some(&sequence);
            is_provisional |= is_ours && message.status() / 100 == 1;
            found = Some(message).filter(|message| is_ours && message.status() >= 200);
        }
        self.socket.set_read_timeout(start)?;
        found.with_context(|| format!("no answer to {request:?}"))
    }

    /// The next message, whatever it is; `None` if none comes for a while.
    pub(crate) fn next(&self) -> anyhow::Result<Option<Message>> {
        let mut buffer = vec![0; 65_536];
        match self.socket.recv(&mut buffer) {
            Ok(length) => {
                let octets = buffer.get(..length).unwrap_or_default();
                Message::parse(octets).map(Some)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for a request of the other side.
    pub(crate) fn requested(&self, method: &str) -> anyhow::Result<Message> {
        for _ in 0..1_000 {
            let message = self.next()?.with_context(|| format!("no {method} came"))?;
            if message.method() == method {
                return Ok(message);
            }
        }
        bail!("no {method} among 1000 messages")
    }
}
