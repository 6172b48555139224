//! Floods stay in bounds.

use super::*;

fn settings() -> TransactionSettings {
    TransactionSettings {
        max_unanswered: 20,
        max_answered: 30,
        max_answered_octets: 5_000,
        max_requests: 10,
        ..TransactionSettings::default()
    }
}

fn numbered(method: &str, number: usize) -> String {
    request(method, &format!("z9hG4bKn{number}"))
}

#[test]
fn requests_beyond_those_that_may_wait_are_told_to_come_later() {
    for method in ["MESSAGE", "INVITE"] {
        let mut lab = Lab::with(settings(), Transport::Udp);
        let waiting: Vec<_> = (0..20)
            .map(|number| lab.request(&numbered(method, number)))
            .collect();
        for number in 20..500 {
            lab.receive(&numbered(method, number));
            let events = lab.events();
            let [
                TransactionEvent::Transmit { octets, .. },
                TransactionEvent::Noted(note),
            ] = &events[..]
            else {
                panic!("{events:?}")
            };
            let text = String::from_utf8_lossy(octets);
            assert!(text.starts_with("SIP/2.0 503 Service Unavailable\r\n"));
            assert!(text.contains("\r\nRetry-After: 7\r\n"));
            assert_eq!(note.as_str(), "overload");
        }
        assert_eq!(lab.machine.servers.all.len(), 20);
        let (id, first) = &waiting[3];
        lab.respond(*id, first, 480);
        lab.events();
        lab.request(&numbered(method, 600));
    }
}

#[test]
fn the_oldest_answers_give_way_by_number() {
    let settings = TransactionSettings {
        max_answered_octets: 1 << 20,
        ..settings()
    };
    let mut lab = Lab::with(settings, Transport::Udp);
    for number in 0..1_000 {
        let (id, first) = lab.request(&numbered("MESSAGE", number));
        lab.respond(id, &first, 200);
        assert_eq!(lab.sent().len(), 1);
        assert!(lab.machine.servers.all.len() <= 30);
    }
    check(&lab, 30);
    lab.receive(&numbered("MESSAGE", 970));
    assert_eq!(lab.lines(), ["SIP/2.0 200 OK"], "it is remembered");
    // What is forgotten is judged anew.
    lab.request(&numbered("MESSAGE", 969));
    lab.wait(Duration::from_secs(33));
    check(&lab, 0);
}

#[test]
fn requests_that_nobody_answers_are_forgotten_once_their_senders_have_given_up() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut lab = Lab::with(settings(), transport);
        let waiting: Vec<_> = (0..20)
            .map(|number| lab.request(&numbered("MESSAGE", number)))
            .collect();
        let (id, first) = &waiting[7];
        lab.respond(*id, first, 180);
        lab.wait(Duration::from_millis(31_999));
        assert_eq!(lab.machine.servers.unanswered, 20);
        lab.wait(Duration::from_millis(1));
        check(&lab, 0);
        assert_eq!(lab.machine.poll_timeout(), None);
        lab.events();
        // An answer that comes later has nowhere to go.
        lab.respond(*id, first, 200);
        assert!(lab.events().is_empty());
        lab.request(&numbered("MESSAGE", 0));
    }
}

/// Everything that is kept belongs to so many answered transactions, and to those that wait.
fn check(lab: &Lab, answered: usize) {
    let servers = &lab.machine.servers;
    assert_eq!(servers.answered.len(), answered);
    assert_eq!(servers.all.len(), answered + servers.unanswered);
    assert_eq!(servers.keys.len(), servers.all.len());
    assert!(servers.merged.len() <= servers.all.len());
    let kept: usize = servers
        .all
        .values()
        .filter(|server| server.place.is_some())
        .filter_map(|server| server.last.as_ref())
        .map(Bytes::len)
        .sum();
    assert_eq!(servers.octets, kept);
    assert!(lab.machine.shared.timers.running().len() <= 2 * servers.all.len());
}

#[test]
fn the_oldest_answers_give_way_by_octets() {
    let mut lab = Lab::with(settings(), Transport::Udp);
    for number in 0..200 {
        let (id, first) = lab.request(&numbered("MESSAGE", number));
        lab.respond(id, &first, 200);
        assert!(lab.machine.servers.octets <= 5_000);
    }
    let kept = lab.machine.servers.all.len();
    assert!((10..30).contains(&kept), "{kept}");
    check(&lab, kept);
}

#[test]
fn invitations_in_every_state_stay_in_bounds() {
    let mut lab = Lab::with(settings(), Transport::Udp);
    for number in 0..600 {
        let (id, first) = lab.request(&numbered("INVITE", number));
        lab.respond(id, &first, if number % 3 == 0 { 200 } else { 486 });
        if number % 3 == 1 {
            lab.receive(&numbered("ACK", number));
        }
        lab.events();
        lab.wait(Duration::from_millis(20));
        lab.events();
        check(&lab, lab.machine.servers.answered.len());
        assert!(lab.machine.servers.all.len() <= 30);
    }
    lab.wait(Duration::from_mins(2));
    lab.wait(Duration::from_mins(2));
    check(&lab, 0);
    assert_eq!(lab.machine.poll_timeout(), None);
}

#[test]
fn requests_of_ours_are_bounded_answered_or_not() {
    let mut lab = Lab::with(settings(), Transport::Udp);
    for round in 0..5 {
        for _ in 0..10 {
            lab.send(Method::Options);
        }
        let sent = lab.sent();
        assert_eq!(sent.len(), 10);
        let refused = lab.send(Method::Options);
        assert!(matches!(
            lab.events()[..],
            [TransactionEvent::Ended { id, why: Unanswered::TooMany }] if id == refused
        ));
        for text in sent {
            lab.receive(&Lab::response_to(&text, 200));
        }
        assert_eq!(lab.machine.clients.under_way(), 0);
        assert!(lab.machine.clients.all.len() <= 10, "round {round}");
        assert_eq!(
            lab.machine.clients.branches.len(),
            lab.machine.clients.all.len()
        );
        lab.events();
    }
    lab.wait(Duration::from_secs(5));
    assert!(lab.machine.clients.all.is_empty());
}
