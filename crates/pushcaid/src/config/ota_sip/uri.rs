//! SIP URIs as an administrator writes them (RFC 3261 19.1).

use push_client::http::Host;
use push_client::sip::Transport;

use crate::config::contact::host_and_port;

const PORT: u16 = 5060;
const SECURE_PORT: u16 = 5061;
/// The most characters of a URI.
const MAX_LENGTH: usize = 512;

/// A URI, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SipUri<'a> {
    text: &'a str,
    /// `sips:`.
    secure: bool,
    /// What stands before the `@`, still encoded.
    pub(super) user: Option<&'a str>,
    pub(super) host: Host,
    port: Option<u16>,
    transport: Option<Transport>,
    /// Whether there are parameters behind the host.
    pub(super) has_parameters: bool,
    loose: bool,
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) transport: Transport,
    pub(super) host: Host,
    pub(super) port: u16,
}

impl<'a> SipUri<'a> {
    /// Reads `sip:[USER@]HOST[:PORT][;PARAMETER...]`.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let fits = |octet: u8| octet.is_ascii_graphic() && !b"\"<>\\^`{|},".contains(&octet);
        if text.len() > MAX_LENGTH || !text.bytes().all(fits) {
            return Err(format!(
                "a SIP URI has at most {MAX_LENGTH} printable ASCII characters, without spaces, brackets `<>` and quotes"
            ));
        }
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        let secure = scheme.eq_ignore_ascii_case("sips");
        if !secure && !scheme.eq_ignore_ascii_case("sip") {
            return Err(format!(
                "`{text}` is no SIP URI; write `sip:ims.example.net`, or `sips:` in front for TLS"
            ));
        }
        if rest.contains('?') {
            return Err(format!(
                "`{text}` has headers behind a `?`, which mean nothing here"
            ));
        }
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        if user.is_some_and(|user| user.is_empty() || user.contains(['@', ':'])) {
            return Err(format!(
                "`{text}` has no user before the `@`, or one with a password; a password stands in password_file"
            ));
        }
        let (address, parameters) = match rest.split_once(';') {
            Some((address, parameters)) => (address, Some(parameters)),
            None => (rest, None),
        };
        let (host, port) = host_and_port(address)?;
        let mut uri = Self {
            text,
            secure,
            user,
            host,
            port,
            transport: None,
            has_parameters: parameters.is_some(),
            loose: false,
        };
        for parameter in parameters.iter().flat_map(|all| all.split(';')) {
            uri.read_parameter(parameter)?;
        }
        Ok(uri)
    }

    fn read_parameter(&mut self, parameter: &str) -> Result<(), String> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.eq_ignore_ascii_case("lr") {
            self.loose = true;
        } else if name.eq_ignore_ascii_case("transport") {
            let transport = match value.to_ascii_lowercase().as_str() {
                "udp" => Transport::Udp,
                "tcp" => Transport::Tcp,
                "tls" => Transport::Tls,
                _ => {
                    return Err(format!(
                        "`{value}` is no transport that is spoken here; udp, tcp and tls are"
                    ));
                }
            };
            if self.secure && transport == Transport::Udp {
                return Err(
                    "`sips:` is TLS, which there is none of over UDP; leave `;transport=udp` out"
                        .to_owned(),
                );
            }
            self.transport = Some(transport);
        } else if name.is_empty() {
            return Err(format!("`{}` has an empty parameter", self.text));
        }
        Ok(())
    }

    /// How its host is reached.
    pub(super) fn hop(&self) -> Hop {
        let transport = if self.secure {
            Transport::Tls
        } else {
            self.transport.unwrap_or(Transport::Udp)
        };
        let standard = if transport == Transport::Tls {
            SECURE_PORT
        } else {
            PORT
        };
        Hop {
            transport,
            host: self.host.clone(),
            port: self.port.unwrap_or(standard),
        }
    }

    /// As it stands in Route: a proxy that is no loose router would take the request for itself.
    pub(super) fn route(&self) -> String {
        if self.loose {
            self.text.to_owned()
        } else {
            format!("{};lr", self.text)
        }
    }

    /// The user as people write it: octets that are encoded are taken for what they stand for.
    pub(super) fn user_name(&self) -> Option<String> {
        decoded(self.user?)
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut octets = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        octets.push(u8::from_str_radix(digits, 16).ok()?);
        octets.extend_from_slice(rest.as_bytes());
    }
    let text = String::from_utf8(octets).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(text: &str) -> (Transport, String, u16) {
        let Hop {
            transport,
            host,
            port,
        } = SipUri::parse(text).unwrap().hop();
        let host = match host {
            Host::Ip(address) => address.to_string(),
            Host::Name(name) => name.into(),
        };
        (transport, host, port)
    }

    #[test]
    fn a_uri_says_how_its_host_is_reached() {
        for (text, transport, host, port) in [
            ("sip:192.0.2.9", Transport::Udp, "192.0.2.9", 5060),
            ("sip:192.0.2.9:5070", Transport::Udp, "192.0.2.9", 5070),
            (
                "SIP:Ims.Example.net",
                Transport::Udp,
                "ims.example.net",
                5060,
            ),
            (
                "sip:a.test;transport=udp;lr",
                Transport::Udp,
                "a.test",
                5060,
            ),
            ("sip:a.test;Transport=TCP", Transport::Tcp, "a.test", 5060),
            (
                "sip:a.test;lr;transport=tls",
                Transport::Tls,
                "a.test",
                5061,
            ),
            (
                "sip:a.test:5060;transport=tls",
                Transport::Tls,
                "a.test",
                5060,
            ),
            ("sips:a.test", Transport::Tls, "a.test", 5061),
            ("sips:a.test;transport=tcp", Transport::Tls, "a.test", 5061),
            ("sip:[2001:db8::9]:1", Transport::Udp, "2001:db8::9", 1),
        ] {
            assert_eq!(hop(text), (transport, host.to_owned(), port), "{text}");
        }
    }

    #[test]
    fn a_route_is_a_loose_one() {
        for (text, route) in [
            ("sip:192.0.2.9", "sip:192.0.2.9;lr"),
            ("sip:192.0.2.9;lr", "sip:192.0.2.9;lr"),
            ("sips:a.test;x=y", "sips:a.test;x=y;lr"),
        ] {
            assert_eq!(SipUri::parse(text).unwrap().route(), route);
        }
    }

    #[test]
    fn users_are_decoded() {
        for (text, user) in [
            ("sip:alice@a.test", Some("alice")),
            ("sip:alice%40home@a.test", Some("alice@home")),
            ("sip:+4917099999;x=y@a.test", Some("+4917099999;x=y")),
            ("sip:a%4@a.test", None),
            ("sip:a%zz@a.test", None),
            ("sip:a%0a@a.test", None),
            ("sip:a.test", None),
        ] {
            let name = SipUri::parse(text).unwrap().user_name();
            assert_eq!(name.as_deref(), user, "{text}");
        }
    }

    #[test]
    fn what_is_no_uri_is_refused_with_what_would_work() {
        for (text, expected) in [
            ("", "is no SIP URI; write `sip:ims.example.net`"),
            ("ims.example.net", "is no SIP URI"),
            ("tel:+4917099999", "is no SIP URI"),
            ("sip:", "is neither an address nor a host name"),
            ("sip:@a.test", "has no user before the `@`"),
            (
                "sip:alice:secret@a.test",
                "a password stands in password_file",
            ),
            ("sip:a.test?Subject=x", "has headers behind a `?`"),
            ("<sip:a.test>", "without spaces"),
            ("sip:a test", "without spaces"),
            ("sip:a.test;transport=sctp", "udp, tcp and tls are"),
            ("sips:a.test;transport=udp", "leave `;transport=udp` out"),
            ("sip:a.test;", "has an empty parameter"),
            ("sip:a.test:0", "is no port"),
            ("sip:2001:db8::9", "stands in brackets"),
        ] {
            let error = SipUri::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(SipUri::parse(&format!("sip:{}", "a".repeat(600))).is_err());
    }
}
