//! The topmost Via: the way that a response takes (RFC 3261 18.2, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use sipx_sip::Host;
use sipx_sip::headers::{Via, first_hop_end};

use super::headers::{Headers, Kind, text};
use super::plain;

/// The port that counts where a Via names none.
const PORT: u16 = 5060;

/// The cookie that a branch of RFC 3261 begins with.
pub(crate) const COOKIE: &str = "z9hG4bK";

/// The topmost Via.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopVia {
    /// The branch.
    pub(crate) branch: Option<Box<str>>,
    /// The host that the sender takes for its own, in small letters.
    pub(crate) host: Box<str>,
    /// The port beside it.
    pub(crate) port: Option<u16>,
    /// The sender asks for its port (RFC 3581).
    pub(super) rport: bool,
    address: Option<IpAddr>,
    /// More follow.
    pub(crate) is_last: bool,
}

impl TopVia {
    /// Reads the first value of the first of these lines; `rows` is how many there are.
    pub(super) fn read(line: &[u8], rows: usize) -> Result<Self, String> {
        plain::hop(line).map_or_else(
            || Self::read_any(line, rows),
            |hop| Ok(Self::of_hop(&hop, rows)),
        )
    }

    fn of_hop(hop: &plain::Hop<'_>, rows: usize) -> Self {
        Self {
            branch: hop.branch.map(|branch| text(branch).into()),
            host: hop.host.to_ascii_lowercase().into(),
            port: hop.port,
            rport: hop.rport,
            address: hop.address.map(IpAddr::V4),
            is_last: rows == 1,
        }
    }

    fn read_any(line: &[u8], rows: usize) -> Result<Self, String> {
        let end = first_hop_end(line);
        let first = line.get(..end).unwrap_or(line);
        let via = Via::parse_one(first).map_err(|error| error.to_string())?;
        let address = match via.host {
            Host::Ip(address) => Some(address),
            Host::Name(_) => None,
        };
        Ok(Self {
            branch: via.branch().map(|branch| text(branch).into()),
            host: via.host.to_string().to_ascii_lowercase().into(),
            port: via.port,
            rport: via.rport().is_some(),
            address,
            is_last: rows == 1 && end == line.len(),
        })
    }

    /// The branch, where it is one that names a transaction alone (RFC 3261 8.1.1.7).
    pub(crate) fn unique_branch(&self) -> Option<&str> {
        self.branch
            .as_deref()
            .filter(|branch| branch.len() > COOKIE.len() && branch.starts_with(COOKIE))
    }

    //= specs/ota-sip.md#requests
    //# A response over UDP MUST go to the port that the request came from where its Via has rport.
    /// Where a response goes over UDP, if the request came from there. `maddr` is not followed: a datagram would go to whom
    /// its sender names.
    pub(crate) fn destination(&self, source: SocketAddr) -> SocketAddr {
        if self.rport {
            source
        } else {
            SocketAddr::new(source.ip(), self.port.unwrap_or(PORT))
        }
    }

    fn is_from(&self, source: SocketAddr) -> bool {
        self.address
            .is_some_and(|address| address.to_canonical() == source.ip().to_canonical())
    }
}

/// Writes into the topmost Via from where the request came.
pub(super) fn note_source(headers: &mut Headers, via: &TopVia, source: SocketAddr) {
    if !via.rport && via.is_from(source) {
        return;
    }
    let Some(old) = headers.iter().find(|header| header.kind() == Kind::Via) else {
        return;
    };
    let line = old.value();
    let (first, rest) = line
        .split_at_checked(first_hop_end(&line))
        .unwrap_or((&line, &[]));
    let mut value = without_source(first);
    value.extend_from_slice(b";received=");
    value.extend_from_slice(source.ip().to_canonical().to_string().as_bytes());
    if via.rport {
        value.extend_from_slice(b";rport=");
        value.extend_from_slice(source.port().to_string().as_bytes());
    }
    value.extend_from_slice(rest);
    if !value.contains(&0) {
        headers.set_first_via(value);
    }
}

/// A Via without the parameters that only its receiver may write.
fn without_source(first: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(first.len() + 64);
    let mut begin = 0;
    let mut quoted = false;
    let mut escaped = false;
    let keep = |piece: &[u8], kept: &mut Vec<u8>| {
        let name = piece
            .split(|octet| *octet == b'=')
            .next()
            .unwrap_or_default();
        let name = name.strip_prefix(b";").unwrap_or(name).trim_ascii();
        if !name.eq_ignore_ascii_case(b"received") && !name.eq_ignore_ascii_case(b"rport") {
            kept.extend_from_slice(piece);
        }
    };
    for (at, octet) in first.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                keep(first.get(begin..at).unwrap_or_default(), &mut kept);
                begin = at;
            }
            _ => {}
        }
    }
    keep(first.get(begin..).unwrap_or_default(), &mut kept);
    while kept.last().is_some_and(u8::is_ascii_whitespace) {
        kept.pop();
    }
    kept
}
