//! Authentication, both ways. Digests were computed by Python's hashlib and by openssl.

use super::*;

const BASIC: &str = "authorization: Basic cHBnLmV4YW1wbGUubmV0OnBwZy1zZWNyZXQ=\n";
const WRONG: &str = "authorization: Basic cHBnLmV4YW1wbGUubmV0Ondyb25n\n";
const FIRST_NONCE: &str = "AAABi8/laAAAAAABry6UtjJ74k1eL8LJC9NJvYKZ95c=";
const SECOND_NONCE: &str = "AAABi8/laAAAAAACQy9OqNj8G/QsctKDkEePC2iG3RM=";

/// A terminal to which the gateway has to prove itself so.
fn asking(authentication: Authentication) -> Terminal {
    terminal([Ppg {
        authentication,
        ..ppg()
    }])
}

fn demands(answer: &Answer) -> Vec<String> {
    let values = answer.response.headers().get_all("www-authenticate");
    values
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

fn digest(nonce: &str, uri: &str, response: &str, more: &str) -> String {
    format!(
        "authorization: Digest username=\"{GATEWAY}\", realm=\"4447700900123\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\"{more}\n"
    )
}

//= specs/ota-http.md#ppg-authentication
//= type=test
//# The realm of a challenge to a gateway MUST be the Terminal-ID.
//= specs/ota-http.md#ppg-authentication
//= type=test
//# The domain of a Digest challenge to a gateway MUST be /wappush.
//= specs/ota-http.md#ppg-authentication
//= type=test
//# A challenge to a gateway MUST NOT carry stale.
//= specs/ota-http.md#ppg-authentication
//= type=test
//# A challenge to a gateway MUST NOT carry qop.
//= specs/ota-http.md#ppg-authentication
//= type=test
//# The algorithm of a Digest challenge to a gateway MUST be SHA-1.
#[test]
fn a_gateway_is_asked_by_the_schemes_that_its_context_takes() {
    let basic = "Basic realm=\"4447700900123\"".to_owned();
    let digest = format!(
        "Digest realm=\"4447700900123\", domain=\"/wappush\", nonce=\"{FIRST_NONCE}\", algorithm=SHA-1"
    );
    for (authentication, expected) in [
        (Authentication::Basic, vec![basic.clone()]),
        (Authentication::Digest, vec![digest.clone()]),
        (Authentication::Any, vec![digest, basic]),
    ] {
        let mut bench = Bench::new(asking(authentication), accepted());
        let answer = bench.options("x-wap-push-ota-version: 1.0\n");
        assert_eq!(outcome(&answer), "401 300");
        assert_eq!(demands(&answer), expected);
        for name in [
            "x-wap-terminal-id",
            "x-wap-cpitag",
            "x-wap-push-accept",
            "x-wap-authorization",
            "x-wap-bearer-indication",
        ] {
            assert!(!has(&answer, name), "{name}");
        }
        assert!(!answer.close);
        assert_eq!(outcome(&bench.post("")), "401 234");
        assert!(bench.connection.proved_names().is_empty());
    }
}

//= specs/ota-http.md#ppg-authentication
//= type=test
//# The terminal MUST be able to authenticate a gateway by the Basic scheme.
//= specs/ota-http.md#ppg-authentication
//= type=test
//# The user name that a gateway authenticates itself with MUST be its identity as provisioned.
#[test]
fn a_gateway_proves_itself_by_basic() {
    for authentication in [
        Authentication::None,
        Authentication::Basic,
        Authentication::Any,
    ] {
        let mut bench = Bench::new(asking(authentication), accepted());
        let answer = bench.options(BASIC);
        assert_eq!(outcome(&answer), "204 501", "{authentication:?}");
        assert!(has(&answer, "x-wap-terminal-id"));
        assert!(!has(&answer, "x-wap-authorization"));
        assert_eq!(bench.connection.proved_names(), [Box::from(GATEWAY)]);
        // Once is enough for the connection, and what was proved goes with each push.
        assert_eq!(outcome(&bench.post("")), "204 400");
        assert_eq!(
            *bench.push.as_ref().unwrap().origin.proved_names,
            [Box::from(GATEWAY)]
        );
    }
    let unpadded = BASIC.replace('=', "");
    let mut bench = Bench::new(asking(Authentication::Basic), accepted());
    assert_eq!(outcome(&bench.post(&unpadded)), "204 400");
}

#[test]
fn a_gateway_proves_itself_by_digest() {
    for (line, uri, response) in [
        (
            "OPTIONS /wappush",
            "/wappush",
            "0905b231b3a419dda2917854abc337b83acc023c",
        ),
        (
            "OPTIONS /wappush",
            "/wappush",
            "0905B231B3A419DDA2917854ABC337B83ACC023C",
        ),
        ("OPTIONS *", "*", "40138767e0db13c1bb8ea31796d5d0cd19e2d68c"),
        (
            "OPTIONS *",
            "/wappush",
            "0905b231b3a419dda2917854abc337b83acc023c",
        ),
        (
            "POST /wappush",
            "/wappush",
            "ce76cfe291ae35d68069e1926fee97ed435c5068",
        ),
    ] {
        for more in ["", ", algorithm=\"SHA-1\"", ", algorithm=sha-1"] {
            let mut bench = Bench::new(asking(Authentication::Digest), accepted());
            bench.options("");
            let headers = digest(FIRST_NONCE, uri, response, more);
            let answer = bench.send(&format!("{line}\n{headers}"), b"");
            assert_eq!(
                answer.response.status(),
                StatusCode::NO_CONTENT,
                "{line} {more}"
            );
            assert_eq!(bench.connection.proved_names(), [Box::from(GATEWAY)]);
        }
    }
}

//= specs/ota-http.md#ppg-authentication
//= type=test
//# The nonce of a Digest challenge to a gateway SHOULD be a new one each time.
#[test]
fn digests_that_are_not_right_are_refused_with_another_nonce() {
    let right = "0905b231b3a419dda2917854abc337b83acc023c";
    let good = digest(FIRST_NONCE, "/wappush", right, "");
    let foreign = "AAABi8/laAAAAAABry6UtjJ74k1eL8LJC9NJvYKZ95d=";
    for headers in [
        digest(
            FIRST_NONCE,
            "/wappush",
            "ce76cfe291ae35d68069e1926fee97ed435c5068",
            "",
        ),
        digest(FIRST_NONCE, "/other", right, ""),
        digest(FIRST_NONCE, "/wappush", right, ", algorithm=MD5"),
        digest(
            FIRST_NONCE,
            "/wappush",
            right,
            ", qop=auth, nc=00000001, cnonce=\"a\"",
        ),
        digest(FIRST_NONCE, "/wappush", "", ""),
        digest(foreign, "/wappush", right, ""),
        digest("", "/wappush", right, ""),
        good.replace("4447700900123", "4447700900124"),
        good.replace("response", "reply"),
        good.replace("Digest", "Digests"),
        good.replace("Digest ", "Digest a, "),
        BASIC.to_owned(),
    ] {
        let mut bench = Bench::new(asking(Authentication::Digest), accepted());
        bench.options("");
        let answer = bench.options(&headers);
        assert_eq!(outcome(&answer), "401 300", "{headers}");
        assert!(demands(&answer)[0].contains(SECOND_NONCE), "{headers}");
        assert!(bench.connection.proved_names().is_empty());
        assert!(!answer.close);
    }
    // A nonce of another connection is worth nothing on this one.
    let mut bench = Bench::new(asking(Authentication::Digest), accepted());
    bench.connection = Connection::new(
        Arc::new(asking(Authentication::Digest)),
        accepted(),
        [7; 16],
    );
    assert_eq!(outcome(&bench.options(&good)), "401 300");
}

#[test]
fn a_nonce_that_has_had_its_time_costs_no_attempt() {
    let mut bench = Bench::new(asking(Authentication::Digest), accepted());
    bench.options("");
    let headers = digest(
        FIRST_NONCE,
        "/wappush",
        "0905b231b3a419dda2917854abc337b83acc023c",
        "",
    );
    bench.now = UnixMillis(bench.now.0 + 60_001);
    for _ in 0..5 {
        let answer = bench.options(&headers);
        assert_eq!(
            (outcome(&answer).as_str(), answer.close),
            ("401 300", false)
        );
        assert!(!demands(&answer)[0].contains(FIRST_NONCE));
        assert!(!demands(&answer)[0].contains("stale") && !demands(&answer)[0].contains("qop"));
    }
    bench.now = UnixMillis(bench.now.0 - 1);
    assert_eq!(outcome(&bench.options(&headers)), "204 501");
}

#[test]
fn too_many_failures_close_the_connection() {
    let mut bench = Bench::new(asking(Authentication::Basic), accepted());
    for _ in 0..5 {
        assert!(!bench.options("").close);
    }
    assert!(!bench.options(WRONG).close);
    assert!(!bench.post("authorization: Basic ?\n").close);
    let last = bench.options(WRONG);
    assert_eq!((outcome(&last).as_str(), last.close), ("401 300", true));
    assert_eq!(header(&last, "connection").as_deref(), Some("close"));
    let mut bench = Bench::new(asking(Authentication::Basic), accepted());
    bench.options(WRONG);
    bench.options(WRONG);
    assert_eq!(outcome(&bench.options(BASIC)), "204 501");
    assert!(!bench.options(WRONG).close);
    // Credentials that are wrong take back what the right ones gave.
    assert_eq!(outcome(&bench.post("")), "401 234");
    assert!(bench.connection.proved_names().is_empty());
}

#[test]
fn wrong_credentials_do_not_pass_where_none_are_needed() {
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    assert_eq!(outcome(&bench.options(WRONG)), "401 300");
    assert_eq!(outcome(&bench.options("")), "204 501");
    // Those that nobody can check count for nothing.
    let unprovable = Ppg {
        ppg_secret: None,
        ..ppg()
    };
    let mut bench = Bench::new(terminal([unprovable]), accepted());
    assert_eq!(outcome(&bench.options(WRONG)), "204 501");
    assert!(bench.connection.proved_names().is_empty());
}

#[test]
fn a_gateway_that_cannot_prove_what_it_has_to_is_refused_for_good() {
    let mut terminal = asking(Authentication::Basic);
    terminal.ppgs[0].ppg_secret = None;
    let mut bench = Bench::new(terminal, accepted());
    assert_eq!(outcome(&bench.options("")), "204 301");
    assert_eq!(outcome(&bench.post(BASIC)), "204 235");
}

const DIGEST_DEMAND: &str = "x-wap-authenticate: Digest realm=\"ppg.example.net\", nonce=\"bm9uY2UtMQ==\", algorithm=\"SHA-1\"";
const BASIC_DEMAND: &str = "x-wap-authenticate: Basic realm=\"ppg.example.net\"";

//= specs/ota-http.md#terminal-authentication
//= type=test
//# The terminal MUST be able to authenticate itself by the Basic scheme.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# An answer MUST NOT carry X-Wap-Authorization unless the request carried X-Wap-Authenticate.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The user name in X-Wap-Authorization MUST be the Terminal-ID.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The uri in X-Wap-Authorization MUST be /wappush.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The algorithm in X-Wap-Authorization MUST be SHA-1.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# X-Wap-Authorization MUST NOT carry cnonce.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# X-Wap-Authorization MUST NOT carry qop.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# X-Wap-Authorization MUST NOT carry nc.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The digest in X-Wap-Authorization MUST be computed with the method of the request that carried the challenge.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The digest in X-Wap-Authorization MUST be computed with the Request-URI of the request that carried the challenge.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The digest in X-Wap-Authorization MUST be computed with SHA-1.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The digest in X-Wap-Authorization MUST be computed as for the quality of protection that covers no body.
#[test]
fn the_terminal_proves_itself_when_asked() {
    let digest = |response: &str| {
        format!(
            "Digest username=\"4447700900123\", realm=\"ppg.example.net\", nonce=\"bm9uY2UtMQ==\", uri=\"/wappush\", \
             algorithm=SHA-1, response=\"{response}\""
        )
    };
    let options = digest("df7cec7ab52b1d3d1071cd59f82d230ce2e9c897");
    let basic = "Basic NDQ0NzcwMDkwMDEyMzp0ZXJtaW5hbC1zZWNyZXQ=".to_owned();
    for (demand, expected) in [
        (DIGEST_DEMAND.to_owned(), options.clone()),
        (
            DIGEST_DEMAND.replace(", algorithm=\"SHA-1\"", ""),
            options.clone(),
        ),
        (
            format!("{DIGEST_DEMAND}, opaque=\"a b\""),
            format!("{options}, opaque=\"a b\""),
        ),
        (
            format!("{DIGEST_DEMAND}, qop=\"auth\", stale=true, domain=\"/\""),
            options.clone(),
        ),
        (format!("{BASIC_DEMAND}\n{DIGEST_DEMAND}"), options),
        (BASIC_DEMAND.to_owned(), basic.clone()),
        (
            format!(
                "x-wap-authenticate: Digest realm=\"ppg.example.net\", nonce=\"a\", algorithm=MD5, {}",
                &BASIC_DEMAND[20..]
            ),
            basic,
        ),
    ] {
        let mut bench = Bench::new(terminal([ppg()]), accepted());
        let answer = bench.options(&demand);
        assert_eq!(outcome(&answer), "204 501", "{demand}");
        assert_eq!(
            header(&answer, "x-wap-authorization"),
            Some(expected),
            "{demand}"
        );
        assert!(has(&answer, "x-wap-cpitag") && has(&answer, "x-wap-bearer-indication"));
        assert!(!has(&answer, "x-wap-terminal-id"), "{demand}");
    }
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    let answer = bench.post(DIGEST_DEMAND);
    assert_eq!(outcome(&answer), "204 400");
    let post = digest("1c63ac67019a9a20ef415295273b645fc937bec9");
    assert_eq!(header(&answer, "x-wap-authorization"), Some(post));
    assert!(!has(&bench.post(""), "x-wap-authorization"));
}

//= specs/ota-http.md#terminal-authentication
//= type=test
//# A challenge that the terminal does not accept MUST be answered with HTTP status 412.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The answer that does not accept a challenge MUST carry X-Wap-Authorization with x-wap-auth-status, which is failed_retry or failed_noretry.
#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn demands_that_the_terminal_does_not_take_are_refused() {
    let nothing = Ppg {
        terminal_secret: None,
        ..ppg()
    };
    let covered = Ppg {
        basic_in_clear: false,
        ..ppg()
    };
    for (ppg, peer, demand, scheme, retry) in [
        (ppg(), accepted(), "Basic", "Basic", true),
        (
            ppg(),
            accepted(),
            "Digest realm=\"ppg.example.net\"",
            "Digest",
            true,
        ),
        (ppg(), accepted(), "Digest nonce=\"a\"", "Digest", true),
        (ppg(), accepted(), "Basic realm=\"a", "Basic", true),
        (ppg(), accepted(), "=", "Basic", true),
        (ppg(), accepted(), "", "Basic", false),
        (
            ppg(),
            accepted(),
            "Basic realm=\"who.example.net\"",
            "Basic",
            false,
        ),
        (
            ppg(),
            accepted(),
            "Digest realm=\"PPG.example.net\", nonce=\"a\"",
            "Digest",
            false,
        ),
        (
            ppg(),
            accepted(),
            "Digest realm=\"ppg.example.net\", nonce=\"a\", algorithm=MD5",
            "Digest",
            false,
        ),
        (
            ppg(),
            accepted(),
            "Digest realm=\"ppg.example.net\", nonce=\"a\", algorithm=SHA-256",
            "Digest",
            false,
        ),
        (
            ppg(),
            accepted(),
            "Negotiate realm=\"ppg.example.net\"",
            "Basic",
            false,
        ),
        (
            nothing,
            accepted(),
            "Basic realm=\"ppg.example.net\"",
            "Basic",
            false,
        ),
        (
            covered,
            accepted(),
            "Basic realm=\"ppg.example.net\"",
            "Basic",
            false,
        ),
        // Anybody may say that it is the gateway; the password itself takes more.
        (
            ppg(),
            stranger(),
            "Basic realm=\"ppg.example.net\"",
            "Basic",
            false,
        ),
    ] {
        let mut bench = Bench::new(terminal([ppg]), peer);
        let headers = format!("x-wap-authenticate: {demand}\n");
        let word = if retry {
            "failed_retry"
        } else {
            "failed_noretry"
        };
        let expected = format!("{scheme} x-wap-auth-status={word}");
        let answer = bench.options(&headers);
        let code = if retry { "300" } else { "301" };
        assert_eq!(outcome(&answer), format!("412 {code}"), "{demand}");
        assert_eq!(
            header(&answer, "x-wap-authorization"),
            Some(expected.clone()),
            "{demand}"
        );
        assert!(!has(&answer, "x-wap-cpitag") && !has(&answer, "x-wap-terminal-id"));
        assert!(!answer.close && answer.notice.is_none());
        let answer = bench.post(&headers);
        let code = if retry { "234" } else { "235" };
        assert_eq!(outcome(&answer), format!("412 {code}"), "{demand}");
        assert_eq!(
            header(&answer, "x-wap-authorization"),
            Some(expected),
            "{demand}"
        );
        assert!(bench.push.is_none());
    }
}

