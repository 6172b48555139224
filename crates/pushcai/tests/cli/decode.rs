//! `pushcai decode`.

use insta::assert_snapshot;

use crate::run::{pushcai, with_input};

/// An MMS push of our own, with a header by name and a push flag that is too long.
const PUSH: &str = "2a0611beaf84c393 8d84 582d4100 6200 b40161 0102 0304";

#[test]
fn pushes_headers_and_content_types_have_their_documented_shapes() {
    assert_snapshot!(pushcai(&[
        "decode",
        "--kind",
        "wsp-push",
        PUSH,
        "0006 04 03 83 81 ea 68 69"
    ]));
    assert_snapshot!(pushcai(&[
        "decode",
        "--kind",
        "wsp-headers",
        "af:84:c3:93",
        "0xaf02",
        ""
    ]));
    assert_snapshot!(pushcai(&[
        "decode",
        "--kind",
        "content-type",
        "be",
        "03ae81ea00",
        "612f6200",
        "03020310",
        ""
    ]));
}

#[test]
fn session_initiation_requests_have_their_documented_shape() {
    let tail = "02 01 00 0b 687474703a2f2f702e6578 01 deadbeef";
    let whole = format!(
        "01 06 b284b280b29f 08 c40b23f1c6336401 13 c40a0fc4c6336402 84000a000001 83039471f0 {tail}"
    );
    let run = pushcai(&[
        "decode",
        "--kind",
        "sia",
        &whole,
        "00 02b284 08c40b23f1c6336401",
        "01 00 00 00 00 02abcd",
        "01 0134",
        "02",
    ]);
    assert_eq!(run.code, 0);
    assert_snapshot!(run);
    let run = pushcai(&[
        "decode",
        "--kind",
        "sia",
        "",
        "01 05b284",
        "01 02b205 00",
        "00 0134 0fc90a393230313139382e35312e313030",
    ]);
    assert_eq!(run.code, 4);
    assert_snapshot!(run);
}

#[test]
fn a_value_that_its_header_cannot_have_is_shown_and_named() {
    let run = pushcai(&["decode", "--kind", "wsp-headers", "92 61 00 8d 81"]);
    assert_eq!(run.code, 0);
    assert_snapshot!(run);
}

#[test]
fn what_cannot_be_decoded_is_answered_with_code_and_place() {
    let run = pushcai(&[
        "decode",
        "--kind",
        "wsp-push",
        "",
        "00",
        "0007018300",
        "00067f",
        "0006 02 1f",
        "0g",
        "000",
    ]);
    assert_eq!(run.code, 4);
    assert_snapshot!(run);
}

#[test]
fn every_line_of_the_input_gives_one_line() {
    let run = with_input(&["decode", "--kind", "content-type"], b"be\n\nzz\n\xff\n83");
    assert_eq!(run.code, 4);
    assert_eq!(run.stdout.lines().count(), 5);
    let many = "be\n".repeat(10_000);
    let run = with_input(
        &["decode", "--kind", "content-type", "--json"],
        many.as_bytes(),
    );
    assert_eq!((run.code, run.stdout.lines().count()), (0, 10_000));
}

