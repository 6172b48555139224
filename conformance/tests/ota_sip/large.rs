//! Large pushes: invitations, MSRP, and their ends at every moment.

use crate::{
    msrp::{Invitation, listen_at},
    stage::{MMS, Plan},
    terminal::Stage,
};

const TYPE: &str = "text/plain";

fn octets(length: usize) -> Vec<u8> {
    let numbers = (0..length).map(|number| u8::try_from(number * 7 % 251).unwrap_or_default());
    numbers.collect()
}

/// A daemon that waits for connections as well, with an application for text.
fn set_up() -> anyhow::Result<Option<Stage>> {
    set_up_with("")
}

fn set_up_with(keys: &str) -> anyhow::Result<Option<Stage>> {
    let plan = Plan::new()?;
    let listen = listen_at(*plan.terminal().ip());
    let plan = plan.keys(&format!("msrp_listen = \"{listen}\"\n{keys}"));
    let Some(stage) = plan.start()? else {
        return Ok(None);
    };
    stage.register_with(MMS, &["--accept", TYPE])?;
    Ok(Some(stage))
}

//= specs/ota-sip.md#large-push
//= type=test
//# A terminal that takes the active role MUST connect and send a SEND at once.
//= specs/ota-sip.md#large-push
//= type=test
//# The answer to an offer of MSRP MUST name the terminal's path and the types that it takes.
//= specs/ota-sip.md#large-push
//= type=test
//# A message whose sender asks for a success report MUST be followed by one once it is whole and taken.
//= specs/ota-sip.md#large-push
//= type=test
//# A BYE MUST be answered with 200 and end the session.
//= specs/ota-sip.md#large-push
//= type=test
//# A 2xx response to INVITE MUST have a Contact and the Record-Route of the request.
#[test]
fn a_megabyte_comes_over_a_connection_of_the_terminal() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let content = octets(1_000_000);
    let server = stage.sip.server(5092)?;
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.begun()?;
    assert_eq!(dialog.line("a=setup:")?, "active");
    assert_eq!(dialog.line("a=accept-types:")?, TYPE);
    assert!(
        dialog.answer.header("Record-Route").is_some(),
        "{:?}",
        dialog.answer
    );
    let mut session = dialog.accept()?;
    let more = "Success-Report: yes\r\n";
    let mut others = session.send("m1", TYPE, &content, 2_048, more)?;
    if others.is_empty() {
        others.push(session.next()?);
    }
    let report = others.pop().unwrap_or_else(|| unreachable!("one was read"));
    assert_eq!(report.what, "REPORT");
    assert_eq!(report.header("Status"), Some("000 200 OK"), "{report:?}");
    assert_eq!(report.header("Message-ID"), Some("m1"));
    assert_eq!(report.header("Byte-Range"), Some("1-1000000/1000000"));
    dialog.end()?;
    assert_eq!(stage.contents(1)?, [content]);
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

//= specs/ota-sip.md#large-push
//= type=test
//# Where the offer says nothing of roles the terminal MUST leave it to the offerer to connect.
//= specs/ota-sip.md#large-push
//= type=test
//# A connection MUST belong to the session that the To-Path of its first request names.
#[test]
fn a_megabyte_comes_over_a_connection_of_the_server() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    for setup in [None, Some("active")] {
        let content = octets(1_000_000);
        let server = stage.sip.server(5092)?;
        let dialog = Invitation::send(&server, "mms.ua", setup)?.begun()?;
        let mut session = dialog.connect()?;
        let others = session.send("m1", TYPE, &content, 4_096, "")?;
        assert!(others.is_empty(), "no report is asked for: {others:?}");
        dialog.end()?;
        assert_eq!(stage.contents(1)?, [content]);
    }
    Ok(())
}

