//! Whether a registration can be taken at all: every value parsed, every option looked for (Push-CAI 5.1).

use std::collections::BTreeMap;
use std::time::Duration;

use push_message::{
    Accept, ApplicationId, Bearer, ConnectionProfile, Owner, Protocol, PushApplicationId, Reason,
    Refusal, Whitelist,
};

use crate::places::{self, Places};
use crate::{ProfileRequest, ProtocolSettings, RegistrationRequest, Settings};

/// The most octets that an event handler may have.
const MAX_HANDLER_LENGTH: usize = 1024;

/// A registration request with every value parsed.
#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the request"
)]
pub(crate) struct Application {
    pub(crate) owner: Owner,
    pub(crate) application_id: Option<ApplicationId>,
    pub(crate) push_application_id: PushApplicationId,
    pub(crate) event_handler: Option<Box<str>>,
    pub(crate) whitelist: Whitelist,
    pub(crate) profiles: Box<[ConnectionProfile]>,
    pub(crate) accept: Option<Accept>,
    pub(crate) suppress_equal_content_millis: Option<u64>,
    pub(crate) observes: bool,
}

impl Application {
    /// Parses a request and judges everything in it that does not depend on other registrations.
    //= specs/push-cai.md#options
    //# A registration with an option that the Push Client does not support MUST be refused.
    pub(crate) fn admit(
        settings: &Settings,
        owner: Owner,
        request: &RegistrationRequest,
    ) -> Result<Self, Refusal> {
        let application = Self {
            push_application_id: registrable(settings, request)?,
            application_id: application_id(request.application_id.as_deref())?,
            whitelist: whitelist(settings, &request.whitelist)?,
            accept: accept(request.accept.as_deref())?,
            event_handler: event_handler(settings, request.event_handler.as_deref())?,
            profiles: profiles(settings, &request.connection_profile)?,
            suppress_equal_content_millis: suppression(settings, request.suppress_equal_content)?,
            observes: request.observes,
            owner,
        };
        application.authorize(settings)?;
        Ok(application)
    }

    //= specs/push-cai.md#trust
    //# Where no security policy is in force the Push Client MUST take an application as trusted and entitled to ask for registration.
    fn authorize(&self, settings: &Settings) -> Result<(), Refusal> {
        if !settings.allows(&self.owner) {
            return Err(Refusal::new(
                Reason::NotAuthorized,
                format!(
                    "owner {} may not register here; the administrator has to list it among the allowed owners",
                    self.owner
                ),
            ));
        }
        if settings.omna_only && !self.push_application_id.is_registered_with_omna() {
            return Err(Refusal::of_option(
                Reason::NotAuthorized,
                "pushApplicationID",
                format!(
                    "{} is not in the OMNA registry and only registered ids are taken here; use one such as \
                     x-wap-application:mms.ua",
                    self.push_application_id
                ),
            ));
        }
        Ok(())
    }
}

/// What an observer writes for its id that takes pushes to any.
const ANY: &str = "*";

/// Parses the id that every registration and deregistration names.
//= specs/push-cai.md#registration-request
//# A registration that names no pushApplicationID MUST be refused as an invalid request.
//= specs/push-cai.md#deregistration-request
//# A deregistration that names no pushApplicationID MUST be refused as an invalid request.
pub(crate) fn push_application_id(text: &str) -> Result<PushApplicationId, Refusal> {
    if text.trim() == ANY {
        return Ok(PushApplicationId::ANY);
    }
    PushApplicationId::parse(text).map_err(|error| invalid("pushApplicationID", &error))
}

/// Parses the id of a registration. The one that stands for any application (WAP-235 6.4.1.1) names none: whoever had it
/// would not get what it seems to promise, unless it only observes. Nor one that the client answers itself.
fn registrable(
    settings: &Settings,
    request: &RegistrationRequest,
) -> Result<PushApplicationId, Refusal> {
    let id = push_application_id(&request.push_application_id)?;
    if id.is_any() && !request.observes {
        return Err(Refusal::of_option(
            Reason::UnsupportedOption,
            "pushApplicationID",
            format!(
                "{id} stands for any application and names none; register each id that you take, such as \
                 x-wap-application:mms.ua"
            ),
        ));
    }
    if settings.own_applications.contains_key(&id) {
        return Err(Refusal::of_option(
            Reason::AlreadyRegistered,
            "pushApplicationID",
            format!(
                "{id} is answered by the Push Client itself; no application can have it, so register another id"
            ),
        ));
    }
    Ok(id)
}

/// Parses the application's own name; an explicit empty one is malformed.
pub(crate) fn application_id(text: Option<&str>) -> Result<Option<ApplicationId>, Refusal> {
    text.map(ApplicationId::parse)
        .transpose()
        .map_err(|error| invalid("applicationID", &error))
}

fn invalid(option: &'static str, error: &impl ToString) -> Refusal {
    Refusal::of_option(Reason::InvalidRequest, option, error.to_string())
}

fn whitelist(settings: &Settings, entries: &[String]) -> Result<Whitelist, Refusal> {
    if entries.len() > settings.max_whitelist {
        return Err(Refusal::of_option(
            Reason::QuotaExceeded,
            "whitelist",
            format!(
                "{} addresses were given; at most {} are taken, and a network (192.0.2.0/24) names many at once",
                entries.len(),
                settings.max_whitelist
            ),
        ));
    }
    Whitelist::parse(entries.iter().map(String::as_str))
        .map_err(|error| invalid("whitelist", &error))
}

fn accept(text: Option<&str>) -> Result<Option<Accept>, Refusal> {
    text.map(Accept::parse)
        .transpose()
        .map_err(|error| invalid("Accept", &error))
}