#[test]
fn a_password_goes_over_tls_where_it_does_not_go_in_clear() {
    let covered = Ppg {
        basic_in_clear: false,
        ..ppg()
    };
    let peer = Peer {
        tls_name: Some(GATEWAY.into()),
        ..stranger()
    };
    let mut bench = Bench::new(terminal([covered]), peer);
    let answer = bench.options(BASIC_DEMAND);
    assert_eq!(outcome(&answer), "204 501");
    assert!(
        header(&answer, "x-wap-authorization")
            .unwrap()
            .starts_with("Basic ")
    );
}

#[test]
fn both_prove_themselves_in_one_exchange() {
    let mut bench = Bench::new(asking(Authentication::Basic), accepted());
    let answer = bench.options(&format!("{BASIC}{BASIC_DEMAND}\n"));
    assert_eq!(outcome(&answer), "204 501");
    assert!(has(&answer, "x-wap-authorization"));
    // The challenge to the gateway may carry a digest already; the password waits until it is known who gets it.
    let mut bench = Bench::new(asking(Authentication::Basic), accepted());
    let answer = bench.options(DIGEST_DEMAND);
    assert_eq!(outcome(&answer), "401 300");
    assert!(
        header(&answer, "x-wap-authorization")
            .unwrap()
            .starts_with("Digest ")
    );
    let answer = bench.options(BASIC_DEMAND);
    assert_eq!(outcome(&answer), "401 300");
    assert!(!has(&answer, "x-wap-authorization"));
}

