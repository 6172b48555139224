//! Documents of the Push Access Protocol (WAP-247 8), read and written.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::{BytesStart, Event};

/// How many recipients a message may name.
const MAX_ADDRESSES: usize = 1_000;
/// How deep elements may stand in each other.
const MAX_DEPTH: usize = 8;
/// How many octets of a bad message are told back.
const FRAGMENT: usize = 100;

/// A message of a push initiator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Push(PushMessage),
    Cancel {
        push_id: String,
        addresses: Vec<String>,
    },
    StatusQuery {
        push_id: String,
        addresses: Vec<String>,
    },
    CapabilitiesQuery {
        query_id: Option<String>,
        address: String,
    },
    /// The answer to a result notification.
    ResultNotificationResponse {
        code: u16,
    },
}

/// A push-message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PushMessage {
    pub(super) push_id: String,
    pub(super) addresses: Vec<String>,
    pub(super) replaces: Option<String>,
    pub(super) replace_pending_only: bool,
    pub(super) deliver_before: Option<u64>,
    pub(super) deliver_after: Option<u64>,
    pub(super) notify: Option<String>,
    pub(super) progress_notes: bool,
    pub(super) quality: Option<Quality>,
}

/// quality-of-service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Quality {
    pub(super) delivery_method: DeliveryMethod,
    pub(super) network: Option<String>,
    pub(super) network_required: bool,
    pub(super) bearer: Option<String>,
    pub(super) bearer_required: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum DeliveryMethod {
    Confirmed,
    PreferConfirmed,
    Unconfirmed,
    #[default]
    NotSpecified,
}

/// Why a document is no message: the status code, and the sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) code: u16,
    pub(super) reason: String,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) message: Message,
    /// Whether the initiator is known to understand more than version 1.0 of the protocol.
    pub(super) versions: bool,
}

fn bad(reason: impl Into<String>) -> Bad {
    Bad {
        code: 2000,
        reason: reason.into(),
    }
}

