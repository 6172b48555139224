//! PDUs of WSP sessions, octet by octet (WSP 8.2).

use crate::ApplicationId;
use crate::ppg::ContactPoint;
use crate::values;

const CONNECT: u8 = 0x01;
const CONNECT_REPLY: u8 = 0x02;
const REDIRECT: u8 = 0x03;
const REPLY: u8 = 0x04;
const DISCONNECT: u8 = 0x05;
const SUSPEND: u8 = 0x08;
const RESUME: u8 = 0x09;

const ACCEPT: u8 = 0x00;
const ACCEPT_APPLICATION: u8 = 0x32;
const BEARER_INDICATION: u8 = 0x33;
const ENCODING_VERSION: u8 = 0x43;

/// What a session can do, as one side asks for it and the other grants it (WSP 8.3). What is absent is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// How long what the terminal receives may be: 0 is any length.
    pub client_sdu: Option<u32>,
    /// How long what the server receives may be.
    pub server_sdu: Option<u32>,
    /// The protocol options: 0x80 confirmed push, 0x40 push, 0x20 resume, 0x10 acknowledgement headers, 0x08 large data.
    pub options: Option<u8>,
    /// How many methods may be outstanding.
    pub method_mor: Option<u8>,
    /// How many confirmed pushes may be outstanding.
    pub push_mor: Option<u8>,
    /// Others, as they came: number and parameters.
    pub others: Vec<(u8, Vec<u8>)>,
}

impl Capabilities {
    fn read(mut octets: &[u8]) -> Option<Self> {
        let mut all = Self::default();
        while !octets.is_empty() {
            let (length, rest) = uintvar(octets)?;
            let (capability, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            octets = rest;
            let (&name, value) = capability.split_first()?;
            match name & 0x7f {
                0 => all.client_sdu = Some(uintvar(value)?.0),
                1 => all.server_sdu = Some(uintvar(value)?.0),
                2 => all.options = value.first().copied(),
                3 => all.method_mor = value.first().copied(),
                4 => all.push_mor = value.first().copied(),
                _ => all.others.push((name, value.to_vec())),
            }
        }
        Some(all)
    }

    fn write(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut add = |name: u8, value: &[u8]| {
            octets.push(u8::try_from(value.len() + 1).unwrap_or(u8::MAX));
            octets.push(name);
            octets.extend_from_slice(value);
        };
        for (name, size) in [(0x80, self.client_sdu), (0x81, self.server_sdu)] {
            if let Some(size) = size {
                let mut value = Vec::new();
                values::uintvar(size, &mut value);
                add(name, &value);
            }
        }
        for (name, octet) in [
            (0x82, self.options),
            (0x83, self.method_mor),
            (0x84, self.push_mor),
        ] {
            if let Some(octet) = octet {
                add(name, &[octet]);
            }
        }
        for (name, value) in &self.others {
            add(*name, value);
        }
        octets
    }
}

/// What a terminal that opens or resumes a session says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Greeting {
    /// The version of WSP, 0x10 for 1.0.
    pub version: u8,
    /// What it asks for.
    pub capabilities: Capabilities,
    /// The values of Accept-Application in their order.
    pub applications: Vec<ApplicationId>,
    /// The value of Bearer-Indication.
    pub bearer: Option<u8>,
    /// The value of Encoding-Version: 0x93 is 1.3.
    pub encoding_version: Option<u8>,
    /// How many Accept headers there are.
    pub accepts: usize,
    /// All headers as they came.
    pub headers: Vec<u8>,
}

/// What a terminal asks of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    Connect(Greeting),
    Disconnect { session: u32 },
    Suspend { session: u32 },
    Resume { session: u32, greeting: Greeting },
}

