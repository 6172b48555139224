//! Dates as Service Indication and its like carry them in opaque octets (WAP-167 8.2.2).

use core::fmt;

/// A date and time of day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// Century, year of it, month, day, hour, minute, second.
    fields: [u8; 7],
}

/// The least and the greatest value of each field; 60 is a leap second.
const RANGES: [(u8, u8); 7] = [
    (0, 99),
    (0, 99),
    (1, 12),
    (1, 31),
    (0, 23),
    (0, 59),
    (0, 60),
];

impl DateTime {
    /// Two digits an octet, without the zero octets at the end. Gives nothing for what is no date.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut fields = [0; 7];
        for (field, &octet) in fields.get_mut(..octets.len())?.iter_mut().zip(octets) {
            *field = two_digits(octet)?;
        }
        let mut all = fields.iter().zip(RANGES);
        all.all(|(field, (least, greatest))| (least..=greatest).contains(field))
            .then_some(Self { fields })
    }
}

const fn two_digits(octet: u8) -> Option<u8> {
    let (high, low) = (octet >> 4, octet & 0x0F);
    if high > 9 || low > 9 {
        return None;
    }
    Some(high.wrapping_mul(10).wrapping_add(low))
}

/// Shows the date as ISO 8601 has it: `1999-04-30T06:40:00Z`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [century, year, month, day, hour, minute, second] = self.fields;
        write!(
            f,
            "{century:02}{year:02}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}
