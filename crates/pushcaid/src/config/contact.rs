//! Where a server is, as `HOST[:PORT]`, and what it is called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use push_client::http::Host;

/// The most characters of an identity.
const MAX_IDENTITY_LENGTH: usize = 255;
/// The most characters of a host name.
const MAX_HOST_LENGTH: usize = 253;

/// Reads `HOST[:PORT]`.
pub(super) fn host_and_port(text: &str) -> Result<(Host, Option<u16>), String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, behind) = rest
            .split_once(']')
            .ok_or_else(|| format!("`{text}` lacks the `]` behind its address"))?;
        let address: Ipv6Addr = address
            .parse()
            .map_err(|_| format!("`{address}` is no IPv6 address"))?;
        let port = match behind.strip_prefix(':') {
            Some(port) => Some(port),
            None if behind.is_empty() => None,
            None => return Err(format!("`{behind}` behind the address is no `:PORT`")),
        };
        (Host::Ip(IpAddr::V6(address)), port)
    } else {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(format!("an IPv6 address stands in brackets: `[{text}]`"));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        (host_of(host)?, port)
    };
    Ok((host, port.map(port_of).transpose()?))
}

fn port_of(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    let port = digits.then(|| text.parse().ok()).flatten();
    port.filter(|port| *port != 0)
        .ok_or_else(|| format!("`{text}` is no port: a number from 1 to 65535 is"))
}

fn host_of(text: &str) -> Result<Host, String> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(address.into()));
    }
    check_host_name(text)?;
    Ok(Host::Name(text.to_ascii_lowercase().into()))
}

/// Whether a gateway, or the terminal, may be called this. `what` names it in the answer.
pub(super) fn check_identity(text: &str, what: &str) -> Result<(), String> {
    let fits = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\');
    if !text.bytes().all(fits) {
        return Err(format!(
            "{what} has printable ASCII characters alone, without spaces, quotes and backslashes"
        ));
    }
    if text.len() > MAX_IDENTITY_LENGTH {
        return Err(format!(
            "{what} has {MAX_IDENTITY_LENGTH} characters at most"
        ));
    }
    Ok(())
}

/// Whether a host may have this name.
pub(super) fn check_host_name(text: &str) -> Result<(), String> {
    let wrong = || {
        format!(
            "`{text}` is neither an address nor a host name; write `192.0.2.7`, `[2001:db8::7]` or `ppg.example.net`, with \
             `:PORT` behind it if need be"
        )
    };
    let label_fits = |label: &str| {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels = text.strip_suffix('.').unwrap_or(text);
    // What ends in a number is an address that went wrong.
    let numeric = labels
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|octet| octet.is_ascii_digit()));
    if numeric || text.len() > MAX_HOST_LENGTH || !labels.split('.').all(label_fits) {
        return Err(wrong());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, Option<u16>), String> {
        host_and_port(text).map(|(host, port)| {
            let host = match host {
                Host::Ip(address) => address.to_string(),
                Host::Name(name) => name.into(),
            };
            (host, port)
        })
    }

    #[test]
    fn a_host_may_have_a_port_behind_it() {
        for (text, host, port) in [
            ("192.0.2.7", "192.0.2.7", None),
            ("192.0.2.7:99", "192.0.2.7", Some(99)),
            ("[2001:db8::7]", "2001:db8::7", None),
            ("[::1]:65535", "::1", Some(65535)),
            ("PPG.example.net", "ppg.example.net", None),
            ("ppg.example.net.:1", "ppg.example.net.", Some(1)),
            ("localhost:80", "localhost", Some(80)),
        ] {
            assert_eq!(read(text), Ok((host.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_address() {
        for (text, expected) in [
            ("", "is neither an address nor a host name"),
            (":4035", "is neither an address nor a host name"),
            ("300.1.2.3", "is neither an address nor a host name"),
            ("a..b", "is neither an address nor a host name"),
            ("-a", "is neither an address nor a host name"),
            ("a b", "is neither an address nor a host name"),
            ("http://ppg.example.net", "is no port"),
            ("ppg.example.net/x", "is neither an address nor a host name"),
            ("2001:db8::7", "stands in brackets: `[2001:db8::7]`"),
            ("[2001:db8::7", "lacks the `]`"),
            ("[192.0.2.7]", "is no IPv6 address"),
            ("[::1]4035", "is no `:PORT`"),
            ("a:0", "is no port"),
            ("a:65536", "is no port"),
            ("a:+1", "is no port"),
            ("a:", "is no port"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
