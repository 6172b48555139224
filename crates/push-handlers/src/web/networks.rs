//! Which addresses a webhook may lead to. Each address is judged right before it is dialled, however it was come by: a name that
//! resolved to a public address at registration may resolve to another one now.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Where plain HTTP, without TLS, may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// Nowhere.
    Never,
    /// To addresses that are not of the internet, as far as those are allowed.
    #[default]
    Private,
    /// Everywhere that is allowed.
    Anywhere,
}

/// Which addresses are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks {
    /// Allowed whatever they are.
    pub allowed: Vec<IpNet>,
    /// Whether networks of private use are allowed (RFC 1918, and RFC 4193 for IPv6).
    pub private: bool,
    /// Where plain HTTP may go.
    pub plain_http: PlainHttp,
}

/// What an address is, where it is not one of the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Special {
    what: &'static str,
    /// Whether it belongs to a network of private use.
    private: bool,
}

const fn special(what: &'static str) -> Special {
    let private = false;
    Special { what, private }
}

const fn private(what: &'static str) -> Special {
    let private = true;
    Special { what, private }
}

/// The blocks of IPv4 that are not of the internet (IANA's special-purpose registry), and where a cloud's machines learn their secrets.
const IPV4: &[([u8; 4], u8, Special)] = &[
    ([0, 0, 0, 0], 8, special("an unspecified address")),
    ([10, 0, 0, 0], 8, private("a private address")),
    (
        [100, 64, 0, 0],
        10,
        special("an address of a carrier's network"),
    ),
    ([127, 0, 0, 0], 8, special("a loopback address")),
    (
        [168, 63, 129, 16],
        32,
        special("a cloud's metadata service"),
    ),
    ([169, 254, 0, 0], 16, special("a link-local address")),
    ([172, 16, 0, 0], 12, private("a private address")),
    ([192, 0, 0, 0], 24, special("an address for protocols")),
    ([192, 0, 2, 0], 24, special("an address for documentation")),
    ([192, 88, 99, 0], 24, special("a relay for 6to4")),
    ([192, 168, 0, 0], 16, private("a private address")),
    ([198, 18, 0, 0], 15, special("an address for benchmarks")),
    (
        [198, 51, 100, 0],
        24,
        special("an address for documentation"),
    ),
    (
        [203, 0, 113, 0],
        24,
        special("an address for documentation"),
    ),
    ([224, 0, 0, 0], 4, special("a multicast address")),
    ([240, 0, 0, 0], 4, special("a reserved address")),
];

/// The blocks of IPv6 within `2000::/3` that are not of the internet, or that carry an address of IPv4 to where nobody here can see.
const IPV6: &[([u16; 3], u8, Special)] = &[
    (
        [0x2001, 0, 0],
        23,
        special("an address for protocols (Teredo is one)"),
    ),
    (
        [0x2001, 0xdb8, 0],
        32,
        special("an address for documentation"),
    ),
    ([0x2002, 0, 0], 16, special("an address of 6to4")),
    ([0x3fff, 0, 0], 20, special("an address for documentation")),
];

/// NAT64 (RFC 6052 2.1): the address of IPv4 stands in the last 32 bits.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

impl Networks {
    /// The network of one address alone.
    pub fn one_address(address: IpAddr) -> IpNet {
        IpNet::from(address)
    }

    /// Whether an address may be dialled, with TLS or without.
    ///
    /// # Errors
    /// A sentence: which address, what it is, and what the administrator could set.
    pub fn judge(&self, address: IpAddr, secure: bool) -> Result<(), String> {
        let address = address.to_canonical();
        if self
            .allowed
            .iter()
            .any(|network| network.contains(&address))
        {
            return self.judge_plain(address, secure, true);
        }
        match what_it_is(address) {
            None => self.judge_plain(address, secure, false),
            Some(Special { private: true, .. }) if self.private => {
                self.judge_plain(address, secure, true)
            }
            Some(Special { what, private }) => Err(not_allowed(address, what, private)),
        }
    }

    fn judge_plain(&self, address: IpAddr, secure: bool, listed: bool) -> Result<(), String> {
        match self.plain_http {
            _ if secure => Ok(()),
            PlainHttp::Anywhere => Ok(()),
            PlainHttp::Private if listed => Ok(()),
            PlainHttp::Private => Err(format!(
                "{address} is on the internet, and plain http would show pushes to everybody on the way; write https, or the \
                 administrator sets [handlers.webhooks] allow_http = \"anywhere\""
            )),
            PlainHttp::Never => Err(
                "plain http is off; write https, or the administrator sets [handlers.webhooks] allow_http".to_owned(),
            ),
        }
    }
}

fn not_allowed(address: IpAddr, what: &str, private: bool) -> String {
    let wider = if private {
        ", or allow_private = true for all private networks"
    } else {
        ""
    };
    format!(
        "{address} is {what}, and webhooks lead to the internet alone; the administrator may allow it: [handlers.webhooks] \
         allow_networks = [\"{address}\"]{wider}"
    )
}

/// What an address is; `None` where it is one of the internet.
fn what_it_is(address: IpAddr) -> Option<Special> {
    let special_use = match address {
        IpAddr::V4(address) => of_ipv4(address),
        IpAddr::V6(address) => of_ipv6(address),
    };
    let own = || is_this_machine(address).then(|| special("an address of this very machine"));
    special_use.or_else(own)
}

fn of_ipv4(address: Ipv4Addr) -> Option<Special> {
    IPV4.iter()
        .find(|(network, length, _)| {
            Ipv4Net::new((*network).into(), *length).is_ok_and(|net| net.contains(&address))
        })
        .map(|(_, _, special)| *special)
}

