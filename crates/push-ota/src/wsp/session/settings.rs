//! What the terminal says, and bears, in a session.

use wap_wire::wsp::Capability;

/// What the terminal says, and bears, in a session (WSP 8.3, WAP-235 6.1.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that an administrator makes"
)]
pub struct SessionSettings {
    /// Offers unconfirmed pushes.
    pub push: bool,
    /// Offers confirmed pushes.
    pub confirmed_push: bool,
    /// Offers to suspend and resume the session.
    pub session_resume: bool,
    /// Offers headers in acknowledgements.
    pub acknowledgement_headers: bool,
    /// Takes pushes of a kind that was offered though the server's reply does not enable them: there are gateways
    /// that say they push nothing, and push.
    pub unnegotiated_pushes: bool,
    /// A confirmed push that comes before the answer to Connect or Resume waits for it, up to [`push_mor`](Self::push_mor) of them, rather
    /// than being aborted with PROTOERR: there are gateways that push at once, and datagrams overtake each other.
    pub early_pushes: bool,
    /// Client-SDU-Size: the largest SDU taken, in octets, at least 1400. Larger ones are aborted with MRUEXCEEDED.
    pub client_sdu_size: u32,
    /// Server-SDU-Size: the largest SDU sent, in octets.
    pub server_sdu_size: u32,
    /// Client-Message-Size, in octets.
    pub client_message_size: u32,
    /// Server-Message-Size, in octets.
    pub server_message_size: u32,
    /// Push-MOR: confirmed pushes that may be under way in the session. More are aborted with MOREXCEEDED.
    pub push_mor: u8,
    /// Accept-Charset, in order of preference.
    pub accept_charset: Vec<Box<str>>,
    /// Accept-Language, in order of preference; empty: not sent.
    pub accept_language: Vec<Box<str>>,
    /// User-Agent; absent: not sent.
    pub user_agent: Option<Box<str>>,
    /// Encoding-Version, major and minor number: what the terminal decodes.
    pub encoding_version: (u8, u8),
    /// Bearer-Indication, as WDP numbers bearers; 0 is any with IPv4, and not sent: it says nothing, and Kannel ends when it is told.
    pub bearer: u8,
    /// The largest Connect, in octets. Where the lists of applications and types do not fit, they are replaced by `*` and `*/*`.
    pub max_connect: usize,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            push: true,
            confirmed_push: true,
            session_resume: true,
            acknowledgement_headers: false,
            unnegotiated_pushes: true,
            early_pushes: true,
            client_sdu_size: 65_535,
            server_sdu_size: Capability::DEFAULT_SIZE,
            client_message_size: 65_535,
            server_message_size: Capability::DEFAULT_SIZE,
            push_mor: 4,
            accept_charset: vec!["utf-8".into()],
            accept_language: Vec::new(),
            user_agent: Some("Pushcai".into()),
            encoding_version: (1, 3),
            bearer: 0,
            max_connect: 1400,
        }
    }
}
