//! Connections of applications, as they are known.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use push_api::{Caller, Owner, Share, Sharer};
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;
use zbus::names::OwnedUniqueName;

use crate::places::Places;

/// The connections that are known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) connections: BTreeMap<OwnedUniqueName, Arc<Peer>>,
    /// Grows with every call, so that the one that has been idle for longest is known.
    pub(crate) turn: u64,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) caller: OnceCell<Caller>,
    /// What it takes of its owner's and its user's share of connections.
    pub(crate) share: Mutex<Option<Share>>,
    pub(crate) calls: Arc<Places>,
    pub(crate) was_admitted: AtomicBool,
    pub(crate) gone: watch::Sender<bool>,
    pub(crate) watching: Mutex<Option<AbortHandle>>,
    pub(crate) turn: Mutex<u64>,
}

impl Known {
    /// Takes a connection out, unless its name has become another's.
    pub(crate) fn remove(&mut self, name: &OwnedUniqueName, one: &Arc<Peer>) {
        let known = self.connections.get(name);
        if known.is_some_and(|known| Arc::ptr_eq(known, one)) {
            self.connections.remove(name);
        }
    }

    /// How many there are of which the bus has not said yet whose they are.
    pub(crate) fn untold(&self) -> usize {
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

    /// Forgets an idle connection of whoever has the most, of those that their owners count for: who comes with many does not push
    /// out those of others.
    pub(crate) fn forget_of_most(&mut self, sharer_of: impl Fn(&Owner) -> Option<Sharer>) -> bool {
        let mut sharers = BTreeMap::new();
        let owners = self.connections.values().filter_map(|one| one.owner());
        for sharer in owners.filter_map(sharer_of) {
            *sharers.entry(sharer).or_insert(0_usize) += 1;
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
    pub(crate) fn new(turn: u64) -> Self {
        Self {
            caller: OnceCell::new(),
            share: Mutex::default(),
            calls: Arc::default(),
            was_admitted: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            watching: Mutex::default(),
            turn: Mutex::new(turn),
        }
    }

    /// Whose it is, once the bus has said so.
    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.caller.get().map(|caller| &caller.owner)
    }

    pub(crate) fn share(&self) -> MutexGuard<'_, Option<Share>> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watching(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_turn(&self) -> u64 {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end(&self) {
        *self.share() = None;
        self.gone.send_replace(true);
        if let Some(watching) = self.watching().take() {
            watching.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> OwnedUniqueName {
        format!(":1.{number}").try_into().unwrap()
    }

    #[test]
    fn an_owner_with_many_connections_gives_way_before_others_of_its_user() {
        let mut known = Known::default();
        let owners = ["uid:7/snap:b", "uid:7/snap:a", "uid:7/snap:a", "uid:8"];
        for (turn, owner) in (0..).zip(owners) {
            let one = Peer {
                caller: OnceCell::new_with(Some(Caller {
                    owner: Owner::proved(owner),
                    administrator: false,
                })),
                ..Peer::new(turn)
            };
            known.connections.insert(name(turn), Arc::new(one));
        }
        let user = Sharer::User(7);
        let own = |of: &Owner| user.counts(of).then(|| Sharer::Owner(of.clone()));
        let mut forgotten = Vec::new();
        while known.forget_of_most(own) {
            let left = (0..4).filter(|number| known.connections.contains_key(&name(*number)));
            forgotten.push(left.collect::<Vec<_>>());
        }
        assert_eq!(forgotten[0], [0, 2, 3]);
        assert_eq!(forgotten[2], [3]);
    }
}
