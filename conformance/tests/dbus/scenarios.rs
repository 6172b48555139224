//! What holds on the system's bus and on those of sessions alike.

use std::collections::BTreeSet;

use anyhow::Context;
use conformance::{
    buses::{Kind, Scope},
    modem::bus::wait_for,
};

use crate::stage::{APP, MMS, Stage, WML, contents, large};

/// Who is killed beside the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Daemon,
    Helper,
}

/// Which way each length goes: what is above 64 KiB by descriptor, and all of it arrives.
pub(crate) fn large_content_comes_by_descriptor(kind: Kind, scope: Scope) -> anyhow::Result<()> {
    let Some(stage) = Stage::reaching(kind, scope)? else {
        return Ok(());
    };
    stage.install(APP, "accept")?;
    stage.registered(MMS, APP)?;
    let limit = 64 * 1024;
    let ways = [
        (limit, "inline"),
        (limit + 1, "described"),
        (500_000, "described"),
        (101, "inline"),
    ];
    for (length, _) in ways {
        stage.push_large(MMS, &large("n", length).0)?;
    }
    stage.all_done()?;
    let expected = ways.map(|(length, _)| large("n", length).1);
    assert_eq!(stage.accepted(APP)?, expected);
    for ((_, way), content) in ways.iter().zip(&expected) {
        assert_eq!(stage.times(APP, &[way], content)?, 1, "{content} {way}");
    }
    Ok(())
}

/// The application dies before it owns its name, without a reply, within it, or with a reply that it just wrote.
pub(crate) fn nothing_is_lost_when_the_application_is_killed(
    kind: Kind,
    scope: Scope,
) -> anyhow::Result<()> {
    for (mischief, deliveries) in [("start", 1), ("before", 2), ("during", 2), ("after", 1)] {
        let Some(stage) = Stage::reaching(kind, scope)? else {
            return Ok(());
        };
        stage.install(APP, mischief)?;
        stage.registered(MMS, APP)?;
        let (content, shown) = large("!c", 100_000);
        stage.push(MMS, &["a", "!b"].map(str::to_owned))?;
        stage.push_large(MMS, &content)?;
        stage.push(MMS, &["d".to_owned()])?;
        stage.all_done().context(mischief)?;
        let pushed = ["a", "!b", &shown, "d"];
        assert_eq!(stage.accepted(APP)?, pushed, "{mischief}: all of them");
        let came = stage.times(APP, &["inline"], "!b")?;
        assert_eq!(came, deliveries, "{mischief}: how often it came");
    }
    Ok(())
}

/// Who is killed dies while the application starts, while it has events, and as soon as it has answered on one.
pub(crate) fn nothing_is_lost_at_chosen_moments(
    kind: Kind,
    scope: Scope,
    victim: Victim,
) -> anyhow::Result<()> {
    let (content, shown) = large("!c", 100_000);
    for (mischief, word, about) in [
        ("hold-start", "born", "-"),
        ("hold", "inline", "!b"),
        ("hold", "described", shown.as_str()),
        ("accept", "accepted", "!b"),
    ] {
        let Some(mut stage) = Stage::reaching(kind, scope)? else {
            return Ok(());
        };
        stage.install(APP, mischief)?;
        stage.registered(MMS, APP)?;
        stage.push(MMS, &["a", "!b"].map(str::to_owned))?;
        stage.push_large(MMS, &content)?;
        stage.has_written(APP, word, about)?;
        stage.strike(victim, |stage| stage.release(APP))?;
        stage.push(MMS, &["d".to_owned()])?;
        stage.all_done().context(mischief)?;
        let accepted: BTreeSet<_> = stage.accepted(APP)?.into_iter().collect();
        let pushed = ["a", "!b", &shown, "d"].map(str::to_owned);
        assert_eq!(
            accepted,
            BTreeSet::from(pushed),
            "{mischief} {word} {about}"
        );
    }
    Ok(())
}

/// An application that errs holds its own events up, until they are dead letters, and nobody else's.
pub(crate) fn an_application_that_fails_leaves_others_alone(
    kind: Kind,
    scope: Scope,
) -> anyhow::Result<()> {
    let Some(stage) = Stage::reaching(kind, scope)? else {
        return Ok(());
    };
    let other = "org.example.Other";
    stage.install(APP, "refuse")?;
    stage.install(other, "accept")?;
    stage.registered(MMS, APP)?;
    stage.registered(WML, other)?;
    stage.push(MMS, &["!never".to_owned(), "behind".to_owned()])?;
    let pushed = contents("n", 5);
    stage.push(WML, &pushed)?;
    wait_for("what the other application accepts", || {
        Ok((stage.accepted(other)? == pushed).then_some(()))
    })?;
    // The event that it refused holds those behind it, until it is a dead letter.
    assert!(!stage.accepted(APP)?.contains(&"!never".to_owned()));
    stage.all_done()?;
    assert_eq!(stage.accepted(APP)?, ["behind"]);
    Ok(())
}
