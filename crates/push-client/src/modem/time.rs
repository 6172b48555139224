//! The time stamps that services write.

use jiff::Timestamp;
use push_message::UnixMillis;

/// The time that a service writes, in the manner of ISO 8601 with an offset of hours (`+01`) or of hours and minutes
/// (`+0100`, `+01:00`); nothing where it is written otherwise.
pub(super) fn sent(text: &str) -> Option<UnixMillis> {
    let time: Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(UnixMillis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_services_times_are_read() {
        let expected = sent("2026-11-22T07:00:00Z");
        assert!(expected.is_some());
        assert_eq!(sent("2026-11-22T07:00:00+00"), expected);
        assert_eq!(sent("2026-11-22T08:30:00+01:30"), expected);
        assert_eq!(sent("2026-11-22T08:30:00+0130"), expected);
        assert_eq!(sent("2026-11-21T23:00:00-08"), expected);
        for odd in ["", "yesterday", "2026-11-22", "1920-01-01T00:00:00Z"] {
            assert_eq!(sent(odd), None, "{odd}");
        }
    }
}
