//! What each user has of the octets and dead letters that wait, so that one leaves room to the others however many owners it is.

use std::collections::{BTreeMap, BTreeSet};

use push_message::Owner;

use crate::EventId;

/// Whose events are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Account {
    /// Those of a user, its sandboxed applications included.
    User(u32),
    /// Those of another owner, by a hash of its text. Where two should have the same, they share their bound.
    Owner(u64),
}

impl Account {
    /// The account of an owner whose text has this hash.
    pub(crate) fn of(owner: &Owner, hash: u64) -> Self {
        let user = owner.accountable_user();
        user.map_or(Self::Owner(hash), Self::User)
    }
}

/// The octets of each.
#[derive(Debug, Default)]
pub(crate) struct Accounts(BTreeMap<Account, usize>);

impl Accounts {
    pub(crate) fn octets(&self, account: Account) -> usize {
        self.0.get(&account).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, account: Account, octets: usize) {
        *self.0.entry(account).or_default() += octets;
    }

    pub(crate) fn remove(&mut self, account: Account, octets: usize) {
        if let Some(has) = self.0.get_mut(&account) {
            *has -= octets;
            if *has == 0 {
                self.0.remove(&account);
            }
        }
    }
}

/// Dead letters, and whose each is.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    all: BTreeMap<EventId, Account>,
    /// The same, by whose they are.
    of: BTreeMap<Account, BTreeSet<EventId>>,
}

impl Letters {
    pub(crate) fn all(&self) -> &BTreeMap<EventId, Account> {
        &self.all
    }

    /// Those of an account, if there are any.
    pub(crate) fn of(&self, account: Account) -> Option<&BTreeSet<EventId>> {
        self.of.get(&account)
    }

    pub(crate) fn insert(&mut self, letter: EventId, account: Account) {
        self.all.insert(letter, account);
        self.of.entry(account).or_default().insert(letter);
    }

    /// Takes a letter out; says whose it was.
    pub(crate) fn remove(&mut self, letter: EventId) -> Option<Account> {
        let account = self.all.remove(&letter)?;
        if let Some(letters) = self.of.get_mut(&account) {
            letters.remove(&letter);
            if letters.is_empty() {
                self.of.remove(&account);
            }
        }
        Some(account)
    }
}
