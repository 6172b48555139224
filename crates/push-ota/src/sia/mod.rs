//! The Session Initiation Application (WAP-235 section 8): what becomes of a request to connect to a gateway.
//!
//! Such a request comes as a push to `x-wap-application:push.sia`. Anybody could send one, so it is followed only if it comes
//! from a gateway or from somebody listed, names hosts that it may name, and no other one was followed just before. Its contact
//! points for OTA-HTTP are dialled, or sessions are opened with those for OTA-WSP: with those of one list alone, and never by the
//! protocol of the other.
//!
//! # The lockout
//!
//! While what a request asked for is not open, others wait; for as long as the settings say and no longer. A sender that is told so, over
//! HTTP or by a confirmed push, asks again by itself. One that is not told, by a datagram or a short message, asks once and never again
//! (Kannel does so before each push, and a push whose request is dropped is lost): of its requests each is kept, the same one once, and
//! followed when the lockout ends; see [`Sia::next_deferred`].

pub(crate) mod contacts;
mod deferred;
mod ignored;
mod sessions;
mod sources;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use push_message::{Address, MediaType, Origin, PushApplicationId, ReceivedPush};
use wap_wire::wsp;

use crate::http::{Contact, CpiTag, Terminal};
use crate::wsp::sessions::{ContactPoint, SessionContact, SessionGateway, WantedApplications};

use deferred::Deferred;
pub use ignored::Ignored;

/// The media type of a session initiation request.
pub const MEDIA_TYPE: &str = "application/vnd.wap.sia";

/// The bounds and choices of the Session Initiation Application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiaSettings {
    /// Who may send requests beside the gateways that are provisioned. Host names are those that a server proved, or that
    /// resolve to its address.
    pub sources: Vec<Address>,
    /// Whom a request may have dialled.
    pub contacts: SirContacts,
    /// What becomes of a request whose ProvURL is that of no gateway.
    pub unknown_context: UnknownContext,
    /// For how long others wait after a request was followed, unless what it asked for is open before.
    pub lockout: Duration,
    /// Requests that wait for the end of the lockout, of those whose sender cannot be told to ask again. Zero: they are dropped.
    pub max_deferred: usize,
    /// Contact points that are followed of one request; the first count.
    pub max_contacts: usize,
    /// Octets of a request.
    pub max_length: usize,
    /// Which contact points count of a request that has some for each protocol.
    pub preference: SirPreference,
    /// Contact points for sessions that are no addresses are taken for the address that the request came from, and the registered
    /// port: there are gateways that write theirs in letters.
    pub malformed_contacts: bool,
}

impl Default for SiaSettings {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            contacts: SirContacts::default(),
            unknown_context: UnknownContext::default(),
            lockout: Duration::from_mins(1),
            max_deferred: 16,
            max_contacts: 4,
            max_length: 4096,
            preference: SirPreference::default(),
            malformed_contacts: true,
        }
    }
}

/// Which contact points count of a request that has some for each protocol (WAP-235 8: the terminal uses one list).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SirPreference {
    /// Those for OTA-HTTP.
    #[default]
    OtaHttp,
    /// Those for OTA-WSP.
    OtaWsp,
}

/// Whom the terminal can connect to, by protocol.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The terminal on OTA-HTTP; absent where that is off.
    pub http: Option<Arc<Terminal>>,
    /// The gateways with which there are sessions of OTA-WSP; absent where sessions are off.
    pub sessions: Option<Arc<[SessionGateway]>>,
}

/// Whom a session initiation request may have dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SirContacts {
    /// Gateways that are provisioned, unless they are never to be dialled.
    #[default]
    Known,
    /// Anyone; over OTA-WSP not this machine and what shares a link with it, unless the request comes from there.
    Any,
}

/// What becomes of a request whose ProvURL is that of no gateway: the terminal decides (WAP-235 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownContext {
    /// It is followed as if it named none.
    #[default]
    Follow,
    /// It is ignored.
    Ignore,
}

/// What becomes of a session initiation request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is followed.
    Follow(Follow),
    /// It is to be followed once the lockout has ended.
    Deferred,
    /// Nothing is done.
    Ignored(Ignored),
}

