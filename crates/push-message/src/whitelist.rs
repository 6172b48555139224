//! Push Servers that an application, or the terminal, takes pushes from (Push-CAI 5.1 `whitelist`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::{Accept, MediaType, Origin, PushApplicationId, ServerAddress};

/// One entry of a whitelist, in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// One IP address.
    Ip(IpAddr),
    /// A network in CIDR notation, its host bits cleared.
    Network(IpNet),
    /// A host name, in lower case; it matches the addresses that it resolves to, and whoever proved that name.
    Host(Box<str>),
    /// A SIP or SIPS URI, scheme and host in lower case.
    SipUri(Box<str>),
    /// The domain of SIP URIs, after `sip:` or `sips:` without a user part.
    SipDomain(Box<str>),
    /// An SMS centre, or an originator of short messages, in E.164, as `+` and digits.
    E164(Box<str>),
}

impl Address {
    /// Parses an IP address, a CIDR, a host name, a SIP URI or domain, or an E.164 number.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        let invalid = || InvalidAddress {
            text: text.to_owned(),
        };
        if text.is_empty() || text.len() > 255 {
            return Err(invalid());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Ip(address.to_canonical()));
        }
        if text.contains('/') {
            return text
                .parse::<IpNet>()
                .map(|network| Self::Network(canonical(network)))
                .map_err(|_| invalid());
        }
        if text.starts_with('+') {
            return parse_e164(text).ok_or_else(invalid);
        }
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("sip:") || lower.starts_with("sips:") {
            return parse_sip(text).ok_or_else(invalid);
        }
        if is_host_name(&lower) {
            Ok(Self::Host(lower.into()))
        } else {
            Err(invalid())
        }
    }

    /// Whether this entry names whoever a push came from: its server, or the number that originated the short message that
    /// carried it. `resolves` says whether a host name resolves to an address.
    pub fn names_origin(&self, origin: &Origin, resolves: impl Fn(&str, IpAddr) -> bool) -> bool {
        let originated = || match self {
            Self::E164(own) => origin.originator() == Some(&**own),
            Self::Ip(_)
            | Self::Network(_)
            | Self::Host(_)
            | Self::SipUri(_)
            | Self::SipDomain(_) => false,
        };
        self.names(&origin.server, &origin.proved_names, resolves) || originated()
    }

    /// Whether this entry names `server`, which proved that `proved_names` are its own; `resolves` says whether a host name
    /// resolves to an address.
    pub fn names(
        &self,
        server: &ServerAddress,
        proved_names: &[Box<str>],
        resolves: impl Fn(&str, IpAddr) -> bool,
    ) -> bool {
        match (self, server) {
            (Self::Host(host), _)
                if proved_names
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(host)) =>
            {
                true
            }
            (Self::Ip(own), ServerAddress::Ip(address)) => *own == address.to_canonical(),
            (Self::Network(network), ServerAddress::Ip(address)) => {
                network.contains(&address.to_canonical())
            }
            (Self::Host(host), ServerAddress::Ip(address)) => {
                resolves(host, address.to_canonical())
            }
            (Self::E164(own), ServerAddress::E164(number)) => own == number,
            (Self::SipUri(own), ServerAddress::Sip(uri)) => {
                parse_sip(uri).is_some_and(|parsed| parsed == Self::SipUri(own.clone()))
            }
            (Self::SipDomain(own) | Self::Host(own), ServerAddress::Sip(uri)) => {
                sip_host(uri).is_some_and(|host| **own == *host)
            }
            _ => false,
        }
    }

    /// The host name that has to be resolved for this entry to match IP addresses.
    pub fn host(&self) -> Option<&str> {
        if let Self::Host(host) = self {
            Some(host)
        } else {
            None
        }
    }
}

