//! Who the peer is, and which provisioning context counts.

use super::*;

const OTHER: &str = "authorization: Basic b3RoZXIuZXhhbXBsZS5uZXQ6b3RoZXItc2VjcmV0\n";

/// A gateway with a ProvURL and a Terminal-ID of its own.
fn provisioned(id: &str, url: Option<&str>) -> Ppg {
    Ppg {
        id: PpgId(id.into()),
        prov_url: url.map(Box::from),
        terminal_id: Some(TerminalId::Given(id.into())),
        ..other()
    }
}

/// The Terminal-ID in the answer to a registration, which shows the context, or else the outcome.
fn context(bench: &mut Bench, headers: &str) -> String {
    let answer = bench.options(headers);
    let registered = answer.push_status == Some(PushStatus::RegisteredCpiTagMismatch);
    header(&answer, "x-wap-terminal-id")
        .filter(|_| registered)
        .unwrap_or_else(|| outcome(&answer))
}

fn four() -> Terminal {
    terminal([
        provisioned("a", Some("http://p.example/1")),
        provisioned("b", Some("")),
        provisioned("c", None),
        Ppg {
            addresses: vec![[192, 0, 2, 7].into()],
            ..provisioned("d", Some("http://p.example/1"))
        },
    ])
}

//= specs/ota-http.md#provurl
//= type=test
//# A request without X-Wap-Push-ProvURL MUST NOT be taken for one that names a context with an empty ProvURL.
//= specs/ota-http.md#provurl
//= type=test
//# The provisioning context whose ProvURL equals that of the request MUST be the one that is used.
//= specs/ota-http.md#provurl
//= type=test
//# A request whose ProvURL is that of no provisioning context MUST be refused, with status 257 if it is a push and 302 if it is a registration.
//= specs/ota-http.md#provurl
//= type=test
//# A request with an empty ProvURL MUST be refused, with status 257 if it is a push and 302 if it is a registration, when no provisioning context has an empty one.
//= specs/ota-http.md#identification
//= type=test
//# The Terminal-ID MUST be the one that the provisioning context gives.
#[test]
fn the_context_is_that_of_the_prov_url() {
    for (peer, url, expected) in [
        (stranger(), None, "4447700900123"),
        (stranger(), Some("http://p.example/1"), "a"),
        (stranger(), Some(" http://p.example/1 "), "a"),
        (accepted(), Some("http://p.example/1"), "d"),
        (stranger(), Some(""), "b"),
        (accepted(), Some(""), "b"),
        (accepted(), None, "d"),
        (stranger(), Some("http://p.example/2"), "204 302"),
        (stranger(), Some("HTTP://p.example/1"), "204 302"),
        (stranger(), Some("\u{fffd}"), "204 302"),
        (dialled(Some("c"), None), None, "c"),
        (dialled(Some("a"), None), Some("http://p.example/1"), "a"),
    ] {
        let mut bench = Bench::new(four(), peer);
        let headers = url.map_or_else(String::new, |url| format!("x-wap-push-provurl: {url}\n"));
        assert_eq!(context(&mut bench, &headers), expected, "{url:?}");
        let push = if expected == "204 302" {
            "204 257"
        } else {
            "204 400"
        };
        assert_eq!(outcome(&bench.post(&headers)), push, "{url:?}");
    }
    let mut bench = Bench::new(terminal([provisioned("c", None)]), stranger());
    assert_eq!(context(&mut bench, "x-wap-push-provurl:\n"), "204 302");
}

#[test]
fn a_connection_stays_with_the_prov_url_that_it_was_bound_to() {
    let mut bench = Bench::new(four(), accepted());
    assert_eq!(context(&mut bench, ""), "d");
    assert_eq!(context(&mut bench, "x-wap-push-provurl:\n"), "b");
    assert_eq!(context(&mut bench, ""), "b");
    assert_eq!(
        context(&mut bench, "x-wap-push-provurl: nowhere\n"),
        "204 302"
    );
    assert_eq!(context(&mut bench, ""), "b");
    assert_eq!(
        context(&mut bench, "x-wap-push-provurl: http://p.example/1\n"),
        "d"
    );
    assert_eq!(context(&mut bench, ""), "d");
}

#[test]
fn a_prov_url_does_not_get_a_gateway_around_its_proof() {
    let mut terminal = four();
    terminal.ppgs[3].authentication = Authentication::Basic;
    let mut bench = Bench::new(terminal, accepted());
    assert_eq!(outcome(&bench.options("")), "401 300");
    assert_eq!(outcome(&bench.options("x-wap-push-provurl:\n")), "204 302");
    assert_eq!(
        outcome(&bench.options("x-wap-authenticate: Digest realm=\"c\", nonce=\"n\"\n")),
        "401 300"
    );
    assert_eq!(outcome(&bench.options("")), "401 300");
}

