//! Single roads through the registrar.

use super::*;
use PpgState::{Announced, Confirmed, Rejected, Requested, Unreachable};

const ALWAYS: &[Connect] = &[Connect::Always];
const WHEN_NEEDED: &[Connect] = &[Connect::WhenNeeded];

#[test]
fn without_gateways_an_announcement_is_answered_at_once() {
    let mut bench = Bench::new(&[], true);
    assert_eq!(bench.announce(1, true), [announced(0, &[])]);
    assert_eq!(bench.registrar.poll_timeout(), None);
    let mut bench = Bench::new(&[Connect::Never], true);
    assert_eq!(bench.announce(1, true), [announced(0, &[])]);
    assert_eq!(bench.registrar.poll_timeout(), None);
}

//= specs/ota-http.md#tcp-connections
//= type=test
//# The terminal MUST be able to open connections without TLS to a gateway of its own accord.
#[test]
fn an_announcement_dials_each_gateway_and_is_answered_once_all_can_ask() {
    let mut bench = Bench::new(
        &[Connect::Always, Connect::Never, Connect::WhenNeeded],
        false,
    );
    assert_eq!(bench.registrar.poll_timeout(), None);
    assert_eq!(bench.announce(1, true), [dial(0, 0), dial(1, 2)]);
    assert_eq!(bench.connected(1), []);
    let outputs = bench.connected(0);
    let RegistrarOutput::Announced { reports, .. } = &outputs[0] else {
        panic!("{outputs:?}")
    };
    let states: Vec<_> = reports
        .iter()
        .map(|report| (&report.ppg, report.state))
        .collect();
    assert_eq!(states, [(&id(0), Announced), (&id(2), Announced)]);
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn where_it_is_asked_for_an_announcement_waits_until_the_gateway_knows() {
    let mut bench = Bench::new(ALWAYS, true);
    assert_eq!(bench.announce(1, true), [dial(0, 0)]);
    assert_eq!(bench.connected(0), []);
    assert_eq!(bench.state(0), Announced);
    assert_eq!(bench.knows(0, 8), []);
    assert_eq!(bench.state(0), Announced);
    assert_eq!(bench.knows(0, 1), [announced(0, &[(Confirmed, None)])]);
    assert_eq!(
        bench.announce(1, true),
        [announced(1, &[(Confirmed, None)])]
    );
}

#[test]
fn a_gateway_that_does_not_ask_in_time_is_said_to_have_been_told() {
    let mut bench = Bench::new(ALWAYS, true);
    bench.announce(1, true);
    bench.connected(0);
    let reason = Some("it has not asked within 10 s");
    assert_eq!(bench.wake(), [announced(0, &[(Announced, reason)])]);
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn a_gateway_may_be_told_on_the_connection_that_is_open() {
    let told = [Connect::Always];
    let mut bench = Bench::announcing(&told, AnnounceOn::OpenConnection, false);
    // While none is open, it is dialled as others are.
    assert_eq!(bench.announce(1, true), [dial(0, 0)]);
    assert_eq!(bench.connected(0), [announced(0, &[(Announced, None)])]);
    bench.knows(0, 1);
    assert_eq!(
        bench.announce(2, true),
        [announced(1, &[(Announced, None)])]
    );
    bench.knows(0, 2);
    assert_eq!(bench.state(0), Confirmed);
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn where_it_is_asked_for_it_has_to_ask_on_the_connection_that_is_open() {
    let told = [Connect::Always];
    let mut bench = Bench::announcing(&told, AnnounceOn::OpenConnection, true);
    bench.announce(1, true);
    bench.connected(0);
    bench.knows(0, 1);
    assert_eq!(bench.announce(2, true), []);
    assert_eq!(bench.knows(0, 2), [announced(1, &[(Confirmed, None)])]);
    // One that ends while it is waited for is dialled again.
    assert_eq!(bench.announce(3, true), []);
    assert_eq!(bench.closed(0), []);
    assert_eq!(bench.wake(), [dial(1, 0)]);
    bench.connected(1);
    assert_eq!(bench.knows(0, 3), [announced(2, &[(Confirmed, None)])]);
}

#[test]
fn what_is_told_already_needs_no_dial() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    bench.connected(0);
    assert_eq!(
        bench.announce(1, true),
        [announced(1, &[(Announced, None)])]
    );
    let mut bench = Bench::new(WHEN_NEEDED, false);
    bench.announce(1, true);
    bench.connected(0);
    bench.knows(0, 1);
    bench.closed(0);
    assert_eq!(
        bench.announce(1, true),
        [announced(1, &[(Confirmed, None)])]
    );
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn a_tag_that_comes_back_is_still_known() {
    let mut bench = Bench::new(WHEN_NEEDED, false);
    bench.announce(1, true);
    bench.connected(0);
    bench.knows(0, 1);
    assert_eq!(bench.announce(2, true), [dial(1, 0)]);
    assert_eq!(
        bench.announce(1, true),
        [
            announced(1, &[(Confirmed, None)]),
            announced(2, &[(Confirmed, None)])
        ]
    );
    // Open at an older CPI, but it has been dialled since.
    assert_eq!(bench.connected(1), [retire(0)]);
}

#[test]
fn what_comes_during_a_dial_waits_for_it_and_is_served_by_one_more() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    assert_eq!(bench.announce(2, true), []);
    assert_eq!(bench.announce(3, true), []);
    assert_eq!(
        bench.connected(0),
        [announced(0, &[(Announced, None)]), dial(1, 0)]
    );
    let both = [(Announced, None)];
    assert_eq!(
        bench.connected(1),
        [retire(0), announced(1, &both), announced(2, &both)]
    );
    assert_eq!(bench.closed(0), []);
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn a_dial_that_fails_is_repeated_until_patience_ends() {
    let mut bench = Bench::new(WHEN_NEEDED, false);
    bench.announce(1, true);
    let begin = bench.now;
    assert_eq!(bench.failed(0), []);
    assert_eq!(bench.state(0), Requested);
    assert_eq!(bench.wake(), [dial(1, 0)]);
    assert!((SECOND * 3 / 2..=SECOND * 2).contains(&bench.since(begin)));
    assert_eq!(bench.failed(1), []);
    assert_eq!(bench.wake(), [dial(2, 0)]);
    assert_eq!(
        bench.wake(),
        [announced(0, &[(Unreachable, Some("refused"))])]
    );
    assert_eq!(bench.since(begin), SECOND * 10);
    assert_eq!(bench.failed(2), []);
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn a_gateway_that_says_nothing_is_unreachable_when_patience_ends() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    let reason = Some("it was not reached within 10 s");
    assert_eq!(bench.wake(), [announced(0, &[(Unreachable, reason)])]);
    assert_eq!(bench.state(0), Unreachable);
    assert_eq!(bench.registrar.poll_timeout(), None);
    assert_eq!(bench.connected(0), []);
    assert_eq!(bench.state(0), Announced);
}

#[test]
fn an_announcement_cuts_the_wait_short_once() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    for number in 0..4 {
        bench.failed(number);
        while bench.wake() != [dial(number + 1, 0)] {}
    }
    bench.failed(4);
    assert_eq!(bench.announce(1, true), [dial(5, 0)]);
    assert_eq!(bench.failed(5), []);
    assert_eq!(bench.announce(2, true), [dial(6, 0)]);
    assert_eq!(bench.failed(6), []);
}

#[test]
fn a_connection_that_dies_at_once_is_dialled_ever_more_seldom_until_the_gateway_asks() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    let mut waits = Vec::new();
    for number in 0..8 {
        bench.connected(number);
        bench.closed(number);
        let before = bench.now;
        assert_eq!(bench.wake(), [dial(number + 1, 0)]);
        waits.push(bench.since(before).as_secs_f64());
    }
    let whole = [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0];
    for (wait, whole) in waits.into_iter().zip(whole) {
        assert!((whole * 0.749..=whole).contains(&wait), "{wait} of {whole}");
    }
    bench.connected(8);
    bench.exchanged(0, None);
    bench.closed(8);
    let before = bench.now;
    assert_eq!(bench.wake(), [dial(9, 0)]);
    assert!(bench.since(before) <= SECOND * 2);
}

#[test]
fn what_is_not_needed_is_left_to_end() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    bench.connected(0);
    assert_eq!(bench.announce(2, false), [dial(1, 0)]);
    assert_eq!(
        bench.connected(1),
        [retire(0), announced(1, &[(Announced, None)])]
    );
    assert_eq!(bench.closed(1), []);
    assert_eq!(bench.registrar.poll_timeout(), None);
    // It is needed again, at the same CPI.
    assert_eq!(bench.announce(2, true), [dial(2, 0)]);
}

