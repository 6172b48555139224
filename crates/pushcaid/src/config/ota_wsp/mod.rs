//! `[ota_wsp]` and `[[ota_wsp.ppg]]`: the keys, and what they become.

mod gateway;
mod names;
#[cfg(test)]
mod tests;
mod wiring;

use std::net::{IpAddr, SocketAddr};

use push_client::sessions::SessionsSettings;
use push_client::{ClientSettings, OtaWspSettings};

use super::ota_http::{BearerNumber, Version};
use super::section::section;
use super::value::{Octets, Span};

pub use names::{StartName, VerificationName};

section! {
    /// Push over WSP (WAP-235 section 6): without a session, to the addresses listed here; and on sessions, which the terminal
    /// opens with gateways. Which session initiation requests are followed is said by the keys `sir_…` of `[ota_http]`.
    OtaWsp, "ota_wsp" {
        /// UDP addresses to listen on for pushes without a session; none: there are none. The first one's port is the standard port.
        /// Ports that applications ask for are opened on the same hosts.
        listen: Vec<SocketAddr> = vec![SocketAddr::from(([0, 0, 0, 0], 2948))],
        /// Ports whose pushes are taken like those of the standard port, where they are listened on, or a short message is to one of
        /// them: there are gateways that push to 9209.
        also_standard: Vec<u16> = OtaWspSettings::default().also_standard.into_iter().collect(),
        /// Ports that applications asked for, beside those that are listened on, open at a time.
        max_own_ports: usize = OtaWspSettings::default().max_own_ports,
        /// The receive buffer asked of the kernel for each address; `net.core.rmem_max` bounds it.
        receive_buffer: Octets = Octets(ClientSettings::default().receive_buffer),
        /// Octets of a datagram; a longer one is malformed.
        max_datagram: Octets = Octets(ClientSettings::default().datagram_limits.datagram_length),
        /// Octets of the headers of a push, on sessions as well.
        max_headers_length: Octets = Octets(ClientSettings::default().datagram_limits.headers_length),
        /// Headers of a push, on sessions as well.
        max_headers: usize = ClientSettings::default().datagram_limits.headers,
        /// Open push sessions where a session initiation request asks for one, though no `[[ota_wsp.ppg]]` is listed: then
        /// `sir_sources` and `sir_contacts = "any"` say whose requests lead where. With a gateway listed there are sessions anyway.
        sessions: bool = false,
        /// The bearer that servers are told of: `any`, a name (`GSM-GPRS`, `IPv6`, ...) or the number that WDP gives it.
        bearer: BearerNumber = BearerNumber(SessionsSettings::default().session.bearer),
        /// The version of WSP's numbers that servers are told of (Encoding-Version).
        encoding_version: Version = defaults::encoding_version(),
        /// Charsets that servers are told of, most wanted first; none: not told.
        charsets: Vec<String> = defaults::texts(&SessionsSettings::default().session.accept_charset),
        /// Languages that servers are told of, most wanted first; none: not told, which means any.
        languages: Vec<String> = defaults::texts(&SessionsSettings::default().session.accept_language),
        /// What the terminal calls itself; empty: nothing.
        user_agent: String = SessionsSettings::default().session.user_agent.map(String::from).unwrap_or_default(),
        /// Offer pushes that are not confirmed.
        offer_push: bool = SessionsSettings::default().session.push,
        /// Offer pushes that are confirmed, once they are written down.
        offer_confirmed_push: bool = SessionsSettings::default().session.confirmed_push,
        /// Offer to suspend and resume sessions.
        offer_resume: bool = SessionsSettings::default().session.session_resume,
        /// Take pushes of a kind that was offered though the server's answer does not enable it: there are gateways that say that
        /// they push nothing, and push.
        unnegotiated_pushes: bool = SessionsSettings::default().session.unnegotiated_pushes,
        /// Octets of a message on a session, which servers are told (Client-SDU-Size); 1400 at least. A longer push is refused.
        max_message_length: Octets = Octets(defaults::size(SessionsSettings::default().session.client_sdu_size)),
        /// Confirmed pushes under way in one session, which servers are told (Push-MOR).
        max_confirmed_pushes: u8 = SessionsSettings::default().session.push_mor,
        /// Octets of what the terminal opens a session with; where the lists of applications and types do not fit in, they are told as
        /// any.
        max_connect_length: Octets = Octets(SessionsSettings::default().session.max_connect),
        /// How long the opening of a session may take.
        connect_timeout: Span = Span(SessionsSettings::default().connect_timeout),
        /// How long a suspended session may take to be resumed before another one is opened in its place.
        resume_timeout: Span = Span(SessionsSettings::default().resume_timeout),
        /// How long a gateway may take to grant a session before a registration is answered without it. Less than `[applications]
        /// announce_timeout`.
        announce_patience: Span = Span(SessionsSettings::default().announce_patience),
        /// The first back-off between attempts to open a session; it doubles, with some chance on it.
        backoff_base: Span = Span(SessionsSettings::default().backoff_base),
        /// The greatest back-off between attempts to open a session.
        backoff_limit: Span = Span(SessionsSettings::default().backoff_limit),
        /// How often the opening of a session is tried that only a session initiation request asked for.
        invited_attempts: u32 = SessionsSettings::default().invited_attempts,
        /// For how long a session that only a session initiation request asked for is kept without a push.
        idle_timeout: Span = Span(SessionsSettings::default().idle),
        /// End a session that only a session initiation request asked for after a push that says that it is the last one.
        end_on_last: bool = SessionsSettings::default().end_on_last,
        /// For how long a session that has been replaced is kept for the pushes that are under way in it.
        linger: Span = Span(SessionsSettings::default().linger),
        /// How long sessions may take to end when the daemon ends.
        shutdown_timeout: Span = Span(OtaWspSettings::default().stop_timeout),
        /// Sessions at a time.
        max_sessions: usize = SessionsSettings::default().max_sessions,
        /// Of these, how many with one gateway.
        max_sessions_per_gateway: usize = SessionsSettings::default().max_sessions_per_gateway,
        /// Pushes under way in all sessions, that is, not yet written down or refused. For more there is no room.
        max_pushes: usize = SessionsSettings::default().max_pushes,
        /// Octets of these pushes.
        max_push_octets: Octets = Octets(SessionsSettings::default().max_push_octets),
        /// For how long a confirmed push that was written down when its gateway could not be told any more is known when it comes again.
        unanswered_window: Span = Span(SessionsSettings::default().unanswered_window),
        /// How many of these are remembered; the oldest give way.
        max_unanswered: usize = SessionsSettings::default().max_unanswered,
        /// Redirects that are followed one after the other.
        max_redirects: u8 = SessionsSettings::default().max_redirects,
        /// Addresses of a redirect that are tried; the first count.
        max_redirect_addresses: usize = SessionsSettings::default().max_redirect_addresses,
        /// Changes of what gateways are told that wait for gateways at a time; the oldest are answered as far as they got.
        max_announcements: usize = SessionsSettings::default().max_announcements,
        /// After how long a Connect is sent again that is not answered (WTP: the base retry interval).
        wtp_retry_interval: Span = Span(SessionsSettings::default().wtp.timers.retry_base),
        /// How often a PDU is sent again.
        wtp_max_retransmissions: u8 = SessionsSettings::default().wtp.timers.max_retransmissions,
        /// How long a confirmed push waits to be written down before its acknowledgement interval begins anew. Its gateway hears nothing
        /// meanwhile, and repeats it.
        wtp_acknowledgement_interval: Span = Span(SessionsSettings::default().wtp.timers.acknowledgement_short_user),
        /// How often the interval begins anew, before the push is aborted (NORESPONSE). Together they are to be as long as gateways repeat a
        /// push, and longer than a write may take.
        wtp_max_acknowledgement_expirations: u8 = SessionsSettings::default().wtp.timers.max_acknowledgement_expirations,
        /// For how long a transaction that has ended is remembered, to know what belongs to it.
        wtp_wait_timeout: Span = Span(SessionsSettings::default().wtp.timers.wait_timeout),
        /// How long a gateway may take to say whether it began a transaction, and to send the next packet of a push.
        wtp_peer_patience: Span = Span(SessionsSettings::default().wtp.peer_patience),
        /// When a gateway is asked whether it began a transaction: by the `rules`, `always` or `never`.
        wtp_verification: VerificationName = SessionsSettings::default().wtp.verification.into(),
        /// Octets of a datagram that is sent; 64 at least.
        wtp_max_datagram: Octets = Octets(SessionsSettings::default().wtp.max_datagram),
        /// Packets that one push may come in, 256 at most.
        wtp_max_packets: usize = SessionsSettings::default().wtp.max_packets,
        /// Octets of the pushes of one session that are being put together of packets.
        wtp_max_held: Octets = Octets(SessionsSettings::default().wtp.max_held),
        /// Transactions of one session at a time, those included that are remembered.
        wtp_max_transactions: usize = SessionsSettings::default().wtp.max_transactions,
        /// The gateways with which sessions are opened, in order of preference: one table `[[ota_wsp.ppg]]` each.
        ppg: Vec<SessionPpg> = Vec::new(),
    }
}

