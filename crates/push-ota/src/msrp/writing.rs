//! What the terminal sends (RFC 4975 7.1, 7.2).

use bytes::Bytes;

use super::Uri;
use super::fields::FailureReport;
use super::reader::{Head, Kind};
use super::statuses::Status;

/// What is needed to answer a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answering {
    transaction: Box<str>,
    to_path: Box<str>,
    from_path: Box<str>,
    wanted: FailureReport,
}

impl Answering {
    /// The answer to this request will go back to where it came from.
    pub(super) fn of(head: &Head) -> Self {
        let from_path = head.get("From-Path").unwrap_or_default();
        let (to_path, wanted) = match &head.kind {
            // Answers to SEND go from one hop to the next, and so do those to what is not known.
            Kind::Request(method) if method.as_ref() == "SEND" => (
                from_path.split(' ').next().unwrap_or_default(),
                FailureReport::read(head),
            ),
            // A report is never answered, and neither is an answer.
            Kind::Request(method) if method.as_ref() == "REPORT" => (from_path, FailureReport::No),
            Kind::Request(_) => (from_path, FailureReport::Yes),
            Kind::Response(_) => (from_path, FailureReport::No),
        };
        Self {
            transaction: head.transaction.clone(),
            to_path: to_path.into(),
            from_path: head.get("To-Path").unwrap_or_default().into(),
            wanted,
        }
    }

    //= specs/ota-sip.md#large-push
    //# A chunk whose sender wants no failure report MUST NOT be answered.
    /// The answer, where one is wanted.
    pub(super) fn answer(&self, status: Status) -> Option<Bytes> {
        let wanted = match self.wanted {
            FailureReport::Yes => true,
            FailureReport::Partial => status != Status::Ok,
            FailureReport::No => false,
        };
        let Self {
            transaction,
            to_path,
            from_path,
            wanted: _,
        } = self;
        let status = status.as_str();
        let text = || {
            format!(
                "MSRP {transaction} {status}\r\nTo-Path: {to_path}\r\nFrom-Path: {from_path}\r\n-------{transaction}$\r\n"
            )
        };
        wanted.then(|| text().into())
    }
}

/// The report that a whole message was taken.
pub(super) fn success_report(
    transaction: &str,
    to_path: &str,
    own: &Uri,
    message_id: &str,
    length: usize,
) -> Bytes {
    let status = Status::Ok.as_str();
    format!(
        "MSRP {transaction} REPORT\r\nTo-Path: {to_path}\r\nFrom-Path: {own}\r\nMessage-ID: {message_id}\r\n\
         Byte-Range: 1-{length}/{length}\r\nStatus: 000 {status}\r\n-------{transaction}$\r\n"
    )
    .into()
}

/// A request without content: it binds the connection to the session.
pub(super) fn empty_send(transaction: &str, path: &[Uri], own: &Uri, message_id: &str) -> Bytes {
    let path: Vec<&str> = path.iter().map(Uri::as_str).collect();
    let path = path.join(" ");
    format!(
        "MSRP {transaction} SEND\r\nTo-Path: {path}\r\nFrom-Path: {own}\r\nMessage-ID: {message_id}\r\n\
         Byte-Range: 1-0/0\r\n-------{transaction}$\r\n"
    )
    .into()
}
