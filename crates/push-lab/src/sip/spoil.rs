//! Answers that are not what they should be.

use std::time::Duration;

use super::message::SipMessage;
use crate::Random;

/// How an answer is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    /// It never comes.
    Silence,
    /// It comes so much later.
    Late(Duration),
    /// It comes twice.
    Twice,
    /// Its Call-ID is another.
    WrongCallId,
    /// The tag of its From is another.
    WrongFromTag,
    /// Its `CSeq` has another number.
    WrongCseq,
    /// The branch of its Via is another.
    WrongBranch,
    /// It has no Via.
    NoVia,
    /// It has no Contact.
    NoContact,
    /// Its Contact is somebody else's.
    StrangeContact,
    /// Its status is no number.
    BadStatus,
    /// It says that its body is longer than it is.
    BadLength,
    /// It says that its body has fewer octets than none.
    NegativeLength,
    /// It ends after so many octets.
    Truncated(usize),
    /// It is as many octets of chance, from this seed.
    Garbage(u64),
    /// It has a header of so many octets.
    Padded(usize),
    /// It comes in pieces of so many octets (on connections).
    Split(usize),
    /// After so many octets the connection is closed.
    Cut(usize),
}

impl Spoil {
    /// Every kind with its word and the usual numbers.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("silence", Self::Silence),
        ("late", Self::Late(Duration::from_secs(2))),
        ("twice", Self::Twice),
        ("wrong-call-id", Self::WrongCallId),
        ("wrong-from-tag", Self::WrongFromTag),
        ("wrong-cseq", Self::WrongCseq),
        ("wrong-branch", Self::WrongBranch),
        ("no-via", Self::NoVia),
        ("no-contact", Self::NoContact),
        ("strange-contact", Self::StrangeContact),
        ("bad-status", Self::BadStatus),
        ("bad-length", Self::BadLength),
        ("negative-length", Self::NegativeLength),
        ("truncated", Self::Truncated(100)),
        ("garbage", Self::Garbage(1)),
        ("padded", Self::Padded(40_000)),
        ("split", Self::Split(7)),
        ("cut", Self::Cut(60)),
    ];

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }

    /// What is sent in place of the answer: pieces with the time before each, and whether the connection is closed behind them.
    pub(super) fn pieces(self, mut message: SipMessage) -> (Vec<(Duration, Vec<u8>)>, bool) {
        const NOW: Duration = Duration::ZERO;
        self.change(&mut message);
        let octets = message.encode();
        match self {
            Self::Silence => (Vec::new(), false),
            Self::Late(time) => (vec![(time, octets)], false),
            Self::Twice => (vec![(NOW, octets.clone()), (NOW, octets)], false),
            Self::BadStatus => {
                let text = String::from_utf8_lossy(&octets).replacen("SIP/2.0 ", "SIP/2.0 x", 1);
                (vec![(NOW, text.into_bytes())], false)
            }
            Self::Truncated(count) => {
                let kept = octets.get(..count).unwrap_or(&octets).to_vec();
                (vec![(NOW, kept)], false)
            }
            Self::Garbage(seed) => {
                let garbage = Random::new(seed).octets(octets.len());
                (vec![(NOW, garbage)], false)
            }
            Self::Split(size) => {
                let pieces = octets.chunks(size.max(1));
                let pause = Duration::from_millis(1);
                (pieces.map(|piece| (pause, piece.to_vec())).collect(), false)
            }
            Self::Cut(count) => {
                let kept = octets.get(..count).unwrap_or(&octets).to_vec();
                (vec![(NOW, kept)], true)
            }
            Self::WrongCallId
            | Self::WrongFromTag
            | Self::WrongCseq
            | Self::WrongBranch
            | Self::NoVia
            | Self::NoContact
            | Self::StrangeContact
            | Self::BadLength
            | Self::NegativeLength
            | Self::Padded(_) => (vec![(NOW, octets)], false),
        }
    }

    fn change(self, message: &mut SipMessage) {
        match self {
            Self::WrongCallId => message.set("Call-ID", "another@call.example"),
            Self::WrongFromTag => {
                let from = message.address("From").map(|from| from.uri);
                let uri = from.unwrap_or_default();
                message.set("From", format!("<{uri}>;tag=another"));
            }
            Self::WrongCseq => {
                let (number, method) = message.cseq();
                let value = format!("{} {method}", number.wrapping_add(1));
                message.set("CSeq", value);
            }
            Self::WrongBranch => {
                let via = message.via();
                let host = via.map_or_else(String::new, |via| via.host);
                message.change_via(Some(format!("SIP/2.0/UDP {host};branch=z9hG4bKanother")));
            }
            Self::NoVia => message.remove("Via"),
            Self::NoContact => message.remove("Contact"),
            Self::StrangeContact => {
                message.set("Contact", "<sip:somebody@192.0.2.1>;expires=600");
            }
            Self::BadLength => {
                let length = message.body.len() + 1_000;
                message.set("Content-Length", length.to_string());
            }
            Self::NegativeLength => message.set("Content-Length", "-1"),
            Self::Padded(count) => message
                .headers
                .push(("X-Padding".to_owned(), "x".repeat(count))),
            Self::Silence
            | Self::Late(_)
            | Self::Twice
            | Self::BadStatus
            | Self::Truncated(_)
            | Self::Garbage(_)
            | Self::Split(_)
            | Self::Cut(_) => {}
        }
    }
}
