use std::time::Duration;

use crate::Config;

use super::HandlersWiring;
use super::exec::commands;
use crate::config::Span;

fn read(text: &str) -> Result<HandlersWiring, String> {
    let config = Config::parse("file", text).map_err(|error| error.to_string())?;
    Ok(config.wiring().unwrap().handlers)
}

#[test]
fn every_key_that_is_common_to_all_counts() {
    let text = "[handlers]\nmax_at_work = 2\nmax_at_work_per_owner = 1\nevents_per_turn = 3\nevent_timeout = \"4s\"\nstop_timeout = \"5s\"\n\
                kept_output = 6\nbackoff_base = \"7s\"\nbackoff_limit = \"8s\"\nactivation_timeout = \"9s\"\n";
    let runner = read(text).unwrap().runner;
    assert_eq!(runner.max_at_work, 2);
    assert_eq!(runner.max_at_work_per_owner, 1);
    assert_eq!(runner.events_per_turn, 3);
    assert_eq!(runner.event_timeout, Duration::from_secs(4));
    assert_eq!(runner.stop_timeout, Duration::from_secs(5));
    assert_eq!(runner.kept_output, 6);
    let core = Config::parse("file", text).unwrap().wiring().unwrap().core;
    assert_eq!(core.handler_backoff_base, Duration::from_secs(7));
    assert_eq!(core.handler_backoff_limit, Duration::from_secs(8));
    assert_eq!(core.activation_timeout, Duration::from_secs(9));
}

#[test]
fn every_key_of_a_command_counts() {
    let text = "[[handlers.exec]]\nname = \"meter\"\ncommand = [\"/bin/sh\", \"-c\", \"true\"]\nuser = \"root\"\n\
                timeout = \"3s\"\nmax_output = 100\nmax_memory = \"64 MiB\"\nmax_processes = 5\nmax_cpu = \"6s\"\n\
                nice = 7\nenvironment = { LANG = \"C\" }\nwritable = [\"-/srv\"]\nowners = [\"uid:1000\"]\n";
    let config = Config::parse("file", text).unwrap();
    let exec = commands(&config.handlers.exec, Span(Duration::from_secs(30)), 4096).unwrap();
    let command = &exec[0];
    assert_eq!(&*command.name, "meter");
    assert_eq!(command.program.to_str(), Some("/bin/sh"));
    assert_eq!(command.arguments, ["-c", "true"]);
    assert_eq!(command.account.as_ref().unwrap().uid, 0);
    assert_eq!(command.account.as_ref().unwrap().group, "root");
    assert_eq!(command.timeout, Duration::from_secs(3));
    assert_eq!(command.max_output, 100);
    assert_eq!(command.max_memory, Some(64 << 20));
    assert_eq!(command.max_processes, Some(5));
    assert_eq!(command.max_cpu, Some(Duration::from_secs(6)));
    assert_eq!(command.nice, 7);
    assert_eq!(command.environment, [("LANG".to_owned(), "C".to_owned())]);
    assert_eq!(command.writable, ["-/srv"]);
    assert_eq!(
        command.owners.as_deref(),
        Some(&["uid:1000".to_owned()][..])
    );
    assert!(command.is_open_to("uid:1000") && !command.is_open_to("uid:1001"));
}

#[test]
fn mistakes_are_named_with_what_would_work() {
    for (text, expected) in [
        ("[handlers]\nmax_at_work = 0", "file:2:15: at least 1"),
        ("[handlers]\nevents_per_turn = 0", "file:2:19: at least 1"),
        ("[handlers]\nbackoff_base = 0", "file:2:16: at least 1 ms"),
        (
            "[handlers]\nevent_timeout = \"30s\"",
            "30s is no less than [delivery] acknowledgement_timeout, 30s",
        ),
        ("[handlers]\nmax_work = 1", "did you mean `max_at_work`?"),
        (
            "[[handlers.exec]]\ncommand = [\"/bin/true\"]",
            "name: a command needs a name",
        ),
        (
            "[[handlers.exec]]\nname = \"a/b\"",
            "name: a command needs a name",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"",
            "command: the program is needed",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"\ncommand = [\"true\"]",
            "command: `true` is no whole path",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"\ncommand = [\"/bin/true\"]\nuser = \"nobody-of-that-name\"",
            "user: there is no user `nobody-of-that-name` on this system",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"\ncommand = [\"/bin/true\"]\ngroup = \"root\"",
            "group: it counts only with user",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"\ncommand = [\"/bin/true\"]\ntimeout = \"25s\"",
            "timeout: 25s and the time that killing takes, 30s together",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"\ncommand = [\"/bin/true\"]\nnice = 20",
            "nice: -20 to 19",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"\ncommand = [\"/bin/true\"]\nenvironment = { PUSHCAI_SERVER = \"x\" }",
            "environment: `PUSHCAI_SERVER` is not taken",
        ),
        (
            "[[handlers.exec]]\nname = \"a\"\ncommand = [\"/bin/true\"]\n[[handlers.exec]]\nname = \"a\"\n\
             command = [\"/bin/true\"]",
            "[[handlers.exec]] number 2, name: `a` is the name of a command before",
        ),
        ("[[handlers.exec]]\nnames = \"a\"", "did you mean `name`?"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn what_a_command_could_not_be_run_with_is_refused_when_it_is_read() {
    let long = format!(
        "environment = {{ LONG = \"{}\" }}",
        "x".repeat((32 << 10) + 1)
    );
    for (key, lines) in [
        (
            "environment",
            &[
                "environment = { \"A B\" = \"x\" }",
                "environment = { \"A-B\" = \"x\" }",
                "environment = { 1A = \"x\" }",
                "environment = { A = \"\\u0000\" }",
                &long,
            ][..],
        ),
        (
            "writable",
            &[
                "writable = [\"var/lib/meter\"]",
                "writable = [\"/srv\", \"-\"]",
                "writable = [\"/srv\\u0000\"]",
            ],
        ),
        (
            "owners",
            &[
                "owners = [\"uid:0\", \"1000\"]",
                "owners = [\"alice\"]",
                "owners = [\"uid:alice\"]",
                "owners = [\"uid:01\"]",
                "owners = [\"uid:1/meter.service\"]",
                "owners = [\"uid:1/unit:\"]",
                "owners = [\"token:\"]",
            ],
        ),
    ] {
        for line in lines {
            let error = read(&command_with(line)).unwrap_err();
            assert!(error.contains(key), "{line}: {error}");
        }
    }
    for line in [
        "environment = { _a1 = \"two\\nlines\" }",
        "writable = [\"/var/lib/meter\", \"-/srv\", \"+/srv\"]",
        "owners = [\"uid:0/unit:meter.service\", \"uid:7/flatpak:org.example.App\", \"uid:7/snap:meter\", \"token:lab\"]",
    ] {
        assert_eq!(read(&command_with(line)).err(), None, "{line}");
    }
}

fn command_with(line: &str) -> String {
    format!("[[handlers.exec]]\nname = \"a\"\ncommand = [\"/bin/true\"]\n{line}\n")
}
