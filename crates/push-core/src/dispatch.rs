//! Whom a push is for, and whether they take it.
//!
//! The order: is the server on a whitelist that counts; the application id; the registrations with that id whose profile
//! fits; the content type; a duplicate; room; the journal. The application's own whitelist is known only once the
//! registration is, so the first question is asked of the default whitelist alone where no registration fits: a server
//! that nobody lists learns nothing about who is registered. A push that is refused by these rules, though it would be
//! taken once a registration under way is in force, may be sent again: the server may have learned of the application
//! before the application itself. At most one registration fits a push, because an id is
//! shared only by applications that are told apart; where settings have changed since and several fit, the one
//! registered first gets it, and its word is the verdict. OTA-SIP leaves more to find out: see `choosing`.

use std::sync::Arc;

use push_message::{ConnectionProfile, MediaType, Origin, PushApplicationId, ReceivedPush};

use crate::client::PushClient;
use crate::registry::Candidate;
use crate::whitelist::Listing;
use crate::{Addressing, ProtocolSettings, PushRefusal, RegistrationRecord};

/// Hears how a push is judged, step by step.
pub(crate) trait Steps {
    /// One step, as a sentence; not asked for where nobody listens.
    fn step(&mut self, sentence: impl FnOnce() -> String);
}

/// Nobody listens.
pub(crate) struct Silent;

impl Steps for Silent {
    fn step(&mut self, _sentence: impl FnOnce() -> String) {}
}

/// Whom a push is for.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// This registration.
    For(Arc<RegistrationRecord>),
    /// Nobody who is registered.
    Unmatched,
    /// Somebody who does not take it, or a server that is not welcome.
    Refused(PushRefusal),
}

impl Judgement {
    /// The registration that takes the push.
    pub(crate) const fn taker(&self) -> Option<&Arc<RegistrationRecord>> {
        match self {
            Self::For(record) => Some(record),
            Self::Unmatched | Self::Refused(_) => None,
        }
    }
}

impl PushClient {
    /// Judges a push by the registrations; changes nothing.
    pub(crate) fn judge(&self, push: &ReceivedPush, steps: &mut impl Steps) -> Judgement {
        match self.addressing(&push.origin) {
            Addressing::ByContentType => self.judge_by_id(push, steps),
            Addressing::OnlyFitting { ambiguous } => self.judge_by_choice(push, ambiguous, steps),
        }
    }

    fn judge_by_id(&self, push: &ReceivedPush, steps: &mut impl Steps) -> Judgement {
        let application = self.addressee(push, steps);
        let fitting = self.fitting(application, &push.origin, steps);
        let judgement = self.judge_for(fitting, Some(application), push, steps);
        self.unless_awaited(judgement, push, Some(application), fitting, steps)
    }

    /// The judgement, unless an application is being registered that would take what is refused.
    pub(crate) fn unless_awaited(
        &self,
        judgement: Judgement,
        push: &ReceivedPush,
        application: Option<&PushApplicationId>,
        fitting: Option<&Arc<RegistrationRecord>>,
        steps: &mut impl Steps,
    ) -> Judgement {
        let media_type = Some(&push.message.content_type.media_type);
        match judgement {
            Judgement::Unmatched | Judgement::Refused(_)
                if self.is_awaited(push, application, media_type, fitting) =>
            {
                steps.step(|| {
                    let id = application.map_or_else(String::new, |id| format!(" for {id}"));
                    format!(
                        "an application that would take it is being registered{id} at this moment, so it may be sent \
                         again"
                    )
                });
                Judgement::Refused(PushRefusal::NotYet)
            }
            Judgement::For(_) | Judgement::Unmatched | Judgement::Refused(_) => judgement,
        }
    }

