//! A push as one blob of the journal.
//!
//! In order:
//!
//! | octets    | what |
//! |-----------|------|
//! | 1         | version, 1, 2 or 3 |
//! | 1         | protocol: 1 OTA-WSP, 2 OTA-HTTP, 3 OTA-SIP |
//! | 1         | bearer: 1 IP, 2 GSM-SMS, 3 GSM-USSD, 4 IS-95-CDMA-SMS |
//! | 1         | flags: 1 answerable, 2 authenticated, 4 trusted, 8 last, 16 application, 32 instance, 64 destination port, 128 origin port |
//! | text      | server, its kind in front: 4 an IPv4 address (4 octets follow), 6 an IPv6 address (16 octets), 1 E.164 (text), 2 SIP (text), 3 alphanumeric (text), 0 unknown |
//! | 2 each    | destination port, origin port, big-endian, where flagged |
//! | octets    | transaction |
//! | text      | instance, where flagged |
//! | names     | names that the server proved: their number, then each as text; versions 2 and 3 only |
//! | short message | 1 octet: 1 if there is an originator; the originator as text if there is one; the device as text; version 3 only |
//! | text      | application in its canonical form, where flagged |
//! | text      | media type |
//! | headers   | parameters of the media type |
//! | headers   | headers |
//! | the rest  | content |
//!
//! Texts and octets have their length in front, as base-128 digits with the lowest first and 128 added to each digit but
//! the last. Headers are their number, then a name and a value each. The time of arrival has a column of its own.
//!
//! Version 3 is written for what came by a short message, version 2 otherwise where the server proved a name, version 1
//! for the rest; all are read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use push_message::{
    Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol, PushApplicationId,
    PushMessage, ReceivedPush, ServerAddress, ShortMessageOrigin, UnixMillis,
};

use crate::text::Malformed;

const VERSION: u8 = 1;
const VERSION_WITH_NAMES: u8 = 2;
const VERSION_WITH_SHORT_MESSAGE: u8 = 3;

const ANSWERABLE: u8 = 1;
const AUTHENTICATED: u8 = 2;
const TRUSTED: u8 = 4;
const LAST: u8 = 8;
const APPLICATION: u8 = 16;
const INSTANCE: u8 = 32;
const DESTINATION_PORT: u8 = 64;
const ORIGIN_PORT: u8 = 128;

const SERVER_UNKNOWN: u8 = 0;
const SERVER_E164: u8 = 1;
const SERVER_SIP: u8 = 2;
const SERVER_ALPHANUMERIC: u8 = 3;
const SERVER_IPV4: u8 = 4;
const SERVER_IPV6: u8 = 6;

const PROTOCOLS: [(u8, Protocol); 3] = [
    (1, Protocol::OtaWsp),
    (2, Protocol::OtaHttp),
    (3, Protocol::OtaSip),
];
const BEARERS: [(u8, Bearer); 4] = [
    (1, Bearer::Ip),
    (2, Bearer::GsmSms),
    (3, Bearer::GsmUssd),
    (4, Bearer::Is95CdmaSms),
];

/// Puts the push behind what `out` holds.
pub(crate) fn encode_push(push: &ReceivedPush, out: &mut Vec<u8>) {
    let ReceivedPush {
        message,
        origin,
        received: _,
    } = push;
    let version = version_for(origin);
    out.push(version);
    out.push(number_of(&PROTOCOLS, origin.protocol));
    out.push(number_of(&BEARERS, origin.bearer));
    out.push(flags(message, origin));
    put_server(&origin.server, out);
    for port in [origin.destination_port, origin.origin_port]
        .into_iter()
        .flatten()
    {
        out.extend_from_slice(&port.to_be_bytes());
    }
    put_octets(&origin.transaction, out);
    if let Some(instance) = &origin.instance {
        put_octets(instance.as_bytes(), out);
    }
    if version >= VERSION_WITH_NAMES {
        put_length(origin.proved_names.len(), out);
        for name in &origin.proved_names {
            put_octets(name.as_bytes(), out);
        }
    }
    if let Some(short_message) = &origin.short_message {
        put_short_message(short_message, out);
    }
    if let Some(application) = &message.application {
        put_octets(application.as_text().as_bytes(), out);
    }
    put_octets(message.content_type.media_type.as_str().as_bytes(), out);
    put_headers(&message.content_type.parameters, out);
    put_headers(&message.headers, out);
    out.extend_from_slice(&message.content);
}

