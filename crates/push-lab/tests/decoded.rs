//! What the lab writes, the Push Client's codec reads: two implementations that share nothing.

use push_lab::{ApplicationId, Misbehaviour, Push, bodies, varied};
use wap_wire::wsp::{HeaderValue, UnitPush};

#[test]
fn what_was_put_in_comes_out() {
    let datagram = Push::new("application/x-example; charset=utf-8", *b"content")
        .tid(200)
        .application(ApplicationId::Text("x-example.net:app".to_owned()))
        .parameter("name", "a b")
        .header("Expires", "1700000000")
        .header("Content-ID", "<1@example.net>")
        .header("Encoding-Version", "1.3")
        .header("X-Example", "value")
        .encode()
        .unwrap();
    let UnitPush { tid, push } = UnitPush::decode(&datagram).unwrap();
    assert_eq!(
        (tid, push.confirmed, push.body),
        (200, false, &b"content"[..])
    );
    assert_eq!(
        push.content_type.media_type(),
        Some("application/x-example")
    );
    let parameters: Vec<_> = push
        .content_type
        .parameters()
        .map(|parameter| (parameter.name.to_string(), parameter.value.to_string()))
        .collect();
    let expected = [("charset", "utf-8"), ("name", "a b")];
    assert_eq!(
        parameters,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        push.application_id().unwrap().to_string(),
        "x-example.net:app"
    );
    let headers: Vec<_> = push
        .headers
        .iter()
        .map(|header| header.unwrap().to_string())
        .collect();
    assert_eq!(
        headers,
        [
            "X-Wap-Application-Id: x-example.net:app",
            "Expires: Tue, 14 Nov 2023 22:13:20 GMT",
            "Content-ID: \"<1@example.net>\"",
            "Encoding-Version: 1.3",
            "X-Example: value",
        ]
    );
}

#[test]
fn varied_pushes_are_well_formed() {
    for push in varied(11).take(5_000) {
        let datagram = push.encode().unwrap();
        let decoded = UnitPush::decode(&datagram).unwrap();
        for header in decoded.push.headers {
            let header = header.unwrap();
            assert!(
                !matches!(header.value, HeaderValue::Malformed(_)),
                "{header}"
            );
        }
    }
}

#[test]
fn spoilt_pushes_give_a_value_or_an_error() {
    for (seed, push) in (0..).zip(varied(12).take(5_000)) {
        let mut datagram = push.encode().unwrap();
        Misbehaviour::Mutate { octets: 3, seed }.apply(&mut datagram);
        if let Ok(decoded) = UnitPush::decode(&datagram) {
            assert!(decoded.push.body.len() <= datagram.len());
            assert!(decoded.push.headers.iter().count() <= datagram.len());
        }
    }
}

#[test]
fn every_body_has_a_content_type_with_a_number() {
    for (content_type, number) in [
        (bodies::SERVICE_INDICATION, 0x2e),
        (bodies::SERVICE_LOADING, 0x30),
        (bodies::MMS_NOTIFICATION, 0x3e),
        (bodies::PROVISIONING, 0x36),
    ] {
        let datagram = Push::new(content_type, *b"").encode().unwrap();
        assert_eq!(datagram, [0, 6, 1, number | 0x80]);
        let decoded = UnitPush::decode(&datagram).unwrap();
        assert_eq!(decoded.push.content_type.media_type(), Some(content_type));
    }
}