#[test]
fn a_gateway_that_does_not_believe_is_left_alone_until_the_cpi_changes() {
    let mut bench = Bench::new(ALWAYS, true);
    bench.announce(1, true);
    bench.connected(0);
    let reason = Some("it does not believe that the terminal is who it says");
    let rejected = [(Rejected, reason)];
    assert_eq!(bench.unbelieved(0, false), [announced(0, &rejected)]);
    assert_eq!(bench.closed(0), []);
    assert_eq!(bench.registrar.poll_timeout(), None);
    assert_eq!(bench.announce(1, true), [announced(1, &rejected)]);
    assert_eq!(bench.announce(2, true), [dial(1, 0)]);
    assert_eq!(bench.state(0), Requested);
}

#[test]
fn a_gateway_that_does_not_believe_is_dialled_when_it_asks_for_it() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    bench.connected(0);
    bench.unbelieved(0, false);
    bench.closed(0);
    let [RegistrarOutput::Dial { assumed, .. }] = &bench.invited(own(0))[..] else {
        panic!("it is not dialled")
    };
    assert_eq!(*assumed, Some(tag(9)));
    bench.connected(1);
    assert_eq!(bench.knows(0, 1), []);
    assert_eq!(bench.state(0), Confirmed);
    assert_eq!(bench.registrar.view()[0].reason, None);
}

