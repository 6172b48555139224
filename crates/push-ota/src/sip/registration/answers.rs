//! What an answer means.

use std::time::Duration;

use super::super::events::SipServerState;
use super::super::stack::Response;
use super::super::tags::Row;
use super::target::status_line;

/// What the status of an answer calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Wait,
    /// It is done.
    Done,
    /// Prove who you are.
    Prove,
    /// Ask for more time.
    AskForMore,
    /// It will not be, and asking again is of no use for long.
    Refused,
    /// It can be tried again.
    Later,
}

/// The way back to the terminal is broken (RFC 5626 11.6).
pub(super) const FLOW_FAILED: u16 = 430;

/// The first status of a range that goes on to the next row, and what each of it calls for: of REGISTER, and of OPTIONS.
pub(super) const VERDICTS: [(u16, Verdict, Verdict); 16] = [
    (100, Verdict::Wait, Verdict::Wait),
    (200, Verdict::Done, Verdict::Done),
    // Elsewhere: nobody but the configuration says where the core is.
    (300, Verdict::Refused, Verdict::Refused),
    (401, Verdict::Prove, Verdict::Prove),
    (402, Verdict::Refused, Verdict::Refused),
    (407, Verdict::Prove, Verdict::Prove),
    // Somebody on the way had no answer in time.
    (408, Verdict::Later, Verdict::Later),
    (409, Verdict::Refused, Verdict::Refused),
    (423, Verdict::AskForMore, Verdict::Refused),
    (424, Verdict::Refused, Verdict::Refused),
    // It is made anew.
    (FLOW_FAILED, Verdict::Later, Verdict::Later),
    (431, Verdict::Refused, Verdict::Refused),
    // Away at present.
    (480, Verdict::Refused, Verdict::Later),
    (481, Verdict::Refused, Verdict::Refused),
    (500, Verdict::Later, Verdict::Later),
    (600, Verdict::Refused, Verdict::Refused),
];

pub(super) fn verdict(status: u16, register: bool) -> Verdict {
    let row = VERDICTS.iter().rfind(|(first, ..)| *first <= status);
    match row {
        Some((_, of_register, _)) if register => *of_register,
        Some((_, _, of_options)) => *of_options,
        None => Verdict::Refused,
    }
}

impl Verdict {
    /// What a server that gave this answer knows.
    pub(super) const fn state(self) -> SipServerState {
        match self {
            Self::Wait => SipServerState::Requested,
            Self::Done => SipServerState::Confirmed,
            Self::Prove | Self::AskForMore | Self::Refused => SipServerState::Rejected,
            Self::Later => SipServerState::Unreachable,
        }
    }
}

/// Why, in words for people.
pub(super) fn reason(response: &Response) -> String {
    let mut reason = status_line(response);
    if (300..400).contains(&response.status()) {
        let contacts = response.headers("Contact");
        let targets: Vec<_> = contacts.flat_map(|line| Row::read(&line)).collect();
        for target in targets.iter().take(1) {
            reason.push_str(" to ");
            reason.push_str(&target.target);
        }
    }
    reason
}

/// When it may be asked again, where it says so (RFC 3261 20.33).
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    seconds(&response.header("Retry-After")?).map(Duration::from_secs)
}

/// A number of seconds at the beginning of a header. More than 32 bits count as that many.
pub(super) fn seconds(value: &str) -> Option<u64> {
    let value = value.trim_start();
    let end = value.bytes().take_while(u8::is_ascii_digit).count();
    let digits = value.get(..end).filter(|digits| !digits.is_empty())?;
    Some(u64::from(digits.parse::<u32>().unwrap_or(u32::MAX)))
}

/// What the registrar says of the terminal's own binding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// For how long.
    pub(super) expires: Duration,
    pub(super) gruu: Option<Box<str>>,
}

//= specs/ota-sip.md#registration
//# The lifetime of a binding MUST be read from the terminal's own Contact in the answer, and from the Expires header where that Contact has none.
/// Reads a 200 to REGISTER.
pub(super) fn grant(response: &Response, contact: &str, instance: &str, asked: u32) -> Grant {
    let lines = response.headers("Contact");
    let rows: Vec<_> = lines.flat_map(|line| Row::read(&line)).collect();
    let own_instance = |row: &&Row| {
        let named = row.parameter("+sip.instance").unwrap_or_default();
        let named = named.trim_start_matches('<').trim_end_matches('>');
        named.eq_ignore_ascii_case(instance)
    };
    let own = rows.iter().find(|row| is_same(&row.target, contact));
    let own = own.or_else(|| rows.iter().find(own_instance));
    let of_contact = own.and_then(|row| seconds(row.parameter("expires")?));
    let of_header = || seconds(&response.header("Expires")?);
    let expires = of_contact
        .or_else(of_header)
        .unwrap_or_else(|| u64::from(asked));
    let gruu = own.and_then(|row| row.parameter("pub-gruu"));
    Grant {
        expires: Duration::from_secs(expires),
        gruu: gruu.filter(|gruu| !gruu.is_empty()).map(Into::into),
    }
}

/// Whether two URIs are one address of the terminal: user, host and port; registrars add parameters, and leave some out.
fn is_same(one: &str, other: &str) -> bool {
    let address = |uri: &str| {
        let uri = uri.split(['?', ';']).next().unwrap_or_default();
        let (scheme, rest) = uri.split_once(':')?;
        let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
        Some((
            scheme.to_ascii_lowercase(),
            user.to_owned(),
            host.to_ascii_lowercase(),
        ))
    };
    address(one).is_some_and(|one| Some(one) == address(other))
}

/// When a binding of this lifetime is renewed, from now (3GPP TS 24.229).
pub(super) fn refresh_after(expires: Duration) -> Duration {
    if expires <= Duration::from_mins(20) {
        expires / 2
    } else {
        expires.saturating_sub(Duration::from_mins(10))
    }
}

/// The values of a header that are addresses, as they stand.
pub(super) fn addresses(response: &Response, name: &str) -> Vec<Box<str>> {
    response.values(name).into_iter().map(Into::into).collect()
}

/// The first SIP URI of P-Associated-URI: the identity that the core takes the terminal for.
pub(super) fn associated(response: &Response) -> Option<Box<str>> {
    let lines = response.headers("P-Associated-URI");
    let mut rows = lines.flat_map(|line| Row::read(&line));
    let sip = |row: &Row| {
        let uri = row.target.to_ascii_lowercase();
        uri.starts_with("sip:") || uri.starts_with("sips:")
    };
    rows.find(sip).map(|row| row.target)
}
