//! Which statuses and which tag, for each case.

use std::collections::BTreeSet;

use super::*;

const STALE: CpiTag = CpiTag([1, 2, 3, 4]);

/// What a gateway shows, by itself and by the session initiation request before.
#[derive(Debug, Clone, Copy)]
enum Tag {
    None,
    Ours,
    OursUnpadded,
    OursInHexadecimal,
    Stale,
    Empty,
    NoText,
}

impl Tag {
    fn header(self) -> String {
        let ours = cpi().tag();
        let [a, b, c, d] = ours.0;
        match self {
            Self::None => String::new(),
            Self::Ours => format!("x-wap-cpitag: {ours}\n"),
            Self::OursUnpadded => format!("x-wap-cpitag: {}\n", ours.to_string().replace('=', "")),
            Self::OursInHexadecimal => format!("x-wap-cpitag: {a:02X}{b:02x}{c:02X}{d:02x}\n"),
            Self::Stale => format!("x-wap-cpitag: {STALE}\n"),
            Self::Empty => "x-wap-cpitag:\n".to_owned(),
            Self::NoText => "x-wap-cpitag: \u{fffd}\n".to_owned(),
        }
    }
}

//= specs/ota-http.md#registration
//= type=test
//# The answer to a registration that shows another CPITag than the terminal's and is not refused MUST carry the CPI headers and the CPITag.
#[test]
fn registrations_by_tag() {
    let ours = cpi().tag();
    for (assumed, shown, code) in [
        (None, Tag::None, "501"),
        (None, Tag::Empty, "501"),
        (None, Tag::Stale, "501"),
        (None, Tag::NoText, "501"),
        (None, Tag::Ours, "500"),
        (None, Tag::OursUnpadded, "500"),
        (None, Tag::OursInHexadecimal, "500"),
        (Some(ours), Tag::None, "500"),
        (Some(ours), Tag::Empty, "500"),
        (Some(ours), Tag::Stale, "501"),
        (Some(STALE), Tag::None, "501"),
        (Some(STALE), Tag::Ours, "500"),
    ] {
        let mut bench = Bench::new(terminal([ppg()]), dialled(Some(GATEWAY), assumed));
        let answer = bench.options(&shown.header());
        assert_eq!(
            outcome(&answer),
            format!("204 {code}"),
            "{assumed:?} {shown:?}"
        );
        for name in [
            "x-wap-cpitag",
            "x-wap-push-accept",
            "x-wap-push-accept-appid",
        ] {
            assert_eq!(has(&answer, name), code == "501", "{name}");
        }
        assert!(has(&answer, "x-wap-terminal-id") && has(&answer, "x-wap-bearer-indication"));
    }
}

/// Tag assumed, tag shown, stale ones taken, absent ones taken, verdict; status, tag in the answer.
type Case = (
    Option<CpiTag>,
    Tag,
    bool,
    bool,
    PushStatus,
    &'static str,
    bool,
);