/// Reads back what [`encode_push`] wrote; absent where the blob is none of its.
pub(crate) fn decode_push(blob: &[u8], received: UnixMillis) -> Option<ReceivedPush> {
    let mut input = Input(blob);
    let version = input.octet()?;
    if !(VERSION..=VERSION_WITH_SHORT_MESSAGE).contains(&version) {
        return None;
    }
    let protocol = value_of(&PROTOCOLS, input.octet()?)?;
    let bearer = value_of(&BEARERS, input.octet()?)?;
    let flags = input.octet()?;
    let flagged = |flag: u8| flags & flag != 0;
    let origin = Origin {
        protocol,
        bearer,
        server: input.server()?,
        destination_port: input.when(flagged(DESTINATION_PORT), Input::port).ok()?,
        origin_port: input.when(flagged(ORIGIN_PORT), Input::port).ok()?,
        transaction: input.octets()?.into(),
        instance: input
            .when(flagged(INSTANCE), Input::text)
            .ok()?
            .map(Box::from),
        proved_names: input
            .when(version >= VERSION_WITH_NAMES, Input::names)
            .ok()?
            .unwrap_or_default(),
        short_message: input
            .when(version == VERSION_WITH_SHORT_MESSAGE, Input::short_message)
            .ok()?
            .map(Box::new),
        answerable: flagged(ANSWERABLE),
    };
    let application = input.when(flagged(APPLICATION), Input::application).ok()?;
    let content_type = ContentType {
        media_type: MediaType::parse(input.text()?).ok()?,
        parameters: input.headers()?,
    };
    let headers = input.headers()?;
    let trust = InitiatorTrust {
        authenticated: flagged(AUTHENTICATED),
        trusted: flagged(TRUSTED),
        last: flagged(LAST),
    };
    let message = PushMessage {
        application,
        content_type,
        headers,
        content: input.0.into(),
        trust,
    };
    Some(ReceivedPush {
        message,
        origin,
        received,
    })
}

fn version_for(origin: &Origin) -> u8 {
    if origin.short_message.is_some() {
        VERSION_WITH_SHORT_MESSAGE
    } else if origin.proved_names.is_empty() {
        VERSION
    } else {
        VERSION_WITH_NAMES
    }
}

fn flags(message: &PushMessage, origin: &Origin) -> u8 {
    let set = [
        (ANSWERABLE, origin.answerable),
        (AUTHENTICATED, message.trust.authenticated),
        (TRUSTED, message.trust.trusted),
        (LAST, message.trust.last),
        (APPLICATION, message.application.is_some()),
        (INSTANCE, origin.instance.is_some()),
        (DESTINATION_PORT, origin.destination_port.is_some()),
        (ORIGIN_PORT, origin.origin_port.is_some()),
    ];
    set.into_iter()
        .filter(|&(_, is_set)| is_set)
        .fold(0, |flags, (flag, _)| flags | flag)
}

fn number_of<T: Copy + PartialEq>(table: &[(u8, T)], value: T) -> u8 {
    table
        .iter()
        .find(|&&(_, known)| known == value)
        .map_or(0, |&(number, _)| number)
}

fn value_of<T: Copy>(table: &[(u8, T)], number: u8) -> Option<T> {
    table
        .iter()
        .find(|&&(known, _)| known == number)
        .map(|&(_, value)| value)
}

fn put_server(server: &ServerAddress, out: &mut Vec<u8>) {
    match server {
        ServerAddress::Ip(IpAddr::V4(address)) => {
            out.push(SERVER_IPV4);
            out.extend_from_slice(&address.octets());
        }
        ServerAddress::Ip(IpAddr::V6(address)) => {
            out.push(SERVER_IPV6);
            out.extend_from_slice(&address.octets());
        }
        ServerAddress::E164(text) => {
            out.push(SERVER_E164);
            put_octets(text.as_bytes(), out);
        }
        ServerAddress::Sip(text) => {
            out.push(SERVER_SIP);
            put_octets(text.as_bytes(), out);
        }
        ServerAddress::Alphanumeric(text) => {
            out.push(SERVER_ALPHANUMERIC);
            put_octets(text.as_bytes(), out);
        }
        ServerAddress::Unknown => out.push(SERVER_UNKNOWN),
    }
}

fn put_short_message(short_message: &ShortMessageOrigin, out: &mut Vec<u8>) {
    out.push(short_message.originator.is_some().into());
    if let Some(originator) = &short_message.originator {
        put_octets(originator.as_bytes(), out);
    }
    put_octets(short_message.device.as_bytes(), out);
}

fn put_headers(headers: &Headers, out: &mut Vec<u8>) {
    put_length(headers.len(), out);
    for (name, value) in headers.iter() {
        put_octets(name.as_bytes(), out);
        put_octets(value.as_bytes(), out);
    }
}

fn put_octets(octets: &[u8], out: &mut Vec<u8>) {
    put_length(octets.len(), out);
    out.extend_from_slice(octets);
}

