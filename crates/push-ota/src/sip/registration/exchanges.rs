//! Requests of the terminal and their answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use push_message::UnixMillis;

use super::super::events::{SipNote, SipServerState};
use super::super::stack::{Method, Response};
use super::super::tags::{PUSH_TAG, Row};
use super::super::transactions::Unanswered;
use super::answers::{self, Verdict, verdict};
use super::proofs::Challenged;
use super::target::{Exchange, Kind, Target};
use super::{Binding, ExchangeId, Registration, contact_uri, word};

/// Former Contacts that the registrar is asked to drop; others lapse.
const MAX_STALE: usize = 4;

impl Registration {
    /// Begins an exchange with a server.
    pub(super) fn begin(&mut self, server: usize, kind: Kind, now: Duration) {
        let Some((main, local)) = self.flows.open() else {
            return;
        };
        let contact = contact_uri(&self.account, local, main.transport);
        let bound_before = self.bound_until;
        let (contact, call_id, from_tag) = match kind {
            Kind::Tell => (
                self.public_contact().unwrap_or(contact),
                word(&mut self.chance),
                word(&mut self.chance),
            ),
            Kind::Bind | Kind::Unbind => {
                self.promise(&contact, kind, now);
                (contact, self.call_id.clone(), self.from_tag.clone())
            }
        };
        let exchange = Exchange {
            id: ExchangeId(0),
            kind,
            epoch: self.epoch,
            set: Arc::clone(&self.wanted),
            contact,
            call_id,
            from_tag,
            cseq: 0,
            challenged: Challenged::default(),
            bound_before,
        };
        let tells = kind == Kind::Tell && !self.wanted.applications.is_empty();
        if let Some(target) = self.target(server).filter(|_| tells) {
            target.holds = true;
        }
        self.transmit(server, exchange, now);
    }

    /// A binding may come of the REGISTER that goes out now. One that has no application in it need not be ended.
    fn promise(&mut self, contact: &str, kind: Kind, now: Duration) {
        if kind == Kind::Bind {
            let until = now.saturating_add(Duration::from_secs(self.asked.into()));
            if !self.wanted.applications.is_empty() {
                self.bound_until = self.bound_until.max(Some(until));
            }
            self.stale.insert(contact.into());
            while self.stale.len() > MAX_STALE {
                let other = self.stale.iter().find(|it| ***it != *contact).cloned();
                if let Some(other) = other {
                    self.stale.remove(&other);
                }
            }
        }
    }

    //= specs/ota-sip.md#registration
    //# Each REGISTER for a binding MUST have the Call-ID of the one before and a CSeq that is higher by one.
    //= specs/ota-sip.md#registration
    //# A terminal MUST NOT send a REGISTER while another one of its own is neither answered nor timed out.
    /// Sends the request of an exchange, for the first time or again with what its answer called for.
    fn transmit(&mut self, server: usize, mut exchange: Exchange, now: Duration) {
        self.next_exchange += 1;
        exchange.id = ExchangeId(self.next_exchange);
        let method = match exchange.kind {
            Kind::Bind | Kind::Unbind => {
                self.cseq += 1;
                exchange.cseq = self.cseq;
                Method::Register
            }
            Kind::Tell => {
                exchange.cseq += 1;
                Method::Options
            }
        };
        let built = match server.checked_sub(1) {
            None => self.request(&self.core, &exchange),
            Some(at) => match self.senders.get(at) {
                Some(sender) => self.request(sender, &exchange),
                None => return,
            },
        };
        let id = exchange.id;
        let mut request = match built {
            Ok(request) => request,
            Err(reason) => {
                return self.failed(
                    server,
                    &exchange,
                    SipServerState::Rejected,
                    reason,
                    None,
                    now,
                );
            }
        };
        let uri = match self.target(server) {
            Some(target) => {
                target.exchange = Some(exchange);
                target.uri.clone()
            }
            None => return,
        };
        let chance = &mut self.chance;
        let proofs = self.proofs.headers(server, &method, &uri, || word(chance));
        for (name, value) in proofs {
            request = request.header(name, &value);
        }
        self.dispatch(id, request.build());
    }

