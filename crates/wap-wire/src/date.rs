//! Dates as WSP carries them: seconds since 1970-01-01 00:00:00 UTC, shown and read as HTTP dates.

use core::fmt;

/// A point in time in seconds since 1970-01-01 00:00:00 UTC (WSP 8.4.2.3, Date-value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date(pub u64);

const SECONDS_PER_DAY: u64 = 86_400;
/// The first second that an HTTP date cannot show: 10000-01-01 00:00:00 UTC.
const YEAR_10000: u64 = 253_402_300_800;
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Days before each month of a year that begins in March, and the length of the year without leap day.
const DAYS_BEFORE_MONTH_FROM_MARCH: [u64; 12] =
    [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];

impl Date {
    /// Reads an HTTP date in any of the three forms of RFC 2616 section 3.3.1.
    ///
    /// A two-digit year below 70 is of the 21st century. Gives nothing for other text and for dates before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fields = text
            .split_once(", ")
            .map_or_else(|| parse_asctime(text), |(_, rest)| parse_rfc(rest))?;
        fields.to_date()
    }

    /// The date with this year, month (from 1), day of month (from 1) and time of day in seconds; absent where there is none.
    pub(crate) fn from_civil(year: u16, month: u8, day: u8, time: u64) -> Option<Self> {
        let month = usize::from(month)
            .checked_sub(1)
            .filter(|&month| month < 12)?;
        let fields = Fields {
            year: u64::from(year),
            month,
            day: u64::from(day),
            time,
        };
        fields.to_date()
    }
}

/// Shows the date in the form of RFC 1123 and, from the year 10000 on, as the number of seconds.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= YEAR_10000 {
            return write!(f, "{}", self.0);
        }
        let days = self.0.checked_div(SECONDS_PER_DAY).unwrap_or_default();
        let second = self.0.checked_rem(SECONDS_PER_DAY).unwrap_or_default();
        let (year, month, day) = civil_from_days(days);
        let weekday = usize::try_from(days % 7)
            .ok()
            .and_then(|index| DAYS.get(index))
            .unwrap_or(&"");
        let month = usize::try_from(month)
            .ok()
            .and_then(|index| MONTHS.get(index))
            .unwrap_or(&"");
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
        )
    }
}

/// Year, month (0 is January) and day of month (from 1) of a day counted from 1970-01-01.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "days are below four million here, so nothing overflows"
)]
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that the leap day is the last of its year.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    (era * 400 + year_of_era + u64::from(month < 2), month, day)
}

struct Fields {
    year: u64,
    month: usize,
    day: u64,
    time: u64,
}

impl Fields {
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the year has at most four digits, so nothing overflows"
    )]
    fn to_date(&self) -> Option<Date> {
        let month_from_march = (self.month + 10) % 12;
        let year = self.year.checked_sub(u64::from(self.month < 2))?;
        let days_before_month = DAYS_BEFORE_MONTH_FROM_MARCH.get(month_from_march)?;
        let days = year * 365 + year / 4 - year / 100 + year / 400 + days_before_month + self.day;
        // 719,469 days lie before 1970-01-01 when the first of a month counts as day 1.
        let date = Date(days.checked_sub(719_469)? * SECONDS_PER_DAY + self.time);
        let (_, month, day) = civil_from_days(date.0 / SECONDS_PER_DAY);
        (day == self.day && usize::try_from(month) == Ok(self.month)).then_some(date)
    }
}

/// What follows the day's name in RFC 1123 (`06 Nov 1994 08:49:37 GMT`) and RFC 850 (`06-Nov-94 08:49:37 GMT`).
fn parse_rfc(text: &str) -> Option<Fields> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    let (day, month, year) = if let Some((day, rest)) = first.split_once('-') {
        let (month, year) = rest.split_once('-')?;
        (day, month, year)
    } else {
        (first, words.next()?, words.next()?)
    };
    let time = parse_time(words.next()?)?;
    (words.next() == Some("GMT") && words.next().is_none()).then_some(())?;
    Some(Fields {
        year: parse_year(year)?,
        month: parse_month(month)?,
        day: parse_number(day)?,
        time,
    })
}

/// `Sun Nov  6 08:49:37 1994`
fn parse_asctime(text: &str) -> Option<Fields> {
    let mut words = text.split_ascii_whitespace();
    words.next()?;
    let month = parse_month(words.next()?)?;
    let day = parse_number(words.next()?)?;
    let time = parse_time(words.next()?)?;
    let year = parse_year(words.next()?)?;
    words.next().is_none().then_some(Fields {
        year,
        month,
        day,
        time,
    })
}

fn parse_month(text: &str) -> Option<usize> {
    MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(text))
}

fn parse_year(text: &str) -> Option<u64> {
    let year = parse_number(text)?;
    match text.len() {
        2 if year < 70 => year.checked_add(2000),
        2 => year.checked_add(1900),
        4 => Some(year),
        _ => None,
    }
}

fn parse_time(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(parse_number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    hour.checked_mul(3600)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)
}

fn parse_number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|octet| octet.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn dates_are_shown_as_http_shows_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(Date(seconds).to_string(), text);
            assert_eq!(Date::parse(text), Some(Date(seconds)), "{text}");
        }
        assert_eq!(Date(253_402_300_800).to_string(), "253402300800");
        assert_eq!(Date(u64::MAX).to_string(), "18446744073709551615");
    }

    #[test]
    fn all_three_forms_of_http_are_read() {
        let date = Some(Date(784_111_777));
        assert_eq!(Date::parse("Sun, 06 Nov 1994 08:49:37 GMT"), date);
        assert_eq!(Date::parse("Sunday, 06-Nov-94 08:49:37 GMT"), date);
        assert_eq!(Date::parse("Sun Nov  6 08:49:37 1994"), date);
        assert_eq!(
            Date::parse("Thursday, 01-Jan-26 00:00:00 GMT"),
            Some(Date(1_767_225_600))
        );
    }

    #[test]
    fn other_text_is_no_date() {
        for text in [
            "",
            "0",
            "soon",
            "Wed, 30 Feb 2000 00:00:00 GMT",
            "Mon, 01 Jan 2001 24:00:00 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Mon, 01 Jan 2001 00:00:00 CET",
            "Mon, 00 Jan 2001 00:00:00 GMT",
            "Mon, 01 Jan 20011 00:00:00 GMT",
            "Mon, 99999999999999999999 Jan 2001 00:00:00 GMT",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_gives_back_what_was_shown(seconds in 0..YEAR_10000) {
            proptest::prop_assert_eq!(Date::parse(&Date(seconds).to_string()), Some(Date(seconds)));
        }
    }
}
