//! Callers who send more than anybody needs: the daemon stays small, and serves the others.

use std::path::Path;

use anyhow::Context as _;
use conformance::{
    buses::Kind,
    memory::Memory,
    on_both_buses,
    process::PATIENCE,
    sandboxes::{Road, Sandboxes},
};
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};
use zbus::{Connection, Message, Variant, connection, zvariant::DynamicType};

use super::desk::{CLIENT, DAEMON, Desk, NOBODY};

on_both_buses!(
    large_calls_are_refused_and_not_kept,
    calls_under_way_are_bounded_for_each_owner,
    sandboxes_of_a_user_leave_calls_to_others,
    sandboxes_of_a_user_leave_connections_to_others,
    connections_and_signals_without_number_are_not_kept,
);

const PATH: &str = "/org/pushcai/Client";
const WML: &str = "x-wap-application:wml.ua";
const PUSH: &str = "010603beaf8268656c6c6f";
/// How often a call is made again at most while others of its connection are under way.
const MAX_TRIES: u32 = 10_000;
/// `[dbus] max_calls_per_owner`, as the tests have it.
const MOST: usize = 24;

type Options = std::collections::HashMap<&'static str, Variant<'static>>;

/// A desk with a user who has a registration, whose memory is looked at while `flood` goes on against its bus.
fn flooded<F>(kind: Kind, flood: impl FnOnce(String) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let Some(desk) = Desk::start(kind, |_| String::new())? else {
        return Ok(());
    };
    let mut user = desk.user(NOBODY)?;
    let id = user.register(WML)?;
    let before = Memory::of(desk.daemon()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(flood(desk.bus.address().to_owned()))?;
    before.assert_bounded(Memory::of(desk.daemon()?)?);
    // Others are served as before, and get what is pushed to them.
    desk.daemon()?.submit_push(PUSH)?;
    let events = user.answer("Fetch", &[json!(id), json!(1), json!(20_000)])?;
    assert_eq!(events[0]["content"], json!(b"hello"), "{events}");
    Ok(())
}

async fn connect(address: &str) -> anyhow::Result<Connection> {
    Ok(connection::Builder::address(address).build().await?)
}

/// The word of the error that a call is answered by.
async fn refusal<B>(connection: &Connection, method: &str, body: &B) -> anyhow::Result<String>
where
    B: zbus::export::serde::Serialize + DynamicType,
{
    let answer = connection
        .call_method(Some(CLIENT), PATH, Some(CLIENT), method, body)
        .await;
    let Err(zbus::Error::MethodError(name, ..)) = answer else {
        anyhow::bail!("a refusal was expected: {answer:?}");
    };
    let word = name.strip_prefix("org.pushcai.Error.");
    Ok(word.with_context(|| name.to_string())?.to_owned())
}

/// Calls until there is room: the bus says in its own time that a connection is gone.
async fn wait_for_room(connection: &Connection) -> anyhow::Result<()> {
    let waiting = async {
        let body = ("", 1_u32, 0_u32);
        while let Err(error) = connection
            .call_method(Some(CLIENT), PATH, Some(CLIENT), "Fetch", &body)
            .await
        {
            let text = error.to_string();
            anyhow::ensure!(text.contains("under way already"), "{text}");
        }
        Ok(())
    };
    timeout(PATIENCE, waiting)
        .await
        .context("there is no room")?
}

fn octets(count: usize) -> (Options, Options) {
    let options = Options::from([("Accept", Variant::new(vec![7_u8; count]))]);
    (options, Options::new())
}

/// 48 MiB of calls that are too large, and more with too many values.
fn large_calls_are_refused_and_not_kept(kind: Kind) -> anyhow::Result<()> {
    flooded(kind, |address| async move {
        let connection = connect(&address).await?;
        let huge = octets(8 << 20);
        for _ in 0..6 {
            assert_eq!(
                refusal(&connection, "Register", &huge).await?,
                "InvalidRequest"
            );
        }
        let large = octets(100_000);
        for _ in 0..100 {
            assert_eq!(
                refusal(&connection, "Register", &large).await?,
                "InvalidRequest"
            );
        }
        Ok(())
    })
}

/// An owner's calls wait in several connections, up to its bound; the rest is refused, and another owner is served.
fn calls_under_way_are_bounded_for_each_owner(kind: Kind) -> anyhow::Result<()> {
    let settings = format!("max_calls_per_owner = {MOST}\nmax_calls_per_connection = 16\n");
    let Some(desk) = Desk::start_on(kind, &settings)? else {
        return Ok(());
    };
    let mut user = desk.user(DAEMON)?;
    user.register(WML)?;
    let before = Memory::of(desk.daemon()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut calls = JoinSet::new();
        let mut connections = Vec::new();
        for _ in 0..4 {
            connections.push(connect(desk.bus.address()).await?);
        }
        let body = ("", 1_u32, 300_000_u32);
        for connection in connections.iter().cycle().take(400) {
            let connection = connection.clone();
            calls.spawn(async move { refusal(&connection, "Fetch", &body).await });
        }
        // All but those that wait are refused at once.
        for _ in 0..400 - MOST {
            let refused = calls.join_next().await.context("too few")???;
            assert_eq!(refused, "QuotaExceeded");
        }
        // Another owner does not notice.
        user.answer("List", &[json!({})])?;
        // Nor does anything of the calls stay: their connections leave, and the owner has room again.
        drop(calls);
        drop(connections);
        let connection = connect(desk.bus.address()).await?;
        wait_for_room(&connection).await
    })?;
    before.assert_bounded(Memory::of(desk.daemon()?)?);
    Ok(())
}