/// Reads a control entity.
pub(super) fn parse(octets: &[u8]) -> Result<Document, Bad> {
    let text = std::str::from_utf8(octets).map_err(|_| bad("the document is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let mut builder = Builder::default();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| bad(format!("the document is no XML: {error}")))?;
        match event {
            Event::Start(element) => builder.start(&element)?,
            Event::Empty(element) => {
                builder.start(&element)?;
                builder.depth -= 1;
            }
            Event::End(_) => builder.depth = builder.depth.saturating_sub(1),
            Event::DocType(declaration) => {
                builder.doctype(&String::from_utf8_lossy(&declaration))?;
            }
            Event::Text(text) if text.iter().all(u8::is_ascii_whitespace) => {}
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                return Err(bad("the document holds text"));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return builder.finish(),
        }
    }
}

#[derive(Debug, Default)]
struct Builder {
    depth: usize,
    versions: bool,
    name: Option<String>,
    attributes: Vec<(String, String)>,
    addresses: Vec<String>,
    quality: Option<Quality>,
}

impl Builder {
    fn doctype(&mut self, declaration: &str) -> Result<(), Bad> {
        if declaration.contains("<!ENTITY") {
            return Err(bad("the document declares entities"));
        }
        self.versions |= declaration.contains("wap-pap-ver");
        let Some((_, rest)) = declaration.split_once("//DTD PAP ") else {
            return Ok(());
        };
        let version = rest.split("//").next().unwrap_or_default();
        match version {
            "2.0" => self.versions = true,
            "1.0" => {}
            other => {
                return Err(Bad {
                    code: 3002,
                    reason: format!("version {other} of the protocol is not supported"),
                });
            }
        }
        Ok(())
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), Bad> {
        let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
        let attributes = attributes(element)?;
        match (self.depth, name.as_str()) {
            (0, "pap") if self.name.is_none() => {}
            (0, _) => return Err(bad(format!("the document is {name:?}, not pap"))),
            (1, _) if self.name.is_none() => {
                self.name = Some(name);
                self.attributes = attributes;
            }
            (1, _) => return Err(bad("the document holds two messages")),
            (_, "address") => {
                if self.addresses.len() >= MAX_ADDRESSES {
                    return Err(bad(format!("more than {MAX_ADDRESSES} addresses")));
                }
                let address = find(&attributes, "address-value");
                self.addresses
                    .push(address.ok_or_else(|| bad("an address has no address-value"))?);
            }
            (_, "quality-of-service") => self.quality = Some(quality(&attributes)?),
            // Later versions may have more elements.
            (_, _) => {}
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(bad("elements stand too deep in each other"));
        }
        Ok(())
    }

    fn finish(self) -> Result<Document, Bad> {
        if self.depth != 0 {
            return Err(bad("the document ends within an element"));
        }
        let versions = self.versions;
        Ok(Document {
            message: self.message()?,
            versions,
        })
    }

    fn message(self) -> Result<Message, Bad> {
        let name = self
            .name
            .as_deref()
            .ok_or_else(|| bad("the document holds no message"))?;
        let get = |name: &str| find(&self.attributes, name);
        let push_id = || {
            get("push-id")
                .filter(|id| !id.is_empty())
                .ok_or_else(|| bad(format!("{name} has no push-id")))
        };
        match name {
            "push-message" => {
                if self.addresses.is_empty() {
                    return Err(bad("push-message has no address"));
                }
                let time = |name: &str| {
                    let time = get(name);
                    time.map(|text| {
                        parse_time(&text).ok_or_else(|| bad(format!("{text:?} is no time")))
                    })
                    .transpose()
                };
                Ok(Message::Push(PushMessage {
                    push_id: push_id()?,
                    replaces: get("replace-push-id"),
                    replace_pending_only: get("replace-method").as_deref() == Some("pending-only"),
                    deliver_before: time("deliver-before-timestamp")?,
                    deliver_after: time("deliver-after-timestamp")?,
                    notify: get("ppg-notify-requested-to"),
                    progress_notes: get("progress-notes-requested").as_deref() == Some("true"),
                    quality: self.quality,
                    addresses: self.addresses,
                }))
            }
            "cancel-message" => Ok(Message::Cancel {
                push_id: push_id()?,
                addresses: self.addresses,
            }),
            "statusquery-message" => Ok(Message::StatusQuery {
                push_id: push_id()?,
                addresses: self.addresses,
            }),
            "ccq-message" => Ok(Message::CapabilitiesQuery {
                query_id: get("query-id"),
                address: self
                    .addresses
                    .into_iter()
                    .next()
                    .ok_or_else(|| bad("ccq-message has no address"))?,
            }),
            "resultnotification-response" => {
                let code = get("code").and_then(|code| code.parse().ok());
                Ok(Message::ResultNotificationResponse {
                    code: code.ok_or_else(|| bad("the response has no code"))?,
                })
            }
            other => Err(bad(format!("{other:?} is no message to a gateway"))),
        }
    }
}

fn quality(attributes: &[(String, String)]) -> Result<Quality, Bad> {
    let get = |name| find(attributes, name);
    let method = get("delivery-method");
    let delivery_method = match method.as_deref() {
        Some("confirmed") => DeliveryMethod::Confirmed,
        Some("preferconfirmed") => DeliveryMethod::PreferConfirmed,
        Some("unconfirmed") => DeliveryMethod::Unconfirmed,
        Some("notspecified") | None => DeliveryMethod::NotSpecified,
        Some(other) => return Err(bad(format!("{other:?} is no delivery-method"))),
    };
    Ok(Quality {
        delivery_method,
        network: get("network"),
        network_required: get("network-required").as_deref() == Some("true"),
        bearer: get("bearer"),
        bearer_required: get("bearer-required").as_deref() == Some("true"),
    })
}

fn attributes(element: &BytesStart<'_>) -> Result<Vec<(String, String)>, Bad> {
    let mut all = Vec::new();
    for attribute in element.attributes() {
        let attribute =
            attribute.map_err(|error| bad(format!("the document is no XML: {error}")))?;
        let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let raw = String::from_utf8_lossy(&attribute.value).into_owned();
        let value = unescape(&raw)
            .map_err(|error| bad(format!("the document is no XML: {error}")))?
            .into_owned();
        all.push((name, value));
    }
    Ok(all)
}

fn find(attributes: &[(String, String)], name: &str) -> Option<String> {
    attributes
        .iter()
        .find(|(candidate, _)| candidate == name)
        .map(|(_, value)| value.clone())
}

/// An element to be written.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Self>,
}

impl Element {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    pub(super) fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The recipient with this address.
    pub(super) fn address(value: &str) -> Self {
        Self::new("address").with("address-value", value)
    }

    /// The answer to what cannot be understood.
    pub(super) fn bad_message(bad: &Bad, message: &[u8]) -> Self {
        let fragment: Vec<u8> = message.iter().copied().take(FRAGMENT).collect();
        Self::new("badmessage-response")
            .with("code", bad.code.to_string())
            .with("desc", bad.reason.as_str())
            .with(
                "bad-message-fragment",
                printable(&String::from_utf8_lossy(&fragment)),
            )
    }