fn of_ipv6(address: Ipv6Addr) -> Option<Special> {
    let segments = address.segments();
    if segments.starts_with(&NAT64) {
        let [.., a, b, c, d] = address.octets();
        return of_ipv4(Ipv4Addr::new(a, b, c, d));
    }
    let special_use = match segments[0] {
        0x2000..=0x3fff => return of_global_ipv6(address),
        0xfc00..=0xfdff => private("a private address"),
        0xfe80..=0xfebf => special("a link-local address"),
        0xff00..=0xffff => special("a multicast address"),
        _ if address.is_loopback() => special("a loopback address"),
        _ if address.is_unspecified() => special("an unspecified address"),
        _ => special("no address of the internet"),
    };
    Some(special_use)
}

fn of_global_ipv6(address: Ipv6Addr) -> Option<Special> {
    IPV6.iter()
        .find(|([a, b, c], length, _)| {
            let network = Ipv6Addr::new(*a, *b, *c, 0, 0, 0, 0, 0);
            Ipv6Net::new(network, *length).is_ok_and(|net| net.contains(&address))
        })
        .map(|(_, _, special)| *special)
}

/// Whether an address is one of this machine's own: what listens there may be hidden from the internet by a firewall that we
/// stand behind. The kernel answers without sending anything: only an own address can be a socket's, unless the system lets any
/// (`ip_nonlocal_bind`); and it would dial most own addresses from the same address.
fn is_this_machine(address: IpAddr) -> bool {
    let nobodys: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    can_be_a_sockets(address) && !can_be_a_sockets(nobodys) || is_dialled_from_itself(address)
}

fn can_be_a_sockets(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

fn is_dialled_from_itself(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = UdpSocket::bind(SocketAddr::new(any, 0)).and_then(|socket| {
        socket.connect(SocketAddr::new(address, 9))?;
        socket.local_addr()
    });
    // Without a route there is no way to it either.
    source.is_ok_and(|source| source.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const REFUSED: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
        "e000::1",
    ];

    const PUBLIC: &[&str] = &[
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "2001:200::1",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
    ];

    #[test]
    fn only_the_internet_is_allowed_unasked() {
        let networks = Networks::default();
        for text in REFUSED {
            let refused = networks.judge(ip(text), true).unwrap_err();
            assert!(refused.contains("allow_networks"), "{text}: {refused}");
        }
        for text in PUBLIC {
            assert_eq!(networks.judge(ip(text), true), Ok(()), "{text}");
        }
    }

    #[test]
    fn private_networks_are_allowed_together_and_nothing_else_with_them() {
        let networks = Networks {
            private: true,
            ..Networks::default()
        };
        for text in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(networks.judge(ip(text), true), Ok(()), "{text}");
        }
        for text in [
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "fe80::1",
            "::1",
            "224.0.0.1",
        ] {
            assert!(networks.judge(ip(text), true).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_that_is_named_is_allowed_and_its_neighbours_are_not() {
        let networks = Networks {
            allowed: vec![
                "127.0.0.8/32".parse().unwrap(),
                "fe80::/64".parse().unwrap(),
            ],
            ..Networks::default()
        };
        for text in ["127.0.0.8", "::ffff:127.0.0.8", "fe80::1"] {
            assert_eq!(networks.judge(ip(text), false), Ok(()), "{text}");
        }
        for text in ["127.0.0.9", "64:ff9b::127.0.0.8", "fe80:0:0:1::1"] {
            assert!(networks.judge(ip(text), true).is_err(), "{text}");
        }
    }

    #[test]
    fn plain_http_stays_off_the_internet_unless_it_may_go_there() {
        let judged = |plain_http, text| {
            let networks = Networks {
                allowed: vec!["8.8.4.0/24".parse().unwrap()],
                private: true,
                plain_http,
            };
            networks.judge(ip(text), false).is_ok()
        };
        for (plain_http, public, listed, private) in [
            (PlainHttp::Never, false, false, false),
            (PlainHttp::Private, false, true, true),
            (PlainHttp::Anywhere, true, true, true),
        ] {
            let found = ["8.8.8.8", "8.8.4.4", "10.0.0.1"].map(|text| judged(plain_http, text));
            assert_eq!(found, [public, listed, private], "{plain_http:?}");
        }
    }

    #[test]
    fn a_refusal_says_which_address_it_is_and_what_to_set() {
        let refused = Networks::default()
            .judge(ip("192.168.7.9"), true)
            .unwrap_err();
        for part in [
            "192.168.7.9",
            "private",
            "allow_networks = [\"192.168.7.9\"]",
            "allow_private",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
    }

    #[test]
    fn this_machine_knows_itself() {
        assert!(is_this_machine(ip("127.0.0.1")));
        // As with the second address of an interface: it is dialled from the first.
        assert!(is_this_machine(ip("127.0.0.2")));
        assert!(!is_this_machine(ip("8.8.8.8")));
    }

    proptest::proptest! {
        #[test]
        fn an_ipv4_address_is_judged_alike_in_every_form(octets: [u8; 4]) {
            let networks = Networks::default();
            let plain = Ipv4Addr::from(octets);
            let judged = networks.judge(plain.into(), true).is_ok();
            let mapped = networks.judge(plain.to_ipv6_mapped().into(), true).is_ok();
            let [a, b, c, d] = octets.map(u16::from);
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d);
            proptest::prop_assert_eq!(judged, mapped);
            proptest::prop_assert_eq!(judged, networks.judge(nat64.into(), true).is_ok());
        }
    }
}
