//! Pushes made for tests.

use std::net::{IpAddr, Ipv4Addr};

use push_message::{
    Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol, PushApplicationId,
    PushMessage, ReceivedPush, ServerAddress, ShortMessageOrigin, UnixMillis,
};

/// A push over OTA-WSP from 192.0.2.1 to port 2948 that names no application, of type text/plain, unless said otherwise.
#[derive(Debug, Clone)]
pub struct PushBuilder(ReceivedPush);

impl Default for PushBuilder {
    fn default() -> Self {
        Self(ReceivedPush {
            message: PushMessage {
                application: None,
                content_type: ContentType {
                    media_type: MediaType::parse("text/plain")
                        .unwrap_or_else(|_| MediaType::octet_stream()),
                    parameters: Headers::new(),
                },
                headers: Headers::new(),
                content: Box::from(*b"hello"),
                trust: InitiatorTrust::default(),
            },
            origin: Origin {
                protocol: Protocol::OtaWsp,
                bearer: Bearer::Ip,
                server: ServerAddress::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
                destination_port: Some(2948),
                origin_port: Some(9200),
                transaction: [0].into(),
                proved_names: Box::default(),
                instance: None,
                short_message: None,
                answerable: false,
            },
            received: UnixMillis(0),
        })
    }
}

impl PushBuilder {
    /// A push to this Push Application ID.
    #[must_use]
    pub fn to(id: &str) -> Self {
        let mut push = Self::default();
        push.0.message.application = PushApplicationId::parse(id).ok();
        push
    }

    /// Gives it this content.
    #[must_use]
    pub fn content(mut self, content: impl AsRef<[u8]>) -> Self {
        self.0.message.content = content.as_ref().into();
        self
    }

    /// Gives its content this type.
    #[must_use]
    pub fn media_type(mut self, text: &str) -> Self {
        self.0.message.content_type.media_type =
            MediaType::parse(text).unwrap_or_else(|_| MediaType::octet_stream());
        self
    }

    /// Lets it come from this server.
    #[must_use]
    pub fn from_server(mut self, server: ServerAddress) -> Self {
        self.0.origin.server = server;
        self
    }

    /// Lets it come from this IPv4 address.
    #[must_use]
    pub fn from_ip(self, address: [u8; 4]) -> Self {
        self.from_server(ServerAddress::Ip(IpAddr::V4(Ipv4Addr::from(address))))
    }

    /// Lets its server have proved these names.
    #[must_use]
    pub fn proving(mut self, names: &[&str]) -> Self {
        self.0.origin.proved_names = names.iter().map(|&name| name.into()).collect();
        self
    }

    /// Lets it come over this protocol, to this port of the terminal.
    #[must_use]
    pub fn over(mut self, protocol: Protocol, port: Option<u16>) -> Self {
        self.0.origin.protocol = protocol;
        self.0.origin.destination_port = port;
        self
    }

    /// Lets it come over this bearer.
    #[must_use]
    pub fn bearer(mut self, bearer: Bearer) -> Self {
        self.0.origin.bearer = bearer;
        self
    }

    /// Lets it come to this port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.0.origin.destination_port = Some(port);
        self
    }

    /// Lets it come in short messages, to this port where the bearer shows one, from this SMS centre and this originator.
    #[must_use]
    pub fn by_short_message(
        mut self,
        port: Option<u16>,
        server: ServerAddress,
        originator: Option<&str>,
    ) -> Self {
        let origin = &mut self.0.origin;
        origin.bearer = Bearer::GsmSms;
        origin.server = server;
        origin.destination_port = port;
        origin.short_message = Some(Box::new(ShortMessageOrigin {
            originator: originator.map(Into::into),
            device: "modem0".into(),
        }));
        self
    }

    /// Gives it this transaction identity.
    #[must_use]
    pub fn transaction(mut self, transaction: u32) -> Self {
        self.0.origin.transaction = transaction.to_be_bytes().into();
        self
    }

    /// Addresses this instance.
    #[must_use]
    pub fn instance(mut self, instance: Option<&str>) -> Self {
        self.0.origin.instance = instance.map(Into::into);
        self
    }

    /// Lets its protocol carry an answer.
    #[must_use]
    pub fn answerable(mut self, answerable: bool) -> Self {
        self.0.origin.answerable = answerable;
        self
    }

    /// The push, received at this time.
    pub fn received(mut self, at: UnixMillis) -> ReceivedPush {
        self.0.received = at;
        self.0
    }
}
