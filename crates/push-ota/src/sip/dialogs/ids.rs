//! What tells dialogs apart (RFC 3261 12).

use super::super::stack::Request;

/// Call-ID and both tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DialogIds {
    pub(super) call_id: Box<str>,
    /// The terminal's.
    pub(super) local: Box<str>,
    /// The sender's; empty where it has none (RFC 3261 12.1.1).
    pub(super) remote: Box<str>,
}

impl DialogIds {
    /// The dialog that a request is within; none where it has no tag in To.
    pub(super) fn of(request: &Request) -> Option<Self> {
        Some(Self::with(request, request.to_tag()?))
    }

    /// The dialog that begins with a request, once the terminal has this tag.
    pub(super) fn with(request: &Request, local: &str) -> Self {
        Self {
            call_id: request.call_id().into(),
            local: local.into(),
            remote: request.from_tag().unwrap_or_default().into(),
        }
    }
}