fn put_length(mut length: usize, out: &mut Vec<u8>) {
    loop {
        let [digit, ..] = length.to_le_bytes();
        length >>= 7;
        if length == 0 {
            out.push(digit & 0x7f);
            return;
        }
        out.push(digit | 0x80);
    }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn octet(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    fn port(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let octet = self.octet()?;
            let digit = usize::from(octet & 0x7f);
            let placed = digit << shift;
            if placed >> shift != digit {
                return None;
            }
            length |= placed;
            if octet & 0x80 == 0 {
                return Some(length);
            }
        }
        None
    }

    fn octets(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.octets()?).ok()
    }

    fn application(&mut self) -> Option<PushApplicationId> {
        PushApplicationId::parse(self.text()?).ok()
    }

    fn server(&mut self) -> Option<ServerAddress> {
        Some(match self.octet()? {
            SERVER_IPV4 => ServerAddress::Ip(Ipv4Addr::from(self.array::<4>()?).into()),
            SERVER_IPV6 => ServerAddress::Ip(Ipv6Addr::from(self.array::<16>()?).into()),
            SERVER_E164 => ServerAddress::E164(self.text()?.into()),
            SERVER_SIP => ServerAddress::Sip(self.text()?.into()),
            SERVER_ALPHANUMERIC => ServerAddress::Alphanumeric(self.text()?.into()),
            SERVER_UNKNOWN => ServerAddress::Unknown,
            _ => return None,
        })
    }

    fn headers(&mut self) -> Option<Headers> {
        let count = self.length()?;
        let mut headers = Headers::new();
        for _ in 0..count {
            headers.push(self.text()?, self.text()?);
        }
        Some(headers)
    }

    fn names(&mut self) -> Option<Box<[Box<str>]>> {
        let count = self.length()?;
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.text()?.into());
        }
        Some(names.into())
    }

    fn short_message(&mut self) -> Option<ShortMessageOrigin> {
        let has_originator = match self.octet()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let originator = self.when(has_originator, Self::text).ok()?;
        Some(ShortMessageOrigin {
            originator: originator.map(Box::from),
            device: self.text()?.into(),
        })
    }

    /// Reads a part where it is flagged.
    fn when<T>(
        &mut self,
        flagged: bool,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<Option<T>, Malformed> {
        flagged.then(|| read(self).ok_or(Malformed)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_come_back() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 31, usize::MAX] {
            let mut out = Vec::new();
            put_length(length, &mut out);
            let mut input = Input(&out);
            assert_eq!(input.length(), Some(length));
            assert!(input.0.is_empty());
        }
    }

    #[test]
    fn a_length_beyond_the_machine_word_is_refused() {
        assert_eq!(Input(&[0xff; 12]).length(), None);
        assert_eq!(Input(&[0x80]).length(), None);
    }

    #[test]
    fn another_version_is_refused() {
        assert!(decode_push(PUSH, UnixMillis(0)).is_some());
        for version in [0, 3, 255] {
            let blob = [&[version], &PUSH[1..]].concat();
            assert!(decode_push(&blob, UnixMillis(0)).is_none(), "{version}");
        }
    }

    /// OTA-HTTP over IP from 192.0.2.7 to port 4035, answerable, transaction 9, `text/plain`, no headers, content `hi`.
    const PUSH: &[u8] =
        b"\x01\x02\x01\x41\x04\xc0\x00\x02\x07\x0f\xc3\x01\x09\x0atext/plain\x00\x00hi";
    /// The same from a server that proved the names `gw` and `ppg.example`.
    const NAMED_PUSH: &[u8] =
        b"\x02\x02\x01\x41\x04\xc0\x00\x02\x07\x0f\xc3\x01\x09\x02\x02gw\x0bppg.example\x0atext/plain\x00\x00hi";

    #[test]
    fn names_that_a_server_proved_make_it_version_2() {
        let names: [&[&str]; 2] = [&[], &["gw", "ppg.example"]];
        for (blob, names) in [PUSH, NAMED_PUSH].into_iter().zip(names) {
            let push = decode_push(blob, UnixMillis(7)).unwrap();
            let found: Vec<_> = push
                .origin
                .proved_names
                .iter()
                .map(|name| &**name)
                .collect();
            assert_eq!(found, names);
            assert_eq!(push.origin.destination_port, Some(4035));
            assert_eq!(*push.message.content, *b"hi");
            let mut written = Vec::new();
            encode_push(&push, &mut written);
            assert_eq!(written, blob);
        }
    }

    #[test]
    fn a_blob_cut_short_before_its_content_is_refused() {
        for blob in [PUSH, NAMED_PUSH] {
            for length in 0..blob.len() - 2 {
                assert!(
                    decode_push(&blob[..length], UnixMillis(0)).is_none(),
                    "{length}"
                );
            }
        }
        let endless = b"\x02\x02\x01\x01\x04\xc0\x00\x02\x07\x01\x09\xff\xff\xff\xff\x0f\x00";
        assert!(decode_push(endless, UnixMillis(0)).is_none());
    }
}
