//! Who is who, proved: the gateway to the terminal and the terminal to the gateway (WAP-235 7.2.6.2).

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use crate::{
    stage::{MMS, PPG_ID, Plan, Stage, TERMINAL_ID},
    wire::{Answer, Gateway, Wire},
};

const PPG_PASSWORD: &str = "gateway's secret";
const TERMINAL_PASSWORD: &str = "terminal's secret";

/// A daemon that demands proof of the gateway by `scheme` and has a password to prove itself.
fn stage(scheme: &str) -> anyhow::Result<Stage> {
    let plan = Plan::new()?;
    let theirs = plan.secret("theirs", &format!("{PPG_PASSWORD}\n"))?;
    let ours = plan.secret("ours", &format!("{TERMINAL_PASSWORD}\n"))?;
    let stage = plan
        .known_gateway(&format!(
            "authentication = \"{scheme}\"\nppg_password_file = \"{theirs}\"\npassword_file = \"{ours}\""
        ))
        .start()?;
    stage.register(MMS)?;
    Ok(stage)
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn hex_of_hash(text: &str) -> String {
    let hash = Sha1::digest(text.as_bytes());
    let pairs = hash.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    pairs
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// The digest of RFC 2617 without quality of protection, with SHA-1 for MD5.
fn digest_response(user: &str, realm: &str, password: &str, nonce: &str, method: &str) -> String {
    let secret = hex_of_hash(&format!("{user}:{realm}:{password}"));
    let request = hex_of_hash(&format!("{method}:/wappush"));
    hex_of_hash(&format!("{secret}:{nonce}:{request}"))
}

/// The parameters of a challenge or of credentials, without quotes.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let (_, parameters) = value.split_once(' ')?;
    let mut pairs = parameters
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(found, _)| found.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().trim_matches('"'))
}

/// The challenge of this scheme in an answer.
fn challenge<'a>(answer: &'a Answer, scheme: &str) -> Option<&'a str> {
    let headers = answer.headers.iter();
    let mut values = headers.filter(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"));
    let found = values.find(|(_, value)| value.starts_with(scheme));
    found.map(|(_, value)| value.as_str())
}

