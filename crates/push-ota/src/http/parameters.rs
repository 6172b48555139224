//! Challenges, credentials and parameters as HTTP writes them (RFC 2617 1.2, RFC 9110 5.6).

use std::borrow::Cow;

use push_message::{ContentType, Headers, MediaType};

/// The most octets of a header that are looked at.
const MAX_LENGTH: usize = 4096;

/// The most parameters that one header may have.
const MAX_PARAMETERS: usize = 32;

/// A header that does not keep the grammar, from this octet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) offset: usize,
}

/// A challenge, or credentials: a scheme and what goes with it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Challenge<'a> {
    /// As written; empty where parameters stand without one.
    pub(super) scheme: &'a str,
    /// What stands in place of parameters.
    pub(super) token68: Option<&'a str>,
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Challenge<'a> {
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter, whose name has no case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    const fn new(scheme: &'a str) -> Self {
        Self {
            scheme,
            token68: None,
            parameters: Vec::new(),
        }
    }
}

/// A list of challenges, or one set of credentials.
pub(super) fn challenges(text: &str) -> Result<Vec<Challenge<'_>>, Malformed> {
    if text.len() > MAX_LENGTH {
        return Err(Malformed { offset: MAX_LENGTH });
    }
    let mut cursor = Cursor { text, position: 0 };
    let mut all: Vec<Challenge<'_>> = Vec::new();
    let mut parameters = 0;
    loop {
        let end = cursor.position;
        cursor.skip(|octet| matches!(octet, b' ' | b'\t' | b','));
        if cursor.rest().is_empty() {
            return Ok(all);
        }
        let start = cursor.position;
        let separated = text.get(end..start).is_some_and(|gap| gap.contains(','));
        let word = cursor.token().ok_or(Malformed { offset: start })?;
        cursor.skip_space();
        if cursor.takes(b'=') {
            parameters += 1;
            if all.is_empty() {
                all.push(Challenge::new(""));
            }
            let value = cursor.value()?;
            let known = all.last_mut().filter(|challenge| {
                challenge.token68.is_none()
                    && challenge.get(word).is_none()
                    && parameters <= MAX_PARAMETERS
            });
            let challenge = known.ok_or(Malformed { offset: start })?;
            challenge.parameters.push((word, value));
            cursor.ends_element()?;
        } else {
            if !separated && !all.is_empty() {
                return Err(Malformed { offset: start });
            }
            let mut challenge = Challenge::new(word);
            challenge.token68 = cursor.token68();
            if challenge.token68.is_some() {
                cursor.ends_element()?;
            }
            if all.len() == MAX_PARAMETERS {
                return Err(Malformed { offset: start });
            }
            all.push(challenge);
        }
    }
}

/// `; name=value` pairs behind a media type, as far as they keep the grammar, and whether all do.
pub(super) fn media_parameters(text: &str) -> (Vec<(&str, Cow<'_, str>)>, bool) {
    let mut cursor = Cursor { text, position: 0 };
    let mut all = Vec::new();
    loop {
        cursor.skip(|octet| matches!(octet, b' ' | b'\t' | b';'));
        if cursor.rest().is_empty() {
            return (all, true);
        }
        let pair = cursor.token().and_then(|name| {
            cursor.skip_space();
            cursor
                .takes(b'=')
                .then(|| cursor.value().ok())?
                .map(|value| (name, value))
        });
        cursor.skip_space();
        let ended = cursor.rest().is_empty() || cursor.rest().starts_with(';');
        match pair {
            Some(pair) if ended && all.len() < MAX_PARAMETERS => all.push(pair),
            Some(_) | None => return (all, false),
        }
    }
}

/// The type with what stands behind it as its parameters, as far as they keep the grammar, and whether all do.
pub(crate) fn content_type(media_type: MediaType, text: &str) -> (ContentType, bool) {
    let (pairs, whole) = media_parameters(text);
    let mut parameters = Headers::new();
    for (name, value) in pairs {
        parameters.push_text(name, &value);
    }
    let content_type = ContentType {
        media_type,
        parameters,
    };
    (content_type, whole)
}

/// `text` as a quoted string.
pub(super) fn quoted(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 2);
    all.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            all.push('\\');
        }
        all.push(character);
    }
    all.push('"');
    all
}

