//! What the connections count. Many tasks do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use push_ota::http::PushStatus;

/// Counters of OTA-HTTP since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: AtomicU64,
    pub(crate) dialled: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dials_failed: AtomicU64,
    pub(crate) tls_failed: AtomicU64,
    options: [AtomicU64; STATUSES],
    posts: [AtomicU64; STATUSES],
    others: AtomicU64,
    /// Octets that were refused, by the fault's word.
    framing: Mutex<BTreeMap<&'static str, u64>>,
    /// Connections ended because something took too long, by what it was.
    timed_out: Mutex<BTreeMap<&'static str, u64>>,
}

/// Every push status, and none.
const STATUSES: usize = PushStatus::ALL.len() + 1;

/// The method of a request, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Options,
    Post,
    Other,
}

impl Method {
    /// What the registrar calls it.
    pub(super) const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Options => Some("OPTIONS"),
            Self::Post => Some("POST"),
            Self::Other => None,
        }
    }
}

impl Tally {
    /// A request was answered.
    pub(super) fn answered(&self, method: Method, status: Option<PushStatus>) {
        let column = status.and_then(|status| {
            PushStatus::ALL
                .iter()
                .position(|candidate| *candidate == status)
        });
        let column = column.unwrap_or(STATUSES - 1);
        let counter = match method {
            Method::Options => self.options.get(column),
            Method::Post => self.posts.get(column),
            Method::Other => Some(&self.others),
        };
        if let Some(counter) = counter {
            add(counter);
        }
    }

    pub(super) fn broken(&self, word: &'static str) {
        count(&self.framing, word);
    }

    pub(super) fn timed_out(&self, word: &'static str) {
        count(&self.timed_out, word);
    }

    /// Requests answered: method, push status, number. Those that never came are left out.
    pub(crate) fn requests(&self) -> Vec<(&'static str, &'static str, u64)> {
        let statuses = PushStatus::ALL.iter().map(|status| status.code());
        let statuses: Vec<&'static str> = statuses.chain(["none"]).collect();
        let of = |method: &'static str, counters: &[AtomicU64; STATUSES]| {
            let counts = counters
                .iter()
                .map(|counter| counter.load(Ordering::Relaxed));
            let rows = statuses.iter().zip(counts);
            rows.map(|(status, count)| (method, *status, count))
                .collect::<Vec<_>>()
        };
        let mut rows = of("OPTIONS", &self.options);
        rows.extend(of("POST", &self.posts));
        rows.push(("other", "none", self.others.load(Ordering::Relaxed)));
        rows.retain(|(_, _, count)| *count > 0);
        rows
    }

    /// Connections by how they came to be.
    pub(crate) fn connections(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([
            ("accepted", self.accepted.load(Ordering::Relaxed)),
            ("dialled", self.dialled.load(Ordering::Relaxed)),
        ])
    }

    /// Octets refused, by the fault's word.
    pub(crate) fn framing(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.framing).clone()
    }

    /// Connections that took too long, by what for.
    pub(crate) fn late(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.timed_out).clone()
    }
}

/// Counts one more.
pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn count(counts: &Mutex<BTreeMap<&'static str, u64>>, word: &'static str) {
    *lock(counts).entry(word).or_default() += 1;
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
