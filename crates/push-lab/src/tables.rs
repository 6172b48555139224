//! The assigned numbers that a push server writes: content types, header names, charsets.

/// Content types with a number below 0x80 (OMNA, WSP content types).
const CONTENT_TYPES: &[(&str, u8)] = &[
    ("*/*", 0x00),
    ("text/html", 0x02),
    ("text/plain", 0x03),
    ("text/vnd.wap.wml", 0x08),
    ("application/vnd.wap.wmlc", 0x14),
    ("image/gif", 0x1d),
    ("image/jpeg", 0x1e),
    ("image/png", 0x20),
    ("application/vnd.wap.multipart.mixed", 0x23),
    ("application/xml", 0x27),
    ("text/xml", 0x28),
    ("text/vnd.wap.si", 0x2d),
    ("application/vnd.wap.sic", 0x2e),
    ("text/vnd.wap.sl", 0x2f),
    ("application/vnd.wap.slc", 0x30),
    ("text/vnd.wap.co", 0x31),
    ("application/vnd.wap.coc", 0x32),
    ("application/vnd.wap.multipart.related", 0x33),
    ("application/vnd.wap.sia", 0x34),
    ("text/vnd.wap.connectivity-xml", 0x35),
    ("application/vnd.wap.connectivity-wbxml", 0x36),
    ("application/vnd.wap.mms-message", 0x3e),
    ("application/vnd.syncml.dm+wbxml", 0x42),
    ("application/vnd.syncml.notification", 0x44),
    ("application/vnd.oma.drm.rights+xml", 0x4a),
    ("application/octet-stream", 0x5a),
    ("application/json", 0x5b),
];

/// `MIBenum` numbers of charsets (IANA).
const CHARSETS: &[(&str, u16)] = &[
    ("us-ascii", 3),
    ("iso-8859-1", 4),
    ("iso-8859-15", 111),
    ("utf-8", 106),
    ("utf-16", 1015),
];

/// How a header's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As text.
    Text,
    /// As text behind a quotation mark.
    Quoted,
    /// As an integer, where it is decimal digits.
    Integer,
    /// As seconds since 1970 in a Long-integer, where it is decimal digits.
    Date,
    /// As `major.minor` in one octet, where it fits.
    Version,
}

/// Header names (WSP header code page 1) of which the value can be written compactly here.
const HEADERS: &[(&str, u8, Form)] = &[
    ("Age", 0x05, Form::Integer),
    ("Content-Base", 0x0a, Form::Text),
    ("Content-Length", 0x0d, Form::Integer),
    ("Content-Location", 0x0e, Form::Text),
    ("Date", 0x12, Form::Date),
    ("Etag", 0x13, Form::Text),
    ("Expires", 0x14, Form::Date),
    ("From", 0x15, Form::Text),
    ("Host", 0x16, Form::Text),
    ("Location", 0x1c, Form::Text),
    ("Last-Modified", 0x1d, Form::Date),
    ("Max-Forwards", 0x1e, Form::Integer),
    ("Referer", 0x24, Form::Text),
    ("Server", 0x26, Form::Text),
    ("Upgrade", 0x28, Form::Text),
    ("User-Agent", 0x29, Form::Text),
    ("Via", 0x2b, Form::Text),
    ("X-Wap-Content-URI", 0x30, Form::Text),
    ("X-Wap-Initiator-URI", 0x31, Form::Text),
    ("Push-Flag", 0x34, Form::Integer),
    ("X-Wap-Tod", 0x3f, Form::Date),
    ("Content-ID", 0x40, Form::Quoted),
    ("Encoding-Version", 0x43, Form::Version),
];

/// The number of a content type.
pub(crate) fn content_type(name: &str) -> Option<u8> {
    find(CONTENT_TYPES.iter().copied(), name)
}

/// The `MIBenum` number of a charset.
pub(crate) fn charset(name: &str) -> Option<u16> {
    find(CHARSETS.iter().copied(), name)
}

/// The number of a header name, and how its value is written.
pub(crate) fn header(name: &str) -> Option<(u8, Form)> {
    let rows = HEADERS
        .iter()
        .map(|&(known, code, form)| (known, (code, form)));
    find(rows, name)
}

fn find<T>(mut rows: impl Iterator<Item = (&'static str, T)>, name: &str) -> Option<T> {
    rows.find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
