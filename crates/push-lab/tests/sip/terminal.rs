//! A terminal, as small as it can be.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use md5::{Digest, Md5};
use push_lab::sip::{
    SipCore, SipCoreSettings, SipMessage, SipPushServer, SipPushServerSettings, SipTimers,
};
use sha2::Sha256;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// The domain of all tests.
pub(crate) const DOMAIN: &str = "lab.example";
/// The password of everybody.
pub(crate) const PASSWORD: &str = "secret";
/// The push server.
pub(crate) const SERVER: &str = "sip:push@lab.example";
/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Timers that make tests short.
pub(crate) const TIMERS: SipTimers = SipTimers {
    t1: Duration::from_millis(50),
    t2: Duration::from_millis(400),
    patience: Duration::from_secs(3),
};

/// A core.
pub(crate) async fn core() -> SipCore {
    SipCore::start(SipCoreSettings {
        timers: TIMERS,
        ..SipCoreSettings::new(DOMAIN, PASSWORD)
    })
    .await
    .unwrap()
}

/// A push server behind it, which it trusts.
pub(crate) async fn server(core: &SipCore) -> SipPushServer {
    let server = SipPushServer::start(SipPushServerSettings {
        timers: TIMERS,
        ..SipPushServerSettings::new(SERVER, Some(core.address()))
    })
    .await
    .unwrap();
    core.trust(SERVER, server.address());
    server
}

/// What proves the password, as the value of a header.
pub(crate) fn proof(
    challenge: &str,
    (user, password): (&str, &str),
    (method, uri): (&str, &str),
    count: u32,
) -> String {
    let get = |name: &str| {
        let start = challenge.find(&format!("{name}=")).unwrap() + name.len() + 1;
        let rest = &challenge[start..];
        let end = rest.find(',').unwrap_or(rest.len());
        rest[..end].trim_matches('"').to_owned()
    };
    let algorithm = get("algorithm");
    let hash = |text: String| {
        let octets = if algorithm == "MD5" {
            Md5::digest(text).to_vec()
        } else {
            Sha256::digest(text).to_vec()
        };
        octets.iter().fold(String::new(), |mut text, octet| {
            write!(text, "{octet:02x}").unwrap();
            text
        })
    };
    let (realm, nonce) = (get("realm"), get("nonce"));
    let one = hash(format!("{user}:{realm}:{password}"));
    let two = hash(format!("{method}:{uri}"));
    let response = hash(format!("{one}:{nonce}:{count:08x}:c:auth:{two}"));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={algorithm}, \
         qop=auth, nc={count:08x}, cnonce=\"c\", response=\"{response}\""
    )
}

/// A terminal on a port for datagrams.
pub(crate) struct Terminal {
    pub(crate) socket: UdpSocket,
    pub(crate) core: SocketAddr,
    pub(crate) user: String,
    cseq: u32,
}

impl Terminal {
    pub(crate) async fn new(core: SocketAddr, user: &str) -> Self {
        Self {
            socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            core,
            user: user.to_owned(),
            cseq: 0,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn contact(&self) -> String {
        format!("sip:{}@{}", self.user, self.address())
    }

    /// A request with all that is needed but what is its own.
    pub(crate) fn request(&mut self, method: &str, uri: &str) -> SipMessage {
        self.cseq += 1;
        let own = self.address();
        let (user, number) = (&self.user, self.cseq);
        let to = if method == "REGISTER" {
            format!("sip:{user}@{DOMAIN}")
        } else {
            uri.to_owned()
        };
        SipMessage::request(method, uri)
            .with(
                "Via",
                format!("SIP/2.0/UDP {own};branch=z9hG4bK{user}{number};rport"),
            )
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:{user}@{DOMAIN}>;tag=t{number}"))
            .with("To", format!("<{to}>"))
            .with("Call-ID", format!("{method}-{user}"))
            .with("CSeq", format!("{number} {method}"))
    }

    pub(crate) async fn send(&self, message: &SipMessage) {
        let octets = message.encode();
        self.socket.send_to(&octets, self.core).await.unwrap();
    }

    /// The octets that come next.
    pub(crate) async fn octets(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let received = self.socket.recv_from(&mut buffer);
        let (count, _) = timeout(PATIENCE, received).await.unwrap().unwrap();
        buffer.truncate(count);
        buffer
    }

    pub(crate) async fn receive(&self) -> SipMessage {
        SipMessage::parse(&self.octets().await).unwrap()
    }

    /// The next message that is a request with this method, or a response to it.
    pub(crate) async fn next(&self, method: &str) -> SipMessage {
        loop {
            let message = self.receive().await;
            if message.method() == method {
                return message;
            }
        }
    }

    /// A REGISTER with these parameters of its Contact.
    pub(crate) fn register(&mut self, params: &str) -> SipMessage {
        let contact = format!("<{}>{params}", self.contact());
        self.request("REGISTER", &format!("sip:{DOMAIN}"))
            .with("Contact", contact)
            .with("Supported", "path, gruu")
    }

    /// Registers, proves the password where it is asked for, and gives the last answer.
    pub(crate) async fn registered(&mut self, params: &str) -> SipMessage {
        let request = self.register(params);
        self.send(&request).await;
        let answer = self.next("REGISTER").await;
        if answer.status() != 401 {
            return answer;
        }
        let challenge = answer.get("WWW-Authenticate").unwrap();
        let uri = format!("sip:{DOMAIN}");
        let user = self.user.clone();
        let proof = proof(challenge, (&user, PASSWORD), ("REGISTER", &uri), 1);
        let request = self.register(params).with("Authorization", proof);
        self.send(&request).await;
        self.next("REGISTER").await
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: &SipMessage, status: u16) {
        let answer = request.reply(status, "own");
        self.send(&answer).await;
    }
}
