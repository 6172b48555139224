//! Capability and preference information, and its tag (WAP-235 7.2.5.3, 7.2.5.5, note 101).

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_message::PushApplicationId;
use sha1::{Digest as _, Sha1};

/// The four octets that name a CPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpiTag(pub [u8; 4]);

impl CpiTag {
    /// Whether `text`, the value of an X-Wap-CPITag header, is this tag. Tags are opaque: what is compared is text. Beside base64
    /// as it is sent, its padding may be missing, and old gateways write eight hexadecimal digits.
    pub fn is(self, text: &str) -> bool {
        let text = text.trim();
        let base64 = self.to_string();
        let [a, b, c, d] = self.0;
        text == base64
            || text == base64.trim_end_matches('=')
            || text.eq_ignore_ascii_case(&format!("{a:02x}{b:02x}{c:02x}{d:02x}"))
    }
}

/// Base64, as on the wire.
//= specs/ota-http.md#cpitag
//# The CPITag MUST be the base64 form of the first four octets of that hash.
impl fmt::Display for CpiTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// What of the CPI the registry does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpiSettings {
    /// X-Wap-Push-Accept-Charset; empty: not sent, which means UTF-8.
    pub charsets: Vec<String>,
    /// X-Wap-Push-Accept-Encoding; empty: not sent, which means identity.
    pub encodings: Vec<String>,
    /// X-Wap-Push-Accept-Language; empty: not sent, which means any.
    pub languages: Vec<String>,
    /// X-Wap-Push-MaxMsgSize, in octets.
    pub max_message_length: usize,
    /// X-Wap-Push-Accept-MaxPushReq.
    pub max_push_requests: u32,
    /// Octets that one header value may have. Longer lists of applications and types are sent as `*` and `*/*`.
    pub max_value_length: usize,
}

/// What the terminal says of itself: header names and values in the order in which they are sent, and their tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpi {
    headers: Vec<(&'static str, String)>,
    tag: CpiTag,
}

impl Cpi {
    /// The CPI of these applications and content types. Their order and repetitions do not matter: equal sets give equal
    /// tags; settings keep the order they have, which is one of preference.
    ///
    /// Applications are listed by absolute URI. An id that has only a number cannot be (WAP-235 7.2.5.5.5), so one such id makes
    /// the list `*`, as does `x-wap-application:*`; otherwise a gateway would hold back what is for it. A list longer than
    /// [`CpiSettings::max_value_length`] becomes `*`, or `*/*` for types. A list without any entry is not sent, and the
    /// gateway takes its default; of the lists of the settings, entries that do not fit are left out.
    //= specs/ota-http.md#cpitag
    //# The CPITag MUST be computed anew after a change of any CPI header, before it is told to a gateway.
    //= specs/ota-http.md#cpitag
    //# Equal CPI headers SHOULD give equal CPITags, whatever came in between.
    //= specs/ota-http.md#cpi-headers
    //# X-Wap-Push-Accept-Charset MUST have the form of HTTP's Accept-Charset.
    //= specs/ota-http.md#cpi-headers
    //# X-Wap-Push-Accept-Encoding MUST have the form of HTTP's Accept-Encoding.
    //= specs/ota-http.md#cpi-headers
    //# X-Wap-Push-Accept-Language MUST have the form of HTTP's Accept-Language.
    //= specs/ota-http.md#cpi-headers
    //# X-Wap-Push-MaxMsgSize MUST be a decimal number of octets.
    //= specs/ota-http.md#cpi-headers
    //# X-Wap-Push-Accept-MaxPushReq MUST be a decimal number of pushes.
    pub fn new<'a>(
        applications: impl IntoIterator<Item = &'a PushApplicationId>,
        accept: impl IntoIterator<Item = &'a str>,
        settings: &CpiSettings,
    ) -> Self {
        let most = settings.max_value_length;
        let listed = |list: &[String]| joined_while_it_fits(list, most);
        let values = [
            ("X-Wap-Push-Accept", types(accept, most)),
            ("X-Wap-Push-Accept-Charset", listed(&settings.charsets)),
            ("X-Wap-Push-Accept-Encoding", listed(&settings.encodings)),
            ("X-Wap-Push-Accept-Language", listed(&settings.languages)),
            (
                "X-Wap-Push-Accept-AppID",
                application_ids(applications, most),
            ),
            (
                "X-Wap-Push-MaxMsgSize",
                settings.max_message_length.to_string(),
            ),
            (
                "X-Wap-Push-Accept-MaxPushReq",
                settings.max_push_requests.to_string(),
            ),
        ];
        let headers: Vec<_> = values
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let tag = tag(&headers);
        Self { headers, tag }
    }

    /// The headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// The tag.
    pub const fn tag(&self) -> CpiTag {
        self.tag
    }
}

