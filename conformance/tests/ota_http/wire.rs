//! The gateway's end of a connection, by hand: octets out, answers in. It shares nothing with the terminal.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};
use conformance::process::PATIENCE;
pub(crate) use conformance::process::eventually;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};

/// One connection, whoever opened it. The gateway is always the one who asks.
pub(crate) struct Wire {
    stream: Box<dyn Octets>,
    /// The TCP connection below.
    tcp: TcpStream,
    read: Vec<u8>,
}

/// What octets go over: TCP, or TLS on it.
pub(crate) trait Octets: Read + Write + Send {}

impl<T: Read + Write + Send> Octets for T {}

/// An answer of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Header names and values, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of the first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut of_name = self
            .headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name));
        of_name.next().map(|(_, value)| value.as_str())
    }

    /// The code of X-Wap-Push-Status; `None` if there is no such header, or if it is malformed.
    pub(crate) fn push_status(&self) -> Option<u16> {
        let value = self.header("X-Wap-Push-Status")?;
        let (code, phrase) = value.split_once(' ').unwrap_or((value, ""));
        let well_formed = code.len() == 3 && phrase.chars().all(|c| (' '..='~').contains(&c));
        well_formed.then(|| code.parse().ok()).flatten()
    }

    /// The CPITag, which has to be there.
    pub(crate) fn tag(&self) -> anyhow::Result<String> {
        let tag = self.header("X-Wap-CPITag").map(str::to_owned);
        tag.with_context(|| format!("no CPITag: {self:?}"))
    }

    /// Fails unless HTTP and push status are these.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, push_status: u16) {
        let found = (self.status, self.push_status());
        assert_eq!(found, (status, Some(push_status)), "{self:?}");
    }
}

impl Wire {
    /// Connects to `to` from the address `from`.
    pub(crate) fn dial(from: Ipv4Addr, to: SocketAddrV4) -> anyhow::Result<Self> {
        Self::over(tcp(from, to)?)
    }

    /// Speaks plain HTTP on a connection.
    pub(crate) fn over(tcp: TcpStream) -> anyhow::Result<Self> {
        let stream = tcp.try_clone()?;
        Self::with(tcp, stream)
    }

    /// Speaks HTTP through `stream`, which goes over `tcp`.
    pub(crate) fn with(tcp: TcpStream, stream: impl Octets + 'static) -> anyhow::Result<Self> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        Ok(Self {
            stream: Box::new(stream),
            tcp,
            read: Vec::new(),
        })
    }

    /// The terminal's address on this connection.
    pub(crate) fn terminal(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.tcp.peer_addr()?)
    }

    /// Sends octets as they are.
    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) -> anyhow::Result<()> {
        self.stream.write_all(octets.as_ref())?;
        Ok(self.stream.flush()?)
    }

    /// Ends the sending side.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        Ok(self.tcp.shutdown(Shutdown::Write)?)
    }

    /// Reads one answer, of a request that was not HEAD.
    pub(crate) fn answer(&mut self) -> anyhow::Result<Answer> {
        let mut answer = self.head()?;
        let length = answer
            .header("Content-Length")
            .map(str::parse)
            .transpose()?;
        let has_none = answer.status < 200 || answer.status == 204 || answer.status == 304;
        if answer.header("Transfer-Encoding").is_some() {
            bail!("nobody asked for a body in chunks: {answer:?}");
        }
        let length: usize = if has_none { 0 } else { length.unwrap_or(0) };
        while self.read.len() < length {
            self.fill()?;
        }
        answer.body = self.read.drain(..length).collect();
        Ok(answer)
    }

    /// Reads an answer up to its empty line.
    pub(crate) fn head(&mut self) -> anyhow::Result<Answer> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill()?;
        };
        let octets: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8(octets).context("a head that is no text")?;
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default();
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').context("a header without colon")?;
            Ok((name.to_owned(), value.trim().to_owned()))
        });
        Ok(Answer {
            status: status
                .with_context(|| format!("no status: {line:?}"))?
                .parse()?,
            headers: headers.collect::<anyhow::Result<_>>()?,
            body: Vec::new(),
        })
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> anyhow::Result<Answer> {
        self.send(request)?;
        self.answer()
    }

    /// Registers, with these headers beside those that every registration has.
    pub(crate) fn register(&mut self, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        self.ask(options(headers))
    }

    /// Pushes `content` as text/plain to `application`.
    pub(crate) fn push(
        &mut self,
        application: &str,
        content: &[u8],
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let entity = entity(&[("X-Wap-Application-Id", application)], content);
        self.ask(post(headers, &entity))
    }

    /// What comes until the terminal ends the connection: nothing, if it ends it at once.
    pub(crate) fn rest(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self
                    .read
                    .extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if has_ended(error.kind()) => break,
                Err(error) => return Err(error).context("the connection is still open"),
            }
        }
        Ok(std::mem::take(&mut self.read))
    }

    /// Waits until the terminal ends the connection, and fails if it says more on it.
    pub(crate) fn ended(&mut self) -> anyhow::Result<()> {
        let rest = self.rest()?;
        anyhow::ensure!(
            rest.is_empty(),
            "it said: {}",
            String::from_utf8_lossy(&rest)
        );
        Ok(())
    }

    /// Whether the terminal has neither ended the connection nor said anything within `wait`.
    pub(crate) fn is_silent(&mut self, wait: Duration) -> anyhow::Result<bool> {
        anyhow::ensure!(self.read.is_empty(), "something was said before");
        Ok(!is_readable(&self.tcp, wait)?)
    }

    fn fill(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 16 << 10];
        let length = self.stream.read(&mut buffer).with_context(|| {
            let so_far = String::from_utf8_lossy(&self.read).into_owned();
            format!("no answer came, only {so_far:?}")
        })?;
        if length == 0 {
            let so_far = String::from_utf8_lossy(&self.read).into_owned();
            bail!("the terminal ended the connection instead of answering; it said {so_far:?}");
        }
        self.read
            .extend_from_slice(buffer.get(..length).unwrap_or_default());
        Ok(())
    }
}