//= specs/ota-http.md#ppg-authentication
//= type=test
//# The terminal MUST be able to authenticate a gateway by the Basic scheme.
//= specs/ota-http.md#ppg-authentication
//= type=test
//# The realm of a challenge to a gateway MUST be the Terminal-ID.
//= specs/ota-http.md#ppg-authentication
//= type=test
//# The user name that a gateway authenticates itself with MUST be its identity as provisioned.
#[test]
fn ota_http_c_010_gateway_authentication() -> anyhow::Result<()> {
    let stage = stage("basic")?;
    let mut wire = stage.connect()?;
    let refused = wire.register(&[])?;
    refused.is(401, 300);
    assert_eq!(refused.header("X-Wap-CPITag"), None);
    assert_eq!(refused.header("X-Wap-Terminal-Id"), None);
    let challenge = challenge(&refused, "Basic").unwrap_or_default();
    assert_eq!(
        parameter(challenge, "realm"),
        Some(TERMINAL_ID),
        "{refused:?}"
    );
    wire.push(MMS, b"unproved", &[])?.is(401, 234);
    for (user, password) in [
        (PPG_ID, "wrong"),
        ("other.example.net", PPG_PASSWORD),
        ("", PPG_PASSWORD),
    ] {
        // Few failures end a connection, so each has its own.
        let mut wire = stage.connect()?;
        let answer = wire.register(&[("Authorization", &basic(user, password))])?;
        answer.is(401, 300);
    }
    let right = basic(PPG_ID, PPG_PASSWORD);
    wire.register(&[("Authorization", &right)])?.is(204, 501);
    wire.push(MMS, b"proved", &[("Authorization", &right)])?
        .is(204, 400);
    // What was proved on a connection holds for it.
    wire.push(MMS, b"proved before", &[])?.is(204, 400);
    // Without being asked.
    let mut wire = stage.connect()?;
    wire.register(&[("Authorization", &right)])?.is(204, 501);
    assert_eq!(stage.contents()?, [b"proved".as_slice(), b"proved before"]);
    Ok(())
}

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
//= specs/ota-http.md#ppg-authentication
//= type=test
//# The nonce of a Digest challenge to a gateway SHOULD be a new one each time.
#[test]
fn a_gateway_proves_itself_by_digest() -> anyhow::Result<()> {
    let stage = stage("digest")?;
    let mut wire = stage.connect()?;
    let refused = wire.register(&[])?;
    refused.is(401, 300);
    let first = challenge(&refused, "Digest").unwrap_or_default().to_owned();
    let wanted = [
        ("realm", Some(TERMINAL_ID)),
        ("domain", Some("/wappush")),
        ("algorithm", Some("SHA-1")),
        ("stale", None),
        ("qop", None),
    ];
    for (name, value) in wanted {
        assert_eq!(parameter(&first, name), value, "{name} in {first}");
    }
    assert_eq!(
        challenge(&refused, "Basic"),
        None,
        "a password in clear is not asked for"
    );
    let credentials = |challenge: &str, password: &str, method: &str| {
        let nonce = parameter(challenge, "nonce").unwrap_or_default();
        let response = digest_response(PPG_ID, TERMINAL_ID, password, nonce, method);
        format!(
            "Digest username=\"{PPG_ID}\", realm=\"{TERMINAL_ID}\", nonce=\"{nonce}\", uri=\"/wappush\", \
             algorithm=\"SHA-1\", response=\"{response}\""
        )
    };
    let wrong = credentials(&first, "wrong", "OPTIONS");
    let refused = wire.register(&[("Authorization", &wrong)])?;
    refused.is(401, 300);
    let second = challenge(&refused, "Digest").unwrap_or_default().to_owned();
    assert_ne!(parameter(&first, "nonce"), parameter(&second, "nonce"));
    let right = credentials(&second, PPG_PASSWORD, "OPTIONS");
    wire.register(&[("Authorization", &right)])?.is(204, 501);
    // Basic, and a digest for another method, are no proof here.
    let mut wire = stage.connect()?;
    wire.register(&[("Authorization", &basic(PPG_ID, PPG_PASSWORD))])?
        .is(401, 300);
    let answer = wire.register(&[])?;
    let third = challenge(&answer, "Digest").unwrap_or_default().to_owned();
    let for_post = credentials(&third, PPG_PASSWORD, "POST");
    wire.register(&[("Authorization", &for_post)])?.is(401, 300);
    // A nonce that this terminal never gave.
    let foreign = credentials("Digest nonce=\"bm9uY2U=\"", PPG_PASSWORD, "OPTIONS");
    let mut wire = stage.connect()?;
    wire.register(&[("Authorization", &foreign)])?.is(401, 300);
    Ok(())
}

#[test]
fn guessing_ends_the_connection() -> anyhow::Result<()> {
    let stage = stage("basic")?;
    let mut wire = stage.connect()?;
    let wrong = basic(PPG_ID, "guess");
    for attempt in 0..100 {
        let answer = wire.register(&[("Authorization", &wrong)])?;
        answer.is(401, 300);
        if answer
            .header("Connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        {
            assert!(attempt > 0, "one mistake is allowed");
            return wire.ended();
        }
    }
    anyhow::bail!("a hundred guesses were answered on one connection")
}

