//! The push server's side of a large push by hand: an invitation, and MSRP on its connection (RFC 4975).

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
};

use anyhow::{Context, bail};
use conformance::{
    process::{PATIENCE, eventually},
    sip::{self, Message},
};

use crate::server::{Request, Server};

/// An invitation that was sent.
pub(crate) struct Invitation<'a> {
    server: &'a Server,
    pub(crate) request: Request,
    listener: TcpListener,
    /// The server's own path.
    path: String,
}

/// An invitation that was taken.
pub(crate) struct Dialog<'a> {
    invitation: Invitation<'a>,
    pub(crate) answer: Message,
    sequence: u32,
}

/// A connection of MSRP.
pub(crate) struct Session {
    stream: TcpStream,
    unread: Vec<u8>,
    own: String,
    theirs: String,
    number: u32,
}

/// A request or response of MSRP.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) transaction: String,
    /// What follows the transaction in the first line: a method, or a status with its comment.
    pub(crate) what: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Frame {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn status(&self) -> u16 {
        let word = self.what.split(' ').next();
        word.and_then(|word| word.parse().ok()).unwrap_or_default()
    }
}

/// A session description that offers MSRP with `setup`, if anything is to be said of it.
pub(crate) fn offer(at: SocketAddr, path: &str, setup: Option<&str>) -> String {
    let (host, port) = (at.ip(), at.port());
    let setup = setup.map_or_else(String::new, |setup| format!("a=setup:{setup}\r\n"));
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=message {port} TCP/MSRP *\r\n\
         a=accept-types:*\r\na=path:{path}\r\n{setup}a=sendonly\r\n"
    )
}

impl<'a> Invitation<'a> {
    /// Invites to a session with `application`, and waits for nothing.
    pub(crate) fn send(
        server: &'a Server,
        application: &str,
        setup: Option<&str>,
    ) -> anyhow::Result<Self> {
        let own = server.own();
        let listener = TcpListener::bind((*own.ip(), 0))?;
        let at = listener.local_addr()?;
        let mut request = server.request("INVITE");
        let path = format!("msrp://{at}/s{};tcp", request.branch);
        application.clone_into(&mut request.application);
        "application/sdp".clone_into(&mut request.content_type);
        request.more = format!("Contact: <sip:psa@{own}>\r\n");
        request.content = offer(at, &path, setup).into_bytes();
        server.send(&request)?;
        Ok(Self {
            server,
            request,
            listener,
            path,
        })
    }

    /// Waits for the refusal, and acknowledges it.
    pub(crate) fn refused(self) -> anyhow::Result<Message> {
        let answer = self.server.answer(&self.request)?;
        anyhow::ensure!(answer.status() >= 300, "{answer:?}");
        self.acknowledge(&answer)?;
        Ok(answer)
    }

    fn acknowledge(&self, refusal: &Message) -> anyhow::Result<()> {
        // RFC 3261 17.1.1.3: within the same transaction.
        let acknowledgement = self.request.clone().with(|request| {
            request.method = "ACK";
            request.to_tag =
                sip::parameter(refusal.header("To").unwrap_or_default(), "tag").unwrap_or_default();
            request.content.clear();
            request.content_type.clear();
        });
        self.server.send(&acknowledgement)
    }

    /// Takes the invitation back at once. Where it was taken before that is known, the session is ended instead.
    pub(crate) fn cancelled(self) -> anyhow::Result<()> {
        let cancel = self.request.clone().with(|request| {
            request.method = "CANCEL";
            request.content.clear();
            request.content_type.clear();
            request.more.clear();
        });
        self.server.send(&cancel)?;
        let answer = self.server.answer(&self.request)?;
        if answer.status() == 200 {
            let dialog = Dialog {
                invitation: self,
                answer,
                sequence: 1,
            };
            dialog.acknowledge()?;
            return dialog.end();
        }
        anyhow::ensure!(answer.status() == 487, "{answer:?}");
        self.acknowledge(&answer)
    }

