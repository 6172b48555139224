//! Digest authentication (RFC 7616, RFC 8760), the server's side.

use md5::{Digest, Md5};
use sha2::Sha256;

use super::header::{params, split};

/// An algorithm of digest authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SipAlgorithm {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
}

impl SipAlgorithm {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        fn hexadecimal(octets: &[u8]) -> String {
            octets
                .iter()
                .fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
        }
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(text)),
            Self::Sha256 => hexadecimal(&Sha256::digest(text)),
        }
    }
}

/// The value of a challenge.
pub(super) fn challenge(realm: &str, nonce: &str, algorithm: SipAlgorithm, stale: bool) -> String {
    let stale = if stale { ", stale=true" } else { "" };
    format!(
        "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
        algorithm.word()
    )
}

/// Credentials that somebody shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) user: String,
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) algorithm: SipAlgorithm,
    uri: String,
    response: String,
    /// nc, cnonce and qop.
    protection: Option<(String, String, String)>,
}

impl Shown {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let all = params(split(rest, ','));
        let get = |name: &str| super::header::find(&all, name).map(str::to_owned);
        let algorithm = match get("algorithm") {
            None => SipAlgorithm::Md5,
            Some(word) => *[SipAlgorithm::Md5, SipAlgorithm::Sha256]
                .iter()
                .find(|known| known.word().eq_ignore_ascii_case(&word))?,
        };
        let protection = match get("qop") {
            Some(qop) => Some((get("nc")?, get("cnonce")?, qop)),
            None => None,
        };
        Some(Self {
            user: get("username")?,
            realm: get("realm")?,
            nonce: get("nonce")?,
            algorithm,
            uri: get("uri")?,
            response: get("response")?,
            protection,
        })
    }

    /// How often the nonce has been used, as the other side counts.
    pub(super) fn count(&self) -> Option<u32> {
        let (count, ..) = self.protection.as_ref()?;
        u32::from_str_radix(count, 16).ok()
    }

    /// Whether whoever shows it knows the password.
    pub(super) fn proves(&self, method: &str, password: &str) -> bool {
        let hash = |text: &str| self.algorithm.hash(text);
        let who = hash(&format!("{}:{}:{password}", self.user, self.realm));
        let what = hash(&format!("{method}:{}", self.uri));
        let nonce = &self.nonce;
        let expected = match &self.protection {
            Some((count, cnonce, qop)) => {
                hash(&format!("{who}:{nonce}:{count}:{cnonce}:{qop}:{what}"))
            }
            None => hash(&format!("{who}:{nonce}:{what}")),
        };
        expected.eq_ignore_ascii_case(&self.response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The responses come from another implementation of both hashes.
    #[test]
    fn responses_are_checked() {
        let shown = |algorithm: &str, response: &str| {
            Shown::parse(&format!(
                "Digest username=\"alice\", realm=\"ims.lab.test\", nonce=\"n1\", uri=\"sip:ims.lab.test\", \
                 algorithm={algorithm}, qop=auth, nc=0000000a, cnonce=\"c1\", response=\"{response}\""
            ))
            .unwrap()
        };
        let md5 = shown("MD5", MD5_RESPONSE);
        assert!(md5.proves("REGISTER", "push-secret"));
        assert!(!md5.proves("REGISTER", "other"));
        assert!(!md5.proves("OPTIONS", "push-secret"));
        assert_eq!(md5.count(), Some(10));
        let sha = shown("sha-256", SHA_RESPONSE);
        assert!(sha.proves("REGISTER", "push-secret"));
        assert_eq!(Shown::parse("Basic YTpi"), None);
        assert_eq!(Shown::parse("Digest username=\"a\""), None);
    }

    const MD5_RESPONSE: &str = "7b83dae9d61e249ae75e5f2cc32270c1";
    const SHA_RESPONSE: &str = "535e77262074c95b43e55329f5fa7fb96ba5176e5e35fb1ae1eecef879c46d90";
}
