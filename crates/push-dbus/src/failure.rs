//! Refusals as errors of D-Bus.

use push_api::{Problem, Reason, Refusal};
use zbus::DBusError;
use zbus::message::{Header, Message};
use zbus::names::ErrorName;

/// The name of each reason's error.
pub const ERRORS: [(Reason, &str); 10] = [
    (Reason::InvalidRequest, "org.pushcai.Error.InvalidRequest"),
    (
        Reason::AlreadyRegistered,
        "org.pushcai.Error.AlreadyRegistered",
    ),
    (Reason::NotRegistered, "org.pushcai.Error.NotRegistered"),
    (
        Reason::UnsupportedOption,
        "org.pushcai.Error.UnsupportedOption",
    ),
    (
        Reason::OptionNotAvailable,
        "org.pushcai.Error.OptionNotAvailable",
    ),
    (Reason::NotAuthorized, "org.pushcai.Error.NotAuthorized"),
    (Reason::QuotaExceeded, "org.pushcai.Error.QuotaExceeded"),
    (Reason::ServerRejected, "org.pushcai.Error.ServerRejected"),
    (
        Reason::ServerUnreachable,
        "org.pushcai.Error.ServerUnreachable",
    ),
    (Reason::StoreFailed, "org.pushcai.Error.StoreFailed"),
];

/// The name of a reason's error.
pub fn error_name(reason: Reason) -> &'static str {
    let named = ERRORS.iter().find(|(known, _)| *known == reason);
    named.map_or("org.pushcai.Error.InvalidRequest", |(_, name)| name)
}

/// A refusal on its way to the caller: the reason in the error's name, the option at fault and a sentence in its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    reason: Reason,
    message: String,
}

pub(crate) type Fallible<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(reason: Reason, option: Option<&str>, detail: &str) -> Self {
        // A string of D-Bus has no NUL.
        let detail = detail.replace('\0', "\u{fffd}");
        Self {
            reason,
            message: match option {
                Some(option) => format!("{option}: {detail}"),
                None => detail,
            },
        }
    }

    pub(crate) fn invalid(option: &str, detail: &str) -> Self {
        Self::new(Reason::InvalidRequest, Some(option), detail)
    }

    pub(crate) fn bound(detail: &str) -> Self {
        Self::new(Reason::QuotaExceeded, None, detail)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.reason, refusal.option, &refusal.detail)
    }
}

impl From<Box<Problem>> for Failure {
    fn from(problem: Box<Problem>) -> Self {
        let reason = Reason::from_word(&problem.reason).unwrap_or(Reason::InvalidRequest);
        Self::new(reason, problem.option.as_deref(), &problem.detail)
    }
}

impl DBusError for Failure {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&self.message)
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_static_str_unchecked(error_name(self.reason))
    }

    fn description(&self) -> Option<&str> {
        Some(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_the_error_that_its_word_says() {
        for reason in Reason::ALL {
            let word = reason.as_str();
            let (first, rest) = word.split_at(1);
            let name = format!("org.pushcai.Error.{}{rest}", first.to_ascii_uppercase());
            assert_eq!(error_name(reason), name);
            assert!(ErrorName::try_from(error_name(reason)).is_ok());
        }
    }

    #[test]
    fn a_message_names_the_option_and_has_no_nul() {
        let failure = Failure::invalid("Accept", "`a\0` is none");
        assert_eq!(failure.message, "Accept: `a\u{fffd}` is none");
    }
}
