//! Flows that are lost, change, or are too narrow.

use super::*;

#[test]
fn a_lost_flow_is_made_anew_with_the_binding() {
    let mut own = settings();
    own.account.transport = Transport::Tcp;
    let mut rig = Rig::with(&own);
    rig.announce(&["a.ua"]);
    rig.open_at(FlowId(1), "198.51.100.4:40001");
    assert!(
        rig.last()
            .header("Contact")
            .starts_with("<sip:carol@198.51.100.4:40001;transport=tcp>")
    );
    rig.grant(600);
    rig.echo();
    rig.lose(FlowId(1));
    assert_eq!(rig.views()[0], "Unreachable");
    assert!(matches!(
        rig.notes.last(),
        Some(SipNote::RegistrationFailed { .. })
    ));
    let due = rig.wait();
    assert!((seconds(15)..=seconds(30)).contains(&due), "{due:?}");
    rig.pass(due);
    assert_eq!(rig.asked.last(), Some(&(FlowId(3), Transport::Tcp)));
    rig.lose(FlowId(3));
    let due = rig.wait();
    assert!((seconds(30)..=seconds(60)).contains(&due), "{due:?}");
    rig.pass(due);
    rig.open_at(FlowId(5), "198.51.100.4:40002");
    // The binding by the way that is no more goes with the same request.
    let contact = rig.last().header("Contact");
    assert!(
        contact.starts_with("<sip:carol@198.51.100.4:40002;transport=tcp>"),
        "{contact}"
    );
    assert!(
        contact.ends_with(", <sip:carol@198.51.100.4:40001;transport=tcp>;expires=0"),
        "{contact}"
    );
    rig.grant(600);
    // The Push Sender Agent had another Contact.
    assert!(rig.last().is("OPTIONS"));
    rig.echo();
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
    rig.pass(seconds(300));
    assert!(!rig.last().header("Contact").contains("expires=0"));
}

#[test]
fn a_way_by_which_nobody_answers_is_made_anew() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut own = settings();
        own.account.transport = transport;
        let mut rig = Rig::with(&own);
        rig.announce(&["a.ua"]);
        rig.open();
        rig.grant(600);
        rig.echo();
        rig.pass(seconds(300));
        rig.time_out();
        assert_eq!(rig.views()[0], "Unreachable");
        assert!(rig.closed.is_empty(), "pushes may come by it meanwhile");
        let due = rig.wait();
        assert!((seconds(15)..=seconds(30)).contains(&due), "{due:?}");
        rig.pass(due);
        assert_eq!(rig.closed, [FlowId(1)]);
        assert_eq!(rig.asked.last(), Some(&(FlowId(3), transport)));
        assert_eq!(rig.count("REGISTER"), 2);
        // It says so itself.
        rig.open();
        assert_eq!(rig.last().route.flow, FlowId(3));
        rig.answer(430, &[]);
        rig.pass(rig.wait());
        assert_eq!(rig.closed, [FlowId(1), FlowId(3)]);
        rig.open();
        assert_eq!(rig.last().route.flow, FlowId(5));
        rig.grant(600);
        assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
        // A Push Sender Agent that is silent says nothing of the way.
        rig.announce(&["b.ua"]);
        rig.grant(600);
        rig.time_out();
        rig.pass(seconds(30));
        assert_eq!(rig.closed.len(), 2);
    }
}

#[test]
fn an_announcement_does_not_wait_for_a_flow_that_fails() {
    let mut rig = Rig::new();
    let first = rig.announce(&["a.ua"]);
    rig.lose(FlowId(1));
    assert_eq!(rig.states(first), ["Unreachable", "Requested"]);
    assert_eq!(rig.reason(first, 0), "reset by peer");
    let second = rig.announce(&["a.ua"]);
    assert_eq!(rig.asked.last(), Some(&(FlowId(3), Transport::Udp)));
    rig.open();
    rig.grant(600);
    rig.echo();
    assert_eq!(rig.states(second), ["Confirmed", "Confirmed"]);
}

#[test]
fn a_core_that_hangs_up_after_a_refusal_is_not_asked_sooner() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    rig.answer(403, &[]);
    let wait = rig.wait();
    rig.lose(FlowId(1));
    assert_eq!(rig.views()[0], "Rejected");
    assert_eq!(rig.wait(), wait);
    rig.pass(wait);
    rig.open();
    assert_eq!(rig.count("REGISTER"), 2);
    // Nor is one that wants to be left alone for years.
    rig.answer(503, &[("Retry-After", "4000000000")]);
    assert_eq!(rig.wait(), seconds(1800));
}