//= specs/ota-http.md#terminal-authentication
//= type=test
//# On a challenge with failed_retry the terminal MUST authenticate itself once more or end the connection.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# On a challenge with failed_noretry the terminal MUST end the connection.
#[test]
fn a_gateway_that_does_not_believe_the_terminal_ends_the_connection() {
    let unbelieved = |retry| {
        Some(Notice::Unbelieved {
            ppg: PpgId(GATEWAY.into()),
            retry,
        })
    };
    for status in ["failed_noretry", "FAILED_NORETRY", "nonsense"] {
        let mut bench = Bench::new(terminal([ppg()]), accepted());
        let answer = bench.options(&format!("{DIGEST_DEMAND}, x-wap-auth-status=\"{status}\""));
        assert_eq!((outcome(&answer).as_str(), answer.close), ("412 301", true));
        assert_eq!(answer.notice, unbelieved(false), "{status}");
    }
    let mut bench = Bench::new(terminal([ppg()]), accepted());
    let retry = format!("{DIGEST_DEMAND}, x-wap-auth-status=failed_retry");
    let answer = bench.options(&retry);
    assert_eq!(
        (outcome(&answer).as_str(), answer.close),
        ("204 501", false)
    );
    assert!(has(&answer, "x-wap-authorization"));
    let answer = bench.post(&retry);
    assert_eq!((outcome(&answer).as_str(), answer.close), ("412 235", true));
    assert_eq!(answer.notice, unbelieved(true));
    // Of a gateway that nobody knows it is, a stranger says nothing.
    let mut bench = Bench::new(terminal([ppg()]), stranger());
    let answer = bench.options(&format!(
        "{DIGEST_DEMAND}, x-wap-auth-status=failed_noretry"
    ));
    assert_eq!((answer.close, answer.notice), (true, None));
}

