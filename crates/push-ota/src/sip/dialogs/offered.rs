//! What an offer says of the content to come (RFC 5547 6: `a=file-selector`).

/// What is known of the content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offered {
    /// Octets.
    pub(super) size: Option<u64>,
    /// Its MIME type.
    pub(super) media_type: Option<Box<str>>,
}

impl Offered {
    /// Reads the first file selector of a session description.
    pub(super) fn read(description: &[u8]) -> Self {
        let mut lines = description.split(|octet| *octet == b'\n');
        let selector = lines.find_map(|line| line.strip_prefix(b"a=file-selector:"));
        let text = String::from_utf8_lossy(selector.unwrap_or_default());
        let mut offered = Self::default();
        for (name, value) in selectors(&text) {
            match name {
                "size" => offered.size = value.parse().ok(),
                "type" => {
                    let media = value.split(';').next().unwrap_or_default().trim();
                    offered.media_type = Some(media.into());
                }
                _ => {}
            }
        }
        offered
    }
}

/// `name:value` pairs with spaces between, of which some stand in quotes.
fn selectors(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut quoted = false;
    let words = text.split(move |letter: char| {
        quoted ^= letter == '"';
        !quoted && letter.is_ascii_whitespace()
    });
    words.filter_map(|word| word.split_once(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_selector_says_size_and_type() {
        let read = |line: &str| {
            let text = format!("v=0\r\nm=message 9 TCP/MSRP *\r\n{line}\r\na=sendonly\r\n");
            let offered = Offered::read(text.as_bytes());
            (offered.size, offered.media_type)
        };
        assert_eq!(
            read("a=file-selector:type:text/plain size:300000"),
            (Some(300_000), Some("text/plain".into()))
        );
        assert_eq!(
            read("a=file-selector:name:\"a size:1 b\" size:7 type:a/b;c=\"d e\" hash:sha-1:72"),
            (Some(7), Some("a/b".into()))
        );
        assert_eq!(read("a=file-selector:size:-1"), (None, None));
        assert_eq!(read("a=file-selector:"), (None, None));
        assert_eq!(read("a=x"), (None, None));
    }
}
