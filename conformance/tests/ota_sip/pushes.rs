//! Pushes by MESSAGE: each answer across the core, and whom a push is for.

use conformance::{kamailio::DOMAIN, sip::Message, sipp::Sipp};

use crate::{
    scenarios,
    server::{Request, Server},
    stage::{MMS, ONE, Plan, STRANGER_PORT, TWO, ULP, instance},
    terminal::Stage,
};

/// A daemon with an application for text.
fn set_up() -> anyhow::Result<Option<Stage>> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(None);
    };
    stage.register_with(MMS, &["--accept", "text/plain"])?;
    Ok(Some(stage))
}

fn without_body_and_contact(answer: &Message) {
    assert!(answer.body.is_empty(), "{answer:?}");
    assert_eq!(answer.header("Contact"), None, "{answer:?}");
}

//= specs/ota-sip.md#push-by-message
//= type=test
//# A 2xx response to MESSAGE MUST NOT have a body.
//= specs/ota-sip.md#push-by-message
//= type=test
//# A 2xx response to MESSAGE MUST NOT have a Contact.
//= specs/ota-sip.md#requests
//= type=test
//# A response MUST repeat Via, From, Call-ID and CSeq of its request, and have a To tag.
#[test]
fn delivered_is_200_and_stored_is_202() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let away = server.push("mms.ua", b"while away");
    let answer = server.expect(&away, 202)?;
    without_body_and_contact(&answer);
    assert!(
        answer.header("To").is_some_and(|to| to.contains(";tag=")),
        "{answer:?}"
    );
    assert!(
        answer
            .header("From")
            .is_some_and(|from| from.contains("by-hand")),
        "{answer:?}"
    );
    let following = stage
        .daemon
        .follow(&["events", "--follow", "--ack", "--json"])?;
    assert!(following.next_line()?.contains("content"));
    let there = server.push("mms.ua", b"while there");
    without_body_and_contact(&server.expect(&there, 200)?);
    following.next_line()?;
    Ok(())
}

#[test]
fn stored_can_be_200_as_well() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?.keys("stored_status = 200").start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 5, 200)?;
    assert_eq!(stage.contents(5)?.len(), 5);
    Ok(())
}

//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the content that the Push Server sent.
//= specs/push-cai.md#push-event
//= type=test
//# A push event MUST carry the MIME type of its content.
#[test]
fn the_event_says_all_that_the_push_said() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let push = server.push("mms.ua", "hülle".as_bytes()).with(|push| {
        "text/plain;charset=utf-8".clone_into(&mut push.content_type);
        "Subject: hello\r\nExpires: 300\r\n".clone_into(&mut push.more);
    });
    server.expect(&push, 202)?;
    let event = stage.daemon.events(1)?.pop().unwrap_or_default();
    assert_eq!(conformance::pushcai::content(&event)?, "hülle".as_bytes());
    let content_type = event["contentType"].as_str().unwrap_or_default();
    assert!(content_type.starts_with("text/plain"), "{event}");
    assert_eq!(event["pushApplicationID"], MMS, "{event}");
    assert_eq!(event["protocol"], "OTA-SIP", "{event}");
    assert_eq!(event["server"], format!("sip:psa@{DOMAIN}"), "{event}");
    let headers = event["headers"].to_string();
    assert!(
        headers.contains("hello") && !headers.contains("by-hand"),
        "{event}"
    );
    Ok(())
}

fn changed(server: &Server, change: impl FnOnce(&mut Request)) -> Request {
    server.push("mms.ua", b"x").with(change)
}

