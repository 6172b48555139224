//! What a core can do wrong, towards a terminal that is registered with it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::core::SipCore;
use super::events::SipFlow;
use super::header::SipUri;
use super::message::SipMessage;
use super::push::SipPush;
use super::registrar::SipBinding;
use crate::Random;

/// A kind of misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SipMisbehaviour {
    /// Messages of random octets.
    Garbage,
    /// Pushes that are cut off, each a little later.
    Cut,
    /// Pushes of which some octets are wrong.
    Mutated,
    /// Many pushes at once, and no answer is awaited.
    FloodMessages,
    /// Many invitations at once, none of which goes on.
    FloodInvites,
    /// Many questions at once.
    FloodOptions,
    /// One push with more octets than a terminal takes.
    Oversized,
    /// One push with more headers than a terminal takes.
    ManyHeaders,
    /// One push with a header that is too long.
    LongHeader,
    /// The same push again and again, as if it were sent again.
    Repeated,
    /// The same push by different ways.
    Merged,
    /// A push without Via.
    NoVia,
    /// A push without Call-ID.
    NoCallId,
    /// A push without From.
    NoFrom,
    /// A push whose `CSeq` names another method.
    WrongCseq,
    /// A push by another version of SIP.
    WrongVersion,
    /// A push with a negative length.
    NegativeLength,
    /// A push that says to be longer than it is.
    TooLong,
    /// A push that may go no further.
    NoHops,
    /// A push that needs an extension that nobody knows.
    UnknownExtension,
    /// A push for a URI that is none of SIP.
    StrangeUri,
    /// A push whose application is named in a way that makes no sense.
    BrokenFeatures,
    /// A method that nobody knows.
    UnknownMethod,
    /// A notification that nobody asked for.
    Notify,
    /// The end of a session that does not exist.
    ByeToNothing,
    /// An acknowledgement of nothing.
    AckToNothing,
    /// A cancellation of nothing.
    CancelOfNothing,
    /// Answers to nothing.
    AnswersToNothing,
    /// An invitation whose offer is no SDP.
    BrokenOffer,
    /// An invitation to something else than MSRP.
    OtherOffer,
    /// A push in pieces of an octet (on connections).
    Split,
}

impl SipMisbehaviour {
    /// Every kind with its word.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("garbage", Self::Garbage),
        ("cut", Self::Cut),
        ("mutated", Self::Mutated),
        ("flood-messages", Self::FloodMessages),
        ("flood-invites", Self::FloodInvites),
        ("flood-options", Self::FloodOptions),
        ("oversized", Self::Oversized),
        ("many-headers", Self::ManyHeaders),
        ("long-header", Self::LongHeader),
        ("repeated", Self::Repeated),
        ("merged", Self::Merged),
        ("no-via", Self::NoVia),
        ("no-call-id", Self::NoCallId),
        ("no-from", Self::NoFrom),
        ("wrong-cseq", Self::WrongCseq),
        ("wrong-version", Self::WrongVersion),
        ("negative-length", Self::NegativeLength),
        ("too-long", Self::TooLong),
        ("no-hops", Self::NoHops),
        ("unknown-extension", Self::UnknownExtension),
        ("strange-uri", Self::StrangeUri),
        ("broken-features", Self::BrokenFeatures),
        ("unknown-method", Self::UnknownMethod),
        ("notify", Self::Notify),
        ("bye-to-nothing", Self::ByeToNothing),
        ("ack-to-nothing", Self::AckToNothing),
        ("cancel-of-nothing", Self::CancelOfNothing),
        ("answers-to-nothing", Self::AnswersToNothing),
        ("broken-offer", Self::BrokenOffer),
        ("other-offer", Self::OtherOffer),
        ("split", Self::Split),
    ];

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }
}

/// How much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipExtent {
    /// How many messages a flood has, how many times 1024 octets what is too long, how many headers are too many.
    pub count: usize,
    /// What chance begins with: the same seed sends the same octets.
    pub seed: u64,
    /// How long nothing has to come before it is over.
    pub quiet: Duration,
}

impl Default for SipExtent {
    fn default() -> Self {
        Self {
            count: 200,
            seed: 1,
            quiet: Duration::from_millis(500),
        }
    }
}

/// What was sent, and what came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SipProvocation {
    /// How many messages were sent.
    pub sent: usize,
    /// How many answers came back with each status code.
    pub answers: BTreeMap<u16, usize>,
    /// How many requests came back.
    pub requests: usize,
}

impl SipProvocation {
    /// How many answers came back in all.
    pub fn answered(&self) -> usize {
        self.answers.values().sum()
    }
}

