//! Which answers to pushes have reached the gateway.
//!
//! HTTP confirms no answer. What shows that one has come is the next request on the same connection, or that the gateway's
//! TCP took every octet and the end of the connection behind it. What shows that it has not, is a reset. An end that came
//! before the answer shows neither: the gateway may have closed, or only have nothing more to send.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::link::Link;
use super::transmissions::{Digest, Transaction};

/// The pushes of one connection whose answers may not have come.
///
/// Requests of a connection are answered one after another, so that numbers tell how far the answers have come. All is done by the
/// one task of the connection: plain stores do for them, which every push takes several of.
#[derive(Debug)]
pub(super) struct Receipts {
    link: Arc<Link>,
    peer: IpAddr,
    /// In the order of their numbers; those whose answers are known to have come go when the next one comes.
    open: Mutex<VecDeque<Open>>,
    /// The number of the last push.
    begun: AtomicU64,
    /// The last push that hyper has the answer of.
    given: AtomicU64,
    /// The last push that the system has the answer of.
    written: AtomicU64,
    /// The last push whose answer is known to have come.
    received: AtomicU64,
    /// The peer sends nothing more.
    half_closed: AtomicBool,
}

#[derive(Debug)]
struct Open {
    /// Counts up from one.
    number: u64,
    octets: Digest,
    transaction: Transaction,
    /// It is known if it comes again.
    doubted: bool,
}

impl Receipts {
    pub(super) fn new(link: Arc<Link>, peer: IpAddr) -> Arc<Self> {
        Arc::new(Self {
            link,
            peer,
            open: Mutex::default(),
            begun: AtomicU64::new(0),
            given: AtomicU64::new(0),
            written: AtomicU64::new(0),
            received: AtomicU64::new(0),
            half_closed: AtomicBool::new(false),
        })
    }

    /// What a push is called that has just come; it is about to be judged.
    pub(super) fn begin(&self, octets: Digest, now: Duration) -> Transaction {
        let link = &self.link;
        let transaction = link.transmissions.name(self.peer, octets, now);
        let number = get(&self.begun) + 1;
        set(&self.begun, number);
        let mut open = self.lock();
        if open.len() >= link.settings.max_unanswered {
            open.pop_front();
        }
        open.push_back(Open {
            number,
            octets,
            transaction,
            doubted: false,
        });
        drop(open);
        // Its end may have come along with it.
        if self.half_closed.load(Ordering::Relaxed) {
            self.half_closed();
        }
        transaction
    }

    /// hyper is given the answer to the last push.
    pub(super) fn answered(&self) {
        set(&self.given, get(&self.begun));
    }

    /// The system has taken what hyper wrote.
    pub(super) fn written(&self) {
        set(&self.written, get(&self.given));
    }

    /// The peer has sent more, and so had the answers before.
    pub(super) fn heard(&self) {
        set(&self.received, get(&self.written));
    }

    /// The peer sends nothing more: whether it still reads what has not been written is in doubt.
    pub(super) fn half_closed(&self) {
        self.half_closed.store(true, Ordering::Relaxed);
        let written = get(&self.written);
        self.doubt(|open| open.number > written);
    }

    /// The connection is broken: nobody knows what has come.
    pub(super) fn broken(&self) {
        self.doubt(|_| true);
        self.lock().clear();
    }

    /// The peer's system has taken everything.
    pub(super) fn received(&self) {
        let written = get(&self.written);
        for open in self.lock().iter() {
            if open.number <= written && open.doubted {
                self.link.transmissions.forget(&open.transaction);
            }
        }
        set(&self.received, written);
    }

    /// There is an answer that may not have come.
    pub(super) fn is_open(&self) -> bool {
        !self.lock().is_empty()
    }

    fn doubt(&self, which: impl Fn(&Open) -> bool) {
        let now = self.link.clock.now().monotonic;
        for open in self.lock().iter_mut() {
            if !open.doubted && which(open) {
                open.doubted = true;
                let (octets, transaction) = (open.octets, open.transaction);
                self.link
                    .transmissions
                    .remember(self.peer, octets, transaction, now);
            }
        }
    }

    /// The pushes whose answers may not have come.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Open>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let received = get(&self.received);
        while open
            .pop_front_if(|first| first.number <= received)
            .is_some()
        {}
        open
    }
}

fn get(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

fn set(number: &AtomicU64, value: u64) {
    number.store(value, Ordering::Relaxed);
}

/// Where a connection ends, what was not written has not come.
pub(super) struct AtEnd(pub(super) Arc<Receipts>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.half_closed();
    }
}
