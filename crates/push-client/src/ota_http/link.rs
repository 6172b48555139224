//! What the connections share with each other and with the engine.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use push_message::{ReceivedPush, ServerAddress, UnixMillis};
use push_ota::http::{Cpi, DialId, Host, Notice, PpgId, PushStatus, Terminal};
use rustls::crypto::SecureRandom;
use tokio::sync::oneshot;

use super::outstanding::Outstanding;
use super::places::Places;
use super::tally::Tally;
use super::tls::Tls;
use super::transmissions::Transmissions;
use super::{ConnectionSettings, OtaHttpSettings};
use crate::clock::Clock;
use crate::mailbox::{self, Mailbox};
use crate::recent::Unjudged;

/// What a connection asks of the engine. There is one at a time for each connection.
#[derive(Debug)]
pub(crate) enum Question {
    /// What becomes of a push.
    Judge {
        push: Arc<ReceivedPush>,
        answer: oneshot::Sender<PushStatus>,
    },
    /// Whether a whitelist that counts anywhere names a server.
    IsListed {
        server: ServerAddress,
        proved_names: Box<[Box<str>]>,
        answer: oneshot::Sender<bool>,
    },
}

/// What the engine has to hear of connections. Each ends or answers one thing that is under a bound.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection asked for is open.
    Connected(DialId),
    /// A connection asked for could not be opened.
    DialFailed(DialId, String),
    /// A connection asked for has ended.
    Closed(DialId),
    /// There are [exchanges](Link::take_exchanges).
    Exchanged,
    /// A connection has ended while the client stops.
    Ended,
}

/// A request of a gateway that was answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) ppg: PpgId,
    pub(crate) method: &'static str,
    pub(crate) status: Option<PushStatus>,
    pub(crate) at: UnixMillis,
    pub(crate) notice: Option<Notice>,
}

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) terminal: Arc<Terminal>,
    pub(super) settings: ConnectionSettings,
    pub(super) tls: Option<Tls>,
    pub(super) clock: Clock,
    /// What connections ask of the engine. Every push makes this way, and a general channel counts permits, and wakes with each message:
    /// there is no need, because a connection asks one thing at a time, so that connections are bound enough.
    pub(crate) questions: Mailbox<Question>,
    pub(super) outstanding: Outstanding,
    pub(super) transmissions: Transmissions,
    pub(super) shown: bool,
    pub(crate) places: Arc<Places>,
    pub(crate) tally: Tally,
    mailbox: Arc<Mailbox>,
    cpi: RwLock<Arc<Cpi>>,
    exchanges: Mutex<Vec<Exchange>>,
    refused: Mutex<VecDeque<Unjudged>>,
    most_refused: usize,
    stopping: AtomicBool,
    random: &'static dyn SecureRandom,
}

/// What a [`Link`] is made of.
pub(crate) struct LinkParts {
    pub(crate) tls: Option<Tls>,
    pub(crate) clock: Clock,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) cpi: Cpi,
    /// For how long a transmission is known again.
    pub(crate) duplicate_window: Duration,
    /// Refusals kept for explanations.
    pub(crate) recent_refusals: usize,
    /// Whether addresses are shown in log lines.
    pub(crate) show_personal_data: bool,
}

impl Link {
    /// What is shared under these settings.
    pub(crate) fn new(settings: &OtaHttpSettings, parts: LinkParts) -> Arc<Self> {
        let LinkParts {
            tls,
            clock,
            mailbox,
            cpi,
            duplicate_window,
            recent_refusals,
            show_personal_data,
        } = parts;
        let connections = settings.connections.clone();
        let random = rustls::crypto::ring::default_provider().secure_random;
        let gateways = addresses(&settings.terminal);
        let link = Self {
            terminal: Arc::new(settings.terminal.clone()),
            tls,
            clock,
            questions: Mailbox::default(),
            outstanding: Outstanding::new(settings.cpi.max_push_requests),
            transmissions: Transmissions::new(
                chance(random),
                chance(random),
                clock.now().unix,
                connections.max_unanswered,
                duplicate_window,
            ),
            shown: show_personal_data,
            places: Places::new(
                connections.max_connections,
                connections.max_connections_per_address,
                gateways,
            ),
            tally: Tally::default(),
            mailbox,
            cpi: RwLock::new(Arc::new(cpi)),
            exchanges: Mutex::default(),
            refused: Mutex::default(),
            most_refused: recent_refusals,
            settings: connections,
            stopping: AtomicBool::new(false),
            random,
        };
        Arc::new(link)
    }