#[test]
fn a_flow_that_ends_takes_its_requests_with_it() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    let exchange = rig.last().exchange;
    rig.lose(FlowId(1));
    assert_eq!(rig.states(1), ["Unreachable", "Requested"]);
    rig.machine.ended(exchange, Unanswered::FlowEnded, rig.now);
    rig.drain();
    assert_eq!(rig.notes.len(), 1);
    // A flow that nobody asked for is none of ours.
    rig.lose(FlowId(77));
    assert_eq!(rig.notes.len(), 1);
}

#[test]
fn a_change_of_the_network_renews_the_binding_at_once() {
    let mut rig = Rig::registered(&["a.ua"]);
    rig.machine.network_changed(rig.now);
    rig.drain();
    assert_eq!(rig.closed, [FlowId(1)]);
    assert_eq!(rig.asked.last(), Some(&(FlowId(3), Transport::Udp)));
    assert_eq!(rig.views(), ["Requested", "Confirmed"]);
    rig.open_at(FlowId(3), "203.0.113.8:5070");
    let contact = rig.last().header("Contact");
    assert!(
        contact.contains("203.0.113.8")
            && contact.contains("<sip:carol@198.51.100.4:5070>;expires=0")
    );
    rig.grant(600);
    assert!(rig.last().is("OPTIONS"));
    rig.echo();
    // In the middle of a request.
    rig.pass(seconds(300));
    rig.machine.network_changed(rig.now);
    rig.drain();
    rig.open_at(FlowId(5), "203.0.113.8:5070");
    assert_eq!(rig.last().route.flow, FlowId(5));
    rig.grant(600);
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
    // Without applications nothing is renewed.
    let mut rig = Rig::new();
    rig.machine.network_changed(rig.now);
    rig.drain();
    assert!(rig.asked.is_empty());
}

fn many() -> Vec<String> {
    (0..90)
        .map(|number| format!("application-{number:03}.ua"))
        .collect()
}

//= specs/ota-sip.md#outbound
//= type=test
//# A request of more than 1,300 octets MUST be sent over a transport with congestion control where the next hop takes it.
#[test]
fn long_requests_go_over_a_connection_where_there_is_one() {
    let many = many();
    let ids: Vec<_> = many.iter().map(String::as_str).collect();
    let mut rig = Rig::new();
    rig.announce(&ids);
    rig.open();
    assert!(rig.sent.is_empty());
    assert_eq!(rig.asked.last(), Some(&(FlowId(3), Transport::Tcp)));
    rig.open_at(FlowId(3), "198.51.100.4:40100");
    assert_eq!(rig.last().route.flow, FlowId(3));
    assert_eq!(rig.last().route.transport, Transport::Tcp);
    assert!(
        rig.last()
            .header("Contact")
            .starts_with("<sip:carol@198.51.100.4:5070>")
    );
    assert!(rig.machine.is_to_core(FlowId(3)) && rig.machine.is_to_core(FlowId(1)));
    rig.grant(600);
    assert_eq!(rig.last().route.flow, FlowId(3));
    rig.echo();
    // What is short takes the datagrams.
    rig.announce(&["a.ua"]);
    assert_eq!(rig.last().route.flow, FlowId(1));
    rig.grant(600);
    rig.echo();
    // The connection may end; the binding does not.
    rig.lose(FlowId(3));
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
    rig.announce(&ids);
    assert_eq!(rig.asked.last(), Some(&(FlowId(5), Transport::Tcp)));
    // Nothing listens there any more.
    rig.lose(FlowId(5));
    assert_eq!(rig.last().route.flow, FlowId(1));
    rig.grant(600);
    rig.echo();
    let asked = rig.asked.len();
    rig.announce(&ids[1..]);
    assert_eq!(rig.last().route.flow, FlowId(1));
    assert_eq!(rig.asked.len(), asked);
}

#[test]
fn what_waits_for_a_connection_is_forgotten_with_its_flow() {
    let many = many();
    let ids: Vec<_> = many.iter().map(String::as_str).collect();
    let mut rig = Rig::new();
    rig.announce(&ids);
    rig.open();
    rig.lose(FlowId(1));
    assert_eq!(rig.states(1), ["Unreachable", "Requested"]);
    assert_eq!(rig.closed, [FlowId(3)]);
    rig.open_at(FlowId(3), "198.51.100.4:40100");
    assert!(rig.sent.is_empty());
}

#[test]
fn a_flow_is_kept_alive_where_that_is_wanted() {
    let mut own = settings();
    own.registration.keep_alive = seconds(25);
    let mut rig = Rig::with(&own);
    rig.announce(&["a.ua"]);
    rig.open();
    rig.grant(600);
    rig.echo();
    rig.pass(seconds(100));
    assert_eq!(rig.kept_alive, 4);
    rig.lose(FlowId(1));
    rig.machine.stop(rig.now);
    rig.drain();
    assert_eq!(rig.machine.poll_timeout(), None);
}
