//! Push events written as JSON, by hand: each delivery of each push is written once, so this is the busiest code here.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_message::{Headers, ServerAddress};

use crate::PushEventView;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// More than the names, numbers and short texts of an event take.
const ROUND_LENGTH: usize = 512;

impl PushEventView<'_> {
    /// Writes the event behind `text`: octet for octet what serde makes of the [`PushEvent`](crate::PushEvent), on one line.
    pub fn write_json(&self, text: &mut Vec<u8>) {
        text.reserve(ROUND_LENGTH + self.content.len() * 4 / 3 + self.headers.text_length());
        text.extend_from_slice(br#"{"id":""#);
        text.extend_from_slice(&id_digits(self.id));
        text.extend_from_slice(br#"","registrationID":""#);
        text.extend_from_slice(&id_digits(self.registration_id));
        text.extend_from_slice(br#"","pushApplicationID":"#);
        write_string(text, &self.push_application_id);
        if let Some(application_id) = self.application_id {
            text.extend_from_slice(br#","applicationID":"#);
            write_string(text, application_id);
        }
        text.extend_from_slice(br#","contentType":"#);
        write_string(text, self.content_type);
        if !self.parameters.is_empty() {
            text.extend_from_slice(br#","parameters":"#);
            write_pairs(text, self.parameters);
        }
        text.extend_from_slice(br#","content":"#);
        write_base64(text, self.content);
        text.extend_from_slice(br#","headers":"#);
        write_pairs(text, self.headers);
        self.write_origin(text);
        text.extend_from_slice(br#","attempt":"#);
        write_number(text, self.attempt.into());
        text.extend_from_slice(br#","authenticated":"#);
        write_boolean(text, self.authenticated);
        text.extend_from_slice(br#","trusted":"#);
        write_boolean(text, self.trusted);
        text.push(b'}');
    }

    fn write_origin(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(br#","protocol":"#);
        write_string(text, self.protocol);
        text.extend_from_slice(br#","bearer":"#);
        write_string(text, self.bearer);
        text.extend_from_slice(br#","server":"#);
        write_server(text, self.server);
        if !self.server_names.is_empty() {
            text.extend_from_slice(br#","serverNames":"#);
            write_strings(text, self.server_names);
        }
        for (name, value) in [("originator", self.originator), ("device", self.device)] {
            if let Some(value) = value {
                text.extend_from_slice(b",\"");
                text.extend_from_slice(name.as_bytes());
                text.extend_from_slice(b"\":");
                write_string(text, value);
            }
        }
        text.extend_from_slice(br#","ports":{"#);
        if let Some(port) = self.ports.dest {
            text.extend_from_slice(br#""dest":"#);
            write_number(text, port.into());
        }
        if let Some(port) = self.ports.orig {
            let comma = if self.ports.dest.is_some() { "," } else { "" };
            text.extend_from_slice(comma.as_bytes());
            text.extend_from_slice(br#""orig":"#);
            write_number(text, port.into());
        }
        text.extend_from_slice(br#"},"receivedAt":"#);
        write_number(text, self.received_at);
    }
}

/// An id as it is written: 16 hexadecimal digits in ASCII.
pub fn id_digits(id: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, octet) in pairs.iter_mut().zip(id.to_be_bytes()) {
        *pair = hexadecimal(octet);
    }
    digits
}

fn hexadecimal(octet: u8) -> [u8; 2] {
    [
        DIGITS[usize::from(octet >> 4)],
        DIGITS[usize::from(octet & 0xf)],
    ]
}

fn write_number(text: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = DIGITS[usize::try_from(rest % 10).unwrap_or_default()];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

fn write_server(text: &mut Vec<u8>, server: &ServerAddress) {
    match server {
        ServerAddress::Ip(IpAddr::V4(address)) => {
            let [first, rest @ ..] = address.octets();
            text.push(b'"');
            write_number(text, first.into());
            for octet in rest {
                text.push(b'.');
                write_number(text, octet.into());
            }
            text.push(b'"');
        }
        ServerAddress::Ip(address @ IpAddr::V6(_)) => write_string(text, &address.to_string()),
        ServerAddress::E164(address)
        | ServerAddress::Alphanumeric(address)
        | ServerAddress::Sip(address) => write_string(text, address),
        ServerAddress::Unknown => write_string(text, &server.to_string()),
    }
}

fn write_boolean(text: &mut Vec<u8>, value: bool) {
    text.extend_from_slice(if value { b"true" } else { b"false" });
}

fn write_base64(text: &mut Vec<u8>, octets: &[u8]) {
    text.push(b'"');
    let start = text.len();
    text.resize(start + octets.len().div_ceil(3) * 4, 0);
    // There is room for exactly this, so nothing can be left out.
    STANDARD.encode_slice(octets, &mut text[start..]).ok();
    text.push(b'"');
}

fn write_pairs(text: &mut Vec<u8>, headers: &Headers) {
    text.push(b'[');
    for (index, (name, value)) in headers.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.push(b'[');
        write_string(text, name);
        text.push(b',');
        write_string(text, value);
        text.push(b']');
    }
    text.push(b']');
}

fn write_strings(text: &mut Vec<u8>, strings: &[Box<str>]) {
    text.push(b'[');
    for (index, string) in strings.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_string(text, string);
    }
    text.push(b']');
}

fn write_string(text: &mut Vec<u8>, string: &str) {
    let octets = string.as_bytes();
    text.push(b'"');
    if is_plain(octets) {
        text.extend_from_slice(octets);
    } else {
        for &octet in octets {
            write_escaped(text, octet);
        }
    }
    text.push(b'"');
}

/// Whether nothing has to be escaped, as in almost every string. Without a way out of the loop the compiler makes it look
/// at many octets at a time.
fn is_plain(octets: &[u8]) -> bool {
    let special =
        |octet| u8::from(octet < 0x20) | u8::from(octet == b'"') | u8::from(octet == b'\\');
    octets.iter().fold(0, |any, &octet| any | special(octet)) == 0
}

/// Octets of UTF-8 beyond ASCII stand for themselves.
fn write_escaped(text: &mut Vec<u8>, octet: u8) {
    match octet {
        b'"' => text.extend_from_slice(br#"\""#),
        b'\\' => text.extend_from_slice(br"\\"),
        b'\n' => text.extend_from_slice(br"\n"),
        b'\r' => text.extend_from_slice(br"\r"),
        b'\t' => text.extend_from_slice(br"\t"),
        0x08 => text.extend_from_slice(br"\b"),
        0x0c => text.extend_from_slice(br"\f"),
        0..0x20 => {
            text.extend_from_slice(br"\u00");
            text.extend_from_slice(&hexadecimal(octet));
        }
        _ => text.push(octet),
    }
}
