//! What is encoded is decoded to the same, in every form the options give.

use proptest::prelude::*;
use wap_wire::Date;
use wap_wire::wsp::{
    ApplicationIdForm, EncodeOptions, HeaderForm, HeaderValue, Quality, UnitPush, charset_name,
    content_type_name, language_code,
};

/// Headers in the very words in which decoding shows them.
fn header() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        dated(),
        integer(),
        text(),
        application(),
        with_quality(),
        cached(),
        cookie(),
        ("X-[A-Za-z]{1,12}", "[!-~]{0,40}"),
    ]
}

fn dated() -> impl Strategy<Value = (String, String)> {
    const NAMES: &[&str] = &[
        "Date",
        "Expires",
        "If-Modified-Since",
        "If-Unmodified-Since",
        "Last-Modified",
        "X-Wap-Tod",
        "Retry-After",
    ];
    (prop::sample::select(NAMES), 0..300_000_000_000_u64)
        .prop_map(|(name, seconds)| (name.to_owned(), Date(seconds).to_string()))
}

fn integer() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        (
            prop::sample::select(&["Age", "Content-Length", "Max-Forwards", "Retry-After"]),
            any::<u64>()
        )
            .prop_map(|(name, number)| (name.to_owned(), number.to_string())),
        (0..0x80_u8).prop_map(|flag| ("Push-Flag".to_owned(), flag.to_string())),
        any::<u8>().prop_map(|bearer| ("Bearer-Indication".to_owned(), format!("{bearer:02X}"))),
        (0..8_u8, 0..15_u8)
            .prop_map(|(major, minor)| ("Encoding-Version".to_owned(), format!("{major}.{minor}"))),
        (any::<u32>(), any::<u32>())
            .prop_map(|(a, b)| ("Range".to_owned(), format!("bytes={a}-{b}"))),
        (any::<u32>(), any::<u32>())
            .prop_map(|(a, b)| ("Content-Range".to_owned(), format!("bytes {a}-*/{b}"))),
    ]
}

fn text() -> impl Strategy<Value = (String, String)> {
    const NAMES: &[&str] = &[
        "Content-Location",
        "Location",
        "Referer",
        "X-Wap-Content-URI",
        "X-Wap-Initiator-URI",
        "Profile",
        "From",
        "Host",
        "Server",
        "User-Agent",
        "Etag",
        "Content-Base",
    ];
    (
        prop::sample::select(NAMES),
        "[!-~][ -~]{0,60}[!-~]|[é-ü]{1,5}|",
    )
        .prop_map(|(name, value)| (name.to_owned(), value))
}

fn application() -> impl Strategy<Value = (String, String)> {
    let registered = wap_wire::omna::applications()
        .filter(|&(number, _)| number != 0x904B)
        .map(|(_, uri)| uri.to_owned())
        .collect::<Vec<_>>();
    let id = prop_oneof![
        prop::sample::select(registered),
        "x-own-[a-z]{1,8}:[a-z.]{1,12}ua"
    ];
    (
        prop::sample::select(&["X-Wap-Application-Id", "Accept-Application"]),
        id,
    )
        .prop_filter("any application is shown as an asterisk", |(name, id)| {
            *name == "X-Wap-Application-Id" || !id.ends_with('*')
        })
        .prop_map(|(name, id)| (name.to_owned(), id))
}

fn with_quality() -> impl Strategy<Value = (String, String)> {
    let language = (0..0x90_u32)
        .prop_filter_map("not assigned", language_code)
        .prop_map(|code| ("Accept-Language", code));
    let charset = (0..2300_u32)
        .prop_filter_map("not assigned", charset_name)
        .prop_map(|name| ("Accept-Charset", name));
    let encoding = prop::sample::select(&["gzip", "compress", "deflate", "*", "own"])
        .prop_map(|name| ("Accept-Encoding", name));
    (
        prop_oneof![language, charset, encoding],
        prop::option::of(0..1000_u16),
    )
        .prop_map(|((name, value), quality)| {
            let quality = quality.and_then(Quality::from_thousandths);
            let suffix = quality
                .map(|quality| format!(";q={quality}"))
                .unwrap_or_default();
            (name.to_owned(), format!("{value}{suffix}"))
        })
}

