//! A person's tools against the terminal: curl, openssl. The commands are those of docs/ota-http.md.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddrV4,
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use conformance::{
    peer,
    pushcai::{Outcome, run},
};

use crate::{
    stage::{MMS, PPG_ID, Plan, SECURE_PUSH_PORT, Stage, write},
    wire::entity,
};

const VERSION: &str = "X-Wap-Push-OTA-Version: 1.0";

fn curl(stage: &Stage, arguments: &[&str]) -> anyhow::Result<Option<Outcome>> {
    let Some([curl]) = peer::find(["curl"])? else {
        return Ok(None);
    };
    let mut command = Command::new(curl);
    let from = stage.plan.gateway().to_string();
    command.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--interface",
        &from,
    ]);
    command
        .args(arguments)
        .arg(format!("http://{}/wappush", stage.address()));
    run(&mut command).map(Some)
}

#[test]
fn curl_registers() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let Some(outcome) = curl(&stage, &["-i", "-X", "OPTIONS", "-H", VERSION])? else {
        return Ok(());
    };
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let said = outcome.output.to_ascii_lowercase();
    for words in [
        "http/1.1 204 ",
        "\nx-wap-push-status: 501 ",
        "\nx-wap-cpitag: ",
        MMS,
    ] {
        assert!(said.contains(words), "{words}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn curl_pushes() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let message = entity(&[("X-Wap-Application-Id", MMS)], b"by hand\r\nand whole\n");
    let file = write(stage.plan.directory.path(), "push.http", &message)?;
    let data = format!("@{file}");
    let arguments = [
        "-i",
        "-H",
        "Content-Type: application/http",
        "-H",
        VERSION,
        "--data-binary",
        &data,
    ];
    let Some(outcome) = curl(&stage, &arguments)? else {
        return Ok(());
    };
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let said = outcome.output.to_ascii_lowercase();
    for words in ["http/1.1 204 ", "\nx-wap-push-status: 400 "] {
        assert!(said.contains(words), "{words}: {outcome:?}");
    }
    assert_eq!(stage.contents()?, [b"by hand\r\nand whole\n"]);
    Ok(())
}

/// `openssl s_server` with somebody at the keyboard; ended by its own id.
struct Typed {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Typed {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let said = child.stdout.take().context("stdout is piped")?;
        Ok(Self {
            child,
            said: BufReader::new(said),
        })
    }

    fn types(&mut self, text: &str) -> anyhow::Result<()> {
        let keyboard = self.child.stdin.as_mut().context("stdin is piped")?;
        keyboard.write_all(text.as_bytes())?;
        Ok(keyboard.flush()?)
    }

    /// What is shown up to the next empty line.
    fn shown(&mut self) -> anyhow::Result<String> {
        let mut text = String::new();
        loop {
            let start = text.len();
            if self.said.read_line(&mut text)? == 0 {
                anyhow::bail!("openssl ended: {text}");
            }
            if text.get(start..).is_some_and(|line| line.trim().is_empty()) {
                return Ok(text.to_ascii_lowercase());
            }
        }
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn openssl_is_a_gateway_whose_typed_requests_are_answered() -> anyhow::Result<()> {
    let Some([openssl]) = peer::find(["openssl"])? else {
        return Ok(());
    };
    let plan = Plan::new()?;
    let file = |name: &str| plan.directory.path().join(name).display().to_string();
    let (ca, ca_key) = (file("ca.pem"), file("ca.key"));
    let (certificate, key, request) = (file("ppg.pem"), file("ppg.key"), file("ppg.csr"));
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for (words, rest) in [
        (
            format!("req -x509 {new_key} -days 30 -keyout {ca_key} -out {ca}"),
            ["-subj", "/CN=Test authority"].as_slice(),
        ),
        (
            format!("req {new_key} -subj /CN={PPG_ID} -keyout {key} -out {request}"),
            &["-addext", &format!("subjectAltName=DNS:{PPG_ID}")],
        ),
        (
            format!("x509 -req -days 30 -in {request} -CA {ca} -CAkey {ca_key} -out {certificate}"),
            &["-copy_extensions", "copy"],
        ),
    ] {
        let outcome = run(Command::new(&openssl).args(words.split(' ')).args(rest))?;
        assert_eq!(outcome.code, Some(0), "{words}: {outcome:?}");
    }
    let place = SocketAddrV4::new(plan.gateway(), SECURE_PUSH_PORT);
    let mut command = Command::new(openssl);
    command.args([
        "s_server",
        "-accept",
        &place.to_string(),
        "-cert",
        &certificate,
        "-key",
        &key,
    ]);
    command.arg("-quiet");
    let mut gateway = Typed::start(command)?;
    let keys = format!("ca_file = \"{ca}\"\nbackoff_base = \"20ms\"\nbackoff_limit = \"200ms\"");
    // openssl serves one connection at a time: what changes is told on the one that is open.
    let stage = plan
        .keys(&keys)
        .ppg(
            PPG_ID,
            &format!(
                "address = \"{place}\"\ntls = true\ntls_name = \"{PPG_ID}\"\nannounce_on = \"open-connection\""
            ),
        )
        .start()?;
    let asks = "OPTIONS /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\n\r\n";
    gateway.types(asks)?;
    let said = gateway.shown()?;
    assert!(said.contains("\nx-wap-push-status: 501 "), "{said}");
    assert!(!said.contains(MMS), "{said}");
    let registered = stage.register(MMS)?;
    assert_eq!(
        registered["servers"][0]["state"], "announced",
        "{registered}"
    );
    gateway.types(asks)?;
    let said = gateway.shown()?;
    for words in ["http/1.1 204 ", "\nx-wap-push-status: 501 ", MMS] {
        assert!(said.contains(words), "{words}: {said}");
    }
    gateway.types(
        "POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: text/plain\r\n\
         X-Wap-Application-Id: x-wap-application:mms.ua\r\nContent-Length: 7\r\n\r\ntyped\r\n",
    )?;
    let said = gateway.shown()?;
    for words in ["http/1.1 204 ", "\nx-wap-push-status: 400 "] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(stage.contents()?, [b"typed\r\n"]);
    Ok(())
}
