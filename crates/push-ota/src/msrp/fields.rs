//! Headers of MSRP, read (RFC 4975 7.1, 9).

use super::Uri;
use super::reader::Head;

/// `Byte-Range`: which part of a message a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteRange {
    /// Octets of the message before this part.
    pub(super) start: usize,
    /// Octets of the message up to its end; none where the end-line says so.
    pub(super) end: Option<usize>,
    /// Octets of the message; none where that is not known yet.
    pub(super) total: Option<usize>,
}

/// `Failure-Report`: which responses the sender of a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureReport {
    /// All.
    Yes,
    /// Those that say that it failed.
    Partial,
    /// None.
    No,
}

impl ByteRange {
    /// All that there is: what holds where the header is missing.
    const WHOLE: Self = Self {
        start: 0,
        end: None,
        total: None,
    };

    /// Reads the header of a request; none where it is malformed. Numbers that nothing could hold are the greatest there are.
    pub(super) fn read(head: &Head) -> Option<Self> {
        let Some(text) = head.get("Byte-Range") else {
            return Some(Self::WHOLE);
        };
        let (range, total) = text.split_once('/')?;
        let (start, end) = range.split_once('-')?;
        let start = read_number(start)?.checked_sub(1)?;
        let (end, total) = (read_bound(end).ok()?, read_bound(total).ok()?);
        let ordered = end.is_none_or(|end| start <= end && total.is_none_or(|total| end <= total));
        let begins = total.is_none_or(|total| start <= total);
        (ordered && begins).then_some(Self { start, end, total })
    }
}

/// Reads a number, or `*` as none.
fn read_bound(text: &str) -> Result<Option<usize>, Malformed> {
    if text.trim() == "*" {
        return Ok(None);
    }
    read_number(text).map(Some).ok_or(Malformed)
}

/// Neither a number nor `*`.
struct Malformed;

fn read_number(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

impl FailureReport {
    pub(super) fn read(head: &Head) -> Self {
        match head.get("Failure-Report") {
            Some(value) if value.eq_ignore_ascii_case("no") => Self::No,
            Some(value) if value.eq_ignore_ascii_case("partial") => Self::Partial,
            Some(_) | None => Self::Yes,
        }
    }
}

/// Whether the sender wants to be told that the whole message was taken.
pub(super) fn wants_success_report(head: &Head) -> bool {
    let value = head.get("Success-Report");
    value.is_some_and(|value| value.eq_ignore_ascii_case("yes"))
}

/// The one URI in To-Path: a terminal is where a path ends.
pub(super) fn read_to_path(head: &Head) -> Option<Uri> {
    Uri::parse(head.get("To-Path")?.trim()).ok()
}

/// Whether the content is encoded, compressed for instance: nobody here undoes that.
pub(super) fn is_encoded(head: &Head) -> bool {
    let is_plain = |value: &str| value.is_empty() || value.eq_ignore_ascii_case("identity");
    let values = head.get("Content-Encoding").unwrap_or_default().split(',');
    values.map(str::trim).any(|value| !is_plain(value))
}

/// Headers of the content other than its type: `Content-...`.
pub(super) fn content_headers(head: &Head) -> Vec<(Box<str>, Box<str>)> {
    let is_one = |name: &str| {
        let prefix = name.get(..8);
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("Content-"))
            && !name.eq_ignore_ascii_case("Content-Type")
    };
    let all = head.headers().iter();
    all.filter(|(name, _)| is_one(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::reader::{Piece, Reader};
    use super::*;

    fn head(lines: &str) -> Head {
        let mut reader = Reader::new(1_000);
        reader.push(format!("MSRP a SEND\r\n{lines}-------a$\r\n").as_bytes());
        match reader.next() {
            Ok(Some(Piece::Head(head))) => head,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn byte_ranges_are_read() {
        let range = |text: &str| {
            let range = ByteRange::read(&head(&format!("byte-range: {text}\r\n")));
            range.map(|range| (range.start, range.end, range.total))
        };
        assert_eq!(range("1-0/0"), Some((0, Some(0), Some(0))));
        assert_eq!(range("1-*/*"), Some((0, None, None)));
        assert_eq!(range("11-20/30"), Some((10, Some(20), Some(30))));
        assert_eq!(range("31-30/30"), Some((30, Some(30), Some(30))));
        let huge = "99999999999999999999999";
        assert_eq!(
            range(&format!("1-*/{huge}")),
            Some((0, None, Some(usize::MAX)))
        );
        for text in [
            "1", "1-2", "0-1/2", "2-0/9", "1-3/2", "4-*/2", "*-1/2", "1-+2/3", "-1-2/3", "1-2/3/4",
            "1-a/*", "/",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
        assert_eq!(ByteRange::read(&head("")), Some(ByteRange::WHOLE));
    }

    #[test]
    fn reports_and_headers_of_content_are_read() {
        let asked = head("Success-Report: Yes\r\nFailure-Report: PARTIAL\r\n");
        assert!(wants_success_report(&asked));
        assert_eq!(FailureReport::read(&asked), FailureReport::Partial);
        let other = head(
            "Failure-Report: no\r\nContent-ID: <x@y>\r\nContent-Type: a/b\r\nMessage-ID: 1\r\nContents: 1\r\n",
        );
        assert!(!wants_success_report(&other));
        assert_eq!(FailureReport::read(&other), FailureReport::No);
        assert_eq!(FailureReport::read(&head("")), FailureReport::Yes);
        let headers = content_headers(&other);
        assert_eq!(headers, [("Content-ID".into(), "<x@y>".into())]);
    }
}
