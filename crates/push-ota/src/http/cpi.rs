//! Capability and preference information, and its tag (WAP-235 7.2.5.3, 7.2.5.5, note 101).

/// The four octets that name a CPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpiTag(pub [u8; 4]);

/// What of the CPI the registry does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpiSettings {
    /// X-Wap-Push-Accept-Charset; empty: not sent, which means UTF-8.
    pub charsets: Vec<String>,
    /// X-Wap-Push-Accept-Encoding; empty: not sent, which means identity.
    pub encodings: Vec<String>,
    /// X-Wap-Push-Accept-Language; empty: not sent, which means any.
    pub languages: Vec<String>,
    /// X-Wap-Push-MaxMsgSize, in octets.
    pub max_message_length: usize,
    /// X-Wap-Push-Accept-MaxPushReq.
    pub max_push_requests: u32,
    /// Octets that one header value may have. Longer lists of applications and types are sent as `*` and `*/*`.
    pub max_value_length: usize,
}

/// What the terminal says of itself: header names and values in the order in which they are sent, and their tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpi {
    headers: Vec<(&'static str, String)>,
    tag: CpiTag,
}

impl Cpi {
    /// The headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// The tag.
    pub const fn tag(&self) -> CpiTag {
        self.tag
    }
}

impl Cpi {
    /// The CPI of these applications and content types, each in order.
    pub fn new<'a>(
        applications: impl IntoIterator<Item = &'a push_message::PushApplicationId>,
        accept: impl IntoIterator<Item = &'a str>,
        settings: &CpiSettings,
    ) -> Self {
        let _ = (applications.into_iter(), accept.into_iter(), settings);
        Self {
            headers: Vec::new(),
            tag: CpiTag([0; 4]),
        }
    }
}
