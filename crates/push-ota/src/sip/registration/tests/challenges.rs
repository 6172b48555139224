//! Digest.

use super::*;

fn challenge(realm: &str, nonce: &str, rest: &str) -> String {
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\"{rest}")
}

fn parameter(header: &str, name: &str) -> String {
    let mut parts = header.trim_start_matches("Digest ").split(", ");
    let part = parts.find_map(|part| part.strip_prefix(&format!("{name}=")));
    part.unwrap_or_default().trim_matches('"').to_owned()
}

//= specs/ota-sip.md#authentication
//= type=test
//# The nonce count MUST grow by one with each request that uses the same nonce.
//= specs/ota-sip.md#authentication
//= type=test
//# A challenge that calls the nonce stale MUST be answered with the new nonce and the same password.
#[test]
fn a_challenge_is_answered_and_its_nonce_used_on() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    assert_eq!(rig.last().request.header("Authorization"), None);
    rig.answer(
        401,
        &[("WWW-Authenticate", &challenge("ims.example.net", "n1", ""))],
    );
    let proof = rig.last().header("Authorization");
    assert_eq!(rig.last().header("CSeq"), "2 REGISTER");
    assert_eq!(parameter(&proof, "username"), "carol");
    assert_eq!(parameter(&proof, "uri"), "sip:ims.example.net");
    assert_eq!(
        (parameter(&proof, "nonce"), parameter(&proof, "nc")),
        ("n1".into(), "00000001".into())
    );
    rig.grant(600);
    rig.echo();
    rig.pass(seconds(300));
    let proof = rig.last().header("Authorization");
    assert_eq!(
        (parameter(&proof, "nonce"), parameter(&proof, "nc")),
        ("n1".into(), "00000002".into())
    );
    rig.answer(
        401,
        &[(
            "WWW-Authenticate",
            &challenge("ims.example.net", "n2", ", stale=true"),
        )],
    );
    rig.answer(
        401,
        &[(
            "WWW-Authenticate",
            &challenge("ims.example.net", "n3", ", stale=true"),
        )],
    );
    let proof = rig.last().header("Authorization");
    assert_eq!(
        (parameter(&proof, "nonce"), parameter(&proof, "nc")),
        ("n3".into(), "00000001".into())
    );
    rig.grant(600);
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
    // Nobody hears the registrar's proof but the registrar.
    assert!(
        rig.sent
            .iter()
            .filter(|sent| sent.is("OPTIONS"))
            .all(|sent| sent.request.header("Authorization").is_none())
    );
}

//= specs/ota-sip.md#authentication
//= type=test
//# Credentials that were rejected MUST NOT be sent again for the same request.
#[test]
fn a_wrong_password_is_not_tried_again() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    rig.answer(
        401,
        &[("WWW-Authenticate", &challenge("ims.example.net", "n1", ""))],
    );
    rig.answer(
        401,
        &[("WWW-Authenticate", &challenge("ims.example.net", "n2", ""))],
    );
    assert_eq!(rig.count("REGISTER"), 2);
    assert_eq!(rig.states(1), ["Rejected", "Requested"]);
    assert!(
        rig.reason(1, 0).ends_with("it does not take the password"),
        "{}",
        rig.reason(1, 0)
    );
    let due = rig.wait();
    assert!(due >= seconds(900), "{due:?}");
    // An announcement tries it once more.
    rig.announce(&["b.ua"]);
    assert_eq!(rig.count("REGISTER"), 3);
    assert_eq!(rig.last().request.header("Authorization"), None);
}

#[test]
fn a_core_that_goes_on_asking_is_left_alone() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    for number in 0..4 {
        rig.answer(
            401,
            &[(
                "WWW-Authenticate",
                &challenge("ims.example.net", &format!("n{number}"), ", stale=true"),
            )],
        );
    }
    assert_eq!(rig.count("REGISTER"), 4);
    assert_eq!(rig.states(1), ["Rejected", "Requested"]);
    assert!(
        rig.reason(1, 0)
            .ends_with("it goes on asking for the password")
    );
}

//= specs/ota-sip.md#authentication
//= type=test
//# A challenge MUST be answered only with an algorithm that the terminal knows, others for the same realm being passed over.
#[test]
fn the_strongest_known_algorithm_is_taken() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    rig.answer(
        401,
        &[
            (
                "WWW-Authenticate",
                &challenge("ims.example.net", "n0", ", algorithm=SHA3-512"),
            ),
            (
                "WWW-Authenticate",
                &challenge("ims.example.net", "n1", ", algorithm=MD5"),
            ),
            (
                "WWW-Authenticate",
                &challenge("ims.example.net", "n2", ", algorithm=SHA-256"),
            ),
        ],
    );
    let proofs: Vec<_> = rig
        .last()
        .request
        .headers("Authorization")
        .map(std::borrow::Cow::into_owned)
        .collect();
    assert_eq!(proofs.len(), 1);
    assert!(
        proofs[0].contains("SHA-256") && proofs[0].contains("\"n2\""),
        "{proofs:?}"
    );
}

#[test]
fn proxies_ask_as_well_and_strangers_get_nothing() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    rig.answer(
        407,
        &[(
            "Proxy-Authenticate",
            &challenge("proxy.example.net", "p1", ""),
        )],
    );
    rig.answer(
        401,
        &[("WWW-Authenticate", &challenge("ims.example.net", "n1", ""))],
    );
    assert!(
        rig.last()
            .header("Proxy-Authorization")
            .contains("00000002")
    );
    assert!(rig.last().header("Authorization").contains("00000001"));
    rig.grant(600);
    // The core asks at OPTIONS with a nonce that it has given out before.
    rig.answer(
        407,
        &[(
            "Proxy-Authenticate",
            &challenge("proxy.example.net", "p1", ""),
        )],
    );
    assert_eq!(rig.last().header("CSeq"), "2 OPTIONS");
    assert!(
        rig.last()
            .header("Proxy-Authorization")
            .contains("00000003")
    );
    rig.answer(
        401,
        &[("WWW-Authenticate", &challenge("psa.example.org", "x1", ""))],
    );
    assert_eq!(rig.states(1), ["Confirmed", "Rejected"]);
    assert!(
        rig.sent
            .iter()
            .all(|sent| !sent.header("Authorization").contains("x1"))
    );
    // In the registrar's own realm it may.
    rig.announce(&["b.ua"]);
    rig.grant(600);
    rig.answer(
        401,
        &[("WWW-Authenticate", &challenge("ims.example.net", "n5", ""))],
    );
    assert!(rig.last().header("Authorization").contains("\"n5\""));
    rig.echo();
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);
}
