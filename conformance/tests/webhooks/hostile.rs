//! Receivers that hang, lie, break off and never end: what they are sent is not lost, and nobody else is harmed.

use std::time::Duration;

use conformance::process::eventually;

use crate::{
    receiver::{Act, Receiver, status},
    stage::{FAST, LOOPBACK, MMS, Stage},
};

/// Little patience with a receiver that hangs; one that answers has time enough on a machine with much to do.
fn impatient() -> String {
    format!("{LOOPBACK}answer_timeout = \"2s\"\nbody_timeout = \"2s\"\n")
}

fn octets(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[test]
fn what_gets_no_answer_comes_again_with_the_same_id() -> anyhow::Result<()> {
    let long = format!("X-Long: {}\r\n", "x".repeat(1000));
    let acts = vec![
        Act::Hang,
        Act::Close(Vec::new()),
        Act::Close(octets("HTTP/1.1 204 No Con")),
        Act::Close(octets("\x16\x03\x01 garbage\r\n\r\n")),
        Act::Close(octets(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        )),
        Act::Flood(octets("HTTP/1.1 200 OK\r\n"), octets(&long)),
        Act::Flood(octets("HTTP/1.1 200 OK\r\n"), octets("a: b\r\n")),
        Act::Flood(Vec::new(), octets("HTTP/1.1 100 Continue\r\n\r\n")),
        Act::Answer(status("500 Internal Server Error", "")),
        Act::Answer(status("429 Too Many Requests", "Retry-After: 0\r\n")),
        Act::Answer(status("404 Not Found", "")),
    ];
    let attempts = acts.len() + 1;
    let stage = Stage::set_up(&impatient())?;
    let receiver = Receiver::listen(stage.host(), acts)?;
    stage.register(MMS, &receiver.url("/a?b=c"))?;
    stage.push(b"again and again")?;
    let mut ids = Vec::new();
    for attempt in 1..=attempts {
        let request = receiver.request()?;
        assert_eq!(request.content()?, b"again and again");
        assert!(
            request.head.starts_with("POST /a?b=c HTTP/1.1\r\n"),
            "{request:?}"
        );
        let count = request.header("pushcai-attempt");
        assert_eq!(count, Some(&*attempt.to_string()), "{request:?}");
        ids.extend(request.header("webhook-id").map(str::to_owned));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    stage.all_done()?;
    assert!(!receiver.has_request());
    Ok(())
}

#[test]
fn what_was_accepted_is_done_with_whatever_follows() -> anyhow::Result<()> {
    let gigabyte = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    let acts = vec![
        Act::Flood(octets(gigabyte), vec![b'x'; 1 << 16]),
        Act::Close(octets("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut")),
        Act::Close(octets(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        )),
        Act::Answer(status("202 Accepted", "")),
        Act::Answer(status("204 No Content", "")),
    ];
    let stage = Stage::set_up(&impatient())?;
    let receiver = Receiver::listen(stage.host(), acts)?;
    stage.register(MMS, &receiver.url("/"))?;
    let sender = stage.sender()?;
    for number in 0..5_u8 {
        stage.push_from(&sender, &[number])?;
        let request = receiver.request()?;
        assert_eq!(request.content()?, [number]);
        assert_eq!(request.header("pushcai-attempt"), Some("1"));
    }
    stage.all_done()?;
    assert!(!receiver.has_request());
    Ok(())
}

/// The head has said that the event is accepted, and the time for it passes while the body is waited for.
#[test]
fn what_was_accepted_is_done_with_though_the_answer_never_ends() -> anyhow::Result<()> {
    let endless = octets("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfor explain");
    let settings = format!("{FAST}event_timeout = \"2s\"\n{LOOPBACK}body_timeout = \"60s\"\n");
    let stage = Stage::patient(&settings)?;
    let receiver = Receiver::listen(stage.host(), vec![Act::Stall(endless)])?;
    stage.register(MMS, &receiver.url("/"))?;
    let sender = stage.sender()?;
    for number in 0..2_u8 {
        stage.push_from(&sender, &[number])?;
        let request = receiver.request()?;
        assert_eq!(request.content()?, [number]);
        assert_eq!(request.header("pushcai-attempt"), Some("1"), "{request:?}");
    }
    stage.all_done()?;
    assert!(!receiver.has_request());
    Ok(())
}

#[test]
fn a_connection_is_kept_open_and_opened_anew_when_the_receiver_closed_it() -> anyhow::Result<()> {
    let acts = vec![
        Act::Answer(status("204 No Content", "")),
        // It does not say that it closes.
        Act::Close(status("204 No Content", "")),
    ];
    let stage = Stage::set_up(LOOPBACK)?;
    let receiver = Receiver::listen(stage.host(), acts)?;
    stage.register(MMS, &receiver.url("/"))?;
    let sender = stage.sender()?;
    let mut connections = Vec::new();
    for number in 0..4_u8 {
        stage.push_from(&sender, &[number])?;
        let request = receiver.request()?;
        // No attempt is lost by it.
        assert_eq!(request.header("pushcai-attempt"), Some("1"), "{request:?}");
        assert_eq!(request.content()?, [number]);
        connections.push(request.connection);
    }
    assert_eq!(connections, [0, 0, 1, 1]);
    Ok(())
}

#[test]
fn a_rejected_event_is_a_dead_letter_and_the_next_one_comes() -> anyhow::Result<()> {
    let stage = Stage::set_up(LOOPBACK)?;
    let acts = [
        "400 Bad Request",
        "413 Too Large",
        "415 Unsupported",
        "422 Unprocessable",
    ];
    let acts = acts.map(|line| Act::Answer(status(line, "")));
    let receiver = Receiver::listen(stage.host(), acts.to_vec())?;
    stage.register(MMS, &receiver.url("/"))?;
    let sender = stage.sender()?;
    for number in 0..5_u8 {
        stage.push_from(&sender, &[number])?;
        assert_eq!(receiver.request()?.content()?, [number]);
    }
    stage.all_done()?;
    Ok(())
}

#[test]
fn a_rest_that_is_asked_for_is_given_and_bounded() -> anyhow::Result<()> {
    // The first back-off of its own would be nothing.
    let extra = format!("[delivery]\nbackoff_base = \"1ms\"\n{LOOPBACK}max_retry_after = \"1s\"\n");
    let stage = Stage::patient(&extra)?;
    let acts = vec![Act::Answer(status("503 Busy", "Retry-After: 3600\r\n"))];
    let receiver = Receiver::listen(stage.host(), acts)?;
    stage.register(MMS, &receiver.url("/"))?;
    stage.push(b"later")?;
    let (first, second) = (receiver.request()?, receiver.request()?);
    let rest = second.came.duration_since(first.came);
    assert_eq!(second.header("pushcai-attempt"), Some("2"));
    assert!(rest > Duration::from_millis(800), "{rest:?}");
    Ok(())
}

#[test]
fn a_receiver_that_wants_no_more_is_left_alone() -> anyhow::Result<()> {
    let stage = Stage::set_up(LOOPBACK)?;
    let acts = vec![Act::Answer(status("410 Gone", ""))];
    let receiver = Receiver::listen(stage.host(), acts)?;
    stage.register(MMS, &receiver.url("/"))?;
    stage.push(b"unwanted")?;
    receiver.request()?;
    // Others are served meanwhile, time and again, with back-offs of milliseconds.
    let other = Receiver::listen(stage.host(), Vec::new())?;
    stage.register("urn:test:other", &other.url("/"))?;
    for number in 0..20_u8 {
        stage.push_to("urn:test:other", &[number])?;
        assert_eq!(other.request()?.content()?, [number]);
    }
    // What it did not want waits: it may be registered with another handler.
    eventually("the answers to all others", || {
        Ok((stage.daemon.events_left()? == 1).then_some(()))
    })?;
    assert!(!receiver.has_request());
    Ok(())
}

#[test]
fn dead_webhooks_do_not_keep_a_live_one_from_its_events() -> anyhow::Result<()> {
    let stage = Stage::set_up(&impatient())?;
    let hanging = Receiver::listen(stage.host(), vec![Act::Hang; 100])?;
    let live = Receiver::listen(stage.host(), Vec::new())?;
    for number in 0..4 {
        let id = format!("urn:test:dead{number}");
        let handler = if number % 2 == 0 {
            hanging.url("/")
        } else {
            // Nobody listens there.
            format!("http://{}:2999/", stage.host())
        };
        stage.register(&id, &handler)?;
        stage.push_to(&id, b"to the dead")?;
    }
    stage.register(MMS, &live.url("/"))?;
    let sender = stage.sender()?;
    for number in 0..50_u8 {
        stage.push_from(&sender, &[number])?;
        let request = live.request()?;
        assert_eq!(request.content()?, [number]);
        assert_eq!(request.header("pushcai-attempt"), Some("1"));
    }
    Ok(())
}

/// Without a share for each owner, twenty that hang for 15 s each, eight at a time, would keep the live one waiting for longer than
/// this test waits.
#[test]
fn an_owner_with_many_webhooks_that_hang_keeps_no_other_owner_waiting() -> anyhow::Result<()> {
    let stage = Stage::set_up(LOOPBACK)?;
    stage.open_to_strangers()?;
    let mut hanging = Vec::new();
    for number in 0..20 {
        let receiver = Receiver::listen(stage.host(), vec![Act::Hang])?;
        let id = format!("urn:test:dead{number}");
        stage.register(&id, &receiver.url("/"))?;
        stage.push_to(&id, b"to the dead")?;
        hanging.push(receiver);
    }
    hanging[0].request()?;
    let live = Receiver::listen(stage.host(), Vec::new())?;
    let answer = stage.register_as_stranger(MMS, &live.url("/"))?;
    assert_eq!(answer["result"], "success", "{answer}");
    stage.push(b"to the living")?;
    assert_eq!(live.request()?.content()?, b"to the living");
    Ok(())
}

#[test]
fn large_content_comes_whole() -> anyhow::Result<()> {
    let stage = Stage::set_up(LOOPBACK)?;
    let receiver = Receiver::listen(stage.host(), Vec::new())?;
    stage.register(MMS, &receiver.url("/"))?;
    // As large as a datagram may be.
    let content: Vec<u8> = (0..60_000_u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    stage.push(&content)?;
    assert_eq!(receiver.request()?.content()?, content);
    Ok(())
}