//= specs/ota-sip.md#requests
//= type=test
//# A request whose content type is not taken MUST be refused with 415 and Accept.
//= specs/ota-sip.md#requests
//= type=test
//# A request whose content encoding is not taken MUST be refused with 415 and Accept-Encoding.
//= specs/ota-sip.md#requests
//= type=test
//# A request that requires an extension which the terminal does not have MUST be refused with 420 and Unsupported.
//= specs/ota-sip.md#requests
//= type=test
//# A method that the terminal does not take MUST be refused with 405 and Allow.
//= specs/ota-sip.md#requests
//= type=test
//# A notification without subscription MUST be refused with 481.
#[test]
fn refusals_cross_the_core_with_their_reasons() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    let image = changed(&server, |push| {
        "image/png".clone_into(&mut push.content_type);
    });
    let refused = server.expect(&image, 415)?;
    assert_eq!(refused.list("Accept"), ["text/plain"], "{refused:?}");
    let packed = changed(&server, |push| {
        push.more = "Content-Encoding: gzip\r\n".to_owned();
    });
    let refused = server.expect(&packed, 415)?;
    assert!(refused.header("Accept-Encoding").is_some(), "{refused:?}");
    let requires = changed(&server, |push| {
        push.more = "Require: teleport\r\n".to_owned();
    });
    let refused = server.expect(&requires, 420)?;
    assert_eq!(refused.list("Unsupported"), ["teleport"], "{refused:?}");
    let twice = changed(&server, |push| {
        push.more = "Content-Type: image/png\r\n".to_owned();
    });
    server.expect(&twice, 400)?;
    let publish = server
        .request("PUBLISH")
        .with(|request| "mms.ua".clone_into(&mut request.application));
    let refused = server.expect(&publish, 405)?;
    assert!(refused.list("Allow").contains(&"MESSAGE"), "{refused:?}");
    let notify = server.request("NOTIFY").with(|request| {
        "mms.ua".clone_into(&mut request.application);
        request.more = "Event: push\r\nSubscription-State: active\r\n".to_owned();
    });
    server.expect(&notify, 481)?;
    assert!(stage.waiting()?.is_empty());
    let good = server.push("mms.ua", b"good");
    server.expect(&good, 202)?;
    assert_eq!(stage.contents(1)?, [b"good"]);
    Ok(())
}

//= specs/ota-sip.md#feature-tags
//= type=test
//# Push Resource Identifiers MUST be compared without regard to case.
//= specs/ota-sip.md#feature-tags
//= type=test
//# A push for a Push Resource Identifier that no application holds MUST be refused even though the core let it through.
#[test]
fn what_the_core_does_not_understand_the_terminal_does() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = stage.sip.server(5092)?;
    // The core's script knows no white space before the equals sign: these pass it by.
    let row = |value: &str| {
        let more = format!("Accept-Contact: *;{value}\r\n");
        server.push("", b"x").with(|push| push.more = more)
    };
    let known = [
        row("+G.OMA.PushEventApp =\"MMS.UA\""),
        row("+g.oma.PUSHEVENTAPP = \"Mms.ua\";require;explicit"),
        row("audio;+g.oma.PushEventApp  =\"wml.ua,mms.ua\""),
    ];
    let strange = row("+G.OMA.PushEventApp =\"wml.ua\";require;explicit");
    for push in &known {
        server.expect(push, 202)?;
    }
    let refused = server.expect(&strange, 480)?;
    assert!(
        !refused.start.contains("No Terminal"),
        "the terminal's own: {refused:?}"
    );
    // Whom it is for may be left open where only one application is there.
    let open = server.push("", b"x");
    server.expect(&open, 202)?;
    assert_eq!(stage.contents(4)?.len(), 4);
    Ok(())
}

#[test]
fn a_push_for_nobody_in_particular_is_for_the_one_that_takes_its_type() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    stage.register_with(ULP, &["--accept", "application/vnd.omaloc-supl-init"])?;
    let server = stage.sip.server(5092)?;
    let push = server.push("", b"x");
    server.expect(&push, 202)?;
    let event = stage.daemon.events(1)?.pop().unwrap_or_default();
    assert_eq!(event["pushApplicationID"], MMS);
    stage.register_with(
        ULP,
        &["--accept", "text/plain, application/vnd.omaloc-supl-init"],
    )?;
    let push = server.push("", b"x");
    server.expect(&push, 480)?;
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

#[test]
fn an_instance_alone_finds_its_application() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register_with(ULP, &["--application-id", ONE])?;
    stage.register_with(MMS, &["--application-id", TWO])?;
    let server = stage.sip.server(5092)?;
    let push = server
        .push("", b"x")
        .with(|push| TWO.clone_into(&mut push.instance));
    server.expect(&push, 202)?;
    let event = stage.daemon.events(1)?.pop().unwrap_or_default();
    assert_eq!(
        (&event["applicationID"], &event["pushApplicationID"]),
        (&TWO.into(), &MMS.into())
    );
    Ok(())
}

