//! The Session Initiation Application (WAP-235 section 8): what becomes of a request to connect to a gateway.
//!
//! Such a request comes as a push to `x-wap-application:push.sia`. Anybody could send one, so it is followed only if it comes
//! from a gateway or from somebody listed, names hosts that it may name, and no other one was followed just before. Its contact
//! points for OTA-HTTP are dialled, or sessions are opened with those for OTA-WSP: with those of one list alone, and never by the
//! protocol of the other.

pub(crate) mod contacts;
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
    /// For how long others are dropped after a request was followed, until what it asked for is open.
    pub lockout: Duration,
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
    /// Anyone.
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
}

/// A request was followed.
#[derive(Debug)]
struct Lockout {
    /// Others are dropped until then.
    until: Duration,
    /// What is not open yet.
    awaited: Vec<Contact>,
    /// Sessions that are not open yet.
    awaited_sessions: Vec<ContactPoint>,
}

impl Sia {
    /// The Session Initiation Application of a terminal that can connect to these; it has followed no request yet.
    pub const fn new(reach: Reach, settings: SiaSettings) -> Self {
        Self {
            reach,
            settings,
            lockout: None,
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
        match self.judge(push, &resolves, now) {
            Ok(follow) => {
                self.lock(&follow, now);
                Outcome::Follow(follow)
            }
            Err(ignored) => Outcome::Ignored(ignored),
        }
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

    /// Until when requests are dropped, on the monotonic clock.
    pub fn locked_until(&self) -> Option<Duration> {
        self.lockout.as_ref().map(|lockout| lockout.until)
    }

    fn judge(
        &self,
        push: &ReceivedPush,
        resolves: &dyn Fn(&str, IpAddr) -> bool,
        now: Duration,
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
        //= specs/ota-http.md#sir-security
        //# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
        //= specs/ota-wsp.md#sir-security
        //# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
        if self.locked_until().is_some_and(|until| now < until) {
            return Err(Ignored::Locked);
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
