//! What owners have at one time: in all, of each owner, and of each user whose owners they are.
//!
//! A user makes as many sandboxes as it likes, each with an owner of its own, so a bound on each owner is none on the user. Whatever
//! is bounded for each owner is counted here, for its user as well ([`Owner::accountable_user`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Owner;

/// How many there may be at one time. Root and the daemon's own user are bounded like others, so that a program of theirs that fails
/// leaves room too; a service of the system counts for itself, whoever it runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareBounds {
    /// Of all owners together.
    pub all: usize,
    /// Of one owner.
    pub per_owner: usize,
    /// Of one user, with what is in its sandboxes.
    pub per_user: usize,
}

/// Whom something is counted for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharer {
    /// All together.
    All,
    /// This owner.
    Owner(Owner),
    /// This user, with what is in its sandboxes.
    User(u32),
}

/// Why there cannot be one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareTaken {
    /// Whose bound is reached.
    pub sharer: Sharer,
    /// The bound.
    pub most: usize,
}

/// How many there are.
#[derive(Debug, Default)]
pub struct ShareCounts {
    all: usize,
    owners: BTreeMap<Owner, usize>,
    users: BTreeMap<u32, usize>,
}

/// Counts as [`ShareCounts`] do, what is given back when a [`Share`] is dropped.
#[derive(Debug)]
pub struct Shares {
    bounds: ShareBounds,
    counts: Mutex<ShareCounts>,
}

/// One of what is counted; it is given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    owner: Owner,
}

impl Sharer {
    /// The widest that an owner counts for, short of all: its user, or else itself.
    pub fn of(owner: &Owner) -> Self {
        let user = owner.accountable_user();
        user.map_or_else(|| Self::Owner(owner.clone()), Self::User)
    }

    /// Whether what this owner has counts for it.
    pub fn counts(&self, owner: &Owner) -> bool {
        match self {
            Self::All => true,
            Self::Owner(one) => one == owner,
            Self::User(user) => owner.accountable_user() == Some(*user),
        }
    }
}

impl ShareTaken {
    /// How many of what (in the plural) there are, of whom, and the setting that says so, whose name for all is `setting`:
    /// ``8 watches of uid:1000 (`max_watchers_per_owner`)``.
    pub fn describe(&self, what: &str, setting: &str) -> String {
        let most = self.most;
        match &self.sharer {
            Sharer::All => format!("{most} {what} (`{setting}`)"),
            Sharer::Owner(owner) => format!("{most} {what} of {owner} (`{setting}_per_owner`)"),
            Sharer::User(user) => format!(
                "{most} {what} of user {user}, its sandboxed applications included (`{setting}_per_user`)"
            ),
        }
    }
}

