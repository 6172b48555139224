//! What the content of an event says, as JSON beside the content itself.

use std::io::{self, Write};

use push_api::PushEventView;

/// The most octets of such JSON; of content that says more, nothing is shown.
pub(crate) const MAX_OCTETS: usize = 16 * 1024;

/// What the content says where its type is one of WAP's that push-content knows: indications, service loading, cache operations,
/// notifications of mail and of MMS, provisioning. Plain text says nothing that is not there already.
pub(crate) fn decoded(view: &PushEventView<'_>) -> Option<String> {
    if !view.content_type.starts_with("text/vnd.wap.")
        && !view.content_type.starts_with("application/vnd.wap.")
    {
        return None;
    }
    let is_charset = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("charset");
    let charset = view.parameters.iter().find(is_charset);
    let charset = charset.map(|(_, value)| value);
    let decoded = push_content::decoded(view.content_type, charset, view.content)?;
    let mut json = Bounded(Vec::new());
    serde_json::to_writer(&mut json, &decoded).ok()?;
    String::from_utf8(json.0).ok()
}

/// Takes so many octets, and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.0.len() + octets.len() > MAX_OCTETS {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use push_message::Headers;

    use super::*;
    use crate::event_map::tests::view;

    fn decoded_of(content_type: &'static str, content: &[u8]) -> Option<serde_json::Value> {
        let headers = Headers::new();
        let view = PushEventView {
            content_type,
            content,
            ..view(&headers)
        };
        decoded(&view).map(|json| serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn what_a_known_type_says_is_shown() {
        let sl = br#"<sl href="http://a.example/"/>"#;
        let shown = decoded_of("text/vnd.wap.sl", sl).unwrap();
        assert_eq!(shown["kind"], "sl");
        assert_eq!(shown["href"], "http://a.example/");
        // An MMS notification: transaction, content location.
        let mms = b"\x8c\x82\x98T1\0\x8d\x90\x83http://mmsc.example/1\0";
        let shown = decoded_of("application/vnd.wap.mms-message", mms).unwrap();
        assert_eq!(shown["kind"], "mms");
    }

    #[test]
    fn nothing_is_shown_of_what_is_broken_or_of_another_type() {
        for (content_type, content) in [
            ("text/vnd.wap.sl", &b"<sl"[..]),
            ("application/vnd.wap.sic", b"\xff\xff\xff"),
            ("application/vnd.wap.unheard-of", b"x"),
            ("text/plain", b"hello"),
            ("application/octet-stream", b"\0"),
        ] {
            assert_eq!(decoded_of(content_type, content), None, "{content_type}");
        }
    }

    #[test]
    fn what_would_be_too_much_is_left_out() {
        let document = |operations: usize| {
            let mut text = "<co>".to_owned();
            for number in 0..operations {
                write!(
                    text,
                    "<invalidate-object uri=\"http://a.example/{number}\"/>"
                )
                .unwrap();
            }
            text + "</co>"
        };
        assert!(decoded_of("text/vnd.wap.co", document(100).as_bytes()).is_some());
        assert_eq!(
            decoded_of("text/vnd.wap.co", document(1000).as_bytes()),
            None
        );
    }

    #[test]
    fn secrets_of_provisioning_are_masked() {
        let document = br#"<wap-provisioningdoc><characteristic type="APPAUTH"><parm name="AAUTHSECRET" value="hunter2"/></characteristic></wap-provisioningdoc>"#;
        let shown = decoded_of("text/vnd.wap.connectivity-xml", document).unwrap();
        assert_eq!(shown["kind"], "provisioning");
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
    }
}
