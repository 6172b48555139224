//! Who calls: told once for each connection to the bus, and forgotten when it leaves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use push_api::{Caller, Owner, Reason};
use push_identity::{Credentials, caller_of};
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;
use zbus::fdo::ConnectionCredentials;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;
use zbus::{Connection, MessageStream};

use crate::DbusSettings;
use crate::bus::{ask_bus, next_owner, owner_changes};
use crate::failure::{Failure, Fallible};
use crate::places::{OwnerPlaces, Place, Places};

/// The connections of applications that called since they came.
#[derive(Debug)]
pub(crate) struct Callers {
    settings: DbusSettings,
    calls: Arc<Places>,
    calls_of: OwnerPlaces,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    connections: BTreeMap<OwnedUniqueName, Arc<Peer>>,
    /// Grows with every call, so that the one that has been idle for longest is known.
    turn: u64,
}

/// One connection.
#[derive(Debug)]
struct Peer {
    caller: OnceCell<Caller>,
    calls: Arc<Places>,
    was_admitted: AtomicBool,
    gone: watch::Sender<bool>,
    watching: Mutex<Option<AbortHandle>>,
    turn: Mutex<u64>,
}

/// A call that was admitted, for as long as it is under way.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    /// Whether it is the first of its connection that is admitted.
    pub(crate) is_first: bool,
    gone: watch::Receiver<bool>,
    _places: [Place; 3],
}

impl Admitted {
    /// Waits until the caller has left the bus, or has been forgotten.
    pub(crate) async fn gone(&mut self) {
        // A sender that is dropped means the same.
        self.gone.wait_for(|gone| *gone).await.ok();
    }
}

