//! Why a request is not answered as asked.

use http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use push_api::{Problem, Reason, Refusal};

/// A refusal on its way to the client: the document, and the header that goes with its status.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) problem: Problem,
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
}

pub(crate) type Fallible<T> = Result<T, Box<Failure>>;

impl Failure {
    pub(crate) fn invalid(status: u16, detail: impl Into<String>) -> Box<Self> {
        Problem::invalid_request(detail).with_status(status).into()
    }

    pub(crate) fn invalid_option(option: &str, detail: impl Into<String>) -> Box<Self> {
        Problem::invalid_request(detail).with_option(option).into()
    }

    pub(crate) fn method(allow: &str, detail: String) -> Box<Self> {
        let mut failure = Self::invalid(405, detail);
        failure.header = HeaderValue::from_str(allow)
            .ok()
            .map(|allow| (ALLOW, allow));
        failure
    }

    pub(crate) fn unauthorized(detail: &str) -> Box<Self> {
        let refusal = Refusal::new(Reason::NotAuthorized, detail);
        let mut failure: Box<Self> = Problem::of(&refusal).with_status(401).into();
        failure.header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        failure
    }

    pub(crate) fn bound(status: u16, detail: String) -> Box<Self> {
        let refusal = Refusal::new(Reason::QuotaExceeded, detail);
        let mut failure: Box<Self> = Problem::of(&refusal).with_status(status).into();
        failure.header = Some((RETRY_AFTER, HeaderValue::from_static("1")));
        failure
    }
}

impl From<Problem> for Box<Failure> {
    fn from(problem: Problem) -> Self {
        Self::new(Failure {
            problem,
            header: None,
        })
    }
}

impl From<Box<Problem>> for Box<Failure> {
    fn from(problem: Box<Problem>) -> Self {
        (*problem).into()
    }
}

impl From<Refusal> for Box<Failure> {
    fn from(refusal: Refusal) -> Self {
        Problem::of(&refusal).into()
    }
}
