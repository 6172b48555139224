//! Octets and requests that nobody should send: each is answered or dropped, and service goes on.

use std::net::UdpSocket;

use conformance::{
    http::{Answer, request},
    kannel::CONNECTIONLESS_PUSH,
    loopback::Network,
    pushcai::Daemon,
};

use crate::stage::{MMS, MMS_TYPE, content};

/// A connectionless push of "content" to `mms.ua` as text/plain.
const PUSH: &[u8] = b"\x00\x06\x03\x83\xaf\x84content";

fn daemon() -> anyhow::Result<(Network, Daemon)> {
    let network = Network::claim()?;
    let daemon = Daemon::start(network.host(2), "")?;
    Ok((network, daemon))
}

/// Fails unless `answer` is a problem document with this status and reason that holds all of `words`.
fn assert_problem(
    answer: &Answer,
    status: u16,
    reason: &str,
    words: &[&str],
) -> anyhow::Result<()> {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(
        answer
            .head
            .contains("content-type: application/problem+json"),
        "{answer:?}"
    );
    let problem = answer.json()?;
    assert_eq!(problem["result"], "failure");
    assert_eq!(problem["reason"], reason);
    for word in words {
        assert!(answer.body.contains(word), "{word} is not said: {answer:?}");
    }
    Ok(())
}

#[test]
fn damaged_datagrams_do_not_stop_the_next_good_one() -> anyhow::Result<()> {
    let (network, daemon) = daemon()?;
    daemon.pushcai_json(&["register", MMS, "--accept", "text/plain", "--json"])?;
    let socket = UdpSocket::bind((network.host(1), 0))?;
    let client = (network.host(2), CONNECTIONLESS_PUSH);
    for length in 0..PUSH.len() - b"content".len() {
        socket.send_to(&PUSH[..length], client)?;
    }
    for at in 1..6 {
        for octet in 0..=255 {
            let mut damaged = PUSH.to_vec();
            // Another id or another content type is a good push to nobody; this one must reach nobody by accident.
            damaged[at] = octet;
            damaged.truncate(6);
            socket.send_to(&damaged, client)?;
        }
    }
    socket.send_to(PUSH, client)?;
    let following = daemon.follow(&["events", "--follow", "--ack", "--json", "--id", MMS])?;
    loop {
        let event = serde_json::from_str(&following.next_line()?)?;
        if content(&event)? == b"content" {
            return Ok(());
        }
    }
}

#[test]
fn a_body_that_is_no_json_is_refused_with_the_place() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    let socket = daemon.socket();
    let answer = request(
        &socket,
        "POST",
        "/v1/registrations",
        b"{\"pushApplicationID\": }",
    )?;
    assert_problem(&answer, 400, "invalidRequest", &["column"])?;
    let answer = request(&socket, "POST", "/v1/registrations", b"[]")?;
    assert_problem(&answer, 400, "invalidRequest", &[])?;
    let body = b"{\"pushApplicationID\": \"4\", \"acept\": \"*/*\"}";
    let answer = request(&socket, "POST", "/v1/registrations", body)?;
    assert_problem(&answer, 400, "invalidRequest", &["acept"])?;
    Ok(())
}

//= specs/push-cai.md#registration-request
//= type=test
//# A registration that names no pushApplicationID MUST be refused as an invalid request.
//= specs/push-cai.md#deregistration-request
//= type=test
//# A deregistration that names no pushApplicationID MUST be refused as an invalid request.
#[test]
fn requests_without_a_push_application_id_are_refused() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    let socket = daemon.socket();
    let answer = request(&socket, "POST", "/v1/registrations", b"{}")?;
    assert_problem(&answer, 400, "invalidRequest", &["pushApplicationID"])?;
    let answer = request(&socket, "DELETE", "/v1/registrations", b"")?;
    assert_problem(&answer, 400, "invalidRequest", &["pushApplicationID"])?;
    Ok(())
}

#[test]
fn a_body_over_the_limit_is_refused_and_service_goes_on() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    let body = vec![b' '; 16 << 20];
    let answer = request(&daemon.socket(), "POST", "/v1/registrations", &body)?;
    assert_problem(&answer, 413, "invalidRequest", &[])?;
    let answer = request(&daemon.socket(), "GET", "/v1/registrations", b"")?;
    assert_eq!(answer.status, 200, "{answer:?}");
    Ok(())
}

#[test]
fn paths_and_methods_that_do_not_exist_are_named() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    let answer = request(&daemon.socket(), "GET", "/v1/registration", b"")?;
    assert_problem(&answer, 404, "invalidRequest", &["/v1/registration"])?;
    let answer = request(&daemon.socket(), "PATCH", "/v1/registrations", b"")?;
    assert_problem(&answer, 405, "invalidRequest", &["PATCH"])?;
    Ok(())
}

#[test]
fn the_interface_registers_and_fetches_without_the_command_line() -> anyhow::Result<()> {
    let (network, daemon) = daemon()?;
    let socket = daemon.socket();
    let body =
        format!("{{\"pushApplicationID\": \"{MMS}\", \"Accept\": \"{MMS_TYPE}, text/plain\"}}");
    let answer = request(&socket, "POST", "/v1/registrations", body.as_bytes())?;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()?["result"], "success");
    let sender = UdpSocket::bind((network.host(1), 0))?;
    sender.send_to(PUSH, (network.host(2), CONNECTIONLESS_PUSH))?;
    let answer = request(&socket, "GET", "/v1/events?fetch=1&wait=20", b"")?;
    let events = answer.json()?;
    let event = events.get("events").unwrap_or(&events)[0].clone();
    assert_eq!(content(&event)?, b"content");
    let id = event["id"].as_str().unwrap_or_default();
    let target = format!("/v1/events/{id}/ack");
    let answer = request(&socket, "POST", &target, b"{\"outcome\": \"accepted\"}")?;
    assert_eq!(answer.status / 100, 2, "{answer:?}");
    let answer = request(&socket, "GET", "/v1/status", b"")?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = request(&socket, "GET", "/metrics", b"")?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let target = "/v1/registrations?pushApplicationID=4";
    assert_eq!(request(&socket, "DELETE", target, b"")?.status, 200);
    Ok(())
}