/// Reads a request; nothing where it is broken or another one.
pub(super) fn read(octets: &[u8]) -> Option<Request> {
    let (&kind, rest) = octets.split_first()?;
    match kind {
        CONNECT => {
            let (&version, rest) = rest.split_first()?;
            let (capabilities, rest) = uintvar(rest)?;
            let (headers, rest) = uintvar(rest)?;
            let (capabilities, rest) =
                rest.split_at_checked(usize::try_from(capabilities).ok()?)?;
            let headers = rest.get(..usize::try_from(headers).ok()?)?;
            let mut greeting = greeting(headers)?;
            greeting.version = version;
            greeting.capabilities = Capabilities::read(capabilities)?;
            Some(Request::Connect(greeting))
        }
        DISCONNECT => uintvar(rest).map(|(session, _)| Request::Disconnect { session }),
        SUSPEND => uintvar(rest).map(|(session, _)| Request::Suspend { session }),
        RESUME => {
            let (session, rest) = uintvar(rest)?;
            let (capabilities, rest) = uintvar(rest)?;
            let headers = rest.get(usize::try_from(capabilities).ok()?..)?;
            Some(Request::Resume {
                session,
                greeting: greeting(headers)?,
            })
        }
        _ => None,
    }
}

/// The answer to a Connect that is granted.
pub(super) fn connect_reply(session: u32, capabilities: &Capabilities, headers: &[u8]) -> Vec<u8> {
    let capabilities = capabilities.write();
    let mut octets = vec![CONNECT_REPLY];
    values::uintvar(session, &mut octets);
    for length in [capabilities.len(), headers.len()] {
        values::uintvar(u32::try_from(length).unwrap_or(u32::MAX), &mut octets);
    }
    octets.extend_from_slice(&capabilities);
    octets.extend_from_slice(headers);
    octets
}

/// The answer that sends a terminal elsewhere.
pub(super) fn redirect(permanent: bool, to: &[ContactPoint]) -> Vec<u8> {
    let mut octets = vec![REDIRECT, if permanent { 0x80 } else { 0 }];
    for contact in to {
        contact.write(&mut octets);
    }
    octets
}

/// A Reply with this status and nothing else; its content type is `*/*`.
pub(super) fn reply(status: u8) -> Vec<u8> {
    vec![REPLY, status, 1, 0x80]
}

/// Ends a session.
pub(super) fn disconnect(session: u32) -> Vec<u8> {
    with_session(DISCONNECT, session)
}

/// Suspends a session.
pub(super) fn suspend(session: u32) -> Vec<u8> {
    with_session(SUSPEND, session)
}

fn with_session(kind: u8, session: u32) -> Vec<u8> {
    let mut octets = vec![kind];
    values::uintvar(session, &mut octets);
    octets
}

fn greeting(headers: &[u8]) -> Option<Greeting> {
    let mut greeting = Greeting {
        headers: headers.to_vec(),
        ..Greeting::default()
    };
    let mut rest = headers;
    while let Some((&name, behind)) = rest.split_first() {
        let name = match name {
            // A shift to another code page, short and long: this server reads on as if it were the first.
            1..=0x1f => {
                rest = behind;
                continue;
            }
            0x7f => {
                rest = behind.get(1..)?;
                continue;
            }
            0x80.. => {
                rest = behind;
                Some(name & 0x7f)
            }
            0 | 0x20..=0x7e => {
                let end = rest.iter().position(|octet| *octet == 0)?;
                rest = rest.get(end + 1..)?;
                None
            }
        };
        let (value, behind) = value(rest)?;
        rest = behind;
        match name {
            Some(ACCEPT) => greeting.accepts += 1,
            Some(ACCEPT_APPLICATION) => greeting.applications.push(application(value)),
            Some(BEARER_INDICATION) => {
                greeting.bearer = integer(value).and_then(|bearer| u8::try_from(bearer).ok());
            }
            Some(ENCODING_VERSION) => greeting.encoding_version = value.last().copied(),
            Some(_) | None => {}
        }
    }
    Some(greeting)
}

/// The value that a header begins with, in whatever form it is (WSP 8.4.1.2).
fn value(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = octets.split_first()?;
    match first {
        0x80.. => octets.split_at_checked(1),
        0..=30 => octets.split_at_checked(1 + usize::from(first)),
        31 => {
            let (length, behind) = uintvar(rest)?;
            let front = octets.len() - behind.len();
            octets.split_at_checked(front + usize::try_from(length).ok()?)
        }
        32..=0x7f => {
            let end = octets.iter().position(|octet| *octet == 0)?;
            octets.split_at_checked(end + 1)
        }
    }
}

