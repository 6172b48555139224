//! Messages good and bad.

mod digests;
mod messages;
mod mutated;
mod streams;
mod torture;

use super::*;

const LIMITS: Limits = Limits {
    max_message: 16 << 10,
    max_headers: 64,
};

/// Lines as they stand on the wire.
fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn parsed(octets: &[u8]) -> Result<Incoming, Broken> {
    parse_datagram(&Bytes::copy_from_slice(octets), &LIMITS)
}

fn request(text: &str) -> Request {
    match parsed(&wire(text)) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("{text}: {other:?}"),
    }
}

fn response(text: &str) -> Response {
    match parsed(&wire(text)) {
        Ok(Incoming::Response(response)) => response,
        other => panic!("{text}: {other:?}"),
    }
}
