//! TCP connections, whoever opens them (WAP-235 7.2.4), and HTTP on them.

use std::net::SocketAddrV4;

use crate::{
    stage::{MMS, PPG_ID, PUSH_PORT, Plan, Stage, content},
    wire::{Gateway, entity, options, post},
};

/// One exchange of each kind over TO-TCP, seen by an application.
#[test]
fn ota_co_c_001_connection_oriented_push() -> anyhow::Result<()> {
    let plan = Plan::new()?.without_listening();
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    let mut wire = gateway.accept()?;
    let answer = wire.register(&[])?;
    answer.is(204, 501);
    let answer = wire.push(
        MMS,
        b"over a connection",
        &[("X-Wap-CPITag", &answer.tag()?)],
    )?;
    answer.is(204, 400);
    let events = stage.events(1)?;
    assert_eq!(content(&events[0])?, b"over a connection");
    assert_eq!(events[0]["protocol"], "OTA-HTTP");
    Ok(())
}

/// The road of WAP-235 section 7 from end to end, in both ways of connecting.
#[test]
fn ota_co_c_003_push_over_ota_http() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    let (mut dialled, mut accepted) = (gateway.accept()?, stage.connect()?);
    let tag = dialled.register(&[])?.tag()?;
    assert_eq!(accepted.register(&[])?.tag()?, tag);
    for (wire, sent) in [(&mut dialled, b"TO-TCP"), (&mut accepted, b"PO-TCP")] {
        wire.push(MMS, sent, &[("X-Wap-CPITag", &tag)])?
            .is(204, 400);
    }
    assert_eq!(stage.contents()?, [b"TO-TCP", b"PO-TCP"]);
    Ok(())
}

//= specs/ota-http.md#tcp-connections
//= type=test
//# The terminal MUST be able to open connections without TLS to a gateway of its own accord.
//= specs/ota-http.md#tcp-connections
//= type=test
//# The terminal MUST serve HTTP requests on a connection that it opened as it does on one that it accepted.
//= specs/ota-http.md#tcp-connections
//= type=test
//# The source port of a connection that the terminal opens SHOULD be one that is assigned dynamically.
#[test]
fn ota_http_c_001_to_tcp() -> anyhow::Result<()> {
    let plan = Plan::new()?.without_listening();
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    let mut wire = gateway.accept()?;
    let source = wire.terminal()?.port();
    assert!(source >= 1024 && source != PUSH_PORT, "port {source}");
    wire.register(&[])?.is(204, 501);
    for number in [b"1", b"2", b"3"] {
        wire.push(MMS, number, &[])?.is(204, 400);
    }
    assert_eq!(stage.contents()?, [b"1", b"2", b"3"]);
    Ok(())
}

//= specs/ota-http.md#tcp-connections
//= type=test
//# A connection that the terminal opens MUST go to the port that a session initiation request named, else to the port that is provisioned or agreed, else to the registered push port.
#[test]
fn without_a_port_a_gateway_is_dialled_at_the_registered_one() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let address = plan.gateway();
    let gateway = Gateway::open_at(SocketAddrV4::new(address, PUSH_PORT))?;
    let stage = plan
        .ppg(PPG_ID, &format!("address = \"{address}\""))
        .start()?;
    stage.register(MMS)?;
    gateway.accept()?.register(&[])?.is(204, 501);
    Ok(())
}

//= specs/ota-http.md#tcp-connections
//= type=test
//# The terminal MUST take connections without TLS that a gateway opens to it.
#[test]
fn ota_http_c_002_po_tcp() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wires = [stage.connect()?, stage.connect()?, stage.connect()?];
    for wire in &mut wires {
        wire.register(&[])?.is(204, 501);
    }
    for (wire, sent) in wires.iter_mut().zip([b"1", b"2", b"3"]) {
        wire.push(MMS, sent, &[])?.is(204, 400);
    }
    assert_eq!(stage.contents()?, [b"1", b"2", b"3"]);
    Ok(())
}

#[test]
fn either_side_may_end_a_connection_and_half_of_one_loses_nothing() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let push = post(&[], &entity(&[("X-Wap-Application-Id", MMS)], b"and away"));
    let mut wire = stage.connect()?;
    wire.send(&push)?;
    wire.finish()?;
    // Whoever ends its half may have gone; a push that was not answered comes again, and is still one.
    match wire.answer() {
        Ok(answer) => answer.is(204, 400),
        Err(_) => stage.connect()?.ask(&push)?.is(204, 400),
    }
    drop(stage.connect()?);
    let mut wire = stage.connect()?;
    let mut request = options(&[("Connection", "close")]);
    wire.ask(&request)?.is(204, 501);
    wire.ended()?;
    request.truncate(20);
    let mut wire = stage.connect()?;
    wire.send(&request)?;
    drop(wire);
    assert_eq!(stage.contents()?, [b"and away"]);
    Ok(())
}

//= specs/ota-http.md#http-server
//= type=test
//# The terminal's HTTP server MUST know the methods GET, HEAD, POST and OPTIONS, and answer each as HTTP lays down.
#[test]
fn the_methods_of_http_are_known() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    wire.register(&[])?.is(204, 501);
    wire.push(MMS, b"post", &[])?.is(204, 400);
    for method in ["GET", "PUT", "DELETE", "TRACE", "PATCH"] {
        let answer = wire.ask(format!("{method} /wappush HTTP/1.1\r\nHost:\r\n\r\n"))?;
        assert_eq!(answer.status, 405, "{method}: {answer:?}");
        let mut allowed: Vec<_> = crate::stage::list(&answer, "Allow");
        allowed.sort_unstable();
        assert_eq!(allowed, ["OPTIONS", "POST"], "{method}");
    }
    wire.send("HEAD /wappush HTTP/1.1\r\nHost:\r\n\r\n")?;
    assert_eq!(
        wire.head()?.status,
        405,
        "HEAD has no body and leaves the connection as it was"
    );
    wire.register(&[])?.is(204, 501);
    Ok(())
}

#[test]
fn there_is_one_resource_and_any_host() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let mut wire = stage.connect()?;
    for path in [
        "/",
        "/wappus",
        "/wappush/",
        "/wappush2",
        "/Wappush",
        "/wappush/../x",
    ] {
        let answer = wire.ask(format!("OPTIONS {path} HTTP/1.1\r\nHost:\r\n\r\n"))?;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert_eq!(answer.header("X-Wap-CPITag"), None, "{path}");
    }
    for host in ["", "127.0.0.1", "terminal.example.net:4035", "[::1]:4035"] {
        let request = format!("OPTIONS /wappush HTTP/1.1\r\nHost: {host}\r\n\r\n");
        wire.ask(request)?.is(204, 501);
    }
    wire.ask("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n")?
        .is(204, 501);
    Ok(())
}
