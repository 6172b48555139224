//! Who calls: told once for each connection to the bus, and forgotten when it leaves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use push_api::{Caller, Owner, Reason, Share, ShareBounds, ShareTaken, Sharer, Shares};
use push_identity::{Credentials, Lookups, caller_of};
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;
use zbus::fdo::ConnectionCredentials;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;
use zbus::{Connection, MessageStream};

use crate::DbusSettings;
use crate::bus::{ask_bus, next_owner, owner_changes};
use crate::failure::{Failure, Fallible};
use crate::places::{Place, Places};

/// The part of the places that is left to connections while the bus is asked whose they are: nobody's share can be told of these.
const UNTOLD: usize = 4;

/// The connections of applications that called since they came.
#[derive(Debug)]
pub(crate) struct Callers {
    settings: DbusSettings,
    calls: Arc<Places>,
    /// Calls of connections of which the bus has not said yet whose they are.
    untold: Arc<Places>,
    calls_of: Arc<Shares>,
    connections_of: Arc<Shares>,
    lookups: Lookups,
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
    /// What it takes of its owner's and its user's share of connections.
    share: Mutex<Option<Share>>,
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
    _places: [Place; 2],
    _share: Share,
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
        let (calls_of, connections_of) = (calls_of(&settings), connections_of(&settings));
        let (most, per_user) = (
            settings.max_sandbox_lookups,
            settings.max_sandbox_lookups_per_user,
        );
        Arc::new(Self {
            settings,
            calls: Arc::default(),
            untold: Arc::default(),
            calls_of: Shares::new(calls_of),
            connections_of: Shares::new(connections_of),
            lookups: Lookups::new(most, per_user),
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
            under_way(
                &format!("{most} calls (`max_calls`)"),
                "try again when one has ended",
            )
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
            let calls = format!("{most} calls of this connection (`max_calls_per_connection`)");
            under_way(&calls, "wait for one of them")
        })?;
        let caller = self.tell(connection, &sender, &known).await?;
        let share = self.calls_of.take(&caller.owner).map_err(|taken| {
            let calls = taken.describe("calls", "max_calls");
            under_way(&calls, "wait for one of them")
        })?;
        Ok(Admitted {
            caller,
            is_first: !known.was_admitted.swap(true, Ordering::Relaxed),
            gone: known.gone.subscribe(),
            _places: [place, own_place],
            _share: share,
        })
    }

    /// The connections of an owner.
    pub(crate) fn of_owner(&self, owner: &str) -> Vec<OwnedUniqueName> {
        let known = self.lock();
        let connections = known.connections.iter();
        connections
            .filter(|(_, one)| one.owner().is_some_and(|one| one.as_str() == owner))
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
        if known.untold() >= untold(self.settings.max_connections) {
            return Err(still_untold());
        }
        if known.connections.len() >= self.settings.max_connections && !known.forget_of_most() {
            let most = self.settings.max_connections;
            let calls = format!("calls of {most} connections (`max_connections`)");
            return Err(under_way(&calls, "try again later"));
        }
        let one = Arc::new(Peer {
            caller: OnceCell::new(),
            share: Mutex::default(),
            calls: Arc::default(),
            was_admitted: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            watching: Mutex::default(),
            turn: Mutex::new(turn),
        });
        known.connections.insert(name.clone(), Arc::clone(&one));
        Ok(one)
    }

    /// Says who calls, and keeps a place among the connections of its owner and its user: asked once for each connection.
    async fn tell(
        self: &Arc<Self>,
        connection: &Connection,
        name: &OwnedUniqueName,
        one: &Arc<Peer>,
    ) -> Fallible<Caller> {
        if let Some(caller) = one.caller.get() {
            return Ok(caller.clone());
        }
        let untold = untold(self.settings.max_calls);
        let _waits = self.untold.take(untold).ok_or_else(still_untold)?;
        let identify = || async {
            let caller = self.identify(connection, name, one).await?;
            self.keep(&caller.owner, one)?;
            Ok(caller)
        };
        let told = one.caller.get_or_try_init(identify).await.cloned();
        if told.is_err() {
            self.forget(name, one);
        }
        told
    }

    /// Takes a place for a connection. Of whoever has no more, the connection is forgotten that has been idle for longest.
    fn keep(&self, owner: &Owner, one: &Peer) -> Fallible<()> {
        loop {
            let taken = match self.connections_of.take(owner) {
                Ok(share) => {
                    *one.share() = Some(share);
                    return Ok(());
                }
                Err(taken) => taken,
            };
            let of_sharer = |other: &Peer| other.owner().is_some_and(|of| taken.sharer.counts(of));
            if !self.lock().forget_idle(of_sharer) {
                return Err(no_connection(&taken));
            }
        }
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
        let (identity, proc_path) = (settings.identity, &settings.proc_path);
        let caller = caller_of(&credentials, identity, proc_path, &self.lookups).await?;
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
    /// How many there are of which the bus has not said yet whose they are.
    fn untold(&self) -> usize {
        let connections = self.connections.values();
        connections.filter(|one| one.owner().is_none()).count()
    }

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

    /// Forgets an idle connection of whoever has the most, sandboxes counted with their user: who comes with many does not push out
    /// those of others.
    fn forget_of_most(&mut self) -> bool {
        let mut sharers = BTreeMap::new();
        for owner in self.connections.values().filter_map(|one| one.owner()) {
            *sharers.entry(Sharer::of(owner)).or_insert(0_usize) += 1;
        }
        let mut sharers: Vec<_> = sharers.into_iter().map(|(of, count)| (count, of)).collect();
        sharers.sort_unstable();
        while let Some((_, most)) = sharers.pop() {
            if self.forget_idle(|one| one.owner().is_some_and(|of| most.counts(of))) {
                return true;
            }
        }
        false
    }
}

impl Peer {
    /// Whose it is, once the bus has said so.
    fn owner(&self) -> Option<&Owner> {
        self.caller.get().map(|caller| &caller.owner)
    }

    fn share(&self) -> MutexGuard<'_, Option<Share>> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_turn(&self) -> u64 {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        *self.share() = None;
        self.gone.send_replace(true);
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watching) = watching.take() {
            watching.abort();
        }
    }
}

fn calls_of(settings: &DbusSettings) -> ShareBounds {
    ShareBounds {
        all: settings.max_calls,
        per_owner: settings.max_calls_per_owner,
        per_user: settings.max_calls_per_user,
    }
}

/// All together are bounded where a connection is found.
fn connections_of(settings: &DbusSettings) -> ShareBounds {
    ShareBounds {
        all: usize::MAX,
        per_owner: settings.max_connections_per_owner,
        per_user: settings.max_connections_per_user,
    }
}

/// How many of so many may be of connections that the bus has not told of yet.
fn untold(most: usize) -> usize {
    (most / UNTOLD).max(1)
}

fn still_untold() -> Failure {
    under_way(
        "as many calls as may be of connections that the bus is still asked about",
        "try again later",
    )
}

fn no_connection(taken: &ShareTaken) -> Failure {
    let connections = taken.describe("connections", "max_connections");
    under_way(&format!("calls of {connections}"), "close one")
}

/// What is under way, and what would work.
fn under_way(what: &str, works: &str) -> Failure {
    Failure::bound(&format!("{what} are under way already; {works}"))
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