    fn write(&self, to: &mut String) {
        to.extend(["<", self.name]);
        for (name, value) in &self.attributes {
            let value: Cow<'_, str> = escape(value.as_str());
            to.extend([" ", name, "=\"", &value, "\""]);
        }
        if self.children.is_empty() {
            to.push_str("/>");
            return;
        }
        to.push('>');
        for child in &self.children {
            child.write(to);
        }
        to.extend(["</", self.name, ">"]);
    }

    /// The document that holds it. `versions`: whether the other side may be told which ones are supported.
    pub(super) fn document(&self, versions: bool) -> String {
        let supported = if versions {
            " [<?wap-pap-ver supported-versions=\"2.0,1.*\"?>]"
        } else {
            ""
        };
        let version = if versions { "2.0" } else { "1.0" };
        let mut text = format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP {version}//EN\" \
             \"http://www.wapforum.org/DTD/pap_{version}.dtd\"{supported}>\n"
        );
        Self::new("pap")
            .with("product-name", "push-lab")
            .holding([self.clone()])
            .write(&mut text);
        text.push('\n');
        text
    }
}

/// Without control characters, which XML does not allow.
fn printable(text: &str) -> String {
    let visible = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    text.chars().map(visible).collect()
}

/// Seconds since 1970 of a time like `2026-01-02T03:04:05Z`.
pub(super) fn parse_time(text: &str) -> Option<u64> {
    let digits = |range: std::ops::Range<usize>| -> Option<u64> {
        let part = text.get(range)?;
        let all = part.bytes().all(|octet| octet.is_ascii_digit());
        part.parse().ok().filter(|_| all)
    };
    let marks = [
        (4, '-'),
        (7, '-'),
        (10, 'T'),
        (13, ':'),
        (16, ':'),
        (19, 'Z'),
    ];
    let placed =
        |(at, mark): &(usize, char)| text.get(*at..at + 1) == Some(mark.to_string().as_str());
    if text.len() != 20 || !marks.iter().all(placed) {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let possible = year >= 1970
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !possible {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The time in the form that [`parse_time`] reads.
pub(super) fn write_time(seconds: u64) -> String {
    let (days_since, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while days(year + 1, 1, 1) <= days_since {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days(year, month + 1, 1) <= days_since {
        month += 1;
    }
    let day = days_since - days(year, month, 1) + 1;
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days from 1970 to a date.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let leap_years = (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 477;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let before = match month {
        1 => 0,
        2 => 31,
        3 => 59,
        4 => 90,
        5 => 120,
        6 => 151,
        7 => 181,
        8 => 212,
        9 => 243,
        10 => 273,
        11 => 304,
        _ => 334,
    };
    let leap_day = if leap && month > 2 { 1 } else { 0 };
    (year - 1970) * 365 + leap_years + before + leap_day + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Message, Bad> {
        parse(text.as_bytes()).map(|document| document.message)
    }

    #[test]
    fn a_push_message_is_read_whole() {
        let document = parse(
            br#"<?xml version="1.0"?>
<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://a.example/pap_2.0.dtd" [<?wap-pap-ver supported-versions="2.0"?>]>
<pap product-name="initiator"><!-- one -->
  <push-message push-id="7@pi.example" deliver-before-timestamp="2031-02-03T04:05:06Z"
      ppg-notify-requested-to="http://pi.example/?a=1&amp;b=2" progress-notes-requested="true" unknown="1">
    <address address-value="WAPPUSH=a/TYPE=USER@gw.example"></address>
    <address address-value="WAPPUSH=b/TYPE=USER@gw.example"/>
    <quality-of-service delivery-method="confirmed" bearer="GPRS" bearer-required="true"/>
  </push-message>
</pap>"#,
        )
        .unwrap();
        assert!(document.versions);
        let expected = PushMessage {
            push_id: "7@pi.example".to_owned(),
            addresses: ["a", "b"]
                .map(|name| format!("WAPPUSH={name}/TYPE=USER@gw.example"))
                .to_vec(),
            deliver_before: Some(1_927_857_906),
            notify: Some("http://pi.example/?a=1&b=2".to_owned()),
            progress_notes: true,
            quality: Some(Quality {
                delivery_method: DeliveryMethod::Confirmed,
                bearer: Some("GPRS".to_owned()),
                bearer_required: true,
                ..Quality::default()
            }),
            ..PushMessage::default()
        };
        assert_eq!(document.message, Message::Push(expected));
    }

    #[test]
    fn the_other_messages_are_read() {
        let id = || "i".to_owned();
        for (text, expected) in [
            (
                r#"<pap><cancel-message push-id="i"/></pap>"#,
                Message::Cancel {
                    push_id: id(),
                    addresses: vec![],
                },
            ),
            (
                r#"<pap><statusquery-message push-id="i"><address address-value="x"/></statusquery-message></pap>"#,
                Message::StatusQuery {
                    push_id: id(),
                    addresses: vec!["x".to_owned()],
                },
            ),
            (
                r#"<pap><ccq-message query-id="i"><address address-value="x"/></ccq-message></pap>"#,
                Message::CapabilitiesQuery {
                    query_id: Some(id()),
                    address: "x".to_owned(),
                },
            ),
            (
                r#"<pap><resultnotification-response push-id="i" code="1000"><address address-value="x"/></resultnotification-response></pap>"#,
                Message::ResultNotificationResponse { code: 1000 },
            ),
        ] {
            assert_eq!(parsed(text), Ok(expected));
        }
    }

    #[test]
    fn what_cannot_be_understood_says_why() {
        for (text, code, reason) in [
            ("", 2000, "no message"),
            ("<pap>", 2000, "within an element"),
            ("<pap></pap>", 2000, "no message"),
            ("<pap><", 2000, "no XML"),
            ("<pap></pop>", 2000, "no XML"),
            ("<other/>", 2000, "not pap"),
            ("<pap>text</pap>", 2000, "text"),
            (
                "<pap><push-message push-id=\"1\"/></pap>",
                2000,
                "no address",
            ),
            (
                "<pap><push-message push-id=\"\"><address address-value=\"x\"/></push-message></pap>",
                2000,
                "no push-id",
            ),
            (
                "<pap><push-message push-id=\"1\"><address/></push-message></pap>",
                2000,
                "address-value",
            ),
            ("<pap><cancel-message/></pap>", 2000, "no push-id"),
            (
                "<pap><cancel-message push-id=\"1\"/><cancel-message push-id=\"1\"/></pap>",
                2000,
                "two messages",
            ),
            ("<pap><dance/></pap>", 2000, "no message to a gateway"),
            (
                "<pap><a><b><c><d><e><f><g><h/></g></f></e></d></c></b></a></pap>",
                2000,
                "too deep",
            ),
            (
                "<pap><push-message push-id=\"1\" deliver-after-timestamp=\"soon\"><address address-value=\"x\"/></push-message></pap>",
                2000,
                "no time",
            ),
            ("<!DOCTYPE pap [<!ENTITY a \"b\">]><pap/>", 2000, "entities"),
            (
                "<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 7.1//EN\" \"x\"><pap/>",
                3002,
                "7.1",
            ),
        ] {
            let error = parsed(text).unwrap_err();
            assert_eq!(error.code, code, "{text}");
            assert!(error.reason.contains(reason), "{text}: {}", error.reason);
        }
        let error = parse(b"<pap a=\"\xff\"/>").unwrap_err();
        assert!(error.reason.contains("UTF-8"));
    }

    #[test]
    fn documents_are_written_with_what_the_other_side_understands() {
        let element = Element::new("push-response")
            .with("push-id", "a<\"b\">&'c'")
            .holding([Element::new("response-result").with("code", "1001")]);
        assert_eq!(
            element.document(true),
            "<?xml version=\"1.0\"?>\n<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 2.0//EN\" \
             \"http://www.wapforum.org/DTD/pap_2.0.dtd\" [<?wap-pap-ver supported-versions=\"2.0,1.*\"?>]>\n\
             <pap product-name=\"push-lab\"><push-response push-id=\"a&lt;&quot;b&quot;&gt;&amp;&apos;c&apos;\">\
             <response-result code=\"1001\"/></push-response></pap>\n"
        );
        let bad = Element::bad_message(&bad("no"), b"\x00<x \xff");
        assert_eq!(
            bad.document(false),
            "<?xml version=\"1.0\"?>\n<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 1.0//EN\" \
             \"http://www.wapforum.org/DTD/pap_1.0.dtd\">\n<pap product-name=\"push-lab\">\
             <badmessage-response code=\"2000\" desc=\"no\" bad-message-fragment=\" &lt;x \u{fffd}\"/></pap>\n"
        );
    }

    #[test]
    fn times_are_seconds_since_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:45Z", 951_827_445),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(parse_time(text), Some(seconds));
            assert_eq!(write_time(seconds), text);
        }
        for text in [
            "2000-13-01T00:00:00Z",
            "2000-01-01 00:00:00Z",
            "1969-01-01T00:00:00Z",
            "2000-01-01T00:00:00",
            "+000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
