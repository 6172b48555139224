//! Why a request of an application was refused: one vocabulary for every binding.

use std::fmt;

/// The failure reasons of an Application Registration or Deregistration response (Push-CAI 5.1, 5.2), and of every
/// other answer to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The request cannot be understood: a value is missing or malformed.
    InvalidRequest,
    /// Another application holds the Push Application ID.
    AlreadyRegistered,
    /// The application does not hold the Push Application ID (or the event) that it names.
    NotRegistered,
    /// An option that this Push Client does not support at all.
    UnsupportedOption,
    /// An option that is supported but cannot be had at present.
    OptionNotAvailable,
    /// The policy of this Push Client does not let this owner do that.
    NotAuthorized,
    /// A bound of this Push Client is reached.
    QuotaExceeded,
    /// A Push Server refused the registration.
    ServerRejected,
    /// A Push Server could not be reached in time.
    ServerUnreachable,
    /// The store could not write; nothing was changed.
    StoreFailed,
}

impl Reason {
    /// Every reason, in the order in which they are documented.
    pub const ALL: [Self; 10] = [
        Self::InvalidRequest,
        Self::AlreadyRegistered,
        Self::NotRegistered,
        Self::UnsupportedOption,
        Self::OptionNotAvailable,
        Self::NotAuthorized,
        Self::QuotaExceeded,
        Self::ServerRejected,
        Self::ServerUnreachable,
        Self::StoreFailed,
    ];

    /// The word that every binding uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalidRequest",
            Self::AlreadyRegistered => "alreadyRegistered",
            Self::NotRegistered => "notRegistered",
            Self::UnsupportedOption => "unsupportedOption",
            Self::OptionNotAvailable => "optionNotAvailable",
            Self::NotAuthorized => "notAuthorized",
            Self::QuotaExceeded => "quotaExceeded",
            Self::ServerRejected => "serverRejected",
            Self::ServerUnreachable => "serverUnreachable",
            Self::StoreFailed => "storeFailed",
        }
    }

    /// The reason that `word` names, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal: the reason, the option at fault, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for programs.
    pub reason: Reason,
    /// The option of the request that is at fault, by its name in Push-CAI (`connectionProfile.port`, `Accept`, ...).
    pub option: Option<&'static str>,
    /// What was wrong, which value, and what would work.
    pub detail: String,
}

impl Refusal {
    /// A refusal that no single option caused.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            option: None,
            detail: detail.into(),
        }
    }

    /// A refusal that `option` caused.
    pub fn of_option(reason: Reason, option: &'static str, detail: impl Into<String>) -> Self {
        Self {
            reason,
            option: Some(option),
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.option {
            Some(option) => write!(f, "{} ({option}): {}", self.reason, self.detail),
            None => write!(f, "{}: {}", self.reason, self.detail),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own_that_is_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.as_str()), Some(reason));
            assert_eq!(reason.to_string(), reason.as_str());
        }
        assert_eq!(Reason::from_word("unknown"), None);
    }

    #[test]
    fn a_refusal_names_the_option_at_fault() {
        let refusal = Refusal::of_option(Reason::UnsupportedOption, "Accept", "why");
        assert_eq!(refusal.to_string(), "unsupportedOption (Accept): why");
        assert_eq!(
            Refusal::new(Reason::StoreFailed, "why").to_string(),
            "storeFailed: why"
        );
    }
}
