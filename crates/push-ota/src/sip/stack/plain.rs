//! What most messages look like, told at a glance. Each function reads the plain forms of something exactly as the library does, and
//! gives nothing for any other form, which is then the library's to judge.

use std::net::Ipv4Addr;

/// Which octets are characters of a token (RFC 3261 25.1).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~";
    while let [octet, others @ ..] = rest {
        table[*octet as usize] = true;
        rest = others;
    }
    table
};

/// Whether this is a character of a token.
pub(crate) fn is_token(octet: u8) -> bool {
    TOKEN.get(usize::from(octet)).is_some_and(|is_one| *is_one)
}

const fn is_of_host(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_')
}

const fn is_of_user(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'+'
        )
}

/// Splits before the first octet that is not one of these.
fn take(octets: &[u8], is_one: fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = octets.iter().position(|octet| !is_one(*octet));
    octets.split_at(end.unwrap_or(octets.len()))
}

/// A number of so many digits at most.
fn number(digits: &[u8], most: usize) -> Option<u32> {
    if digits.is_empty() || digits.len() > most.min(9) {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let is_digit = digit.is_ascii_digit();
        is_digit.then(|| number * 10 + u32::from(digit - b'0'))
    })
}

/// The length in a Content-Length.
pub(super) fn length(value: &[u8]) -> Option<usize> {
    number(value, 9)?.try_into().ok()
}

/// Whether this is a Max-Forwards.
pub(super) fn is_max_forwards(value: &[u8]) -> bool {
    number(value, 3).is_some_and(|hops| hops < 256)
}

/// The number and the method of a CSeq.
pub(super) fn cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = take(value, |octet| octet.is_ascii_digit());
    let method = rest.strip_prefix(b" ")?;
    let is_method = !method.is_empty() && method.iter().copied().all(is_token);
    Some((number(digits, 9).filter(|_| is_method)?, method))
}

/// A host that is a name or an IPv4 address, and a port.
fn host(octets: &[u8]) -> Option<(&str, Option<u16>)> {
    let (host, rest) = take(octets, is_of_host);
    let host = str::from_utf8(host).ok().filter(|host| !host.is_empty())?;
    let port = match rest.strip_prefix(b":") {
        Some(digits) => Some(number(digits, 5)?.try_into().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some((host, port))
}

/// Whether this is a SIP URI of a user, a host and a port, without anything more.
pub(super) fn is_uri(octets: &[u8]) -> bool {
    let octets = octets.strip_prefix(b"sip");
    let octets = octets.map(|rest| rest.strip_prefix(b"s").unwrap_or(rest));
    let Some(rest) = octets.and_then(|rest| rest.strip_prefix(b":")) else {
        return false;
    };
    let (user, behind) = take(rest, is_of_user);
    match behind.strip_prefix(b"@") {
        Some(behind) => !user.is_empty() && host(behind).is_some(),
        None => host(rest).is_some(),
    }
}

/// The first line of a request of this version with such a URI: method and URI.
pub(super) fn request_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (method, rest) = take(line, is_token);
    let uri = rest.strip_prefix(b" ")?.strip_suffix(b" SIP/2.0")?;
    (!method.is_empty() && is_uri(uri)).then_some((method, uri))
}

/// The parameters of a value, each with its semicolon before it and no white space.
struct Parameters<'v>(&'v [u8]);

impl<'v> Parameters<'v> {
    /// The next one; nothing where it is not plain.
    fn next(&mut self) -> Option<(&'v [u8], Option<&'v [u8]>)> {
        let is_of_value = |octet| is_token(octet) || matches!(octet, b'[' | b']' | b':' | b'/');
        let (name, rest) = take(self.0.strip_prefix(b";")?, is_token);
        let (value, rest) = match rest.strip_prefix(b"=") {
            Some(rest) => {
                let (value, rest) = take(rest, is_of_value);
                (Some(value), rest)
            }
            None => (None, rest),
        };
        self.0 = rest;
        let is_whole = !name.is_empty() && value != Some(b"");
        is_whole.then_some((name, value))
    }
}

