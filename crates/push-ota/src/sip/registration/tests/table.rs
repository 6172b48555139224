//! Every answer in every state.

use super::super::answers::{VERDICTS, Verdict, refresh_after, verdict};
use super::*;

#[test]
fn every_status_has_its_meaning() {
    use Verdict::{AskForMore, Done, Later, Prove, Refused, Wait};
    for (statuses, register, options) in [
        (100..=199, Wait, Wait),
        (200..=299, Done, Done),
        (300..=400, Refused, Refused),
        (401..=401, Prove, Prove),
        (402..=406, Refused, Refused),
        (407..=407, Prove, Prove),
        (408..=408, Later, Later),
        (409..=422, Refused, Refused),
        (423..=423, AskForMore, Refused),
        (424..=429, Refused, Refused),
        (430..=430, Later, Later),
        (431..=479, Refused, Refused),
        (480..=480, Refused, Later),
        (481..=499, Refused, Refused),
        (500..=599, Later, Later),
        (600..=699, Refused, Refused),
    ] {
        for status in statuses {
            assert_eq!(verdict(status, true), register, "{status}");
            assert_eq!(verdict(status, false), options, "{status}");
        }
    }
    assert!(VERDICTS.is_sorted_by_key(|(first, ..)| *first));
}

/// A refusal of REGISTER: what the announcement hears, and when the registrar is asked again.
//= specs/ota-sip.md#outbound
//= type=test
//# A terminal whose registration failed MUST wait before the next attempt, longer after each failure, by a time that chance has shortened.
#[test]
fn what_fails_is_reported_and_tried_again_in_its_time() {
    for (status, headers, state, reason, least, most) in [
        (403, &[][..], "Rejected", "403 Forbidden", 900, 1800),
        (404, &[], "Rejected", "404 Not Found", 900, 1800),
        (400, &[], "Rejected", "400 Bad Request", 900, 1800),
        (603, &[], "Rejected", "603 Decline", 900, 1800),
        (
            302,
            &[("Contact", "<sip:elsewhere.example.org>")][..],
            "Rejected",
            "302 Unspecified to sip:elsewhere.example.org",
            900,
            1800,
        ),
        (500, &[], "Unreachable", "500 Server Internal Error", 15, 30),
        (
            503,
            &[("Retry-After", "120 (later)")],
            "Unreachable",
            "503 Service Unavailable",
            120,
            120,
        ),
        (
            503,
            &[("Retry-After", "1;duration=9")],
            "Unreachable",
            "503 Service Unavailable",
            15,
            30,
        ),
        (
            200,
            &[("Expires", "0")],
            "Rejected",
            "it granted no time",
            900,
            1800,
        ),
        (423, &[], "Rejected", "423 Unspecified", 900, 1800),
        (
            423,
            &[("Min-Expires", "60")],
            "Rejected",
            "423 Unspecified",
            900,
            1800,
        ),
        (
            401,
            &[],
            "Rejected",
            "401 Unspecified: it asks for a proof that the terminal does not have",
            900,
            1800,
        ),
    ] {
        let mut rig = Rig::new();
        rig.announce(&["a.ua"]);
        rig.open();
        rig.answer(100, &[]);
        rig.answer(status, headers);
        assert_eq!(rig.states(1), [state, "Requested"], "{status}");
        assert_eq!(rig.reason(1, 0), reason);
        assert_eq!(rig.views()[0], state);
        assert!(matches!(
            rig.notes.last(),
            Some(SipNote::RegistrationFailed { retry: Some(_), .. })
        ));
        let due = rig.wait();
        assert!(
            (seconds(least)..=seconds(most)).contains(&due),
            "{status}: {due:?}"
        );
        let before = rig.count("REGISTER");
        rig.pass(due);
        assert_eq!(rig.count("REGISTER"), before + 1);
        rig.grant(600);
        assert_eq!(rig.views()[0], "Confirmed");
    }
}

#[test]
fn what_fails_again_and_again_is_asked_less_often() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    for whole in [30, 60, 120, 240, 480, 960, 1800, 1800] {
        rig.time_out();
        let due = rig.wait();
        assert!(
            (seconds(whole) / 2..=seconds(whole)).contains(&due),
            "{due:?} of {whole}"
        );
        rig.pass_until_due();
    }
    assert_eq!(rig.answers.len(), 1);
    assert_eq!(rig.states(1), ["Unreachable", "Requested"]);
    assert_eq!(rig.reason(1, 0), "it did not answer");
    // Success forgets all that.
    rig.grant(600);
    rig.echo();
    rig.pass(seconds(300));
    rig.time_out();
    let due = rig.wait();
    assert!(due <= seconds(30));
}