/// How a terminal is set, and what it makes of a push: accepted or not, with the tag in the answer or not.
//= specs/ota-http.md#registration-validation
//= type=test
//# A push that shows the terminal's CPITag MUST be tried on the application that it is addressed to.
//= specs/ota-http.md#registration-validation
//= type=test
//# The content of a push that shows another CPITag than the terminal's SHOULD be dropped without a word to the application.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that shows another CPITag than the terminal's and was dropped MUST carry the terminal's CPITag.
//= specs/ota-http.md#registration-validation
//= type=test
//# A push that shows no CPITag SHOULD be accepted.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that shows no CPITag and was dropped MUST carry the terminal's CPITag.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that shows the terminal's CPITag MUST NOT carry a CPITag.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that was accepted in spite of the CPITag it shows SHOULD carry the terminal's CPITag.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that was accepted without a CPITag SHOULD NOT carry one.
#[test]
fn pushes_by_tag() {
    use PushStatus::{Accepted, ContentType, NoRoom, NoSuchApplication, Refused, RequestRefused};
    let ours = Some(cpi().tag());
    let cases: [Case; 27] = [
        (None, Tag::Ours, false, false, Accepted, "400", false),
        (
            None,
            Tag::OursUnpadded,
            false,
            false,
            Accepted,
            "400",
            false,
        ),
        (
            None,
            Tag::OursInHexadecimal,
            false,
            false,
            Accepted,
            "400",
            false,
        ),
        (ours, Tag::None, false, false, Accepted, "400", false),
        (None, Tag::Ours, true, true, Accepted, "400", false),
        (None, Tag::None, false, true, Accepted, "400", false),
        (None, Tag::Empty, false, true, Accepted, "400", false),
        (None, Tag::None, false, false, Accepted, "256", true),
        (None, Tag::None, true, false, Accepted, "256", true),
        (None, Tag::Stale, false, true, Accepted, "256", true),
        (None, Tag::NoText, false, true, Accepted, "256", true),
        (ours, Tag::Stale, false, true, Accepted, "256", true),
        (Some(STALE), Tag::None, false, true, Accepted, "256", true),
        (None, Tag::Stale, true, false, Accepted, "401", true),
        (Some(STALE), Tag::None, true, false, Accepted, "401", true),
        (Some(STALE), Tag::Ours, false, false, Accepted, "400", false),
        (None, Tag::Ours, false, true, RequestRefused, "234", false),
        (None, Tag::Ours, false, true, Refused, "235", false),
        (
            None,
            Tag::Ours,
            false,
            true,
            NoSuchApplication,
            "236",
            false,
        ),
        (None, Tag::Ours, false, true, NoRoom, "237", false),
        (None, Tag::Ours, false, true, ContentType, "238", false),
        (None, Tag::None, false, true, NoRoom, "237", true),
        (None, Tag::None, false, true, Refused, "235", true),
        (None, Tag::Stale, true, true, ContentType, "238", true),
        (ours, Tag::None, false, true, NoRoom, "237", false),
        (None, Tag::Stale, true, true, NoRoom, "237", true),
        (None, Tag::Stale, false, true, NoRoom, "256", true),
    ];
    for (assumed, shown, stale, absent, verdict, code, told) in cases {
        let case = format!("{assumed:?} {shown:?} {stale} {absent} {verdict:?}");
        let terminal = Terminal {
            accept_stale_tag: stale,
            accept_absent_tag: absent,
            ..terminal([ppg()])
        };
        let mut bench = Bench::new(terminal, dialled(Some(GATEWAY), assumed));
        bench.verdict = verdict;
        let answer = bench.post(&shown.header());
        assert_eq!(outcome(&answer), format!("204 {code}"), "{case}");
        let tag = header(&answer, "x-wap-cpitag");
        assert_eq!(tag, told.then(|| cpi().tag().to_string()), "{case}");
        assert_eq!(bench.push.is_some(), code != "256", "{case}");
        let knows = matches!(
            shown,
            Tag::Ours | Tag::OursUnpadded | Tag::OursInHexadecimal
        ) || (assumed == ours && matches!(shown, Tag::None));
        assert_eq!(answer.notice.is_some(), knows, "{case}");
        assert!(!has(&answer, "x-wap-terminal-id"), "{case}");
    }
}

#[test]
fn a_message_that_is_none_is_dropped_with_the_tag_unless_that_was_shown() {
    let tag = Some(cpi().tag().to_string());
    for (shown, told) in [
        (Tag::None, true),
        (Tag::Stale, true),
        (Tag::Ours, false),
        (Tag::OursInHexadecimal, false),
    ] {
        let terminal = || Terminal {
            accept_stale_tag: true,
            ..terminal([ppg()])
        };
        let head = format!(
            "POST /wappush\ncontent-type: application/http\nx-wap-push-ota-version: 1.0\n{}",
            shown.header()
        );
        let tag = tag.clone().filter(|_| told);
        for (body, http) in [(&b"none"[..], "400 235"), (&[b'x'; 3000], "413 235")] {
            let mut bench = Bench::new(terminal(), accepted());
            let answer = bench.send(&head, body);
            assert_eq!(outcome(&answer), http);
            assert_eq!(header(&answer, "x-wap-cpitag"), tag, "{shown:?} {http}");
            let mut bench = Bench::new(terminal(), stranger());
            let answer = bench.send(&head, body);
            assert_eq!(outcome(&answer), http);
            assert!(!has(&answer, "x-wap-cpitag"));
        }
        let mut bench = Bench::new(terminal(), accepted());
        let Step::Push(push) = bench
            .connection
            .request(&parts(&head), &bench.cpi, bench.now)
        else {
            panic!("a push");
        };
        let answer = push.broken();
        assert_eq!(outcome(&answer), "400 235");
        assert_eq!(header(&answer, "x-wap-cpitag"), tag);
        assert!(answer.close && has(&answer, "x-wap-push-ota-version"));
    }
}