    /// A response to a request of the terminal. `at` is when it came.
    pub(in super::super) fn response(
        &mut self,
        id: ExchangeId,
        response: &Response,
        at: UnixMillis,
        now: Duration,
    ) {
        let verdict_of = |kind: Kind| verdict(response.status(), kind != Kind::Tell);
        let server = self.targets().position(|target| target.is_asked(id));
        let Some((server, target)) = server.and_then(|server| Some((server, self.target(server)?)))
        else {
            return;
        };
        let kind = target.exchange.as_ref().map(|exchange| exchange.kind);
        if kind.is_none_or(|kind| verdict_of(kind) == Verdict::Wait) {
            return;
        }
        let Some(mut exchange) = target.exchange.take() else {
            return;
        };
        target.answered(exchange.kind.method(), response, at);
        let verdict = verdict_of(exchange.kind);
        match verdict {
            Verdict::Wait => {}
            Verdict::Done => match exchange.kind {
                Kind::Bind => self.registered(exchange, response, now),
                Kind::Unbind => self.ended_binding(None),
                Kind::Tell => self.told(server, &exchange, response),
            },
            Verdict::Prove => {
                let most = self.settings.max_challenges;
                let challenged = &mut exchange.challenged;
                match self.proofs.learn(server, response, challenged, most) {
                    Ok(()) => self.transmit(server, exchange, now),
                    Err(why) => {
                        let reason = format!("{}: {why}", answers::reason(response));
                        self.failed(server, &exchange, verdict.state(), reason, None, now);
                    }
                }
            }
            Verdict::AskForMore => self.too_brief(exchange, response, now),
            Verdict::Refused | Verdict::Later => {
                let reason = answers::reason(response);
                // A slip of the core's pen does not keep the terminal away for years.
                let most = self.settings.backoff_limit;
                let after = answers::retry_after(response).map(|after| after.min(most));
                let flow_failed = response.status() == answers::FLOW_FAILED;
                self.flows.silent |= flow_failed && exchange.kind == Kind::Bind;
                self.failed(server, &exchange, verdict.state(), reason, after, now);
            }
        }
        self.settle(now);
    }

    /// A request of the terminal ended without a final response.
    pub(in super::super) fn ended(&mut self, id: ExchangeId, why: Unanswered, now: Duration) {
        let server = self.targets().position(|target| target.is_asked(id));
        let exchange = server
            .and_then(|server| self.target(server))
            .and_then(|target| target.exchange.take());
        if let Some((server, exchange)) = server.zip(exchange) {
            let reason = match why {
                Unanswered::TimedOut => "it did not answer",
                Unanswered::FlowEnded => "the connection ended before it answered",
                Unanswered::TooMany => "too many requests are under way",
            };
            let (state, reason) = (SipServerState::Unreachable, reason.to_owned());
            self.flows.silent |= why == Unanswered::TimedOut && exchange.kind == Kind::Bind;
            self.failed(server, &exchange, state, reason, None, now);
        }
        self.settle(now);
    }

    //= specs/ota-sip.md#registration
    //# A terminal that was told that its interval is too brief MUST NOT ask again for less than Min-Expires.
    fn too_brief(&mut self, exchange: Exchange, response: &Response, now: Duration) {
        let least = response.header("Min-Expires");
        let least = least.and_then(|least| answers::seconds(&least));
        let least = least.and_then(|least| u32::try_from(least).ok());
        let more = |least: &u32| *least > self.asked && exchange.kind == Kind::Bind;
        if let Some(least) = least.filter(more) {
            self.asked = least;
            self.promise(&exchange.contact, Kind::Bind, now);
            self.transmit(0, exchange, now);
        } else {
            let reason = answers::reason(response);
            let state = SipServerState::Rejected;
            self.failed(0, &exchange, state, reason, None, now);
        }
    }

    /// The registrar keeps the binding.
    fn registered(&mut self, exchange: Exchange, response: &Response, now: Duration) {
        let instance = &self.account.instance;
        let grant = answers::grant(response, &exchange.contact, instance, self.asked);
        if grant.expires.is_zero() {
            let reason = "it granted no time".to_owned();
            return self.failed(0, &exchange, SipServerState::Rejected, reason, None, now);
        }
        self.stale = BTreeSet::from([exchange.contact.clone()]);
        let expires = now.saturating_add(grant.expires);
        // More than is wanted, granted or called for, may be a slip, and a core that forgets its bindings hears of them again.
        let renewal = answers::refresh_after(grant.expires.min(self.settings.expires));
        self.bound_until = Some(expires);
        self.binding = Some(Binding {
            contact: exchange.contact,
            set: Arc::clone(&exchange.set),
            gruu: grant.gruu,
            service_route: answers::addresses(response, "Service-Route"),
            associated: answers::associated(response),
            refresh_at: now.saturating_add(renewal),
            expires,
        });
        let present = exchange.set == self.wanted;
        self.core
            .succeeded(if present { self.epoch } else { exchange.epoch });
        if present && self.wanted.applications.is_empty() && self.leave_at.is_none() {
            self.leave_at = Some(now.saturating_add(self.settings.grace));
        }
        self.note(SipNote::Registered {
            expires: grant.expires,
        });
    }

