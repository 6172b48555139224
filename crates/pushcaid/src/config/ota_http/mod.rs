//! `[ota_http]` and `[[ota_http.ppg]]`: the keys, and what they become.

mod gateway;
mod names;
mod wiring;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use push_client::sia::SiaSettings;
use push_client::{ConnectionSettings, OtaHttpSettings};

use super::section::section;
use super::value::{Octets, Span};

pub use names::{
    AnnounceOnName, AuthenticationName, BearerNumber, ConnectName, SirContactsName,
    SirPreferenceName, UnknownContextName, Version,
};

section! {
    /// Push over HTTP (WAP-235 section 7). It is on where `listen`, `tls_listen` or a `[[ota_http.ppg]]` says something.
    /// The daemon then answers for the Push Application ID `push.sia` itself.
    OtaHttp, "ota_http" {
        /// TCP addresses that gateways may open connections to (PO-TCP), such as `0.0.0.0:4035`; none: gateways have to be
        /// dialled.
        listen: Vec<SocketAddr> = Vec::new(),
        /// TCP addresses for gateways that speak TLS, such as `0.0.0.0:4036`. The terminal is the TLS client here too, so it needs
        /// `ca_file`.
        tls_listen: Vec<SocketAddr> = Vec::new(),
        /// Certificates, in PEM, of those whose word for the certificate of a gateway is taken.
        ca_file: Option<PathBuf> = None,
        /// The terminal's own certificate and those that vouch for it, in PEM, for gateways that ask for one. It needs `key_file`.
        certificate_file: Option<PathBuf> = None,
        /// The key of `certificate_file`, in PEM. The file must be closed to other users.
        key_file: Option<PathBuf> = None,
        /// What the terminal is called (Terminal-ID), such as the ClientID `4447700900123`; absent: the ClientID made of its own
        /// address on the connection.
        terminal_id: Option<String> = None,
        /// The bearer that gateways are told of: `any`, a name (`GSM-GPRS`, `IPv6`, ...) or the number that WDP gives it.
        bearer: BearerNumber = BearerNumber(OtaHttpSettings::default().terminal.bearer),
        /// The versions of push over HTTP that are spoken, most wanted first.
        versions: Vec<Version> = OtaHttpSettings::default().terminal.versions.into_iter().map(Version::from).collect(),
        /// Refuse a connection whose first request names no version, rather than take it for 1.0.
        version_required: bool = OtaHttpSettings::default().terminal.version_required,
        /// Take a push under a CPITag that is out of date, rather than have the gateway register first.
        accept_stale_tag: bool = OtaHttpSettings::default().terminal.accept_stale_tag,
        /// Take a push without a CPITag, rather than have the gateway register first.
        accept_absent_tag: bool = OtaHttpSettings::default().terminal.accept_absent_tag,
        /// Take registrations and pushes only from gateways that proved who they are, by a password or by TLS.
        identified_only: bool = OtaHttpSettings::default().terminal.identified_only,
        /// Octets of a push message with its headers, which gateways are told (X-Wap-Push-MaxMsgSize).
        max_message_length: Octets = Octets(OtaHttpSettings::default().terminal.max_message_length),
        /// Headers of a push message.
        max_headers: usize = OtaHttpSettings::default().terminal.max_headers,
        /// Octets of the headers of a push message.
        max_headers_length: Octets = Octets(OtaHttpSettings::default().terminal.max_headers_length),
        /// Pushes that one gateway may have under way, which gateways are told (X-Wap-Push-Accept-MaxPushReq).
        max_push_requests: u32 = OtaHttpSettings::default().cpi.max_push_requests,
        /// Charsets that gateways are told of; none: not told, which means UTF-8.
        charsets: Vec<String> = OtaHttpSettings::default().cpi.charsets,
        /// Content encodings that gateways are told of; none: not told, which means none but identity. Content is delivered as
        /// it came: applications undo what is named here.
        encodings: Vec<String> = OtaHttpSettings::default().cpi.encodings,
        /// Languages that gateways are told of; none: not told, which means any.
        languages: Vec<String> = OtaHttpSettings::default().cpi.languages,
        /// Octets that a list of applications or content types may have when gateways are told of it; a longer one is told as any.
        max_value_length: Octets = Octets(OtaHttpSettings::default().cpi.max_value_length),
        /// Failed proofs of a gateway on one connection before it is closed.
        max_authentication_failures: u32 = OtaHttpSettings::default().terminal.max_authentication_failures,
        /// For how long a nonce is good that a gateway is challenged with.
        nonce_lifetime: Span = Span(OtaHttpSettings::default().terminal.nonce_lifetime),
        /// How long a gateway may take to be reached, and to ask where `[applications] confirm` waits for it, before a registration
        /// is answered without it. Less than `[applications] announce_timeout`, and more than `dial_timeout` and `handshake_timeout`
        /// together, so that it is known why a gateway is not reached.
        announce_patience: Span = Span(OtaHttpSettings::default().registrar.announce_patience),
        /// The first back-off between attempts to dial a gateway; it doubles, with some chance on it.
        backoff_base: Span = Span(OtaHttpSettings::default().registrar.backoff_base),
        /// The greatest back-off between attempts to dial a gateway.
        backoff_limit: Span = Span(OtaHttpSettings::default().registrar.backoff_limit),
        /// Contact points of session initiation requests that are dialled or open at a time.
        max_contacts: usize = OtaHttpSettings::default().registrar.max_contacts,
        /// Changes of what gateways are told that wait for gateways at a time; the oldest are answered as far as they got.
        max_announcements: usize = OtaHttpSettings::default().registrar.max_announcements,
        /// Connections in all that gateways opened. Where there are so many, the one gives way on which nothing has been asked for
        /// longest; those from addresses of listed gateways give way only to such.
        max_connections: usize = ConnectionSettings::default().max_connections,
        /// Of these, how many from one address.
        max_connections_per_address: usize = ConnectionSettings::default().max_connections_per_address,
        /// From the first octet of a request to the end of its headers; for the first request of a connection that a gateway
        /// opened, from there.
        header_timeout: Span = Span(ConnectionSettings::default().header_timeout),
        /// From the first octet of a request's body to its end.
        body_timeout: Span = Span(ConnectionSettings::default().body_timeout),
        /// How long a connection that a gateway opened may stay open between requests.
        idle_timeout: Span = Span(ConnectionSettings::default().idle_timeout),
        /// The same for a connection that the terminal opened; `0s`: for as long as the gateway likes.
        dialled_idle_timeout: Span = Span(ConnectionSettings::default().dialled_idle_timeout),
        /// How long a gateway may leave an answer unread.
        write_timeout: Span = Span(ConnectionSettings::default().write_timeout),
        /// How long it may take to resolve a gateway's name and to reach it.
        dial_timeout: Span = Span(ConnectionSettings::default().dial_timeout),
        /// How long TLS may take to be set up.
        handshake_timeout: Span = Span(ConnectionSettings::default().handshake_timeout),
        /// After this time without a sign of a gateway the system asks whether it is still there; `0s`: never.
        keep_alive_interval: Span = Span(ConnectionSettings::default().keep_alive_interval),
        /// Octets of a request line and its headers.
        max_head_octets: Octets = Octets(ConnectionSettings::default().max_head_octets),
        /// Headers of a request, 100 at most; those of the push message within are counted by `max_headers`.
        max_request_headers: usize = ConnectionSettings::default().max_headers,
        /// Send answers at once, rather than to wait for more to send with them (`TCP_NODELAY`).
        nodelay: bool = ConnectionSettings::default().nodelay,
        /// How long requests under way may take when the daemon ends.
        shutdown_timeout: Span = Span(ConnectionSettings::default().shutdown_timeout),
        /// Pushes remembered whose answer could not be given, so that they are known when they come again; the oldest give way.
        max_unanswered: usize = ConnectionSettings::default().max_unanswered,
        /// Who may send session initiation requests beside the gateways of both protocols: addresses as in a whitelist, an SMS
        /// centre among them. This and the other keys `sir_…` hold for sessions of OTA-WSP too, and whether OTA-HTTP is on or not.
        sir_sources: Vec<String> = Vec::new(),
        /// Whom a session initiation request may have dialled: `known`, gateways that are listed and are not `never` dialled; or
        /// `any`, everyone.
        sir_contacts: SirContactsName = SiaSettings::default().contacts.into(),
        /// What becomes of a session initiation request whose ProvURL is that of no gateway: `follow`, as if it named none; or
        /// `ignore`.
        sir_unknown_context: UnknownContextName = SiaSettings::default().unknown_context.into(),
        /// For how long others wait after a session initiation request was followed, unless what it asked for is open before. A sender that
        /// can be told, over HTTP or by a confirmed push, is told to ask again.
        sir_lockout: Span = Span(SiaSettings::default().lockout),
        /// Session initiation requests that wait for that, of senders that cannot be told: by datagram and short message. The same one of the
        /// same sender waits once; `0`: they are dropped.
        sir_max_deferred: usize = SiaSettings::default().max_deferred,
        /// Contact points that are followed of one session initiation request; the first count.
        sir_max_contacts: usize = SiaSettings::default().max_contacts,
        /// Which contact points count of a session initiation request that has some for each protocol: those for `ota-http`, or those
        /// for `ota-wsp`. Of the other list none does, unless nobody in this one may be contacted.
        sir_preference: SirPreferenceName = SiaSettings::default().preference.into(),
        /// Take contact points for sessions that are no addresses for the address that the request came from, at port 9201: there
        /// are gateways that write theirs in letters.
        sir_malformed_contacts: bool = SiaSettings::default().malformed_contacts,
        /// Octets of a session initiation request.
        sir_max_length: Octets = Octets(SiaSettings::default().max_length),
        /// The gateways, in order of preference: one table `[[ota_http.ppg]]` each.
        ppg: Vec<Ppg> = Vec::new(),
    }
}