struct Cursor<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        let count = self
            .rest()
            .bytes()
            .take_while(|&octet| wanted(octet))
            .count();
        self.position += count;
    }

    fn skip_space(&mut self) {
        self.skip(|octet| matches!(octet, b' ' | b'\t'));
    }

    fn takes(&mut self, octet: u8) -> bool {
        let there = self.rest().as_bytes().first() == Some(&octet);
        self.position += usize::from(there);
        there
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> Option<&'a str> {
        let start = self.position;
        self.skip(wanted);
        self.text
            .get(start..self.position)
            .filter(|taken| !taken.is_empty())
    }

    fn token(&mut self) -> Option<&'a str> {
        self.take(is_token_octet)
    }

    /// A token68 that fills the rest of the element; the position stays where there is none.
    fn token68(&mut self) -> Option<&'a str> {
        let start = self.position;
        let named = self.take(|octet| {
            octet.is_ascii_alphanumeric()
                || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        });
        self.skip(|octet| octet == b'=');
        let end = self.position;
        if named.is_some() && self.ends_element().is_ok() {
            self.position = end;
            return self.text.get(start..end);
        }
        self.position = start;
        None
    }

    /// A token or a quoted string, white space before it.
    fn value(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.skip_space();
        if self.takes(b'"') {
            return self.quoted_string();
        }
        let start = self.position;
        self.token()
            .map(Cow::Borrowed)
            .ok_or(Malformed { offset: start })
    }

    /// What stands between quotes, the first of which has been taken.
    fn quoted_string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let mut unescaped = String::new();
        loop {
            let plain = self
                .take(|octet| {
                    octet == b'\t' || (octet >= b' ' && !matches!(octet, b'"' | b'\\' | 0x7F))
                })
                .unwrap_or_default();
            if self.takes(b'"') {
                if unescaped.is_empty() {
                    return Ok(Cow::Borrowed(plain));
                }
                unescaped.push_str(plain);
                return Ok(Cow::Owned(unescaped));
            }
            unescaped.push_str(plain);
            let offset = self.position;
            if !self.takes(b'\\') {
                return Err(Malformed { offset });
            }
            let escaped = self
                .rest()
                .chars()
                .next()
                .filter(|&character| character == '\t' || !character.is_control())
                .ok_or(Malformed { offset })?;
            unescaped.push(escaped);
            self.position += escaped.len_utf8();
        }
    }

    fn ends_element(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.rest().is_empty() || self.rest().starts_with(',') {
            return Ok(());
        }
        Err(Malformed {
            offset: self.position,
        })
    }
}

/// Whether an octet may stand in a token (RFC 9110 5.6.2).
#[expect(
    clippy::indexing_slicing,
    reason = "the table has an entry for every octet"
)]
pub(super) const fn is_token_octet(octet: u8) -> bool {
    TOKEN_OCTETS[octet as usize]
}