impl Callers {
    pub(crate) fn new(settings: DbusSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            calls: Arc::default(),
            calls_of: OwnerPlaces::default(),
            known: Mutex::default(),
        })
    }

    /// Admits a call: says who makes it, within the bounds.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        connection: &Connection,
        header: &Header<'_>,
    ) -> Fallible<Admitted> {
        let most = self.settings.max_calls;
        let place = self.calls.take(most).ok_or_else(|| {
            Failure::bound(&format!(
                "{most} calls are under way already; try again when one has ended"
            ))
        })?;
        let sender = header
            .sender()
            .map(|sender| OwnedUniqueName::from(sender.to_owned()));
        let sender = sender.ok_or_else(|| {
            Failure::new(
                Reason::NotAuthorized,
                None,
                "the call has no sender; call over a bus",
            )
        })?;
        let known = self.find(&sender)?;
        let most = self.settings.max_calls_per_connection;
        let own_place = known.calls.take(most).ok_or_else(|| {
            let detail = format!(
                "{most} calls of this connection are under way already; wait for one of them"
            );
            Failure::bound(&detail)
        })?;
        let identify = || self.identify(connection, &sender, &known);
        let told = known.caller.get_or_try_init(identify).await;
        let caller = match told {
            Ok(caller) => caller.clone(),
            Err(failure) => {
                self.forget(&sender, &known);
                return Err(failure);
            }
        };
        self.check_owner(&caller.owner, &sender, &known)?;
        let place_of_owner = self.place_of(&caller.owner)?;
        Ok(Admitted {
            caller,
            is_first: !known.was_admitted.swap(true, Ordering::Relaxed),
            gone: known.gone.subscribe(),
            _places: [place, own_place, place_of_owner],
        })
    }

    /// The connections of an owner.
    pub(crate) fn of_owner(&self, owner: &str) -> Vec<OwnedUniqueName> {
        let known = self.lock();
        let connections = known.connections.iter();
        connections
            .filter(|(_, one)| {
                one.caller
                    .get()
                    .is_some_and(|caller| caller.owner.as_str() == owner)
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Who is behind a connection, where it has called.
    pub(crate) fn owner_of(&self, name: &OwnedUniqueName) -> Option<Owner> {
        let known = self.lock();
        let one = known.connections.get(name)?;
        one.caller.get().map(|caller| caller.owner.clone())
    }

    /// The connections that are told of what becomes of their owners' registrations.
    pub(crate) fn told(&self) -> Vec<OwnedUniqueName> {
        let known = self.lock();
        let told = known.connections.iter();
        let told = told.filter(|(_, one)| one.caller.initialized());
        told.map(|(name, _)| name.clone()).collect()
    }

    /// Whether no call is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.calls.is_idle()
    }

    /// Forgets all: the bus is left.
    pub(crate) fn clear(&self) {
        let connections = std::mem::take(&mut self.lock().connections);
        for one in connections.values() {
            one.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &OwnedUniqueName) -> Fallible<Arc<Peer>> {
        let mut known = self.lock();
        known.turn += 1;
        let turn = known.turn;
        if let Some(one) = known.connections.get(name) {
            *one.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
            return Ok(Arc::clone(one));
        }
        if known.connections.len() >= self.settings.max_connections && !known.forget_idle(|_| true)
        {
            let most = self.settings.max_connections;
            let detail =
                format!("calls of {most} connections are under way already; try again later");
            return Err(Failure::bound(&detail));
        }
        let one = Arc::new(Peer {
            caller: OnceCell::new(),
            calls: Arc::default(),
            was_admitted: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            watching: Mutex::default(),
            turn: Mutex::new(turn),
        });
        known.connections.insert(name.clone(), Arc::clone(&one));
        Ok(one)
    }

    /// An owner over its bound has its connection forgotten that has been idle for longest, or is refused.
    fn check_owner(&self, owner: &Owner, name: &OwnedUniqueName, one: &Arc<Peer>) -> Fallible<()> {
        let most = self.settings.max_connections_per_owner;
        let mut known = self.lock();
        let count = known
            .connections
            .values()
            .filter(|one| one.is_of(owner))
            .count();
        if count <= most || known.forget_idle(|other| other.is_of(owner)) {
            return Ok(());
        }
        drop(known);
        self.forget(name, one);
        let detail =
            format!("calls of {most} connections of {owner} are under way already; close one");
        Err(Failure::bound(&detail))
    }

    /// One owner's calls do not take the places of all others.
    fn place_of(&self, owner: &Owner) -> Fallible<Place> {
        let most = self.settings.max_calls_per_owner;
        self.calls_of.take(owner, most).ok_or_else(|| {
            Failure::bound(&format!(
                "{most} calls of {owner} are under way already; wait for one of them"
            ))
        })
    }

    fn forget(&self, name: &OwnedUniqueName, one: &Arc<Peer>) {
        let mut known = self.lock();
        if known
            .connections
            .get(name)
            .is_some_and(|known| Arc::ptr_eq(known, one))
        {
            known.connections.remove(name);
        }
        drop(known);
        one.end();
    }

    /// Says who is behind a name, and watches for its end: in this order, so that a name that is gone is told to be.
    async fn identify(
        self: &Arc<Self>,
        connection: &Connection,
        name: &OwnedUniqueName,
        one: &Arc<Peer>,
    ) -> Fallible<Caller> {
        let unknown = |error: zbus::Error| {
            let detail = format!("the bus does not say who `{name}` is: {error}");
            Failure::new(Reason::NotAuthorized, None, &detail)
        };
        let changes = owner_changes(connection, name.as_str())
            .await
            .map_err(unknown)?;
        let answer = ask_bus(connection, "GetConnectionCredentials", name)
            .await
            .map_err(unknown)?;
        let credentials = credentials(&answer).map_err(unknown)?;
        let settings = &self.settings;
        let caller = caller_of(&credentials, settings.identity, &settings.proc_path).await?;
        let ended = watch_for_end(
            changes,
            Arc::downgrade(self),
            name.clone(),
            Arc::downgrade(one),
        );
        let watching = tokio::spawn(ended).abort_handle();
        *one.watching.lock().unwrap_or_else(PoisonError::into_inner) = Some(watching);
        Ok(caller)
    }
}

impl Known {
    /// Forgets the connection that has been idle for longest among those that `may` be forgotten; says whether there was one.
    fn forget_idle(&mut self, may: impl Fn(&Peer) -> bool) -> bool {
        let idle = self.connections.iter();
        let idle = idle.filter(|(_, one)| one.calls.is_idle() && may(one));
        let oldest = idle.min_by_key(|(_, one)| one.last_turn());
        let Some(name) = oldest.map(|(name, _)| name.clone()) else {
            return false;
        };
        if let Some(one) = self.connections.remove(&name) {
            one.end();
        }
        true
    }
}

impl Peer {
    fn is_of(&self, owner: &Owner) -> bool {
        self.caller
            .get()
            .is_some_and(|caller| caller.owner == *owner)
    }

    fn last_turn(&self) -> u64 {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.gone.send_replace(true);
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watching) = watching.take() {
            watching.abort();
        }
    }
}

/// What a bus says of a connection.
fn credentials(answer: &zbus::Message) -> zbus::Result<Credentials> {
    let said: ConnectionCredentials = answer.body().deserialize()?;
    let uid = said.unix_user_id();
    let pid = said.process_id().and_then(|pid| i32::try_from(pid).ok());
    Ok(Credentials {
        uid: uid.ok_or(zbus::Error::MissingParameter("UnixUserID"))?,
        pid,
        process: said.into_process_fd().map(Into::into),
    })
}

async fn watch_for_end(
    mut changes: MessageStream,
    callers: Weak<Callers>,
    name: OwnedUniqueName,
    one: Weak<Peer>,
) {
    // The connection of ours that is lost takes all callers with it.
    while next_owner(&mut changes)
        .await
        .is_some_and(|owner| !owner.is_empty())
    {}
    if let (Some(callers), Some(one)) = (callers.upgrade(), one.upgrade()) {
        callers.forget(&name, &one);
    }
}
