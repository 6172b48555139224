use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn shown(media_type: &str, content: &[u8]) -> Value {
    serde_json::to_value(decoded(media_type, None, content)).unwrap()
}

const SI: &[u8] = b"\x02\x05\x6A\x00\x45\xC6\x0D\x03a.example\x00\x85\x03b\x00\x0A\xC3\x04\x20\x26\x01\x02\x08\x01\x03 Hi\x00\x02\x81\x69\x01\x47\xC8\x12\x03c\0\x01\x03more\0\x01\x01\x01";
const PROVISIONING: &[u8] = b"\x03\x0B\x6A\x04N1\0\0\xC5\x46\x01\xC6\x55\x01\x87\x11\x06\x83\x00\x01\x87\x10\x06\xAB\x01\xC6\x5A\x01\x87\x0E\x06\x03hidden\0\x01\x87\x05\x03x\0\x06\x03shown\0\x01\x87\x7F\x06\x03hidden\0\x01\x01\x01\x01";

#[test]
fn service_indications_say_the_same_in_both_forms() {
    let expected = json!({
        "kind": "si",
        "href": "http://www.a.example.com/b",
        "action": "signal-high",
        "created": "2026-01-02T00:00:00Z",
        "text": "Hié",
        "info": [{"class": "c", "text": "more"}],
    });
    assert_eq!(shown("application/vnd.wap.sic", SI), expected);
    assert_eq!(shown("application/vnd.wap.wbxml", SI), expected);
    let text = r#"<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://a.example/si.dtd">
        <si><indication href="http://www.a.example.com/b" action="signal-high" created="2026-01-02T00:00:00Z">
        Hi&#xE9;</indication><info><item class="c"><![CDATA[more]]></item></info></si>"#;
    assert_eq!(shown("text/vnd.wap.si", text.as_bytes()), expected);
}

#[test]
fn what_nothing_is_said_of_is_what_the_specifications_say() {
    let si = shown("application/vnd.wap.sic", b"\x03\x05\x6A\x00\x45\x06\x01");
    assert_eq!(si, json!({"kind": "si", "action": "signal-medium"}));
    // The media type says what an unknown public identifier does not.
    let sl = shown(
        "application/vnd.wap.slc",
        b"\x03\x01\x6A\x00\x85\x09\x03a/\0\x01",
    );
    assert_eq!(
        sl,
        json!({"kind": "sl", "href": "http://a/", "action": "execute-low"})
    );
}

#[test]
fn cache_operations_and_e_mail_notifications_are_shown() {
    let co =
        b"\x01\x07\x6A\x00\x45\x86\x07\x03a.example\x00\x85\x03b\x00\x01\x87\x05\x03/c\x00\x01\x01";
    let expected = json!({"kind": "co", "invalidate": [{"object": "http://www.a.example.com/b"}, {"service": "/c"}]});
    assert_eq!(shown("application/vnd.wap.coc", co), expected);
    let co = br#"<co><invalidate-object uri="http://www.a.example.com/b"/><invalidate-service uri="/c"></invalidate-service></co>"#;
    assert_eq!(shown("text/vnd.wap.co", co), expected);
    let emn =
        b"\x03\x0D\x6A\x00\x85\x07\x03a@b.example\x00\x05\xC3\x07\x20\x26\x10\x11\x12\x13\x14\x01";
    assert_eq!(
        shown("application/vnd.wap.emn+wbxml", emn),
        json!({"kind": "emn", "mailbox": "mailat:a@b.example", "timestamp": "2026-10-11T12:13:14Z"})
    );
}

#[test]
fn provisioning_is_a_tree_without_secrets() {
    let document = decoded("application/vnd.wap.connectivity-wbxml", None, PROVISIONING).unwrap();
    let inner = json!({
        "type": "NAPAUTHINFO",
        "parms": [["AUTHSECRET", MASKED], ["x", "shown"], ["", MASKED]],
    });
    let expected = json!({
        "kind": "provisioning",
        "version": "1.0",
        "characteristics": [{
            "type": "NAPDEF",
            "parms": [["NAPID", "N1"], ["BEARER", "GSM-GPRS"]],
            "characteristics": [inner],
        }],
    });
    assert_eq!(serde_json::to_value(&document).unwrap(), expected);
    let lines = document.lines().join("\n");
    assert!(
        lines.contains("    NAPAUTHINFO\n      AUTHSECRET: (masked)\n"),
        "{lines}"
    );
    assert!(!lines.contains("hidden") && !format!("{document:?}").contains("hidden"));

    let text = br#"<wap-provisioningdoc><characteristic type="PXLOGICAL"><parm name="PXAUTH-PW" value="hidden"/>
        <parm name="Web-Password" value="hidden"/><parm name="A" name="AAUTHSECRET" value="hidden"/></characteristic></wap-provisioningdoc>"#;
    let document = shown("text/vnd.wap.connectivity-xml", text);
    let parms = json!([
        ["PXAUTH-PW", MASKED],
        ["Web-Password", MASKED],
        ["A", MASKED]
    ]);
    assert_eq!(document["characteristics"][0]["parms"], parms);
}