/// Where a session initiation request leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// Where to dial, in order, with the tag of the CPI that the gateway there assumes.
    pub contacts: Vec<(Contact, Option<CpiTag>)>,
    /// The ProvURL of the context to use, where the request named one that is known.
    pub prov_url: Option<Box<str>>,
    /// Where to open sessions, in order. Empty where `contacts` is not, and the other way round.
    pub sessions: Vec<SessionContact>,
    /// The applications that the request names.
    pub applications: WantedApplications,
    /// Contact points that are left alone, each with the reason.
    pub left_alone: Vec<Ignored>,
}

/// The Session Initiation Application of a terminal.
//= specs/ota-http.md#sir
//# A terminal that speaks OTA-HTTP MUST have a Session Initiation Application.
//= specs/ota-wsp.md#sir
//# A terminal that speaks connection-oriented OTA-WSP MUST have a Session Initiation Application.
#[derive(Debug)]
pub struct Sia {
    reach: Reach,
    settings: SiaSettings,
    lockout: Option<Lockout>,
    deferred: Deferred,
}

/// A request was followed.
#[derive(Debug)]
struct Lockout {
    /// Others wait until then.
    until: Duration,
    /// What is not open yet.
    awaited: Vec<Contact>,
    /// Sessions that are not open yet.
    awaited_sessions: Vec<ContactPoint>,
}

impl Sia {
    /// The Session Initiation Application of a terminal that can connect to these; it has followed no request yet.
    pub fn new(reach: Reach, settings: SiaSettings) -> Self {
        Self {
            reach,
            settings,
            lockout: None,
            deferred: Deferred::default(),
        }
    }

    /// Whether a push is for the Session Initiation Application: it names it, or is of its content type. Kannel names the application
    /// that it asks for in the header as well, and nobody else can do anything with such a push.
    pub fn is_for(push: &ReceivedPush) -> bool {
        push.message.application == Some(PushApplicationId::PUSH_SIA)
            || is_sia(&push.message.content_type.media_type)
    }

    /// Takes a push that [is for it](Self::is_for). `resolves` says whether a host name is known to resolve to an address; `now`
    /// is on the monotonic clock.
    pub fn receive(
        &mut self,
        push: &ReceivedPush,
        resolves: impl Fn(&str, IpAddr) -> bool,
        now: Duration,
    ) -> Outcome {
        let follow = match self.judge(push, &resolves) {
            Ok(follow) => follow,
            Err(ignored) => return Outcome::Ignored(ignored),
        };
        //= specs/ota-http.md#sir-security
        //# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
        //= specs/ota-wsp.md#sir-security
        //# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
        if !self.is_locked(now) {
            self.lock(&follow, now);
            return Outcome::Follow(follow);
        }
        // Whoever hears that it is not followed asks again by itself.
        if !push.origin.answerable && self.deferred.keep(push, self.settings.max_deferred) {
            Outcome::Deferred
        } else {
            Outcome::Ignored(Ignored::Locked)
        }
    }

    /// Once the lockout has ended: what becomes of the request that has waited longest, with that request. To be asked again until there is none,
    /// whenever something was [established](Self::established) and when [`poll_timeout`](Self::poll_timeout) says so.
    pub fn next_deferred(
        &mut self,
        resolves: impl Fn(&str, IpAddr) -> bool,
        now: Duration,
    ) -> Option<(ReceivedPush, Outcome)> {
        if self.is_locked(now) {
            return None;
        }
        let push = self.deferred.next()?;
        let outcome = self.receive(&push, resolves, now);
        Some((push, outcome))
    }