/// The first four octets of the SHA-1 of all values in the order in which they are sent, with nothing between them.
//= specs/ota-http.md#cpitag
//# The CPITag MUST be made from a hash of at least four octets over the values of all CPI headers that are sent, one behind the other.
//= specs/ota-http.md#cpitag
//# The hash that the CPITag is made from SHOULD be SHA-1.
fn tag(headers: &[(&'static str, String)]) -> CpiTag {
    let mut hash = Sha1::new();
    for (_, value) in headers {
        hash.update(value.as_bytes());
    }
    let [a, b, c, d, ..] = <[u8; 20]>::from(hash.finalize());
    CpiTag([a, b, c, d])
}

//= specs/ota-http.md#cpi-headers
//# X-Wap-Push-Accept MUST have the form of HTTP's Accept.
fn types<'a>(accept: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let ranges: BTreeSet<&str> = accept
        .into_iter()
        .map(str::trim)
        .filter(|range| is_sendable(range))
        .collect();
    let list = joined(ranges.into_iter(), most);
    list.unwrap_or_else(|| "*/*".to_owned())
}

//= specs/ota-http.md#cpi-headers
//# X-Wap-Push-Accept-AppID MUST be application ids in their URI form with a comma and a space between them, or one asterisk.
fn application_ids<'a>(
    applications: impl IntoIterator<Item = &'a PushApplicationId>,
    most: usize,
) -> String {
    let ids: BTreeSet<&PushApplicationId> = applications.into_iter().collect();
    let has_uri = |id: &&PushApplicationId| {
        !id.is_any() && (id.number().is_none() || id.is_registered_with_omna())
    };
    if !ids.iter().all(has_uri) {
        return "*".to_owned();
    }
    let list = joined(ids.iter().map(|id| id.as_text()), most);
    list.unwrap_or_else(|| "*".to_owned())
}

/// The items in one value; nothing where that has more than `most` octets.
fn joined(items: impl Iterator<Item = impl AsRef<str>>, most: usize) -> Option<String> {
    let mut list = String::new();
    for item in items {
        push_item(&mut list, item.as_ref());
        if list.len() > most {
            return None;
        }
    }
    Some(list)
}

fn joined_while_it_fits(items: &[String], most: usize) -> String {
    let mut list = String::new();
    for item in items
        .iter()
        .map(|item| item.trim())
        .filter(|item| is_sendable(item))
    {
        let length = list.len();
        push_item(&mut list, item);
        if list.len() > most {
            list.truncate(length);
            break;
        }
    }
    list
}

fn push_item(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(item);
}

