//! One gateway or contact point: whether there is to be a session with it, and what it knows.

use std::collections::BTreeSet;
use std::time::Duration;

use push_message::{PushApplicationId, UnixMillis};

use super::{
    ContactPoint, GatewayState, SessionContact, SessionGateway, Start, WantedApplications,
};
use crate::wsp::session::SessionProfile;

/// Names a gateway or contact point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PlaceId(pub(super) u64);

/// What all sessions are for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) applications: BTreeSet<PushApplicationId>,
    pub(super) accept: BTreeSet<Box<str>>,
    pub(super) asked_for: bool,
}

/// One gateway or contact point.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) contact: SessionContact,
    /// Absent for a contact point that a session initiation request named.
    pub(super) start: Option<Start>,
    pub(super) bearer: u8,
    /// What a session initiation request asked for.
    pub(super) invited: Option<WantedApplications>,
    /// A session is to be opened even where one stands.
    pub(super) afresh: bool,
    /// Where a server that redirected for good said it is.
    pub(super) moved: Option<ContactPoint>,
    /// Attempts that failed, one after the other.
    pub(super) failures: u32,
    pub(super) retry_at: Option<Duration>,
    /// How the last attempt since the last announcement ended, if it failed.
    pub(super) concluded: Option<GatewayState>,
    pub(super) reason: Option<String>,
    pub(super) pushes: u64,
    pub(super) last_push: Option<UnixMillis>,
}

impl Place {
    pub(super) fn of_gateway(gateway: &SessionGateway, bearer: u8) -> Self {
        Self {
            start: Some(gateway.start),
            bearer: gateway.bearer.unwrap_or(bearer),
            ..Self::new(
                SessionContact {
                    gateway: Some(gateway.id.clone()),
                    contact: gateway.contact.clone(),
                },
                bearer,
            )
        }
    }

    pub(super) const fn new(contact: SessionContact, bearer: u8) -> Self {
        Self {
            contact,
            start: None,
            bearer,
            invited: None,
            afresh: false,
            moved: None,
            failures: 0,
            retry_at: None,
            concluded: None,
            reason: None,
            pushes: 0,
            last_push: None,
        }
    }

    /// Whether the terminal opens its sessions of its own accord.
    pub(super) const fn is_started(&self, wanted: &Wanted) -> bool {
        match self.start {
            Some(Start::Always) => true,
            Some(Start::Registration) => wanted.asked_for,
            Some(Start::Request) | None => false,
        }
    }

    /// What its session is to be for; absent where nobody needs one.
    //= specs/ota-wsp.md#sir
    //# A session that a session initiation request asked for SHOULD be for those of the applications in it that the terminal has.
    pub(super) fn profile(&self, wanted: &Wanted) -> Option<SessionProfile> {
        let fits: &dyn Fn(&PushApplicationId) -> bool = match &self.invited {
            _ if self.is_started(wanted) => &|_| true,
            Some(WantedApplications::Any) => &|_| true,
            Some(WantedApplications::Only(named)) => &|id| named.contains(id),
            None => return None,
        };
        let has = |id: &PushApplicationId| wanted.applications.contains(id);
        let is_other = |id: &&PushApplicationId| {
            **id != PushApplicationId::WML_UA && **id != PushApplicationId::PUSH_SIA && fits(id)
        };
        // The first is the default one: pushes that name none are for the WML user agent wherever somebody is that.
        let default = [PushApplicationId::WML_UA];
        let default = default.into_iter().filter(|id| has(id) && fits(id));
        let others = wanted.applications.iter().filter(is_other).cloned();
        let mut applications: Vec<_> = default.chain(others).collect();
        if applications.is_empty() {
            return None;
        }
        if has(&PushApplicationId::PUSH_SIA) {
            applications.push(PushApplicationId::PUSH_SIA);
        }
        Some(SessionProfile {
            applications,
            accept: wanted.accept.iter().cloned().collect(),
            bearer: self.bearer,
        })
    }

    /// An invitation, beside those before it that are not over.
    pub(super) fn invite(&mut self, applications: &WantedApplications) {
        use WantedApplications::{Any, Only};
        self.invited = Some(match (self.invited.take(), applications) {
            (None, applications) => applications.clone(),
            (Some(Only(mut former)), Only(named)) => {
                former.extend(named.iter().cloned());
                Only(former)
            }
            (Some(Any | Only(_)), Any) | (Some(Any), Only(_)) => Any,
        });
        self.failures = 0;
        self.retry_at = None;
    }
}