/// The tag that a From or a To has, or that it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'v>(pub(super) Option<&'v [u8]>);

/// The tag of a From or a To that is a URI in brackets with parameters.
pub(super) fn tag(value: &[u8]) -> Option<Tag<'_>> {
    let value = value.strip_prefix(b"<")?;
    let (uri, rest) = value.split_at_checked(memchr::memchr(b'>', value)?)?;
    if !is_uri(uri) {
        return None;
    }
    let mut parameters = Parameters(rest.get(1..)?);
    let mut tag = None;
    while !parameters.0.is_empty() {
        let (name, value) = parameters.next()?;
        if name.eq_ignore_ascii_case(b"tag") {
            tag.get_or_insert(value);
        }
    }
    Some(Tag(tag.flatten()))
}

/// A Via of one hop.
pub(super) struct Hop<'v> {
    pub(super) host: &'v str,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) port: Option<u16>,
    pub(super) branch: Option<&'v [u8]>,
    pub(super) rport: bool,
}

/// A Via line of one hop.
pub(super) fn hop(line: &[u8]) -> Option<Hop<'_>> {
    let (transport, rest) = take(line.strip_prefix(b"SIP/2.0/")?, is_token);
    let rest = rest.strip_prefix(b" ").filter(|_| !transport.is_empty())?;
    let (sent_by, rest) = rest.split_at(memchr::memchr(b';', rest).unwrap_or(rest.len()));
    let (host, port) = host(sent_by)?;
    let mut parameters = Parameters(rest);
    let (mut branch, mut rport) = (None, false);
    while !parameters.0.is_empty() {
        let (name, value) = parameters.next()?;
        if name.eq_ignore_ascii_case(b"branch") {
            branch.get_or_insert(value);
        }
        rport |= name.eq_ignore_ascii_case(b"rport");
    }
    Some(Hop {
        host,
        address: host.parse().ok(),
        port,
        branch: branch.flatten(),
        rport,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use sipx_sip::headers::{CSeq, From, MaxForwards, Via};
    use sipx_sip::{Host, TypedHeader as _, Uri};

    use super::*;

    /// URIs, most of them good and plain.
    const URI: &str = "(sip|sips|tel|Sip):([a-z0-9!_.%:;]{1,4}@)?([a-z.]{1,5}|192.0.2.[0-9]|\\[::1\\])(:[0-9]{1,6})?(;lr|[?]a=b|@)?";
    /// Parameters of headers.
    const PARAMETERS: &str =
        "(;(tag|TAG|branch|rport|received|x)(=([a-z0-9.:]{0,3}|\"[a-z;]{0,2}\"| a))?){0,3}";

    fn is_taken_alike_as_uri(text: &str) -> bool {
        let plain = is_uri(text.as_bytes());
        if plain {
            let uri = Uri::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap();
            assert!(uri.scheme().is_sip() && !uri.has_headers(), "{text}");
            assert_eq!(uri.to_bytes(), text);
        }
        plain
    }

    fn is_tagged_alike(text: &str) -> bool {
        let plain = tag(text.as_bytes());
        if let Some(Tag(tag)) = plain {
            let library = From::decode(text.as_bytes()).unwrap();
            assert_eq!(tag, library.tag(), "{text}");
        }
        plain.is_some()
    }

    fn is_the_same_hop(text: &str) -> bool {
        let plain = hop(text.as_bytes());
        if let Some(hop) = &plain {
            let library = Via::parse_one(text.as_bytes()).unwrap();
            let address = match library.host {
                Host::Ip(address) => Some(address),
                Host::Name(_) => None,
            };
            assert_eq!(hop.host, library.host.to_string());
            assert_eq!(hop.address.map(std::net::IpAddr::V4), address);
            assert_eq!(hop.port, library.port);
            assert_eq!(hop.branch, library.branch());
            assert_eq!(hop.rport, library.rport().is_some());
        }
        plain.is_some()
    }

    #[test]
    fn what_is_plain_is_taken_at_a_glance() {
        for uri in ["sip:a@b.example", "sips:h", "sip:+49-1@192.0.2.1:5060"] {
            assert!(is_taken_alike_as_uri(uri), "{uri}");
            assert!(is_tagged_alike(&format!("<{uri}>")));
            assert!(is_tagged_alike(&format!("<{uri}>;x;tag=a.b;tag=c")));
        }
        assert!(is_the_same_hop("SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport"));
        assert!(is_the_same_hop("SIP/2.0/TLS 192.0.2.1"));
        assert_eq!(cseq(b"0012 MESSAGE"), Some((12, &b"MESSAGE"[..])));
        assert_eq!((length(b"017"), is_max_forwards(b"70")), (Some(17), true));
        let line = b"MESSAGE sip:a@b SIP/2.0";
        assert_eq!(request_line(line), Some((&b"MESSAGE"[..], &b"sip:a@b"[..])));
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_library() {
        for uri in [
            "",
            "sip:",
            "sip:@h",
            "sip:a:b@h",
            "tel:1",
            "sip:h:",
            "sip:h:65536",
            "sip:h;lr",
        ] {
            assert!(!is_uri(uri.as_bytes()), "{uri}");
            assert_eq!(tag(format!("<{uri}>").as_bytes()), None);
        }
        for value in [
            "",
            "<sip:h",
            "sip:h;tag=a",
            "<sip:h> ;tag=a",
            "<sip:h>;tag=\"a\"",
            "<sip:h>;;tag=a",
            "<sip:h>;tag=",
        ] {
            assert_eq!(tag(value.as_bytes()), None, "{value}");
        }
        for line in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP  h",
            "SIP/2.0/UDP h, SIP/2.0/UDP i",
            "SIP/2.0/UDP [::1]",
            "SIP/2.0/UDP h;",
        ] {
            assert!(hop(line.as_bytes()).is_none(), "{line}");
        }
        assert_eq!(cseq(b"12  MESSAGE"), None);
        assert_eq!(cseq(b"4294967296 MESSAGE"), None);
        assert_eq!(
            (length(b"+1"), length(b""), length(b"1 ")),
            (None, None, None)
        );
        assert!(!is_max_forwards(b"256") && !is_max_forwards(b""));
        for line in [
            "MESSAGE  sip:h SIP/2.0",
            "MESSAGE sip:h SIP/2.0 ",
            "MESSAGE sip:h sip/2.0",
            " sip:h SIP/2.0",
        ] {
            assert_eq!(request_line(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn the_library_takes_the_same(
            uri in URI,
            parameters in PARAMETERS,
            transport in "(SIP|X)/2.0/(UDP|TCP| )[ /]{1,2}",
            host in "([A-Z.]{1,5}|192.0.2.[0-9]{1,3}|\\[::1\\])(:[0-9]{0,6})?",
            number in "[0-9+]{0,10}",
            method in " {0,2}[A-Z;]{0,3}",
        ) {
            is_taken_alike_as_uri(&uri);
            is_tagged_alike(&format!("<{uri}>{parameters}"));
            is_the_same_hop(&format!("{transport}{host}{parameters}"));
            if is_max_forwards(number.as_bytes()) {
                prop_assert!(MaxForwards::decode(number.as_bytes()).is_ok());
            }
            if let Some(length) = length(number.as_bytes()) {
                prop_assert_eq!(number.parse(), Ok(length));
            }
            let text = format!("{number}{method}");
            if let Some((number, method)) = cseq(text.as_bytes()) {
                let library = CSeq::decode(text.as_bytes()).unwrap();
                prop_assert_eq!((number, method), (library.sequence, library.method.as_bytes()));
            }
        }
    }
}