#[test]
fn an_announcement_cuts_the_wait_short_but_not_what_the_core_asked_for() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    rig.answer(403, &[]);
    rig.announce(&["a.ua"]);
    assert_eq!(rig.count("REGISTER"), 2);
    rig.answer(503, &[("Retry-After", "100")]);
    assert_eq!(rig.states(2), ["Unreachable", "Requested"]);
    rig.announce(&["b.ua"]);
    assert_eq!(rig.count("REGISTER"), 2);
    rig.pass(seconds(15));
    assert_eq!(rig.states(3), ["Unreachable", "Unreachable"]);
    assert_eq!(rig.reason(3, 0), "it has not answered within 15 s");
    rig.pass(seconds(85));
    assert_eq!(rig.count("REGISTER"), 3);
}

//= specs/ota-sip.md#registration
//= type=test
//# A terminal that was told that its interval is too brief MUST NOT ask again for less than Min-Expires.
#[test]
fn min_expires_is_kept() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    rig.answer(423, &[("Min-Expires", "7200")]);
    assert_eq!(rig.last().header("Expires"), "7200");
    assert_eq!(rig.last().header("CSeq"), "2 REGISTER");
    rig.answer(423, &[("Min-Expires", "9000")]);
    assert_eq!(rig.last().header("Expires"), "9000");
    rig.grant(9000);
    rig.echo();
    rig.announce(&["b.ua"]);
    assert_eq!(rig.last().header("Expires"), "9000");
}

//= specs/ota-sip.md#registration
//= type=test
//# The lifetime of a binding MUST be read from the terminal's own Contact in the answer, and from the Expires header where that Contact has none.
//= specs/ota-sip.md#registration
//= type=test
//# A binding MUST be renewed before it lapses for as long as an application needs it.
#[test]
fn a_binding_is_renewed_in_its_time() {
    let own = "<sip:carol@198.51.100.4:5070;x=y>";
    for (headers, expires) in [
        (vec![("Contact", format!("{own};expires=100"))], 100),
        (
            vec![(
                "Contact",
                format!("<sip:b@192.0.2.7>;expires=7, {own};expires=1200"),
            )],
            1200,
        ),
        (
            vec![
                ("Contact", format!("{own};expires=3600")),
                ("Expires", "20".to_owned()),
            ],
            3600,
        ),
        (
            vec![("Contact", own.to_owned()), ("Expires", "1300".to_owned())],
            1300,
        ),
        (vec![("Expires", "700".to_owned())], 700),
        (
            vec![(
                "Contact",
                format!("<sip:carol@10.0.0.1>;expires=50;+sip.instance=\"<{INSTANCE}>\""),
            )],
            50,
        ),
        (
            vec![("Contact", "<sip:carol@10.0.0.1>;expires=50".to_owned())],
            3600,
        ),
        (vec![], 3600),
    ] {
        let mut rig = Rig::new();
        rig.announce(&["a.ua"]);
        rig.open();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        rig.answer(200, &headers);
        rig.echo();
        assert_eq!(
            rig.machine.views()[0].binding.as_ref().unwrap().expires,
            rig.now + seconds(expires)
        );
        assert!(rig.notes.contains(&SipNote::Registered {
            expires: seconds(expires)
        }));
        let refresh = refresh_after(seconds(expires));
        assert_eq!(rig.machine.poll_timeout(), Some(rig.now + refresh));
        rig.pass(refresh.saturating_sub(seconds(1)));
        assert_eq!(rig.count("REGISTER"), 1);
        rig.pass(seconds(1));
        assert_eq!(rig.count("REGISTER"), 2);
        assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
        rig.grant(600);
        // Nothing new for the Push Sender Agent.
        assert_eq!(rig.count("OPTIONS"), 1);
    }
    for (expires, refresh) in [
        (1, 0),
        (60, 30),
        (1200, 600),
        (1201, 601),
        (3600, 3000),
        (600_000, 599_400),
    ] {
        assert_eq!(refresh_after(seconds(expires)).as_secs(), refresh);
    }
}

#[test]
fn a_binding_that_cannot_be_renewed_lapses_and_is_made_anew() {
    let mut rig = Rig::registered(&["a.ua"]);
    rig.pass(seconds(300));
    rig.time_out();
    assert_eq!(rig.views()[0], "Unreachable");
    assert!(rig.machine.views()[0].binding.is_some());
    while rig.now < seconds(1000 + 600) {
        rig.pass_until_due();
        if rig.machine.core.exchange.is_some() {
            rig.time_out();
        }
    }
    assert!(rig.machine.views()[0].binding.is_none());
    assert_eq!(rig.views()[0], "Unreachable");
    rig.pass_until_due();
    rig.grant(600);
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
    assert_eq!(rig.count("OPTIONS"), 1);
}

