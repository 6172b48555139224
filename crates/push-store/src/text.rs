//! Columns of a registration as text that an operator reads and this crate parses: one entry a line.

use std::fmt::Write as _;

use push_core::RegistrationState;
use push_message::{Bearer, ConnectionProfile, Protocol, Whitelist};

const PENDING: &str = "pending";
const ACTIVE: &str = "active";

/// Stands in a profile for what it leaves open.
const OPEN: &str = "*";

/// What is read back is not what this crate writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) const fn state_text(state: RegistrationState) -> &'static str {
    match state {
        RegistrationState::Pending => PENDING,
        RegistrationState::Active => ACTIVE,
    }
}

pub(crate) fn parse_state(text: &str) -> Option<RegistrationState> {
    match text {
        PENDING => Some(RegistrationState::Pending),
        ACTIVE => Some(RegistrationState::Active),
        _ => None,
    }
}

/// Parses a text that may be absent.
pub(crate) fn parse_optional<'a, T>(
    text: Option<&'a str>,
    parse: impl FnOnce(&'a str) -> Option<T>,
) -> Result<Option<T>, Malformed> {
    text.map(|text| parse(text).ok_or(Malformed)).transpose()
}

/// The addresses, one a line; a backslash or line feed within one is written with a backslash.
pub(crate) fn whitelist_text(whitelist: &Whitelist) -> String {
    lines(whitelist.addresses().iter().map(|address| {
        address
            .to_string()
            .replace('\\', r"\\")
            .replace('\n', r"\n")
    }))
}

pub(crate) fn parse_whitelist(text: &str) -> Option<Whitelist> {
    let entries = text.split('\n').filter(|line| !line.is_empty());
    let entries = entries.map(unescape).collect::<Option<Vec<_>>>()?;
    Whitelist::parse(entries.iter().map(String::as_str)).ok()
}

/// The profiles, one a line, as `OTA-WSP/IP:2948` with an asterisk for what is left open.
pub(crate) fn profiles_text(profiles: &[ConnectionProfile]) -> String {
    lines(profiles.iter().map(|profile| {
        let protocol = profile.protocol.map_or(OPEN, Protocol::as_str);
        let bearer = profile.bearer.map_or(OPEN, Bearer::as_str);
        let port = profile
            .port
            .map_or_else(|| OPEN.to_owned(), |port| port.to_string());
        format!("{protocol}/{bearer}:{port}")
    }))
}

pub(crate) fn parse_profiles(text: &str) -> Option<Box<[ConnectionProfile]>> {
    let entries = text.split('\n').filter(|line| !line.is_empty());
    entries.map(parse_profile).collect()
}

fn parse_profile(text: &str) -> Option<ConnectionProfile> {
    let (protocol, rest) = text.split_once('/')?;
    let (bearer, port) = rest.split_once(':')?;
    Some(ConnectionProfile {
        protocol: unless_open(protocol, Protocol::from_name).ok()?,
        bearer: unless_open(bearer, Bearer::from_name).ok()?,
        port: unless_open(port, |port| port.parse().ok()).ok()?,
    })
}

fn unless_open<'a, T>(
    text: &'a str,
    parse: impl FnOnce(&'a str) -> Option<T>,
) -> Result<Option<T>, Malformed> {
    parse_optional(Some(text).filter(|&text| text != OPEN), parse)
}

fn unescape(line: &str) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

fn lines(entries: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for entry in entries {
        let separator = if text.is_empty() { "" } else { "\n" };
        // Writing to a text cannot fail.
        write!(text, "{separator}{entry}").ok();
    }
    text
}