section! {
    /// A gateway with which push sessions are opened. There may be several of these tables.
    SessionPpg, "ota_wsp.ppg" {
        /// The identity of the gateway (PROXY-ID). Needed, and unique.
        id: String = String::new(),
        /// Where its sessions are opened: `HOST[:PORT]`, an IPv6 address in brackets; the port is 9201. Needed.
        address: String = String::new(),
        /// Addresses it is known by, beside that of `address`: session initiation requests may come from there.
        addresses: Vec<IpAddr> = Vec::new(),
        /// When a session is opened: `always` (one is kept open while an application takes pushes over WSP), `registration` (while a
        /// registration asks for one, by port 9201) or `request` (when the gateway asks for one, by a session initiation request).
        start: StartName = StartName::Request,
        /// The bearer to this gateway; absent: that of the section.
        bearer: Option<BearerNumber> = None,
    }
}

/// Defaults that are written down otherwise than they are held.
mod defaults {
    use push_client::sessions::SessionsSettings;

    use super::Version;

    pub(super) fn encoding_version() -> Version {
        let (major, minor) = SessionsSettings::default().session.encoding_version;
        Version(major.into(), minor.into())
    }

    pub(super) fn texts(texts: &[Box<str>]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    pub(super) fn size(octets: u32) -> usize {
        usize::try_from(octets).unwrap_or(usize::MAX)
    }
}