#[test]
fn a_line_without_end_is_refused() {
    let run = with_input(&["decode", "--kind", "content-type"], &vec![b'0'; 5 << 20]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(
        run.stderr,
        "pushcai: a line of the input has more than 4194304 octets\n"
    );
}

#[test]
fn documents_have_their_documented_shape() {
    let sl = "03 06 6a 00 85 09 03 612f00 3f 01";
    let run = pushcai(&["decode", "--kind", "wbxml", sl, "03 01 00 00 05"]);
    assert_eq!(run.code, 0);
    let answers = run.stdout.lines().map(serde_json::from_str);
    let answers: Vec<serde_json::Value> = answers.collect::<Result<_, _>>().unwrap();
    let service_loading = serde_json::json!({
        "ok": true,
        "version": "1.3",
        "publicID": {"code": 6, "text": "-//WAPFORUM//DTD SL 1.0//EN"},
        "charset": "utf-8",
        "root": {"name": "sl", "attributes": [["href", "http://a/"], ["#0:3F", ""]]},
        "decoded": {"kind": "sl", "href": "http://a/", "action": "execute-low"},
    });
    let unknown = serde_json::json!({
        "ok": true,
        "version": "1.3",
        "publicID": {"code": null, "text": null},
        "charset": null,
        "root": {"name": "#0:05"},
        "decoded": null,
    });
    assert_eq!(answers, [service_loading, unknown]);

    let many = format!("03 05 6a 00 45 {} 01", "06".repeat(1_000));
    let run = pushcai(&["decode", "--kind", "wbxml", "03 06 6a 00 85", "00", &many]);
    assert_eq!(run.code, 4);
    let codes: Vec<_> = run
        .stdout
        .lines()
        .map(|line| {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            (
                answer["error"]["code"].to_string(),
                answer["error"]["offset"].to_string(),
            )
        })
        .collect();
    let expected = [
        ("truncated", 5),
        ("unsupported-version", 0),
        ("too-large", 0),
    ];
    assert_eq!(
        codes,
        expected.map(|(code, offset)| (format!("{code:?}"), offset.to_string()))
    );
}

/// An SMS-DELIVER of 8 bit data with a header from +15551234567 up to its user data.
const DELIVER: &str = "440b915155214365f7000462102021436500";

fn deliver(user_data: &str) -> String {
    format!("{DELIVER}{:02x}{user_data}", user_data.len() / 2)
}

/// A push of three segments in reverse order.
fn segments() -> [String; 3] {
    [(3, "6c64"), (2, "776f72"), (1, "00060383af8480")]
        .map(|(sequence, data)| deliver(&format!("0b05040b8423f0000396030{sequence}{data}")))
}

fn decoded(items: &[&str]) -> serde_json::Value {
    let run = pushcai(&[&["decode", "--kind", "sms-tpdu"], items].concat());
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn segments_of_a_short_message_become_a_push_in_any_order() {
    let [third, second, first] = &segments();
    let segments = [1, 2, 3].map(|seq| {
        serde_json::json!({
            "sender": "+15551234567",
            "ports": {"dest": 2948, "orig": 9200},
            "concat": {"ref": 0x96, "total": 3, "seq": seq, "bits": 8},
        })
    });
    let expected = serde_json::json!({
        "ok": true,
        "segments": segments,
        "missing": [],
        "data": "00060383af8480776f726c64",
        "push": {
            "tid": 0, "pdu": "Push", "contentType": "text/plain", "parameters": {},
            "applicationId": {"uri": "x-wap-application:mms.ua", "code": 4},
            "headers": [["X-Wap-Application-Id", "x-wap-application:mms.ua"]],
            "body": "80776f726c64",
        },
    });
    for order in [
        [first, second, third],
        [third, second, first],
        [second, third, first],
    ] {
        assert_eq!(decoded(&order.map(String::as_str)), expected);
        let line = order.map(String::as_str).join(" ");
        assert_eq!(decoded(&[&line]), expected);
        let run = with_input(&["decode", "--kind", "sms-tpdu"], line.as_bytes());
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap(),
            expected
        );
    }
}

#[test]
fn missing_and_repeated_segments_are_told() {
    let [third, second, first] = &segments();
    let some = decoded(&[second]);
    assert_eq!(some["missing"], serde_json::json!([1, 3]));
    assert_eq!(some["data"], "776f72");
    assert!(some.get("push").is_none(), "{some}");
    let all = decoded(&[third, second, third, first]);
    assert_eq!(all["segments"].as_array().unwrap().len(), 4);
    assert_eq!(all["push"]["body"], "80776f726c64");
}

#[test]
fn short_messages_that_are_no_push_are_shown_as_what_they_are() {
    let text = decoded(&["040b915155214365f7000062102021436500 05 e8329bfd06"]);
    assert_eq!(
        (&text["text"], &text["data"]),
        (&"hello".into(), &"68656c6c6f".into())
    );
    assert_eq!(text["segments"][0]["ports"], serde_json::Value::Null);
    let pieces =
        "00 44 0b 91 51 55 21 43 65 f7 00 04 62 10 20 21 43 65 00 08 06 05 04 0b 84 23 f0 01";
    let no_push = decoded(&[pieces]);
    assert_eq!(no_push["data"], "01");
    assert_eq!(no_push["pushError"]["code"], "truncated");
    let broken = decoded(&[&deliver("0605050b8423f001")]);
    let header_error = &broken["segments"][0]["headerError"];
    assert_eq!(header_error["code"], "element-length-overrun");
    assert_eq!(header_error["offset"], 20);
}

#[test]
fn segments_that_do_not_fit_together_are_refused_with_the_reason() {
    let [third, second, first] = &segments();
    let other_sender = second.replace("5155214365f7", "5155214365f8");
    let other_reference = second.replace("00039603", "00039703");
    let other_ports = second.replace("0b8423f0", "23f923f0");
    let other_octets = second.replace("776f72", "776f73");
    for (other, code, words) in [
        (&other_sender, "different-messages", "their sender"),
        (&other_reference, "different-messages", "reference"),
        (&other_ports, "different-messages", "their ports"),
        (&other_octets, "contradicting-segments", "segment 2"),
    ] {
        let refused = decoded(&[first, second, other, third]);
        assert_eq!(refused["error"]["code"], code);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    let cut = decoded(&[first, &second[..40]]);
    assert_eq!(cut["error"]["code"], "user-data-length-overrun");
    let message = cut["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("segment 2 as given: "), "{message}");
    assert_eq!(pushcai(&["decode", "--kind", "sms-tpdu", "0x01"]).code, 4);
}

#[test]
fn user_data_headers_have_their_documented_shape() {
    let run = pushcai(&[
        "decode",
        "--kind",
        "sms-udh",
        "0c 0804 1234 03 02 0504 0b84 23f0",
        "0605050b8423f0",
    ]);
    let lines: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        serde_json::json!({
            "ok": true,
            "ports": {"dest": 2948, "orig": 9200},
            "concat": {"ref": 0x1234, "total": 3, "seq": 2, "bits": 16},
            "elements": [{"id": 8, "data": "12340302"}, {"id": 5, "data": "0b8423f0"}],
            "consumed": 13,
        })
    );
    assert_eq!(lines[1]["error"]["code"], "element-length-overrun");
    assert_eq!(lines[1]["error"]["offset"], 1);
}

/// The members of each PDU in each item.
fn pdus(items: &[&str]) -> Vec<serde_json::Value> {
    let run = pushcai(&[&["decode", "--kind", "wtp"], items].concat());
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn transactions_have_their_documented_shape() {
    let push = "0e 0000 31 07 05 83 af 84 8d 82 6869";
    let connect = "0e 0001 12 01 10 04 02 0382 c0 00 af84".replace("0382 c0 00", "0282c0 00");
    let connect = connect.replace("04 02 0282c0 00 af84", "03 02 0282c0 af84");
    let together = "00 03 188000 04 218000ee";
    let lines = pdus(&[push, &connect, together, "9c 8005 1902", "38 9234 02 01 03"]);
    assert_eq!(
        lines[0],
        serde_json::json!({
            "ok": true,
            "concatenated": false,
            "pdus": [{
                "pdu": "Invoke", "tid": 0, "from": "initiator", "retransmitted": false,
                "trailer": "unsegmented", "version": 0, "class": 1, "tidNew": true,
                "userAcknowledgement": true, "data": "070583af848d826869",
                "wsp": {
                    "pdu": "ConfirmedPush", "contentType": "text/plain", "parameters": {},
                    "applicationId": {"uri": "x-wap-application:mms.ua", "code": 4},
                    "headers": [["X-Wap-Application-Id", "x-wap-application:mms.ua"], ["Content-Length", "2"]],
                    "body": "6869",
                },
            }],
        })
    );
    let wsp = &lines[1]["pdus"][0]["wsp"];
    assert_eq!(wsp["version"], "1.0");
    assert_eq!(
        wsp["capabilities"],
        serde_json::json!([["Protocol-Options", 192]])
    );
    assert_eq!(
        wsp["headers"],
        serde_json::json!([["X-Wap-Application-Id", "x-wap-application:mms.ua"]])
    );
    assert_eq!(
        lines[2],
        serde_json::json!({
            "ok": true,
            "concatenated": true,
            "pdus": [
                {"pdu": "Ack", "tid": 0, "from": "responder", "retransmitted": false, "verify": false},
                {"pdu": "Abort", "tid": 0, "from": "responder", "abort": {
                    "by": "user", "code": 238, "reason": "USERDCU",
                    "meaning": "the content type of the push cannot be processed",
                }},
            ],
        })
    );
    assert_eq!(
        lines[3]["pdus"][0]["items"],
        serde_json::json!([{"item": "packetSequenceNumber", "value": 2}])
    );
    assert_eq!(lines[3]["pdus"][0]["verify"], true);
    assert_eq!(lines[4]["pdus"][0]["missing"], serde_json::json!([1, 3]));
}

#[test]
fn what_is_no_transaction_is_answered_with_code_and_place() {
    let broken = [
        "",
        "48 0001",
        "0e 00",
        "00 03 188000 05 1880",
        "00 03 188000 04 988000 1b",
    ];
    let lines = pdus(&broken);
    let errors: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["error"]["code"].as_str().unwrap(),
                line["error"]["offset"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            ("truncated", 0),
            ("unexpected-pdu", 0),
            ("truncated", 1),
            ("data-length-overrun", 5),
            ("value-length-overrun", 10),
        ]
    );
    let run = pushcai(&["decode", "--kind", "wtp", "48 0001"]);
    assert_eq!(run.code, 4);
    // A transaction that carries something else than WSP is one all the same.
    let other = &pdus(&["0e 0001 11 06 7f"])[0]["pdus"][0];
    assert_eq!(other["data"], "067f");
    assert_eq!(other["wspError"]["code"], "headers-length-overrun");
}
