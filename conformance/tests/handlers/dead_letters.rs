//! `pushcai dead` on a daemon: dead letters are listed, replayed and dropped, and outlive its end.

use std::fs;

use anyhow::Context;

use crate::stage::{Stage, command};

const ID: &str = "x-wap-application:meter";
const TRACES: &str = "environment = { TRACES = \"@TRACES@\" }";
const REFUSES: &str =
    "echo \"$(cat)\" >>\"$TRACES/log\"; [ -e \"$TRACES/mended\" ] || { echo why not; exit 3; }";
const COUNT: usize = 25;

fn ids(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let letters = stage.daemon.pushcai_json(&["dead", "--json"])?;
    let ids = letters.iter().map(|letter| letter["id"].as_str());
    ids.map(|id| Ok(id.context("an id")?.to_owned())).collect()
}

/// Runs `pushcai dead`, which has to succeed; what it wrote, and what it said beside.
fn dead(stage: &Stage, arguments: &[&str]) -> anyhow::Result<(String, String)> {
    let outcome = stage.daemon.pushcai(&[&["dead"], arguments].concat())?;
    anyhow::ensure!(outcome.code == Some(0), "{outcome:?}");
    Ok((outcome.output, outcome.errors))
}

/// A daemon whose lists are short, with dead letters.
fn with_letters() -> anyhow::Result<Stage> {
    let meter = command("meter", REFUSES, TRACES);
    let stage = Stage::start(&format!("[http]\nmax_fetch = 10\n{meter}"))?;
    stage.registered(ID, "exec:meter")?;
    for number in 0..COUNT {
        stage.push(ID, &format!("letter {number}"))?;
    }
    stage.settled(u64::try_from(COUNT)?)?;
    Ok(stage)
}

#[test]
fn dead_letters_outlive_kills_and_so_does_what_became_of_them() -> anyhow::Result<()> {
    let stage = with_letters()?;
    let before = ids(&stage)?;
    assert_eq!(before.len(), COUNT);
    let (table, hint) = dead(&stage, &[])?;
    assert_eq!(table.lines().count(), COUNT + 1, "{table}");
    assert!(table.contains("exec: exit status 3"), "{table}");
    assert!(hint.contains("dead replay"), "{hint}");

    let stage = stage.killed_and_started_again(|| {})?;
    assert_eq!(ids(&stage)?, before);
    assert_eq!(
        dead(&stage, &["drop", &before[0], &before[7]])?.0,
        "dropped 2 dead letters\n"
    );
    fs::write(stage.trace("mended"), "")?;
    assert_eq!(
        dead(&stage, &["replay", &before[24]])?.0,
        "replayed 1 dead letter\n"
    );
    assert_eq!(stage.traced("log", COUNT + 1)?[COUNT], "letter 24");
    stage.settled(22)?;

    let stage = stage.killed_and_started_again(|| {})?;
    let (said, progress) = dead(&stage, &["replay", "--all"])?;
    assert_eq!(said, "replayed 22 dead letters\n");
    assert!(progress.contains("10 dead letters so far"), "{progress}");
    assert!(progress.contains("20 dead letters so far"), "{progress}");
    let lines = stage.traced("log", COUNT + 23)?;
    let order = (0..24).filter(|number| ![0, 7].contains(number));
    let order: Vec<_> = order.map(|number| format!("letter {number}")).collect();
    assert_eq!(lines[COUNT + 1..], order);
    stage.settled(0)?;
    let (table, said) = dead(&stage, &[])?;
    assert_eq!(table, "");
    assert!(said.contains("no dead letter"), "{said}");
    Ok(())
}

#[test]
fn all_are_dropped_page_by_page_and_an_id_that_is_none_does_no_harm() -> anyhow::Result<()> {
    let stage = with_letters()?;
    let letters = ids(&stage)?;
    let arguments = ["dead", "drop", "nonsense", "00000000000000ff", &letters[3]];
    let mixed = stage.daemon.pushcai(&arguments)?;
    assert_ne!(mixed.code, Some(0), "{mixed:?}");
    assert_eq!(mixed.output, "dropped 1 dead letter\n", "{mixed:?}");
    for expected in ["16 hexadecimal digits", "00000000000000ff"] {
        assert!(mixed.errors.contains(expected), "{mixed:?}");
    }
    let unclear = stage.daemon.pushcai(&["dead", "drop"])?;
    assert!(unclear.errors.contains("--all"), "{unclear:?}");
    let nobody = ["drop", "--all", "--app", "x-wap-application:nobody"];
    assert_eq!(dead(&stage, &nobody)?.0, "dropped 0 dead letters\n");
    let (said, progress) = dead(&stage, &["drop", "--all", "--app", ID])?;
    assert_eq!(said, "dropped 24 dead letters\n");
    assert!(progress.contains("so far"), "{progress}");
    let stage = stage.killed_and_started_again(|| {})?;
    assert_eq!(ids(&stage)?, Vec::<String>::new());
    Ok(())
}
