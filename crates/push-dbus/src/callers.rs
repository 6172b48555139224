//! Who calls: told once for each connection to the bus, and forgotten when it leaves.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use push_api::{Caller, Owner, Reason, Share, ShareBounds, ShareTaken, Sharer, Shares};
use push_identity::{Credentials, Lookups, caller_of};
use tokio::sync::watch;
use zbus::fdo::ConnectionCredentials;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;
use zbus::{Connection, MessageStream};

use crate::DbusSettings;
use crate::bus::{ask_bus, next_owner, owner_changes};
use crate::failure::{Failure, Fallible};
use crate::peers::{Known, Peer};
use crate::places::{Place, Places};

/// The part of the places that is left to connections of which it is not told yet whose they are, and of its calls to each of them:
/// nobody's share can be told of these.
const UNTOLD: usize = 4;

/// The connections of applications that called since they came.
#[derive(Debug)]
pub(crate) struct Callers {
    settings: DbusSettings,
    calls: Arc<Places>,
    calls_of: Arc<Shares>,
    connections_of: Arc<Shares>,
    lookups: Lookups,
    known: Mutex<Known>,
}

/// A call of a connection, for as long as it is under way.
#[derive(Debug)]
struct Calling {
    callers: Arc<Callers>,
    name: OwnedUniqueName,
    one: Arc<Peer>,
    place: Option<Place>,
}

/// A call that was admitted, for as long as it is under way.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    /// Whether it is the first of its connection that is admitted.
    pub(crate) is_first: bool,
    gone: watch::Receiver<bool>,
    _place: Place,
    _calling: Calling,
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
        let calling = self.find(sender)?;
        let caller = self.tell(connection, &calling).await?;
        let share = self.calls_of.take(&caller.owner).map_err(|taken| {
            let calls = taken.describe("calls", "max_calls");
            under_way(&calls, "wait for one of them")
        })?;
        Ok(Admitted {
            caller,
            is_first: !calling.one.was_admitted.swap(true, Ordering::Relaxed),
            gone: calling.one.gone.subscribe(),
            _place: place,
            _calling: calling,
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

    /// A call of a connection, which is known from then on.
    fn find(self: &Arc<Self>, name: OwnedUniqueName) -> Fallible<Calling> {
        let mut known = self.lock();
        known.turn += 1;
        let turn = known.turn;
        let one = if let Some(one) = known.connections.get(&name) {
            *one.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
            Arc::clone(one)
        } else {
            self.make_room(&mut known)?;
            let one = Arc::new(Peer::new(turn));
            known.connections.insert(name.clone(), Arc::clone(&one));
            one
        };
        let place = self.place_of(&one)?;
        Ok(Calling {
            callers: Arc::clone(self),
            name,
            one,
            place: Some(place),
        })
    }

    fn make_room(&self, known: &mut Known) -> Fallible<()> {
        let most = self.settings.max_connections;
        if known.untold() >= untold(most) {
            return Err(still_untold(untold(most)));
        }
        let of_users = |owner: &Owner| Some(Sharer::of(owner));
        if known.connections.len() >= most && !known.forget_of_most(of_users) {
            let calls = format!("calls of {most} connections (`max_connections`)");
            return Err(under_way(&calls, "try again later"));
        }
        Ok(())
    }

    /// A place for a call among those of its connection. While nobody knows whose it is it has less, so that connections that are
    /// not told for long leave room to others.
    fn place_of(&self, one: &Peer) -> Fallible<Place> {
        let most = self.settings.max_calls_per_connection;
        let (most, of) = if one.caller.initialized() {
            (most, "")
        } else {
            (untold(most), "a quarter of ")
        };
        one.calls.take(most).ok_or_else(|| {
            let calls = format!("{most} calls of this connection ({of}`max_calls_per_connection`)");
            under_way(&calls, "wait for one of them")
        })
    }

    /// Says who calls, and keeps a place among the connections of its owner and its user: asked once for each connection.
    async fn tell(
        self: &Arc<Self>,
        connection: &Connection,
        calling: &Calling,
    ) -> Fallible<Caller> {
        let Calling { name, one, .. } = calling;
        let identify = || async {
            let (caller, changes) = self.identify(connection, name).await?;
            self.keep(&caller.owner, one)?;
            let callers = Arc::downgrade(self);
            let ended = watch_for_end(changes, callers, name.clone(), Arc::downgrade(one));
            *one.watching() = Some(tokio::spawn(ended).abort_handle());
            Ok(caller)
        };
        one.caller.get_or_try_init(identify).await.cloned()
    }

    /// Takes a place for a connection. Of whoever has no more, the connection is forgotten that has been idle for longest: of a user,
    /// one of the owner who has the most.
    fn keep(&self, owner: &Owner, one: &Peer) -> Fallible<()> {
        loop {
            let taken = match self.connections_of.take(owner) {
                Ok(share) => {
                    *one.share() = Some(share);
                    return Ok(());
                }
                Err(taken) => taken,
            };
            let own = |of: &Owner| Sharer::Owner(of.clone());
            let of_sharer = |of: &Owner| taken.sharer.counts(of).then(|| own(of));
            if !self.lock().forget_of_most(of_sharer) {
                return Err(no_connection(&taken));
            }
        }
    }

    fn forget(&self, name: &OwnedUniqueName, one: &Arc<Peer>) {
        self.lock().remove(name, one);
        one.end();
    }

    /// Forgets a connection of which nobody knows whose it is, once none of its calls is under way: nobody watches for its end.
    fn forget_untold(&self, name: &OwnedUniqueName, one: &Arc<Peer>) {
        if one.caller.initialized() {
            return;
        }
        let mut known = self.lock();
        if one.calls.is_idle() && !one.caller.initialized() {
            known.remove(name, one);
        }
    }

    /// Says who is behind a name, and gives what will say that it has ended: that is asked for first, so that of a name that is gone
    /// this is said.
    async fn identify(
        &self,
        connection: &Connection,
        name: &OwnedUniqueName,
    ) -> Fallible<(Caller, MessageStream)> {
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
        Ok((caller, changes))
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        drop(self.place.take());
        self.callers.forget_untold(&self.name, &self.one);
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

/// How many of so many there may be before it is told whose they are.
fn untold(most: usize) -> usize {
    (most / UNTOLD).max(1)
}

fn still_untold(most: usize) -> Failure {
    let calls = format!(
        "calls of {most} connections of which it is not told yet whose they are (a quarter of `max_connections`)"
    );
    under_way(&calls, "try again later")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> OwnedUniqueName {
        format!(":1.{number}").try_into().unwrap()
    }

    fn callers() -> Arc<Callers> {
        Callers::new(DbusSettings {
            max_connections: 8,
            max_calls_per_connection: 8,
            ..DbusSettings::default()
        })
    }

    #[test]
    fn connections_that_are_not_told_for_long_leave_room_and_nothing_of_them_stays() {
        let callers = callers();
        for round in 0..20 {
            let first = [callers.find(name(round)), callers.find(name(round))];
            assert!(first.iter().all(Result::is_ok), "{first:?}");
            let detail = format!("{:?}", callers.find(name(round)));
            assert!(detail.contains("2 calls of this connection"), "{detail}");
            let second = callers.find(name(100)).unwrap();
            let detail = format!("{:?}", callers.find(name(101)));
            assert!(detail.contains("2 connections of which"), "{detail}");
            let [one, other] = first;
            drop((one, second));
            let left = callers.lock().connections.len();
            assert_eq!(left, 1, "a call of it is under way");
            drop(other);
            assert!(callers.lock().connections.is_empty());
        }
    }
}
