//! MSRP URIs (RFC 4975 6).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::http::Host;

/// The port where a URI names none (RFC 4975 6).
const DEFAULT_PORT: u16 = 2855;

/// The most octets of a URI that is read.
const MAX_LENGTH: usize = 512;

/// The end of a session: `msrp://192.0.2.7:2856/s1;tcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    text: Box<str>,
    secure: bool,
    host: Host,
    port: Option<u16>,
    session: Box<str>,
}

/// What is no MSRP URI that the terminal could use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUri {
    /// Too long.
    #[error("a URI of more than {MAX_LENGTH} octets")]
    TooLong,
    /// Neither `msrp:` nor `msrps:`.
    #[error("not an msrp or msrps URI")]
    Scheme,
    /// No host that one could reach.
    #[error("no host, or a port that is none")]
    Authority,
    /// No session, or one with octets that it may not have.
    #[error("no session id, or one with other characters than it may have")]
    Session,
    /// Another transport than TCP.
    #[error("another transport than tcp")]
    Transport,
}

impl Uri {
    /// The terminal's own end.
    ///
    /// # Errors
    ///
    /// Where `session` has other characters than letters, digits and `-._~+=/`.
    pub fn new(address: SocketAddr, session: &str) -> Result<Self, InvalidUri> {
        Self::parse(&format!("msrp://{address}/{session};tcp"))
    }

    /// Reads a URI.
    ///
    /// # Errors
    ///
    /// Where it is none, or names no session, or another transport than TCP.
    pub fn parse(text: &str) -> Result<Self, InvalidUri> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidUri::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUri::Scheme)?;
        let secure = scheme.eq_ignore_ascii_case("msrps");
        if !secure && !scheme.eq_ignore_ascii_case("msrp") {
            return Err(InvalidUri::Scheme);
        }
        let (place, parameters) = rest.split_once(';').ok_or(InvalidUri::Transport)?;
        let transport = parameters.split(';').next().unwrap_or_default();
        if !transport.eq_ignore_ascii_case("tcp") || !parameters.bytes().all(is_visible) {
            return Err(InvalidUri::Transport);
        }
        let (authority, session) = place.split_once('/').ok_or(InvalidUri::Session)?;
        if session.is_empty() || !session.bytes().all(is_of_session) {
            return Err(InvalidUri::Session);
        }
        let (host, port) = read_authority(authority).ok_or(InvalidUri::Authority)?;
        Ok(Self {
            text: text.into(),
            secure,
            host,
            port,
            session: session.into(),
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Over TLS.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Where the end listens.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port that it listens on; 2855 where none is named.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// The session, whose letters have case.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Whether both name the same end (RFC 4975 6.1): neither the user nor parameters count.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_host = match (&self.host, &other.host) {
            (Host::Name(one), Host::Name(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        same_host
            && self.port == other.port
            && self.secure == other.secure
            && self.session == other.session
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn read_authority(text: &str) -> Option<(Host, Option<u16>)> {
    let (user, text) = text.rsplit_once('@').unwrap_or(("", text));
    if !user.bytes().all(is_visible) {
        return None;
    }
    let (host, rest) = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        (
            Host::Ip(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)),
            rest,
        )
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (host, rest) = text.split_at_checked(end)?;
        (read_host(host)?, rest)
    };
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0)?)
        }
        None | Some(_) => return None,
    };
    Some((host, port))
}

/// A host name, or an address of IPv4.
pub(crate) fn read_host(text: &str) -> Option<Host> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Host::Ip(address));
    }
    let fit = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    let good = !text.is_empty() && text.len() <= 255 && text.bytes().all(fit);
    good.then(|| Host::Name(text.into()))
}

const fn is_of_session(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'+' | b'=' | b'/' | b'%')
}

const fn is_visible(octet: u8) -> bool {
    octet.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_taken_apart() {
        let uri = Uri::parse("MSRP://push@relay.example.net:2856/s+1=;TCP;x=y").unwrap();
        assert_eq!(uri.host(), &Host::Name("relay.example.net".into()));
        assert_eq!((uri.port(), uri.session()), (2856, "s+1="));
        assert!(!uri.is_secure());
        assert_eq!(uri.as_str(), uri.to_string());
        let uri = Uri::parse("msrps://[2001:db8::7]/q;tcp").unwrap();
        assert_eq!(uri.host(), &Host::Ip("2001:db8::7".parse().unwrap()));
        assert_eq!((uri.port(), uri.is_secure()), (2855, true));
        let own = Uri::new("[2001:db8::7]:9".parse().unwrap(), "t1").unwrap();
        assert_eq!(own.as_str(), "msrp://[2001:db8::7]:9/t1;tcp");
    }

    #[test]
    fn what_is_no_uri_is_refused_with_its_reason() {
        let long = format!("msrp://h.test/{};tcp", "s".repeat(MAX_LENGTH));
        for (text, error) in [
            (long.as_str(), InvalidUri::TooLong),
            ("", InvalidUri::Scheme),
            ("sip://h.test/s;tcp", InvalidUri::Scheme),
            ("msrp:h.test/s;tcp", InvalidUri::Scheme),
            ("msrp://h.test/s", InvalidUri::Transport),
            ("msrp://h.test/s;sctp", InvalidUri::Transport),
            ("msrp://h.test/s;tcp;a b", InvalidUri::Transport),
            ("msrp://h.test;tcp", InvalidUri::Session),
            ("msrp://h.test/;tcp", InvalidUri::Session),
            ("msrp://h.test/s\r\n;tcp", InvalidUri::Session),
            ("msrp:///s;tcp", InvalidUri::Authority),
            ("msrp://h.test:0/s;tcp", InvalidUri::Authority),
            ("msrp://h.test:65536/s;tcp", InvalidUri::Authority),
            ("msrp://h.test:+1/s;tcp", InvalidUri::Authority),
            ("msrp://[2001:db8::7/s;tcp", InvalidUri::Authority),
            ("msrp://[2001:db8::7]x/s;tcp", InvalidUri::Authority),
            ("msrp://a b/s;tcp", InvalidUri::Authority),
            ("msrp://a\r\n@h.test/s;tcp", InvalidUri::Authority),
        ] {
            assert_eq!(Uri::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn uris_are_compared_without_user_and_parameters() {
        let same = |one: &str, other: &str| {
            Uri::parse(one)
                .unwrap()
                .is_same(&Uri::parse(other).unwrap())
        };
        assert!(same("msrp://a@H.test:9/s;tcp", "msrp://h.TEST:9/s;TCP;x=1"));
        assert!(!same("msrp://h.test:9/s;tcp", "msrp://h.test:9/S;tcp"));
        assert!(!same("msrp://h.test/s;tcp", "msrp://h.test:2855/s;tcp"));
        assert!(!same("msrp://h.test/s;tcp", "msrps://h.test/s;tcp"));
        assert!(!same("msrp://192.0.2.1/s;tcp", "msrp://h.test/s;tcp"));
    }
}