#[test]
fn no_room_is_486_and_there_is_room_again_later() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?
        .section("[queue]\nmax_queue_events = 2")
        .start()?
    else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 2, 202)?;
    stage.sip.sipp_pushes("mms.ua", None, 2, 486)?;
    assert_eq!(stage.contents(2)?.len(), 2);
    stage.sip.sipp_pushes("mms.ua", None, 2, 202)?;
    Ok(())
}

//= specs/ota-sip.md#identity-of-the-server
//= type=test
//# An asserted identity MUST be believed only where the terminal's own core sent the request.
//= specs/ota-sip.md#identity-of-the-server
//= type=test
//# The identity in From MUST NOT count as that of the Push Server.
#[test]
fn the_whitelist_goes_by_what_the_core_asserts() -> anyhow::Result<()> {
    let plan = Plan::new()?.section(&format!("[whitelist]\ndefault = [\"sip:friend@{DOMAIN}\"]"));
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let friend = format!("sip:friend@{DOMAIN}");
    let server = stage.sip.server(5092)?;
    let other = server.push("mms.ua", b"other");
    server.expect(&other, 403)?;
    let forged = changed(&server, |push| friend.clone_into(&mut push.from));
    server.expect(&forged, 403)?;
    let known = server
        .push("mms.ua", b"friend")
        .with(|push| friend.clone_into(&mut push.identity));
    server.expect(&known, 202)?;
    // The core takes away what a stranger asserts of itself.
    let mut stranger = stage.sip.server(STRANGER_PORT)?;
    let forged = stranger.push("mms.ua", b"forged").with(|push| {
        friend.clone_into(&mut push.identity);
        friend.clone_into(&mut push.from);
    });
    stranger.expect(&forged, 403)?;
    // And who comes by another way than the core is not believed at all.
    stranger.target = stage.terminal();
    let direct = stranger
        .push("mms.ua", b"direct")
        .with(|push| friend.clone_into(&mut push.identity));
    stranger.expect(&direct, 403)?;
    assert_eq!(stage.contents(1)?, [b"friend"]);
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

//= specs/push-cai.md#whitelist-of-a-registration
//= type=test
//# A whitelist entry that came with a registration MUST count for the application that gave it and for no other.
#[test]
fn a_whitelist_of_an_application_is_its_own() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    let psa = format!("sip:psa@{DOMAIN}");
    let friend = format!("sip:friend@{DOMAIN}");
    stage.register_with(MMS, &["--whitelist", &psa])?;
    stage.register_with(ULP, &["--whitelist", &friend])?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    stage.sip.sipp_pushes("ulp.ua", None, 1, 403)?;
    Ok(())
}

