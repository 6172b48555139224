//! Where a connection may lead that a session description asks for.

use std::net::IpAddr;

/// Whom an offer has the terminal connect to. Whoever may push must not thereby look into the networks that the terminal is in: a
/// connection leads no nearer to the terminal than the peer is that the offer came from, and to the terminal itself only where the
/// peer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    peer: IpAddr,
    local: IpAddr,
    anywhere: bool,
}

/// How near an address is, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// On the terminal itself.
    Host,
    /// On its link.
    Link,
    /// In a private network, or one behind the NAT of a carrier (RFC 1918, RFC 4193, RFC 6598).
    Site,
    /// Anywhere else.
    World,
}

impl Reach {
    /// Offers that came from `peer` to the terminal's address `local`; `anywhere`: they may lead wherever a connection can.
    pub fn new(peer: IpAddr, local: IpAddr, anywhere: bool) -> Self {
        Self {
            peer: peer.to_canonical(),
            local: local.to_canonical(),
            anywhere,
        }
    }

    /// Whether a connection to this address may be opened.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let Some(nearness) = Nearness::of(address) else {
            return false;
        };
        let outwards = Nearness::of(self.peer).is_some_and(|peer| peer <= nearness);
        self.anywhere || outwards && (address != self.local || self.peer == self.local)
    }
}

impl Nearness {
    /// None of what is no address of one host.
    fn of(address: IpAddr) -> Option<Self> {
        if address.is_unspecified() || address.is_multicast() {
            return None;
        }
        if address.is_loopback() {
            return Some(Self::Host);
        }
        let (link, site) = match address {
            IpAddr::V4(address) => {
                let [first, second, ..] = address.octets();
                if first == 0 || address.is_broadcast() {
                    return None;
                }
                let shared = first == 100 && second & 0xC0 == 64;
                (address.is_link_local(), address.is_private() || shared)
            }
            IpAddr::V6(address) => (address.is_unicast_link_local(), address.is_unique_local()),
        };
        Some(match (link, site) {
            (true, _) => Self::Link,
            (false, true) => Self::Site,
            (false, false) => Self::World,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: [(&str, &str); 4] = [
        ("127.0.0.9", "::1"),
        ("169.254.7.7", "fe80::7"),
        ("10.0.0.7", "fd00::7"),
        ("192.0.2.7", "2001:db8::7"),
    ];

    fn allows(peer: &str, address: &str, anywhere: bool) -> bool {
        let local = "198.51.100.4".parse().unwrap();
        let reach = Reach::new(peer.parse().unwrap(), local, anywhere);
        reach.allows(address.parse().unwrap())
    }

    #[test]
    fn a_connection_leads_no_nearer_than_the_peer_is() {
        for (at, peers) in ADDRESSES.iter().enumerate() {
            for (nearness, addresses) in ADDRESSES.iter().enumerate() {
                for peer in [peers.0, peers.1] {
                    for address in [addresses.0, addresses.1] {
                        let outwards = at <= nearness;
                        assert_eq!(allows(peer, address, false), outwards, "{peer} {address}");
                        assert!(allows(peer, address, true));
                    }
                }
            }
        }
        for site in ["172.16.0.1", "192.168.0.1", "100.64.0.1", "100.127.0.1"] {
            assert!(!allows("192.0.2.9", site, false), "{site}");
        }
        for world in ["172.32.0.1", "100.128.0.1", "100.63.0.1"] {
            assert!(allows("192.0.2.9", world, false), "{world}");
        }
        assert!(!allows("192.0.2.9", "::ffff:127.0.0.1", false));
        assert!(allows("::ffff:10.0.0.1", "10.0.0.2", false));
    }

    #[test]
    fn the_terminal_connects_to_itself_only_where_the_peer_is_there() {
        assert!(!allows("192.0.2.9", "198.51.100.4", false));
        assert!(allows("198.51.100.4", "198.51.100.4", false));
        assert!(allows("192.0.2.9", "198.51.100.4", true));
    }

    #[test]
    fn what_is_no_address_of_a_host_is_never_connected_to() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            assert!(!allows("127.0.0.1", address, true), "{address}");
        }
    }
}
