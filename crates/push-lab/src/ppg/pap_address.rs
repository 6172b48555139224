//! Addresses of terminals, as push initiators write them (WAP-249 6.1).

use std::net::IpAddr;

/// Whom a push is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClientAddress {
    /// An identifier that initiator and gateway have agreed on: here the Terminal-ID.
    User(String),
    /// A phone number.
    Plmn(String),
    /// An address of the Internet Protocol.
    Ip(IpAddr),
}

impl ClientAddress {
    /// Reads an address; nothing where it is none, or of a type that this gateway does not have.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('/').unwrap_or(text);
        let (client, gateway) = text.rsplit_once('@').unwrap_or((text, "any"));
        let in_name = |character: char| {
            character.is_ascii_alphanumeric() || character == '-' || character == '.'
        };
        if gateway.is_empty() || !gateway.chars().all(in_name) {
            return None;
        }
        let client = client.strip_suffix('/').unwrap_or(client);
        let (keyword, specifier) = client.split_once('=')?;
        if !keyword.eq_ignore_ascii_case("WAPPUSH") {
            return None;
        }
        let mut parts = specifier.split('/');
        let value = parts.next().filter(|value| !value.is_empty())?;
        // Between value and type there may be qualifiers of later versions.
        let kind = parts.next_back()?;
        let (keyword, kind) = kind.split_once('=')?;
        if !keyword.eq_ignore_ascii_case("TYPE") {
            return None;
        }
        match kind.to_ascii_uppercase().as_str() {
            "USER" => Some(Self::User(unescaped(value)?)),
            "PLMN" => phone_number(value).map(Self::Plmn),
            "IPV4" => value
                .parse()
                .ok()
                .map(|address| Self::Ip(IpAddr::V4(address))),
            "IPV6" => value
                .parse()
                .ok()
                .map(|address| Self::Ip(IpAddr::V6(address))),
            _ => None,
        }
    }

    /// The Terminal-IDs that such a terminal may have registered with: one of the user's own, or one made from the address
    /// (WAP-196: a digit for the type before it).
    pub(super) fn terminal_ids(&self) -> Vec<String> {
        match self {
            Self::User(id) => vec![id.clone()],
            Self::Plmn(number) => {
                let digits = number.trim_start_matches('+');
                vec![format!("4{digits}"), number.clone(), digits.to_owned()]
            }
            Self::Ip(address) => vec![client_id(*address), address.to_string()],
        }
    }
}

/// The identity that is made of an address: 12 decimal digits behind `6`, or 32 hexadecimal ones behind `7`.
fn client_id(address: IpAddr) -> String {
    let start = String::from(if address.is_ipv4() { '6' } else { '7' });
    match address {
        IpAddr::V4(address) => address
            .octets()
            .iter()
            .fold(start, |id, octet| id + &format!("{octet:03}")),
        IpAddr::V6(address) => address
            .octets()
            .iter()
            .fold(start, |id, octet| id + &format!("{octet:02X}")),
    }
}

fn phone_number(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+')?;
    let plain: String = digits
        .chars()
        .filter(|character| !matches!(character, '-' | '.'))
        .collect();
    let only_digits = !plain.is_empty() && plain.bytes().all(|octet| octet.is_ascii_digit());
    only_digits.then(|| format!("+{plain}"))
}

/// With `%41` and the like put back.
fn unescaped(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let pair = [rest.next()?, rest.next()?];
            let pair = std::str::from_utf8(&pair).ok()?;
            octets.push(u8::from_str_radix(pair, 16).ok()?);
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_type_are_read() {
        for (text, ids) in [
            (
                "WAPPUSH=lab%2Fone%40x/TYPE=USER@gw.example",
                &["lab/one@x"][..],
            ),
            ("wappush=441/type=user@gw", &["441"]),
            ("/WAPPUSH=a/X=y/TYPE=USER/@gw.example", &["a"]),
            ("WAPPUSH=a/TYPE=USER", &["a"]),
            (
                "WAPPUSH=+44-1234.5/TYPE=PLMN@gw.example",
                &["44412345", "+4412345", "4412345"],
            ),
            (
                "WAPPUSH=192.0.2.7/TYPE=IPv4@gw.example",
                &["6192000002007", "192.0.2.7"],
            ),
            (
                "WAPPUSH=2001:DB8:0:0:0:0:0:1/TYPE=IPv6@gw.example",
                &["720010DB8000000000000000000000001", "2001:db8::1"],
            ),
        ] {
            let address = ClientAddress::parse(text);
            let found = address.map(|address| address.terminal_ids());
            let expected: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!(found, Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "WAPPUSH",
            "WAPPUSH=/TYPE=USER@gw",
            "WAPPUSH=a@gw",
            "WAPPUSH=a/TYPE=USER@",
            "WAPPUSH=a/TYPE=USER@g w",
            "OTHER=a/TYPE=USER@gw",
            "WAPPUSH=a/KIND=USER@gw",
            "WAPPUSH=12345678/TYPE=MAN@gw",
            "WAPPUSH=44/TYPE=PLMN@gw",
            "WAPPUSH=+/TYPE=PLMN@gw",
            "WAPPUSH=192.0.2/TYPE=IPv4@gw",
            "WAPPUSH=a%4/TYPE=USER@gw",
            "WAPPUSH=a%FF/TYPE=USER@gw",
        ] {
            assert_eq!(ClientAddress::parse(text), None, "{text}");
        }
    }
}