    /// Whether a push that can be answered would be taken by a registration that is not in force yet, and that stands in
    /// nobody's way but the one that it replaces. No type: its content is not known yet.
    pub(crate) fn is_awaited(
        &self,
        push: &ReceivedPush,
        application: Option<&PushApplicationId>,
        media_type: Option<&MediaType>,
        fitting: Option<&Arc<RegistrationRecord>>,
    ) -> bool {
        let takes = |candidate: &Candidate| {
            let record = &candidate.record;
            let in_its_place =
                |fitting: &Arc<RegistrationRecord>| candidate.replaces == Some(fitting.id);
            !record.observes
                && fitting.is_none_or(in_its_place)
                && self.way_fits(record, &push.origin)
                && media_type.is_none_or(|media_type| accepts(record, media_type))
                && self.is_welcome(record, &push.origin, media_type)
        };
        push.origin.answerable
            && match application {
                Some(application) => self.registry.candidates_for(application).any(takes),
                None => self.registry.candidates().any(takes),
            }
    }

    /// Whether a server may push to the application of a registration; content of whatever type, where none is given.
    pub(crate) fn is_welcome(
        &self,
        record: &Arc<RegistrationRecord>,
        origin: &Origin,
        media_type: Option<&MediaType>,
    ) -> bool {
        let application = Some(&record.push_application_id);
        self.listing(Some(record), application, origin, media_type) != Listing::Unlisted
    }

    pub(crate) fn listing(
        &self,
        record: Option<&Arc<RegistrationRecord>>,
        application: Option<&PushApplicationId>,
        origin: &Origin,
        media_type: Option<&MediaType>,
    ) -> Listing {
        self.hosts.listing(
            origin,
            &self.settings.default_whitelist,
            record.map(|record| &record.whitelist),
            application,
            media_type,
        )
    }

    /// Judges a push by the registration that fits it, if one does.
    pub(crate) fn judge_for(
        &self,
        fitting: Option<&Arc<RegistrationRecord>>,
        application: Option<&PushApplicationId>,
        push: &ReceivedPush,
        steps: &mut impl Steps,
    ) -> Judgement {
        let media_type = &push.message.content_type.media_type;
        let listing = self.listing(fitting, application, &push.origin, Some(media_type));
        explain_listing(listing, &push.origin, steps);
        let Some(record) = fitting else {
            return if listing == Listing::Unlisted {
                Judgement::Refused(PushRefusal::ServerNotListed)
            } else {
                Judgement::Unmatched
            };
        };
        if listing == Listing::Unlisted {
            return Judgement::Refused(PushRefusal::ServerNotListed);
        }
        if !accepts(record, media_type) {
            steps.step(|| format!("the application does not accept content of type {media_type}"));
            return Judgement::Refused(PushRefusal::ContentType);
        }
        steps.step(|| format!("the application accepts content of type {media_type}"));
        Judgement::For(Arc::clone(record))
    }