    /// Waits until it is taken, and does not acknowledge that yet.
    pub(crate) fn taken(self) -> anyhow::Result<Dialog<'a>> {
        let answer = self.server.answer(&self.request)?;
        anyhow::ensure!(answer.status() == 200, "{answer:?}");
        Ok(Dialog {
            invitation: self,
            answer,
            sequence: 1,
        })
    }

    /// Waits until it is taken, and acknowledges that.
    pub(crate) fn begun(self) -> anyhow::Result<Dialog<'a>> {
        let dialog = self.taken()?;
        dialog.acknowledge()?;
        Ok(dialog)
    }
}

impl Dialog<'_> {
    fn within(&self, method: &'static str, sequence: u32) -> Request {
        let answer = &self.answer;
        let contact = answer.header("Contact").unwrap_or_default();
        let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
        let routes = answer.all("Record-Route").collect::<Vec<_>>();
        let routes = routes
            .iter()
            .rev()
            .map(|route| format!("Route: {route}\r\n"));
        let tag = sip::parameter(answer.header("To").unwrap_or_default(), "tag");
        self.invitation.request.clone().with(|request| {
            request.method = method;
            target.clone_into(&mut request.uri);
            request.to_tag = tag.unwrap_or_default();
            request.sequence = sequence;
            request.branch = format!("{}{method}", request.branch);
            request.application.clear();
            request.identity.clear();
            request.content.clear();
            request.content_type.clear();
            request.more = routes.collect();
        })
    }

    pub(crate) fn acknowledge(&self) -> anyhow::Result<()> {
        self.invitation.server.send(&self.within("ACK", 1))
    }

    /// Waits for the answer to come again.
    pub(crate) fn again(&self) -> anyhow::Result<()> {
        let call_id = self.answer.header("Call-ID");
        let answers = eventually("the answer again", || self.invitation.server.next());
        let again = answers?;
        anyhow::ensure!(
            again.status() == 200 && again.header("Call-ID") == call_id,
            "{again:?}"
        );
        Ok(())
    }

    /// A line of the terminal's session description.
    pub(crate) fn line(&self, start: &str) -> anyhow::Result<String> {
        let text = String::from_utf8(self.answer.body.clone())?;
        let mut lines = text.split("\r\n");
        let found = lines.find_map(|line| line.strip_prefix(start));
        found
            .map(str::to_owned)
            .with_context(|| format!("no {start} in {text}"))
    }

    /// The connection that the terminal opened; its first request is read and answered.
    pub(crate) fn accept(&self) -> anyhow::Result<Session> {
        let (stream, _) = self.invitation.listener.accept()?;
        let mut session = self.session(stream)?;
        let first = session.next()?;
        anyhow::ensure!(first.what == "SEND", "{first:?}");
        session.answer(&first, "200 OK")?;
        Ok(session)
    }

    /// Where the terminal waits.
    pub(crate) fn waits_at(&self) -> anyhow::Result<SocketAddrV4> {
        let path = self.line("a=path:")?;
        let place = path
            .strip_prefix("msrp://")
            .and_then(|rest| rest.split('/').next());
        Ok(place.context("no address")?.parse()?)
    }

    /// A connection to where the terminal waits, from `own`.
    pub(crate) fn connect(&self) -> anyhow::Result<Session> {
        self.session(TcpStream::connect(self.waits_at()?)?)
    }

    fn session(&self, stream: TcpStream) -> anyhow::Result<Session> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Session {
            stream,
            unread: Vec::new(),
            own: self.invitation.path.clone(),
            theirs: self.line("a=path:")?,
            number: 0,
        })
    }

    /// Ends the session, and wants that answered with 200.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.sequence += 1;
        let bye = self.within("BYE", self.sequence);
        self.invitation.server.expect(&bye, 200).map(drop)
    }

    /// Waits for the terminal's BYE and answers it.
    pub(crate) fn ended(self) -> anyhow::Result<()> {
        let bye = self.invitation.server.requested("BYE")?;
        let answer = bye.answer("200 OK", "");
        self.invitation.server.send_octets(answer.as_bytes())
    }
}

