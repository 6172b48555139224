//! What answers have in common.

use ::http::header::{ALLOW, CONNECTION, WWW_AUTHENTICATE};
use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::connection::{Answer, Notice};
use super::names::{
    BEARER_INDICATION, CPI_TAG, OTA_VERSION, PUSH_STATUS, TERMINAL_AUTHORIZATION, TERMINAL_ID,
};
use super::{CpiTag, PushStatus};

/// Which of its two requests a gateway makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// OPTIONS.
    Registration,
    /// POST.
    Push,
}

impl Kind {
    /// The status of a refusal that may be tried again.
    pub(super) const fn try_again(self) -> PushStatus {
        match self {
            Self::Registration => PushStatus::RegistrationRefusedRetry,
            Self::Push => PushStatus::RequestRefused,
        }
    }

    /// The status of a refusal for good.
    pub(super) const fn refused(self) -> PushStatus {
        match self {
            Self::Registration => PushStatus::RegistrationRefused,
            Self::Push => PushStatus::Refused,
        }
    }

    pub(super) const fn no_context(self) -> PushStatus {
        match self {
            Self::Registration => PushStatus::NoContextForRegistration,
            Self::Push => PushStatus::NoContextForPush,
        }
    }
}

/// What the answer to one request carries whatever becomes of it.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) kind: Kind,
    /// The versions spoken, where the request named its own.
    pub(super) versions: Option<HeaderValue>,
    /// X-Wap-Authorization, where the request asked for it.
    pub(super) authorization: Option<HeaderValue>,
    /// The peer is a gateway that is known.
    pub(super) known: bool,
    /// What a registration that is refused is told of the terminal all the same.
    pub(super) introduction: Option<Introduction>,
    /// Room for the headers of the answer; empty.
    pub(super) room: HeaderMap,
}

/// What the terminal is called, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Introduction {
    /// X-Wap-Terminal-Id; absent where either side has to authenticate itself first.
    pub(super) terminal_id: Option<String>,
    /// X-Wap-Bearer-Indication, as WDP numbers it.
    pub(super) bearer: u8,
}

impl Reply {
    /// The reply to one who is to learn nothing of the terminal.
    pub(super) fn saying_nothing(mut self) -> Self {
        self.authorization = None;
        self.introduction = None;
        self
    }

    /// An answer with this push status, which HTTP takes for done.
    pub(super) fn done(self, status: PushStatus) -> Answer {
        self.with(StatusCode::NO_CONTENT, status)
    }

    /// An answer with both statuses.
    //= specs/ota-http.md#registration
    //# The answer to an OPTIONS request MUST carry X-Wap-Push-Status.
    //= specs/ota-http.md#registration-validation
    //# The answer to a POST request MUST carry X-Wap-Push-Status.
    //= specs/ota-http.md#push-status
    //# Every answer to a registration or a push MUST carry X-Wap-Push-Status.
    pub(super) fn with(mut self, http: StatusCode, status: PushStatus) -> Answer {
        let introduction = self.introduction.take();
        let mut answer = self.bare(http);
        answer.push_status = Some(status);
        answer.add(PUSH_STATUS, status_value(status));
        match introduction {
            Some(introduction) => answer.introducing(&introduction),
            None => answer,
        }
    }

    /// An answer to what is neither a registration nor a push.
    //= specs/ota-http.md#version-control
    //# An answer MUST carry X-Wap-Push-OTA-Version if the request did.
    pub(super) fn bare(self, http: StatusCode) -> Answer {
        let mut answer = Answer::of(http, self.room);
        if let Some(versions) = self.versions {
            answer.add(OTA_VERSION, versions);
        }
        if let Some(authorization) = self.authorization {
            answer.add(TERMINAL_AUTHORIZATION, authorization);
        }
        answer
    }
}

impl Answer {
    fn of(status: StatusCode, headers: HeaderMap) -> Self {
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Self {
            response,
            push_status: None,
            close: false,
            notice: None,
            reason: None,
        }
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.response.headers_mut().append(name, value);
    }

    /// Adds a header, unless its value is none that HTTP can carry.
    pub(super) fn add_text(&mut self, name: HeaderName, value: &str) {
        if let Some(value) = header_value(value) {
            self.add(name, value);
        }
    }

    /// As [`add_text`](Self::add_text), for a name that is text as well.
    pub(super) fn add_named(&mut self, name: &str, value: &str) {
        if let Ok(name) = HeaderName::try_from(name) {
            self.add_text(name, value);
        }
    }

    pub(super) fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(super) fn with_notice(mut self, notice: Option<Notice>) -> Self {
        self.notice = notice;
        self
    }

    //= specs/ota-http.md#bearer-indication
    //# X-Wap-Bearer-Indication MUST be the number that WDP gives the bearer, as two hexadecimal digits.
    pub(super) fn introducing(mut self, introduction: &Introduction) -> Self {
        if let Some(terminal_id) = &introduction.terminal_id {
            self.add_text(TERMINAL_ID, terminal_id);
        }
        self.add_text(BEARER_INDICATION, &format!("{:02X}", introduction.bearer));
        self
    }

    pub(super) fn with_tag(mut self, tag: CpiTag) -> Self {
        self.add_text(CPI_TAG, &tag.to_string());
        self
    }

    pub(super) fn with_demands(mut self, demands: &[String]) -> Self {
        for value in demands.iter().filter_map(|demand| header_value(demand)) {
            self.add(WWW_AUTHENTICATE, value);
        }
        self
    }

    pub(super) fn allowing(mut self, methods: &'static str) -> Self {
        self.add(ALLOW, HeaderValue::from_static(methods));
        self
    }

    /// Closes the connection behind the answer, and says so.
    pub(super) fn closing(mut self) -> Self {
        self.close = true;
        self.add(CONNECTION, HeaderValue::from_static("close"));
        self
    }
}

/// The value of X-Wap-Push-Status; that of nearly every answer is made once.
fn status_value(status: PushStatus) -> HeaderValue {
    const ACCEPTED: HeaderValue = HeaderValue::from_static(PushStatus::Accepted.as_str());
    if status == PushStatus::Accepted {
        ACCEPTED
    } else {
        HeaderValue::from_static(status.as_str())
    }
}

/// Text with a secret in it as a header value, which does not show it.
pub(super) fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = header_value(text)?;
    value.set_sensitive(true);
    Some(value)
}

/// Text as a header value; secrets and names that an administrator wrote may be UTF-8.
pub(super) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