//= specs/ota-sip.md#registration
//= type=test
//# A terminal MUST NOT send a REGISTER while another one of its own is neither answered nor timed out.
#[test]
fn announcements_that_come_meanwhile_are_gathered() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    let first = rig.last().exchange;
    rig.announce(&["a.ua", "b.ua"]);
    rig.announce(&["a.ua", "b.ua", "c.ua"]);
    rig.announce(&["a.ua", "b.ua", "c.ua"]);
    assert_eq!(rig.count("REGISTER"), 1);
    rig.grant(600);
    assert_eq!(rig.count("REGISTER"), 2);
    assert_eq!(rig.count("OPTIONS"), 0);
    assert!(rig.answers.is_empty());
    // What is over has no answer any more.
    let late = reply(&rig.sent[0].request, 403, Some("r")).build();
    rig.response(first, &late);
    assert!(rig.last().header("Contact").ends_with("\"a.ua,b.ua,c.ua\""));
    rig.grant(600);
    rig.echo();
    for ticket in 1..=4 {
        assert_eq!(rig.states(ticket), ["Confirmed", "Confirmed"]);
    }
    // It is known already.
    rig.announce(&["a.ua", "b.ua", "c.ua"]);
    assert_eq!(rig.states(5), ["Confirmed", "Confirmed"]);
    assert_eq!(rig.sent.len(), 3);
}

#[test]
fn announcements_have_a_bound() {
    let mut own = settings();
    own.registration.max_announcements = 2;
    let mut rig = Rig::with(&own);
    for ids in [["a.ua"], ["b.ua"], ["c.ua"], ["d.ua"]] {
        rig.announce(&ids);
    }
    assert_eq!(rig.states(1), ["Requested", "Requested"]);
    assert_eq!(rig.states(2), ["Requested", "Requested"]);
    rig.open();
    rig.grant(600);
    rig.echo();
    assert_eq!(rig.states(4), ["Confirmed", "Confirmed"]);
    assert_eq!(rig.answers.len(), 4);
}

