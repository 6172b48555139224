//! What wap-wire and tshark read in the same octets, brought into a form in which they can be compared.

use conformance::tshark;
use wap_wire::wsp::{UnitPush, content_type_number};

/// What wap-wire reads in a connectionless push.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ours {
    pub(crate) tid: u8,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ours {
    /// Decodes `datagram`, every header included.
    pub(crate) fn read(datagram: &[u8]) -> anyhow::Result<Self> {
        let decoded = UnitPush::decode(datagram)
            .map_err(|error| anyhow::anyhow!("{error} in {datagram:02x?}"))?;
        let mut headers = Vec::new();
        for header in decoded.push.headers {
            let header = header.map_err(|error| anyhow::anyhow!("{error} in {datagram:02x?}"))?;
            headers.push((header.name.to_string(), header.value.to_string()));
        }
        Ok(Self {
            tid: decoded.tid,
            content_type: decoded.push.content_type.to_string(),
            headers,
            body: decoded.push.body.to_vec(),
        })
    }

    /// The first value of the header `name`, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Fails unless both read the same in `datagram`: identifier, content type, each header in order, where the content begins.
pub(crate) fn assert_alike(ours: &Ours, theirs: &tshark::Reading, datagram: &[u8]) {
    let shown = || format!("\nours: {ours:?}\ntshark: {theirs:?}\noctets: {datagram:02x?}");
    assert_eq!((ours.tid, 6), (theirs.tid, theirs.pdu), "{}", shown());
    match unknown_to_tshark(&theirs.content_type) {
        Some(number) => {
            let ours = content_type_number(&ours.content_type);
            assert_eq!(ours, Some(number), "{}", shown());
        }
        None => assert_eq!(
            plain(&ours.content_type),
            plain(&theirs.content_type),
            "{}",
            shown()
        ),
    }
    let headers = ours
        .headers
        .iter()
        .map(|(name, value)| comparable(name, value));
    let their_headers = theirs
        .headers
        .iter()
        .map(|header| comparable(&header.name, &header.value));
    let (headers, their_headers): (Vec<_>, Vec<_>) = (headers.collect(), their_headers.collect());
    assert_eq!(headers, their_headers, "{}", shown());
    // TID, type and the length field are before the headers; both lengths here fit into one octet or two.
    let length_field = if theirs.headers_length < 128 { 1 } else { 2 };
    let body = datagram.get(2 + length_field + theirs.headers_length..);
    assert_eq!(Some(ours.body.as_slice()), body, "{}", shown());
}

/// The number of a content type for which tshark's table has no name; both read the same number then.
fn unknown_to_tshark(content_type: &str) -> Option<u32> {
    let digits = content_type.strip_prefix("<Unknown media type identifier 0x")?;
    u32::from_str_radix(digits.trim_end_matches('>'), 16).ok()
}

/// A header in the words that both can be brought to.
pub(crate) fn comparable(name: &str, value: &str) -> (String, String) {
    // tshark appends the version of the table where a header has several numbers.
    let name = name.split(" (encoding").next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let value = plain(value);
    let value = match name.as_str() {
        "accept-language" | "content-language" => language(&value),
        "date" | "expires" | "if-modified-since" | "if-unmodified-since" | "last-modified" => {
            date(&value)
        }
        _ => value,
    };
    (name, value)
}

/// Without what is taste: units that tshark adds, quotes that it doubles, spaces, case.
pub(crate) fn plain(text: &str) -> String {
    let text = text.trim_end_matches(" seconds").replace(['"', ' '], "");
    text.to_ascii_lowercase()
}

/// `en` of tshark's `English (en)`.
fn language(value: &str) -> String {
    let inner = value.split_once('(').map_or(value, |(_, inner)| inner);
    inner.trim_end_matches(')').to_owned()
}

/// Day, month, year and time, whether the text is HTTP's (`Mon, 01 Jun 2026 12:30:45 GMT`) or tshark's
/// (`Jun  1, 2026 12:30:45 UTC`), both without their spaces.
fn date(value: &str) -> String {
    let value = value.trim_end_matches("utc").trim_end_matches("gmt");
    let value = value.split('.').next().unwrap_or_default();
    let (head, rest) = value.split_once(',').unwrap_or_default();
    let is_http = head.len() == 3;
    let (day, month, rest) = if is_http {
        (rest.get(..2), rest.get(2..5), rest.get(5..))
    } else {
        (head.get(3..), head.get(..3), Some(rest))
    };
    let day: u8 = day.and_then(|day| day.parse().ok()).unwrap_or_default();
    format!(
        "{day} {} {}",
        month.unwrap_or_default(),
        rest.unwrap_or_default()
    )
}

#[test]
fn both_spellings_of_a_date_compare_equal() {
    let http = comparable("Date", "Mon, 01 Jun 2026 12:30:45 GMT");
    assert_eq!(http, comparable("date", "Jun  1, 2026 12:30:45 UTC"));
    assert_eq!(
        http,
        comparable("Date", "Jun  1, 2026 12:30:45.000000000 UTC")
    );
    assert_ne!(http, comparable("Date", "Jun 11, 2026 12:30:45 UTC"));
}
