//! `pushcai watch` on a daemon: what is seen, by whom, where, and what a bad reader does to the others.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    process::Command,
};

use anyhow::Context;
use conformance::{
    process::{PATIENCE, Running, eventually},
    pushcai::{Daemon, program, run},
    stranger::Stranger,
};
use serde_json::Value;

use crate::stage::{Stage, command};

const ID: &str = "x-wap-application:meter";
const OTHER: &str = "x-wap-application:other";
const TRACES: &str = "environment = { TRACES = \"@TRACES@\" }";
/// Refuses what is bad until somebody has mended it, and says so.
const JUDGE: &str = "body=$(cat); echo \"read $body\"; echo \"$body\" >>\"$TRACES/log\"\n\
                     case $body in bad*) [ -e \"$TRACES/mended\" ] || exit 3;; esac";
const EXIT_QUOTA: i32 = 16;

/// Starts to watch, and returns once it sees what happens.
fn watching(daemon: &Daemon, arguments: &[&str]) -> anyhow::Result<Running> {
    let running = daemon.follow(&[&["watch"], arguments].concat())?;
    running.wait_for_error_line("watching")?;
    Ok(running)
}

fn next(watching: &Running) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&watching.next_line()?)?)
}

/// What happens to an event, up to the kind that ends it.
fn until(watching: &Running, event: &Value, last: &str) -> anyhow::Result<Vec<String>> {
    let mut kinds = Vec::new();
    loop {
        let seen = next(watching)?;
        if seen["id"] == *event {
            let kind = seen["kind"].as_str().context("a kind")?.to_owned();
            kinds.push(kind);
            if seen["kind"] == last {
                return Ok(kinds);
            }
        }
    }
}

fn judged(watching: &Running) -> anyhow::Result<Value> {
    loop {
        let seen = next(watching)?;
        if seen["kind"] == "judged" {
            return Ok(seen);
        }
    }
}

#[test]
fn an_event_is_followed_from_its_judgement_to_its_end_and_explained_afterwards()
-> anyhow::Result<()> {
    let stage = Stage::start(&command("meter", JUDGE, TRACES))?;
    let seen = watching(&stage.daemon, &["--json"])?;
    stage.registered(ID, "exec:meter")?;
    assert_eq!(next(&seen)?["kind"], "registered");
    stage.push(ID, "good")?;
    let good = judged(&seen)?["id"].clone();
    let kinds = until(&seen, &good, "accepted")?;
    assert_eq!(kinds, ["delivered", "handled", "accepted"]);

    stage.push(ID, "bad")?;
    let bad = judged(&seen)?["id"].clone();
    assert_eq!(
        until(&seen, &bad, "died")?,
        ["delivered", "handled", "died"]
    );
    let id = bad.as_str().context("an id")?;
    let told = stage.daemon.pushcai(&["explain", "--event", id])?;
    for expected in ["dead", "exec: exit status 3", "    | read bad", "uid:"] {
        assert!(told.output.contains(expected), "{expected}: {told:?}");
    }

    fs::write(stage.trace("mended"), "")?;
    let replayed = stage.daemon.pushcai(&["dead", "replay", id])?;
    assert_eq!(replayed.output, "replayed 1 dead letter\n", "{replayed:?}");
    assert_eq!(
        until(&seen, &bad, "accepted")?,
        ["replayed", "delivered", "handled", "accepted"]
    );
    let told = stage.daemon.pushcai(&["explain", "--event", id])?;
    for expected in ["gone", "exit status 3", "exit status 0"] {
        assert!(told.output.contains(expected), "{expected}: {told:?}");
    }
    stage.settled(0)
}

#[test]
fn piped_lines_are_plain_and_whole() -> anyhow::Result<()> {
    let stage = Stage::start(&command("meter", JUDGE, TRACES))?;
    stage.registered(ID, "exec:meter")?;
    let seen = watching(&stage.daemon, &["--content", "--kind", "judged,handled"])?;
    stage.push(ID, "\u{1b}[31mgood")?;
    let line = seen.next_line()?;
    let words: Vec<_> = line.split("  ").filter(|word| !word.is_empty()).collect();
    assert!(words[0].ends_with('Z'), "{line}");
    assert_eq!(words[1].trim(), "judged", "{line}");
    assert_eq!(words[3..5], [ID, "accepted"], "{line}");
    assert!(line.ends_with("OTA-WSP from 127.0.0.1"), "{line}");
    loop {
        let line = seen.next_line()?;
        assert!(!line.contains('\u{1b}'), "{line:?}");
        if line.contains("| read ") {
            assert!(line.ends_with("[31mgood"), "{line}");
            return Ok(());
        }
    }
}

