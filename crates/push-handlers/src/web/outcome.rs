//! What an answer of HTTP means for an event.

use std::time::{Duration, UNIX_EPOCH};

use push_client::Outcome;

use crate::{Answer, Handed, Unreachable};

/// How answers are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rests {
    /// The most that `Retry-After` may ask for.
    pub(super) max_retry_after: Duration,
    /// How long a receiver rests that said 410.
    pub(super) gone: Duration,
}

/// An answer, as far as it is of interest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// The value of `Retry-After`.
    pub(super) retry_after: Option<String>,
    /// What of its body is kept.
    pub(super) body: String,
}

/// What an answer comes to, at this time of day since the epoch.
pub(super) fn judge(answered: Answered, rests: Rests, now: Duration) -> Answer {
    let Answered {
        status,
        retry_after,
        body,
    } = answered;
    let outcome = match status {
        200..=299 => Outcome::Accepted,
        400 | 413 | 415 | 422 => Outcome::Rejected,
        300..=399 => {
            return Err(Unreachable::new(format!(
                "it answered HTTP {status}, and redirections are not followed; register the address that it moved to"
            )));
        }
        410 => {
            return Err(Unreachable {
                reason: "it answered HTTP 410: it wants no more events".to_owned(),
                after: Some(rests.gone),
            });
        }
        _ => Outcome::Later,
    };
    let after = (outcome == Outcome::Later)
        .then(|| retry_after.and_then(|text| rest(&text, now)))
        .flatten()
        .map(|rest| rest.min(rests.max_retry_after));
    Ok(Handed {
        outcome,
        after,
        said: format!("HTTP {status}"),
        output: body,
    })
}

/// How long `Retry-After` asks for: seconds, or the time until a date (RFC 9110 10.2.3). What is neither is not there.
fn rest(text: &str, now: Duration) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
        // More than 64 bits hold is for ever.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(date.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESTS: Rests = Rests {
        max_retry_after: Duration::from_mins(10),
        gone: Duration::from_hours(6),
    };
    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: Duration = Duration::from_secs(784_111_777);

    fn judged(status: u16, retry_after: Option<&str>) -> Answer {
        let answered = Answered {
            status,
            retry_after: retry_after.map(str::to_owned),
            body: "why".to_owned(),
        };
        judge(answered, RESTS, NOW)
    }

    #[test]
    fn every_status_means_something() {
        use Outcome::{Accepted, Later, Rejected};
        for (statuses, outcome) in [
            (&[200, 201, 202, 204, 226, 299][..], Accepted),
            (&[400, 413, 415, 422], Rejected),
            (
                &[
                    401, 402, 403, 404, 405, 406, 408, 409, 411, 418, 421, 425, 429, 451, 499,
                ],
                Later,
            ),
            (
                &[500, 501, 502, 503, 504, 507, 599, 100, 101, 600, 999],
                Later,
            ),
        ] {
            for status in statuses {
                let handed = judged(*status, None).unwrap();
                assert_eq!((handed.outcome, handed.after), (outcome, None), "{status}");
                assert_eq!(handed.said, format!("HTTP {status}"));
                assert_eq!(handed.output, "why");
            }
        }
    }

    #[test]
    fn a_redirection_and_a_farewell_rest_the_handler() {
        for status in [300, 301, 302, 303, 304, 307, 308, 399] {
            let unreachable = judged(status, Some("5")).unwrap_err();
            assert_eq!(unreachable.after, None);
            assert!(unreachable.reason.contains("not followed"), "{unreachable}");
        }
        assert_eq!(judged(410, None).unwrap_err().after, Some(RESTS.gone));
    }

    #[test]
    fn a_rest_is_asked_for_in_seconds_or_until_a_date_and_bounded() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("600", Some(600)),
            ("3600", Some(600)),
            ("99999999999999999999999999", Some(600)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sunday, 06-Nov-94 08:51:37 GMT", Some(120)),
            ("Sun Nov  6 08:51:37 1994", Some(120)),
            ("Sun, 06 Nov 1994 07:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 2095 08:49:37 GMT", Some(600)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("5 s", None),
            ("soon", None),
            ("Sun, 06 Nov 1994", None),
        ] {
            for status in [503, 429, 500, 404] {
                let handed = judged(status, Some(text)).unwrap();
                assert_eq!(handed.after, seconds.map(Duration::from_secs), "{text:?}");
            }
            assert_eq!(judged(200, Some(text)).unwrap().after, None);
            assert_eq!(judged(400, Some(text)).unwrap().after, None);
        }
    }

    proptest! {
        #[test]
        fn no_answer_asks_for_more_than_is_given(status in 100_u16..1000, text: Option<String>) {
            if let Ok(handed) = judged(status, text.as_deref()) {
                prop_assert!(handed.after.is_none_or(|after| after <= RESTS.max_retry_after));
            }
        }
    }
}
