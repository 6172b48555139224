//! Decodes a seeded corpus of 1,000 varied pushes as many times as the argument says.
//!
//! Every header and parameter is decoded to its typed name and value and folded into a checksum, which is printed with
//! the number of headers. Run it under callgrind with N and 3 N rounds: the difference divided by 2,000 N is the number of
//! instructions a push takes.
//!
//! ```sh
//! cargo build --profile bench -p wap-wire --example decode_corpus
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/decode_corpus 1
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/decode_corpus 3
//! ```

#![expect(clippy::print_stdout, reason = "the figures are this program's output")]

use std::hint::black_box;
use wap_wire::wsp::{
    ApplicationId, ContentType, HeaderName, HeaderValue, Parameter, ParameterName, ParameterValue,
    UnitPush, encode_unit_push,
};
use wap_wire::{DecodeError, EncodeError, Text};

const PUSHES: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds: usize = std::env::args()
        .nth(1)
        .map_or(Ok(1), |argument| argument.parse())?;
    let corpus = corpus()?;
    let octets: usize = corpus.iter().map(Vec::len).sum();
    let mut checksum = Checksum::default();
    for _ in 0..rounds {
        for push in black_box(&corpus) {
            checksum.push(push)?;
        }
    }
    let headers = checksum.headers / rounds.max(1);
    println!(
        "{PUSHES} pushes, {octets} octets, {headers} headers, checksum {:016x}",
        checksum.sum
    );
    Ok(())
}

/// What decoding gave, folded into one number so that nothing is left out.
#[derive(Default)]
struct Checksum {
    sum: u64,
    headers: usize,
}

impl Checksum {
    #[inline]
    fn fold(&mut self, number: u64) {
        self.sum = (self.sum ^ number).wrapping_mul(0x0000_0100_0000_01B3);
    }

    #[inline]
    fn text(&mut self, text: Text<'_>) {
        let octets = text.as_bytes();
        self.fold(
            octets.len() as u64 | u64::from(octets.first().copied().unwrap_or_default()) << 32,
        );
    }

    fn push(&mut self, octets: &[u8]) -> Result<(), DecodeError> {
        let UnitPush { tid, push } = UnitPush::decode(octets)?;
        self.fold(u64::from(tid));
        self.content_type(&push.content_type);
        for header in push.headers {
            let header = header?;
            self.headers += 1;
            self.name(header.name);
            self.value(&header.value);
        }
        self.fold(push.body.len() as u64);
        Ok(())
    }

    fn content_type(&mut self, content_type: &ContentType<'_>) {
        match content_type.media() {
            wap_wire::wsp::Media::WellKnown(number) => self.fold(u64::from(number)),
            wap_wire::wsp::Media::Text(text) => self.text(text),
        }
        for parameter in content_type.parameters() {
            self.parameter(&parameter);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the values that are left are rare here"
    )]
    fn parameter(&mut self, parameter: &Parameter<'_>) {
        match parameter.name {
            ParameterName::WellKnown(known) => self.fold(u64::from(known.number())),
            ParameterName::Unassigned(number) => self.fold(u64::from(number)),
            ParameterName::Text(text) => self.text(text),
        }
        match parameter.value {
            ParameterValue::Text(text) | ParameterValue::Quoted(text) => self.text(text),
            ParameterValue::Integer(number) | ParameterValue::DeltaSeconds(number) => {
                self.fold(number);
            }
            ParameterValue::Charset(wap_wire::wsp::Charset::Number(number)) => {
                self.fold(u64::from(number));
            }
            ParameterValue::Date(date) => self.fold(date.0),
            ParameterValue::SecurityMethod(method) => self.fold(u64::from(method.number())),
            value => {
                black_box(value);
            }
        }
    }

    #[inline]
    fn name(&mut self, name: HeaderName<'_>) {
        match name {
            HeaderName::WellKnown(header) => self.fold(u64::from(header.number())),
            HeaderName::Unknown { page, number } => {
                self.fold(u64::from(page) << 8 | u64::from(number));
            }
            HeaderName::Text(text) => self.text(text),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the values that are left are rare here"
    )]
    #[inline]
    fn value(&mut self, value: &HeaderValue<'_>) {
        match value {
            HeaderValue::Text(text) | HeaderValue::Uri(text) | HeaderValue::Quoted(text) => {
                self.text(*text);
            }
            HeaderValue::ApplicationId(ApplicationId::Uri(text)) => self.text(*text),
            HeaderValue::ApplicationId(ApplicationId::Number(number)) => {
                self.fold(u64::from(*number));
            }
            HeaderValue::Date(date) => self.fold(date.0),
            HeaderValue::PushFlag(flag) => self.fold(u64::from(flag.0)),
            HeaderValue::Integer(number) | HeaderValue::DeltaSeconds(number) => self.fold(*number),
            value => {
                black_box(value);
            }
        }
    }
}

/// Numbers that only look random (xorshift64), the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        choices.get(index).copied().unwrap_or_default()
    }

    fn word(&mut self, length: u64) -> String {
        (0..length)
            .map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap_or_default()))
            .collect()
    }
}