fn suppression(settings: &Settings, window: Option<Duration>) -> Result<Option<u64>, Refusal> {
    let Some(window) = window else {
        return Ok(None);
    };
    let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return Err(Refusal::of_option(
            Reason::InvalidRequest,
            "suppressEqualContent",
            "0 suppresses nothing; leave the option out, or give at least 1 s",
        ));
    }
    if window > settings.event_lifetime {
        return Err(Refusal::of_option(
            Reason::QuotaExceeded,
            "suppressEqualContent",
            format!(
                "{} s were asked for; at most {} s are taken",
                window.as_secs(),
                settings.event_lifetime.as_secs()
            ),
        ));
    }
    Ok(Some(millis))
}

fn event_handler(settings: &Settings, text: Option<&str>) -> Result<Option<Box<str>>, Refusal> {
    let Some(text) = text else {
        return Ok(None);
    };
    let malformed = text.len() > MAX_HANDLER_LENGTH
        || text
            .chars()
            .any(|character| character.is_control() || character.is_whitespace());
    let scheme = text
        .split_once(':')
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest))
        .filter(|(scheme, rest)| !malformed && is_scheme(scheme) && !rest.is_empty());
    let Some((scheme, _)) = scheme else {
        return Err(invalid(
            "eventHandler",
            &format!(
                "the event handler is no URI of at most {MAX_HANDLER_LENGTH} octets; {}",
                usable_handlers(settings)
            ),
        ));
    };
    if !settings.handler_schemes.contains(&scheme) {
        return Err(Refusal::of_option(
            Reason::UnsupportedOption,
            "eventHandler",
            format!(
                "handlers of scheme `{scheme}` are not served here; {}",
                usable_handlers(settings)
            ),
        ));
    }
    Ok(Some(text.into()))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet))
}

fn usable_handlers(settings: &Settings) -> String {
    let connection = "leave it out to take events over the application's own connection";
    if settings.handler_schemes.is_empty() {
        connection.to_owned()
    } else {
        let schemes = settings.handler_schemes.join(", ");
        format!("give one of scheme {schemes}, or {connection}")
    }
}

fn profiles(
    settings: &Settings,
    requests: &[ProfileRequest],
) -> Result<Box<[ConnectionProfile]>, Refusal> {
    if requests.len() > settings.max_profiles {
        return Err(Refusal::of_option(
            Reason::QuotaExceeded,
            "connectionProfile",
            format!(
                "{} profiles were given; at most {} are taken",
                requests.len(),
                settings.max_profiles
            ),
        ));
    }
    let mut profiles = Vec::new();
    for request in requests {
        profiles.extend(profile(settings, request)?);
    }
    profiles.sort_unstable();
    profiles.dedup();
    Ok(profiles.into())
}

/// One profile; a port makes it one for each protocol and bearer on which that port can be had.
fn profile(
    settings: &Settings,
    request: &ProfileRequest,
) -> Result<Vec<ConnectionProfile>, Refusal> {
    let protocol = protocol(settings, request.protocol.as_deref())?;
    let places: BTreeMap<_, _> = settings
        .protocols
        .iter()
        .filter(|(candidate, _)| protocol.is_none_or(|protocol| protocol == **candidate))
        .collect();
    let bearer = bearer(&places, request.bearer_type.as_deref())?;
    let Some(port) = &request.port else {
        return Ok(vec![ConnectionProfile {
            protocol,
            bearer,
            port: None,
        }]);
    };
    Places::new(&places, bearer).with_port(parse_port(port)?)
}

fn protocol(settings: &Settings, name: Option<&str>) -> Result<Option<Protocol>, Refusal> {
    let Some(name) = name else {
        return Ok(None);
    };
    let known = Protocol::from_name(name);
    known
        .filter(|protocol| settings.protocols.contains_key(protocol))
        .map(Some)
        .ok_or_else(|| {
            let supported = listed(settings.protocols.keys());
            let detail = match known {
                Some(protocol) => format!("protocol {protocol} is not run here; {supported}"),
                None => format!("`{name}` is no Push OTA protocol; {supported}"),
            };
            Refusal::of_option(
                Reason::UnsupportedOption,
                "connectionProfile.protocol",
                detail,
            )
        })
}

//= specs/push-cai.md#options
//# A registration with an option that is supported but cannot be had at the moment MUST be refused.
fn bearer(
    places: &BTreeMap<&Protocol, &ProtocolSettings>,
    name: Option<&str>,
) -> Result<Option<Bearer>, Refusal> {
    const OPTION: &str = "connectionProfile.bearerType";
    let Some(name) = name else {
        return Ok(None);
    };
    let present = || listed(places.values().flat_map(|place| place.bearers.keys()));
    let Some(bearer) = Bearer::from_name(name) else {
        let known = listed(Bearer::ALL);
        let detail = format!("`{name}` is no bearer that this client knows; {known}");
        return Err(Refusal::of_option(
            Reason::UnsupportedOption,
            OPTION,
            detail,
        ));
    };
    if places
        .values()
        .any(|place| place.bearers.contains_key(&bearer))
    {
        return Ok(Some(bearer));
    }
    let detail = format!("bearer {bearer} is absent here at present; {}", present());
    Err(Refusal::of_option(
        Reason::OptionNotAvailable,
        OPTION,
        detail,
    ))
}

fn parse_port(text: &str) -> Result<u16, Refusal> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    let port = text.parse::<u16>().ok();
    port.filter(|port| digits && *port > 0).ok_or_else(|| {
        places::refusal(
            Reason::InvalidRequest,
            format!("`{text}` is no port; give a decimal number from 1 to 65535"),
        )
    })
}

fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    let mut names: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        "there is none here at present".to_owned()
    } else {
        format!("what works: {}", names.join(", "))
    }
}
