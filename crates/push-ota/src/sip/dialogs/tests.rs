//! Dialogs in all their states.

mod simulation;
mod streams;
mod table;

use std::time::Duration;

use crate::sip::serving::ServingOutput;
use crate::sip::serving::harness::{Terminal, parsed, request, responded, route, settings, text};
use crate::sip::stack::{Request, Response};
use crate::sip::transactions::{Route, ServerId};
use crate::sip::{AcceptFrom, AgentSettings, Host, PushOutcome, SipNote, SipPushTicket, StreamId};

/// An offer of MSRP; `lines` stand at its end.
fn offer(lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=message 2856 TCP/MSRP *\r\na=accept-types:*\r\na=path:msrp://192.0.2.9:2856/s1;tcp\r\n{lines}a=sendonly\r\n"
    )
}

const ACTPASS: &str = "a=setup:actpass\r\n";

/// An INVITE with this offer; of several calls each has a number.
fn invite(call: u32, extra: &str, offer: &str) -> String {
    let described = if offer.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    let contact = if extra.starts_with("Contact:") {
        ""
    } else {
        "Contact: <sip:psa@192.0.2.9:5090>\r\n"
    };
    let text = request("INVITE", &format!("{extra}{contact}{described}"), offer);
    text.replace("c1@example.net", &format!("c{call}@example.net"))
}

/// A request within the dialog of a call.
fn within(method: &str, call: u32, tag: &str, cseq: u32, extra: &str, body: &str) -> String {
    request(method, extra, body)
        .replace("c1@example.net", &format!("c{call}@example.net"))
        .replace("CSeq: 4 ", &format!("CSeq: {cseq} "))
        .replace(
            "To: <sip:alice@example.net>",
            &format!("To: <sip:alice@example.net>;tag={tag}"),
        )
}

fn with(change: impl FnOnce(&mut AgentSettings)) -> Terminal {
    let mut settings = settings();
    change(&mut settings);
    Terminal::new(&settings)
}

fn terminal() -> Terminal {
    with(|_| {})
}

/// One that waits for connections.
fn listening() -> Terminal {
    with(|settings| settings.sessions.listening = "192.0.2.7:2855".parse().ok())
}

impl Terminal {
    fn asked(&mut self, text: &str) -> (ServerId, SipPushTicket) {
        let (id, outputs) = self.request(text);
        match <[_; 1]>::try_from(outputs) {
            Ok([ServingOutput::Foresee { ticket, .. }]) => (id, ticket),
            other => panic!("nobody is asked: {other:?}"),
        }
    }

    fn foreseen(&mut self, ticket: SipPushTicket, outcome: PushOutcome) -> Vec<ServingOutput> {
        let (announced, now) = (&self.announced, self.now);
        self.serving.foreseen(ticket, outcome, announced, now);
        self.take()
    }

    /// The answer of success to an INVITE.
    fn invited(&mut self, text: &str) -> (ServerId, Response) {
        let (id, ticket) = self.asked(text);
        let mut outputs = self.foreseen(ticket, PushOutcome::Delivered);
        let response = responded(outputs.pop(), id);
        assert!(outputs.is_empty());
        assert_eq!(response.status(), 200);
        (id, response)
    }

    fn ack(&mut self, call: u32, tag: &str, cseq: u32) -> Vec<ServingOutput> {
        let ack = parsed(&within("ACK", call, tag, cseq, "", ""));
        self.serving.ack(&ack, route(), self.now);
        self.take()
    }

    /// A session that the ACK has come for: its tag.
    fn session(&mut self, call: u32, offer: &str) -> (String, Vec<ServingOutput>) {
        let (_, response) = self.invited(&invite(call, "", offer));
        let tag = response.to_tag().unwrap().to_owned();
        let outputs = self.ack(call, &tag, 4);
        (tag, outputs)
    }

    /// Lets time pass up to what is due, and does it.
    fn wake(&mut self) -> Vec<ServingOutput> {
        self.now = self.serving.poll_timeout().expect("something is due");
        self.serving.handle_timeout(self.now);
        self.take()
    }
}

