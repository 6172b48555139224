//! A refusal as a document (RFC 9457).

use push_message::{Reason, Refusal};
use serde::{Deserialize, Serialize};

/// A refusal: `application/problem+json` with the members of Push-CAI's failure response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:pushcai:reason:` and the reason.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the reason means, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Always `failure`.
    pub result: String,
    /// One of the reasons, or `invalidRequest` for what is wrong with the request itself.
    pub reason: String,
    /// The option at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// What was wrong, which value, and what would work.
    pub detail: String,
}

impl Problem {
    /// The media type of the document.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// The document for a refusal, with the HTTP status of its reason.
    //= specs/push-cai.md#failed-registration
    //# A registration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
    //= specs/push-cai.md#answer-to-a-deregistration
    //# A deregistration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
    pub fn of(refusal: &Refusal) -> Self {
        let (status, title) = meaning(refusal.reason);
        Self {
            kind: format!("urn:pushcai:reason:{}", refusal.reason),
            title: title.to_owned(),
            status,
            result: "failure".to_owned(),
            reason: refusal.reason.to_string(),
            option: refusal.option.map(str::to_owned),
            detail: refusal.detail.clone(),
        }
    }

    /// The document for what is wrong with the request itself, with status 400.
    pub fn invalid_request(detail: impl Into<String>) -> Self {
        Self::of(&Refusal::new(Reason::InvalidRequest, detail))
    }

    /// The same document with the option at fault.
    #[must_use]
    pub fn with_option(mut self, option: impl Into<String>) -> Self {
        self.option = Some(option.into());
        self
    }

    /// The same document under another HTTP status (404 for an unknown path, 413 for a body over the limit, ...).
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

const fn meaning(reason: Reason) -> (u16, &'static str) {
    match reason {
        Reason::InvalidRequest => (400, "The request cannot be understood"),
        Reason::AlreadyRegistered => (409, "Another application holds this Push Application ID"),
        Reason::NotRegistered => (404, "Not registered"),
        Reason::UnsupportedOption => (422, "An option is not supported"),
        Reason::OptionNotAvailable => (409, "An option is not available at present"),
        Reason::NotAuthorized => (403, "Not authorized"),
        Reason::QuotaExceeded => (429, "A bound is reached"),
        Reason::ServerRejected => (502, "A Push Server refused"),
        Reason::ServerUnreachable => (504, "A Push Server could not be reached"),
        Reason::StoreFailed => (507, "The store could not write"),
    }
}