/// Whether the text may stand in a header value.
fn is_sendable(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|octet| octet == b' ' || octet.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> PushApplicationId {
        PushApplicationId::parse(text).unwrap()
    }

    fn settings() -> CpiSettings {
        CpiSettings {
            charsets: vec!["UTF-8".into(), "US-ASCII".into()],
            encodings: Vec::new(),
            languages: vec!["sv".into(), "en".into()],
            max_message_length: 65_536,
            max_push_requests: 4,
            max_value_length: 256,
        }
    }

    fn cpi(applications: &[&str], accept: &[&str], settings: &CpiSettings) -> Cpi {
        let ids: Vec<_> = applications.iter().map(|text| id(text)).collect();
        Cpi::new(&ids, accept.iter().copied(), settings)
    }

    fn value<'a>(cpi: &'a Cpi, name: &str) -> Option<&'a str> {
        cpi.headers()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    //= specs/ota-http.md#cpitag
    //= type=test
    //# The CPITag MUST be made from a hash of at least four octets over the values of all CPI headers that are sent, one behind the other.
    //= specs/ota-http.md#cpitag
    //= type=test
    //# The hash that the CPITag is made from SHOULD be SHA-1.
    //= specs/ota-http.md#cpitag
    //= type=test
    //# The CPITag MUST be the base64 form of the first four octets of that hash.
    //= specs/ota-http.md#cpi-headers
    //= type=test
    //# X-Wap-Push-Accept-Charset MUST have the form of HTTP's Accept-Charset.
    //= specs/ota-http.md#cpi-headers
    //= type=test
    //# X-Wap-Push-Accept-Encoding MUST have the form of HTTP's Accept-Encoding.
    //= specs/ota-http.md#cpi-headers
    //= type=test
    //# X-Wap-Push-Accept-Language MUST have the form of HTTP's Accept-Language.
    //= specs/ota-http.md#cpi-headers
    //= type=test
    //# X-Wap-Push-MaxMsgSize MUST be a decimal number of octets.
    //= specs/ota-http.md#cpi-headers
    //= type=test
    //# X-Wap-Push-Accept-MaxPushReq MUST be a decimal number of pushes.
    //= specs/ota-http.md#cpi-headers
    //= type=test
    //# X-Wap-Push-Accept MUST have the form of HTTP's Accept.
    //= specs/ota-http.md#cpi-headers
    //= type=test
    //# X-Wap-Push-Accept-AppID MUST be application ids in their URI form with a comma and a space between them, or one asterisk.
    #[test]
    fn a_cpi_is_its_headers_in_order_and_the_hash_of_their_values() {
        let cpi = cpi(
            &["x-wap-application:push.sia", "x-acme:meter", "4"],
            &["text/vnd.wap.si", "application/vnd.wap.sia"],
            &settings(),
        );
        let headers: Vec<_> = cpi.headers().collect();
        assert_eq!(
            headers,
            [
                (
                    "X-Wap-Push-Accept",
                    "application/vnd.wap.sia, text/vnd.wap.si"
                ),
                ("X-Wap-Push-Accept-Charset", "UTF-8, US-ASCII"),
                ("X-Wap-Push-Accept-Language", "sv, en"),
                (
                    "X-Wap-Push-Accept-AppID",
                    "x-wap-application:push.sia, x-wap-application:mms.ua, x-acme:meter"
                ),
                ("X-Wap-Push-MaxMsgSize", "65536"),
                ("X-Wap-Push-Accept-MaxPushReq", "4"),
            ]
        );
        // printf %s of the values in a row, | openssl sha1 -binary | head -c 4 | base64
        assert_eq!(cpi.tag().to_string(), "P7Okuw==");
    }

    #[test]
    fn a_tag_is_known_in_every_spelling_that_gateways_use() {
        let tag = CpiTag([0xAB, 0xCD, 0x01, 0xFF]);
        assert_eq!(tag.to_string(), "q80B/w==");
        for text in [
            "q80B/w==",
            "q80B/w",
            "q80B/w=",
            " q80B/w==\t",
            "abcd01ff",
            "ABCD01FF",
            "AbCd01fF",
        ] {
            assert_eq!(tag.is(text), text != "q80B/w=", "{text}");
        }
        for text in [
            "",
            "Q80B/w==",
            "q80B_w==",
            "q80B/w== x",
            "abcd01f",
            "0xabcd01ff",
            "abcd01ff00",
            "*",
        ] {
            assert!(!tag.is(text), "{text}");
        }
    }

    #[test]
    fn an_id_without_a_uri_makes_the_list_a_star() {
        let list = |ids: &[&str]| {
            let cpi = cpi(ids, &[], &settings());
            value(&cpi, "X-Wap-Push-Accept-AppID").map(str::to_owned)
        };
        assert_eq!(list(&["4", "0x1267ab"]).as_deref(), Some("*"));
        assert_eq!(list(&["4", "x-wap-application:*"]).as_deref(), Some("*"));
        assert_eq!(list(&["4"]).as_deref(), Some("x-wap-application:mms.ua"));
        assert_eq!(list(&[]), None);
    }

    #[test]
    fn no_value_is_longer_than_the_setting() {
        let ids: Vec<_> = (0..10_000).map(|n| id(&format!("x-acme:{n}"))).collect();
        let types: Vec<_> = (0..10_000).map(|n| format!("text/x-{n}")).collect();
        let mut settings = settings();
        settings.languages = (0..10_000).map(|n| format!("x-{n}")).collect();
        let cpi = Cpi::new(&ids, types.iter().map(String::as_str), &settings);
        assert_eq!(value(&cpi, "X-Wap-Push-Accept"), Some("*/*"));
        assert_eq!(value(&cpi, "X-Wap-Push-Accept-AppID"), Some("*"));
        let languages = value(&cpi, "X-Wap-Push-Accept-Language").unwrap();
        assert!(languages.len() <= 256 && languages.ends_with(|last: char| last.is_ascii_digit()));
    }

    #[test]
    fn what_could_break_out_of_a_header_is_not_sent() {
        let mut settings = settings();
        settings.charsets = vec!["UTF-8\r\nX-Evil: 1".into(), "US-ASCII".into()];
        let cpi = cpi(&[], &["text/plain", "text/\u{e9}"], &settings);
        assert_eq!(value(&cpi, "X-Wap-Push-Accept-Charset"), Some("US-ASCII"));
        assert_eq!(value(&cpi, "X-Wap-Push-Accept"), Some("text/plain"));
    }

    //= specs/ota-http.md#cpitag
    //= type=test
    //# The CPITag MUST be computed anew after a change of any CPI header, before it is told to a gateway.
    //= specs/ota-http.md#cpitag
    //= type=test
    //# Equal CPI headers SHOULD give equal CPITags, whatever came in between.
    #[test]
    fn each_part_of_a_cpi_moves_the_tag_and_going_back_brings_it_back() {
        let first = cpi(&["4"], &["text/plain"], &settings());
        let mut others = vec![
            cpi(&["4", "2"], &["text/plain"], &settings()),
            cpi(&["4"], &["text/plain", "text/html"], &settings()),
        ];
        for change in [
            |settings: &mut CpiSettings| settings.languages.reverse(),
            |settings: &mut CpiSettings| settings.charsets.clear(),
            |settings: &mut CpiSettings| settings.encodings.push("deflate".into()),
            |settings: &mut CpiSettings| settings.max_message_length = 1400,
            |settings: &mut CpiSettings| settings.max_push_requests = 1,
        ] {
            let mut settings = settings();
            change(&mut settings);
            others.push(cpi(&["4"], &["text/plain"], &settings));
        }
        for other in others {
            assert_ne!(other.tag(), first.tag(), "{other:?}");
        }
        assert_eq!(cpi(&["4"], &["text/plain"], &settings()), first);
    }

    proptest! {
        #[test]
        fn equal_sets_give_equal_tags(numbers in prop::collection::vec(0..40_u32, 1..20), seed in any::<u64>()) {
            let forward: Vec<_> = numbers.iter().map(|n| id(&format!("x-acme:{n}"))).collect();
            let mut shuffled = forward.clone();
            let turn = usize::try_from(seed % 19).unwrap() % shuffled.len();
            shuffled.rotate_left(turn);
            shuffled.extend(forward.iter().take(3).cloned());
            let types = ["text/plain", "*/*"];
            prop_assert_eq!(
                Cpi::new(&forward, types, &settings()),
                Cpi::new(&shuffled, types.into_iter().rev(), &settings())
            );
        }
    }
}