impl ShareCounts {
    /// How many there are in all.
    pub fn len(&self) -> usize {
        self.all
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// How many an owner has.
    pub fn of_owner(&self, owner: &Owner) -> usize {
        self.owners.get(owner).copied().unwrap_or_default()
    }

    /// How many there are that count with an owner's: its user's, or else its own.
    pub fn with(&self, owner: &Owner) -> usize {
        let user = owner.accountable_user();
        user.map_or_else(|| self.of_owner(owner), |user| self.of_user(user))
    }

    /// The owner as it is counted, which shares its text with the others that are equal to it.
    pub fn counted(&self, owner: &Owner) -> Option<&Owner> {
        self.owners.get_key_value(owner).map(|(counted, _)| counted)
    }

    /// Whether an owner may have one more.
    ///
    /// # Errors
    /// The narrowest bound that is reached.
    pub fn check(&self, owner: &Owner, bounds: ShareBounds) -> Result<(), ShareTaken> {
        let taken = |sharer, most| Err(ShareTaken { sharer, most });
        if self.of_owner(owner) >= bounds.per_owner {
            return taken(Sharer::Owner(owner.clone()), bounds.per_owner);
        }
        let user = owner.accountable_user();
        if let Some(user) = user.filter(|user| self.of_user(*user) >= bounds.per_user) {
            return taken(Sharer::User(user), bounds.per_user);
        }
        if self.all >= bounds.all {
            return taken(Sharer::All, bounds.all);
        }
        Ok(())
    }

    /// Counts one more.
    pub fn add(&mut self, owner: &Owner) {
        self.all += 1;
        match self.owners.get_mut(owner) {
            Some(count) => *count += 1,
            None => drop(self.owners.insert(owner.clone(), 1)),
        }
        if let Some(user) = owner.accountable_user() {
            *self.users.entry(user).or_default() += 1;
        }
    }

    /// Counts one less.
    pub fn remove(&mut self, owner: &Owner) {
        self.all = self.all.saturating_sub(1);
        take_one(&mut self.owners, owner);
        if let Some(user) = owner.accountable_user() {
            take_one(&mut self.users, &user);
        }
    }

    fn of_user(&self, user: u32) -> usize {
        self.users.get(&user).copied().unwrap_or_default()
    }
}

fn take_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Shares {
    /// Nothing is taken yet.
    pub fn new(bounds: ShareBounds) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            counts: Mutex::default(),
        })
    }

    /// Takes one for an owner.
    ///
    /// # Errors
    /// The narrowest bound that is reached.
    pub fn take(self: &Arc<Self>, owner: &Owner) -> Result<Share, ShareTaken> {
        let mut counts = self.lock();
        counts.check(owner, self.bounds)?;
        counts.add(owner);
        Ok(Share {
            shares: Arc::clone(self),
            owner: owner.clone(),
        })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, ShareCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Whose it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.lock().remove(&self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: ShareBounds = ShareBounds {
        all: 8,
        per_owner: 2,
        per_user: 3,
    };

    fn owner(text: &str) -> Owner {
        Owner::proved(text)
    }

    /// What is taken by these owners one after the other, and whose bound stops the last.
    fn stopped(owners: &[&str]) -> Option<Sharer> {
        let mut counts = ShareCounts::default();
        let mut stopped = None;
        for text in owners {
            assert_eq!(stopped, None, "{text} comes after the bound");
            match counts.check(&owner(text), BOUNDS) {
                Ok(()) => counts.add(&owner(text)),
                Err(taken) => stopped = Some(taken.sharer),
            }
        }
        stopped
    }

    #[test]
    fn a_user_has_no_more_by_having_sandboxes() {
        let sandboxes = ["uid:7/flatpak:a", "uid:7/flatpak:b", "uid:7/snap:c"];
        let beyond = |last| stopped(&[&sandboxes[..], &[last]].concat());
        assert_eq!(beyond("uid:7/flatpak:d"), Some(Sharer::User(7)));
        assert_eq!(beyond("uid:7"), Some(Sharer::User(7)));
        for other in [
            "uid:8",
            "uid:8/flatpak:a",
            "uid:7/unit:meter.service",
            "token:lab",
        ] {
            assert_eq!(beyond(other), None, "{other}");
        }
    }

    #[test]
    fn each_owner_has_a_bound_and_all_have_one() {
        let one = Sharer::Owner(owner("uid:0/unit:a.service"));
        assert_eq!(stopped(&["uid:0/unit:a.service"; 3]), Some(one));
        let owners = ["a", "a", "b", "b", "c", "c", "d", "d", "e"];
        assert_eq!(stopped(&owners), Some(Sharer::All));
    }

    #[test]
    fn what_is_given_back_is_taken_again() {
        let shares = Shares::new(BOUNDS);
        let mine = owner("uid:7/flatpak:a");
        let held = [shares.take(&mine).unwrap(), shares.take(&mine).unwrap()];
        assert_eq!(shares.taken(), 2);
        let sharer = shares.take(&mine).unwrap_err().sharer;
        assert!(sharer.counts(&mine) && !sharer.counts(&owner("uid:7")));
        let user = shares.take(&owner("uid:7")).unwrap();
        let sharer = shares.take(&owner("uid:7")).unwrap_err().sharer;
        assert!(sharer.counts(&mine) && sharer.counts(&owner("uid:7")));
        drop((held, user));
        let counts = shares.lock();
        assert!(counts.is_empty() && counts.owners.is_empty() && counts.users.is_empty());
    }

    #[test]
    fn a_bound_that_is_reached_says_whose_it_is_and_which() {
        let describe = |sharer| ShareTaken { sharer, most: 4 }.describe("calls", "max_calls");
        assert_eq!(describe(Sharer::All), "4 calls (`max_calls`)");
        assert_eq!(
            describe(Sharer::Owner(owner("token:lab"))),
            "4 calls of token:lab (`max_calls_per_owner`)"
        );
        assert_eq!(
            describe(Sharer::User(7)),
            "4 calls of user 7, its sandboxed applications included (`max_calls_per_user`)"
        );
    }
}