#[test]
fn a_gateway_that_may_be_tried_again_is_after_a_wait() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.announce(1, true);
    for number in 0..3 {
        bench.connected(number);
        bench.unbelieved(0, true);
        assert_eq!(bench.state(0), Announced);
        bench.closed(number);
        let before = bench.now;
        assert_eq!(bench.wake(), [dial(number + 1, 0)]);
        assert!(bench.since(before) >= SECOND * 3 / 2 * (1 << number));
    }
}

//= specs/ota-http.md#sir
//= type=test
//# A terminal that follows a session initiation request MUST open TCP connections as it does of its own accord.
//= specs/ota-http.md#sir
//= type=test
//# Of several contact points in a session initiation request each SHOULD be connected to.
#[test]
fn contact_points_belong_to_their_gateway_and_each_is_dialled() {
    let mut bench = Bench::new(&[Connect::Never, Connect::Never], false);
    let elsewhere = Contact {
        host: Host::Ip(other_address(1)),
        port: 9999,
        secure: true,
    };
    let contacts = vec![
        (contact(0, 5000), None),
        (elsewhere.clone(), Some(tag(1))),
        (own(0), None),
        (contact(7, 4035), None),
    ];
    let to = |output: &RegistrarOutput| match output {
        RegistrarOutput::Dial { ppg, contact, .. } => (ppg.clone(), contact.clone()),
        RegistrarOutput::Retire { .. } | RegistrarOutput::Announced { .. } => panic!("{output:?}"),
    };
    let outputs = bench.input(RegistrarInput::Invited {
        contacts,
        prov_url: None,
    });
    let dialled: Vec<_> = outputs.iter().map(to).collect();
    assert_eq!(
        dialled,
        [
            (None, contact(7, 4035)),
            (Some(id(0)), contact(0, 5000)),
            (Some(id(1)), elsewhere)
        ]
    );
    // One dial at a time to a gateway; a second connection elsewhere does not take the place of the first.
    let outputs = bench.connected(1);
    assert_eq!(
        outputs.iter().map(to).collect::<Vec<_>>(),
        [(Some(id(0)), own(0))]
    );
    assert_eq!(bench.connected(3), []);
    assert_eq!(bench.registrar.view()[0].connections, 2);
    // The same contact point once more, because the gateway knows nothing of the connection.
    assert_eq!(bench.invited(own(0)).len(), 1);
    assert_eq!(bench.connected(4), [retire(3)]);
    assert_eq!(bench.closed(4), []);
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn of_gateways_in_one_place_the_one_in_the_context_that_is_named_is_dialled() {
    let mut terminal = terminal(&[Connect::Never, Connect::Never], AnnounceOn::NewConnection);
    terminal.ppgs[1].contact = terminal.ppgs[0].contact.clone();
    for (ppg, url) in terminal.ppgs.iter_mut().zip(["http://a/", "http://b/"]) {
        ppg.prov_url = Some(url.into());
    }
    for (url, expected) in [("http://a/", 0), ("http://b/", 1), ("http://c/", 0)] {
        let mut registrar = Registrar::new(&terminal, settings(false), 1);
        let invited = RegistrarInput::Invited {
            contacts: vec![(own(0), None)],
            prov_url: Some(url.into()),
        };
        registrar.handle_input(invited, SECOND);
        let Some(RegistrarOutput::Dial { ppg, prov_url, .. }) = registrar.poll_output() else {
            panic!("it is not dialled")
        };
        assert_eq!((ppg, prov_url.as_deref()), (Some(id(expected)), Some(url)));
    }
}

#[test]
fn names_are_compared_without_case_and_an_exact_contact_goes_first() {
    let named = |name: &str, port| Contact {
        host: Host::Name(name.into()),
        port,
        secure: false,
    };
    let mut terminal = terminal(&[Connect::Never, Connect::Never], AnnounceOn::NewConnection);
    terminal.ppgs[0].contact = Some(named("push.example", 4035));
    terminal.ppgs[1].contact = Some(named("push.example", 5000));
    let mut registrar = Registrar::new(&terminal, settings(false), 1);
    let mut whose = |contact| {
        let contacts = vec![(contact, None)];
        registrar.handle_input(
            RegistrarInput::Invited {
                contacts,
                prov_url: None,
            },
            SECOND,
        );
        let Some(RegistrarOutput::Dial { ppg, dial, .. }) = registrar.poll_output() else {
            panic!("it is not dialled")
        };
        registrar.handle_input(RegistrarInput::Connected { dial }, SECOND);
        ppg
    };
    assert_eq!(whose(named("PUSH.example", 7000)), Some(id(0)));
    assert_eq!(whose(named("push.example", 5000)), Some(id(1)));
    assert_eq!(whose(named("other.example", 5000)), None);
}

#[test]
fn contact_points_of_no_gateway_are_bounded_and_not_dialled_again() {
    let mut bench = Bench::new(&[], false);
    assert_eq!(bench.invited(own(1)).len(), 1);
    assert_eq!(bench.invited(own(1)).len(), 0);
    assert_eq!(bench.invited(own(2)).len(), 1);
    assert_eq!(bench.invited(own(3)).len(), 0);
    bench.failed(0);
    assert_eq!(bench.registrar.poll_timeout(), None);
    assert_eq!(bench.connected(1), []);
    assert_eq!(bench.invited(own(2)).len(), 1);
    assert_eq!(bench.connected(2), [retire(1)]);
    bench.closed(2);
    assert_eq!(bench.registrar.poll_timeout(), None);
    assert_eq!(bench.invited(own(3)).len(), 1);
}

#[test]
fn announcements_that_wait_are_bounded() {
    let mut bench = Bench::new(ALWAYS, false);
    for number in 0..3 {
        bench.announce(number, true);
    }
    assert_eq!(
        bench.announce(3, true),
        [announced(0, &[(Requested, None)])]
    );
}

#[test]
fn an_operator_sees_the_last_exchange_and_the_tag_that_is_known() {
    let mut bench = Bench::new(ALWAYS, false);
    bench.knows(0, 1);
    bench.announce(2, true);
    bench.connected(0);
    let view = &bench.registrar.view()[0];
    assert_eq!(view.known_tag, Some(tag(1)));
    assert_eq!((view.connections, view.state), (1, Announced));
    assert_eq!(
        view.last_exchange,
        Some(("OPTIONS", Some(PushStatus::Registered), UnixMillis(7)))
    );
    bench.knows(0, 2);
    // Overtaken on its way.
    bench.knows(0, 1);
    let view = &bench.registrar.view()[0];
    assert_eq!((view.known_tag, view.state), (Some(tag(2)), Confirmed));
}

#[test]
fn what_is_unknown_changes_nothing() {
    let mut bench = Bench::new(ALWAYS, false);
    assert_eq!(bench.connected(3), []);
    assert_eq!(bench.closed(3), []);
    assert_eq!(bench.failed(3), []);
    assert_eq!(bench.exchanged(9, None), []);
    assert_eq!(bench.state(0), Requested);
    assert_eq!(bench.registrar.poll_timeout(), None);
}