#[test]
fn once_told_a_gateway_assumes_nothing_older() {
    let loose = Terminal {
        accept_stale_tag: true,
        ..terminal([ppg()])
    };
    let mut bench = Bench::new(loose, dialled(Some(GATEWAY), Some(STALE)));
    assert_eq!(outcome(&bench.post("")), "204 401");
    assert_eq!(outcome(&bench.post("")), "204 400");
    let mut bench = Bench::new(terminal([ppg()]), dialled(Some(GATEWAY), Some(STALE)));
    assert_eq!(outcome(&bench.post("")), "204 256");
    assert_eq!(outcome(&bench.post("")), "204 400");
    let mut bench = Bench::new(terminal([ppg()]), dialled(Some(GATEWAY), Some(STALE)));
    assert_eq!(outcome(&bench.options("")), "204 501");
    assert_eq!(outcome(&bench.post("")), "204 400");
}

#[test]
fn a_cpi_that_changes_under_way_is_the_one_that_is_told() {
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    let head = parts(&format!("OPTIONS /wappush\n{}", Tag::Ours.header()));
    let Step::Register(registering) = bench.connection.request(&head, &bench.cpi, bench.now) else {
        panic!("a registration");
    };
    let mms = PushApplicationId::from_number(4);
    let settings = CpiSettings {
        charsets: Vec::new(),
        encodings: Vec::new(),
        languages: Vec::new(),
        max_message_length: 1,
        max_push_requests: 1,
        max_value_length: 100,
    };
    let newer = Cpi::new([&mms], [], &settings);
    let answer = registering.answer(&mut bench.connection, true, &newer);
    assert_eq!(outcome(&answer), "204 501");
    assert_eq!(
        header(&answer, "x-wap-cpitag"),
        Some(newer.tag().to_string())
    );
}

//= specs/ota-http.md#identification
//= type=test
//# The answer to a registration MUST carry X-Wap-Terminal-Id, unless the request asks the terminal to authenticate itself or the answer asks the gateway to.
//= specs/ota-http.md#bearer-indication
//= type=test
//# The answer to a registration MUST carry X-Wap-Bearer-Indication.
#[test]
fn a_gateway_that_is_known_learns_who_refuses_it() {
    let demand = "x-wap-authenticate: Digest realm=\"ppg.example.net\", algorithm=SHA-1\n";
    let repeated = "x-wap-cpitag: a\nx-wap-cpitag: b\n";
    for (headers, code, named) in [
        ("x-wap-push-ota-version: 9.9\n", "204 600", true),
        ("x-wap-push-provurl: nobody\n", "204 302", true),
        (repeated, "400 301", true),
        (demand, "412 300", false),
    ] {
        for peer in [accepted(), dialled(Some(GATEWAY), None)] {
            let answer = Bench::new(terminal([ppg()]), peer).options(headers);
            assert_eq!(outcome(&answer), code, "{headers}");
            let terminal_id = named.then(|| "4447700900123".to_owned());
            assert_eq!(header(&answer, "x-wap-terminal-id"), terminal_id);
            let bearer = header(&answer, "x-wap-bearer-indication");
            assert_eq!(bearer.as_deref(), Some("0B"), "{headers}");
        }
        for (peer, method) in [(stranger(), "OPTIONS"), (accepted(), "POST")] {
            let answer = Bench::new(terminal([ppg()]), peer)
                .send(&format!("{method} /wappush\n{headers}"), b"");
            assert!(!has(&answer, "x-wap-terminal-id"), "{method} {headers}");
            assert!(!has(&answer, "x-wap-bearer-indication"), "{method}");
        }
    }
    // Who has to prove itself learns the name from the challenge, and nothing where it cannot.
    for (authentication, identified_only, code, asked) in [
        (Authentication::Digest, false, "401 300", true),
        (Authentication::None, true, "204 301", false),
    ] {
        let ppg = Ppg {
            authentication,
            ppg_secret: asked.then(|| Secret("ppg-secret".into())),
            ..ppg()
        };
        let terminal = Terminal {
            identified_only,
            ..terminal([ppg])
        };
        for (headers, code) in [("", code), ("x-wap-push-ota-version: 9.9\n", "204 600")] {
            let answer = Bench::new(terminal.clone(), accepted()).options(headers);
            assert_eq!(outcome(&answer), code);
            assert!(!has(&answer, "x-wap-terminal-id"));
            assert!(!has(&answer, "x-wap-bearer-indication"));
        }
    }
}

