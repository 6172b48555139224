//! Dead letters over D-Bus, and what is an administrator's there: polkit says whose it is.

use std::{fs, os::unix::process::CommandExt, process::Command};

use anyhow::{Context as _, ensure};
use conformance::{
    buses::Kind,
    on_both_buses,
    process::{Running, eventually},
    pushcai::run,
};
use serde_json::{Value, json};

use super::desk::{DAEMON, Desk, NOBODY, ROOT, User};

on_both_buses!(
    owners_settle_their_own_dead_letters_and_no_others,
    whom_polkit_allows_administrates,
    whom_polkit_does_not_allow_is_told_why,
    without_polkit_root_alone_administrates,
    polkit_is_not_waited_for_without_end,
    polkit_is_not_asked_on_for_who_has_left,
    whoever_lets_polkit_ask_is_asked,
);

const WML: &str = "x-wap-application:wml.ua";
const MMS: &str = "x-wap-application:mms.ua";
const LIST: &str = "org.pushcai.list-registrations";
const MANAGE: &str = "org.pushcai.manage-registrations";
const LETTERS: &str = "org.pushcai.manage-dead-letters";
const POLICY: &str = include_str!("../../../../packaging/polkit/org.pushcai.policy");

/// A polkit that says this, once it has its name.
fn polkit(desk: &Desk, verdict: &str) -> anyhow::Result<Running> {
    let program = desk.bus.directory().join("authority.py");
    fs::write(&program, include_str!("authority.py"))?;
    let mut command = Command::new("/usr/bin/python3");
    command.arg(program).arg(verdict);
    let polkit = Running::start("authority.py", desk.bus.offer(&mut command))?;
    assert_eq!(polkit.next_line()?, r#"["ready"]"#);
    Ok(polkit)
}

/// The next question: its action and flags. It is about that connection.
fn question(polkit: &Running, name: &str) -> anyhow::Result<(String, u64)> {
    let line = polkit.next_line()?;
    let question: Value = serde_json::from_str(&line)?;
    assert_eq!(question[0], "system-bus-name");
    assert_eq!(question[1], name, "{line}");
    let action = question[2].as_str().context("no action")?.to_owned();
    // It is one that is installed.
    assert!(POLICY.contains(&format!("<action id=\"{action}\">")));
    Ok((action, question[3].as_u64().context("no flags")?))
}

/// Has a user reject the push of a transaction: there is one dead letter more.
fn reject(desk: &Desk, user: &mut User, transaction: u8) -> anyhow::Result<String> {
    let push = format!("{transaction:02x}0603beaf8268656c6c6f");
    desk.daemon()?.submit_push(&push)?;
    let event = fetched(user)?;
    user.answer("Ack", &[json!([event]), json!("rejected")])?;
    Ok(event)
}

/// The id of the next event.
fn fetched(user: &mut User) -> anyhow::Result<String> {
    let events = user.answer("Fetch", &[json!(""), json!(1), json!(20_000)])?;
    Ok(events[0]["id"].as_str().context("no event")?.to_owned())
}

/// The ids of a list of dead letters.
fn listed(user: &mut User, filter: Value) -> anyhow::Result<Vec<String>> {
    let letters = user.answer("ListDeadLetters", &[filter])?;
    let letters = letters.as_array().context("no list")?.iter();
    let ids = letters.map(|letter| letter["id"].as_str().unwrap_or_default().to_owned());
    Ok(ids.collect())
}

fn owners_settle_their_own_dead_letters_and_no_others(kind: Kind) -> anyhow::Result<()> {
    let Some(desk) = Desk::start(kind, |_| String::new())? else {
        return Ok(());
    };
    let (mut mine, mut theirs) = (desk.user(DAEMON)?, desk.user(NOBODY)?);
    mine.register(WML)?;
    theirs.register(MMS)?;
    let letter = reject(&desk, &mut mine, 1)?;
    let letters = mine.answer("ListDeadLetters", &[json!({"pushApplicationID": 2})])?;
    assert_eq!(letters[0]["id"], letter);
    assert_eq!(letters[0]["contentLength"], 5);
    assert_eq!(letters[0]["pushApplicationID"], WML);
    assert_eq!(listed(&mut theirs, json!({}))?, Vec::<String>::new());
    let named = [json!([letter]), json!({})];
    for method in ["ReplayDeadLetters", "DropDeadLetters"] {
        let (word, message) = theirs.refusal(method, &named)?;
        assert_eq!(word, "NotRegistered", "{message}");
        let all = [json!([]), json!({"all": true})];
        assert_eq!(theirs.answer(method, &all)?, 0);
        // Nothing that is meant is said.
        let (word, message) = theirs.refusal(method, &[json!([]), json!({})])?;
        assert_eq!(word, "InvalidRequest", "{message}");
    }
    assert_eq!(mine.answer("ReplayDeadLetters", &named)?, 1);
    assert_eq!(fetched(&mut mine)?, letter);
    mine.answer("Ack", &[json!([letter]), json!("rejected")])?;
    let another = reject(&desk, &mut mine, 2)?;
    // Page by page.
    assert_eq!(listed(&mut mine, json!({"limit": 1}))?, [letter.as_str()]);
    let rest = listed(&mut mine, json!({"after": letter}))?;
    assert_eq!(rest, [another.as_str()]);
    let all = [json!([]), json!({"all": true})];
    assert_eq!(mine.answer("DropDeadLetters", &all)?, 2);
    assert_eq!(listed(&mut mine, json!({}))?, Vec::<String>::new());
    // Root sees those of everybody.
    reject(&desk, &mut mine, 3)?;
    let root = &mut desk.user(ROOT)?;
    assert_eq!(listed(root, json!({}))?.len(), 1);
    Ok(())
}

/// What is an administrator's: a method with its arguments, and the action that it takes.
fn administration(owner: &str) -> [(&'static str, Vec<Value>, &'static str); 6] {
    let all = json!({"allOwners": true});
    let every = json!({"allOwners": true, "all": true});
    let other = json!({"owner": owner});
    let request = json!({"pushApplicationID": MMS});
    [
        ("List", vec![all.clone()], LIST),
        ("ListDeadLetters", vec![all], LETTERS),
        ("ReplayDeadLetters", vec![json!([]), every.clone()], LETTERS),
        ("DropDeadLetters", vec![json!([]), every], LETTERS),
        ("Register", vec![request, other.clone()], MANAGE),
        ("Deregister", vec![json!(WML), other], MANAGE),
    ]
}

/// A user with a registration and a dead letter; who owns them.
fn someone(desk: &Desk) -> anyhow::Result<(User, String)> {
    let mut user = desk.user(DAEMON)?;
    user.register(WML)?;
    reject(desk, &mut user, 1)?;
    Ok((user, desk.owner_of(WML)?))
}

fn whom_polkit_allows_administrates(kind: Kind) -> anyhow::Result<()> {
    let Some(desk) = Desk::start(kind, |_| String::new())? else {
        return Ok(());
    };
    let polkit = polkit(&desk, "allow")?;
    let (mut user, owner) = someone(&desk)?;
    let mut other = desk.user(NOBODY)?;
    let name = other.name()?;
    let mut answers = Vec::new();
    for (method, arguments, action) in administration(&owner) {
        answers.push(other.answer(method, &arguments)?);
        assert_eq!(question(&polkit, &name)?, (action.to_owned(), 0));
    }
    let [registrations, letters, replayed, dropped, registered, _] = &answers[..] else {
        anyhow::bail!("{answers:?}");
    };
    assert_eq!(registrations[0]["owner"], owner);
    assert_eq!(letters[0]["owner"], owner);
    assert_eq!((replayed, dropped), (&json!(1), &json!(0)));
    // The one registration is that owner's, who knows; the other is gone, and its application hears of it.
    assert_eq!(desk.owner_of(MMS)?, owner);
    let now = user.answer("List", &[json!({})])?;
    assert_eq!(now[0]["registrationID"], registered["registrationID"]);
    let told = user.signal("RegistrationChanged")?;
    assert_eq!(
        (&told[1], &told[2]["pushApplicationID"]),
        (&json!("revoked"), &json!(WML))
    );
    // Nobody has to be asked about what is one's own.
    other.answer("List", &[json!({})])?;
    user.answer("Deregister", &[json!(MMS), json!({"owner": owner})])?;
    let root = &mut desk.user(ROOT)?;
    root.answer("List", &[json!({"allOwners": true})])?;
    other.answer("List", &[json!({"allOwners": true})])?;
    assert_eq!(question(&polkit, &name)?.0, LIST);
    Ok(())
}

/// Whatever is an administrator's is refused, for a reason that has this part; nothing comes of it.
fn is_refused(desk: &Desk, part: &str) -> anyhow::Result<()> {
    let (mut user, owner) = someone(desk)?;
    let mut other = desk.user(NOBODY)?;
    for (method, arguments, action) in administration(&owner) {
        let (word, message) = other.refusal(method, &arguments)?;
        assert_eq!(word, "NotAuthorized", "{message}");
        assert!(message.contains(part), "{message}");
        assert!(message.contains(action), "{message}");
    }
    assert_eq!(listed(&mut user, json!({}))?.len(), 1);
    assert!(user.signals("RegistrationChanged")?.is_empty());
    assert_eq!(desk.owner_of(WML)?, owner);
    assert!(desk.owner_of(MMS).is_err());
    Ok(())
}

fn whom_polkit_does_not_allow_is_told_why(kind: Kind) -> anyhow::Result<()> {
    for (verdict, part) in [("deny", "does not allow it"), ("challenge", "password")] {
        let Some(desk) = Desk::start(kind, |_| String::new())? else {
            return Ok(());
        };
        let _polkit = polkit(&desk, verdict)?;
        is_refused(&desk, part)?;
    }
    Ok(())
}

fn without_polkit_root_alone_administrates(kind: Kind) -> anyhow::Result<()> {
    let Some(desk) = Desk::start(kind, |_| String::new())? else {
        return Ok(());
    };
    is_refused(&desk, "no polkit")?;
    let owner = desk.owner_of(WML)?;
    let root = &mut desk.user(ROOT)?;
    for (method, arguments, _) in administration(&owner) {
        root.answer(method, &arguments)?;
    }
    Ok(())
}

fn polkit_is_not_waited_for_without_end(kind: Kind) -> anyhow::Result<()> {
    let Some(desk) = Desk::start_on(kind, "authorization_timeout = \"300ms\"\n")? else {
        return Ok(());
    };
    let slow = polkit(&desk, "slow")?;
    let (_user, _) = someone(&desk)?;
    let mut other = desk.user(NOBODY)?;
    let (word, message) = other.refusal("List", &[json!({"allOwners": true})])?;
    assert_eq!(word, "NotAuthorized");
    assert!(
        message.contains("has not answered within 300ms"),
        "{message}"
    );
    let asked: Value = serde_json::from_str(&slow.next_line()?)?;
    let cancelled: Value = serde_json::from_str(&slow.next_line()?)?;
    assert_eq!(cancelled, json!(["cancelled", asked[4]]));
    // One that is not to be asked is not.
    slow.kill()?;
    let Some(desk) = Desk::start_on(kind, "authorization_timeout = \"0s\"\n")? else {
        return Ok(());
    };
    let _polkit = polkit(&desk, "allow")?;
    is_refused(&desk, "polkit is not asked here")
}

fn whoever_lets_polkit_ask_is_asked(kind: Kind) -> anyhow::Result<()> {
    let Some(desk) = Desk::start(kind, |_| String::new())? else {
        return Ok(());
    };
    let polkit = polkit(&desk, "allow")?;
    let outcome = run(desk.bus.offer(&mut list_by_busctl()))?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    let asked: Value = serde_json::from_str(&polkit.next_line()?)?;
    assert_eq!((&asked[2], &asked[3]), (&json!(LIST), &json!(1)));
    Ok(())
}

fn polkit_is_not_asked_on_for_who_has_left(kind: Kind) -> anyhow::Result<()> {
    // Nobody but this caller has room, until what it left is over.
    let Some(desk) = Desk::start_on(kind, "max_calls = 1\n")? else {
        return Ok(());
    };
    let slow = polkit(&desk, "slow")?;
    let caller = Running::start("busctl", desk.bus.offer(&mut list_by_busctl()))?;
    let asked: Value = serde_json::from_str(&slow.next_line()?)?;
    caller.kill()?;
    let cancelled: Value = serde_json::from_str(&slow.next_line()?)?;
    assert_eq!(cancelled, json!(["cancelled", asked[4]]));
    let mut other = desk.user(DAEMON)?;
    eventually("room for another call", || {
        Ok(other.answer("List", &[json!({})]).ok())
    })?;
    Ok(())
}

/// Lists the registrations of all owners as somebody who may be asked for a password.
fn list_by_busctl() -> Command {
    let mut command = Command::new("busctl");
    command
        .args([
            "--system",
            "call",
            "org.pushcai.Client1",
            "/org/pushcai/Client",
        ])
        .args([
            "org.pushcai.Client1",
            "List",
            "a{sv}",
            "1",
            "allOwners",
            "b",
            "true",
        ])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/");
    command
}