//= specs/ota-sip.md#large-push
//= type=test
//# The chunks of a message MUST be put together by their byte ranges, in whatever order they come.
//= specs/ota-sip.md#large-push
//= type=test
//# A message that its sender gave up MUST NOT be delivered.
//= specs/ota-sip.md#large-push
//= type=test
//# A chunk whose sender wants no failure report MUST NOT be answered.
#[test]
fn several_messages_of_a_session_are_several_pushes() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.begun()?;
    let mut session = dialog.accept()?;
    let typed = format!("Content-Type: {TYPE}\r\n");
    // One is given up.
    session.chunk("given-up", "1-3/9", &typed, b"abc", '+')?;
    assert_eq!(session.next()?.status(), 200);
    session.chunk("given-up", "4-5/9", &typed, b"de", '#')?;
    assert_eq!(session.next()?.status(), 200);
    // One comes from its end to its beginning, without answers.
    let silent = format!("Failure-Report: no\r\n{typed}");
    session.chunk("backwards", "4-6/6", &silent, b"def", '$')?;
    session.chunk("backwards", "1-3/6", &silent, b"abc", '+')?;
    // One comes at once, and is the first that is answered.
    let last = session.chunk("plain", "1-5/5", &typed, b"plain", '$')?;
    let answer = session.next()?;
    assert_eq!(
        (answer.transaction.as_str(), answer.status()),
        (last.as_str(), 200),
        "{answer:?}"
    );
    dialog.end()?;
    assert_eq!(stage.contents(2)?, [b"abcdef".as_slice(), b"plain"]);
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

//= specs/ota-sip.md#large-push
//= type=test
//# An invitation that offers no MSRP MUST be refused with 488.
#[test]
fn invitations_that_cannot_be_taken_are_refused_with_their_reason() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let audio = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let mut request = server.request("INVITE");
    "application/sdp".clone_into(&mut request.content_type);
    "mms.ua".clone_into(&mut request.application);
    request.more = format!("Contact: <sip:psa@{}>\r\n", server.own());
    request.content = audio.as_bytes().to_vec();
    let refused = server.expect(&request, 488)?;
    assert!(refused.header("Warning").is_some(), "{refused:?}");
    // Content that is no session description.
    let mut request = server.request("INVITE");
    "text/plain".clone_into(&mut request.content_type);
    "mms.ua".clone_into(&mut request.application);
    request.more = format!("Contact: <sip:psa@{}>\r\n", server.own());
    request.content = b"come".to_vec();
    let refused = server.expect(&request, 415)?;
    assert!(
        refused.list("Accept").contains(&"application/sdp"),
        "{refused:?}"
    );
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

#[test]
fn a_terminal_that_does_not_wait_refuses_to() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let server = stage.sip.server(5092)?;
    let refused = Invitation::send(&server, "mms.ua", Some("active"))?.refused()?;
    assert_eq!(refused.status(), 488, "{refused:?}");
    Ok(())
}

#[test]
fn the_whitelist_is_asked_before_content_comes() -> anyhow::Result<()> {
    let plan = Plan::new()?.section("[whitelist]\ndefault = [\"sip:friend@core.test\"]");
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let server = stage.sip.server(5092)?;
    let refused = Invitation::send(&server, "mms.ua", Some("actpass"))?.refused()?;
    assert_eq!(refused.status(), 403, "{refused:?}");
    Ok(())
}

//= specs/ota-sip.md#large-push
//= type=test
//# A 2xx response to INVITE MUST be sent again, at growing intervals, until its ACK comes.
#[test]
fn the_answer_to_an_invitation_is_repeated_until_it_is_acknowledged() -> anyhow::Result<()> {
    let Some(stage) = set_up_with("t1 = \"50ms\"\nt2 = \"200ms\"")? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.taken()?;
    for _ in 0..3 {
        dialog.again()?;
    }
    dialog.acknowledge()?;
    let mut session = dialog.accept()?;
    session.send("m1", TYPE, b"after all", 2_048, "")?;
    dialog.end()?;
    assert_eq!(stage.contents(1)?, [b"after all"]);
    Ok(())
}

