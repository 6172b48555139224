//! What one server knows, and when it is told next.

use std::sync::Arc;
use std::time::Duration;

use push_message::{PushApplicationId, UnixMillis};

use super::super::events::{SipReport, SipServerState};
use super::super::stack::Response;
use super::proofs::Challenged;
use super::{Announced, Epoch, ExchangeId};

/// The core, or a Push Sender Agent.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) uri: Box<str>,
    /// The last announcement that it answered with success, while that holds.
    pub(super) told: Option<Epoch>,
    /// Why it was not told, at the last attempt since then.
    pub(super) failure: Option<Failure>,
    /// Attempts that failed in a row.
    pub(super) failures: u32,
    /// Not before then is it asked again, unless something new is announced.
    pub(super) retry_at: Duration,
    /// Not before then is it asked again, whatever is announced: it said so.
    pub(super) not_before: Duration,
    /// The request that is under way. One at a time, so that none overtakes another.
    pub(super) exchange: Option<Exchange>,
    pub(super) last_exchange: Option<(&'static str, String, UnixMillis)>,
    /// A Push Sender Agent: ids may be known there.
    pub(super) holds: bool,
    /// A Push Sender Agent: the ids of the last answer that it does not serve.
    pub(super) rejected: Vec<PushApplicationId>,
    /// A Push Sender Agent: the Contact that it was told.
    pub(super) contact: Option<Box<str>>,
}

/// Why a server was not told.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) epoch: Epoch,
    pub(super) state: SipServerState,
    pub(super) reason: String,
}

/// A request of the terminal, with its repetitions after challenges.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: ExchangeId,
    pub(super) kind: Kind,
    pub(super) epoch: Epoch,
    pub(super) set: Arc<Announced>,
    pub(super) contact: Box<str>,
    pub(super) call_id: Box<str>,
    pub(super) from_tag: Box<str>,
    pub(super) cseq: u32,
    pub(super) challenged: Challenged,
    /// Until when the registrar may have had a binding before this request.
    pub(super) bound_before: Option<Duration>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// REGISTER.
    Bind,
    /// REGISTER with Expires 0.
    Unbind,
    /// OPTIONS.
    Tell,
}

impl Kind {
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Bind | Self::Unbind => "REGISTER",
            Self::Tell => "OPTIONS",
        }
    }
}

impl Target {
    pub(super) fn new(uri: &str) -> Self {
        Self {
            uri: uri.into(),
            told: None,
            failure: None,
            failures: 0,
            retry_at: Duration::ZERO,
            not_before: Duration::ZERO,
            exchange: None,
            last_exchange: None,
            holds: false,
            rejected: Vec::new(),
            contact: None,
        }
    }

    /// Something is announced: `same` if it is what was announced before. Whoever does not know it is asked at once.
    pub(super) fn announced(&mut self, epoch: Epoch, same: bool, now: Duration) {
        let last = epoch.saturating_sub(1);
        if same {
            if self.told == Some(last) {
                self.told = Some(epoch);
                return;
            }
            if let Some(exchange) = self.exchange.as_mut().filter(|it| it.epoch == last) {
                exchange.epoch = epoch;
            }
        }
        self.failure = None;
        self.retry_at = now;
    }

    pub(super) fn knows(&self, epoch: Epoch) -> bool {
        self.told.is_some_and(|told| told >= epoch)
    }

    pub(super) fn failed(&self, epoch: Epoch) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.epoch >= epoch)
    }

    /// When it is asked, where it has to be.
    pub(super) fn next_attempt(&self) -> Duration {
        self.retry_at.max(self.not_before)
    }

    /// The exchange of this name, if it is the one that is under way.
    pub(super) fn is_asked(&self, id: ExchangeId) -> bool {
        self.exchange
            .as_ref()
            .is_some_and(|exchange| exchange.id == id)
    }

    pub(super) fn answered(&mut self, method: &'static str, response: &Response, at: UnixMillis) {
        self.last_exchange = Some((method, status_line(response), at));
    }

    pub(super) fn succeeded(&mut self, epoch: Epoch) {
        self.told = Some(epoch);
        self.failure = None;
        self.failures = 0;
    }

    /// It was not told; `epoch` is the newest announcement that this concerns.
    pub(super) fn fails(&mut self, epoch: Epoch, state: SipServerState, reason: String) {
        self.failures = self.failures.saturating_add(1);
        self.told = None;
        self.failure = Some(Failure {
            epoch,
            state,
            reason,
        });
    }

    /// How far it got with the announcement `epoch`, and why not further.
    pub(super) fn state(&self, epoch: Epoch) -> (SipServerState, Option<String>) {
        if self.knows(epoch) {
            return (SipServerState::Confirmed, None);
        }
        match self
            .failure
            .as_ref()
            .filter(|failure| failure.epoch >= epoch)
        {
            Some(failure) => (failure.state, Some(failure.reason.clone())),
            None => (SipServerState::Requested, None),
        }
    }

    pub(super) fn report(&self, state: SipServerState, reason: Option<String>) -> SipReport {
        let confirmed = state == SipServerState::Confirmed;
        SipReport {
            uri: self.uri.clone(),
            state,
            reason,
            rejected_applications: if confirmed {
                self.rejected.clone()
            } else {
                Vec::new()
            },
        }
    }
}

/// Status code and phrase.
pub(super) fn status_line(response: &Response) -> String {
    format!("{} {}", response.status(), response.reason())
        .trim_end()
        .to_owned()
}
