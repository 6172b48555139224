//! `exec:`: what commands are given, what their end means, and that none can do harm.

use std::fs;

use conformance::{process::eventually, stranger::Stranger};

use crate::stage::{Stage, command};

const ID: &str = "x-wap-application:meter";
const OTHER: &str = "x-wap-application:other";
const TRACES: &str = "environment = { TRACES = \"@TRACES@\" }";

/// Writes down who it is given, and accepts.
const ACCEPTS: &str = "echo \"$PUSHCAI_ATTEMPT $(cat)\" >>\"$TRACES/log\"";

#[test]
fn a_command_gets_the_content_and_everything_that_is_known_of_it() -> anyhow::Result<()> {
    let script =
        "cat >\"$TRACES/content\"; env | sort >\"$TRACES/env\"; echo done >>\"$TRACES/log\"";
    let stage = Stage::start(&command("meter", script, TRACES))?;
    stage.registered(ID, "exec:meter")?;
    let body = "23.5 \u{b0}C; $(touch /tmp/never)";
    stage.push(ID, body)?;
    stage.traced("log", 1)?;
    stage.settled(0)?;
    let content = fs::read_to_string(stage.trace("content"))?;
    assert_eq!(content, body);
    let environment = stage.lines("env");
    for expected in [
        "PUSHCAI_ATTEMPT=1",
        "PUSHCAI_BEARER=IP",
        "PUSHCAI_CONTENT_LENGTH=29",
        "PUSHCAI_CONTENT_TYPE=text/plain",
        "PUSHCAI_HANDLER=meter",
        "PUSHCAI_PUSH_APPLICATION_ID=x-wap-application:meter",
        "PUSHCAI_PROTOCOL=OTA-WSP",
        "PUSHCAI_AUTHENTICATED=false",
    ] {
        let found = environment.iter().any(|line| line == expected);
        assert!(found, "{expected} is missing in {environment:#?}");
    }
    let headers = environment
        .iter()
        .find(|line| line.starts_with("PUSHCAI_HEADERS="));
    assert!(
        headers.is_some_and(|line| line.ends_with(']')),
        "{environment:#?}"
    );
    // Nothing of the daemon's own environment.
    assert!(
        !environment
            .iter()
            .any(|line| line.starts_with("NOTIFY_SOCKET="))
    );
    Ok(())
}

#[test]
fn what_is_put_off_comes_again_and_what_is_rejected_becomes_a_dead_letter() -> anyhow::Result<()> {
    let script = "body=$(cat); echo \"$PUSHCAI_ATTEMPT $body\" >>\"$TRACES/log\"\n\
                  case $body in bad) exit 3;; late) [ $PUSHCAI_ATTEMPT = 2 ] || exit 75;; esac";
    let stage = Stage::start(&command("meter", script, TRACES))?;
    stage.registered(ID, "exec:meter")?;
    for body in ["late", "bad", "good"] {
        stage.push(ID, body)?;
    }
    let lines = stage.traced("log", 4)?;
    assert_eq!(lines, ["1 late", "2 late", "1 bad", "1 good"]);
    stage.settled(1)
}

#[test]
fn what_kills_its_command_again_and_again_becomes_a_dead_letter_while_the_rest_goes_on()
-> anyhow::Result<()> {
    let script = "body=$(cat); echo \"$PUSHCAI_ATTEMPT $body\" >>\"$TRACES/log\"\n\
                  [ $body != poison ] || kill -9 $$";
    let stage = Stage::start(&command("meter", script, TRACES))?;
    stage.registered(ID, "exec:meter")?;
    stage.push(ID, "poison")?;
    stage.push(ID, "good")?;
    let lines = stage.traced("log", 4)?;
    assert_eq!(lines, ["1 poison", "2 poison", "3 poison", "1 good"]);
    stage.settled(1)
}