section! {
    /// A Push Proxy Gateway, with the provisioning context that it belongs to. There may be several of these tables.
    Ppg, "ota_http.ppg" {
        /// The identity of the gateway (PROXY-ID), which it names itself by. Needed, and unique.
        id: String = String::new(),
        /// Where it is dialled: `HOST[:PORT]`, an IPv6 address in brackets; the port is 4035, or 4036 with `tls`. Absent: it only
        /// ever comes to the terminal.
        address: Option<String> = None,
        /// Dial it with TLS. Needs `ca_file`.
        tls: bool = false,
        /// The name that its certificate has to carry; absent: its host name, else its id.
        tls_name: Option<String> = None,
        /// Addresses it is known by, beside that of `address`.
        addresses: Vec<IpAddr> = Vec::new(),
        /// The ProvURL of its context; empty: a context with an empty one; absent: it belongs to none.
        prov_url: Option<String> = None,
        /// What the terminal is called there; absent: what it is called elsewhere.
        terminal_id: Option<String> = None,
        /// A file whose first line is the password that the terminal proves itself with. The file must be closed to other users.
        /// Absent: a challenge of the gateway is refused for good.
        password_file: Option<PathBuf> = None,
        /// Whether the terminal shows its password by Basic on a connection without TLS, where others could read it.
        basic_in_clear: bool = true,
        /// How the gateway has to prove who it is: `none` (its address or its certificate says enough), `basic`, `digest`, or `any`
        /// of the two. Needs `ppg_password_file` unless it is `none`.
        authentication: AuthenticationName = AuthenticationName::None,
        /// A file whose first line is the password that the gateway proves itself with. The file must be closed to other users.
        ppg_password_file: Option<PathBuf> = None,
        /// The bearer to this gateway; absent: that of the terminal.
        bearer: Option<BearerNumber> = None,
        /// When it is dialled: `always` (a connection is kept open while an application is registered for OTA-HTTP), `when-needed`
        /// (when what gateways are told changes, and on a session initiation request) or `never`.
        connect: ConnectName = ConnectName::Always,
        /// What makes it ask when what gateways are told changes: `new-connection`, one that is opened for it; or `open-connection`,
        /// the one that is open, for a gateway that serves one at a time and asks again of its own accord.
        announce_on: AnnounceOnName = AnnounceOnName::NewConnection,
    }
}

#[cfg(test)]
mod tests;
