//! TP-Service-Centre-Time-Stamp (3GPP TS 23.040 9.2.3.11).

use core::fmt;

use crate::Date;

/// When the SMS centre took a message, as it came: year, month, day, hour, minute, second and time zone, each with its two digits swapped.
/// Dates that do not exist are kept and shown; only [`unix_seconds`](Self::unix_seconds) needs one that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceCentreTimeStamp(pub [u8; 7]);

/// The bit of the time zone that says that local time is behind UTC.
const BEHIND: u8 = 0x08;
const SECONDS_OF_A_QUARTER: i64 = 900;

impl ServiceCentreTimeStamp {
    /// Local time's distance from UTC in quarters of an hour; absent where the digits are none.
    #[must_use]
    pub const fn time_zone_quarters(self) -> Option<i8> {
        let [.., zone] = self.0;
        let quarters = match digits(zone & !BEHIND) {
            Some(quarters @ 0..=79) => quarters.cast_signed(),
            _ => return None,
        };
        Some(if zone & BEHIND == 0 {
            quarters
        } else {
            quarters.wrapping_neg()
        })
    }

    /// The seconds since 1970-01-01 00:00:00 UTC; absent where there is no such date or time. Years from 90 on are of the 20th century, when
    /// the first short messages were sent.
    #[must_use]
    //= specs/wdp.md#time-stamp
    //# A time stamp that is no date MUST NOT make a message unreadable.
    pub fn unix_seconds(self) -> Option<u64> {
        let [year, month, day, hour, minute, second, _] = self.0.map(digits);
        let (hour, minute, second) = (hour?, minute?, second?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let year = match year? {
            year @ 90.. => 1900_u16.saturating_add(u16::from(year)),
            year => 2000_u16.saturating_add(u16::from(year)),
        };
        let time = [hour, minute, second]
            .into_iter()
            .fold(0_u64, |time, unit| {
                time.saturating_mul(60).saturating_add(u64::from(unit))
            });
        let local = Date::from_civil(year, month?, day?, time)?;
        let ahead = i64::from(self.time_zone_quarters()?).saturating_mul(SECONDS_OF_A_QUARTER);
        local.0.checked_add_signed(ahead.saturating_neg())
    }
}

/// The number that two swapped digits make, where they are digits.
const fn digits(octet: u8) -> Option<u8> {
    let (tens, units) = (octet & 0x0F, octet >> 4);
    if tens > 9 || units > 9 {
        return None;
    }
    Some(tens.saturating_mul(10).saturating_add(units))
}

/// Shows the digits as they came, `?` for what is no digit, and the time zone in hours and minutes.
impl fmt::Display for ServiceCentreTimeStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second, _] = self.0.map(Shown);
        write!(f, "{year}-{month}-{day} {hour}:{minute}:{second} ")?;
        match self.time_zone_quarters() {
            None => f.write_str("?"),
            Some(quarters) => {
                let sign = if quarters < 0 { '-' } else { '+' };
                let quarters = quarters.unsigned_abs();
                let minutes = (quarters & 3).saturating_mul(15);
                write!(f, "{sign}{:02}:{minutes:02}", quarters >> 2)
            }
        }
    }
}

struct Shown(u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for digit in [self.0 & 0x0F, self.0 >> 4] {
            match digit {
                0..=9 => write!(f, "{digit}")?,
                _ => f.write_str("?")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn time_stamps_are_seconds_and_text() {
        for (octets, shown, seconds) in [
            (
                [0x62, 0x10, 0x20, 0x21, 0x43, 0x65, 0x00],
                "26-01-02 12:34:56 +00:00",
                Some(1_767_357_296),
            ),
            // Two hours ahead, and five and three quarters behind.
            (
                [0x62, 0x10, 0x20, 0x21, 0x43, 0x65, 0x80],
                "26-01-02 12:34:56 +02:00",
                Some(1_767_350_096),
            ),
            (
                [0x62, 0x10, 0x20, 0x21, 0x43, 0x65, 0x3A],
                "26-01-02 12:34:56 -05:45",
                Some(1_767_377_996),
            ),
            (
                [0x00, 0x20, 0x92, 0x00, 0x00, 0x00, 0x00],
                "00-02-29 00:00:00 +00:00",
                Some(951_782_400),
            ),
            (
                [0x29, 0x21, 0x30, 0x00, 0x00, 0x00, 0x00],
                "92-12-03 00:00:00 +00:00",
                Some(723_340_800),
            ),
        ] {
            let stamp = ServiceCentreTimeStamp(octets);
            assert_eq!(stamp.to_string(), shown);
            assert_eq!(stamp.unix_seconds(), seconds, "{shown}");
        }
    }

    //= specs/wdp.md#time-stamp
    //= type=test
    //# A time stamp that is no date MUST NOT make a message unreadable.
    #[test]
    fn impossible_dates_are_shown_and_are_no_time() {
        for (octets, shown) in [
            ([0; 7], "00-00-00 00:00:00 +00:00"),
            (
                [0x62, 0x31, 0x20, 0x21, 0x43, 0x65, 0x00],
                "26-13-02 12:34:56 +00:00",
            ),
            (
                [0x62, 0x20, 0x03, 0x21, 0x43, 0x65, 0x00],
                "26-02-30 12:34:56 +00:00",
            ),
            (
                [0x32, 0x20, 0x92, 0x00, 0x00, 0x00, 0x00],
                "23-02-29 00:00:00 +00:00",
            ),
            (
                [0x62, 0x10, 0x20, 0x42, 0x43, 0x65, 0x00],
                "26-01-02 24:34:56 +00:00",
            ),
            (
                [0x62, 0x10, 0x20, 0x21, 0x06, 0x65, 0x00],
                "26-01-02 12:60:56 +00:00",
            ),
            (
                [0x62, 0x10, 0x20, 0x21, 0x43, 0x06, 0x00],
                "26-01-02 12:34:60 +00:00",
            ),
            (
                [0xFF, 0x1A, 0x20, 0x21, 0x43, 0x65, 0xF0],
                "??-?1-02 12:34:56 ?",
            ),
        ] {
            let stamp = ServiceCentreTimeStamp(octets);
            assert_eq!(stamp.to_string(), shown);
            assert_eq!(stamp.unix_seconds(), None, "{shown}");
        }
    }

    #[test]
    fn time_zones_are_quarters_of_an_hour() {
        let zone = |octet| ServiceCentreTimeStamp([0, 0, 0, 0, 0, 0, octet]).time_zone_quarters();
        for (octet, quarters) in [
            (0x00, Some(0)),
            (0x40, Some(4)),
            (0x08, Some(0)),
            (0x48, Some(-4)),
            (0x23, Some(32)),
            (0x97, Some(79)),
            (0x9F, Some(-79)),
            (0xA0, None),
        ] {
            assert_eq!(zone(octet), quarters, "{octet:02x}");
        }
    }
}
