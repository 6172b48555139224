//! Where a webhook goes: a URL that leaves no two readers in doubt.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most characters of a host name, and of one of its labels (RFC 1035 2.3.4).
const MAX_NAME_LENGTH: usize = 253;
const MAX_LABEL_LENGTH: usize = 63;

/// The address of a webhook: `http://` or `https://`, a host, perhaps a port, a path and a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Whether TLS is spoken.
    pub(super) secure: bool,
    /// Who is asked.
    pub(super) host: TargetHost,
    /// The port, the scheme's own where none is named.
    pub(super) port: u16,
    /// Path and query as they are sent: never empty, from its first `/` on.
    pub(super) path: Box<str>,
}

/// The host of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TargetHost {
    /// A name to resolve, in lower case.
    Name(Box<str>),
    /// An address, with IPv4 in IPv6 written as IPv4.
    Ip(IpAddr),
}

/// Why a URL is no address of a webhook, in words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct InvalidTarget(&'static str);

impl Target {
    /// Reads a URL (RFC 3986). What readers are known to disagree on is refused, rather than read in one of the ways.
    ///
    /// # Errors
    /// What is wrong, and what would work.
    pub(super) fn parse(url: &str) -> Result<Self, InvalidTarget> {
        check_characters(url)?;
        let (secure, rest) = scheme(url)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            secure,
            host,
            port: port.unwrap_or_else(|| standard_port(secure)),
            path: sent_path(path)?,
        })
    }

    /// What the header `Host` says.
    pub(super) fn authority(&self) -> String {
        if self.port == standard_port(self.secure) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for TargetHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

const fn standard_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

const fn refused<T>(sentence: &'static str) -> Result<T, InvalidTarget> {
    Err(InvalidTarget(sentence))
}

fn check_characters(url: &str) -> Result<(), InvalidTarget> {
    let odd = |octet: u8| !octet.is_ascii_graphic() || br#""<>\^`{|}"#.contains(&octet);
    if url.bytes().any(odd) {
        return refused(
            "it has a character that no URL has; write it as %XX, and an international host name as xn--…",
        );
    }
    if url.contains('#') {
        return refused("it has a fragment (`#`), which no server is ever sent; leave that out");
    }
    Ok(())
}

fn scheme(url: &str) -> Result<(bool, &str), InvalidTarget> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or(InvalidTarget("it is no URL: write https://HOST/PATH"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok((true, rest)),
        "http" => Ok((false, rest)),
        _ => refused("it is no webhook: write https://HOST/PATH"),
    }
}

fn host_and_port(authority: &str) -> Result<(TargetHost, Option<u16>), InvalidTarget> {
    if authority.contains('@') {
        return refused(
            "it has a user or a password (`@`), which would stand in plain sight; deliveries are signed instead",
        );
    }
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(InvalidTarget(
            "its IPv6 address lacks the closing bracket; write [2001:db8::1]",
        ))?;
        (ipv6(address)?, port)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (name, port) = authority.split_at_checked(end).unwrap_or((authority, ""));
        (name_or_ipv4(name)?, port)
    };
    Ok((host, given_port(port)?))
}

fn given_port(text: &str) -> Result<Option<u16>, InvalidTarget> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix(':').unwrap_or_default();
    let plain = !digits.starts_with('0') && digits.bytes().all(|octet| octet.is_ascii_digit());
    match digits.parse() {
        Ok(port) if plain => Ok(Some(port)),
        Ok(_) | Err(_) => {
            refused("what stands behind its host is no port; write `:` and 1 to 65535, or nothing")
        }
    }
}

fn ipv6(text: &str) -> Result<TargetHost, InvalidTarget> {
    if text.contains('%') {
        return refused(
            "its address has a zone (`%`), which means something to this machine alone; leave that out",
        );
    }
    match text.parse::<Ipv6Addr>() {
        Ok(address) => Ok(TargetHost::Ip(IpAddr::V6(address).to_canonical())),
        Err(_) => refused("what stands in brackets is no IPv6 address"),
    }
}

/// A last label that is a number makes a host an IPv4 address to some readers, in whatever form (decimal, octal, hexadecimal, fewer
/// parts): only the one form that all agree on is taken.
fn name_or_ipv4(text: &str) -> Result<TargetHost, InvalidTarget> {
    if text.is_empty() {
        return refused("it has no host; write https://HOST/PATH");
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(TargetHost::Ip(IpAddr::V4(address)));
    }
    let name = text.to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    if is_numeric(last) {
        return refused("its host is a number, or an IPv4 address in another form than 192.0.2.7");
    }
    if name.len() > MAX_NAME_LENGTH || !name.split('.').all(is_label) {
        return refused(
            "its host is no name: labels of letters, digits and hyphens, with a dot between, none at the end",
        );
    }
    Ok(TargetHost::Name(name.into()))
}

fn is_numeric(label: &str) -> bool {
    let digits = label.bytes().all(|octet| octet.is_ascii_digit());
    let hexadecimal = label
        .strip_prefix("0x")
        .is_some_and(|rest| rest.bytes().all(|octet| octet.is_ascii_hexdigit()));
    !label.is_empty() && digits || hexadecimal
}

fn is_label(label: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    (1..=MAX_LABEL_LENGTH).contains(&label.len())
        && label.bytes().all(fits)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn sent_path(text: &str) -> Result<Box<str>, InvalidTarget> {
    let escapes = text.split('%').skip(1);
    let whole = |escape: &str| {
        let digits = escape.as_bytes().get(..2).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    if !escapes.into_iter().all(whole) {
        return refused(
            "a `%` in its path is not followed by two hexadecimal digits; write %25 for the sign itself",
        );
    }
    Ok(if text.starts_with('/') {
        text.into()
    } else {
        format!("/{text}").into()
    })
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
