//! Which answers to pushes have reached the gateway.
//!
//! HTTP confirms no answer. What shows that one has come is the next request on the same connection, or that the gateway's
//! TCP took every octet and the end of the connection behind it. What shows that it has not, is a reset. An end that came
//! before the answer shows neither: the gateway may have closed, or only have nothing more to send.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::link::Link;
use super::transmissions::{Digest, Transaction};

/// The pushes of one connection whose answers may not have come.
#[derive(Debug)]
pub(super) struct Receipts {
    link: Arc<Link>,
    peer: IpAddr,
    open: Mutex<VecDeque<Open>>,
    /// The peer sends nothing more.
    half_closed: AtomicBool,
}

#[derive(Debug)]
struct Open {
    octets: Digest,
    transaction: Transaction,
    answer: Answer,
    /// It is known if it comes again.
    doubted: bool,
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// The push is being judged.
    Awaited,
    /// hyper has it.
    Given,
    /// The system has it.
    Written,
}

impl Receipts {
    pub(super) fn new(link: Arc<Link>, peer: IpAddr) -> Arc<Self> {
        Arc::new(Self {
            link,
            peer,
            open: Mutex::default(),
            half_closed: AtomicBool::new(false),
        })
    }

    /// What a push is called that has just come; it is about to be judged.
    pub(super) fn begin(&self, octets: Digest, now: Duration) -> Transaction {
        let link = &self.link;
        let transaction = link.transmissions.name(self.peer, octets, now);
        let mut open = self.lock();
        if open.len() >= link.settings.max_unanswered {
            open.pop_front();
        }
        open.push_back(Open {
            octets,
            transaction,
            answer: Answer::Awaited,
            doubted: false,
        });
        drop(open);
        // Its end may have come along with it.
        if self.half_closed.load(Ordering::Relaxed) {
            self.half_closed();
        }
        transaction
    }

    /// hyper is given the answer to a push.
    pub(super) fn answered(&self, transaction: &Transaction) {
        for open in self.lock().iter_mut() {
            if open.transaction == *transaction {
                open.answer = Answer::Given;
            }
        }
    }

    /// The system has taken what hyper wrote.
    pub(super) fn written(&self) {
        for open in self.lock().iter_mut() {
            if open.answer == Answer::Given {
                open.answer = Answer::Written;
            }
        }
    }

    /// The peer has sent more, and so had the answers before.
    pub(super) fn heard(&self) {
        self.lock().retain(|open| open.answer != Answer::Written);
    }

    /// The peer sends nothing more: whether it still reads what has not been written is in doubt.
    pub(super) fn half_closed(&self) {
        self.half_closed.store(true, Ordering::Relaxed);
        self.doubt(|open| open.answer != Answer::Written);
    }

    /// The connection is broken: nobody knows what has come.
    pub(super) fn broken(&self) {
        self.doubt(|_| true);
        self.lock().clear();
    }

    /// The peer's system has taken everything.
    pub(super) fn received(&self) {
        self.lock().retain(|open| {
            let received = open.answer == Answer::Written;
            if received && open.doubted {
                self.link.transmissions.forget(&open.transaction);
            }
            !received
        });
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

    fn lock(&self) -> MutexGuard<'_, VecDeque<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a connection ends, what was not written has not come.
pub(super) struct AtEnd(pub(super) Arc<Receipts>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.half_closed();
    }
}
