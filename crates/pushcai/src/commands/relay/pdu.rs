//! From an event back to the push that it came as.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use push_api::PushEvent;
use wap_wire::wsp::encode_unit_push;

/// What names the application in a push.
const APPLICATION: &str = "X-Wap-Application-Id";

/// The connectionless push with the headers and the content of `event`. Its transaction identifier is made up: that of the
/// transmission is not in the event, and says nothing any more. A header that WSP has no form for is left out.
pub(super) fn encode(event: &PushEvent) -> Result<Vec<u8>, String> {
    let content = STANDARD
        .decode(&event.content)
        .map_err(|error| format!("its content is no base64: {error}"))?;
    let content_type = content_type(event);
    let application = (APPLICATION, event.push_application_id.as_str());
    let others = event.headers.iter();
    let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
    let others = others.filter(|(name, _)| !name.eq_ignore_ascii_case(APPLICATION));
    let fits = |header: &(&str, &str)| encode_unit_push(0, "text/plain", &[*header], b"").is_ok();
    let headers: Vec<_> = std::iter::once(application)
        .chain(others)
        .filter(fits)
        .collect();
    let transaction = event.id.bytes().fold(0_u8, u8::wrapping_add);
    encode_unit_push(transaction, &content_type, &headers, &content)
        .map_err(|error| format!("it cannot be written as a push over WSP: {error}"))
}

fn content_type(event: &PushEvent) -> String {
    let mut text = event.content_type.clone();
    for (name, value) in &event.parameters {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        text.extend(["; ", name, "=\"", &quoted, "\""]);
    }
    text
}

#[cfg(test)]
mod tests {
    use wap_wire::wsp::UnitPush;

    use super::*;

    fn event() -> PushEvent {
        let document = serde_json::json!({
            "id": "0000000000000007",
            "registrationID": "0000000000000001",
            "pushApplicationID": "x-wap-application:mms.ua",
            "contentType": "application/vnd.wap.mms-message",
            "content": STANDARD.encode(b"\x8c\x82content"),
            "protocol": "OTA-WSP",
            "bearer": "GSM-SMS",
            "server": "+15550000",
            "ports": {},
            "receivedAt": 1,
            "attempt": 1,
            "authenticated": false,
            "trusted": false,
        });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_push_is_what_it_was() {
        let octets = encode(&event()).unwrap();
        assert_eq!(octets[1..], *b"\x06\x03\xBE\xAF\x84\x8c\x82content");
    }

    #[test]
    fn headers_and_parameters_go_with_it() {
        let event = PushEvent {
            parameters: vec![("charset".to_owned(), "utf-8".to_owned())],
            headers: vec![
                ("x-wap-application-id".to_owned(), "4".to_owned()),
                (
                    "X-Wap-Initiator-URI".to_owned(),
                    "http://pi.example/".to_owned(),
                ),
                ("X-Odd".to_owned(), "value".to_owned()),
                ("X-Bad".to_owned(), "a\0b".to_owned()),
            ],
            ..event()
        };
        let octets = encode(&event).unwrap();
        let push = UnitPush::decode(&octets).unwrap().push;
        assert_eq!(push.application_id().unwrap().number(), Some(4));
        assert_eq!(push.content_type.parameters().count(), 1);
        let names: Vec<String> = push
            .headers
            .into_iter()
            .filter_map(|header| header.ok().map(|header| header.name.to_string()))
            .collect();
        assert_eq!(
            names,
            ["X-Wap-Application-Id", "X-Wap-Initiator-URI", "X-Odd"]
        );
    }

    #[test]
    fn what_is_no_push_is_said() {
        let event = PushEvent {
            content: "no base64!".to_owned(),
            ..event()
        };
        assert!(encode(&event).unwrap_err().contains("base64"));
    }
}