impl SipCore {
    /// Misbehaves towards the contact of a binding, and says what came back until nothing did for a while.
    pub async fn misbehave(
        &self,
        binding: &SipBinding,
        kind: SipMisbehaviour,
        push: &SipPush,
        extent: SipExtent,
    ) -> SipProvocation {
        let address = SipUri::parse(&binding.contact).and_then(|uri| uri.address());
        let flow = match (binding.flow, address) {
            (SipFlow::Udp(_), Some(address)) => SipFlow::Udp(address),
            (flow, _) => flow,
        };
        let mut heard = self.core().endpoint.tap();
        let mut provocation = SipProvocation::default();
        let maker = Maker {
            core: self,
            flow,
            binding,
            push,
        };
        for octets in maker.messages(kind, extent) {
            self.send(flow, &octets).await;
            provocation.sent += 1;
        }
        while let Ok(Some((from, message))) = timeout(extent.quiet, heard.recv()).await {
            if from.peer() != flow.peer() {
                continue;
            }
            if message.is_request() {
                provocation.requests += 1;
            } else {
                *provocation.answers.entry(message.status()).or_default() += 1;
            }
        }
        provocation
    }
}

struct Maker<'a> {
    core: &'a SipCore,
    flow: SipFlow,
    binding: &'a SipBinding,
    push: &'a SipPush,
}

