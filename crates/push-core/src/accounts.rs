//! What each user has of the octets that wait, so that one leaves room to the others however many owners it is.

use std::collections::BTreeMap;

use push_message::Owner;

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
