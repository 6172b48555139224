//! Announcements, and what is to be done for them: which sessions there are to be, and which there are.

use std::time::Duration;

use super::link::Role;
use super::place::{Place, PlaceId, Wanted};
use super::{
    AnnounceTicket, GatewayReport, GatewayState, NoteKind, SessionContact, Sessions,
    SessionsOutput, WantedApplications,
};
use crate::wsp::session::table::State;

/// An announcement that is not answered.
#[derive(Debug)]
pub(super) struct Waiting {
    ticket: AnnounceTicket,
    pub(super) deadline: Duration,
}

impl Sessions {
    pub(super) fn announce(&mut self, ticket: AnnounceTicket, wanted: Wanted, now: Duration) {
        self.wanted = wanted;
        for place in self.places.values_mut() {
            place.retry_at = None;
            place.concluded = None;
        }
        self.waiting.push_back(Waiting {
            ticket,
            deadline: now + self.settings.announce_patience,
        });
        if self.waiting.len() > self.settings.max_announcements
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.answer(oldest.ticket);
        }
    }

    /// A session initiation request names a contact point.
    pub(super) fn invite(&mut self, contact: SessionContact, applications: &WantedApplications) {
        let known = |(_, place): &(&PlaceId, &Place)| place.contact.contact == contact.contact;
        let known = self.places.iter().find(known).map(|(id, _)| *id);
        let id = known.unwrap_or_else(|| PlaceId(self.number()));
        let bearer = self.settings.session.bearer;
        let is_new = known.is_none();
        let place = self
            .places
            .entry(id)
            .or_insert_with(|| Place::new(contact, bearer));
        place.invite(applications);
        let nobody = place.profile(&self.wanted).is_none();
        if nobody {
            place.invited = None;
            self.note(id, NoteKind::NoApplication);
        } else if is_new
            && self.places.len() > self.settings.max_sessions + self.settings.gateways.len()
        {
            self.note(id, NoteKind::TooMany);
            self.places.remove(&id);
        } else if self.next(id).is_none()
            && let Some(place) = self.places.get_mut(&id)
        {
            // The gateway does not know of a session that stands, or would not ask.
            place.afresh = true;
        }
    }

    /// Makes the sessions those that are to be, and answers the announcements that can be answered.
    pub(super) fn settle(&mut self, now: Duration) {
        let places: Vec<_> = self.places.keys().copied().collect();
        for id in places {
            self.settle_place(id, now);
        }
        let links = &self.links;
        self.places.retain(|id, place| {
            place.start.is_some()
                || place.invited.is_some()
                || links.values().any(|link| link.place == *id)
        });
        self.answer_all(now);
    }

    fn settle_place(&mut self, id: PlaceId, now: Duration) {
        let Some(place) = self.places.get(&id) else {
            return;
        };
        let wanted = place
            .profile(&self.wanted)
            .filter(|_| self.stopping.is_none());
        let (afresh, waits) = (place.afresh, place.retry_at.is_some_and(|at| now < at));
        let Some(profile) = wanted else {
            self.end_place(id, now);
            return;
        };
        if let Some((next, link)) = self.next(id) {
            if *link.session.profile() == profile {
                return;
            }
            self.close(next, now);
        }
        let stands = self
            .current(id)
            .is_some_and(|(_, link)| *link.session.profile() == profile);
        if !waits && let Some(place) = self.places.get_mut(&id) {
            place.retry_at = None;
        }
        if self.paused || waits || (stands && !afresh) {
            return;
        }
        let contact = self.places.get(&id).map(|place| {
            place
                .moved
                .clone()
                .unwrap_or_else(|| place.contact.contact.clone())
        });
        if let Some(contact) = contact {
            self.open(id, contact, profile, now);
        }
    }

    /// Nobody needs a session with a place.
    //= specs/ota-wsp.md#sir
    //# The terminal MUST itself end push sessions that are stale.
    fn end_place(&mut self, id: PlaceId, now: Duration) {
        if let Some(place) = self.places.get_mut(&id) {
            place.retry_at = None;
            place.concluded = None;
            place.afresh = false;
            if place.profile(&self.wanted).is_none() {
                place.invited = None;
            }
        }
        if let Some((next, _)) = self.next(id) {
            self.close(next, now);
        }
        if let Some((current, _)) = self.current(id) {
            self.retire(current, now);
        }
        let old: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| link.place == id)
            .map(|(id, _)| *id)
            .collect();
        for link in old {
            self.end_if_due(link, now);
        }
    }

    /// When places want to be tried again.
    pub(super) fn retries(&self) -> impl Iterator<Item = Duration> {
        let is_idle = !self.paused && self.stopping.is_none();
        let waits = move |(id, _): &(&PlaceId, &Place)| is_idle && self.next(**id).is_none();
        self.places
            .iter()
            .filter(waits)
            .filter_map(|(_, place)| place.retry_at)
    }

    fn answer_all(&mut self, now: Duration) {
        let waiting = std::mem::take(&mut self.waiting);
        for one in waiting {
            let is_open = self
                .reports()
                .any(|report| report.state == GatewayState::Requested);
            if is_open && now < one.deadline && self.stopping.is_none() {
                self.waiting.push_back(one);
            } else {
                self.answer(one.ticket);
            }
        }
    }

    fn answer(&mut self, ticket: AnnounceTicket) {
        let patience = self.settings.announce_patience.as_secs();
        let late = |mut report: GatewayReport| {
            if report.state == GatewayState::Requested {
                report.state = GatewayState::Unreachable;
                report.reason = Some(format!("it granted no session within {patience} s"));
            }
            report
        };
        let reports = self.reports().map(late).collect();
        self.outputs
            .push_back(SessionsOutput::Announced { ticket, reports });
    }

    /// What the gateways know that have a session of the terminal's own accord.
    pub fn reports(&self) -> impl Iterator<Item = GatewayReport> {
        self.places.iter().filter_map(|(id, place)| {
            let state = self.known(*id, place)?;
            Some(GatewayReport {
                gateway: place.contact.gateway.clone()?,
                contact: place.contact.contact.clone(),
                state,
                reason: place
                    .reason
                    .clone()
                    .filter(|_| state != GatewayState::Confirmed),
            })
        })
    }

    /// What a gateway knows of the present applications, where it counts.
    pub(super) fn known(&self, id: PlaceId, place: &Place) -> Option<GatewayState> {
        if !place.is_started(&self.wanted) {
            return None;
        }
        let profile = place.profile(&self.wanted)?;
        let stands = self.current(id).is_some_and(|(_, link)| {
            link.role == Role::Current
                && link.session.state() != State::Null
                && *link.session.profile() == profile
        });
        if stands {
            return Some(GatewayState::Confirmed);
        }
        Some(place.concluded.unwrap_or(GatewayState::Requested))
    }
}