#[test]
fn a_command_that_does_not_end_is_killed_though_it_ignores_sigterm() -> anyhow::Result<()> {
    let script = "echo $$ >>\"$TRACES/log\"; [ $PUSHCAI_ATTEMPT = 1 ] || exit 0\n\
                  trap '' TERM; sleep 1000 & while :; do sleep 1000; done";
    let keys = format!("{TRACES}\ntimeout = \"2s\"");
    let stage = Stage::start(&command("meter", script, &keys))?;
    stage.registered(ID, "exec:meter")?;
    stage.push(ID, "event")?;
    let lines = stage.traced("log", 2)?;
    stage.settled(0)?;
    let first = format!("/proc/{}", lines[0]);
    assert!(!fs::exists(&first)?, "{first} is there still");
    Ok(())
}

#[test]
fn commands_that_leave_their_input_and_hold_their_output_do_no_harm() -> anyhow::Result<()> {
    let scripts = [
        // Closes everything, and reads nothing.
        "exec <&- >&- 2>&-; echo closed >>\"$TRACES/log\"",
        // Writes more than anybody keeps.
        "head -c 3000000 /dev/zero; echo wrote >>\"$TRACES/log\"",
        // Leaves behind who holds the pipes, in its group and beyond it.
        "sleep 300 & setsid sleep 3 & echo left >>\"$TRACES/log\"",
    ];
    for (index, script) in scripts.into_iter().enumerate() {
        let stage = Stage::start(&command("meter", script, TRACES))?;
        stage.registered(ID, "exec:meter")?;
        stage.push(ID, &"x".repeat(1000))?;
        stage.traced("log", 1)?;
        stage.settled(0)?;
        let count = stage.lines("log").len();
        assert_eq!(count, 1, "script {index} ran {count} times");
    }
    Ok(())
}

#[test]
fn a_command_has_the_limits_that_it_is_given_and_no_more_rights() -> anyhow::Result<()> {
    let script = "{ ulimit -v; ulimit -t; ulimit -c; umask; pwd; nice; ls /proc/self/fd | tr '\\n' ' '; echo; \
                  grep NoNewPrivs /proc/self/status; ps -o sid= -p $$ | tr -d ' '; echo $$; } >\"$TRACES/log\"";
    let keys = format!("{TRACES}\nmax_memory = \"256 MiB\"\nmax_cpu = \"7s\"\nnice = 5");
    let stage = Stage::start(&command("meter", script, &keys))?;
    stage.registered(ID, "exec:meter")?;
    stage.push(ID, "event")?;
    let lines = stage.traced("log", 10)?;
    assert_eq!(lines[..6], ["262144", "7", "0", "0077", "/", "5"]);
    // Three, the one that the shell saves the redirected output in, and that of the listing itself.
    assert!(lines[6].split(' ').count() <= 6, "{lines:?}");
    assert_eq!(lines[7], "NoNewPrivs:\t1");
    assert_eq!(lines[8], lines[9], "it has a session of its own");
    stage.settled(0)
}

#[test]
fn the_end_of_the_daemon_while_a_command_runs_loses_nothing() -> anyhow::Result<()> {
    let script = "echo $$ >>\"$TRACES/log\"; [ -e \"$TRACES/go\" ] || exec sleep 1000";
    let stage = Stage::start(&command("meter", script, TRACES))?;
    stage.registered(ID, "exec:meter")?;
    stage.push(ID, "event")?;
    let lines = stage.traced("log", 1)?;
    let go = stage.trace("go");
    let stage = stage.killed_and_started_again(|| {
        fs::write(&go, "").unwrap_or_default();
    })?;
    stage.traced("log", 2)?;
    stage.settled(0)?;
    let first = format!("/proc/{}", lines[0]);
    eventually("the end of the command with its daemon", || {
        Ok((!fs::exists(&first)?).then_some(()))
    })
}

#[test]
fn a_command_that_hangs_or_cannot_run_is_in_nobodys_way() -> anyhow::Result<()> {
    let hangs = command("hangs", "sleep 1000", "timeout = \"20s\"");
    let fragile = "[[handlers.exec]]\nname = \"fragile\"\ncommand = [\"@TRACES@/program\"]\n";
    let good = command("good", ACCEPTS, TRACES);
    let stage = Stage::start(&format!("{hangs}{fragile}{good}"))?;
    let program = stage.trace("program");
    fs::copy("/bin/true", &program)?;
    stage.registered("x-wap-application:hangs", "exec:hangs")?;
    stage.registered("x-wap-application:fragile", "exec:fragile")?;
    stage.registered(ID, "exec:good")?;
    fs::remove_file(&program)?;
    stage.push("x-wap-application:hangs", "event")?;
    stage.push("x-wap-application:fragile", "event")?;
    for body in ["1", "2", "3"] {
        stage.push(ID, body)?;
    }
    assert_eq!(stage.traced("log", 3)?, ["1 1", "1 2", "1 3"]);
    // What could not be run is not lost, nor does an attempt count.
    let status = stage.status()?;
    assert_eq!(status["deadLetters"], 0, "{status}");
    Ok(())
}