/// The content type, its usual parameters, the application it is for, and the length of its body.
const TYPES: [(&str, &str, &str, u64); 14] = [
    (
        "application/vnd.wap.sic",
        "; charset=utf-8",
        "x-wap-application:wml.ua",
        60,
    ),
    (
        "application/vnd.wap.sic",
        "",
        "x-wap-application:wml.ua",
        70,
    ),
    (
        "application/vnd.wap.slc",
        "; charset=utf-8",
        "x-wap-application:wml.ua",
        40,
    ),
    (
        "application/vnd.wap.mms-message",
        "",
        "x-wap-application:mms.ua",
        110,
    ),
    (
        "application/vnd.wap.mms-message",
        "",
        "x-wap-application:mms.ua",
        130,
    ),
    (
        "application/vnd.wap.connectivity-wbxml",
        "; SEC=1; MAC=",
        "x-wap-application:wml.ua",
        120,
    ),
    (
        "application/vnd.syncml.notification",
        "",
        "x-wap-application:push.syncml",
        50,
    ),
    (
        "application/vnd.syncml.dm+wbxml",
        "",
        "x-wap-application:syncml.dm",
        90,
    ),
    (
        "application/vnd.wap.emn+wbxml",
        "",
        "x-wap-application:emn.ua",
        40,
    ),
    (
        "application/vnd.omaloc-supl-init",
        "",
        "x-oma-application:ulp.ua",
        30,
    ),
    (
        "text/plain",
        "; charset=iso-8859-1; name=\"note.txt\"",
        "x-wap-docomo:imode.mail.ua",
        80,
    ),
    (
        "text/vnd.wap.si",
        "; charset=us-ascii",
        "x-wap-application:wml.ua",
        120,
    ),
    ("application/x-own-news", "; edition=3", "x-own:news.ua", 60),
    (
        "application/vnd.wap.multipart.related",
        "; type=\"text/html\"; start=\"<a@b>\"",
        "x-wap-application:drm.ua",
        100,
    ),
];

fn corpus() -> Result<Vec<Vec<u8>>, EncodeError> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    (0..PUSHES)
        .map(|index| one_push(&mut random, index))
        .collect()
}

fn one_push(random: &mut Random, index: usize) -> Result<Vec<u8>, EncodeError> {
    let choice = usize::try_from(random.below(TYPES.len() as u64)).unwrap_or_default();
    let (media_type, parameters, application, length) =
        TYPES
            .get(choice)
            .copied()
            .unwrap_or(("text/plain", "", "", 1));
    let mut content_type = format!("{media_type}{parameters}");
    if parameters.ends_with('=') {
        content_type.push_str(&random.word(40).to_ascii_uppercase());
    }
    let body: Vec<u8> = (0..length * 8 / 10 + random.below(length * 5 / 4))
        .map(|_| random.next().to_le_bytes()[2])
        .collect();
    let headers = headers(random, application, body.len());
    let pairs: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    encode_unit_push(index.to_le_bytes()[0], &content_type, &pairs, &body)
}

fn headers(random: &mut Random, application: &str, length: usize) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    if random.percent(92) {
        // An unregistered URI stays text; so does a registered one in capitals with a suffix of its own.
        let own = random
            .percent(4)
            .then(|| format!("x-own-{}:{}.ua", random.word(4), random.word(6)));
        add(
            "X-Wap-Application-Id",
            own.unwrap_or_else(|| application.to_owned()),
        );
    }
    if random.percent(60) {
        add("Content-Length", length.to_string());
    }
    if random.percent(45) {
        add("Push-Flag", random.below(8).to_string());
    }
    if random.percent(48) {
        let name = random.pick(&["Date", "Expires", "Last-Modified", "X-Wap-Tod"]);
        add(
            name,
            (1_500_000_000 + random.below(500_000_000)).to_string(),
        );
    }
    if random.percent(32) {
        let name = random.pick(&[
            "X-Wap-Initiator-URI",
            "X-Wap-Content-URI",
            "Content-Location",
        ]);
        let path_length = 4 + random.below(30);
        add(
            name,
            format!(
                "http://{}.example.net/{}",
                random.word(6),
                random.word(path_length)
            ),
        );
    }
    if random.percent(60) {
        add(
            "Encoding-Version",
            random.pick(&["1.2", "1.3", "1.5"]).to_owned(),
        );
    }
    if random.percent(12) {
        let length = if random.percent(10) {
            120
        } else {
            3 + random.below(20)
        };
        add(&format!("X-Own-{}", random.word(5)), random.word(length));
    }
    if random.percent(42) {
        let (name, value) = less_common_header(random);
        add(name, value);
    }
    headers
}

fn less_common_header(random: &mut Random) -> (&'static str, String) {
    match random.below(10) {
        0 => (
            "Cache-Control",
            random
                .pick(&["no-cache", "max-age=3600", "private=\"Date\""])
                .to_owned(),
        ),
        1 => ("Content-ID", format!("<{}@example.net>", random.word(8))),
        2 => (
            "Content-Language",
            random.pick(&["en", "de", "ja", "en-gb"]).to_owned(),
        ),
        3 => (
            "User-Agent",
            format!("own-ppg/{}.{}", random.below(9), random.below(30)),
        ),
        4 => ("Age", random.below(100_000).to_string()),
        5 => (
            "Content-Encoding",
            random.pick(&["gzip", "deflate"]).to_owned(),
        ),
        6 => ("Via", format!("1.1 {}.example.net", random.word(5))),
        7 => (
            "Content-Disposition",
            format!("attachment; filename=\"{}.bin\"", random.word(6)),
        ),
        8 => ("Etag", format!("\"{}\"", random.word(10))),
        _ => ("Bearer-Indication", random.pick(&["0B", "03"]).to_owned()),
    }
}
