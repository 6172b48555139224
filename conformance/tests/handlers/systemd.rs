//! Units of systemd: transient ones for commands, and those that the administrator lists. The manager is one of the test's own, on a
//! private bus: it takes what systemd takes, writes it down, and really runs the commands.

use std::{fs, process::Command};

use conformance::{
    buses::{Bus, Kind, Scope},
    process::Running,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{Stage, command};

const ID: &str = "x-wap-application:meter";

struct Systemd {
    bus: Bus,
    traces: TempDir,
    _manager: Running,
}

impl Systemd {
    /// Starts the manager; `None` where what it needs is missing and may be skipped.
    fn start() -> anyhow::Result<Option<Self>> {
        let Some(bus) = Bus::start(Kind::DbusDaemon, Scope::Session)? else {
            return Ok(None);
        };
        let traces = tempfile::tempdir()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/handlers/manager.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(bus.address()).arg(traces.path());
        let manager = Running::start("the manager", &mut command)?;
        assert_eq!(manager.next_line()?, "ready");
        Ok(Some(Self {
            bus,
            traces,
            _manager: manager,
        }))
    }

    fn configuration(&self, more: &str) -> String {
        let address = self.bus.address();
        format!(
            "[handlers]\nisolation = \"systemd\"\n[handlers.systemd]\nbus = {address:?}\n{more}\n"
        )
    }

    /// What was written down of each unit, one document a line.
    fn trace(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let text = fs::read_to_string(self.traces.path().join(name))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

#[test]
fn a_command_runs_in_a_hardened_unit_and_its_end_counts() -> anyhow::Result<()> {
    let Some(systemd) = Systemd::start()? else {
        return Ok(());
    };
    let script = "body=$(cat); echo \"$PUSHCAI_ATTEMPT $body $1\" >>\"$TRACES/log\"\n\
                  [ $PUSHCAI_ATTEMPT = 2 ] && exit 0\n\
                  case $body in late) exit 75;; bad) exit 3;; dies) kill -9 $$;; hangs) sleep 1000;; esac";
    let keys = "environment = { TRACES = \"@TRACES@\" }\ntimeout = \"3s\"\nmax_memory = \"64 MiB\"\nmax_processes = 9\n\
                writable = [\"/var/lib/meter\"]";
    // The `$` of an argument is the command's own.
    let commands = command("meter", script, keys)
        .replace("\"]\nuser", "\", \"sh\", \"$PUSHCAI_SERVER\"]\nuser");
    let nobody = "[[handlers.exec]]\nname = \"dynamic\"\ncommand = [\"/bin/true\"]\n";
    let stage = Stage::start(&systemd.configuration(&format!("{commands}{nobody}")))?;
    stage.registered(ID, "exec:meter")?;
    for body in ["good", "late", "dies", "hangs", "bad"] {
        stage.push(ID, body)?;
    }
    let lines = stage.traced("log", 8)?;
    let attempts = [
        "1 good", "1 late", "2 late", "1 dies", "2 dies", "1 hangs", "2 hangs", "1 bad",
    ];
    let expected = attempts.map(|line| format!("{line} $PUSHCAI_SERVER"));
    assert_eq!(lines, expected);
    stage.settled(1)?;
    stage.registered("x-wap-application:dynamic", "exec:dynamic")?;
    stage.push("x-wap-application:dynamic", "event")?;
    stage.settled(1)?;
    let units = systemd.trace("properties")?;
    assert_eq!(units.len(), 9);
    let first: Value = serde_json::from_str(&units[0])?;
    for (name, value) in [
        ("Type", Value::from("exec")),
        ("CollectMode", "inactive-or-failed".into()),
        ("NoNewPrivileges", 1.into()),
        ("ProtectSystem", "strict".into()),
        ("ProtectHome", "yes".into()),
        ("PrivateTmp", 1.into()),
        ("PrivateDevices", 1.into()),
        ("MemoryMax", (64 << 20).into()),
        ("TasksMax", 9.into()),
        ("RuntimeMaxUSec", 3_000_000.into()),
        ("ReadWritePaths", vec!["/var/lib/meter"].into()),
    ] {
        assert_eq!(first[name], value, "{name}: {first}");
    }
    assert!(first.get("User").is_some() && first.get("DynamicUser").is_none());
    let last: Value = serde_json::from_str(&units[8])?;
    assert_eq!(last["DynamicUser"], 1, "{last}");
    Ok(())
}

#[test]
fn a_unit_that_is_started_without_a_word_does_not_run_on() -> anyhow::Result<()> {
    let Some(systemd) = Systemd::start()? else {
        return Ok(());
    };
    let script = "echo $$ >>\"$TRACES/log\"; exec sleep 1000";
    let keys = "environment = { TRACES = \"@TRACES@\" }\ntimeout = \"20s\"";
    let more = format!("call_timeout = \"2s\"\n{}", command("unsaid", script, keys));
    let stage = Stage::start(&systemd.configuration(&more))?;
    stage.registered(ID, "exec:unsaid")?;
    stage.push(ID, "event")?;
    let name = conformance::process::eventually("the end of the unit", || {
        let released = systemd.trace("released").unwrap_or_default();
        Ok(released.into_iter().next())
    })?;
    assert!(name.starts_with("pushcai-unsaid-"), "{name}");
    // Nothing is said of the event: it waits.
    let status = stage.status()?;
    assert_eq!(status["deadLetters"], 0, "{status}");
    Ok(())
}

#[test]
fn a_listed_unit_is_started_for_a_registration_and_takes_its_events_itself() -> anyhow::Result<()> {
    let Some(systemd) = Systemd::start()? else {
        return Ok(());
    };
    let units = "units = [\"supl@.service\", \"broken.service\", \"gone.service\"]";
    let stage = Stage::start(&systemd.configuration(units))?;
    for (handler, expected) in [
        (
            "systemd:sshd.service",
            "those that it may: systemd:supl@.service, systemd:broken.service",
        ),
        ("systemd:gone.service", "there is no unit gone.service"),
    ] {
        let outcome = stage.register(ID, handler)?;
        assert!(outcome.errors.contains(expected), "{handler}: {outcome:?}");
    }
    stage.registered("x-wap-application:broken", "systemd:broken.service")?;
    stage.push("x-wap-application:broken", "event")?;
    stage.registered(ID, "systemd:supl@")?;
    stage.push(ID, "event")?;
    let started = |what: &str, is_it: fn(&str) -> bool| {
        conformance::process::eventually(what, || {
            let started = systemd.trace("started").unwrap_or_default();
            Ok(started.into_iter().find(|line| is_it(line)))
        })
    };
    let broken = started("the unit", |line| line.starts_with("broken"))?;
    assert_eq!(broken, "broken.service replace");
    let of_template = started("that of the template", |line| line.starts_with("supl@"))?;
    assert!(of_template.ends_with(".service replace"), "{of_template}");
    // Nothing is lost: both wait for whoever takes them.
    let events = stage.daemon.events(2)?;
    assert_eq!(events.len(), 2);
    stage.settled(0)
}
