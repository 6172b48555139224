//! What can be answered of a request that does not parse: the headers that a response takes over.

use bytes::Bytes;

use super::message::Request;
use super::{Limits, Parsed, message};

/// The names of those headers, in full and compact.
const NAMES: [&[u8]; 9] = [
    b"via", b"v", b"from", b"f", b"to", b"t", b"call-id", b"i", b"cseq",
];

/// The request, with a Request-URI that stands for one that cannot be read, and those headers alone.
pub(super) fn request(octets: &Bytes, limits: &Limits) -> Option<Request> {
    let octets = octets.get(..octets.len().min(limits.max_message))?;
    let head = memchr::memmem::find(octets, b"\r\n\r\n").map_or(octets, |end| &octets[..end]);
    let end = memchr::memmem::find(head, b"\r\n")?;
    let (first, mut rest) = head.split_at_checked(end)?;
    let method = first
        .split(|octet| *octet == b' ')
        .find(|word| !word.is_empty())?;
    if method.contains(&b'/') {
        return None;
    }
    let mut kept = [method, b" sip:unreadable.invalid SIP/2.0"].concat();
    let mut wanted = false;
    let mut lines = 0;
    while let Some(begin) = rest.strip_prefix(b"\r\n") {
        let end = memchr::memmem::find(begin, b"\r\n").unwrap_or(begin.len());
        let (line, next) = begin.split_at_checked(end)?;
        rest = next;
        if !line
            .first()
            .is_some_and(|octet| matches!(octet, b' ' | b'\t'))
        {
            let name = line.split(|octet| *octet == b':').next()?.trim_ascii();
            wanted = NAMES.iter().any(|known| known.eq_ignore_ascii_case(name));
        }
        if wanted && lines < limits.max_headers {
            lines += 1;
            kept.extend_from_slice(b"\r\n");
            kept.extend_from_slice(line);
        }
    }
    kept.extend_from_slice(b"\r\n\r\n");
    match message(&kept.into(), limits).ok()? {
        Parsed::Request(request, _) => Some(request),
        Parsed::Response(_) => None,
    }
}