fn cached() -> impl Strategy<Value = (String, String)> {
    let directive = prop_oneof![
        prop::sample::select(&[
            "no-cache",
            "no-store",
            "max-stale",
            "only-if-cached",
            "public",
            "private",
            "no-transform"
        ])
        .prop_map(str::to_owned),
        (
            prop::sample::select(&["max-age", "max-stale", "min-fresh", "s-maxage", "own"]),
            any::<u64>()
        )
            .prop_map(|(name, seconds)| format!("{name}={seconds}")),
        "own=\"[ -!#-Z^-~]{1,20}\"",
        "(private|no-cache)=\"X-[a-z]{1,5}(, Etag)?\"",
    ];
    directive.prop_map(|directive| ("Cache-Control".to_owned(), directive))
}

fn cookie() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        "[a-z]{1,8}=[a-zA-Z0-9]{1,20}(; path=\"/[a-z]{0,5}\")?(; max-age=[1-9][0-9]{0,5})?(; secure)?"
            .prop_map(|value| ("Set-Cookie".to_owned(), value)),
        "(\\$Version=1; )?[a-z]{1,8}=[a-z0-9]{1,9}(; \\$Path=/[a-z]{1,5})?(; \\$Domain=[a-z]{1,5}\\.net)?(; d=e)?"
            .prop_map(|value| ("Cookie".to_owned(), value)),
    ]
}

fn content_type() -> impl Strategy<Value = String> {
    let known = (0..0x320_u32)
        .prop_filter_map("not assigned", content_type_name)
        .prop_filter("has a parameter in its name", |name| !name.contains(';'));
    let media_type = prop_oneof![known.prop_map(str::to_owned), "x-[a-z]{1,6}/[a-z]{1,12}"];
    let parameters = prop_oneof![
        Just(String::new()),
        (0..2300_u32)
            .prop_filter_map("not assigned", charset_name)
            .prop_map(|name| format!("; charset={name}")),
        "; name=\"[ -!#-Z^-~]{1,20}\"",
        "; own=[1-9][0-9]{0,12}; other=[a-z]{1,9}",
        "; size=[1-9][0-9]{0,12}; secure; padding=[0-9]",
        any::<u32>()
            .prop_map(|seconds| format!("; creation-date=\"{}\"", Date(u64::from(seconds)))),
    ];
    (media_type, parameters).prop_map(|(media_type, parameters)| media_type + &parameters)
}

fn options() -> impl Strategy<Value = EncodeOptions> {
    let forms = (
        prop::sample::select(&[HeaderForm::Compact, HeaderForm::Text]),
        any::<bool>(),
    );
    (forms, prop::option::of((Just(1), 1..7_u8))).prop_map(
        |((header_form, as_uri), encoding_version)| EncodeOptions {
            header_form,
            application_id_form: if as_uri {
                ApplicationIdForm::Uri
            } else {
                ApplicationIdForm::Number
            },
            encoding_version,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pushes_are_decoded_to_what_was_encoded(
        tid: u8,
        content_type in content_type(),
        headers in prop::collection::vec(header(), 0..8),
        body: Vec<u8>,
        options in options(),
    ) {
        let pairs: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let octets = options.unit_push(tid, &content_type, &pairs, &body).unwrap();
        let UnitPush { tid: decoded_tid, push } = UnitPush::decode(&octets).unwrap();
        prop_assert_eq!(decoded_tid, tid);
        prop_assert_eq!(push.content_type.to_string(), content_type);
        prop_assert_eq!(push.body, body);
        let mut decoded = Vec::new();
        for header in push.headers {
            let header = header.unwrap();
            prop_assert!(!matches!(header.value, HeaderValue::Malformed(_)), "{:?}", header);
            decoded.push((header.name.to_string(), header.value.to_string()));
        }
        prop_assert_eq!(decoded, headers);
    }
}
