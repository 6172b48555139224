//! What stands in headers: addresses with parameters, Via, and URIs.

use std::net::{IpAddr, SocketAddr};

/// The parts of `text` between separators, where those in quotation marks and angle brackets are none.
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, behind) = match position(text, separator) {
            Some(at) => (text.get(..at)?, text.get(at + separator.len_utf8()..)),
            None => (text, None),
        };
        rest = behind;
        Some(part.trim())
    })
}

fn position(text: &str, separator: char) -> Option<usize> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, next) in text.char_indices() {
        match next {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ if next == separator && !quoted && !bracketed => return Some(at),
            _ => {}
        }
    }
    None
}

/// Parameters behind semicolons; values lose their quotation marks.
pub(super) fn params<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<(String, Option<String>)> {
    parts
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('=') {
            Some((name, value)) => (name.trim().to_owned(), Some(unquoted(value.trim()))),
            None => (part.to_owned(), None),
        })
        .collect()
}

pub(super) fn unquoted(text: &str) -> String {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut escaped = false;
    for next in inner.chars() {
        if next == '\\' && !escaped {
            escaped = true;
            continue;
        }
        escaped = false;
        plain.push(next);
    }
    plain
}

pub(super) fn find<'a>(params: &'a [(String, Option<String>)], name: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_deref().unwrap_or_default())
}

/// A URI with the parameters of its header, as in From, Contact and Route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The URI; `*` in a Contact that means all.
    pub uri: String,
    /// The header's parameters, in order.
    pub params: Vec<(String, Option<String>)>,
}

impl Address {
    /// Reads a name with a URI in brackets, or a bare URI.
    pub fn parse(text: &str) -> Self {
        let mut parts = split(text, ';');
        let first = parts.next().unwrap_or_default();
        let uri = match (first.rfind('<'), first.rfind('>')) {
            (Some(open), Some(close)) if open < close => {
                first.get(open + 1..close).unwrap_or_default()
            }
            _ => first,
        };
        Self {
            uri: uri.to_owned(),
            params: params(parts),
        }
    }

    /// The value of a parameter; empty where it has none.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }
}

/// One value of Via.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP` or `TLS`.
    pub transport: String,
    /// The host that sent it.
    pub host: String,
    /// Its port, where it names one.
    pub port: Option<u16>,
    /// The parameters, in order.
    pub params: Vec<(String, Option<String>)>,
}

impl Via {
    /// Reads one value.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, ';');
        let (protocol, sent_by) = parts.next()?.split_once(char::is_whitespace)?;
        let transport = protocol.rsplit('/').next()?.trim().to_owned();
        let (host, port) = host_and_port(sent_by.trim())?;
        Some(Self {
            transport,
            host: host.to_owned(),
            port,
            params: params(parts),
        })
    }

    /// The value of a parameter; empty where it has none.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, behind) = rest.split_once(']')?;
        let port = match behind.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None => None,
        };
        return Some((host, port));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port.trim().parse().ok()?))),
        None => Some((text, None)),
    }
}

/// A SIP URI, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipUri {
    /// Whether the scheme is `sips`.
    pub secure: bool,
    /// What stands before the `@`.
    pub user: Option<String>,
    /// The host, in small letters.
    pub host: String,
    /// The port, where one is named.
    pub port: Option<u16>,
    /// The parameters, in order.
    pub params: Vec<(String, Option<String>)>,
}

impl SipUri {
    /// Takes it apart; nothing where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let secure = scheme.eq_ignore_ascii_case("sips");
        if !secure && !scheme.eq_ignore_ascii_case("sip") {
            return None;
        }
        let rest = rest.split('?').next()?;
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let mut parts = rest.split(';');
        let (host, port) = host_and_port(parts.next()?)?;
        Some(Self {
            secure,
            user,
            host: host.to_ascii_lowercase(),
            port,
            params: params(parts),
        })
    }

    /// The value of a parameter; empty where it has none.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }

    /// Where it leads, if its host is an IP address.
    pub fn address(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        let usual = if self.secure { 5061 } else { 5060 };
        Some(SocketAddr::new(ip, self.port.unwrap_or(usual)))
    }

    /// Without port and parameters, as users are named.
    pub fn of_record(&self) -> String {
        match &self.user {
            Some(user) => format!("sip:{user}@{}", self.host),
            None => format!("sip:{}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_and_brackets_do_not_separate() {
        let parts: Vec<_> = split("\"a,\\\"b\" <sip:x,y>;p=\"1,2\", c", ',').collect();
        assert_eq!(parts, ["\"a,\\\"b\" <sip:x,y>;p=\"1,2\"", "c"]);
    }

    #[test]
    fn addresses_have_names_uris_and_parameters() {
        let address =
            Address::parse("\"Al; ice\" <sip:alice@a.test;transport=tcp>;tag=7;+x=\"1,2\";y");
        assert_eq!(address.uri, "sip:alice@a.test;transport=tcp");
        assert_eq!(address.param("TAG"), Some("7"));
        assert_eq!(address.param("+x"), Some("1,2"));
        assert_eq!(address.param("y"), Some(""));
        assert_eq!(Address::parse("sip:a@b;tag=1").uri, "sip:a@b");
        assert_eq!(Address::parse("*").uri, "*");
    }

    #[test]
    fn uris_come_apart() {
        let uri = SipUri::parse("sip:alice@127.0.0.1:5070;transport=tcp;lr?x=y").unwrap();
        assert_eq!(uri.address(), Some(([127, 0, 0, 1], 5070).into()));
        assert_eq!(uri.param("transport"), Some("tcp"));
        assert_eq!(uri.of_record(), "sip:alice@127.0.0.1");
        let uri = SipUri::parse("sips:[::1]").unwrap();
        assert_eq!(uri.address().unwrap().to_string(), "[::1]:5061");
        assert_eq!(SipUri::parse("tel:+1"), None);
        assert_eq!(SipUri::parse("sip:a@b:x"), None);
    }
}