#[test]
fn many_events_start_few_processes() -> anyhow::Result<()> {
    let script = "mkdir -p \"$TRACES/at-work\"; touch \"$TRACES/at-work/$$\"; ls \"$TRACES/at-work\" | wc -l >>\"$TRACES/log\"\n\
                  rm \"$TRACES/at-work/$$\"";
    let configuration = format!(
        "[handlers]\nmax_at_work = 3\n{}",
        command("meter", script, TRACES)
    );
    let stage = Stage::start(&configuration)?;
    let ids: Vec<String> = (0..10).map(|number| format!("{ID}.{number}")).collect();
    for id in &ids {
        stage.registered(id, "exec:meter")?;
    }
    for number in 0..10 {
        for id in &ids {
            stage.push(id, &number.to_string())?;
        }
    }
    let lines = stage.traced("log", 100)?;
    stage.settled(0)?;
    let most = lines
        .iter()
        .filter_map(|line| line.trim().parse::<u32>().ok())
        .max();
    assert!(
        most.is_some_and(|most| most <= 3),
        "{most:?} were at work at a time"
    );
    Ok(())
}

#[test]
fn only_commands_that_the_administrator_opened_to_an_owner_may_be_named() -> anyhow::Result<()> {
    let open = command("open", "exit 0", "");
    let closed = command("closed", "exit 0", "owners = [\"uid:4294967294\"]");
    let absent = "[[handlers.exec]]\nname = \"absent\"\ncommand = [\"/nowhere/program\"]\n";
    let stage = Stage::start(&format!("{open}{closed}{absent}"))?;
    stage.registered(ID, "exec:open")?;
    for (handler, expected) in [
        (
            "exec:undefined",
            "those that it may: exec:absent, exec:open",
        ),
        ("exec:closed", "those that it may: exec:absent, exec:open"),
        ("exec:/bin/sh", "names no command"),
        ("exec:../open", "names no command"),
        ("exec:absent", "/nowhere/program: No such file"),
    ] {
        let outcome = stage.register(OTHER, handler)?;
        assert_ne!(outcome.code, Some(0), "{handler}");
        assert!(outcome.errors.contains(expected), "{handler}: {outcome:?}");
        assert!(
            outcome.errors.contains("optionNotAvailable"),
            "{handler}: {outcome:?}"
        );
    }
    Ok(())
}

#[test]
fn an_unprivileged_owner_names_no_command_that_is_not_open_to_it() -> anyhow::Result<()> {
    let theirs = format!("owners = [\"uid:{}\"]", Stranger::USER);
    let granted = command("granted", ACCEPTS, &format!("{theirs}\n{TRACES}"));
    let closed = command("closed", "exit 0", "owners = [\"uid:0\"]");
    let stage = Stage::start(&format!("{granted}{closed}"))?;
    let Some(stranger) = Stranger::of(&stage.daemon)? else {
        return Ok(());
    };
    for (handler, expected) in [
        ("exec:undefined", "those that it may: exec:granted"),
        ("exec:closed", "those that it may: exec:granted"),
        ("exec:/bin/sh", "names no command"),
        ("exec:../closed", "names no command"),
    ] {
        let outcome = stranger.pushcai(&["register", ID, "--handler", handler])?;
        assert_ne!(outcome.code, Some(0), "{handler}");
        for words in [expected, "optionNotAvailable"] {
            assert!(outcome.errors.contains(words), "{handler}: {outcome:?}");
        }
    }
    let outcome = stranger.pushcai(&["register", ID, "--handler", "exec:granted"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    stage.push(ID, "21.5")?;
    assert_eq!(stage.traced("log", 1)?, ["1 21.5"]);
    Ok(())
}