/// The sandboxes of one user, each another owner, make this many requests; gives what the last refusal says once this many are refused.
fn sandboxed(
    desk: &Desk,
    sandboxes: usize,
    requests: usize,
    refused: usize,
) -> anyhow::Result<Option<(Sandboxes, String)>> {
    let socket = desk.bus.address().strip_prefix("unix:path=");
    let socket = Path::new(socket.context("the bus is at a path")?);
    let Some(flood) = Sandboxes::flood(Road::Bus(socket), sandboxes, requests)? else {
        return Ok(None);
    };
    let mut last = String::new();
    for _ in 0..refused {
        last = flood.refusal()?;
    }
    Ok(Some((flood, last)))
}

/// No sandbox has more calls than an owner may, nor all of them together more than their user.
fn sandboxes_of_a_user_leave_calls_to_others(kind: Kind) -> anyhow::Result<()> {
    let settings = "max_calls = 24\nmax_calls_per_owner = 8\nmax_calls_per_user = 16\n";
    let Some(desk) = Desk::start_on(kind, settings)? else {
        return Ok(());
    };
    let mut user = desk.user(NOBODY)?;
    user.register(WML)?;
    let Some((flood, refusal)) = sandboxed(&desk, 6, 6, 6 * 6 - 16)? else {
        return Ok(());
    };
    for part in ["16 calls of user 1,", "max_calls_per_user", "wait for one"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    user.answer("List", &[json!({})])?;
    desk.user(NOBODY)?.answer("List", &[json!({})])?;
    drop(flood);
    Ok(())
}

/// Nor are their connections more than the user's share, and others keep theirs: they still hear what they are told.
fn sandboxes_of_a_user_leave_connections_to_others(kind: Kind) -> anyhow::Result<()> {
    let settings =
        "max_connections = 12\nmax_connections_per_owner = 4\nmax_connections_per_user = 8\n";
    let Some(desk) = Desk::start_on(kind, settings)? else {
        return Ok(());
    };
    let mut user = desk.user(NOBODY)?;
    user.register(WML)?;
    // Each of them has a call under way, so none can be forgotten for the next.
    let Some((flood, refusal)) = sandboxed(&desk, 14, 1, 2 * (14 - 8))? else {
        return Ok(());
    };
    for part in [
        "8 connections of user 1,",
        "max_connections_per_user",
        "close one",
    ] {
        assert!(refusal.contains(part), "{refusal}");
    }
    let another = desk.user(NOBODY)?.answer("List", &[json!({})])?;
    assert_eq!(another.as_array().map(Vec::len), Some(1), "{another}");
    desk.daemon()?.pushcai_json(&[
        "deregister",
        WML,
        "--owner",
        &format!("uid:{NOBODY}"),
        "--json",
    ])?;
    let told = user.signal("RegistrationChanged")?;
    assert_eq!(told[1], "revoked", "{told}");
    drop(flood);
    Ok(())
}

/// Names that come, call and go; signals that nobody wants, and calls whose answers nobody reads.
fn connections_and_signals_without_number_are_not_kept(kind: Kind) -> anyhow::Result<()> {
    flooded(kind, |address| async move {
        for _ in 0..600 {
            let connection = connect(&address).await?;
            let filter = (Options::new(),);
            connection
                .call_method(Some(CLIENT), PATH, Some(CLIENT), "List", &filter)
                .await?;
        }
        let connection = connect(&address).await?;
        let long = "x".repeat(60_000);
        for _ in 0..500 {
            let signal = Message::signal(PATH, CLIENT, "RegistrationChanged")
                .destination(CLIENT)
                .build(&(long.as_str(), "lost", Options::new()))?;
            connection.send(&signal).await?;
            let call = Message::method_call(PATH, "List")
                .destination(CLIENT)
                .interface(CLIENT)
                .with_flags(zbus::message::Flags::NO_REPLY_EXPECTED)
                .build(&(Options::from([(
                    "registrationID",
                    Variant::new(long.clone()),
                )]),))?;
            connection.send(&call).await?;
        }
        // It is answered after all of these were taken; as many as a connection may have at one time can still be under way.
        let mut refused = refusal(&connection, "Register", &octets(5000)).await?;
        for _ in 0..MAX_TRIES {
            if refused != "QuotaExceeded" {
                break;
            }
            refused = refusal(&connection, "Register", &octets(5000)).await?;
        }
        assert_eq!(refused, "InvalidRequest");
        Ok(())
    })
}
