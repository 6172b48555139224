//! Pushes under way, for each gateway: no more at a time than the terminal says that it takes (X-Wap-Push-Accept-MaxPushReq).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use push_ota::http::PpgId;

/// Who pushes: a gateway, whatever addresses it comes from, or else an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pusher {
    Gateway(PpgId),
    Address(IpAddr),
}

/// Counts pushes under way.
#[derive(Debug)]
pub(super) struct Outstanding {
    most: u32,
    counts: Mutex<BTreeMap<Pusher, u32>>,
}

/// A push that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay<'a> {
    outstanding: &'a Outstanding,
    pusher: Pusher,
}

impl Outstanding {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            counts: Mutex::default(),
        }
    }

    /// One more of this pusher; absent where there are as many as it may have.
    pub(super) fn begin(&self, pusher: Pusher) -> Option<UnderWay<'_>> {
        let mut counts = self.lock();
        match counts.get_mut(&pusher) {
            Some(count) if *count >= self.most => return None,
            Some(count) => *count += 1,
            None if self.most == 0 => return None,
            None => {
                counts.insert(pusher.clone(), 1);
            }
        }
        drop(counts);
        Some(UnderWay {
            outstanding: self,
            pusher,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Pusher, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut counts = self.outstanding.lock();
        match counts.get_mut(&self.pusher) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => {
                counts.remove(&self.pusher);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_has_its_own_bound() {
        let outstanding = Outstanding::new(2);
        let one = || Pusher::Gateway(PpgId("one".into()));
        let first = outstanding.begin(one()).unwrap();
        let second = outstanding.begin(one()).unwrap();
        assert!(outstanding.begin(one()).is_none());
        let other = Pusher::Address(IpAddr::from([192, 0, 2, 1]));
        let third = outstanding.begin(other).unwrap();
        drop(second);
        assert!(outstanding.begin(one()).is_some());
        drop((first, third));
        assert!(outstanding.lock().is_empty());
    }
}
