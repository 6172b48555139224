//! Status of replies (WSP table 36).

use core::fmt;

/// The outcome of a method, a refused session or a resumed session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u8);

/// First octet, last octet and the HTTP status of the first.
const RANGES: [(u8, u8, u16); 5] = [
    (0x10, 0x11, 100),
    (0x20, 0x26, 200),
    (0x30, 0x37, 300),
    (0x40, 0x51, 400),
    (0x60, 0x65, 500),
];

impl Status {
    /// The status of success, 200 in HTTP.
    pub const OK: Self = Self(0x20);

    /// The HTTP status this octet stands for.
    #[must_use]
    pub fn http(self) -> Option<u16> {
        RANGES.iter().find_map(|&(first, last, http)| {
            (first..=last)
                .contains(&self.0)
                .then(|| http.saturating_add(u16::from(self.0.saturating_sub(first))))
        })
    }

    /// The octet for this HTTP status.
    #[must_use]
    pub fn from_http(status: u16) -> Option<Self> {
        RANGES.iter().find_map(|&(first, last, http)| {
            let octet = u8::try_from(status.checked_sub(http)?)
                .ok()?
                .checked_add(first)?;
            (octet <= last).then_some(Self(octet))
        })
    }
}

/// Shows the HTTP status, or `0x` and two hexadecimal digits where none is assigned.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.http() {
            Some(status) => write!(f, "{status}"),
            None => write!(f, "0x{:02X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn octets_and_http_status_stand_for_each_other() {
        for (octet, http) in [
            (0x10, 100),
            (0x11, 101),
            (0x20, 200),
            (0x26, 206),
            (0x30, 300),
            (0x37, 307),
            (0x40, 400),
            (0x4F, 415),
            (0x50, 416),
            (0x51, 417),
            (0x60, 500),
            (0x65, 505),
        ] {
            assert_eq!(Status(octet).http(), Some(http));
            assert_eq!(Status::from_http(http), Some(Status(octet)));
            assert_eq!(Status(octet).to_string(), http.to_string());
        }
        assert_eq!(
            (0..=u8::MAX)
                .filter(|&octet| Status(octet).http().is_some())
                .count(),
            41
        );
        assert_eq!(Status(0x00).to_string(), "0x00");
        for http in [0, 99, 102, 207, 308, 418, 506, 999, u16::MAX] {
            assert_eq!(Status::from_http(http), None);
        }
    }
}