fn sent(output: Option<&ServingOutput>) -> &Request {
    match output {
        Some(ServingOutput::Send { request, .. }) => request,
        other => panic!("nothing is sent: {other:?}"),
    }
}

fn reason(output: Option<&ServingOutput>) -> &str {
    match output {
        Some(ServingOutput::Noted(SipNote::SessionFailed { reason, .. })) => reason,
        other => panic!("nothing is noted: {other:?}"),
    }
}

//= specs/ota-sip.md#large-push
//= type=test
//# A 2xx response to INVITE MUST have a Contact and the Record-Route of the request.
//= specs/ota-sip.md#large-push
//= type=test
//# The answer to an offer of MSRP MUST name the terminal's path and the types that it takes.
#[test]
fn an_invitation_is_answered_with_200_and_a_session_description() {
    let mut terminal = terminal();
    let routes = "Record-Route: <sip:192.0.2.1;lr>, <sip:192.0.2.2;lr>\r\nRecord-Route: <sip:192.0.2.3;lr>\r\n";
    let (id, ticket) = terminal.asked(&invite(1, routes, &offer(ACTPASS)));
    let mut outputs = terminal.foreseen(ticket, PushOutcome::Delivered);
    let response = responded(outputs.pop(), id);
    let name = text(&response);
    let name = name.split("192.0.2.7:9/").nth(1).unwrap();
    let name = name.split(';').next().unwrap();
    assert_eq!(name.len(), 20);
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n\
         a=accept-types:application/vnd.wap.mms-message text/*\r\na=max-size:1048576\r\n\
         a=path:msrp://192.0.2.7:9/{name};tcp\r\na=setup:active\r\na=recvonly\r\n"
    );
    let tag = response.to_tag().unwrap();
    assert_eq!(
        text(&response),
        format!(
            "SIP/2.0 200 OK\r\n\
             Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKcore\r\n\
             Via: SIP/2.0/UDP 192.0.2.9:5090;branch=z9hG4bKpsa\r\n\
             From: <sip:psa@example.net>;tag=p1\r\n\
             To: <sip:alice@example.net>;tag={tag}\r\n\
             Call-ID: c1@example.net\r\n\
             CSeq: 4 INVITE\r\n\
             Record-Route: <sip:192.0.2.1;lr>, <sip:192.0.2.2;lr>\r\n\
             Record-Route: <sip:192.0.2.3;lr>\r\n\
             Contact: <sip:alice@192.0.2.7:5070>\r\n\
             Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE\r\n\
             Content-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        )
    );
    // The ACK opens the connection, once.
    let outputs = terminal.ack(1, tag, 4);
    let [
        ServingOutput::OpenStream {
            stream,
            host,
            port,
            reach,
        },
    ] = outputs.as_slice()
    else {
        panic!("{outputs:?}");
    };
    for (address, allowed) in [("192.0.2.9", true), ("10.0.0.9", false), ("::1", false)] {
        assert_eq!(reach.allows(address.parse().unwrap()), allowed);
    }
    assert_eq!((*stream, *port), (StreamId(1), 2856));
    assert_eq!(*host, Host::Ip("192.0.2.9".parse().unwrap()));
    assert!(terminal.ack(1, tag, 4).is_empty());
}

#[test]
fn who_is_invited_knows_all_but_the_content() {
    let mut terminal = terminal();
    let extra = "P-Asserted-Identity: <sip:psa@example.net>\r\nSubject: news\r\nExpires: 9\r\n\
                 Accept-Contact: *;+g.oma.pusheventapp=\"ulp.ua\"\r\n";
    let (_, outputs) = terminal.request(&invite(1, extra, &offer(ACTPASS)));
    let [ServingOutput::Foresee { announced, .. }] = outputs.as_slice() else {
        panic!("{outputs:?}");
    };
    let application = announced.message.application.as_ref();
    assert_eq!(
        application.map(ToString::to_string).as_deref(),
        Some("x-oma-application:ulp.ua")
    );
    assert_eq!(announced.origin.server.to_string(), "sip:psa@example.net");
    assert_eq!(announced.origin.destination_port, Some(5070));
    assert!(announced.message.content.is_empty());
    let headers: Vec<_> = announced.message.headers.iter().collect();
    assert_eq!(headers, [("Subject", "news")]);
}

#[test]
fn an_invitation_that_foresight_speaks_against_gets_the_answer_of_a_message() {
    for (outcome, status) in [
        (PushOutcome::NoSuchApplication, 480),
        (PushOutcome::Ambiguous, 480),
        (PushOutcome::ContentType, 415),
        (PushOutcome::ServerNotListed, 403),
        (PushOutcome::NoRoom, 486),
        (PushOutcome::NotYet, 480),
    ] {
        for (silent, status) in [
            (false, status),
            (true, if status == 403 { 480 } else { status }),
        ] {
            let mut terminal = with(|settings| settings.serving.silent_refusal = silent);
            let (id, ticket) = terminal.asked(&invite(1, "", &offer(ACTPASS)));
            let mut outputs = terminal.foreseen(ticket, outcome);
            assert_eq!(responded(outputs.pop(), id).status(), status, "{outcome:?}");
            assert!(outputs.is_empty() && terminal.serving.is_idle());
            assert!(terminal.foreseen(ticket, PushOutcome::Delivered).is_empty());
        }
    }
}

//= specs/ota-sip.md#large-push
//= type=test
//# An invitation that offers no MSRP MUST be refused with 488.
#[test]
fn what_is_no_offer_that_can_be_taken_is_answered_with_488_and_a_warning() {
    let audio = offer(ACTPASS).replace("message 2856 TCP/MSRP *", "audio 9 RTP/AVP 0");
    let other_types = offer(ACTPASS).replace("accept-types:*", "accept-types:image/png");
    for (offer, warning) in [
        (String::new(), "399"),
        (audio, "304"),
        (offer("a=setup:active\r\n"), "399"),
        (offer(""), "399"),
        (other_types, "305"),
        (
            offer("a=setup:actpass\r\na=file-selector:type:image/png size:5\r\n"),
            "305",
        ),
        (
            offer("a=setup:actpass\r\na=file-selector:size:1048577\r\n"),
            "399",
        ),
    ] {
        let mut terminal = terminal();
        let (response, word) = terminal.refused(&invite(1, "", &offer));
        assert_eq!((response.status(), word), (488, "media"), "{offer}");
        let header = response.header("Warning").unwrap();
        assert!(
            header.starts_with(&format!("{warning} 192.0.2.7:5070 \"")),
            "{header} {offer}"
        );
        assert!(header.ends_with('"') && terminal.serving.is_idle());
    }
    let sized = offer("a=setup:actpass\r\na=file-selector:type:text/plain size:1048576\r\n");
    terminal().asked(&invite(1, "", &sized));
}

#[test]
fn an_offer_leads_no_nearer_to_the_terminal_than_the_core_is() {
    let leading_to =
        |host: &str| offer(ACTPASS).replace("msrp://192.0.2.9", &format!("msrp://{host}"));
    for host in [
        "127.0.0.1",
        "[::1]",
        "10.0.0.9",
        "169.254.1.1",
        "192.0.2.7",
        "0.0.0.0",
    ] {
        let (response, word) = terminal().refused(&invite(1, "", &leading_to(host)));
        assert_eq!((response.status(), word), (488, "media"), "{host}");
        let warning = response.header("Warning").unwrap();
        assert!(warning.contains("does not connect to"), "{warning}");
        // Whoever connects to the terminal may be anywhere.
        listening().asked(&invite(
            1,
            "",
            &leading_to(host).replace("actpass", "active"),
        ));
    }
    // Where a name leads is seen when it has been resolved.
    terminal().asked(&invite(1, "", &leading_to("localhost")));
    let mut anywhere = with(|settings| settings.sessions.connect_anywhere = true);
    anywhere.asked(&invite(1, "", &leading_to("10.0.0.9")));
}

#[test]
fn an_invitation_that_is_malformed_or_without_room_is_refused() {
    let good = offer(ACTPASS);
    let mut terminal = with(|settings| {
        settings.sessions.max_sessions = 1;
        settings.sessions.max_octets = 1_000;
    });
    let sized = offer("a=setup:actpass\r\na=file-selector:size:1001\r\n");
    let plain = invite(1, "", &good).replace("application/sdp", "text/plain");
    for (text, status, word) in [
        (invite(1, "Contact: *\r\n", &good), 400, "contact"),
        (invite(1, "Contact: <tel:+49>\r\n", &good), 400, "contact"),
        (
            invite(1, "Contact: <sip:a@b>, <sip:a@c>\r\n", &good),
            400,
            "contact",
        ),
        (invite(1, "", "no description"), 400, "media"),
        (plain, 415, "media"),
        (
            invite(1, "Content-Encoding: gzip\r\n", &good),
            415,
            "encoding",
        ),
        (invite(1, "Require: timer\r\n", &good), 420, "extension"),
        (invite(1, "", &sized), 486, "overload"),
    ] {
        let (response, noted) = terminal.refused(&text);
        assert_eq!((response.status(), noted), (status, word), "{text}");
    }
    terminal.asked(&invite(1, "", &good));
    let (response, word) = terminal.refused(&invite(2, "", &good));
    assert_eq!((response.status(), word), (486, "overload"));
}

//= specs/ota-sip.md#large-push
//= type=test
//# An invitation that is cancelled before its final answer MUST be answered with 487.
#[test]
fn a_cancelled_invitation_is_answered_with_487_and_later_not_at_all() {
    let mut terminal = terminal();
    let (id, ticket) = terminal.asked(&invite(1, "", &offer(ACTPASS)));
    terminal.serving.cancelled(ServerId(99));
    assert!(terminal.take().is_empty());
    terminal.serving.cancelled(id);
    let mut outputs = terminal.take();
    assert_eq!(responded(outputs.pop(), id).status(), 487);
    assert!(outputs.is_empty() && terminal.serving.is_idle());
    terminal.serving.cancelled(id);
    assert!(terminal.take().is_empty());
    assert!(terminal.foreseen(ticket, PushOutcome::Delivered).is_empty());
    // Too late: the answer is under way.
    let (id, _) = terminal.invited(&invite(2, "", &offer(ACTPASS)));
    terminal.serving.cancelled(id);
    assert!(terminal.take().is_empty());
}

//= specs/ota-sip.md#large-push
//= type=test
//# A 2xx response to INVITE MUST be sent again, at growing intervals, until its ACK comes.
#[test]
fn the_answer_is_repeated_until_its_ack_or_given_up_with_bye() {
    let mut terminal = terminal();
    let (id, first) = terminal.invited(&invite(1, "", &offer(ACTPASS)));
    let tag = first.to_tag().unwrap().to_owned();
    let begin = terminal.now;
    let mut after = Vec::new();
    let outputs = loop {
        let mut outputs = terminal.wake();
        if matches!(outputs.last(), Some(ServingOutput::Respond { .. })) {
            let again = responded(outputs.pop(), id);
            assert_eq!(again.to_bytes(), first.to_bytes());
            after.push(terminal.now.saturating_sub(begin).as_millis());
        } else {
            break outputs;
        }
    };
    let expected = [
        500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(after, expected);
    assert_eq!(terminal.now.saturating_sub(begin), Duration::from_secs(32));
    assert_eq!(reason(outputs.first()), "nobody acknowledged the answer");
    let bye = sent(outputs.get(1));
    assert_eq!(outputs.len(), 2);
    assert_eq!(
        String::from_utf8_lossy(&bye.to_bytes()),
        format!(
            "BYE sip:psa@192.0.2.9:5090 SIP/2.0\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:alice@example.net>;tag={tag}\r\n\
             To: <sip:psa@example.net>;tag=p1\r\n\
             Call-ID: c1@example.net\r\n\
             CSeq: 1 BYE\r\n\
             User-Agent: push-client/OMA1.0 example/1\r\n\
             Content-Length: 0\r\n\r\n"
        )
    );
    assert!(terminal.serving.is_idle() && terminal.serving.poll_timeout().is_none());
    // The ACK of another INVITE, or of another dialog, is none.
    let (_, response) = terminal.invited(&invite(2, "", &offer(ACTPASS)));
    let tag = response.to_tag().unwrap().to_owned();
    assert!(terminal.ack(2, &tag, 5).is_empty());
    assert!(terminal.ack(1, &tag, 4).is_empty());
    assert!(terminal.ack(2, "other", 4).is_empty());
    assert_eq!(terminal.wake().len(), 1);
    assert_eq!(terminal.ack(2, &tag, 4).len(), 1);
}

//= specs/ota-sip.md#large-push
//= type=test
//# A BYE MUST be answered with 200 and end the session.
#[test]
fn a_bye_is_answered_with_200_and_the_next_with_481() {
    let mut terminal = terminal();
    let (tag, _) = terminal.session(1, &offer(ACTPASS));
    // Whoever has the tags is believed, by whatever way.
    terminal.from_core = false;
    let (id, mut outputs) = terminal.request(&within("BYE", 1, &tag, 5, "", ""));
    assert!(matches!(
        outputs.pop(),
        Some(ServingOutput::CloseStream {
            stream: StreamId(1)
        })
    ));
    assert_eq!(reason(outputs.pop().as_ref()), "the sender ended it");
    assert_eq!(responded(outputs.pop(), id).status(), 200);
    assert!(terminal.serving.is_idle());
    terminal.from_core = true;
    let (response, _) = terminal.refused(&within("BYE", 1, &tag, 6, "", ""));
    assert_eq!(response.status(), 481);
    // Before its ACK as well.
    let (_, response) = terminal.invited(&invite(2, "", &offer(ACTPASS)));
    let tag = response.to_tag().unwrap().to_owned();
    let (id, mut outputs) = terminal.request(&within("BYE", 2, &tag, 5, "", ""));
    assert_eq!(responded(Some(outputs.remove(0)), id).status(), 200);
    assert!(terminal.serving.is_idle());
}

#[test]
fn bye_takes_the_recorded_route() {
    let loose = "Record-Route: <sip:192.0.2.1;lr>, <sip:192.0.2.2;lr=on>\r\n";
    let strict = "Record-Route: <sip:192.0.2.1>\r\nRecord-Route: <sip:192.0.2.2;lr>\r\n";
    for (routes, uri, expected) in [
        ("", "sip:psa@192.0.2.9:5090", &[][..]),
        (
            loose,
            "sip:psa@192.0.2.9:5090",
            &["<sip:192.0.2.1;lr>", "<sip:192.0.2.2;lr=on>"],
        ),
        (
            strict,
            "sip:192.0.2.1",
            &["<sip:192.0.2.2;lr>", "<sip:psa@192.0.2.9:5090>"],
        ),
    ] {
        let mut terminal = terminal();
        let (_, response) = terminal.invited(&invite(1, routes, &offer(ACTPASS)));
        let tag = response.to_tag().unwrap().to_owned();
        terminal.ack(1, &tag, 4);
        terminal.serving.stop();
        let outputs = terminal.take();
        let bye = sent(outputs.last());
        assert_eq!(bye.uri(), uri);
        assert_eq!(bye.values("Route"), expected);
    }
}

#[test]
fn bye_goes_where_the_ack_came_from() {
    let mut terminal = terminal();
    let (_, response) = terminal.invited(&invite(1, "", &offer(ACTPASS)));
    let tag = response.to_tag().unwrap().to_owned();
    let ack = parsed(&within("ACK", 1, &tag, 4, "", ""));
    // Without a recorded route the sender speaks for itself from here on.
    let direct = Route {
        peer: "192.0.2.9:5090".parse().unwrap(),
        ..route()
    };
    terminal.serving.ack(&ack, direct, terminal.now);
    terminal.serving.stop();
    let outputs = terminal.take();
    let Some(ServingOutput::Send { route, local, .. }) = outputs.last() else {
        panic!("{outputs:?}");
    };
    assert_eq!(*route, direct);
    assert_eq!(local.to_string(), "192.0.2.7:5070");
}

#[test]
fn who_listens_on_every_address_offers_the_one_that_is_spoken_to() {
    let mut terminal = with(|settings| settings.sessions.listening = "0.0.0.0:2855".parse().ok());
    let (_, response) = terminal.invited(&invite(1, "", &offer("")));
    let answer = String::from_utf8(response.body().to_vec()).unwrap();
    assert!(answer.contains("a=path:msrp://192.0.2.7:2855/"), "{answer}");
}

#[test]
fn the_same_offer_again_has_the_same_answer_and_another_is_refused() {
    let mut terminal = terminal();
    let (id, first) = terminal.invited(&invite(1, "", &offer(ACTPASS)));
    let tag = first.to_tag().unwrap().to_owned();
    let described = "Content-Type: application/sdp\r\n";
    let moved = format!("{described}Contact: <sip:psa@192.0.2.10:5090>\r\n");
    // While the first answer waits for its ACK, the next INVITE has to wait.
    let (response, word) = terminal.refused(&within("INVITE", 1, &tag, 5, &moved, &offer(ACTPASS)));
    assert_eq!((response.status(), word), (500, "order"));
    assert!(response.header("Retry-After").is_some());
    assert_eq!(terminal.ack(1, &tag, 4).len(), 1);
    let (again, mut outputs) =
        terminal.request(&within("INVITE", 1, &tag, 6, &moved, &offer(ACTPASS)));
    let response = responded(outputs.pop(), again);
    assert_eq!((response.status(), response.body()), (200, first.body()));
    assert_eq!(response.to_tag(), Some(&*tag));
    assert_ne!(again, id);
    assert_eq!(responded(terminal.wake().pop(), again).status(), 200);
    // Its ACK opens no second connection.
    assert!(terminal.ack(1, &tag, 6).is_empty());
    let other = offer("a=setup:passive\r\n");
    for (cseq, body, status) in [(7, &*other, 488), (8, "", 488), (9, "v=1", 400)] {
        let text = within("INVITE", 1, &tag, cseq, &moved, body);
        let (response, word) = terminal.refused(&text);
        assert_eq!((response.status(), word), (status, "media"), "{body}");
    }
    // The session is as it was, and its sender where it said last.
    terminal.serving.stop();
    let outputs = terminal.take();
    assert_eq!(sent(outputs.last()).uri(), "sip:psa@192.0.2.10:5090");
}

#[test]
fn other_requests_within_a_session_are_refused() {
    let mut terminal = terminal();
    let (tag, _) = terminal.session(1, &offer(ACTPASS));
    for (cseq, (method, status, word)) in (5..).zip([
        ("INFO", 405, "method"),
        ("UPDATE", 405, "method"),
        ("PRACK", 405, "method"),
        ("NOTIFY", 481, "subscription"),
    ]) {
        let (response, noted) = terminal.refused(&within(method, 1, &tag, cseq, "", ""));
        assert_eq!((response.status(), noted), (status, word), "{method}");
        assert_eq!(response.header("Allow").is_some(), status == 405);
    }
    for cseq in [3, 4, 8] {
        let (response, word) = terminal.refused(&within("BYE", 1, &tag, cseq, "", ""));
        assert_eq!((response.status(), word), (500, "order"));
    }
    let (id, mut outputs) = terminal.request(&within("OPTIONS", 1, &tag, 9, "", ""));
    assert_eq!(responded(outputs.pop(), id).status(), 200);
    // A push by MESSAGE is one within a session as well, from the core.
    let text = within(
        "MESSAGE",
        1,
        &tag,
        9,
        "Content-Type: text/plain\r\n",
        "hello",
    );
    assert_eq!(&*terminal.push(&text).2.message.content, b"hello");
    terminal.from_core = false;
    assert_eq!(terminal.refused(&text).0.status(), 403);
    // Another's tag names no dialog.
    terminal.from_core = true;
    let foreign = within("BYE", 1, &tag, 10, "", "").replace("tag=p1", "tag=p2");
    let (response, _) = terminal.refused(&foreign);
    assert_eq!(response.status(), 481);
    let (id, mut outputs) = terminal.request(&within("BYE", 1, &tag, 10, "", ""));
    assert_eq!(responded(Some(outputs.remove(0)), id).status(), 200);
}

#[test]
fn the_end_of_the_terminal_ends_sessions_in_every_state() {
    let mut terminal = listening();
    let (asked, _) = terminal.asked(&invite(1, "", &offer(ACTPASS)));
    let (_, unacknowledged) = terminal.invited(&invite(2, "", &offer(ACTPASS)));
    terminal.session(3, &offer(ACTPASS));
    terminal.session(4, &offer("a=setup:active\r\n"));
    terminal.serving.stop();
    let outputs = terminal.take();
    assert_eq!(
        outputs
            .iter()
            .filter(|output| matches!(output, ServingOutput::Send { .. }))
            .count(),
        2
    );
    let declined = outputs.into_iter().find_map(|output| match output {
        ServingOutput::Respond { id, response } => Some((id, response.status())),
        ServingOutput::Send { .. }
        | ServingOutput::Push { .. }
        | ServingOutput::Foresee { .. }
        | ServingOutput::OpenStream { .. }
        | ServingOutput::StreamTransmit { .. }
        | ServingOutput::CloseStream { .. }
        | ServingOutput::Noted(_) => None,
    });
    assert_eq!(declined, Some((asked, 480)));
    // The one without ACK may not be ended before it is there.
    assert!(!terminal.serving.is_idle());
    let tag = unacknowledged.to_tag().unwrap().to_owned();
    assert_eq!(terminal.wake().len(), 1);
    let outputs = terminal.ack(2, &tag, 4);
    assert_eq!(sent(outputs.first()).call_id(), "c2@example.net");
    assert!(outputs.len() == 1 && terminal.serving.is_idle());
    assert_eq!(terminal.serving.poll_timeout(), None);
}

#[test]
fn an_invitation_whose_flow_has_ended_is_forgotten() {
    let mut terminal = terminal();
    let (_, ticket) = terminal.asked(&invite(1, "", &offer(ACTPASS)));
    terminal.session(2, &offer(ACTPASS));
    terminal.serving.flow_ended(route().flow);
    assert!(terminal.foreseen(ticket, PushOutcome::Delivered).is_empty());
    assert!(!terminal.serving.is_idle(), "the session goes on");
}

#[test]
fn an_invitation_that_nobody_judges_is_answered_with_480_at_last() {
    let mut terminal = terminal();
    let (id, _) = terminal.asked(&invite(1, "", &offer(ACTPASS)));
    let begin = terminal.now;
    let mut outputs = terminal.wake();
    assert_eq!(terminal.now.saturating_sub(begin), Duration::from_mins(5));
    assert_eq!(responded(outputs.pop(), id).status(), 480);
    assert!(terminal.serving.is_idle());
}

#[test]
fn a_session_without_connection_is_ended_by_bye() {
    let mut terminal = listening();
    // It waits for one.
    terminal.session(1, &offer(""));
    let begin = terminal.now;
    let outputs = terminal.wake();
    assert_eq!(terminal.now.saturating_sub(begin), Duration::from_secs(30));
    assert_eq!(reason(outputs.first()), "no connection came about in time");
    assert_eq!(sent(outputs.get(1)).method().as_str(), "BYE");
    // It cannot open one.
    terminal.session(2, &offer(ACTPASS));
    let now = terminal.now;
    terminal.serving.stream_ended(StreamId(1), "refused", now);
    let outputs = terminal.take();
    assert_eq!(reason(outputs.first()), "refused");
    assert_eq!(sent(outputs.get(1)).call_id(), "c2@example.net");
    // It waits for the driver in vain.
    terminal.session(3, &offer(ACTPASS));
    let outputs = terminal.wake();
    assert_eq!(outputs.len(), 3);
    assert!(terminal.serving.is_idle());
    terminal.serving.stream_opened(StreamId(3), now);
    assert!(matches!(
        terminal.take().as_slice(),
        [ServingOutput::CloseStream {
            stream: StreamId(3)
        }]
    ));
}

#[test]
fn anybody_may_invite_where_the_settings_say_so() {
    let mut terminal = with(|settings| settings.serving.accept_from = AcceptFrom::Anyone);
    terminal.from_core = false;
    terminal.asked(&invite(1, "", &offer(ACTPASS)));
}
