//! What nobody may name, and what the administrator could set.

use conformance::process::eventually;

use crate::{
    receiver::{Act, Receiver, status},
    stage::{LOOPBACK, MMS, Stage},
};

#[test]
fn a_stranger_cannot_name_a_webhook_into_the_private_network() -> anyhow::Result<()> {
    let stage = Stage::set_up("")?;
    stage.open_to_strangers()?;
    let receiver = Receiver::listen(stage.host(), Vec::new())?;
    let port = receiver.port();
    for (handler, reason, part) in [
        (receiver.url("/"), "notAuthorized", "loopback"),
        (
            format!("http://localhost:{port}/"),
            "notAuthorized",
            "loopback",
        ),
        (
            format!("https://[::1]:{port}/"),
            "notAuthorized",
            "loopback",
        ),
        (
            format!("https://[::ffff:127.0.0.1]:{port}/"),
            "notAuthorized",
            "loopback",
        ),
        (
            "https://10.0.0.1/".to_owned(),
            "notAuthorized",
            "allow_private",
        ),
        (
            "https://169.254.169.254/latest/".to_owned(),
            "notAuthorized",
            "link-local",
        ),
        (
            "https://[fd00:ec2::254]/".to_owned(),
            "notAuthorized",
            "allow_networks",
        ),
        (
            "https://[64:ff9b::10.0.0.1]/".to_owned(),
            "notAuthorized",
            "private",
        ),
        ("http://8.8.8.8/".to_owned(), "notAuthorized", "allow_http"),
        ("https://8.8.8.8:25/".to_owned(), "notAuthorized", "ports"),
        ("https://2130706433/".to_owned(), "invalidRequest", "number"),
        ("https://0x7f.1/".to_owned(), "invalidRequest", "number"),
        (
            "https://a:b@8.8.8.8/".to_owned(),
            "invalidRequest",
            "password",
        ),
        (
            "https://8.8.8.8/#a".to_owned(),
            "invalidRequest",
            "fragment",
        ),
        (
            "https://nowhere.invalid/".to_owned(),
            "optionNotAvailable",
            "resolved",
        ),
        ("unix:push.sock".to_owned(), "invalidRequest", "unix:/PATH"),
        (
            "unix:/run/../run/push.sock".to_owned(),
            "invalidRequest",
            "..",
        ),
    ] {
        let refused = stage.register_as_stranger(MMS, &handler)?;
        assert_eq!(refused["reason"], reason, "{handler}: {refused}");
        assert_eq!(refused["option"], "eventHandler", "{handler}: {refused}");
        let detail = refused["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(part), "{handler}: {refused}");
        // Nor may the daemon's own user: the configuration is for that.
        assert_eq!(stage.refusal(&handler)?["reason"], reason);
    }
    assert!(!receiver.has_request());
    Ok(())
}

#[test]
fn only_owners_that_are_listed_may_name_webhooks() -> anyhow::Result<()> {
    let extra = format!("{LOOPBACK}owners = [\"uid:4000000000\"]\n");
    let stage = Stage::set_up(&extra)?;
    let refused = stage.refusal("http://127.0.0.1:2999/")?;
    assert_eq!(refused["reason"], "notAuthorized", "{refused}");
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("owners"))
    );
    Ok(())
}

/// A name that meant a public address at registration and means a private one now is the same to the daemon: what is judged is
/// the address that is about to be dialled.
#[test]
fn an_address_is_judged_again_when_it_is_dialled() -> anyhow::Result<()> {
    let stage =
        Stage::set_up("[handlers.webhooks]\nallow_networks = [\"127.0.0.0/8\", \"::1\"]\n")?;
    let receiver = Receiver::listen([127, 0, 0, 1].into(), Vec::new())?;
    let handler = format!("http://localhost:{}/", receiver.port());
    stage.register(MMS, &handler)?;
    stage.push(b"allowed")?;
    assert_eq!(receiver.request()?.content()?, b"allowed");
    stage.all_done()?;
    let stage = stage.start_with("[handlers.webhooks]\nallow_networks = [\"127.9.9.9\"]\n")?;
    stage.push(b"not allowed any more")?;
    eventually("a handler that is refused", || {
        let apps = stage.daemon.pushcai_json(&["apps", "--json"])?;
        let reason = apps
            .first()
            .and_then(|app| app["handlerState"]["reason"].as_str());
        let is_refused = reason.is_some_and(|reason| reason.contains("a loopback address"));
        Ok(is_refused.then_some(()))
    })?;
    assert!(!receiver.has_request());
    // The event waits, and is delivered once that is allowed again.
    let stage =
        stage.start_with("[handlers.webhooks]\nallow_networks = [\"127.0.0.0/8\", \"::1\"]\n")?;
    assert_eq!(receiver.request()?.content()?, b"not allowed any more");
    drop(stage);
    Ok(())
}

#[test]
fn a_redirection_into_the_private_network_is_not_followed() -> anyhow::Result<()> {
    let stage = Stage::set_up(LOOPBACK)?;
    let inner = Receiver::listen(stage.network.host(7), Vec::new())?;
    let to = |line: &str| {
        Act::Answer(status(
            line,
            &format!("Location: {}\r\n", inner.url("/secret")),
        ))
    };
    let acts = [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ]
    .map(to);
    let receiver = Receiver::listen(stage.host(), acts.to_vec())?;
    stage.register(MMS, &receiver.url("/"))?;
    stage.push(b"redirected")?;
    for _ in 0..6 {
        let request = receiver.request()?;
        assert_eq!(request.content()?, b"redirected");
        // Nothing is said of the event by that: each attempt is the first that counts.
        assert!(
            request.head.starts_with("POST / HTTP/1.1\r\n"),
            "{request:?}"
        );
    }
    stage.all_done()?;
    assert!(!inner.has_request());
    Ok(())
}

#[test]
fn a_key_that_others_could_read_keeps_the_daemon_from_starting() -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::set_up(LOOPBACK)?;
    stage.register(MMS, "http://127.0.0.1:2999/")?;
    let directory = stage.daemon.kill()?;
    let key = directory.path().join("state/webhook.key");
    let mode = std::fs::metadata(&key)?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (break_it, part) in [
        (
            &|| {
                std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644))
                    as std::io::Result<()>
            },
            "chmod 600",
        ),
        (
            &|| std::fs::write(&key, "0f") as std::io::Result<()>,
            "put back",
        ),
    ] as [(&dyn Fn() -> std::io::Result<()>, &str); 2]
    {
        break_it()?;
        let address = stage.network.host(2);
        let mut command =
            conformance::pushcai::daemon_command(directory.path(), address, LOOPBACK)?;
        let outcome = conformance::pushcai::run(&mut command)?;
        assert_eq!(outcome.code, Some(78), "{outcome:?}");
        assert!(
            outcome.errors.contains(part) && outcome.errors.contains("webhook.key"),
            "{outcome:?}"
        );
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
