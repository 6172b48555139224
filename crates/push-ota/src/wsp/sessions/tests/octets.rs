//! Datagrams of gateways, written and read by hand: nothing here comes from the code that is tested.

/// A datagram, or a part of one, as a gateway reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// Class and message.
    Invoke(u16, u8, Vec<u8>),
    /// Whether it asks, or answers, a TID verification.
    Ack(u16, bool),
    /// The kind (1: by the user) and the reason.
    Abort(u16, u8, u8),
    /// Packets of a message are missing.
    NegativeAck(u16),
}

/// Reads a datagram of a terminal.
pub(super) fn read(octets: &[u8]) -> Vec<Read> {
    if octets[0] != 0 {
        return vec![read_one(octets)];
    }
    let (mut rest, mut all) = (&octets[1..], Vec::new());
    while let [length, following @ ..] = rest {
        let (length, following) = if length & 0x80 == 0 {
            (usize::from(*length), following)
        } else {
            let low = usize::from(following[0]);
            (usize::from(length & 0x7F) << 8 | low, &following[1..])
        };
        all.push(read_one(&following[..length]));
        rest = &following[length..];
    }
    all
}

fn read_one(octets: &[u8]) -> Read {
    let tid = u16::from_be_bytes([octets[1], octets[2]]);
    match octets[0] >> 3 & 0x0F {
        1 => Read::Invoke(tid, octets[3] & 3, octets[4..].to_vec()),
        3 => Read::Ack(tid, octets[0] & 4 != 0),
        4 => Read::Abort(tid, octets[0] & 7, octets[3]),
        7 => Read::NegativeAck(tid),
        other => panic!("a terminal sends no PDU of type {other}: {octets:02X?}"),
    }
}

/// A Result for a transaction that the terminal began.
pub(super) fn result(tid: u16, repeated: bool, message: &[u8]) -> Vec<u8> {
    let [high, low] = (tid | 0x8000).to_be_bytes();
    [&[0x16 | u8::from(repeated), high, low], message].concat()
}

/// An Invoke of a gateway, which wants the user to acknowledge.
pub(super) fn invoke(tid: u16, class: u8, flags: u8, repeated: bool, message: &[u8]) -> Vec<u8> {
    let [high, low] = tid.to_be_bytes();
    let head = [0x0E | u8::from(repeated), high, low, 0x10 | flags | class];
    [&head, message].concat()
}

/// An Ack that answers a TID verification: yes.
pub(super) fn tid_ok(tid: u16) -> Vec<u8> {
    let [high, low] = tid.to_be_bytes();
    vec![0x1C, high, low]
}

/// An Abort that answers a TID verification: no.
pub(super) fn invalid_tid(tid: u16) -> Vec<u8> {
    let [high, low] = tid.to_be_bytes();
    vec![0x20, high, low, 0x02]
}

/// An Abort by the user of a transaction that the gateway began.
pub(super) fn abort(tid: u16, reason: u8) -> Vec<u8> {
    let [high, low] = tid.to_be_bytes();
    vec![0x21, high, low, reason]
}

/// A `ConnectReply` with these protocol options and a Push-MOR of 4.
pub(super) fn connect_reply(session_id: u8, options: u8) -> Vec<u8> {
    assert!(session_id < 0x80);
    vec![
        0x02, session_id, 0x06, 0x00, 0x02, 0x82, options, 0x02, 0x84, 0x04,
    ]
}

/// A Push or a `ConfirmedPush` of text/plain with these headers.
pub(super) fn push(confirmed: bool, headers: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(headers.len() + 1).unwrap();
    assert!(length < 0x80);
    [
        &[0x06 + u8::from(confirmed), length, 0x83],
        headers,
        content,
    ]
    .concat()
}