/// The network with its host bits cleared; one of IPv4 addresses mapped into IPv6 is the network of IPv4 that it stands for.
fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    let IpNet::V6(mapped) = network else {
        return network;
    };
    let length = mapped.prefix_len().checked_sub(96);
    let address = mapped.network().to_ipv4_mapped();
    let within = address
        .zip(length)
        .and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    within.map_or(network, IpNet::V4)
}

fn parse_e164(text: &str) -> Option<Address> {
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')'))
        .collect();
    let number = digits.strip_prefix('+')?;
    let fits =
        (3..=15).contains(&number.len()) && number.bytes().all(|octet| octet.is_ascii_digit());
    fits.then(|| Address::E164(digits.into()))
}

/// Splits a SIP URI into scheme, user part and host with port; parameters are left out. The user part may have what begins
/// parameters behind the host (RFC 3261 25.1), so that it ends before they are looked for.
fn split_sip(uri: &str) -> Option<(String, Option<&str>, String)> {
    let (scheme, rest) = uri.split_once(':')?;
    let (user, rest) = match rest.split_once('@') {
        Some((_, rest)) if rest.contains('@') => return None,
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let host = rest.split([';', '?']).next()?;
    Some((scheme.to_ascii_lowercase(), user, host.to_ascii_lowercase()))
}

fn sip_host(uri: &str) -> Option<String> {
    split_sip(uri).map(|(_, _, host)| host)
}

fn parse_sip(uri: &str) -> Option<Address> {
    let (scheme, user, host) = split_sip(uri)?;
    if !is_sip_host(&host) {
        return None;
    }
    match user {
        None => Some(Address::SipDomain(host.into())),
        Some("") => None,
        Some(user) => Some(Address::SipUri(format!("{scheme}:{user}@{host}").into())),
    }
}

/// Whether a text is a host of SIP, with or without a port.
fn is_sip_host(text: &str) -> bool {
    let bracketed = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    let (fits, rest) = if let Some((address, rest)) = bracketed {
        (address.parse::<Ipv6Addr>().is_ok(), rest)
    } else {
        let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
        (is_host_name(name) || name.parse::<Ipv4Addr>().is_ok(), rest)
    };
    let port = rest.strip_prefix(':');
    fits && port.map_or(rest.is_empty(), |port| port.parse::<u16>().is_ok())
}

/// Labels of letters, digits and hyphens; not all digits and dots, which is a broken IPv4 address rather than a name.
fn is_host_name(text: &str) -> bool {
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253
        && text.split('.').all(label_fits)
        && !text
            .bytes()
            .all(|octet| octet.is_ascii_digit() || octet == b'.')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Host(text) | Self::SipUri(text) | Self::E164(text) => f.write_str(text),
            Self::SipDomain(host) => write!(f, "sip:{host}"),
        }
    }
}

/// Why a text is no address of a whitelist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no address of a Push Server; give an IP address (192.0.2.7), a network (192.0.2.0/24), a host name \
     (ppg.example.net), a SIP URI or domain (sip:psa@example.net, sip:example.net) or an SMS centre (+4917099999)"
)]
pub struct InvalidAddress {
    text: String,
}

/// The addresses that one application gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whitelist(Box<[Address]>);

impl Whitelist {
    /// Parses every entry; repeated ones are folded.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidAddress> {
        let mut addresses = entries
            .into_iter()
            .map(Address::parse)
            .collect::<Result<Vec<_>, _>>()?;
        addresses.sort_unstable();
        addresses.dedup();
        Ok(Self(addresses.into()))
    }

    /// The entries, sorted.
    pub fn addresses(&self) -> &[Address] {
        &self.0
    }

    /// Whether no address is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An entry of the terminal's default whitelist; it may count only for some ids and types (Push Management Object).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultWhitelistEntry {
    /// Whom the entry names.
    pub address: Address,
    /// The ids that it counts for; empty: every id.
    pub applications: Vec<PushApplicationId>,
    /// The types that it counts for; absent: every type.
    pub content_types: Option<Accept>,
}