//= specs/ota-http.md#terminal-authentication
//= type=test
//# The terminal MUST be able to authenticate itself by the Basic scheme.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# An answer MUST NOT carry X-Wap-Authorization unless the request carried X-Wap-Authenticate.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The user name in X-Wap-Authorization MUST be the Terminal-ID.
#[test]
fn ota_http_c_009_terminal_authentication() -> anyhow::Result<()> {
    let stage = stage("none")?;
    let mut wire = stage.connect()?;
    let answer = wire.register(&[])?;
    answer.is(204, 501);
    assert_eq!(answer.header("X-Wap-Authorization"), None);
    assert_eq!(
        wire.push(MMS, b"x", &[])?.header("X-Wap-Authorization"),
        None
    );
    let challenge = format!("Basic realm=\"{PPG_ID}\"");
    let expected = basic(TERMINAL_ID, TERMINAL_PASSWORD);
    let answer = wire.register(&[("X-Wap-Authenticate", &challenge)])?;
    answer.is(204, 501);
    assert_eq!(
        answer.header("X-Wap-Authorization"),
        Some(expected.as_str())
    );
    assert_eq!(answer.header("X-Wap-Terminal-Id"), None);
    let answer = wire.push(MMS, b"y", &[("X-Wap-Authenticate", &challenge)])?;
    answer.is(204, 400);
    assert_eq!(
        answer.header("X-Wap-Authorization"),
        Some(expected.as_str())
    );
    Ok(())
}

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
//# The digest in X-Wap-Authorization MUST be computed with SHA-1.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The digest in X-Wap-Authorization MUST be computed as for the quality of protection that covers no body.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The digest in X-Wap-Authorization MUST be computed with the method of the request that carried the challenge.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The digest in X-Wap-Authorization MUST be computed with the Request-URI of the request that carried the challenge.
#[test]
fn the_terminal_proves_itself_by_digest() -> anyhow::Result<()> {
    let stage = stage("none")?;
    let mut wire = stage.connect()?;
    for (nonce, method) in [("Zm9vYmFy", "OPTIONS"), ("bm9uY2Uy", "POST")] {
        let challenge =
            format!("Digest realm=\"{PPG_ID}\", nonce=\"{nonce}\", algorithm=\"SHA-1\"");
        let header = [("X-Wap-Authenticate", challenge.as_str())];
        let answer = match method {
            "OPTIONS" => wire.register(&header)?,
            _ => wire.push(MMS, b"x", &header)?,
        };
        assert_eq!(answer.status, 204, "{answer:?}");
        let given = answer.header("X-Wap-Authorization").unwrap_or_default();
        let response = digest_response(TERMINAL_ID, PPG_ID, TERMINAL_PASSWORD, nonce, method);
        let wanted = [
            ("username", Some(TERMINAL_ID)),
            ("realm", Some(PPG_ID)),
            ("nonce", Some(nonce)),
            ("uri", Some("/wappush")),
            ("algorithm", Some("SHA-1")),
            ("response", Some(response.as_str())),
            ("cnonce", None),
            ("qop", None),
            ("nc", None),
        ];
        for (name, value) in wanted {
            assert_eq!(parameter(given, name), value, "{name} in {given}");
        }
    }
    Ok(())
}

//= specs/ota-http.md#terminal-authentication
//= type=test
//# A challenge that the terminal does not accept MUST be answered with HTTP status 412.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# The answer that does not accept a challenge MUST carry X-Wap-Authorization with x-wap-auth-status, which is failed_retry or failed_noretry.
#[test]
fn a_challenge_that_cannot_be_met_is_refused_with_412() -> anyhow::Result<()> {
    let stage = stage("none")?;
    let without = Plan::new()?.known_gateway("").start()?;
    let refused = |wire: &mut Wire, challenge: &str| {
        let answer = wire.register(&[("X-Wap-Authenticate", challenge)])?;
        assert_eq!(answer.status, 412, "{challenge}: {answer:?}");
        assert!(answer.push_status().is_some(), "{answer:?}");
        assert_eq!(answer.header("X-Wap-CPITag"), None, "{answer:?}");
        let given = answer
            .header("X-Wap-Authorization")
            .unwrap_or_default()
            .to_owned();
        let (_, status) = given.split_once("x-wap-auth-status=").unwrap_or_default();
        let status = status.to_owned();
        assert!(
            matches!(status.as_str(), "failed_retry" | "failed_noretry"),
            "{given}"
        );
        anyhow::Ok(status)
    };
    // No password for it: asking again is in vain.
    let basic = format!("Basic realm=\"{PPG_ID}\"");
    assert_eq!(refused(&mut without.connect()?, &basic)?, "failed_noretry");
    for challenge in [
        format!("Digest realm=\"{PPG_ID}\", nonce=\"Zm9v\", algorithm=\"MD5\""),
        format!("Digest realm=\"{PPG_ID}\", algorithm=\"SHA-1\""),
        format!("Negotiate realm=\"{PPG_ID}\""),
        "nonsense".to_owned(),
    ] {
        refused(&mut stage.connect()?, &challenge)?;
    }
    Ok(())
}

