//! ClientID (WAP-196 6.1), of the native kinds that an IP bearer has.

use std::net::IpAddr;

/// The ClientID of a terminal that is known by its address: `6` and the four octets with three digits each, or `7` and the
/// text of an IPv6 address.
pub(super) fn of_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("6{a:03}{b:03}{c:03}{d:03}")
        }
        IpAddr::V6(address) => format!("7{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_of_an_address_has_its_type_in_front() {
        for (address, id) in [
            ("192.0.2.7", "6192000002007"),
            ("::ffff:10.1.20.255", "6010001020255"),
            ("2001:db8::1", "72001:db8::1"),
        ] {
            assert_eq!(of_address(address.parse().unwrap()), id);
        }
    }
}
