//! Challenges and their answers.

use super::*;

fn challenged(lines: &str) -> Vec<Challenge> {
    challenges(&response(&format!(
        "SIP/2.0 401 Unauthorized\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\nFrom: <sip:a@example.net>;tag=1\n\
         To: <sip:a@example.net>;tag=2\nCall-ID: c\nCSeq: 1 REGISTER\n{lines}Content-Length: 0\n\n"
    )))
}

//= specs/ota-sip.md#authentication
//= type=test
//# A challenge MUST be answered only with an algorithm that the terminal knows, others for the same realm being passed over.
#[test]
fn the_strongest_known_algorithm_of_each_realm_is_answered() {
    let found = challenged(
        "WWW-Authenticate: Digest realm=\"a\", nonce=\"n1\", algorithm=MD5, qop=\"auth,auth-int\"\n\
         WWW-Authenticate: Digest realm=\"a\", nonce=\"n2\", algorithm=SHA-512-256, qop=\"auth\", stale=TRUE\n\
         WWW-Authenticate: Digest realm=\"a\", nonce=\"n3\", algorithm=SHA-256, qop=\"auth\"\n\
         WWW-Authenticate: Digest realm=\"a\", nonce=\"n4\", algorithm=AKAv1-MD5, qop=\"auth\"\n\
         WWW-Authenticate: Basic realm=\"b\"\n\
         WWW-Authenticate: Digest realm=\"c\", nonce=\"n5\", qop=\"auth-int\"\n\
         Proxy-Authenticate: Digest realm=\"a\", nonce=\"n6\"\n",
    );
    let seen: Vec<_> = found
        .iter()
        .map(|challenge| {
            (
                challenge.realm(),
                challenge.nonce(),
                challenge.is_from_proxy(),
                challenge.is_stale(),
            )
        })
        .collect();
    assert_eq!(seen, [("a", "n2", false, true), ("a", "n6", true, false)]);
}

/// By hand: H(H(user:realm:password):nonce:nc:cnonce:auth:H(method:uri)), computed by another program.
#[test]
fn answers_are_what_others_compute() {
    for (algorithm, wanted) in [
        ("MD5", "8299673ca3a8187034443b8e7f96b01f"),
        (
            "SHA-256",
            "14da269b8620e8e6809ae6bb51f8d60e88c93733206412b497a34da8b8d1bf5e",
        ),
        (
            "SHA-512-256",
            "c666727c3ecf186d72925be9c13f9d6fe4a833c3bce2ed059042c8fcfc1afd89",
        ),
    ] {
        let line = format!(
            "WWW-Authenticate: Digest realm=\"ims.example.net\", nonce=\"abc\", algorithm={algorithm}, qop=\"auth\", opaque=\"o\"\n"
        );
        let credentials = Credentials::new("alice", "secret");
        let (name, value) = challenged(&line)[0].answer(
            &credentials,
            &Method::Register,
            "sip:ims.example.net",
            2,
            "0a4f",
        );
        assert_eq!(name, "Authorization");
        for part in [
            &format!("response=\"{wanted}\""),
            "username=\"alice\"",
            "realm=\"ims.example.net\"",
            "uri=\"sip:ims.example.net\"",
            "nc=00000002",
            "cnonce=\"0a4f\"",
            "qop=auth",
            "opaque=\"o\"",
            &format!("algorithm={algorithm}"),
        ] {
            assert!(value.contains(part), "{value} has no {part}");
        }
    }
}

#[test]
fn a_proxy_is_answered_in_its_own_header() {
    let found = challenged("Proxy-Authenticate: Digest realm=\"a\", nonce=\"n\"\n");
    let (name, value) = found[0].answer(
        &Credentials::new("u", "p"),
        &Method::Options,
        "sip:x",
        1,
        "c",
    );
    assert_eq!(name, "Proxy-Authorization");
    assert!(!value.contains("qop"), "the server offered none");
}

#[test]
fn nobody_reads_the_password_in_a_log() {
    let credentials = Credentials::new("alice", "secret");
    let shown = format!("{credentials:?} {credentials:#?}");
    assert!(!shown.contains("secret") && !shown.contains("alice"));
}