#[test]
fn an_id_that_a_server_does_not_serve_is_refused_alone() {
    let ids = |reports: &[SipReport]| -> Vec<String> {
        reports[1]
            .rejected_applications
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    for (must_echo, contact, rejected) in [
        (
            true,
            Some("<sip:psa@192.0.2.30>;+g.oma.pusheventapp=\"a.ua\""),
            &["b.ua"][..],
        ),
        (true, Some("<sip:psa@192.0.2.30>"), &["a.ua", "b.ua"]),
        (true, None, &["a.ua", "b.ua"]),
        (false, Some("<sip:psa@192.0.2.30>"), &[]),
        (false, None, &[]),
        (
            false,
            Some("<sip:psa@192.0.2.30>;+g.oma.pusheventapp=\"b.ua\""),
            &["a.ua"],
        ),
    ] {
        let mut own = settings();
        own.registration.psa_must_echo = must_echo;
        let mut rig = Rig::with(&own);
        rig.announce(&["a.ua", "b.ua"]);
        rig.open();
        rig.grant(600);
        let headers: Vec<_> = contact
            .iter()
            .map(|contact| ("Contact", *contact))
            .collect();
        rig.answer(200, &headers);
        assert_eq!(rig.states(1), ["Confirmed", "Confirmed"]);
        let rejected: Vec<_> = rejected
            .iter()
            .map(|id| format!("x-wap-application:{id}"))
            .collect();
        assert_eq!(ids(&rig.answers[0].1), rejected);
        assert_eq!(
            rig.machine.views()[1].rejected_applications.len(),
            rejected.len()
        );
    }
}

#[test]
fn each_push_sender_agent_is_told_and_reported() {
    let mut own = settings();
    own.push_sender_agents = vec![
        "sip:one@ims.example.net".into(),
        "sip:two@ims.example.net".into(),
        "sip:three@ims.example.net".into(),
    ];
    let mut rig = Rig::with(&own);
    rig.announce(&["a.ua"]);
    rig.open();
    rig.grant(600);
    assert_eq!(rig.count("OPTIONS"), 3);
    rig.echo();
    rig.sent.pop();
    rig.answer(404, &[]);
    rig.sent.pop();
    assert!(rig.answers.is_empty());
    rig.pass(seconds(15));
    assert_eq!(
        rig.states(1),
        ["Confirmed", "Unreachable", "Rejected", "Confirmed"]
    );
    assert_eq!(
        rig.views(),
        ["Confirmed", "Requested", "Rejected", "Confirmed"]
    );
    rig.time_out();
    assert_eq!(
        rig.views(),
        ["Confirmed", "Unreachable", "Rejected", "Confirmed"]
    );
    let failed = rig
        .notes
        .iter()
        .filter(|note| note.as_str() == "capabilitiesFailed");
    assert_eq!(failed.count(), 2);
    // The one that was not reached is asked again, by itself.
    let before = rig.count("OPTIONS");
    rig.pass(seconds(30));
    assert_eq!(rig.count("OPTIONS"), before + 1);
    assert_eq!(rig.last().request.uri(), "sip:one@ims.example.net");
    rig.echo();
    assert_eq!(
        rig.views(),
        ["Confirmed", "Confirmed", "Rejected", "Confirmed"]
    );
}

#[test]
fn without_applications_there_is_nothing_to_tell() {
    let mut rig = Rig::new();
    rig.announce(&[]);
    assert_eq!(rig.states(1), ["Idle", "Idle"]);
    assert!(rig.asked.is_empty() && rig.sent.is_empty());
    assert_eq!(rig.machine.poll_timeout(), None);
    assert_eq!(rig.views(), ["Idle", "Idle"]);
    assert!(rig.machine.is_idle());
}

#[test]
fn an_application_that_comes_within_the_grace_finds_the_binding() {
    let mut rig = Rig::registered(&["a.ua"]);
    rig.announce(&[]);
    rig.grant(600);
    rig.echo();
    rig.pass(seconds(20));
    rig.announce(&["b.ua"]);
    rig.grant(600);
    rig.echo();
    rig.pass(seconds(100));
    assert!(rig.sent.iter().all(|sent| sent.header("Expires") != "0"));
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
    // While the binding is being ended, it is made anew after that.
    rig.announce(&[]);
    rig.grant(600);
    rig.echo();
    rig.pass(seconds(30));
    assert_eq!(rig.last().header("Expires"), "0");
    rig.announce(&["c.ua"]);
    assert_eq!(rig.last().header("Expires"), "0");
    rig.answer(200, &[]);
    assert_eq!(rig.last().header("Expires"), "3600");
    rig.grant(600);
    rig.echo();
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
}

#[test]
fn a_removal_that_cannot_be_told_is_reported_and_ends_by_itself() {
    let mut rig = Rig::registered(&["a.ua"]);
    let ticket = rig.announce(&[]);
    rig.time_out();
    assert_eq!(rig.states(ticket), ["Unreachable", "Requested"]);
    while rig.machine.poll_timeout().is_some() {
        rig.pass_until_due();
        if rig.machine.core.exchange.is_some() {
            rig.time_out();
        }
        assert!(rig.now < seconds(20_000));
    }
    assert_eq!(rig.views(), ["Idle", "Idle"]);
    assert!(rig.machine.is_idle());
}

#[test]
fn the_end_takes_the_binding_with_it() {
    let mut rig = Rig::registered(&["a.ua"]);
    rig.machine.stop(rig.now);
    rig.drain();
    assert_eq!(rig.last().header("Expires"), "0");
    assert!(!rig.machine.is_over());
    rig.answer(200, &[]);
    assert!(rig.machine.is_over());
    rig.machine.close_flows();
    rig.drain();
    assert!(rig.machine.is_idle());
    assert_eq!(rig.machine.poll_timeout(), None);

    // While an announcement is under way.
    let mut rig = Rig::new();
    let ticket = rig.announce(&["a.ua"]);
    rig.open();
    rig.machine.stop(rig.now);
    rig.drain();
    assert_eq!(rig.states(ticket), ["Unreachable", "Unreachable"]);
    assert_eq!(rig.reason(ticket, 0), "the terminal is being stopped");
    rig.grant(600);
    assert_eq!(rig.last().header("Expires"), "0");
    rig.time_out();
    assert!(rig.machine.is_over());
    let late = rig.announce(&["b.ua"]);
    assert_eq!(rig.states(late), ["Unreachable", "Unreachable"]);

    // Without a way there.
    let mut rig = Rig::registered(&["a.ua"]);
    rig.lose(FlowId(1));
    rig.machine.stop(rig.now);
    rig.drain();
    assert!(rig.machine.is_idle());
    assert_eq!(rig.machine.poll_timeout(), None);

    // With nothing at all.
    let mut rig = Rig::new();
    rig.machine.stop(rig.now);
    assert!(rig.machine.is_idle());
}
