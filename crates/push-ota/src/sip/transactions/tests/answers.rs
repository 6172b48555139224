//! What is answered, when, and how often.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_request_is_sent_until_it_is_answered_or_given_up() {
    let mut lab = Lab::new(Transport::Udp);
    let begin = lab.now;
    let id = lab.send(Method::Register);
    let first = lab.sent().remove(0);
    assert!(first.starts_with(
        "REGISTER sip:core.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK"
    ));
    let mut times = Vec::new();
    let mut ended = None;
    while let Some(at) = lab.machine.poll_timeout() {
        lab.now = at;
        lab.machine.handle_timeout(at);
        for event in lab.events() {
            match event {
                TransactionEvent::Transmit { octets, .. } => {
                    assert_eq!(octets, first.as_bytes());
                    times.push(at.saturating_sub(begin).as_millis());
                }
                TransactionEvent::Ended { id: of, why } => {
                    ended = Some((of, why, at.saturating_sub(begin)));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(
        times,
        [
            500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
        ]
    );
    assert_eq!(ended, Some((id, Unanswered::TimedOut, 32 * SECOND)));
    assert_eq!(lab.machine.clients.under_way(), 0);
}

#[test]
fn branches_differ_and_are_of_the_seed() {
    let branches = |seed| {
        let mut lab = Lab::new(Transport::Udp);
        lab.machine = Transactions::new(TransactionSettings::default(), 7, seed);
        for _ in 0..50 {
            lab.send(Method::Options);
        }
        let branch = |text: String| text.split("branch=").nth(1).unwrap()[..39].to_owned();
        lab.sent()
            .into_iter()
            .map(branch)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(branches(1).len(), 50);
    assert_eq!(branches(1), branches(1));
    assert!(branches(1).is_disjoint(&branches(2)));
}

#[test]
fn responses_that_are_not_ours_are_strays() {
    let mut lab = Lab::new(Transport::Udp);
    lab.send(Method::Options);
    let sent = lab.sent().remove(0);
    let right = Lab::response_to(&sent, 200);
    let via = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\n";
    for wrong in [
        right.replace("CSeq: 9 OPTIONS", "CSeq: 9 REGISTER"),
        right.replacen("Via:", &format!("{via}Via:"), 1),
        right.replacen("From:", &format!("{via}From:"), 1),
        right.replace(
            ";rport",
            ";rport, SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKy",
        ),
        right.replace("branch=z9hG4bK", "branch=z9hG4bKx"),
        right.replace("branch=z9hG4bK", "branch="),
    ] {
        assert_ne!(wrong, right);
        lab.receive(&wrong);
        let events = lab.events();
        assert!(
            matches!(events[..], [TransactionEvent::Noted(SipNote::Stray)]),
            "{wrong}\n{events:?}"
        );
    }
    lab.receive(&right);
    assert!(matches!(
        lab.events()[..],
        [TransactionEvent::Response { .. }]
    ));
    assert_eq!(lab.machine.clients.under_way(), 0);
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that comes again MUST be answered as it was before and MUST NOT be delivered again.
#[test]
fn an_answer_is_sent_again_for_what_comes_again_until_the_time_is_over() {
    let mut lab = Lab::new(Transport::Udp);
    let message = request("MESSAGE", "z9hG4bKa");
    let (id, first) = lab.request(&message);
    lab.receive(&message);
    assert!(lab.events().is_empty(), "the user has not answered");
    lab.respond(id, &first, 200);
    let answer = lab.sent().remove(0);
    assert!(
        answer.starts_with("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKa\r\n")
    );
    assert!(answer.contains("\r\nTo: <sip:terminal@example.net>;tag=t7\r\n"));
    lab.respond(id, &first, 480);
    assert!(lab.events().is_empty(), "there is one answer");
    lab.wait(31 * SECOND);
    lab.receive(&message);
    assert_eq!(lab.sent(), [answer]);
    lab.wait(SECOND);
    lab.receive(&message);
    assert!(matches!(
        lab.events()[..],
        [TransactionEvent::Request { .. }]
    ));
}

#[test]
fn a_failed_invitation_is_answered_until_it_is_acknowledged() {
    let mut lab = Lab::new(Transport::Udp);
    let invite = request("INVITE", "z9hG4bKi");
    let (id, first) = lab.request(&invite);
    lab.wait(Duration::from_millis(199));
    assert!(lab.events().is_empty());
    lab.wait(Duration::from_millis(1));
    let trying = lab.sent().remove(0);
    assert!(trying.starts_with("SIP/2.0 100 Trying\r\n"));
    assert!(
        trying.contains("\r\nTo: <sip:terminal@example.net>\r\n"),
        "no tag"
    );
    lab.receive(&invite);
    assert_eq!(lab.sent(), [trying]);
    lab.respond(id, &first, 488);
    let refusal = lab.sent();
    let begin = lab.now;
    let mut times = Vec::new();
    for _ in 0..5 {
        lab.now = lab.machine.poll_timeout().unwrap();
        lab.machine.handle_timeout(lab.now);
        assert_eq!(lab.sent(), refusal);
        times.push(lab.now.saturating_sub(begin).as_millis());
    }
    assert_eq!(times, [500, 1500, 3500, 7500, 11500]);
    lab.receive(&request("ACK", "z9hG4bKi"));
    assert!(lab.events().is_empty(), "the ACK is the transaction's");
    lab.wait(5 * SECOND);
    assert_eq!(lab.machine.poll_timeout(), None);
    assert!(lab.machine.servers.all.is_empty());
}

#[test]
fn an_invitation_that_nobody_acknowledges_is_forgotten() {
    let mut lab = Lab::new(Transport::Udp);
    let (id, first) = lab.request(&request("INVITE", "z9hG4bKi"));
    lab.respond(id, &first, 486);
    let begin = lab.now;
    while let Some(at) = lab.machine.poll_timeout() {
        lab.now = at;
        lab.machine.handle_timeout(at);
    }
    assert_eq!(lab.now.saturating_sub(begin), 32 * SECOND);
    assert!(lab.machine.servers.all.is_empty());
}

#[test]
fn a_success_of_an_invitation_is_the_users_to_repeat() {
    let mut lab = Lab::new(Transport::Udp);
    let invite = request("INVITE", "z9hG4bKi");
    let (id, first) = lab.request(&invite);
    lab.respond(id, &first, 200);
    assert_eq!(lab.lines(), ["SIP/2.0 200 OK"]);
    lab.receive(&invite);
    assert!(lab.events().is_empty());
    lab.respond(id, &first, 200);
    assert_eq!(lab.lines(), ["SIP/2.0 200 OK"]);
    // Its ACK has a branch of its own.
    lab.receive(&request("ACK", "z9hG4bKother"));
    assert!(matches!(lab.events()[..], [TransactionEvent::Ack { .. }]));
}

#[test]
fn a_cancel_is_answered_by_what_it_finds() {
    let mut lab = Lab::new(Transport::Udp);
    let cancel = request("CANCEL", "z9hG4bKi");
    lab.receive(&cancel);
    assert_eq!(lab.lines(), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    let (id, first) = lab.request(&request("INVITE", "z9hG4bKi"));
    lab.receive(&cancel);
    let events = lab.events();
    let [
        TransactionEvent::Transmit { octets, .. },
        TransactionEvent::Cancelled { id: of },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(octets.starts_with(b"SIP/2.0 200 OK\r\n"));
    assert_eq!(*of, id);
    lab.respond(id, &first, 487);
    assert_eq!(lab.lines(), ["SIP/2.0 487 Request Terminated"]);
    lab.receive(&cancel);
    assert_eq!(lab.lines(), ["SIP/2.0 200 OK"], "and nothing is cancelled");
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that reaches the terminal a second time by another path MUST be refused with 482.
#[test]
fn what_came_by_another_way_is_refused_while_the_first_is_known() {
    let mut lab = Lab::new(Transport::Udp);
    let message = request("MESSAGE", "z9hG4bKa");
    let forked = message.replace(";branch=z9hG4bKa", ";branch=z9hG4bKb");
    let (id, first) = lab.request(&message);
    lab.receive(&forked);
    let events = lab.events();
    let [
        TransactionEvent::Transmit { octets, .. },
        TransactionEvent::Noted(note),
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(octets.starts_with(b"SIP/2.0 482 "));
    assert_eq!(note.as_str(), "merged");
    lab.respond(id, &first, 200);
    assert_eq!(lab.lines(), ["SIP/2.0 200 OK"]);
    lab.receive(&forked);
    assert_eq!(lab.lines(), ["SIP/2.0 482 Loop Detected"]);
    // Another number, another tag or a dialog make it another request.
    for other in [
        forked.replace("CSeq: 1", "CSeq: 2"),
        forked
            .replace("tag=f1", "tag=f2")
            .replace("z9hG4bKb", "z9hG4bKc"),
        forked
            .replace(
                "To: <sip:terminal@example.net>",
                "To: <sip:terminal@example.net>;tag=x",
            )
            .replace("z9hG4bKb", "z9hG4bKd"),
    ] {
        lab.request(&other);
    }
    lab.wait(40 * SECOND);
    lab.request(&forked.replace("z9hG4bKb", "z9hG4bKe"));
}

#[test]
fn peers_from_before_the_cookie_are_known_by_everything_else() {
    let mut lab = Lab::new(Transport::Udp);
    let message = request("MESSAGE", "z9hG4bKa").replace(";branch=z9hG4bKa", ";branch=1");
    let (id, first) = lab.request(&message);
    lab.respond(id, &first, 200);
    let answer = lab.sent();
    lab.receive(&message);
    assert_eq!(lab.sent(), answer);
    lab.request(&message.replace("CSeq: 1", "CSeq: 2"));
    // An INVITE, its CANCEL and the ACK of its failure.
    let old = |method: &str| request(method, "z9hG4bKo").replace(";branch=z9hG4bKo", "");
    let (id, first) = lab.request(&old("INVITE"));
    lab.receive(&old("CANCEL"));
    assert!(matches!(
        lab.events()[..],
        [_, TransactionEvent::Cancelled { .. }]
    ));
    lab.respond(id, &first, 487);
    lab.events();
    lab.receive(&old("ACK").replace(
        "To: <sip:terminal@example.net>",
        "To: <sip:terminal@example.net>;tag=t7",
    ));
    assert!(lab.events().is_empty(), "the ACK is the transaction's");
}