    /// When [`next_deferred`](Self::next_deferred) is to be asked; absent: nothing waits.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let waits = !self.deferred.is_empty();
        waits.then(|| self.locked_until().unwrap_or_default())
    }

    /// How many requests wait for the end of the lockout.
    pub fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// A contact point is connected to. Once all that a request asked for are, the next one is followed at once.
    //= specs/ota-http.md#sir-security
    //# The lockout timer SHOULD be reset once the connections that were asked for are open.
    pub fn established(&mut self, contact: &Contact) {
        if let Some(lockout) = &mut self.lockout {
            lockout.awaited.retain(|awaited| awaited != contact);
        }
        self.unlock();
    }

    /// A session with a contact point is open, as [`established`](Self::established).
    //= specs/ota-wsp.md#sir-security
    //# The lockout timer SHOULD be reset once the sessions that were asked for are open.
    pub fn session_established(&mut self, contact: &ContactPoint) {
        self.session_not_opened(contact);
    }

    /// No session with a contact point is opened after all: it is not waited for. For one that is not even tried, that is; whoever does not answer
    /// is waited for until the lockout ends.
    pub fn session_not_opened(&mut self, contact: &ContactPoint) {
        if let Some(lockout) = &mut self.lockout {
            lockout
                .awaited_sessions
                .retain(|awaited| awaited != contact);
        }
        self.unlock();
    }

    fn unlock(&mut self) {
        let open = |lockout: &mut Lockout| {
            lockout.awaited.is_empty() && lockout.awaited_sessions.is_empty()
        };
        self.lockout.take_if(open);
    }

    /// Until when requests wait, on the monotonic clock.
    pub fn locked_until(&self) -> Option<Duration> {
        self.lockout.as_ref().map(|lockout| lockout.until)
    }

    fn is_locked(&self, now: Duration) -> bool {
        self.locked_until().is_some_and(|until| now < until)
    }

    fn judge(
        &self,
        push: &ReceivedPush,
        resolves: &dyn Fn(&str, IpAddr) -> bool,
    ) -> Result<Follow, Ignored> {
        if !is_sia(&push.message.content_type.media_type) {
            return Err(Ignored::ContentType);
        }
        //= specs/ota-http.md#sir-security
        //# A session initiation request from a source that is not on that list SHOULD be ignored.
        //= specs/ota-wsp.md#sir-security
        //# A session initiation request from a source that is not on that list SHOULD be ignored.
        if !sources::is_allowed(&self.reach, &self.settings, &push.origin, resolves) {
            return Err(Ignored::Source);
        }
        let content = &push.message.content;
        let most = self.settings.max_length;
        if content.len() > most {
            return Err(Ignored::TooLong {
                length: content.len(),
                most,
            });
        }
        let request = wsp::Sia::decode(content).map_err(Ignored::Malformed)?;
        self.choose(&request, &push.origin, resolves)
    }

    /// Follows the one list of contact points or the other: the preferred one, unless nobody in it may be contacted.
    //= specs/ota-http.md#sir
    //# Of the two lists of contact points in a session initiation request the terminal MUST use one only.
    //= specs/ota-wsp.md#sir
    //# Contact points for OTA-WSP MUST NOT be contacted by another protocol by a terminal that does not speak it.
    //= specs/ota-wsp.md#sir
    //# Of the two lists of contact points in a session initiation request the terminal MUST use one only.
    fn choose(
        &self,
        request: &wsp::Sia<'_>,
        origin: &Origin,
        resolves: &dyn Fn(&str, IpAddr) -> bool,
    ) -> Result<Follow, Ignored> {
        let http = || match &self.reach.http {
            Some(terminal) => contacts::follow(terminal, &self.settings, request, resolves),
            None => Err(Ignored::OtaHttpOnly),
        };
        let wsp = || match &self.reach.sessions {
            Some(gateways) => sessions::follow(gateways, &self.settings, request, origin, resolves),
            None => Err(Ignored::OtaWspOnly),
        };
        let has_http = !request.contact_points.as_bytes().is_empty();
        let has_wsp = !request.wsp_contact_points.as_bytes().is_empty();
        match (has_http, has_wsp, self.settings.preference) {
            (false, false, _) => Err(Ignored::NoContactPoint),
            (true, false, _) => http(),
            (false, true, _) => wsp(),
            (true, true, SirPreference::OtaHttp) => {
                http().or_else(|ignored| wsp().or(Err(ignored)))
            }
            (true, true, SirPreference::OtaWsp) => wsp().or_else(|ignored| http().or(Err(ignored))),
        }
    }

    fn lock(&mut self, follow: &Follow, now: Duration) {
        let contacts = follow.contacts.iter();
        self.lockout = Some(Lockout {
            until: now.saturating_add(self.settings.lockout),
            awaited: contacts.map(|(contact, _)| contact.clone()).collect(),
            awaited_sessions: follow
                .sessions
                .iter()
                .map(|one| one.contact.clone())
                .collect(),
        });
    }
}

fn is_sia(media_type: &MediaType) -> bool {
    media_type.as_str() == MEDIA_TYPE
}
