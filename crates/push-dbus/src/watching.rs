//! What applications are told without having asked: `RegistrationChanged`, and properties that changed.

use std::collections::HashMap;
use std::future::pending;

use push_api::{
    Caller, Happening, Owner, PushService, WatchQuery, WatchStream as _, WatchedKind,
    WatchedRegistration,
};
use zbus::names::UniqueName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, Variant};

use crate::PATH;
use crate::interface::{Client1, Shared};
use crate::state::State;

/// Tells applications of what happens, for as long as this is polled; never ends.
pub(crate) async fn tell_of_changes<S: PushService>(connection: &Connection, shared: &Shared<S>) {
    // Everybody's registrations are watched; each owner hears of its own.
    let all = Caller {
        owner: Owner::proved("pushcai:dbus".to_owned()),
        administrator: true,
    };
    let query = WatchQuery {
        kinds: vec![WatchedKind::RegistrationChanged, WatchedKind::ServerChanged],
        ..WatchQuery::default()
    };
    let mut state = State::read(&shared.service).await;
    match shared.service.watch(all, query).await {
        Ok(mut watching) => {
            while let Some(watched) = watching.next().await {
                if let Err(error) = tell(connection, shared, watched.what, &mut state).await {
                    tracing::debug!(%error, "applications on D-Bus were not told of a change");
                }
            }
        }
        Err(refusal) => {
            tracing::warn!(%refusal, "applications on D-Bus are not told of changes");
        }
    }
    pending::<()>().await;
}

async fn tell<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    what: Happening,
    state: &mut State,
) -> zbus::Result<()> {
    if let Happening::RegistrationChanged {
        registration,
        cause,
        detail,
    } = &what
    {
        registration_changed(connection, shared, registration, cause, detail).await
    } else {
        let now = State::read(&shared.service).await;
        let before = std::mem::replace(state, now);
        properties_changed::<S>(connection, &before, state).await
    }
}

/// Tells a connection that is new of what is not as it was with its owner's registrations.
pub(crate) async fn tell_newcomer<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    caller: &Caller,
    name: UniqueName<'static>,
) {
    let changes = shared.service.registration_changes(caller.clone()).await;
    for change in changes.unwrap_or_default() {
        if let Happening::RegistrationChanged {
            registration,
            cause,
            detail,
        } = &change.what
        {
            let name = name.clone();
            let told = tell_one::<S>(connection, name, registration, cause, detail).await;
            if let Err(error) = told {
                tracing::debug!(%error, "an application on D-Bus was not told of a change");
                return;
            }
        }
    }
}

async fn registration_changed<S: PushService>(
    connection: &Connection,
    shared: &Shared<S>,
    registration: &WatchedRegistration,
    cause: &str,
    detail: &str,
) -> zbus::Result<()> {
    for name in shared.callers.of_owner(&registration.owner) {
        tell_one::<S>(connection, name.into(), registration, cause, detail).await?;
    }
    Ok(())
}

async fn tell_one<S: PushService>(
    connection: &Connection,
    name: UniqueName<'static>,
    registration: &WatchedRegistration,
    cause: &str,
    detail: &str,
) -> zbus::Result<()> {
    let detail = detail.replace('\0', "\u{fffd}");
    let application = registration.push_application_id.as_str();
    let mut details = HashMap::from([
        ("detail", Variant::new(detail.as_str())),
        ("pushApplicationID", Variant::new(application)),
    ]);
    if let Some(application_id) = &registration.application_id {
        details.insert("applicationID", Variant::new(application_id.as_str()));
    }
    let emitter = SignalEmitter::new(connection, PATH)?.set_destination(name.into());
    let id = &registration.registration_id;
    Client1::<S>::registration_changed(&emitter, id, cause, details).await
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
