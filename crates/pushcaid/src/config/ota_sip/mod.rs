//! `[ota_sip]`: the keys, and what they become.

mod names;
#[cfg(test)]
mod tests;
mod uri;
mod wiring;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use push_client::sip::{
    LargePushSettings, RegistrationSettings, ServingSettings, TransactionSettings,
};
use push_client::{OtaSipSettings, SipConnectionSettings};
use push_core::Ambiguous;

use super::section::section;
use super::value::{Octets, Span};

pub use names::{AcceptFromName, AmbiguousName, OtherInstancesName};
pub use wiring::{Instance, SipWiring, is_instance_id};

section! {
    /// Push over SIP. It is on where `registrar` says something. The terminal registers there with the ids of the applications that
    /// are reached over OTA-SIP, and tells the Push Sender Agents in `psa` of them and of their content types.
    OtaSip, "ota_sip" {
        /// The registrar: `sip:ims.example.net`. Without `outbound` it is dialled itself, and may have `:PORT` and `;transport=`.
        registrar: Option<String> = None,
        /// The terminal's address of record, which it registers: `sip:alice@ims.example.net`. Needed.
        user: Option<String> = None,
        /// The user name that the terminal proves itself with (digest); absent: the user part of `user`.
        auth_user: Option<String> = None,
        /// A file whose first line is the password that the terminal proves itself with. The file must be closed to other users.
        /// Absent: the password is empty.
        password_file: Option<PathBuf> = None,
        /// The outbound proxy, which every request goes to first: `sip:192.0.2.9:5060`, `sip:proxy.example.net;transport=tcp`,
        /// `sips:proxy.example.net`. UDP unless `;transport=` says `tcp` or `tls`, or the URI begins with `sips:`; the port is 5060, or
        /// 5061 over TLS. Names are resolved to addresses by the system alone. Absent: the registrar.
        outbound: Option<String> = None,
        /// The Push Sender Agents, as SIP URIs: `["sip:psa@ims.example.net"]`. A registration succeeds once the registrar and each of
        /// them have agreed; none: the registrar's word is enough.
        psa: Vec<String> = Vec::new(),
        /// The UDP address that SIP is sent from, and the TCP address of the same port that the core may connect to, such as
        /// `0.0.0.0:5060`. Absent: over UDP, a port that the system chooses; over TCP and TLS, the connection that the terminal opened.
        listen: Option<SocketAddr> = None,
        /// The TCP address that Push Servers connect to for large pushes; absent: the terminal always connects itself, which works
        /// from behind a NAT, and refuses a server that would have it wait.
        msrp_listen: Option<SocketAddr> = None,
        /// Where Push Servers reach `msrp_listen`, where that is another address; absent: the address that the core reaches.
        msrp_address: Option<SocketAddr> = None,
        /// Certificates, in PEM, of those whose word for the certificate of the core is taken. Needed over TLS.
        ca_file: Option<PathBuf> = None,
        /// The terminal's own certificate and those that vouch for it, in PEM, for a core that asks for one. It needs `key_file`.
        certificate_file: Option<PathBuf> = None,
        /// The key of `certificate_file`, in PEM. The file must be closed to other users.
        key_file: Option<PathBuf> = None,
        /// What this terminal is called among those of the user (`+sip.instance`): `urn:uuid:00000000-0000-4000-8000-000000000000`.
        /// Absent: one that is made once and kept in the file `sip-instance` in `state_dir`; with durability `none`, at each start.
        instance_id: Option<String> = None,
        /// What the terminal calls itself (User-Agent); absent: `push-client/OMA1.0 pushcai/VERSION`.
        user_agent: Option<String> = None,
        /// The lifetime of the binding that is asked for, in whole seconds. It is renewed in time.
        expires: Span = Span(RegistrationSettings::default().expires),
        /// How long the binding stays after the last application has left.
        grace: Span = Span(RegistrationSettings::default().grace),
        /// How long the core and the Push Sender Agents may take to agree to a registration; less than `announce_timeout` of
        /// `[applications]`.
        announce_patience: Span = Span(RegistrationSettings::default().announce_patience),
        /// The first back-off after a failure to register; it doubles, and is shortened by chance.
        backoff_base: Span = Span(RegistrationSettings::default().backoff_base),
        /// The greatest back-off.
        backoff_limit: Span = Span(RegistrationSettings::default().backoff_limit),
        /// Say in OPTIONS who the terminal would be called (P-Preferred-Identity), as networks of 3GPP want it.
        preferred_identity: bool = RegistrationSettings::default().preferred_identity,
        /// A Push Sender Agent serves only the ids that its answer names; `false`: an answer that names none says nothing of that.
        psa_must_echo: bool = RegistrationSettings::default().psa_must_echo,
        /// Registrations that wait for the core at a time.
        max_announcements: usize = RegistrationSettings::default().max_announcements,
        /// Octets of a request that is sent over UDP; a longer one goes by TCP to the same host and port.
        max_datagram: Octets = Octets(RegistrationSettings::default().max_datagram),
        /// How often something is sent to keep the way through a NAT open; `0s`: never.
        keep_alive: Span = Span(RegistrationSettings::default().keep_alive),
        /// Challenges in a row that are answered before the password is taken to be wrong.
        max_challenges: u32 = RegistrationSettings::default().max_challenges,
        /// Whose requests are taken: `core`, the first hop's and those of `core_addresses`; or `anyone`, everybody's. Who sent a push is
        /// believed from the core alone.
        accept_from: AcceptFromName = ServingSettings::default().accept_from.into(),
        /// Hosts of the core beside the first hop: what they assert of a sender (P-Asserted-Identity) is believed as well.
        core_addresses: Vec<IpAddr> = ServingSettings::default().core_addresses,
        /// Where the core says nothing of who sent a push: take the registrar's URI for the server in whitelists, rather than the
        /// address that it came from.
        trust_core: bool = ServingSettings::default().trust_core,
        /// The answer to a push that is stored for an application that is away: 200 or 202.
        stored_status: u16 = ServingSettings::default().stored_status,
        /// Answer a push from a server on no whitelist with 200 and drop it, rather than refuse it with 403.
        silent_refusal: bool = ServingSettings::default().silent_refusal,
        /// What becomes of a push that could be for several applications: `refuse` (480), or `first`, the one that registered first
        /// gets it.
        ambiguous: AmbiguousName = Ambiguous::default().into(),
        /// What becomes of a push that names an application instance, but none that is registered: `refuse` (480), or `ignore`, it goes
        /// by its Push Application ID.
        other_instances: OtherInstancesName = ServingSettings::default().other_instances.into(),
        /// Take content of type `application/vnd.oma.push` out of its envelope, rather than deliver it as it came.
        unpack_envelope: bool = ServingSettings::default().unpack_envelope,
        /// Octets of content in a MESSAGE.
        max_content: Octets = Octets(ServingSettings::default().max_content),
        /// Headers of a SIP message.
        max_headers: usize = ServingSettings::default().max_headers,
        /// When a server may send a push again that came too early (Retry-After), in whole seconds.
        retry_after: Span = Span(Duration::from_secs(ServingSettings::default().retry_after.into())),
        /// SIP's T1, the estimate of a round trip: the first interval of repetition over UDP.
        t1: Span = Span(TransactionSettings::default().t1),
        /// SIP's T2, the longest interval of repetition over UDP.
        t2: Span = Span(TransactionSettings::default().t2),
        /// SIP's T4, how long a message may stay in the network.
        t4: Span = Span(TransactionSettings::default().t4),
        /// Requests of others that wait for their answer at a time; more are answered with 503.
        max_unanswered: usize = TransactionSettings::default().max_unanswered,
        /// Answers that are remembered for requests that are repeated; the oldest give way.
        max_answered: usize = TransactionSettings::default().max_answered,
        /// Octets of such answers in all.
        max_answered_octets: Octets = Octets(TransactionSettings::default().max_answered_octets),
        /// Requests of the terminal under way at a time.
        max_requests: usize = TransactionSettings::default().max_requests,
        /// Octets of a SIP message.
        max_message: Octets = Octets(TransactionSettings::default().max_message),
        /// Take large pushes: INVITE, and the content by MSRP. Else INVITE is answered with 405.
        large_pushes: bool = LargePushSettings::default().enabled,
        /// Octets of one large push.
        max_large_content: Octets = Octets(LargePushSettings::default().max_content),
        /// Octets of all large pushes that are arriving.
        max_large_octets: Octets = Octets(LargePushSettings::default().max_octets),
        /// Large pushes that are arriving at a time.
        max_sessions: usize = LargePushSettings::default().max_sessions,
        /// How long a large push may take until its connection is there, and between two pieces.
        session_idle_timeout: Span = Span(LargePushSettings::default().idle_timeout),
        /// How long one may take in all.
        session_timeout: Span = Span(LargePushSettings::default().timeout),
        /// Connections to `msrp_listen` that have not said yet which large push they are for.
        max_unbound: usize = LargePushSettings::default().max_unbound,
        /// Connect for a large push wherever its server says; `false`: to no private address, nor to this machine, unless the core is that near itself.
        connect_anywhere: bool = LargePushSettings::default().connect_anywhere,
        /// The receive buffer asked of the kernel for SIP over UDP; `net.core.rmem_max` bounds it.
        receive_buffer: Octets = Octets(OtaSipSettings::RECEIVE_BUFFER),
        /// The send buffer asked of the kernel for SIP over UDP; `net.core.wmem_max` bounds it.
        send_buffer: Octets = Octets(OtaSipSettings::SEND_BUFFER),
        /// Connections that others opened, of SIP and of MSRP, at a time; the one that was silent for longest gives way.
        max_connections: usize = SipConnectionSettings::default().max_connections,
        /// Of these, how many from one address.
        max_connections_per_address: usize = SipConnectionSettings::default().max_connections_per_address,
        /// How long a connection that somebody opened may be silent.
        idle_timeout: Span = Span(SipConnectionSettings::default().idle_timeout),
        /// How long it may take to reach a host, all its addresses together.
        dial_timeout: Span = Span(SipConnectionSettings::default().dial_timeout),
        /// How long TLS may take to be set up.
        handshake_timeout: Span = Span(SipConnectionSettings::default().handshake_timeout),
        /// How long a peer may leave unread what is sent to it.
        write_timeout: Span = Span(SipConnectionSettings::default().write_timeout),
        /// Octets that wait to be sent on a connection; one with more is ended.
        max_unsent: Octets = Octets(SipConnectionSettings::default().max_unsent),
        /// After this time without a sign the system asks whether the peer of a connection is still there; `0s`: never.
        keep_alive_interval: Span = Span(SipConnectionSettings::default().keep_alive_interval),
        /// How long ending the binding may take when the daemon ends.
        shutdown_timeout: Span = Span(OtaSipSettings::STOP_TIMEOUT),
    }
}