fn application(value: &[u8]) -> ApplicationId {
    let number = integer(value).and_then(|number| u32::try_from(number).ok());
    number.map_or_else(
        || {
            ApplicationId::Text(
                String::from_utf8_lossy(value)
                    .trim_end_matches('\0')
                    .to_owned(),
            )
        },
        ApplicationId::Number,
    )
}

fn integer(value: &[u8]) -> Option<u64> {
    match value.split_first()? {
        (short @ 0x80.., []) => Some(u64::from(short & 0x7f)),
        (1..=8, octets) => Some(
            octets
                .iter()
                .fold(0, |all, octet| all << 8 | u64::from(*octet)),
        ),
        _ => None,
    }
}

fn uintvar(octets: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0_u32;
    for (index, octet) in octets.iter().enumerate().take(5) {
        number = number << 7 | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            return Some((number, octets.get(index + 1..).unwrap_or_default()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    // Capabilities: SDU sizes 65535, options 0xc0, MORs 1; headers: Accept-Application 4, a text one, a long number, Accept,
    // Bearer-Indication, Encoding-Version 1.3, and a header with a text name.
    const OPENING: &[u8] = b"\x01\x10\x13\x24\x04\x80\x83\xff\x7f\x04\x81\x83\xff\x7f\x02\x82\xc0\x02\x83\x01\x02\x84\x01\
        \xb2\x84\xb2x:a\0\xb2\x02\x90\x00\x80\x80\xb3\x8b\xc3\x93X-Long-Header-Na\0v\0";

    #[test]
    fn a_connect_is_read_whole() {
        let Some(Request::Connect(greeting)) = read(OPENING) else {
            panic!("it is not read");
        };
        assert_eq!(greeting.version, 0x10);
        assert_eq!(greeting.capabilities.options, Some(0xc0));
        assert_eq!(greeting.capabilities.client_sdu, Some(65_535));
        assert_eq!(greeting.capabilities.push_mor, Some(1));
        let applications = [
            ApplicationId::Number(4),
            ApplicationId::Text("x:a".to_owned()),
            ApplicationId::Number(0x9000),
        ];
        assert_eq!(greeting.applications, applications);
        assert_eq!(greeting.bearer, Some(0x0b));
        assert_eq!(greeting.encoding_version, Some(0x93));
        assert_eq!(greeting.accepts, 1);
        for length in 0..OPENING.len() {
            assert_eq!(read(&OPENING[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_other_requests_name_their_session() {
        assert_eq!(
            read(&[5, 0x81, 0]),
            Some(Request::Disconnect { session: 128 })
        );
        assert_eq!(read(&[8, 7]), Some(Request::Suspend { session: 7 }));
        let Some(Request::Resume {
            session: 9,
            greeting,
        }) = read(b"\x09\x09\x00\xb3\x83")
        else {
            panic!("it is not read");
        };
        assert_eq!(greeting.bearer, Some(3));
        assert_eq!(read(&[0x40, 0]), None);
    }

    #[test]
    fn answers_are_written_as_the_specification_says() {
        let granted = Capabilities {
            client_sdu: Some(1400),
            options: Some(0xc0),
            push_mor: Some(2),
            ..Capabilities::default()
        };
        assert_eq!(
            connect_reply(300, &granted, b"h"),
            b"\x02\x82\x2c\x0a\x01\x03\x80\x8a\x78\x02\x82\xc0\x02\x84\x02h"
        );
        let elsewhere = ContactPoint::new("192.0.2.1:50000".parse().unwrap());
        assert_eq!(
            redirect(false, &[elsewhere]),
            b"\x03\x00\x44\xc3\x50\xc0\x00\x02\x01"
        );
        assert_eq!(reply(0x44), [4, 0x44, 1, 0x80]);
        assert_eq!(
            (disconnect(1), suspend(128)),
            (vec![5, 1], vec![8, 0x81, 0])
        );
    }
}
