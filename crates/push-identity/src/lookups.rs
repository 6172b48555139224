//! How many sandboxes are looked into at one time.

use std::sync::Arc;

use push_api::{Owner, Reason, Refusal, Share, ShareBounds, Sharer, Shares};

/// Looks into sandboxes that are under way: each has a thread, which lasts for as long as the sandbox's file system does not answer.
#[derive(Debug)]
pub struct Lookups(Arc<Shares>);

impl Lookups {
    /// How many there are at one time where nothing is set.
    pub const MAX: usize = 64;
    /// Of these, how many of one user.
    pub const MAX_PER_USER: usize = 16;

    /// So many sandboxes at one time, and so many of one user.
    pub fn new(all: usize, per_user: usize) -> Self {
        Self(Shares::new(ShareBounds {
            all,
            per_owner: per_user,
            per_user,
        }))
    }

    /// Takes a place for a sandbox of a user, whoever it will be told to be.
    pub(crate) fn take(&self, uid: u32) -> Result<Share, Refusal> {
        let user = Owner::of_user(uid);
        self.0.take(&user).map_err(|taken| {
            let sandboxes = taken.most;
            let of = match taken.sharer {
                Sharer::All => "(`[api] max_sandbox_lookups`)".to_owned(),
                Sharer::Owner(_) | Sharer::User(_) => {
                    format!("of user {uid} (`[api] max_sandbox_lookups_per_user`)")
                }
            };
            let detail = format!(
                "{sandboxes} sandboxes {of} are being looked into already, to tell whose they are; try again later"
            );
            Refusal::new(Reason::QuotaExceeded, detail)
        })
    }
}

impl Default for Lookups {
    fn default() -> Self {
        Self::new(Self::MAX, Self::MAX_PER_USER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandboxes_that_do_not_answer_leave_places_to_other_users() {
        let lookups = Lookups::new(3, 2);
        let held = [lookups.take(7).unwrap(), lookups.take(7).unwrap()];
        let refusal = lookups.take(7).unwrap_err();
        assert_eq!(refusal.reason, Reason::QuotaExceeded);
        assert!(
            refusal.detail.contains("2 sandboxes of user 7"),
            "{refusal}"
        );
        let other = lookups.take(8).unwrap();
        let refusal = lookups.take(9).unwrap_err();
        assert!(refusal.detail.contains("max_sandbox_lookups`"), "{refusal}");
        drop((held, other));
        assert!(lookups.take(7).is_ok());
    }
}