    /// The id that a push is meant for; one that names none is meant for the id of its content type.
    fn addressee<'a>(
        &'a self,
        push: &'a ReceivedPush,
        steps: &mut impl Steps,
    ) -> &'a PushApplicationId {
        let application = addressee(&self.settings.default_applications, push);
        steps.step(|| match &push.message.application {
            Some(named) => format!("the push names {named}"),
            None => format!(
                "the push names no application; content of type {} is for {application}",
                push.message.content_type.media_type
            ),
        });
        application
    }

    /// The registration that a push is for, whatever it accepts.
    //= specs/push-cai.md#uniqueness
    //# Applications that share a Push Application ID MUST each be given only the pushes that are meant for them.
    pub(crate) fn fitting(
        &self,
        application: &PushApplicationId,
        origin: &Origin,
        steps: &mut impl Steps,
    ) -> Option<&Arc<RegistrationRecord>> {
        let fitting = self
            .registry
            .taking(application)
            .find(|record| self.way_fits(record, origin));
        steps.step(|| match fitting {
            Some(record) => format!(
                "registration {} of {} takes {application} over {} on {}",
                record.id, record.owner, origin.protocol, origin.bearer
            ),
            None if self.registry.taking(application).next().is_none() => {
                format!("no application is registered for {application}")
            }
            None => format!(
                "{application} is registered, but by nobody who takes it over {} on {}{}",
                origin.protocol,
                origin.bearer,
                origin
                    .destination_port
                    .map_or_else(String::new, |port| format!(" at port {port}"))
            ),
        });
        fitting
    }

    /// How pushes that come this way find their application.
    pub(crate) fn addressing(&self, origin: &Origin) -> Addressing {
        let protocol = self.settings.protocols.get(&origin.protocol);
        protocol.map_or_else(Addressing::default, |protocol| protocol.addressing)
    }

    /// Whether a registration takes pushes that come this way.
    pub(crate) fn way_fits(&self, record: &RegistrationRecord, origin: &Origin) -> bool {
        self.instance_fits(record, origin) && self.profile_fits(record, origin)
    }

    pub(crate) fn profile_fits(&self, record: &RegistrationRecord, origin: &Origin) -> bool {
        let Some(protocol) = self.settings.protocols.get(&origin.protocol) else {
            return false;
        };
        let fits = |profile: &ConnectionProfile| fits(*profile, origin, protocol);
        let any = ConnectionProfile {
            protocol: None,
            bearer: None,
            port: None,
        };
        if record.profiles.is_empty() {
            fits(&any)
        } else {
            record.profiles.iter().any(fits)
        }
    }

    /// Whether the push addresses no instance, or this one.
    fn instance_fits(&self, record: &RegistrationRecord, origin: &Origin) -> bool {
        let tells_apart = self
            .settings
            .protocols
            .get(&origin.protocol)
            .is_some_and(|protocol| protocol.tells_instances_apart);
        match &origin.instance {
            Some(instance) if tells_apart => record
                .application_id
                .as_ref()
                .is_some_and(|own| own.as_str() == &**instance),
            Some(_) | None => true,
        }
    }
}

//= specs/ota-http.md#addressing
//# A push without X-Wap-Application-Id MUST go to the WML user agent.
pub(crate) fn addressee<'a>(
    defaults: &'a [(MediaType, PushApplicationId)],
    push: &'a ReceivedPush,
) -> &'a PushApplicationId {
    static WML_UA: PushApplicationId = PushApplicationId::WML_UA;
    if let Some(named) = &push.message.application {
        return named;
    }
    let media_type = &push.message.content_type.media_type;
    defaults
        .iter()
        .find(|(candidate, _)| candidate == media_type)
        .map_or(&WML_UA, |(_, application)| application)
}

fn fits(profile: ConnectionProfile, origin: &Origin, protocol: &ProtocolSettings) -> bool {
    let port_fits = match (profile.port, origin.destination_port) {
        // The terminal's port of a session is its own affair.
        (Some(own), port) if protocol.session_port == Some(own) => port.is_none(),
        (Some(own), port) => port == Some(own),
        (None, Some(port)) => {
            protocol.any_port_is_standard
                || protocol
                    .bearers
                    .get(&origin.bearer)
                    .is_none_or(|bearer| bearer.ports.is_empty() || bearer.is_standard(port))
        }
        (None, None) => true,
    };
    port_fits
        && profile
            .protocol
            .is_none_or(|protocol| protocol == origin.protocol)
        && profile.bearer.is_none_or(|bearer| bearer == origin.bearer)
}

pub(crate) fn accepts(record: &RegistrationRecord, media_type: &MediaType) -> bool {
    let accept = record.accept.as_ref();
    accept.is_none_or(|accept| accept.accepts(media_type))
}

pub(crate) fn explain_listing(listing: Listing, origin: &Origin, steps: &mut impl Steps) {
    let sender = || match origin.originator() {
        Some(originator) => format!("server {} (originator {originator})", origin.server),
        None => format!("server {}", origin.server),
    };
    steps.step(|| match listing {
        Listing::Anyone => format!("no whitelist counts here, so {} may push", sender()),
        Listing::Default => format!("{} is on the default whitelist", sender()),
        Listing::Own => format!("{} is on the application's own whitelist", sender()),
        Listing::Unlisted => format!("{} is on no whitelist that counts here", sender()),
    });
}