/// An address is no proof where one is asked for, and who has none does not speak for the gateway.
#[test]
fn who_has_a_gateways_address_and_no_proof_does_not_say_that_it_disbelieves() {
    let word = format!("{DIGEST_DEMAND}, x-wap-auth-status=failed_noretry");
    let mut bench = Bench::new(asking(Authentication::Basic), accepted());
    let answer = bench.options(&word);
    assert_eq!((outcome(&answer).as_str(), answer.close), ("412 301", true));
    assert_eq!(answer.notice, None);
    let said = Some(Notice::Unbelieved {
        ppg: PpgId(GATEWAY.into()),
        retry: false,
    });
    let mut bench = Bench::new(asking(Authentication::Basic), accepted());
    assert_eq!(outcome(&bench.options(BASIC)), "204 501");
    assert_eq!(bench.options(&word).notice, said);
    let mut bench = Bench::new(asking(Authentication::Basic), dialled(Some(GATEWAY), None));
    assert_eq!(bench.options(&word).notice, said);
}

#[test]
fn what_proves_the_terminal_shows_nowhere_but_on_the_wire() {
    let mut connection = Connection::new(Arc::new(terminal([ppg()])), accepted(), SEED);
    let head = parts(&format!("OPTIONS /wappush\n{BASIC_DEMAND}"));
    let step = connection.request(&head, &cpi(), UnixMillis(0));
    let shown = format!("{step:?}");
    assert!(shown.contains("challenged: true"), "{shown}");
    assert!(!shown.contains("Basic "), "{shown}");
}
