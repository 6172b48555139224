//! The sessions as an operator sees them.

use super::place::{Place, PlaceId};
use super::{SessionView, SessionViewState, Sessions};
use crate::wsp::session::table::State;

impl Sessions {
    /// The gateways, and the contact points of session initiation requests.
    pub fn views(&self) -> Vec<SessionView> {
        self.places
            .iter()
            .map(|(id, place)| self.view(*id, place))
            .collect()
    }

    fn view(&self, id: PlaceId, place: &Place) -> SessionView {
        let current = self.current(id).map(|(_, link)| link);
        let next = self.next(id).map(|(_, link)| link);
        let shown = current.or(next);
        let waits = place.retry_at.filter(|_| next.is_none());
        let state = match (current, next) {
            (Some(link), _) => match link.session.state() {
                State::Suspended => SessionViewState::Suspended,
                State::Resuming => SessionViewState::Resuming,
                State::Null | State::Connecting | State::Connected => SessionViewState::Connected,
            },
            (None, Some(_)) => SessionViewState::Connecting,
            (None, None) if waits.is_some() => SessionViewState::Waiting,
            (None, None) => SessionViewState::Idle,
        };
        let links = self.links.values().filter(|link| link.place == id);
        SessionView {
            contact: place.contact.clone(),
            start: place.start,
            invited: place.invited.is_some(),
            state,
            known: self.known(id, place),
            reason: place.reason.clone(),
            session_id: current.and_then(|link| link.session.session_id()),
            peer: shown.and_then(super::link::Link::peer),
            applications: shown
                .map(|link| link.session.profile().applications.clone())
                .unwrap_or_default(),
            pushes_under_way: links.map(|link| link.session.pushes()).sum(),
            pushes: place.pushes,
            last_push: place.last_push,
            retry_at: waits,
        }
    }
}