impl DefaultWhitelistEntry {
    /// An entry without limits.
    pub const fn unlimited(address: Address) -> Self {
        Self {
            address,
            applications: Vec::new(),
            content_types: None,
        }
    }

    /// Whether the entry counts for a push to `application` with content of `media_type`; one that is not known counts as any.
    pub fn counts_for(
        &self,
        application: Option<&PushApplicationId>,
        media_type: Option<&MediaType>,
    ) -> bool {
        let for_application = self.applications.is_empty()
            || application.is_none_or(|application| self.applications.contains(application));
        let accepted = |media_type: &MediaType| {
            self.content_types
                .as_ref()
                .is_none_or(|accept| accept.accepts(media_type))
        };
        for_application && media_type.is_none_or(accepted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn ip(text: &str) -> ServerAddress {
        ServerAddress::Ip(text.parse().unwrap())
    }

    fn sip(text: &str) -> ServerAddress {
        ServerAddress::Sip(text.into())
    }

    #[test]
    fn addresses_have_one_canonical_form() {
        for (text, canonical) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("PPG.Example.NET", "ppg.example.net"),
            ("+49 (170) 999-99", "+4917099999"),
            (
                "SIP:Alice@Example.NET;transport=tcp",
                "sip:Alice@example.net",
            ),
            ("sips:example.net:5061", "sip:example.net:5061"),
            (" localhost ", "localhost"),
        ] {
            assert_eq!(address(text).to_string(), canonical, "{text}");
            assert_eq!(address(canonical), address(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_would_work() {
        for text in [
            "",
            "not an address",
            "192.0.2.256",
            "192.0.2.1/33",
            "192.0.2",
            "-a.example",
            "a..example",
            "+12",
            "+49x",
            "+1234567890123456",
            "sip:",
            "sip:@example.net",
            "sip:a@b:99999",
            "sip:a@[2001:db8::7",
            "sip:a@[192.0.2.7]",
            "sip:a@[2001:db8::7]5060",
            "a_b",
            "http://example.net/",
            &format!("{}.example", "a".repeat(64)),
            &"a.".repeat(128),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.to_string().contains("192.0.2.0/24"), "{text}");
        }
    }

    #[test]
    fn entries_name_servers_of_their_own_kind() {
        let table = [
            ("192.0.2.7", ip("192.0.2.7"), true),
            ("192.0.2.7", ip("::ffff:192.0.2.7"), true),
            ("192.0.2.7", ip("192.0.2.8"), false),
            ("192.0.2.0/24", ip("192.0.2.255"), true),
            ("192.0.2.0/24", ip("::ffff:192.0.2.1"), true),
            ("192.0.2.0/24", ip("192.0.3.0"), false),
            ("ppg.example.net", ip("192.0.2.1"), true),
            ("ppg.example.net", ip("192.0.2.2"), false),
            ("other.example.net", ip("192.0.2.1"), false),
            (
                "+4917099999",
                ServerAddress::E164("+4917099999".into()),
                true,
            ),
            (
                "+4917099999",
                ServerAddress::E164("+491709999".into()),
                false,
            ),
            (
                "sip:psa@example.net",
                sip("sip:psa@EXAMPLE.net;tag=1"),
                true,
            ),
            ("sip:psa@example.net", sip("sip:Psa@example.net"), false),
            ("sip:psa@example.net", sip("sips:psa@example.net"), false),
            ("sip:example.net", sip("sip:anyone@example.net"), true),
            ("sip:example.net", sip("sips:anyone@example.net"), true),
            ("example.net", sip("sip:anyone@example.net"), true),
            ("sip:example.net", sip("sip:anyone@sub.example.net"), false),
            ("sip:example.net", ip("192.0.2.1"), false),
            ("192.0.2.7", sip("sip:a@192.0.2.7"), false),
            ("sip:psa@[2001:DB8::7]", sip("sip:psa@[2001:db8::7]"), true),
            (
                "sip:psa@[2001:db8::7]:5060",
                sip("sip:psa@[2001:db8::7]"),
                false,
            ),
            // What stands before the host is the name of a user, whatever it looks like.
            ("sip:example.net", sip("sip:example.net;x@evil.test"), false),
            ("example.net", sip("sip:example.net?x@evil.test"), false),
            (
                "sip:psa@example.net",
                sip("sip:psa@example.net@evil.test"),
                false,
            ),
            (
                "sip:example.net",
                sip("sip:evil.test;x=@b@example.net"),
                false,
            ),
            ("sip:a;b@example.net", sip("sip:a;b@example.net;lr"), true),
        ];
        let known: IpAddr = "192.0.2.1".parse().unwrap();
        for (entry, server, named) in table {
            let resolves = |host: &str, address| host == "ppg.example.net" && address == known;
            assert_eq!(
                address(entry).names(&server, &[], resolves),
                named,
                "{entry} {server}"
            );
        }
        assert_eq!(address("PPG.example.net").host(), Some("ppg.example.net"));
        assert_eq!(address("192.0.2.7").host(), None);
    }

    #[test]
    fn a_host_name_names_whoever_proved_it() {
        let proved: [Box<str>; 2] = ["gateway-7".into(), "PPG.Example.NET".into()];
        for (entry, named) in [
            ("ppg.example.net", true),
            ("Gateway-7", true),
            ("example.net", false),
            ("sub.ppg.example.net", false),
            ("sip:ppg.example.net", false),
            ("192.0.2.7", false),
        ] {
            for server in [ip("192.0.2.1"), sip("sip:a@other.example")] {
                let entry = address(entry);
                assert_eq!(
                    entry.names(&server, &proved, |_, _| false),
                    named,
                    "{entry}"
                );
                assert!(!entry.names(&server, &[], |_, _| false), "{entry}");
            }
        }
    }

    #[test]
    fn whitelists_fold_what_is_repeated() {
        let whitelist =
            Whitelist::parse(["192.0.2.7", "::ffff:192.0.2.7", "a.example", "A.example"]).unwrap();
        assert_eq!(whitelist.addresses().len(), 2);
        assert!(Whitelist::parse([]).unwrap().is_empty());
        assert!(Whitelist::parse(["192.0.2.7", ""]).is_err());
    }

    #[test]
    fn default_entries_count_for_the_ids_and_types_they_are_limited_to() {
        let mms = PushApplicationId::parse("x-wap-application:mms.ua").unwrap();
        let text = MediaType::parse("text/plain").unwrap();
        let image = MediaType::parse("image/png").unwrap();
        let entry = DefaultWhitelistEntry {
            applications: vec![mms.clone()],
            content_types: Some(Accept::parse("text/*").unwrap()),
            ..DefaultWhitelistEntry::unlimited(address("192.0.2.7"))
        };
        assert!(entry.counts_for(Some(&mms), Some(&text)));
        assert!(!entry.counts_for(Some(&mms), Some(&image)));
        assert!(!entry.counts_for(Some(&PushApplicationId::WML_UA), Some(&text)));
        let unlimited = DefaultWhitelistEntry::unlimited(address("192.0.2.7"));
        assert!(unlimited.counts_for(Some(&PushApplicationId::WML_UA), Some(&image)));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_the_canonical_form_is_a_fixed_point(text in "[sipSIP:@+0-9a-fx./\\[\\] -]{0,40}") {
            if let Ok(parsed) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&parsed.to_string()).unwrap(), parsed);
            }
        }

        #[test]
        fn a_network_names_what_shares_its_prefix(octets in any::<[u8; 4]>(), other in any::<[u8; 4]>(), length in 0..=32u32) {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let entry = address(&format!("{}/{length}", Ipv4Addr::from(octets)));
            let shares = u32::from_be_bytes(octets) & mask == u32::from_be_bytes(other) & mask;
            let server = ServerAddress::Ip(IpAddr::from(other));
            prop_assert_eq!(entry.names(&server, &[], |_, _| false), shares);
        }
    }
}