impl Maker<'_> {
    /// A right request, but for the feature tags and the body.
    fn request(&self, method: &str) -> SipMessage {
        let endpoint = &self.core.core().endpoint;
        let branch = format!("z9hG4bK{}", endpoint.token());
        SipMessage::request(method, &self.binding.contact)
            .with("Via", endpoint.via(self.flow, &branch))
            .with("Max-Forwards", "70")
            .with(
                "From",
                format!("<sip:push@lab.example>;tag={}", endpoint.token()),
            )
            .with("To", format!("<{}>", self.binding.user))
            .with("Call-ID", endpoint.token())
            .with("CSeq", format!("1 {method}"))
            .with("P-Asserted-Identity", "<sip:push@lab.example>")
    }

    fn message(&self) -> SipMessage {
        let mut request = self.request("MESSAGE");
        for row in self.push.rows(true) {
            request = request.with("Accept-Contact", row);
        }
        request.with_body(self.push.content_type(), self.push.body())
    }

    fn changed(&self, name: &str, value: Option<&str>) -> Vec<Vec<u8>> {
        let mut message = self.message();
        match value {
            Some(value) => message.set(name, value),
            None => message.remove(name),
        }
        vec![message.encode()]
    }

    fn invite(&self, offer: &str) -> Vec<u8> {
        let own = self.core.address();
        self.request("INVITE")
            .with("Contact", format!("<sip:push@{own}>"))
            .with_body("application/sdp", offer)
            .encode()
    }

    fn messages(&self, kind: SipMisbehaviour, extent: SipExtent) -> Vec<Vec<u8>> {
        let SipExtent { count, seed, .. } = extent;
        let mut random = Random::new(seed);
        let one = |message: SipMessage| vec![message.encode()];
        match kind {
            SipMisbehaviour::Garbage => {
                let garbage = |_| {
                    let length = random.below(1_400) + 1;
                    random.octets(length)
                };
                (0..count).map(garbage).collect()
            }
            SipMisbehaviour::Cut => {
                let whole = self.message().encode();
                let step = whole.len().div_ceil(count.max(1)).max(1);
                let cuts = (1..whole.len()).step_by(step);
                cuts.filter_map(|length| whole.get(..length).map(<[u8]>::to_vec))
                    .collect()
            }
            SipMisbehaviour::Mutated => {
                let mutated = |_| {
                    let mut octets = self.message().encode();
                    for _ in 0..=random.below(8) {
                        let at = random.below(octets.len());
                        if let Some(octet) = octets.get_mut(at) {
                            *octet = random.next().to_be_bytes()[0];
                        }
                    }
                    octets
                };
                (0..count).map(mutated).collect()
            }
            SipMisbehaviour::FloodMessages => (0..count).map(|_| self.message().encode()).collect(),
            SipMisbehaviour::FloodInvites => {
                let offer = offer(9, "TCP/MSRP");
                (0..count).map(|_| self.invite(&offer)).collect()
            }
            SipMisbehaviour::FloodOptions => (0..count)
                .map(|_| self.request("OPTIONS").encode())
                .collect(),
            SipMisbehaviour::Oversized => {
                let mut message = self.message();
                message.body = vec![b'x'; count.saturating_mul(1_024)];
                one(message)
            }
            SipMisbehaviour::ManyHeaders => {
                let mut message = self.message();
                for number in 0..count {
                    message = message.with("X-Header", number.to_string());
                }
                one(message)
            }
            SipMisbehaviour::LongHeader => {
                let value = "x".repeat(count.saturating_mul(1_024));
                one(self.message().with("X-Header", value))
            }
            SipMisbehaviour::Repeated => vec![self.message().encode(); count],
            SipMisbehaviour::Merged => {
                let endpoint = &self.core.core().endpoint;
                let message = self.message();
                let merged = |_| {
                    let mut message = message.clone();
                    let branch = format!("z9hG4bK{}", endpoint.token());
                    message.set("Via", endpoint.via(self.flow, &branch));
                    message.encode()
                };
                (0..count).map(merged).collect()
            }
            SipMisbehaviour::Split => {
                let whole = self.message().encode();
                whole.iter().map(|octet| vec![*octet]).collect()
            }
            SipMisbehaviour::AnswersToNothing => {
                let answer = |method: &str| self.request(method).reply(200, "x").encode();
                ["REGISTER", "OPTIONS", "INVITE", "MESSAGE"]
                    .map(answer)
                    .to_vec()
            }
            SipMisbehaviour::NoVia
            | SipMisbehaviour::NoCallId
            | SipMisbehaviour::NoFrom
            | SipMisbehaviour::WrongCseq
            | SipMisbehaviour::WrongVersion
            | SipMisbehaviour::NegativeLength
            | SipMisbehaviour::TooLong
            | SipMisbehaviour::NoHops
            | SipMisbehaviour::UnknownExtension
            | SipMisbehaviour::StrangeUri
            | SipMisbehaviour::BrokenFeatures
            | SipMisbehaviour::UnknownMethod
            | SipMisbehaviour::Notify
            | SipMisbehaviour::ByeToNothing
            | SipMisbehaviour::AckToNothing
            | SipMisbehaviour::CancelOfNothing
            | SipMisbehaviour::BrokenOffer
            | SipMisbehaviour::OtherOffer => self.single(kind),
        }
    }

    /// Those that are one message.
    fn single(&self, kind: SipMisbehaviour) -> Vec<Vec<u8>> {
        let one = |message: SipMessage| vec![message.encode()];
        match kind {
            SipMisbehaviour::NoVia => self.changed("Via", None),
            SipMisbehaviour::NoCallId => self.changed("Call-ID", None),
            SipMisbehaviour::NoFrom => self.changed("From", None),
            SipMisbehaviour::WrongCseq => self.changed("CSeq", Some("1 INVITE")),
            SipMisbehaviour::WrongVersion => {
                let text = String::from_utf8_lossy(&self.message().encode()).into_owned();
                vec![text.replacen("SIP/2.0\r\n", "SIP/3.0\r\n", 1).into_bytes()]
            }
            SipMisbehaviour::NegativeLength => self.changed("Content-Length", Some("-1")),
            SipMisbehaviour::TooLong => self.changed("Content-Length", Some("999999")),
            SipMisbehaviour::NoHops => self.changed("Max-Forwards", Some("0")),
            SipMisbehaviour::UnknownExtension => self.changed("Require", Some("nobody-knows-this")),
            SipMisbehaviour::StrangeUri => {
                let text = String::from_utf8_lossy(&self.message().encode()).into_owned();
                let uri = &self.binding.contact;
                vec![
                    text.replacen(uri.as_str(), "http://example.net/", 1)
                        .into_bytes(),
                ]
            }
            SipMisbehaviour::BrokenFeatures => self.changed(
                "Accept-Contact",
                Some("*;+g.oma.pusheventapp=\"a,,\\\";;=,\""),
            ),
            SipMisbehaviour::UnknownMethod => one(self.request("PUSH")),
            SipMisbehaviour::Notify => one(self
                .request("NOTIFY")
                .with("Event", "push")
                .with("Subscription-State", "active")),
            SipMisbehaviour::ByeToNothing => {
                let mut message = self.request("BYE");
                message.set("To", format!("<{}>;tag=nobody", self.binding.user));
                one(message)
            }
            SipMisbehaviour::AckToNothing => one(self.request("ACK")),
            SipMisbehaviour::CancelOfNothing => one(self.request("CANCEL")),
            SipMisbehaviour::BrokenOffer => vec![self.invite("v=0\r\nm=\r\n=x\r\na=path:\r\n")],
            SipMisbehaviour::OtherOffer => vec![self.invite(&offer(4_000, "RTP/AVP"))],
            SipMisbehaviour::Garbage
            | SipMisbehaviour::Cut
            | SipMisbehaviour::Mutated
            | SipMisbehaviour::FloodMessages
            | SipMisbehaviour::FloodInvites
            | SipMisbehaviour::FloodOptions
            | SipMisbehaviour::Oversized
            | SipMisbehaviour::ManyHeaders
            | SipMisbehaviour::LongHeader
            | SipMisbehaviour::Repeated
            | SipMisbehaviour::Merged
            | SipMisbehaviour::AnswersToNothing
            | SipMisbehaviour::Split => Vec::new(),
        }
    }
}

/// An offer of a medium at a port where nobody listens.
fn offer(port: u16, protocol: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message {port} {protocol} *\r\n\
         a=accept-types:*\r\na=path:msrp://127.0.0.1:{port}/nobody;tcp\r\na=setup:passive\r\n"
    )
}