#[test]
fn strangers_are_taken_where_that_is_set_and_asserted_by_nobody() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let stranger = *plan.server(STRANGER_PORT).ip();
    let plan = plan
        .keys("accept_from = \"anyone\"")
        .section(&format!("[whitelist]\ndefault = [\"{stranger}\"]"));
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let mut server = stage.sip.server(STRANGER_PORT)?;
    server.target = stage.terminal();
    let direct = server.push("mms.ua", b"direct");
    server.expect(&direct, 202)?;
    let event = stage.daemon.events(1)?.pop().unwrap_or_default();
    assert!(
        event["server"]
            .as_str()
            .is_some_and(|server| server.contains(&stranger.to_string())),
        "{event}"
    );
    Ok(())
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that reaches the terminal a second time by another path MUST be refused with 482.
#[test]
fn a_fork_delivers_once_to_each_terminal() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    // Another terminal of the same user, and a second way to ours.
    let other = std::net::SocketAddrV4::new(stage.plan().network.host(4), 5080);
    let answers = Sipp::start(&scenarios::answers("200 OK"), other, None, 0, &[])?;
    let features = ";+g.oma.pusheventapp=\"mms.ua\"";
    stage.sip.bind(4, &other.to_string(), features, 120)?;
    let again = format!("{};way=2", stage.terminal());
    stage.sip.bind(5, &again, features, 120)?;
    stage
        .sip
        .sipp_pushes("mms.ua", None, 10, 200)
        .or_else(|_| stage.sip.sipp_pushes("mms.ua", None, 10, 202))?;
    let mut contents = stage.contents(10)?;
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), 10, "each once");
    assert!(stage.waiting()?.is_empty());
    answers.end()
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that comes again MUST be answered as it was before and MUST NOT be delivered again.
//= specs/ota-sip.md#requests
//= type=test
//# A response over UDP MUST go to the port that the request came from where its Via has rport.
#[test]
fn a_repeated_request_is_answered_alike_and_delivered_once() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let servers = *plan.server(5092).ip();
    let Some(stage) = plan
        .keys(&format!("core_addresses = [\"{servers}\"]"))
        .start()?
    else {
        return Ok(());
    };
    stage.register(MMS)?;
    let mut server = stage.sip.server(5092)?;
    server.target = stage.terminal();
    let push = server.push("mms.ua", b"once");
    let first = server.expect(&push, 202)?;
    for _ in 0..5 {
        let again = server.ask(&push)?;
        assert_eq!(
            (&again.start, again.header("To")),
            (&first.start, first.header("To"))
        );
    }
    // The Via of this one names another port than it comes from.
    let moved = server.push("mms.ua", b"moved");
    let text = String::from_utf8(moved.octets(server.own())?)?;
    let text = text.replace(":5092;branch", ":5099;branch");
    server.send_octets(text.as_bytes())?;
    let answer = server.next()?.map(|answer| answer.status());
    assert_eq!(answer, Some(202));
    assert_eq!(stage.contents(2)?, [b"once".as_slice(), b"moved"]);
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

//= specs/ota-sip.md#capabilities
//= type=test
//# An OPTIONS request of the core MUST be answered with the same set of Push Resource Identifiers, types and methods.
#[test]
fn the_server_may_ask_what_the_terminal_can() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    stage.register_with(ULP, &["--accept", "text/plain"])?;
    stage
        .sip
        .sipp(&scenarios::ask("mms.ua,ulp.ua"), 5093, 1, &[])?;
    stage.deregister(ULP, &[])?;
    stage.sip.sipp(&scenarios::ask("mms.ua"), 5093, 1, &[])
}

#[test]
fn an_envelope_is_delivered_as_it_is_or_unpacked() -> anyhow::Result<()> {
    let envelope = format!("X-Wap-Application-Id: {ULP}\r\nContent-Type: text/plain\r\n\r\nwithin");
    for unpacks in [false, true] {
        let Some(stage) = Plan::new()?
            .keys(&format!("unpack_envelope = {unpacks}"))
            .start()?
        else {
            return Ok(());
        };
        stage.register_with(ULP, &["--application-id", ONE])?;
        stage.register_with(MMS, &["--application-id", TWO])?;
        let server = stage.sip.server(5092)?;
        let push = server.push("", envelope.as_bytes()).with(|push| {
            "application/vnd.oma.push".clone_into(&mut push.content_type);
        });
        server.expect(&push, 202)?;
        let event = stage.daemon.events(1)?.pop().unwrap_or_default();
        assert_eq!(event["pushApplicationID"], ULP, "{event}");
        let content = conformance::pushcai::content(&event)?;
        let of_type = event["contentType"].as_str().unwrap_or_default();
        if unpacks {
            assert_eq!(
                (content.as_slice(), of_type),
                (b"within".as_slice(), "text/plain")
            );
        } else {
            assert_eq!(
                (content.as_slice(), of_type),
                (envelope.as_bytes(), "application/vnd.oma.push")
            );
        }
    }
    Ok(())
}

#[test]
fn a_list_of_instances_in_contact_is_percent_encoded() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register_with(ULP, &["--application-id", ONE])?;
    let contact = stage
        .core()
        .contact(crate::stage::USER)?
        .unwrap_or_default();
    assert!(
        contact.contains(&format!("+g.3gpp.iari-ref=\"{}\"", instance(ONE))),
        "{contact}"
    );
    Ok(())
}
