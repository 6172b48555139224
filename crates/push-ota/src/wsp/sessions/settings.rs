//! What is provisioned for sessions, and their bounds.

use std::net::IpAddr;
use std::time::Duration;

use crate::http::{Host, PpgId};
use crate::wsp::connectionless;
use crate::wsp::session::SessionSettings;
use crate::wtp;

/// Where a gateway takes sessions without WTLS (WAP-235 8.2.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactPoint {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl ContactPoint {
    /// The registered port for sessions (WAP-259).
    pub const PORT: u16 = 9201;
    /// The registered port for sessions over WTLS, which is not built.
    pub const SECURE_PORT: u16 = 9203;
}

/// When the terminal opens a session with a gateway of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Start {
    /// It keeps one open while an application takes pushes over OTA-WSP.
    Always,
    /// It keeps one open while a registration asks for a session.
    Registration,
    /// When the gateway asks for one, by a session initiation request.
    #[default]
    Request,
}

/// A gateway with which sessions are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionGateway {
    /// Its PROXY-ID.
    pub id: PpgId,
    /// Where its sessions are opened.
    pub contact: ContactPoint,
    /// Addresses it is known by, beside that of its contact point.
    pub addresses: Vec<IpAddr>,
    /// When.
    pub start: Start,
    /// The bearer to it (Bearer-Indication), as WDP numbers it; absent: that of [`SessionSettings::bearer`].
    pub bearer: Option<u8>,
}

/// The bounds and choices of all sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionsSettings {
    /// The gateways, in order of preference.
    pub gateways: Vec<SessionGateway>,
    /// What the terminal says and bears in every session.
    pub session: SessionSettings,
    /// Transactions.
    pub wtp: wtp::Settings,
    /// What a push may hold.
    pub push_limits: connectionless::Limits,
    /// How long the opening of a session may take, from the order to open the socket to the server's answer.
    pub connect_timeout: Duration,
    /// How long a suspended session may take to be resumed before a new one is opened in its place.
    pub resume_timeout: Duration,
    /// How long a gateway may take to grant a session before an announcement is answered without it. Less than the core's own
    /// patience.
    pub announce_patience: Duration,
    /// The first back-off between attempts to open a session; it doubles. Chance shortens each by up to a quarter.
    pub backoff_base: Duration,
    /// The greatest back-off.
    pub backoff_limit: Duration,
    /// Attempts to open a session that only a session initiation request asked for.
    pub invited_attempts: u32,
    /// A session that only a session initiation request opened is ended after so much time without a push.
    pub idle: Duration,
    /// A session that only a session initiation request opened is ended after a push that says it is the last one.
    pub end_on_last: bool,
    /// How long a session that has been replaced, or that is wanted no more, is kept for pushes under way, and for
    /// acknowledgements that have to be repeated.
    pub linger: Duration,
    /// Sessions at a time, those that are being opened and ended included. Old ones make room for new ones.
    pub max_sessions: usize,
    /// The same, with one gateway or contact point.
    pub max_sessions_per_gateway: usize,
    /// Pushes that are not judged, in all sessions. More are refused as those for which there is no room.
    pub max_pushes: usize,
    /// Octets of these pushes.
    pub max_push_octets: usize,
    /// For how long a confirmed push that was accepted when its gateway could not be told any more is known when it comes again.
    pub unanswered_window: Duration,
    /// How many of these are remembered; the oldest give way.
    pub max_unanswered: usize,
    /// Redirects that are followed one after the other.
    pub max_redirects: u8,
    /// Addresses of a redirect that are tried; the first count.
    pub max_redirect_addresses: usize,
    /// Announcements that wait at a time. The oldest is answered as things stand where one more comes.
    pub max_announcements: usize,
}

impl Default for SessionsSettings {
    fn default() -> Self {
        Self {
            gateways: Vec::new(),
            session: SessionSettings::default(),
            wtp: {
                let defaults = wtp::Settings::default();
                wtp::Settings {
                    timers: wtp::Timers {
                        // A disk may be slow, and a push early. Kannel repeats a push for 36 s; for so long there is somebody to be told
                        // what became of it, and no use in an abort that says nothing.
                        max_acknowledgement_expirations: 39,
                        ..wtp::Timers::IP
                    },
                    // A socket has one peer, which is alone with what is held, and what is over is remembered for a while.
                    max_held_of_peer: defaults.max_held,
                    max_transactions: 4096,
                    max_transactions_of_peer: 4096,
                    ..defaults
                }
            },
            push_limits: connectionless::Limits::default(),
            connect_timeout: Duration::from_secs(45),
            resume_timeout: Duration::from_secs(20),
            announce_patience: Duration::from_secs(15),
            backoff_base: Duration::from_secs(2),
            backoff_limit: Duration::from_mins(10),
            invited_attempts: 2,
            idle: Duration::from_mins(5),
            end_on_last: true,
            linger: Duration::from_secs(40),
            max_sessions: 64,
            max_sessions_per_gateway: 8,
            max_pushes: 256,
            max_push_octets: 4 << 20,
            unanswered_window: Duration::from_mins(10),
            max_unanswered: 256,
            max_redirects: 2,
            max_redirect_addresses: 4,
            max_announcements: 64,
        }
    }
}