impl Session {
    /// Sends a chunk; `range` is what stands in Byte-Range, `flag` what ends it. Returns the transaction.
    pub(crate) fn chunk(
        &mut self,
        message: &str,
        range: &str,
        headers: &str,
        octets: &[u8],
        flag: char,
    ) -> anyhow::Result<String> {
        self.number += 1;
        let transaction = format!("tr{:06}", self.number);
        let (theirs, own) = (&self.theirs, &self.own);
        let mut frame = format!(
            "MSRP {transaction} SEND\r\nTo-Path: {theirs}\r\nFrom-Path: {own}\r\nMessage-ID: {message}\r\n\
             Byte-Range: {range}\r\n{headers}\r\n"
        )
        .into_bytes();
        frame.extend_from_slice(octets);
        frame.extend_from_slice(format!("\r\n-------{transaction}{flag}\r\n").as_bytes());
        self.stream.write_all(&frame)?;
        Ok(transaction)
    }

    /// Sends a whole message in chunks of `size`, and wants each answered with 200.
    pub(crate) fn send(
        &mut self,
        message: &str,
        of_type: &str,
        content: &[u8],
        size: usize,
        more: &str,
    ) -> anyhow::Result<Vec<Frame>> {
        let total = content.len();
        let headers = format!("{more}Content-Type: {of_type}\r\n");
        let mut open = Vec::new();
        let mut others = Vec::new();
        let mut start = 1;
        for octets in content.chunks(size) {
            let end = start + octets.len() - 1;
            let flag = if end == total { '$' } else { '+' };
            let range = format!("{start}-{end}/{total}");
            open.push(self.chunk(message, &range, &headers, octets, flag)?);
            start = end + 1;
            // A few are under way at a time.
            while open.len() > 8 || (end == total && !open.is_empty()) {
                let frame = self.next()?;
                match open
                    .iter()
                    .position(|transaction| *transaction == frame.transaction)
                {
                    Some(place) if frame.status() == 200 => drop(open.swap_remove(place)),
                    Some(_) => bail!("{frame:?}"),
                    None => others.push(frame),
                }
            }
        }
        Ok(others)
    }

    /// The next request or response.
    pub(crate) fn next(&mut self) -> anyhow::Result<Frame> {
        eventually("a frame of MSRP", || {
            if let Some(frame) = self.take() {
                return Ok(Some(frame?));
            }
            let mut buffer = [0; 16_384];
            let length = self.stream.read(&mut buffer)?;
            anyhow::ensure!(length > 0, "the terminal closed the connection");
            self.unread
                .extend_from_slice(buffer.get(..length).unwrap_or_default());
            Ok(None)
        })
    }

    /// Whether the terminal has closed the connection; waits for that.
    pub(crate) fn is_closed(&mut self) -> anyhow::Result<bool> {
        let mut buffer = [0; 4_096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(error) => return Ok(error.kind() == std::io::ErrorKind::ConnectionReset),
            }
        }
    }

    fn take(&mut self) -> Option<anyhow::Result<Frame>> {
        let text = String::from_utf8_lossy(&self.unread).into_owned();
        let first = text.split("\r\n").next()?;
        let mut words = first.splitn(3, ' ');
        let (_, transaction, what) = (words.next()?, words.next()?, words.next()?);
        let end = format!("-------{transaction}");
        let place = text.find(&end)? + end.len() + 1;
        if text.len() < place + 2 {
            return None;
        }
        let head = text.get(first.len() + 2..)?.split("\r\n\r\n").next()?;
        let headers = head.split("\r\n").filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        });
        let frame = Frame {
            transaction: transaction.to_owned(),
            what: what.to_owned(),
            headers: headers.collect(),
        };
        // The terminal sends no content, so that characters are octets.
        self.unread.drain(..place + 2);
        Some(Ok(frame))
    }

    fn answer(&mut self, frame: &Frame, status: &str) -> anyhow::Result<()> {
        let (transaction, theirs, own) = (&frame.transaction, &self.theirs, &self.own);
        let text = format!(
            "MSRP {transaction} {status}\r\nTo-Path: {theirs}\r\nFrom-Path: {own}\r\n-------{transaction}$\r\n"
        );
        Ok(self.stream.write_all(text.as_bytes())?)
    }

    /// Another path is asked for from now on.
    pub(crate) fn aim(&mut self, path: &str) {
        path.clone_into(&mut self.theirs);
    }
}

/// An address with a port that is nobody's.
pub(crate) fn listen_at(host: Ipv4Addr) -> SocketAddrV4 {
    SocketAddrV4::new(host, 2_855)
}