//= specs/ota-http.md#identification
//= type=test
//# The terminal SHOULD identify the gateway, so that pushes from unwanted ones can be refused.
#[test]
fn a_gateway_is_known_by_what_is_sure_of_the_connection() {
    let certified = |name: &str| Peer {
        tls_name: Some(name.into()),
        ..stranger()
    };
    let named = Ppg {
        contact: Some(Contact {
            host: Host::Name("host.example.net".into()),
            port: 4036,
            secure: true,
        }),
        ..other()
    };
    let aliased = Ppg {
        id: PpgId("aliased".into()),
        tls_name: Some("tls.example.net".into()),
        addresses: vec!["::ffff:198.51.100.1".parse().unwrap()],
        ..other()
    };
    let at = |address: &str| Peer {
        remote: SocketAddr::new(address.parse().unwrap(), 1),
        ..accepted()
    };
    for (peer, known, names) in [
        (accepted(), Some(GATEWAY), &[][..]),
        (at("::ffff:192.0.2.7"), Some(GATEWAY), &[]),
        (at("198.51.100.1"), Some("aliased"), &[]),
        (stranger(), None, &[]),
        (dialled(Some("aliased"), None), Some("aliased"), &[]),
        (dialled(Some("nobody"), None), None, &[]),
        (dialled(None, None), None, &[]),
        (certified(GATEWAY), Some(GATEWAY), &[GATEWAY]),
        (
            certified("HOST.example.net"),
            Some("other.example.net"),
            &["HOST.example.net"],
        ),
        (
            certified("tls.example.net"),
            Some("aliased"),
            &["tls.example.net"],
        ),
        (certified("x.example.net"), None, &["x.example.net"]),
        // Over TLS the address says nothing.
        (
            Peer {
                tls_name: Some("x.example.net".into()),
                ..accepted()
            },
            None,
            &["x.example.net"],
        ),
    ] {
        let mut bench = Bench::new(
            terminal([ppg(), named.clone(), aliased.clone()]),
            peer.clone(),
        );
        let id = bench.connection.ppg().map(ToString::to_string);
        assert_eq!(id.as_deref(), known, "{peer:?}");
        let proved: Vec<&str> = bench
            .connection
            .proved_names()
            .iter()
            .map(|name| &**name)
            .collect();
        assert_eq!(proved, names, "{peer:?}");
        bench.listed = false;
        let expected = if known.is_some() {
            "204 501"
        } else {
            "204 301"
        };
        assert_eq!(outcome(&bench.options("")), expected, "{peer:?}");
    }
}

#[test]
fn a_stranger_becomes_the_gateway_that_it_proves_to_be() {
    let mut bench = Bench::new(terminal([ppg(), other()]), stranger());
    bench.listed = false;
    assert_eq!(outcome(&bench.options("")), "204 301");
    assert_eq!(outcome(&bench.options(OTHER)), "204 501");
    assert_eq!(
        bench.connection.ppg(),
        Some(&PpgId("other.example.net".into()))
    );
    assert_eq!(outcome(&bench.options("")), "204 501");
    // The name of a gateway that is not there, and of one without a password, prove nothing.
    let mut bench = Bench::new(terminal([ppg()]), stranger());
    bench.listed = false;
    assert_eq!(outcome(&bench.options(OTHER)), "204 301");
}

#[test]
fn of_gateways_with_one_address_the_one_it_says_it_is_counts() {
    let twin = Ppg {
        id: PpgId("twin".into()),
        terminal_id: Some(TerminalId::Given("t".into())),
        bearer: Some(0x1A),
        ..ppg()
    };
    let mut bench = Bench::new(terminal([ppg(), twin]), accepted());
    assert_eq!(context(&mut bench, ""), "4447700900123");
    let answer = bench.options("x-wap-authenticate: Digest realm=twin, nonce=n\n");
    assert!(
        header(&answer, "x-wap-authorization")
            .unwrap()
            .contains("username=\"t\"")
    );
    assert_eq!(
        header(&answer, "x-wap-bearer-indication").as_deref(),
        Some("1A")
    );
    let digest =
        "authorization: Digest username=twin, realm=t, nonce=n, uri=\"/wappush\", response=r\n";
    let answer = bench.options(digest);
    assert_eq!(outcome(&answer), "401 300");
    assert!(
        header(&answer, "www-authenticate")
            .unwrap()
            .contains("realm=\"t\"")
    );
}

#[test]
fn only_the_identified_get_further_where_that_is_asked_for() {
    let only = |ppgs: Vec<Ppg>| Terminal {
        identified_only: true,
        ..terminal(ppgs)
    };
    let certified = Peer {
        tls_name: Some(GATEWAY.into()),
        ..stranger()
    };
    let mut bench = Bench::new(only(vec![ppg()]), certified);
    assert_eq!(outcome(&bench.post("")), "204 400");
    // An address is no proof, nor is having been dialled.
    for peer in [accepted(), dialled(Some(GATEWAY), None), stranger()] {
        let mut bench = Bench::new(only(vec![ppg()]), peer);
        assert_eq!(outcome(&bench.options("")), "401 300");
        assert_eq!(outcome(&bench.post("")), "401 234");
        let basic = "authorization: Basic cHBnLmV4YW1wbGUubmV0OnBwZy1zZWNyZXQ=\n";
        assert_eq!(outcome(&bench.post(basic)), "204 400");
    }
    let mut bench = Bench::new(only(vec![other()]), stranger());
    assert_eq!(outcome(&bench.post(OTHER)), "204 400");
    let unprovable = Ppg {
        ppg_secret: None,
        ..ppg()
    };
    for peer in [accepted(), stranger()] {
        let mut bench = Bench::new(only(vec![unprovable.clone()]), peer);
        assert_eq!(outcome(&bench.options("")), "204 301");
        assert_eq!(outcome(&bench.post("")), "204 235");
    }
    // Strangers are offered Basic only where some gateway may use it.
    let strict = Ppg {
        authentication: Authentication::Digest,
        ..ppg()
    };
    let mut bench = Bench::new(only(vec![strict]), stranger());
    let answer = bench.options("");
    assert_eq!(
        answer
            .response
            .headers()
            .get_all("www-authenticate")
            .iter()
            .count(),
        1
    );
}

//= specs/ota-http.md#identification
//= type=test
//# The Terminal-ID MUST be a ClientID where no provisioning context gives one.
#[test]
fn a_terminal_without_a_name_is_known_by_its_address() {
    let nameless = Terminal {
        terminal_id: TerminalId::OfAddress,
        ..terminal([ppg()])
    };
    let mut bench = Bench::new(nameless, accepted());
    assert_eq!(context(&mut bench, ""), "6192000002100");
}
