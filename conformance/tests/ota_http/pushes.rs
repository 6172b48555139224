//! Pushes: whom they are for, what they carry, how they may be written (WAP-235 7.3, 7.4).

use serde_json::json;

use crate::{
    stage::{DRM, MMS, Stage, WML, content},
    wire::{entity, entity_of, options, post},
};

//= specs/ota-http.md#addressing
//= type=test
//# A push MUST go to the application that X-Wap-Application-Id names.
//= specs/ota-http.md#addressing
//= type=test
//# A push without X-Wap-Application-Id MUST go to the WML user agent.
#[test]
fn ota_http_c_011_application_addressing() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    for id in [MMS, DRM, WML] {
        stage.register(id)?;
    }
    let mut wire = stage.connect()?;
    // The URI, in any case; with the URN's prefix; as OMNA's number; and none at all.
    for (named, sent) in [
        (MMS, b"1"),
        (DRM, b"2"),
        ("X-WAP-APPLICATION:MMS.UA", b"3"),
        ("urn:x-wap-application:drm.ua", b"4"),
    ] {
        wire.push(named, sent, &[])?.is(204, 400);
    }
    wire.ask(post(&[], &entity(&[], b"5")))?.is(204, 400);
    wire.push("x-wap-application:nobody.here", b"6", &[])?
        .is(204, 236);
    let events = stage.events(5)?;
    let mut arrived: Vec<_> = events
        .iter()
        .map(|event| anyhow::Ok((content(event)?, event["pushApplicationID"].clone())))
        .collect::<Result<_, _>>()?;
    arrived.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [MMS, DRM, MMS, DRM, WML].map(serde_json::Value::from);
    for ((number, application), (index, wanted)) in arrived.iter().zip(expected.iter().enumerate())
    {
        assert_eq!(number, (index + 1).to_string().as_bytes());
        assert_eq!(application, wanted);
    }
    Ok(())
}

//= specs/ota-http.md#content-push
//= type=test
//# The answer to a push MUST have an HTTP status that says what became of the request.
//= specs/ota-http.md#push-info
//= type=test
//# The answer to a push MUST NOT have a body unless X-Wap-Push-Info allows one with the token response.
//= specs/ota-http.md#push-info
//= type=test
//# A token of X-Wap-Push-Info that the terminal does not know MUST be ignored.
#[test]
fn ota_http_c_012_content_push() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let sent: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let headers = [
        ("Content-Language", "en"),
        ("X-Wap-Content-URI", "http://content.example.net/1"),
        ("X-Wap-Initiator-URI", "http://initiator.example.net/"),
        ("X-Unknown", "kept"),
        ("X-Wap-Application-Id", MMS),
    ];
    let message = entity_of("application/x-test; a=b", &headers, &sent);
    let answer = wire.ask(post(
        &[("X-Wap-Push-Info", "authenticated, trusted,last")],
        &message,
    ))?;
    answer.is(204, 400);
    assert!(answer.body.is_empty(), "{answer:?}");
    let event = stage.events(1)?.remove(0);
    assert_eq!(content(&event)?, sent);
    assert_eq!(event["contentType"], "application/x-test");
    assert_eq!(event["parameters"], json!([["a", "b"]]));
    assert_eq!(
        (&event["authenticated"], &event["trusted"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(event["server"], stage.plan.gateway().to_string());
    let found = event["headers"].as_array().cloned().unwrap_or_default();
    for (name, value) in headers {
        let here = found.iter().any(|pair| {
            let same = pair[0]
                .as_str()
                .is_some_and(|found| found.eq_ignore_ascii_case(name));
            same && pair[1] == value
        });
        assert!(here, "{name} is missing in {found:?}");
    }
    for info in ["", "response", "nonsense", "Trusted;q=1,,last"] {
        let answer = wire.push(MMS, b"more", &[("X-Wap-Push-Info", info)])?;
        assert!(matches!(answer.status, 200 | 204), "{info}: {answer:?}");
        assert_eq!(answer.push_status(), Some(400), "{info}");
        assert!(
            answer.body.is_empty() || info == "response",
            "{info}: {answer:?}"
        );
    }
    Ok(())
}

#[test]
fn requests_may_come_one_behind_the_other_and_in_pieces() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let mut pipelined = options(&[]);
    for number in 0..20_u8 {
        pipelined.extend(post(
            &[],
            &entity(&[("X-Wap-Application-Id", MMS)], &[number]),
        ));
    }
    wire.send(&pipelined)?;
    wire.answer()?.is(204, 501);
    for _ in 0..20 {
        wire.answer()?.is(204, 400);
    }
    let whole = post(&[], &entity(&[("X-Wap-Application-Id", MMS)], &[20]));
    for octet in &whole {
        wire.send([*octet])?;
    }
    wire.answer()?.is(204, 400);
    let expected: Vec<Vec<u8>> = (0..=20).map(|number| vec![number]).collect();
    assert_eq!(stage.contents()?, expected);
    Ok(())
}

#[test]
fn a_body_may_come_in_chunks_and_after_a_go_ahead() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let message = entity(&[("X-Wap-Application-Id", MMS)], b"in chunks");
    let mut request =
        b"POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for chunk in message.chunks(7) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    wire.ask(&request)?.is(204, 400);
    let message = entity(&[("X-Wap-Application-Id", MMS)], b"after 100");
    wire.send(format!(
        "POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        message.len()
    ))?;
    assert_eq!(wire.answer()?.status, 100);
    wire.ask(&message)?.is(204, 400);
    assert_eq!(stage.contents()?, [b"in chunks", b"after 100"]);
    Ok(())
}

