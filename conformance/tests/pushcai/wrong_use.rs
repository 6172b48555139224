//! Each wrong use is one clear line and the documented exit code, and leaves everything as it was.

use std::{fs, net::UdpSocket, process::Command};

use conformance::{
    kannel::CONNECTIONLESS_PUSH,
    loopback::Network,
    pushcai::{Daemon, Outcome, daemon_command, program, run},
    stranger::Stranger,
};

use crate::stage::{MMS, MMS_TYPE};

/// Exit codes as `pushcai --help`, `pushcaid --help` and docs/exit-codes.md list them.
mod exit {
    pub(super) const USAGE: i32 = 2;
    pub(super) const UNREACHABLE: i32 = 3;
    pub(super) const INVALID_REQUEST: i32 = 10;
    pub(super) const ALREADY_REGISTERED: i32 = 11;
    pub(super) const NOT_REGISTERED: i32 = 12;
    pub(super) const UNSUPPORTED_OPTION: i32 = 13;
    pub(super) const OPTION_NOT_AVAILABLE: i32 = 14;
    // Those of pushcaid.
    pub(super) const DAEMON_FAILED: i32 = 1;
    pub(super) const CONFIGURATION: i32 = 78;
}

fn daemon() -> anyhow::Result<(Network, Daemon)> {
    let network = Network::claim()?;
    let daemon = Daemon::start(network.host(2), "")?;
    Ok((network, daemon))
}

/// Fails unless `outcome` is a refusal with this exit code: one line on standard error that holds all of `words`.
fn assert_refused(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    assert_eq!(outcome.errors.lines().count(), 1, "{outcome:?}");
    for word in words {
        assert!(
            outcome.errors.contains(word),
            "{word} is not said: {outcome:?}"
        );
    }
}

//= specs/push-cai.md#uniqueness
//= type=test
//# A Push Application ID that another application holds MUST be refused to a newcomer that neither of the two exceptions covers.
#[test]
fn an_id_that_another_application_holds_is_refused() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    daemon.pushcai_json(&[
        "register",
        MMS,
        "--application-id",
        "urn:test:one",
        "--json",
    ])?;
    let outcome = daemon.pushcai(&["register", MMS, "--application-id", "urn:test:two"])?;
    assert_refused(
        &outcome,
        exit::ALREADY_REGISTERED,
        &["alreadyRegistered", MMS],
    );
    // Whatever the spelling, it is the same id.
    for spelling in [
        "4",
        "0x04",
        "urn:x-wap-application:mms.ua",
        "X-WAP-Application:MMS.UA",
    ] {
        let outcome =
            daemon.pushcai(&["register", spelling, "--application-id", "urn:test:two"])?;
        assert_refused(&outcome, exit::ALREADY_REGISTERED, &["alreadyRegistered"]);
    }
    assert_eq!(daemon.pushcai_json(&["apps", "--json"])?.len(), 1);
    Ok(())
}

//= specs/push-cai.md#uniqueness
//= type=test
//# A registration that repeats the Push Application ID of the same application MUST NOT be refused for being taken.
#[test]
fn the_same_application_may_register_again() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    for accept in ["text/plain", MMS_TYPE] {
        let outcome = daemon.pushcai(&["register", MMS, "--accept", accept])?;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    let apps = daemon.pushcai_json(&["apps", "--json"])?;
    assert_eq!(apps.len(), 1);
    assert_eq!(apps[0]["Accept"], MMS_TYPE);
    Ok(())
}