/// A place where a gateway waits for terminals that dial it.
pub(crate) struct Gateway {
    listener: TcpListener,
}

impl Gateway {
    /// Listens on a port that the system chooses.
    pub(crate) fn open(address: Ipv4Addr) -> anyhow::Result<Self> {
        Self::open_at(SocketAddrV4::new(address, 0))
    }

    /// Listens on this port, which another gateway may just have left.
    pub(crate) fn open_at(address: SocketAddrV4) -> anyhow::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(64)?;
        Ok(Self {
            listener: socket.into(),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddrV4> {
        match self.listener.local_addr()? {
            SocketAddr::V4(address) => Ok(address),
            SocketAddr::V6(address) => bail!("{address} is no IPv4 address"),
        }
    }

    /// The next terminal that dials.
    pub(crate) fn accept(&self) -> anyhow::Result<Wire> {
        Wire::over(self.accept_tcp()?)
    }

    /// The next connection, without a word said on it; of several that wait, the last: the terminal retires those that it
    /// opened before.
    pub(crate) fn accept_tcp(&self) -> anyhow::Result<TcpStream> {
        if !is_readable(&self.listener, PATIENCE)? {
            bail!("nobody dialled {}", self.listener.local_addr()?);
        }
        let mut latest = self.listener.accept()?.0;
        while is_readable(&self.listener, Duration::ZERO)? {
            latest = self.listener.accept()?.0;
        }
        Ok(latest)
    }

    /// Whether nobody dials within `wait`.
    pub(crate) fn is_left_alone(&self, wait: Duration) -> anyhow::Result<bool> {
        Ok(!is_readable(&self.listener, wait)?)
    }
}

/// A TCP connection from one address to another.
pub(crate) fn tcp(from: Ipv4Addr, to: SocketAddrV4) -> anyhow::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(from, 0).into())?;
    let connected = socket.connect_timeout(&to.into(), PATIENCE);
    connected.with_context(|| format!("{from} cannot connect to {to}"))?;
    Ok(socket.into())
}

/// A registration with these headers beside Host and the version.
pub(crate) fn options(headers: &[(&str, &str)]) -> Vec<u8> {
    request("OPTIONS", headers, None)
}

/// A push with these headers beside Host, the version, type and length.
pub(crate) fn post(headers: &[(&str, &str)], entity: &[u8]) -> Vec<u8> {
    request("POST", headers, Some(entity))
}

fn request(method: &str, headers: &[(&str, &str)], entity: Option<&[u8]>) -> Vec<u8> {
    let mut text = format!("{method} /wappush HTTP/1.1\r\nHost:\r\n");
    let named = |name: &str| headers.iter().any(|(found, _)| *found == name);
    let mut add = |name: &str, value: &str| {
        text.extend([name, ": ", value, "\r\n"]);
    };
    if !named("X-Wap-Push-OTA-Version") {
        add("X-Wap-Push-OTA-Version", "1.0");
    }
    // A header without a value is one that the request shall not have.
    for (name, value) in headers.iter().filter(|(_, value)| *value != ABSENT) {
        add(name, value);
    }
    if let Some(entity) = entity {
        add("Content-Type", "application/http");
        add("Content-Length", &entity.len().to_string());
    }
    text.push_str("\r\n");
    let mut octets = text.into_bytes();
    octets.extend_from_slice(entity.unwrap_or_default());
    octets
}

/// The value of a header that [`options`] and [`post`] add of themselves and shall leave out.
pub(crate) const ABSENT: &str = "\0absent";

/// A push message of text/plain with these headers, as the body of a POST.
pub(crate) fn entity(headers: &[(&str, &str)], content: &[u8]) -> Vec<u8> {
    entity_of("text/plain", headers, content)
}

/// A push message of some content type, as the body of a POST.
pub(crate) fn entity_of(content_type: &str, headers: &[(&str, &str)], content: &[u8]) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n",
        content.len()
    );
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    let mut octets = text.into_bytes();
    octets.extend_from_slice(content);
    octets
}

fn is_readable(socket: &impl std::os::fd::AsFd, wait: Duration) -> anyhow::Result<bool> {
    let mut sockets = [PollFd::new(socket, PollFlags::IN)];
    let wait = Timespec::try_from(wait)?;
    Ok(poll(&mut sockets, Some(&wait))? > 0)
}

const fn has_ended(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected
    )
}
