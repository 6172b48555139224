//! Sessions with gateways of raw octets.

mod announcing;
mod gateways;
mod initiated;
mod lossy;
mod octets;
mod pushing;
mod redirected;
mod suspended;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use push_message::{PushApplicationId, ReceivedPush, UnixMillis};

use super::*;
use octets::Read;

const SECOND: Duration = Duration::from_secs(1);
const WML: &str = "x-wap-application:wml.ua";
const MMS: &str = "x-wap-application:mms.ua";
const METER: &str = "x-acme:meter";
const SIA: &str = "x-wap-application:push.sia";

fn contact(last: u8) -> ContactPoint {
    ContactPoint {
        host: Host::Ip([192, 0, 2, last].into()),
        port: ContactPoint::PORT,
    }
}

fn gateway(last: u8, start: Start) -> SessionGateway {
    SessionGateway {
        id: PpgId(format!("ppg{last}.example").into()),
        contact: contact(last),
        addresses: Vec::new(),
        start,
        bearer: None,
    }
}

fn ids<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<PushApplicationId> {
    let parse = |text| PushApplicationId::parse(text).unwrap();
    texts.into_iter().map(parse).collect()
}

fn peer_of(contact: &ContactPoint) -> SocketAddr {
    match &contact.host {
        Host::Ip(address) => (*address, contact.port).into(),
        Host::Name(name) => panic!("{name} is not resolved here"),
    }
}

/// Sessions, with all that came out of them and was not looked at.
struct Bench {
    sessions: Sessions,
    now: Duration,
    opened: Vec<(SocketId, ContactPoint)>,
    closed: Vec<SocketId>,
    sent: Vec<(SocketId, Read)>,
    pushes: Vec<(SessionPushTicket, ReceivedPush)>,
    announced: Vec<(AnnounceTicket, Vec<GatewayReport>)>,
    notes: Vec<NoteKind>,
    tickets: u64,
}

impl Bench {
    fn new(settings: SessionsSettings) -> Self {
        Self {
            sessions: Sessions::new(settings, 7),
            now: SECOND,
            opened: Vec::new(),
            closed: Vec::new(),
            sent: Vec::new(),
            pushes: Vec::new(),
            announced: Vec::new(),
            notes: Vec::new(),
            tickets: 0,
        }
    }

    fn with(gateways: Vec<SessionGateway>) -> Self {
        Self::new(SessionsSettings {
            gateways,
            ..SessionsSettings::default()
        })
    }

    fn input(&mut self, input: SessionsInput) {
        self.sessions.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                SessionsOutput::OpenSocket { socket, contact } => {
                    self.opened.push((socket, contact));
                }
                SessionsOutput::CloseSocket { socket } => self.closed.push(socket),
                SessionsOutput::Transmit { socket, octets } => {
                    let read = octets::read(&octets);
                    self.sent.extend(read.into_iter().map(|one| (socket, one)));
                }
                SessionsOutput::Push { ticket, push } => self.pushes.push((ticket, push)),
                SessionsOutput::Announced { ticket, reports } => {
                    self.announced.push((ticket, reports));
                }
                SessionsOutput::Noted(note) => self.notes.push(note.what),
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.sessions.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.sessions.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn announce(&mut self, applications: &[&str], asked_for: bool) -> AnnounceTicket {
        self.tickets += 1;
        let ticket = AnnounceTicket(self.tickets);
        self.input(SessionsInput::Announce {
            ticket,
            applications: ids(applications.iter().copied()),
            accept: ["*/*".into()].into(),
            asked_for,
        });
        ticket
    }

    /// The states that the one announcement that was answered says.
    #[track_caller]
    fn states(&mut self) -> Vec<GatewayState> {
        let announced = std::mem::take(&mut self.announced);
        let [(_, reports)] = &announced[..] else {
            panic!("{announced:?}");
        };
        reports.iter().map(|report| report.state).collect()
    }

    /// Opens the socket that is asked for; gives it with the transaction and the octets of the Connect.
    #[track_caller]
    fn dial(&mut self) -> (SocketId, u16, Vec<u8>) {
        assert_eq!(self.opened.len(), 1, "{:?}", self.opened);
        let (socket, contact) = self.opened.remove(0);
        let result = Ok(peer_of(&contact));
        self.input(SessionsInput::SocketOpened { socket, result });
        let (tid, connect) = self.invoked(socket, 2);
        assert_eq!(connect[..2], [0x01, 0x10]);
        (socket, tid, connect)
    }

    /// The one transaction of this class that was begun, and nothing else was sent.
    #[track_caller]
    fn invoked(&mut self, socket: SocketId, class: u8) -> (u16, Vec<u8>) {
        let sent = std::mem::take(&mut self.sent);
        match &sent[..] {
            [(to, Read::Invoke(tid, of, message))] if *to == socket && *of == class => {
                (*tid, message.clone())
            }
            _ => panic!("{sent:?}"),
        }
    }

    fn datagram(&mut self, socket: SocketId, octets: &[u8]) {
        self.input(SessionsInput::Datagram {
            socket,
            octets: octets.into(),
            received: UnixMillis(1000),
        });
    }

    /// Opens a session, which its gateway grants under this number.
    #[track_caller]
    fn connect(&mut self, session_id: u8) -> SocketId {
        let (socket, tid, _) = self.dial();
        let reply = octets::connect_reply(session_id, 0xE0);
        self.datagram(socket, &octets::result(tid, false, &reply));
        self.expect_sent(&[(socket, Read::Ack(tid, false))]);
        self.expect_note(&NoteKind::Connected);
        socket
    }

    /// A confirmed push comes; gives its ticket where it goes on to be judged.
    fn push(&mut self, socket: SocketId, tid: u16, headers: &[u8]) -> Option<SessionPushTicket> {
        let message = octets::push(true, headers, b"x");
        self.datagram(socket, &octets::invoke(tid, 1, 0, false, &message));
        if self.sent.contains(&(socket, Read::Ack(tid | 0x8000, true))) {
            self.sent.clear();
            self.datagram(socket, &octets::tid_ok(tid));
        }
        self.pushes.pop().map(|(ticket, _)| ticket)
    }

    fn judge(&mut self, push: SessionPushTicket, outcome: PushOutcome) {
        self.input(SessionsInput::Judged { push, outcome });
    }

    #[track_caller]
    fn expect_sent(&mut self, expected: &[(SocketId, Read)]) {
        assert_eq!(std::mem::take(&mut self.sent), expected);
    }

    #[track_caller]
    fn expect_note(&mut self, expected: &NoteKind) {
        assert!(self.notes.contains(expected), "{:?}", self.notes);
        self.notes.clear();
    }

    /// The Disconnect of a session was sent and its socket closed.
    #[track_caller]
    fn expect_end(&mut self, socket: SocketId, session_id: u8) {
        let (_, message) = self.invoked(socket, 0);
        assert_eq!(message, [0x05, session_id]);
        assert_eq!(std::mem::take(&mut self.closed), [socket]);
        self.expect_note(&NoteKind::Disconnected { by_server: false });
    }
}

/// The application ids in a Connect, in order, as text or number.
fn listed(connect: &[u8]) -> Vec<String> {
    let Ok(wap_wire::wsp::Pdu::Connect(connect)) = wap_wire::wsp::Pdu::decode(connect) else {
        panic!("{connect:02X?}");
    };
    let headers = connect.headers.into_iter().map(Result::unwrap);
    let ids = headers.filter(|header| header.name.to_string() == "Accept-Application");
    ids.map(|header| header.value.to_string()).collect()
}