//= specs/push-cai.md#options
//= type=test
//# A registration with an option that the Push Client does not support MUST be refused.
//= specs/push-cai.md#options
//= type=test
//# A registration with an option that is supported but cannot be had at the moment MUST be refused.
//= specs/push-cai.md#failed-registration
//= type=test
//# A registration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
#[test]
fn options_that_cannot_be_had_are_refused_by_name() -> anyhow::Result<()> {
    let (network, daemon) = daemon()?;
    // Somebody else's, so that the daemon cannot open it.
    let held = UdpSocket::bind((network.host(2), 0))?;
    let port = held.local_addr()?.port().to_string();
    let taken = format!("OTA-WSP/IP:{port}");
    let unsupported = exit::UNSUPPORTED_OPTION;
    let unavailable = exit::OPTION_NOT_AVAILABLE;
    let cases: &[(&[&str], i32, &[&str])] = &[
        (
            &["--profile", "OTA-SIP"],
            unsupported,
            &["unsupportedOption", "OTA-SIP"],
        ),
        (
            &["--profile", "OTA-HTTP"],
            unsupported,
            &["unsupportedOption", "OTA-HTTP"],
        ),
        (
            &["--profile", &taken],
            unavailable,
            &["optionNotAvailable", &port],
        ),
        (
            &["--profile", "OTA-WSP/GSM-SMS"],
            unavailable,
            &["optionNotAvailable", "GSM-SMS"],
        ),
        (
            &["--profile", "OTA-WSP:2949"],
            unsupported,
            &["unsupportedOption", "WTLS", "2948"],
        ),
        (
            &["--handler", "gopher://a.test/"],
            unsupported,
            &["unsupportedOption", "gopher"],
        ),
    ];
    for (arguments, code, words) in cases {
        let outcome = daemon.pushcai(&[&["register", MMS], *arguments].concat())?;
        assert_refused(&outcome, *code, words);
    }
    assert!(daemon.pushcai_json(&["apps", "--json"])?.is_empty());
    Ok(())
}

#[test]
fn malformed_values_are_refused_and_named() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    let cases: &[(&[&str], &str)] = &[
        (&["not an id"], "not an id"),
        (&["0x1000000000"], "0x1000000000"),
        (&[MMS, "--accept", "text"], "text"),
        (&[MMS, "--whitelist", "300.1.1.1/99"], "300.1.1.1/99"),
    ];
    for (arguments, word) in cases {
        let outcome = daemon.pushcai(&[&["register"], *arguments].concat())?;
        assert_refused(&outcome, exit::INVALID_REQUEST, &["invalidRequest", word]);
    }
    assert!(daemon.pushcai_json(&["apps", "--json"])?.is_empty());
    Ok(())
}

//= specs/push-cai.md#deregistration-request
//= type=test
//# A deregistration MUST be refused when the application that asks has no registration for the Push Application ID.
//= specs/push-cai.md#answer-to-a-deregistration
//= type=test
//# A deregistration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
#[test]
fn only_what_is_registered_can_be_deregistered() -> anyhow::Result<()> {
    let (_network, daemon) = daemon()?;
    let outcome = daemon.pushcai(&["deregister", MMS])?;
    assert_refused(&outcome, exit::NOT_REGISTERED, &["notRegistered", MMS]);
    Ok(())
}

#[test]
fn another_user_sees_and_ends_nothing_of_this_one() -> anyhow::Result<()> {
    let (network, daemon) = daemon()?;
    daemon.pushcai_json(&["register", MMS, "--json"])?;
    let socket = UdpSocket::bind((network.host(1), 0))?;
    socket.send_to(
        b"\x00\x06\x03\x83\xaf\x84private",
        (network.host(2), CONNECTIONLESS_PUSH),
    )?;
    let shown = daemon.pushcai_json(&["events", "--wait", "20", "--json"])?;
    assert_eq!(shown.len(), 1, "{shown:?}");
    let id = shown[0]["id"].as_str().unwrap_or_default();

    let Some(stranger) = Stranger::of(&daemon)? else {
        return Ok(());
    };
    let refused = stranger.pushcai(&["deregister", MMS])?;
    assert_refused(&refused, exit::NOT_REGISTERED, &["notRegistered"]);
    let refused = stranger.pushcai(&["ack", id])?;
    assert_refused(&refused, exit::NOT_REGISTERED, &["notRegistered"]);
    let refused = stranger.pushcai(&["register", MMS])?;
    assert_refused(&refused, exit::ALREADY_REGISTERED, &["alreadyRegistered"]);
    for arguments in [["apps", "--json"], ["events", "--json"]] {
        let seen = stranger.pushcai(&arguments)?;
        assert_eq!((seen.code, seen.output.as_str()), (Some(0), ""), "{seen:?}");
    }
    assert_eq!(daemon.pushcai_json(&["apps", "--json"])?.len(), 1);
    Ok(())
}