    /// A Push Sender Agent took the capabilities.
    fn told(&mut self, server: usize, exchange: &Exchange, response: &Response) {
        let announced = &exchange.set.applications;
        let lines = response.headers("Contact");
        let rows: Vec<_> = lines.flat_map(|line| Row::read(&line)).collect();
        let silent = !rows.iter().any(|row| row.has(PUSH_TAG));
        let served: BTreeSet<_> = rows
            .iter()
            .flat_map(|row| row.applications(announced))
            .collect();
        let rejected = if silent && !self.settings.psa_must_echo {
            Vec::new()
        } else {
            announced.difference(&served).cloned().collect()
        };
        let epoch = if exchange.set == self.wanted {
            self.epoch
        } else {
            exchange.epoch
        };
        let none = announced.is_empty();
        if let Some(sender) = self.target(server) {
            sender.succeeded(epoch);
            sender.contact = Some(exchange.contact.clone());
            sender.rejected = rejected;
            sender.holds &= !none;
        }
    }

    /// The REGISTER that ends the binding is over; it failed for the reason given.
    fn ended_binding(&mut self, reason: Option<String>) {
        self.unbound();
        self.note(match reason {
            None => SipNote::Deregistered,
            Some(reason) => SipNote::RegistrationFailed {
                reason,
                retry: None,
            },
        });
    }

    /// The flow that the terminal is registered over is lost, or could not be had.
    pub(super) fn lost(&mut self, reason: &str, now: Duration) {
        let pending = self.core.exchange.take();
        self.forget_exchanges();
        if self.stopping || self.leaving || pending.is_some_and(|it| it.kind == Kind::Unbind) {
            return self.ended_binding(Some(reason.to_owned()));
        }
        let refused = self.core.failure.as_ref();
        let refused = refused.is_some_and(|it| it.state == SipServerState::Rejected);
        if refused && now < self.core.retry_at {
            // That it closes the connection upon a refusal is no news, and no reason to ask sooner.
            return;
        }
        let (state, reason) = (SipServerState::Unreachable, reason.to_owned());
        self.core_fails(self.epoch, state, reason, None, now);
    }

    /// A server was not told; it may have said for how long it wants no other attempt.
    fn failed(
        &mut self,
        server: usize,
        exchange: &Exchange,
        state: SipServerState,
        reason: String,
        after: Option<Duration>,
        now: Duration,
    ) {
        let epoch = if exchange.set == self.wanted {
            self.epoch
        } else {
            exchange.epoch
        };
        match exchange.kind {
            Kind::Unbind => self.ended_binding(Some(reason)),
            Kind::Bind => {
                if state == SipServerState::Rejected {
                    self.bound_until = exchange.bound_before.filter(|until| *until > now);
                }
                self.core_fails(epoch, state, reason, after, now);
            }
            Kind::Tell => {
                let wait = self.wait(server, state).max(after.unwrap_or_default());
                let newer = epoch < self.epoch;
                let Some(sender) = self.target(server) else {
                    return;
                };
                sender.fails(epoch, state, reason.clone());
                sender.put_off(wait, after, newer, now);
                let server = sender.uri.clone();
                self.note(SipNote::CapabilitiesFailed { server, reason });
            }
        }
    }

    /// The core was not told.
    fn core_fails(
        &mut self,
        epoch: u64,
        state: SipServerState,
        reason: String,
        after: Option<Duration>,
        now: Duration,
    ) {
        let wait = self.wait(0, state).max(after.unwrap_or_default());
        let newer = epoch < self.epoch;
        self.core.fails(epoch, state, reason.clone());
        self.core.put_off(wait, after, newer, now);
        let needed = !self.wanted.applications.is_empty();
        if !needed && self.bound_until.is_none() {
            // Nobody is left whom a binding would serve.
            self.unbound();
        }
        self.note(SipNote::RegistrationFailed {
            reason,
            retry: needed.then_some(wait),
        });
    }

    //= specs/ota-sip.md#outbound
    //# A terminal whose registration failed MUST wait before the next attempt, longer after each failure, by a time that chance has shortened.
    /// How long a server is left alone after one more failure (RFC 5626 4.5).
    fn wait(&mut self, server: usize, state: SipServerState) -> Duration {
        let failures = self.target(server).map_or(0, |target| target.failures);
        let limit = self.settings.backoff_limit;
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        let whole = if state == SipServerState::Rejected {
            limit
        } else {
            self.settings.backoff_base.saturating_mul(factor).min(limit)
        };
        let thousandths = u32::try_from(self.chance.next() % 501).unwrap_or(0);
        whole.saturating_sub(whole.saturating_mul(thousandths) / 1000)
    }
}

impl Target {
    /// Leaves it alone: for `wait`, unless something is announced; for `after`, whatever is. What is `newer` than the attempt
    /// need not wait.
    fn put_off(&mut self, wait: Duration, after: Option<Duration>, newer: bool, now: Duration) {
        self.retry_at = if newer { now } else { now.saturating_add(wait) };
        if let Some(after) = after {
            self.not_before = now.saturating_add(after);
        }
    }
}
