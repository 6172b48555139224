//! Who may hold a Push Application ID beside somebody else (Push-CAI 5.1, the first rule and its exceptions).

use push_message::{ConnectionProfile, Reason, Refusal};

use crate::admission::Application;
use crate::registry::Registry;
use crate::{RegistrationRecord, Settings, ports};

/// Refuses a newcomer whose pushes could not be told from those of whoever holds its id, and one that asks for a port
/// that somebody else has.
///
/// An application that registers again is not held to be told apart by its own profiles alone: where others share its id
/// because their profiles tell them apart from it, it may stay as it was. Those that only observe stand in nobody's way, nor
/// anybody in theirs.
pub(crate) fn judge(
    settings: &Settings,
    registry: &Registry,
    application: &Application,
) -> Result<(), Refusal> {
    if application.observes {
        return Ok(());
    }
    judge_ports(settings, registry, application)?;
    let others = || {
        registry
            .of_application(&application.push_application_id)
            .filter(|record| !record.observes && !is_same(application, record))
    };
    let standing = registry.find(
        &application.owner,
        application.application_id.as_ref(),
        &application.push_application_id,
    );
    let mine = Distinction::of_application(application);
    let shares = |record: &RegistrationRecord| {
        let theirs = Distinction::of_record(record);
        mine.tells_from(settings, &theirs)
            || (standing.is_some() && theirs.tells_from(settings, &mine))
    };
    //= specs/push-cai.md#uniqueness
    //# A Push Application ID that another application holds MUST be refused to a newcomer that neither of the two exceptions covers.
    //= specs/push-cai.md#uniqueness
    //# A registration that repeats the Push Application ID of the same application MUST NOT be refused for being taken.
    if others().all(|record| shares(record)) {
        Ok(())
    } else {
        Err(Refusal::of_option(
            Reason::AlreadyRegistered,
            "pushApplicationID",
            format!(
                "{} is registered by another application; it can be shared only over a connectionProfile with a port that \
                 nobody else has, or over OTA-SIP alone with an applicationID of its own",
                application.push_application_id
            ),
        ))
    }
}

fn judge_ports(
    settings: &Settings,
    registry: &Registry,
    application: &Application,
) -> Result<(), Refusal> {
    let taken = application.profiles.iter().find(|profile| {
        !ports::names_sessions(settings, **profile)
            && registry
                .holders_of_port(profile)
                .any(|record| !record.observes && !is_same_application(application, record))
    });
    let Some(ConnectionProfile {
        port: Some(port), ..
    }) = taken
    else {
        return Ok(());
    };
    Err(Refusal::of_option(
        Reason::OptionNotAvailable,
        "connectionProfile.port",
        format!(
            "port {port} is taken by another application; ask for a different one, or leave it out"
        ),
    ))
}

/// The same application: owner and name are equal.
fn is_same_application(application: &Application, record: &RegistrationRecord) -> bool {
    record.owner == application.owner && record.application_id == application.application_id
}

fn is_same(application: &Application, record: &RegistrationRecord) -> bool {
    is_same_application(application, record)
        && record.push_application_id == application.push_application_id
}

/// What may tell an application from others with the same id.
struct Distinction<'a> {
    application_id: Option<&'a push_message::ApplicationId>,
    profiles: &'a [ConnectionProfile],
}

impl<'a> Distinction<'a> {
    fn of_application(application: &'a Application) -> Self {
        Self {
            application_id: application.application_id.as_ref(),
            profiles: &application.profiles,
        }
    }

    fn of_record(record: &'a RegistrationRecord) -> Self {
        Self {
            application_id: record.application_id.as_ref(),
            profiles: &record.profiles,
        }
    }

    /// Whether every profile keeps this application's pushes from the other's. Push sessions are everybody's: their port
    /// is no port that an application has for itself.
    fn tells_from(&self, settings: &Settings, other: &Self) -> bool {
        !self.profiles.is_empty()
            && self.profiles.iter().all(|profile| {
                Self::has_own_port(settings, *profile, other)
                    || self.has_own_tag(settings, *profile, other)
            })
    }

    //= specs/push-cai.md#uniqueness
    //# A Push Application ID in use MUST NOT be refused for being taken when the newcomer asks for a bearer port that nobody else has.
    fn has_own_port(settings: &Settings, profile: ConnectionProfile, other: &Self) -> bool {
        profile.port.is_some()
            && !ports::names_sessions(settings, profile)
            && !other.profiles.contains(&profile)
            && !other.takes_every_port(settings, profile)
    }

    /// Whether this application takes what comes to any port of the protocol and bearer of a profile.
    fn takes_every_port(&self, settings: &Settings, profile: ConnectionProfile) -> bool {
        let protocol = profile
            .protocol
            .and_then(|protocol| settings.protocols.get(&protocol));
        let covers = |own: &ConnectionProfile| {
            own.port.is_none()
                && own.protocol.is_none_or(|own| Some(own) == profile.protocol)
                && own.bearer.is_none_or(|own| Some(own) == profile.bearer)
        };
        protocol.is_some_and(|protocol| protocol.any_port_is_standard)
            && (self.profiles.is_empty() || self.profiles.iter().any(covers))
    }

    //= specs/push-cai.md#uniqueness
    //# A Push Application ID in use MUST NOT be refused for being taken when the newcomer is reached by OTA-SIP alone and is told apart by a feature tag of its own.
    fn has_own_tag(&self, settings: &Settings, profile: ConnectionProfile, other: &Self) -> bool {
        let tells_apart = profile
            .protocol
            .and_then(|protocol| settings.protocols.get(&protocol))
            .is_some_and(|protocol| protocol.tells_instances_apart);
        tells_apart
            && self.application_id.is_some_and(|own| {
                // Feature tags compare without case (RFC 3840 9): the core would take both for one.
                let theirs = other.application_id;
                theirs.is_none_or(|theirs| !own.as_str().eq_ignore_ascii_case(theirs.as_str()))
            })
    }
}