#[test]
fn a_daemon_that_is_not_there_is_named() -> anyhow::Result<()> {
    let mut command = Command::new(program("pushcai", "PUSHCAI_BIN")?);
    let outcome = run(command.args(["--socket", "/nonexistent/api.sock", "apps"]))?;
    assert_eq!(outcome.code, Some(exit::UNREACHABLE), "{outcome:?}");
    let line = outcome.errors.lines().next().unwrap_or_default();
    assert!(line.contains("/nonexistent/api.sock"), "{outcome:?}");
    Ok(())
}

#[test]
fn an_unknown_option_is_wrong_usage() -> anyhow::Result<()> {
    let mut command = Command::new(program("pushcai", "PUSHCAI_BIN")?);
    let outcome = run(command.args(["register", MMS, "--acept", "text/plain"]))?;
    assert_eq!(outcome.code, Some(exit::USAGE), "{outcome:?}");
    assert!(outcome.errors.contains("--acept"), "{outcome:?}");
    Ok(())
}

#[test]
fn an_unknown_key_in_the_configuration_is_refused_with_the_nearest_one() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("pushcaid.toml");
    fs::write(&file, "[ota_wsp]\nlistn = [\"127.0.0.1:2948\"]\n")?;
    let outcome = run(Command::new(program("pushcaid", "PUSHCAID_BIN")?)
        .arg("--config")
        .arg(&file))?;
    assert_eq!(outcome.code, Some(exit::CONFIGURATION), "{outcome:?}");
    assert!(
        outcome.errors.contains("listn") && outcome.errors.contains("listen"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn an_address_that_is_taken_is_named() -> anyhow::Result<()> {
    let (network, _daemon) = daemon()?;
    let directory = tempfile::tempdir()?;
    let outcome = run(&mut daemon_command(directory.path(), network.host(2), "")?)?;
    assert_eq!(outcome.code, Some(exit::DAEMON_FAILED), "{outcome:?}");
    let address = network.host(2).to_string();
    assert!(outcome.errors.contains(&address), "{outcome:?}");
    Ok(())
}

#[test]
fn decode_says_what_is_wrong_and_where() -> anyhow::Result<()> {
    let mut command = Command::new(program("pushcai", "PUSHCAI_BIN")?);
    let outcome = run(command.args([
        "decode",
        "--kind",
        "wsp-push",
        "000605838d84c393616263",
        "0006",
    ]))?;
    let values: Vec<serde_json::Value> = outcome
        .output
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(values.len(), 2, "{outcome:?}");
    assert_eq!(values[0]["ok"], true);
    assert_eq!(values[0]["contentType"], "text/plain");
    assert_eq!(values[0]["body"], "616263");
    assert_eq!(values[1]["ok"], false);
    assert_eq!(values[1]["error"]["offset"], 2);
    Ok(())
}

#[test]
fn decode_puts_segments_of_a_short_message_together_in_any_order() -> anyhow::Result<()> {
    let front = "00440b915155214365f700f562102021436500";
    // The second part stands behind a 16 bit reference before its ports, as the first does.
    let first = format!("{front}110c0804123402010504 0b8423f0 000605af").replace(' ', "");
    let second = format!("{front}140c0804123402020504 0b8423f0 84b48183616263").replace(' ', "");
    let decode = |segments: &[&str]| -> anyhow::Result<serde_json::Value> {
        let mut command = Command::new(program("pushcai", "PUSHCAI_BIN")?);
        let outcome = run(command
            .args(["decode", "--kind", "sms-tpdu"])
            .args(segments))?;
        Ok(serde_json::from_str(&outcome.output)?)
    };
    let whole = decode(&[&second, &first, &second])?;
    assert_eq!(whole["ok"], true, "{whole}");
    assert_eq!(whole["missing"], serde_json::json!([]));
    assert_eq!(whole["data"], "000605af84b48183616263");
    let half = decode(&[&second])?;
    assert_eq!(half["missing"], serde_json::json!([1]));
    assert_eq!(half["segments"][0]["concat"]["bits"], 16);
    let other = second.replace("1234", "1235");
    let mixed = decode(&[&first, &other])?;
    assert_eq!(mixed["error"]["code"], "different-messages", "{mixed}");
    Ok(())
}