#[test]
fn a_push_of_another_type_has_its_headers_outside() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let request = format!(
        "POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: {MMS}\r\nContent-Length: 4\r\n\r\nbare"
    );
    wire.ask(request)?.is(204, 400);
    let event = stage.events(1)?.remove(0);
    assert_eq!(
        (content(&event)?.as_slice(), &event["contentType"]),
        (b"bare".as_slice(), &json!("text/plain"))
    );
    Ok(())
}

#[test]
fn a_message_that_is_none_is_refused_as_broken() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    for broken in [
        &b""[..],
        b"\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type text/plain\r\n\r\nx",
        b"HTTP/1.1 9999 OK\r\nContent-Type: text/plain\r\n\r\nx",
        b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX-\x00: y\r\nContent-Type: text/plain\r\n\r\nx",
    ] {
        let answer = stage.connect()?.ask(post(&[], broken))?;
        assert_eq!(answer.status, 400, "{:?}: {answer:?}", String::from_utf8_lossy(broken));
        assert_eq!(answer.push_status(), Some(235), "{answer:?}");
    }
    // The length outside counts, whatever the one inside says.
    let long = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: {MMS}\r\nContent-Length: 3\r\n\r\nlonger"
    );
    let answer = stage.connect()?.ask(post(&[], long.as_bytes()))?;
    assert!(
        matches!(
            (answer.status, answer.push_status()),
            (204, Some(400)) | (400, Some(235))
        ),
        "{answer:?}"
    );
    stage.connect()?.push(MMS, b"good", &[])?.is(204, 400);
    Ok(())
}

#[test]
fn a_push_longer_than_announced_is_refused_unread() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let limit: usize = stage
        .cpi()?
        .header("X-Wap-Push-MaxMsgSize")
        .unwrap_or_default()
        .parse()?;
    let message = entity(&[("X-Wap-Application-Id", MMS)], &vec![b'x'; limit + 4096]);
    let mut wire = stage.connect()?;
    let octets = post(&[], &message);
    let sent = wire.send(octets.get(..512).unwrap_or_default());
    sent?;
    let answer = wire.answer()?;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(answer.push_status(), Some(235), "{answer:?}");
    assert!(stage.contents()?.is_empty());
    Ok(())
}