#[test]
fn peers_on_no_whitelist_learn_nothing() {
    for (peer, listed, code) in [
        (stranger(), false, "301"),
        (stranger(), true, "501"),
        (accepted(), false, "501"),
        (dialled(Some(GATEWAY), None), false, "501"),
        (dialled(None, None), false, "301"),
    ] {
        let mut bench = Bench::new(terminal([ppg()]), peer);
        bench.listed = listed;
        let answer = bench.options("x-wap-push-ota-version: 1.0\n");
        assert_eq!(outcome(&answer), format!("204 {code}"));
        let names: Vec<_> = answer
            .response
            .headers()
            .keys()
            .map(HeaderName::as_str)
            .collect();
        if code == "301" {
            assert_eq!(names, ["x-wap-push-ota-version", "x-wap-push-status"]);
            assert_eq!((answer.notice, answer.reason), (None, Some("notListed")));
        }
    }
}

#[test]
fn a_stranger_that_is_refused_has_no_digest_of_the_terminal_either() {
    let demand = "x-wap-authenticate: Digest realm=\"ppg.example.net\", nonce=\"n\"\n";
    for (peer, listed) in [(stranger(), true), (stranger(), false), (accepted(), false)] {
        let told = listed || peer == accepted();
        let mut bench = Bench::new(terminal([ppg()]), peer);
        bench.listed = listed;
        assert_eq!(has(&bench.options(demand), "x-wap-authorization"), told);
        bench.verdict = if listed {
            PushStatus::Accepted
        } else {
            PushStatus::Refused
        };
        assert_eq!(has(&bench.post(demand), "x-wap-authorization"), told);
    }
}

//= specs/ota-http.md#push-status
//= type=test
//# Every answer to a registration or a push MUST carry X-Wap-Push-Status.
//= specs/ota-http.md#push-status
//= type=test
//# X-Wap-Push-Status MUST be one of the codes defined for the method, which may be followed by a space and a phrase.
#[test]
fn every_status_is_given() {
    let mut given = BTreeSet::new();
    let mut note = |answer: Answer| given.extend(answer.push_status);
    let strict = || Terminal {
        identified_only: true,
        ..terminal([ppg()])
    };
    let loose = Terminal {
        accept_stale_tag: true,
        ..terminal([ppg()])
    };
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    for verdict in [
        PushStatus::RequestRefused,
        PushStatus::Refused,
        PushStatus::NoSuchApplication,
        PushStatus::NoRoom,
        PushStatus::ContentType,
        PushStatus::Accepted,
    ] {
        bench.verdict = verdict;
        note(bench.post(""));
    }
    for headers in [
        String::new(),
        Tag::Ours.header(),
        "x-wap-push-provurl: x\n".into(),
        "x-wap-push-ota-version: 9.9\n".into(),
    ] {
        note(bench.options(&headers));
    }
    note(bench.post(&Tag::Stale.header()));
    note(bench.post("x-wap-push-provurl: x\n"));
    note(Bench::new(loose, accepted()).post(&Tag::Stale.header()));
    note(Bench::new(strict(), accepted()).options(""));
    let mut unlisted = Bench::new(terminal([ppg()]), stranger());
    unlisted.listed = false;
    note(unlisted.options(""));
    assert_eq!(given, BTreeSet::from(PushStatus::ALL));
}