#[test]
fn notifications_of_mms_are_shown() {
    let content = b"\x8C\x82\x98t-1\0\x8D\x92\x89\x11\x80+4912/TYPE=PLMN\0\x96\x09\xEAGr\xC3\xBC\xC3\x9Fe\0\x8A\x80\x8E\x02\x75\x30\x88\x05\x81\x03\x01\x51\x80\x83http://a.example/1\0";
    let expected = json!({
        "kind": "mms",
        "transaction-id": "t-1",
        "mms-version": "1.2",
        "from": "+4912/TYPE=PLMN",
        "subject": "Grüße",
        "message-class": "personal",
        "message-size": 30_000,
        "expiry": {"seconds": 86_400},
        "content-location": "http://a.example/1",
    });
    assert_eq!(shown("application/vnd.wap.mms-message", content), expected);
    assert_eq!(
        shown("application/vnd.wap.mms-message", b"\x8C\x84"),
        Value::Null
    );
}

#[test]
fn plain_text_is_shown_where_it_is_text() {
    assert_eq!(
        shown("text/plain", "Grüße".as_bytes()),
        json!({"kind": "text", "text": "Grüße"})
    );
    assert_eq!(
        shown("text/plain", b"caf\xE9!"),
        json!({"kind": "text", "text": "café!"})
    );
    let shown_as = |charset, content| decoded("text/plain", Some(charset), content);
    assert_eq!(shown_as("koi8-r", b"\xF0\xD2!"), None);
    assert_eq!(shown_as("utf-16", b"\0H\0i"), None);
    let long = "é".repeat(100_000);
    let shown = shown("text/plain", long.as_bytes());
    assert_eq!(shown["truncated"], true);
    assert_eq!(shown["text"].as_str().unwrap().chars().count(), MAX_VALUE);
}

#[test]
fn what_is_not_known_or_not_what_it_says_is_not_shown() {
    assert_eq!(shown("image/gif", b"GIF89a"), Value::Null);
    assert_eq!(
        shown("application/vnd.wap.sic", b"\x03\x05\x6A\x00\x45"),
        Value::Null
    );
    assert_eq!(
        shown("text/vnd.wap.si", b"<si><indication></si>"),
        Value::Null
    );
    assert_eq!(shown("text/vnd.wap.si", b"<si>"), Value::Null);
    assert_eq!(shown("text/vnd.wap.si", b"<html/>"), Value::Null);
    assert_eq!(shown("text/vnd.wap.si", b""), Value::Null);
}

#[test]
fn hostile_documents_become_neither_large_nor_deep() {
    // Entities of the document's own are not expanded.
    let bomb = br#"<!DOCTYPE si [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><si><indication href="&b;">&b;</indication></si>"#;
    assert_eq!(
        shown("text/vnd.wap.si", bomb),
        json!({"kind": "si", "href": "&b;", "action": "signal-medium", "text": "&b;"})
    );
    let deep = "<co>".repeat(MAX_CONTENT / 4);
    assert_eq!(shown("text/vnd.wap.co", deep.as_bytes()), Value::Null);
    let wide = format!("<co>{}</co>", "<a/>".repeat(MAX_ELEMENTS));
    assert_eq!(shown("text/vnd.wap.co", wide.as_bytes()), Value::Null);
    let many = format!("<sl {}/>", "a='' ".repeat(12_000));
    assert_eq!(shown("text/vnd.wap.sl", many.as_bytes()), json!(null));
    let long = format!("<sl href='{}'/>", "a".repeat(MAX_TEXT));
    assert_eq!(shown("text/vnd.wap.sl", long.as_bytes()), Value::Null);
    let too_long = format!("<sl/>{}", " ".repeat(MAX_CONTENT));
    assert_eq!(shown("text/vnd.wap.sl", too_long.as_bytes()), Value::Null);

    // A long string, referred to again and again.
    let mut octets = Vec::from(b"\x03\x06\x6A\x88\x00".as_slice());
    octets.extend([b'a'; 1023]);
    octets.extend(b"\0\x85\x08");
    octets.extend(b"\x83\x00".repeat(20_000));
    octets.push(1);
    assert_eq!(shown("application/vnd.wap.slc", &octets), Value::Null);
}

const TYPES: [&str; 10] = [
    "text/plain",
    "text/vnd.wap.si",
    "text/vnd.wap.connectivity-xml",
    "application/vnd.wap.sic",
    "application/vnd.wap.slc",
    "application/vnd.wap.coc",
    "application/vnd.wap.emn+wbxml",
    "application/vnd.wap.connectivity-wbxml",
    "application/vnd.wap.wbxml",
    "application/vnd.wap.mms-message",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_content_is_shown_within_bounds(content: Vec<u8>, at: usize, octet: u8) {
        let mut changed = [SI, PROVISIONING].concat();
        let at = at % changed.len();
        changed[at] = octet;
        let (si, provisioning) = changed.split_at(SI.len());
        for content in [&content[..], si, provisioning, &changed[at..]] {
            for media_type in TYPES {
                if let Some(decoded) = decoded(media_type, None, content) {
                    let json = serde_json::to_string(&decoded).unwrap();
                    prop_assert!(json.len() <= 8 * MAX_TEXT);
                    prop_assert!(!decoded.lines().is_empty());
                }
            }
        }
    }
}