/// For every octet whether it may stand in a token: header names are read by it, octet by octet.
const TOKEN_OCTETS: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = u8::MAX;
    while octet > 0 {
        table[octet as usize] = octet.is_ascii_alphanumeric()
            || matches!(
                octet,
                b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
            );
        octet -= 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row<'a> = (&'a str, Option<&'a str>, Vec<(&'a str, &'a str)>);

    fn rows<'a>(all: &'a [Challenge<'a>]) -> Vec<Row<'a>> {
        all.iter()
            .map(|challenge| {
                let parameters = challenge
                    .parameters
                    .iter()
                    .map(|(name, value)| (*name, value.as_ref()));
                (challenge.scheme, challenge.token68, parameters.collect())
            })
            .collect()
    }

    #[test]
    fn challenges_and_credentials_are_read() {
        let cases: [(&str, Vec<Row<'_>>); 10] = [
            ("", vec![]),
            (" , ,", vec![]),
            (
                r#"Basic realm="a b""#,
                vec![("Basic", None, vec![("realm", "a b")])],
            ),
            ("Basic Zm9vOg==", vec![("Basic", Some("Zm9vOg=="), vec![])]),
            (
                "Basic Zm9v , x",
                vec![("Basic", Some("Zm9v"), vec![]), ("x", None, vec![])],
            ),
            (
                r#"Digest realm = "a\"\\b" ,nonce=n, algorithm="SHA-1", Basic realm=c"#,
                vec![
                    (
                        "Digest",
                        None,
                        vec![("realm", r#"a"\b"#), ("nonce", "n"), ("algorithm", "SHA-1")],
                    ),
                    ("Basic", None, vec![("realm", "c")]),
                ],
            ),
            (
                r#"x-wap-auth-status="failed_retry""#,
                vec![("", None, vec![("x-wap-auth-status", "failed_retry")])],
            ),
            (
                r#"Negotiate, Basic realm="""#,
                vec![
                    ("Negotiate", None, vec![]),
                    ("Basic", None, vec![("realm", "")]),
                ],
            ),
            (
                "Digest a=\"\u{e9}\\\u{e9}\"",
                vec![("Digest", None, vec![("a", "\u{e9}\u{e9}")])],
            ),
            ("Basic", vec![("Basic", None, vec![])]),
        ];
        for (text, expected) in cases {
            let all = challenges(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(rows(&all), expected, "{text}");
        }
        let all = challenges("DIGEST Realm=a").unwrap();
        assert!(all[0].is("digest"));
        assert_eq!(all[0].get("REALM"), Some("a"));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused_at_its_octet() {
        for (text, offset) in [
            ("=", 0),
            ("\"a\"", 0),
            ("Basic a=b, realm=", 17),
            ("Basic realm=\"a", 14),
            ("Basic realm=\"a\\", 14),
            ("Basic realm=\"a\u{1}\"", 14),
            ("Basic realm=a b", 14),
            ("Basic realm=\"a\" nonce=b", 16),
            ("Basic realm=a, realm=b", 15),
            ("Basic realm=a, REALM=b", 15),
            ("Basic Zm9v, realm=b", 12),
            ("Basic \u{e9}", 6),
            ("Basic foo bar", 6),
        ] {
            assert_eq!(challenges(text).err(), Some(Malformed { offset }), "{text}");
        }
        let many: Vec<_> = (0..33).map(|n| format!("p{n}=1")).collect();
        assert!(challenges(&format!("Digest {}", many.join(","))).is_err());
        assert!(challenges(&"a,".repeat(40)).is_err());
        assert_eq!(
            challenges(&" ".repeat(5000)).err(),
            Some(Malformed { offset: MAX_LENGTH })
        );
    }

    #[test]
    fn parameters_of_a_media_type_are_read_as_far_as_they_go() {
        let read = |text| {
            let (pairs, whole) = media_parameters(text);
            let pairs: Vec<_> = pairs
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            (pairs.join("|"), whole)
        };
        assert_eq!(read(""), (String::new(), true));
        assert_eq!(read("; charset=utf-8;"), ("charset=utf-8".into(), true));
        assert_eq!(
            read(" ;a = \"x;\\\"y\" ; b=1"),
            ("a=x;\"y|b=1".into(), true)
        );
        assert_eq!(read("; a=1; b"), ("a=1".into(), false));
        assert_eq!(read("; a=1 2; b=3"), (String::new(), false));
        assert_eq!(read("; a=\"1"), (String::new(), false));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_within_itself(text in "\\PC{0,40}|([ \t,;=\"\\\\]|[a-d]){0,40}") {
            if let Err(error) = challenges(&text) {
                prop_assert!(error.offset <= text.len());
            }
            media_parameters(&text);
        }

        #[test]
        fn what_is_quoted_is_read_back(text in "[ -~\u{80}-\u{2000}]{0,40}") {
            let written = format!("Digest a={}, b=c", quoted(&text));
            let all = challenges(&written).unwrap();
            prop_assert_eq!(all[0].get("a"), Some(text.as_str()));
            prop_assert_eq!(all[0].get("b"), Some("c"));
        }
    }
}
