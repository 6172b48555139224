//! What applications are told without having asked: `RegistrationChanged`, and properties that changed.

use std::collections::{BTreeSet, HashMap};
use std::future::pending;

use push_api::{
    Caller, Happening, Owner, PushService, WatchQuery, WatchStream as _, Watched, WatchedKind,
    WatchedRegistration,
};
use tokio::time::sleep;
use zbus::names::{OwnedUniqueName, UniqueName};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, Variant};

use crate::PATH;
use crate::heard::Change;
use crate::interface::{Client1, Shared};
use crate::serve::next_pause;
use crate::state::State;

/// Tells applications of what happens, for as long as this is polled; never ends.
pub(crate) async fn tell_of_changes<S: PushService>(connection: &Connection, shared: &Shared<S>) {
    let mut state = State::read(&shared.service).await;
    let mut watching = watch(shared).await;
    // Until it was watched, anything may have happened.
    note(catch_up(connection, shared, &mut state).await);
    while let Some(watched) = watching.next().await {
        note(tell(connection, shared, watched, &mut state).await);
    }
    pending::<()>().await;
}

/// Watches what everybody is told; tries again until it may.
async fn watch<S: PushService>(shared: &Shared<S>) -> S::Watching {
    let (mut pause, mut was_refused) = (shared.settings.backoff_base, false);
    loop {
        // Everybody's registrations are watched; each owner hears of its own.
        let all = Caller {
            owner: Owner::proved("pushcai:dbus".to_owned()),
            administrator: true,
        };
        let query = WatchQuery {
            kinds: vec![WatchedKind::RegistrationChanged, WatchedKind::ServerChanged],
            ..WatchQuery::default()
        };
        match shared.service.watch(all, query).await {
            Ok(watching) => {
                if was_refused {
                    tracing::info!("applications on D-Bus are told of changes again");
                }
                return watching;
            }
            Err(refusal) if !was_refused => {
                was_refused = true;
                tracing::warn!(%refusal, "applications on D-Bus are not told of changes until this is tried again");
            }
            Err(_) => {}
        }
        sleep(pause).await;
        pause = next_pause(pause, shared.settings.backoff_limit);
    }
}

fn note(told: zbus::Result<()>) {
    if let Err(error) = told {
        tracing::debug!(%error, "applications on D-Bus were not told of a change");
    }
}

async fn tell<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    watched: Watched,
    state: &mut State,
) -> zbus::Result<()> {
    if let Happening::Missed { .. } = watched.what {
        catch_up(connection, shared, state).await
    } else if let Some(change) = Change::of(watched.what) {
        let mut heard = shared.heard.lock().await;
        for name in shared.callers.of_owner(&change.registration.owner) {
            tell_one::<S>(connection, &name, &change).await?;
            heard.note(&name, &change);
        }
        Ok(())
    } else {
        tell_state(connection, shared, state).await
    }
}

/// Tells everybody what differs from what it has heard.
async fn catch_up<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    state: &mut State,
) -> zbus::Result<()> {
    tell_state(connection, shared, state).await?;
    for name in shared.callers.told() {
        tell_difference(connection, shared, name).await?;
    }
    Ok(())
}

/// Tells a connection that is new of what is not as it was with its owner's registrations.
pub(crate) async fn tell_newcomer<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    name: UniqueName<'static>,
) {
    note(tell_difference(connection, shared, name.into()).await);
}

/// Tells a connection what differs from what it has heard. What is taken for the present state is told before what comes after it.
async fn tell_difference<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    name: OwnedUniqueName,
) -> zbus::Result<()> {
    let mut heard = shared.heard.lock().await;
    heard.keep(|name| shared.callers.owner_of(name).is_some());
    let Some(owner) = shared.callers.owner_of(&name) else {
        return Ok(());
    };
    let caller = Caller {
        owner,
        administrator: false,
    };
    let changes = shared.service.registration_changes(caller.clone()).await;
    // A Push Client that does not say has ended.
    let changes = changes.unwrap_or_default().into_iter();
    let mut differing: Vec<_> = changes.filter_map(|one| Change::of(one.what)).collect();
    let others = heard.forget_others(&name, &differing);
    differing.retain(|change| !heard.knows(&name, change));
    if !others.is_empty() {
        differing.extend(restored(shared, caller, others).await);
    }
    for change in differing {
        tell_one::<S>(connection, &name, &change).await?;
        heard.note(&name, &change);
    }
    Ok(())
}

/// Those of an owner's registrations stand again; the others are gone by its own will.
async fn restored<S: PushService>(
    shared: &Shared<S>,
    owner: Caller,
    registrations: Vec<WatchedRegistration>,
) -> impl Iterator<Item = Change> {
    let stand = shared.service.registrations(owner).await;
    let stand = stand.unwrap_or_default().into_iter();
    let stand: BTreeSet<_> = stand.map(|one| one.registration_id).collect();
    let restored = registrations.into_iter();
    restored
        .filter(move |one| stand.contains(&one.registration_id))
        .map(Change::restored)
}

async fn tell_one<S: PushService>(
    connection: &Connection,
    name: &OwnedUniqueName,
    change: &Change,
) -> zbus::Result<()> {
    let registration = &change.registration;
    let detail = change.detail.replace('\0', "\u{fffd}");
    let application = registration.push_application_id.as_str();
    let mut details = HashMap::from([
        ("detail", Variant::new(detail.as_str())),
        ("pushApplicationID", Variant::new(application)),
    ]);
    if let Some(application_id) = &registration.application_id {
        details.insert("applicationID", Variant::new(application_id.as_str()));
    }
    let emitter = SignalEmitter::new(connection, PATH)?.set_destination(name.clone().into());
    let id = &registration.registration_id;
    Client1::<S>::registration_changed(&emitter, id, &change.cause, details).await
}

async fn tell_state<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    state: &mut State,
) -> zbus::Result<()> {
    let now = State::read(&shared.service).await;
    let before = std::mem::replace(state, now);
    properties_changed::<S>(connection, &before, state).await
}

async fn properties_changed<S: PushService>(
    connection: &Connection,
    before: &State,
    now: &State,
) -> zbus::Result<()> {
    let server = connection.object_server();
    let object = server.interface::<_, Client1<S>>(PATH).await?;
    let client = object.get().await;
    let emitter = object.signal_emitter();
    if before.protocols != now.protocols {
        client.protocols_changed(emitter).await?;
    }
    if before.bearers != now.bearers {
        client.bearers_changed(emitter).await?;
    }
    if before.sources != now.sources {
        client.sources_changed(emitter).await?;
    }
    Ok(())
}
