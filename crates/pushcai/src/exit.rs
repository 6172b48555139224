//! What the exit code tells.

use std::process::ExitCode;

use push_api::Reason;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Success,
    /// Something else than what follows went wrong.
    Failure,
    /// The command line cannot be understood.
    Usage,
    /// The daemon cannot be reached.
    Unreachable,
    /// Some input could not be decoded.
    Undecodable,
    /// The daemon refused, for this reason.
    Refused(Reason),
}

/// The code of the first reason; the others follow in their order.
const FIRST_REASON: u8 = 10;

impl Exit {
    /// The number that the caller sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Undecodable => 4,
            Self::Refused(reason) => {
                let before = Reason::ALL.into_iter().take_while(|other| *other != reason);
                before.fold(FIRST_REASON, |code, _| code.saturating_add(1))
            }
        }
    }

    /// Every exit, in order of its code.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let own = [
            Self::Success,
            Self::Failure,
            Self::Usage,
            Self::Unreachable,
            Self::Undecodable,
        ];
        own.into_iter().chain(Reason::ALL.map(Self::Refused))
    }

    /// What it means, for people.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure that no other code names",
            Self::Usage => "the command line cannot be understood",
            Self::Unreachable => "the daemon cannot be reached",
            Self::Undecodable => "some input could not be decoded",
            Self::Refused(reason) => refusal(reason),
        }
    }
}

const fn refusal(reason: Reason) -> &'static str {
    match reason {
        Reason::InvalidRequest => "refused: invalidRequest, a value is missing or malformed",
        Reason::AlreadyRegistered => "refused: alreadyRegistered, another application holds the id",
        Reason::NotRegistered => "refused: notRegistered, no such registration or event",
        Reason::UnsupportedOption => "refused: unsupportedOption, this Push Client cannot do that",
        Reason::OptionNotAvailable => "refused: optionNotAvailable, it cannot be had at present",
        Reason::NotAuthorized => "refused: notAuthorized, the policy does not allow it",
        Reason::QuotaExceeded => "refused: quotaExceeded, a bound is reached",
        Reason::ServerRejected => "refused: serverRejected, a Push Server refused",
        Reason::ServerUnreachable => {
            "refused: serverUnreachable, a Push Server did not answer in time"
        }
        Reason::StoreFailed => "refused: storeFailed, the store could not write",
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The list of codes, for the help.
pub(crate) fn help() -> String {
    let lines = Exit::all().map(|exit| format!("  {:>2}  {}\n", exit.code(), exit.meaning()));
    format!("Exit codes:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_as_documented() {
        let documentation = include_str!("../../../docs/exit-codes.md");
        let codes: BTreeSet<u8> = Exit::all().map(Exit::code).collect();
        assert_eq!(codes.len(), 15);
        for exit in Exit::all() {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(documentation.contains(&row), "{row}");
        }
    }

    #[test]
    fn reasons_have_the_codes_from_10_on() {
        assert_eq!(Exit::Refused(Reason::InvalidRequest).code(), 10);
        assert_eq!(Exit::Refused(Reason::StoreFailed).code(), 19);
    }
}