    /// What the terminal says of itself at present.
    pub(crate) fn cpi(&self) -> Arc<Cpi> {
        Arc::clone(&self.present_cpi())
    }

    /// The same for a moment: it cannot change meanwhile.
    pub(super) fn present_cpi(&self) -> RwLockReadGuard<'_, Arc<Cpi>> {
        self.cpi.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The terminal says this of itself from now on.
    pub(crate) fn publish(&self, cpi: Cpi) {
        *self.cpi.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(cpi);
    }

    /// Tells the engine.
    pub(super) fn tell(&self, event: Event) {
        self.mailbox.post([mailbox::Notice::OtaHttp(event)]);
    }

    /// A request was answered. The engine is woken only where something is `news`: the rest it learns when it wakes.
    pub(super) fn exchanged(&self, exchange: Exchange, news: bool) {
        let mut exchanges = lock(&self.exchanges);
        note(&mut exchanges, exchange);
        drop(exchanges);
        if news {
            self.tell(Event::Exchanged);
        }
    }

    /// What gateways asked since the last call, but for repetitions.
    pub(crate) fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut lock(&self.exchanges))
    }

    /// Remembers a refusal; the oldest gives way.
    pub(crate) fn refuse(&self, refused: Unjudged) {
        let mut all = lock(&self.refused);
        if all.len() >= self.most_refused {
            all.pop_front();
        }
        if self.most_refused > 0 {
            all.push_back(refused);
        }
    }

    /// The last refusals, oldest first.
    pub(crate) fn refused(&self) -> Vec<Unjudged> {
        lock(&self.refused).iter().cloned().collect()
    }

    /// The client stops: every connection ends once its request is answered.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.places.end_all(true);
    }

    /// Whether the client stops.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// A connection has ended, which matters to an engine that waits for the last one.
    pub(super) fn tell_of_end(&self) {
        if self.is_stopping() {
            self.tell(Event::Ended);
        }
    }

    /// Chance that nobody else knows.
    pub(super) fn chance<const N: usize>(&self) -> [u8; N] {
        chance(self.random)
    }
}

/// A number that nobody else knows.
pub(crate) fn secret_number() -> u64 {
    let provider = rustls::crypto::ring::default_provider();
    u64::from_ne_bytes(chance(provider.secure_random))
}

fn chance<const N: usize>(random: &dyn SecureRandom) -> [u8; N] {
    let mut octets = [0; N];
    if random.fill(&mut octets).is_err() {
        // The system has no chance to give, which it reports in other places louder than we could.
        tracing::error!("the system gives no random octets");
    }
    octets
}

/// Puts an exchange behind the others; an earlier one that says the same is not kept.
fn note(exchanges: &mut Vec<Exchange>, exchange: Exchange) {
    exchanges.retain(|one| one.ppg != exchange.ppg || one.notice != exchange.notice);
    exchanges.push(exchange);
}

/// The addresses that gateways are known by.
fn addresses(terminal: &Terminal) -> BTreeSet<IpAddr> {
    let contacts = terminal.ppgs.iter().filter_map(|ppg| ppg.contact.as_ref());
    let contacts = contacts.filter_map(|contact| match contact.host {
        Host::Ip(address) => Some(address),
        Host::Name(_) => None,
    });
    let others = terminal.ppgs.iter().flat_map(|ppg| ppg.addresses.iter());
    contacts.chain(others.copied()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use push_ota::http::CpiTag;

    use super::*;

    #[test]
    fn what_a_gateway_said_last_comes_last() {
        let ppg = PpgId("ppg".into());
        let knows = Notice::Knows {
            ppg: ppg.clone(),
            tag: CpiTag([7; 4]),
        };
        let unbelieved = Notice::Unbelieved {
            ppg: ppg.clone(),
            retry: false,
        };
        let mut exchanges = Vec::new();
        for (at, notice) in [&knows, &unbelieved, &knows].into_iter().enumerate() {
            let exchange = Exchange {
                ppg: ppg.clone(),
                method: "OPTIONS",
                status: None,
                at: UnixMillis(at as u64),
                notice: Some(notice.clone()),
            };
            note(&mut exchanges, exchange);
        }
        let said: Vec<_> = exchanges
            .into_iter()
            .map(|exchange| (exchange.notice, exchange.at.0))
            .collect();
        assert_eq!(said, [(Some(unbelieved), 1), (Some(knows), 2)]);
    }
}