//= specs/ota-http.md#terminal-authentication
//= type=test
//# On a challenge with failed_retry the terminal MUST authenticate itself once more or end the connection.
//= specs/ota-http.md#terminal-authentication
//= type=test
//# On a challenge with failed_noretry the terminal MUST end the connection.
#[test]
fn a_gateway_that_does_not_believe_the_terminal_is_answered_again_or_left() -> anyhow::Result<()> {
    let stage = stage("none")?;
    let challenge = format!("Basic realm=\"{PPG_ID}\"");
    let expected = basic(TERMINAL_ID, TERMINAL_PASSWORD);
    let mut wire = stage.connect()?;
    wire.register(&[("X-Wap-Authenticate", &challenge)])?;
    let retry = format!("{challenge}, x-wap-auth-status=\"failed_retry\"");
    let answer = wire.register(&[("X-Wap-Authenticate", &retry)])?;
    if answer.header("X-Wap-Authorization") == Some(expected.as_str()) {
        let noretry = format!("{challenge}, x-wap-auth-status=\"failed_noretry\"");
        wire.send(crate::wire::options(&[("X-Wap-Authenticate", &noretry)]))?;
    }
    let said = String::from_utf8_lossy(&wire.rest()?).into_owned();
    assert!(
        !said.contains(&expected),
        "no credentials for one who has refused them: {said}"
    );
    let mut wire = stage.connect()?;
    let noretry = format!("{challenge}, x-wap-auth-status=\"failed_noretry\"");
    wire.send(crate::wire::options(&[("X-Wap-Authenticate", &noretry)]))?;
    let said = String::from_utf8_lossy(&wire.rest()?).into_owned();
    assert!(!said.contains(&expected), "{said}");
    Ok(())
}

#[test]
fn both_prove_themselves_in_one_exchange() -> anyhow::Result<()> {
    let stage = stage("basic")?;
    let answer = stage.connect()?.register(&[
        ("Authorization", &basic(PPG_ID, PPG_PASSWORD)),
        ("X-Wap-Authenticate", &format!("Basic realm=\"{PPG_ID}\"")),
    ])?;
    answer.is(204, 501);
    let expected = basic(TERMINAL_ID, TERMINAL_PASSWORD);
    assert_eq!(
        answer.header("X-Wap-Authorization"),
        Some(expected.as_str())
    );
    assert!(answer.header("X-Wap-CPITag").is_some());
    Ok(())
}

#[test]
fn a_password_in_clear_goes_to_a_gateway_that_is_known_and_to_nobody_else() -> anyhow::Result<()> {
    let stage = stage("none")?;
    let challenge = format!("Basic realm=\"{PPG_ID}\"");
    let mut stranger = stage.connect_from(3)?;
    let answer = stranger.register(&[("X-Wap-Authenticate", &challenge)])?;
    let given = answer.header("X-Wap-Authorization").unwrap_or_default();
    let password = basic(TERMINAL_ID, TERMINAL_PASSWORD);
    assert!(
        !given.contains(&password),
        "anybody can say a realm: {answer:?}"
    );
    Ok(())
}

#[test]
fn a_gateway_that_gives_up_on_the_terminal_is_shown_as_one_that_rejected_it() -> anyhow::Result<()>
{
    let plan = Plan::new()?.without_listening();
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let ours = plan.secret("ours", TERMINAL_PASSWORD)?;
    let stage = plan
        .ppg(
            PPG_ID,
            &format!("address = \"{address}\"\npassword_file = \"{ours}\""),
        )
        .start()?;
    stage.register(MMS)?;
    let mut wire = gateway.accept()?;
    let challenge = format!("Basic realm=\"{PPG_ID}\"");
    wire.register(&[("X-Wap-Authenticate", &challenge)])?;
    let noretry = format!("{challenge}, x-wap-auth-status=\"failed_noretry\"");
    wire.send(crate::wire::options(&[("X-Wap-Authenticate", &noretry)]))?;
    wire.rest()?;
    crate::wire::eventually("the state", || {
        let servers = stage.servers()?;
        Ok(servers
            .iter()
            .any(|server| server["state"] == "rejected")
            .then_some(()))
    })?;
    Ok(())
}
