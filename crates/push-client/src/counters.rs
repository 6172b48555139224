//! What the engine counts. One task owns them, so they are plain numbers.

use std::collections::BTreeMap;

use push_core::{Occurrence, RegistrationRecord, Verdict, handler_scheme};

use crate::reports::Outcomes;

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) datagrams: u64,
    pub(crate) datagram_octets: u64,
    pub(crate) socket_errors: u64,
    /// Datagrams that gave no push, by the reason's word.
    pub(crate) datagrams_refused: BTreeMap<&'static str, u64>,
    /// Pushes by verdict: `accepted`, `duplicate`, `held`, or the refusal's word.
    pub(crate) pushes: BTreeMap<&'static str, u64>,
    /// Session initiation requests, by what became of them: `followed`, or why not.
    pub(crate) session_initiations: BTreeMap<&'static str, u64>,
    /// Short messages handed over, by what their sources were told.
    pub(crate) segments: BTreeMap<&'static str, u64>,
    /// Segmented messages given up, by reason.
    pub(crate) messages_expired: BTreeMap<&'static str, u64>,
    /// What happened to push sessions, by the note's word.
    pub(crate) sessions: BTreeMap<&'static str, u64>,
    /// What happened on OTA-SIP, by the note's word.
    pub(crate) sip: BTreeMap<&'static str, u64>,
    pub(crate) sip_datagrams: u64,
    /// Datagrams of SIP that could not be sent.
    pub(crate) sip_unsent: u64,
    /// Connections of SIP and MSRP cut off because the peer did not read.
    pub(crate) sip_overrun: u64,
    /// Connections of SIP and MSRP for which there was no place.
    pub(crate) sip_connections_refused: u64,
    pub(crate) registered: u64,
    /// Registrations refused, by the reason's word.
    pub(crate) registrations_refused: BTreeMap<&'static str, u64>,
    pub(crate) deregistered: u64,
    pub(crate) delivered: u64,
    pub(crate) redelivered: u64,
    pub(crate) completed: u64,
    pub(crate) delayed: u64,
    pub(crate) died: u64,
    pub(crate) expired: u64,
    /// Copies for observers that were dropped.
    pub(crate) copies_dropped: u64,
    /// Dead letters that were dropped because somebody said so.
    pub(crate) dropped: u64,
    /// Dead letters that were delivered again.
    pub(crate) replayed: u64,
    /// Event handlers asked for, by scheme.
    pub(crate) handlers_activated: BTreeMap<Box<str>, u64>,
    /// Event handlers that could not be reached, by scheme.
    pub(crate) handlers_failed: BTreeMap<Box<str>, u64>,
    /// What event handlers made of events.
    pub(crate) handled: Outcomes,
    /// Registrations that are not what they were, by cause.
    pub(crate) registrations_changed: BTreeMap<&'static str, u64>,
    pub(crate) store_failures: u64,
    pub(crate) ports_not_opened: u64,
    pub(crate) persists: u64,
    pub(crate) requests: u64,
    pub(crate) subscriptions: u64,
    pub(crate) subscriptions_overrun: u64,
    pub(crate) hosts_resolved: u64,
}

/// The word of a verdict.
pub(crate) const fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted { .. } => "accepted",
        Verdict::Duplicate => "duplicate",
        Verdict::Held { .. } => "held",
        Verdict::Refused(refusal) => refusal.as_str(),
    }
}

impl Counters {
    /// Counts an occurrence.
    pub(crate) fn count(&mut self, occurrence: &Occurrence) {
        match occurrence {
            Occurrence::PushJudged(decision) => {
                *self
                    .pushes
                    .entry(verdict_word(&decision.verdict))
                    .or_default() += 1;
            }
            Occurrence::Registered(_) => self.registered += 1,
            Occurrence::RegistrationRefused { refusal, .. } => {
                *self
                    .registrations_refused
                    .entry(refusal.reason.as_str())
                    .or_default() += 1;
            }
            Occurrence::Deregistered(_) => self.deregistered += 1,
            Occurrence::Delivered { attempt: 1, .. } => self.delivered += 1,
            Occurrence::Delivered { .. } => self.redelivered += 1,
            Occurrence::Completed { .. } => self.completed += 1,
            Occurrence::Delayed { .. } => self.delayed += 1,
            Occurrence::Died { .. } => self.died += 1,
            Occurrence::Replayed { .. } => self.replayed += 1,
            Occurrence::RegistrationChanged { cause, .. } => {
                *self
                    .registrations_changed
                    .entry(cause.as_str())
                    .or_default() += 1;
            }
            Occurrence::CopyDropped { .. } => self.copies_dropped += 1,
            Occurrence::Dropped { .. } => self.dropped += 1,
            // Counted by scheme, which the registration says.
            Occurrence::HandlerFailed { .. } => {}
            Occurrence::Expired { .. } => self.expired += 1,
            Occurrence::PortNotOpened { .. } => self.ports_not_opened += 1,
            Occurrence::StoreFailed { .. } => self.store_failures += 1,
        }
    }

    /// Counts that a handler was asked for.
    pub(crate) fn activate(&mut self, record: &RegistrationRecord) {
        let scheme = scheme_of(record);
        *self.handlers_activated.entry(scheme).or_default() += 1;
    }

    /// Counts that a handler could not be reached.
    pub(crate) fn handler_failed(&mut self, record: &RegistrationRecord) {
        let scheme = scheme_of(record);
        *self.handlers_failed.entry(scheme).or_default() += 1;
    }

    /// Counts a datagram that gave no push.
    pub(crate) fn refuse_datagram(&mut self, word: &'static str) {
        *self.datagrams_refused.entry(word).or_default() += 1;
    }
}

/// The scheme of a registration's event handler: one of those that are served, so that their number is bounded.
fn scheme_of(record: &RegistrationRecord) -> Box<str> {
    let scheme = record.event_handler.as_deref().and_then(handler_scheme);
    scheme.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use push_core::{RegistrationId, RegistrationState};
    use push_message::{Owner, PushApplicationId, UnixMillis, Whitelist};

    use super::*;

    #[test]
    fn a_scheme_is_one_however_it_is_written() {
        let mut counters = Counters::default();
        for handler in ["exec:a", "EXEC:a", "Exec:b"] {
            counters.activate(&RegistrationRecord {
                id: RegistrationId(1),
                owner: Owner::proved("uid:1"),
                application_id: None,
                push_application_id: PushApplicationId::ANY,
                event_handler: Some(handler.into()),
                whitelist: Whitelist::default(),
                profiles: Box::default(),
                accept: None,
                suppress_equal_content_millis: None,
                observes: false,
                registered: UnixMillis(0),
                state: RegistrationState::Active,
            });
        }
        let expected = [(Box::from("exec"), 3)];
        assert_eq!(counters.handlers_activated, expected.into());
    }
}