#[test]
fn an_invitation_that_nobody_acknowledges_is_ended() -> anyhow::Result<()> {
    let Some(stage) = set_up_with("t1 = \"20ms\"\nt2 = \"80ms\"\nsession_idle_timeout = \"1s\"")?
    else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.taken()?;
    dialog.ended()?;
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

#[test]
fn a_session_that_ends_before_its_content_is_no_push() -> anyhow::Result<()> {
    let Some(stage) = set_up_with("session_idle_timeout = \"1s\"")? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let typed = format!("Content-Type: {TYPE}\r\n");
    // By BYE in the middle, by the end of the connection that nobody makes again, and at once.
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.begun()?;
    let mut session = dialog.accept()?;
    session.chunk("m1", "1-3/9", &typed, b"abc", '+')?;
    assert_eq!(session.next()?.status(), 200);
    dialog.end()?;
    assert!(session.is_closed()?);

    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.begun()?;
    let mut session = dialog.accept()?;
    session.chunk("m1", "1-3/9", &typed, b"abc", '+')?;
    assert_eq!(session.next()?.status(), 200);
    drop(session);
    dialog.ended()?;

    Invitation::send(&server, "mms.ua", Some("actpass"))?
        .begun()?
        .end()?;
    assert!(stage.waiting()?.is_empty());
    // And it goes on.
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.begun()?;
    dialog.accept()?.send("m1", TYPE, b"whole", 2, "")?;
    dialog.end()?;
    assert_eq!(stage.contents(1)?, [b"whole"]);
    Ok(())
}

//= specs/ota-sip.md#large-push
//= type=test
//# A request for a session that does not exist MUST be answered with 481.
#[test]
fn a_stranger_on_the_msrp_port_gets_nowhere() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let dialog = Invitation::send(&server, "mms.ua", None)?.begun()?;
    let mut session = dialog.connect()?;
    let path = dialog.line("a=path:")?;
    let typed = format!("Content-Type: {TYPE}\r\n");
    session.aim(&path.replace(";tcp", "x;tcp"));
    session.chunk("m1", "1-3/3", &typed, b"abc", '$')?;
    assert_eq!(session.next()?.status(), 481);
    // The right one still waits for its own.
    let mut session = dialog.connect()?;
    session.send("m1", TYPE, b"mine", 2_048, "")?;
    // A second connection for it is refused.
    let mut second = dialog.connect()?;
    second.chunk("m2", "1-3/3", &typed, b"abc", '$')?;
    assert_eq!(second.next()?.status(), 506);
    dialog.end()?;
    assert_eq!(stage.contents(1)?, [b"mine"]);
    Ok(())
}

#[test]
fn what_is_too_large_or_of_another_type_is_refused_on_the_way() -> anyhow::Result<()> {
    let Some(stage) = set_up_with("max_large_content = \"10 KiB\"")? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.begun()?;
    let mut session = dialog.accept()?;
    let typed = format!("Content-Type: {TYPE}\r\n");
    session.chunk("m1", "1-3/20000", &typed, b"abc", '+')?;
    assert_eq!(session.next()?.status(), 413);
    session.chunk("m2", "1-3/3", "Content-Type: image/png\r\n", b"abc", '$')?;
    assert_eq!(session.next()?.status(), 415);
    drop(session);
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

/// A cancellation may meet an invitation that is answered already. Whichever is first, nothing stays behind: many more come than
/// there may be sessions.
#[test]
fn invitations_that_are_taken_back_leave_nothing_behind() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let servers = *plan.server(5093).ip();
    let keys = format!("core_addresses = [\"{servers}\"]\nt1 = \"20ms\"\nt2 = \"80ms\"");
    let Some(stage) = plan.keys(&keys).start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let mut server = stage.sip.server(5093)?;
    server.target = stage.terminal();
    for _ in 0..40 {
        Invitation::send(&server, "mms.ua", Some("actpass"))?.cancelled()?;
    }
    let dialog = Invitation::send(&server, "mms.ua", Some("actpass"))?.begun()?;
    dialog.accept()?.send("m1", TYPE, b"whole", 2_048, "")?;
    dialog.end()?;
    assert_eq!(stage.contents(1)?, [b"whole"]);
    Ok(())
}
