//! Content types as SIP writes them (RFC 3261 20.15).

use push_message::{ContentType, Headers, MediaType};

use crate::http::parameters;

/// The type with its parameters as far as they keep the grammar, and whether they do as a whole.
pub(crate) fn content_type(value: &str) -> Option<(ContentType, bool)> {
    let (media, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    // White space may stand about the slash of SIP, and means nothing.
    let media: String = media.split([' ', '\t']).collect();
    let media_type = MediaType::parse(&media).ok()?;
    Some(parameters::content_type(media_type, rest))
}

/// What content is that nobody described (RFC 2046 4.5.1).
pub(crate) fn undescribed() -> ContentType {
    ContentType {
        media_type: MediaType::octet_stream(),
        parameters: Headers::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_parameters() {
        for (text, read) in [
            ("text/plain", Some(("text/plain", true))),
            (
                "Text/Plain;Charset=\"utf-8\" ; a=b",
                Some(("text/plain; Charset=utf-8; a=b", true)),
            ),
            (
                "application / vnd.omaloc-supl-init",
                Some(("application/vnd.omaloc-supl-init", true)),
            ),
            ("text/plain; a=1; b", Some(("text/plain; a=1", false))),
            ("text", None),
            ("", None),
            ("; a=b", None),
            ("text/pl\u{e9}in", None),
        ] {
            let is =
                content_type(text).map(|(content_type, whole)| (content_type.to_string(), whole));
            let read = read.map(|(text, whole)| (text.to_owned(), whole));
            assert_eq!(is, read, "{text}");
        }
        assert_eq!(undescribed().to_string(), "application/octet-stream");
    }
}