/// A watch in a terminal of this width; its device is named first.
fn in_terminal(stage: &Stage, width: u16, before: &str) -> anyhow::Result<(Running, String)> {
    let pushcai = program("pushcai", "PUSHCAI_BIN")?;
    let script = format!(
        "stty cols {width} rows 24; tty; {before} exec {} --socket {} watch",
        pushcai.display(),
        stage.daemon.socket().display()
    );
    let mut command = Command::new("script");
    command.args(["--quiet", "--flush", "--command", &script, "/dev/null"]);
    command.env_remove("NO_COLOR").env("SHELL", "/bin/sh");
    let running = Running::start("script", &mut command)?;
    let device = running.next_line()?.trim().to_owned();
    while !running.next_line()?.contains("WHAT") {}
    Ok((running, device))
}

/// A line as it looks, and whether it is coloured.
fn looks(line: &str) -> (String, bool) {
    let mut pieces = line.trim_end().split('\u{1b}');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut colored = false;
    for piece in pieces {
        colored = true;
        text.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    (text, colored)
}

#[test]
fn a_terminal_has_colours_and_its_width_counts_also_when_it_changes() -> anyhow::Result<()> {
    let stage = Stage::start("")?;
    stage.daemon.pushcai_json(&["register", ID, "--json"])?;
    let (terminal, device) = in_terminal(&stage, 50, "")?;
    stage.push(ID, "one")?;
    let (first, colored) = looks(&terminal.next_line()?);
    assert!(colored, "{first}");
    assert!(
        first.contains("judged") && first.chars().count() <= 50,
        "{first}"
    );
    let (rest, _) = looks(&terminal.next_line()?);
    assert!(
        rest.starts_with("    accepted") && rest.chars().count() <= 50,
        "{rest}"
    );
    let resized = run(Command::new("stty").args(["-F", &device, "cols", "200"]))?;
    assert_eq!(resized.code, Some(0), "{resized:?}");
    stage.push(ID, "two")?;
    let (whole, _) = looks(&terminal.next_line()?);
    assert!(whole.ends_with("OTA-WSP from 127.0.0.1"), "{whole}");

    let (terminal, _) = in_terminal(&stage, 200, "NO_COLOR=1")?;
    stage.push(ID, "three")?;
    let (line, colored) = looks(&terminal.next_line()?);
    assert!(line.contains("judged") && !colored, "{line}");
    Ok(())
}

#[test]
fn nobody_sees_what_is_anothers_and_an_administrator_all_but_content() -> anyhow::Result<()> {
    let stage = Stage::start(&command("meter", JUDGE, TRACES))?;
    let Some(stranger) = Stranger::of(&stage.daemon)? else {
        return Ok(());
    };
    stage.registered(ID, "exec:meter")?;
    let outcome = stranger.pushcai(&["register", OTHER, "--handler", "exec:meter"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let arguments = ["watch", "--json", "--content"];
    let theirs = Running::start("pushcai", &mut stranger.command(&arguments))?;
    theirs.wait_for_error_line("watching")?;
    let all = watching(&stage.daemon, &arguments[1..])?;

    stage.push(ID, "bad of mine")?;
    let mine = judged(&all)?;
    assert!(mine["content"].is_string(), "{mine}");
    until(&all, &mine["id"], "died")?;
    stage.push(OTHER, "bad of theirs")?;
    let seen = judged(&all)?;
    assert_eq!(seen["pushApplicationID"], OTHER);
    assert_eq!(seen["content"], Value::Null, "{seen}");
    let own = next(&theirs)?;
    assert_eq!(
        own["id"], seen["id"],
        "the first that the other saw is its own"
    );
    assert!(own["content"].is_string(), "{own}");
    until(&theirs, &own["id"], "died")?;

    let (mine, own) = (mine["id"].as_str(), own["id"].as_str());
    let (mine, own) = mine.zip(own).context("ids")?;
    let told = stranger.pushcai(&["explain", "--event", mine])?;
    assert!(told.output.contains("gone"), "{told:?}");
    assert!(!told.output.contains("exit status"), "{told:?}");
    let told = stranger.pushcai(&["explain", "--event", own])?;
    assert!(told.output.contains("| read bad of theirs"), "{told:?}");
    let told = stage.daemon.pushcai(&["explain", "--event", own])?;
    assert!(told.output.contains("exit status 3"), "{told:?}");
    assert!(!told.output.contains("read bad"), "{told:?}");

    let listed = stranger.pushcai(&["dead", "--json"])?;
    assert_eq!(listed.output.lines().count(), 1, "{listed:?}");
    let dropped = stranger.pushcai(&["dead", "drop", mine])?;
    assert_ne!(dropped.code, Some(0), "{dropped:?}");
    assert!(dropped.errors.contains("notRegistered"), "{dropped:?}");
    let dropped = stranger.pushcai(&["dead", "drop", "--all"])?;
    assert_eq!(dropped.output, "dropped 1 dead letter\n", "{dropped:?}");
    stage.settled(1)
}

#[test]
fn a_watch_outlives_a_kill_of_the_daemon() -> anyhow::Result<()> {
    let stage = Stage::start("")?;
    stage.daemon.pushcai_json(&["register", ID, "--json"])?;
    let seen = watching(&stage.daemon, &["--json", "--kind", "judged"])?;
    stage.push(ID, "one")?;
    assert_eq!(next(&seen)?["verdict"], "accepted");
    let stage = stage.killed_and_started_again(|| {})?;
    seen.wait_for_error_line("connected again")?;
    stage.push(ID, "two")?;
    assert_eq!(next(&seen)?["verdict"], "accepted");
    assert_eq!(seen.terminate()?.code(), Some(0));
    Ok(())
}

#[test]
fn more_watches_than_allowed_are_refused_until_one_ends() -> anyhow::Result<()> {
    let stage = Stage::start("[engine]\nmax_watchers_per_owner = 2\n")?;
    let first = watching(&stage.daemon, &[])?;
    let _second = watching(&stage.daemon, &[])?;
    let refused = stage.daemon.pushcai(&["watch"])?;
    assert_eq!(refused.code, Some(EXIT_QUOTA), "{refused:?}");
    for expected in [
        "quotaExceeded",
        "2 watches of uid:",
        "max_watchers_per_owner",
    ] {
        assert!(refused.errors.contains(expected), "{refused:?}");
    }
    first.terminate()?;
    let _third = eventually("a place for another watch", || {
        Ok(watching(&stage.daemon, &[]).ok())
    })?;
    Ok(())
}

#[test]
fn a_watcher_that_does_not_read_delays_nobody_and_is_told_what_it_missed() -> anyhow::Result<()> {
    const LOTS: usize = 60;
    const LOT: usize = 50;
    let stage = Stage::start("[engine]\nwatch_queue = 64\n")?;
    stage.daemon.pushcai_json(&["register", ID, "--json"])?;
    let mut lazy = UnixStream::connect(stage.daemon.socket())?;
    lazy.set_read_timeout(Some(PATIENCE))?;
    lazy.write_all(b"GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut head = [0; 1];
    lazy.read_exact(&mut head)?;
    let reader = watching(&stage.daemon, &["--json", "--kind", "judged"])?;
    let total = (LOTS * LOT).to_string();
    let events = ["events", "--follow", "--ack", "--json", "--count", &total];
    let application = stage.daemon.follow(&events)?;
    for lot in 0..LOTS {
        for number in 0..LOT {
            stage.push(ID, &format!("push {lot}.{number}"))?;
        }
        for _ in 0..LOT {
            assert_eq!(next(&reader)?["verdict"], "accepted");
            application.next_line()?;
        }
    }
    assert!(application.wait()?.success());
    let metrics = stage.daemon.pushcai(&["metrics"])?;
    let missed = metrics
        .output
        .lines()
        .find_map(|line| line.strip_prefix("pushcai_watch_missed_total "));
    let missed: usize = missed.context("a counter")?.parse()?;
    // Three things happen with each push, and what is neither missed nor queued lies in the socket's buffer.
    assert!(missed > LOTS * LOT, "{missed} missed");
    assert!(missed < 3 * LOTS * LOT, "{missed} missed");
    let mut seen = String::new();
    let mut octets = vec![0; 65_536];
    while !seen.contains("\"kind\":\"missed\"") {
        let length = lazy.read(&mut octets)?;
        anyhow::ensure!(
            length > 0,
            "the stream ended without a word on what is missing"
        );
        seen.push_str(&String::from_utf8_lossy(
            octets.get(..length).unwrap_or_default(),
        ));
    }
    Ok(())
}
