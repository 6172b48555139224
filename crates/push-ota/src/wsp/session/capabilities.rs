//! What client and server agree on (WSP 8.3), and the headers that hold for a session (WAP-235 6.4.1).

use push_message::PushApplicationId;
use wap_wire::EncodeError;
use wap_wire::wsp::{Capabilities, Capability, EncodeOptions, ProtocolOptions};

use super::{SessionProfile, SessionSettings};

/// WDP's number for any bearer with IPv4.
const ANY_BEARER: u8 = 0;

/// What holds in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// The optional functions.
    pub options: ProtocolOptions,
    /// Confirmed pushes that may be under way (MOP).
    pub push_mor: u8,
    /// The largest SDU that the server sends, as it says.
    pub client_sdu_size: u32,
}

impl Negotiated {
    /// What the terminal proposes.
    pub(super) fn proposed(settings: &SessionSettings) -> Self {
        Self {
            options: options(settings),
            push_mor: settings.push_mor,
            client_sdu_size: settings.client_sdu_size,
        }
    }

    /// What is left of it after the server's reply, which can but take away. What the reply leaves out stays as proposed; of
    /// what it repeats the first counts.
    //= specs/wsp.md#capabilities
    //# A capability of this protocol that a reply leaves out MUST be taken for the one that was proposed.
    //= specs/wsp.md#capabilities
    //# A capability that is not known MUST be ignored.
    pub(super) fn of(settings: &SessionSettings, reply: Capabilities<'_>) -> Self {
        let mut negotiated = Self::proposed(settings);
        let (mut options, mut push_mor, mut size) = (None, None, None);
        for capability in reply.into_iter().flatten() {
            match capability {
                //= specs/wsp.md#capabilities
                //# Bits and octets of the protocol options that are not defined MUST be ignored.
                Capability::ProtocolOptions(own) => _ = options.get_or_insert(own.0),
                Capability::PushMor(most) => _ = push_mor.get_or_insert(most),
                Capability::ClientSduSize(own) => _ = size.get_or_insert(own),
                Capability::ServerSduSize(_)
                | Capability::MethodMor(_)
                | Capability::ExtendedMethods(_)
                | Capability::HeaderCodePages(_)
                | Capability::Aliases(_)
                | Capability::ClientMessageSize(_)
                | Capability::ServerMessageSize(_)
                | Capability::NotRecognised(_)
                | Capability::Unknown { .. } => {}
            }
        }
        negotiated.options.0 &= options.unwrap_or(u8::MAX);
        negotiated.push_mor = negotiated.push_mor.min(push_mor.unwrap_or(u8::MAX));
        if let Some(size) = size {
            negotiated.client_sdu_size = lesser(negotiated.client_sdu_size, size);
        }
        negotiated
    }
}

/// The lesser of two sizes, of which 0 is any.
fn lesser(one: u32, other: u32) -> u32 {
    match (one, other) {
        (0, size) | (size, 0) => size,
        (one, other) => one.min(other),
    }
}

//= specs/ota-wsp.md#push-sessions
//# A push session MUST have confirmed pushes, unconfirmed ones, or both enabled.
fn options(settings: &SessionSettings) -> ProtocolOptions {
    let all = [
        (settings.confirmed_push, ProtocolOptions::CONFIRMED_PUSH),
        (settings.push, ProtocolOptions::PUSH),
        (settings.session_resume, ProtocolOptions::SESSION_RESUME),
        (
            settings.acknowledgement_headers,
            ProtocolOptions::ACKNOWLEDGEMENT_HEADERS,
        ),
    ];
    let wanted = all.into_iter().filter(|(wanted, _)| *wanted);
    wanted.fold(ProtocolOptions::default(), |sum, (_, option)| {
        sum.union(option)
    })
}

/// A Connect for a session with this profile. Its lists give way to `*` where it would be too long.
pub(super) fn connect(
    settings: &SessionSettings,
    profile: &SessionProfile,
) -> Result<Vec<u8>, EncodeError> {
    let whole = encode_connect(settings, profile, Lists::Whole)?;
    if whole.len() <= settings.max_connect {
        return Ok(whole);
    }
    let shorter = encode_connect(settings, profile, Lists::AnyType)?;
    if shorter.len() <= settings.max_connect {
        return Ok(shorter);
    }
    encode_connect(settings, profile, Lists::AnyTypeAndApplication)
}

/// A Resume. Of the headers it has the bearer, which may be another one.
pub(super) fn resume(session_id: u32, profile: &SessionProfile) -> Result<Vec<u8>, EncodeError> {
    let bearer = format!("{:02X}", profile.bearer);
    let bearer = (profile.bearer != ANY_BEARER).then_some(("Bearer-Indication", bearer.as_str()));
    EncodeOptions::default().resume(session_id, bearer.as_slice())
}

/// Which lists are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    Whole,
    AnyType,
    AnyTypeAndApplication,
}

fn encode_connect(
    settings: &SessionSettings,
    profile: &SessionProfile,
    lists: Lists,
) -> Result<Vec<u8>, EncodeError> {
    let mut capabilities = vec![
        Capability::ClientSduSize(settings.client_sdu_size),
        Capability::ServerSduSize(settings.server_sdu_size),
        Capability::ProtocolOptions(options(settings)),
        Capability::PushMor(settings.push_mor),
        Capability::ClientMessageSize(settings.client_message_size),
        Capability::ServerMessageSize(settings.server_message_size),
    ];
    capabilities.retain(|capability| !is_default(capability));
    let headers = headers(settings, profile, lists);
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    EncodeOptions::default().connect(&capabilities, &headers)
}

/// Whether a capability says what holds where it is not sent (WSP 8.3.3).
fn is_default(capability: &Capability<'_>) -> bool {
    match *capability {
        Capability::ClientSduSize(size)
        | Capability::ServerSduSize(size)
        | Capability::ClientMessageSize(size)
        | Capability::ServerMessageSize(size) => size == Capability::DEFAULT_SIZE,
        Capability::PushMor(most) => most == Capability::DEFAULT_MOR,
        Capability::ProtocolOptions(_)
        | Capability::MethodMor(_)
        | Capability::ExtendedMethods(_)
        | Capability::HeaderCodePages(_)
        | Capability::Aliases(_)
        | Capability::NotRecognised(_)
        | Capability::Unknown { .. } => false,
    }
}

/// The headers of a Connect: lists as one header for each entry.
//= specs/ota-wsp.md#headers
//# Accept-Application, Bearer-Indication and Push-Flag MUST be sent in the compact encoding of WSP.
fn headers(
    settings: &SessionSettings,
    profile: &SessionProfile,
    lists: Lists,
) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    let (major, minor) = settings.encoding_version;
    headers.push(("Encoding-Version", format!("{major}.{minor}")));
    if lists == Lists::AnyTypeAndApplication {
        headers.push(("Accept-Application", "*".to_owned()));
    } else {
        let ids = profile.applications.iter().map(application);
        headers.extend(ids.map(|id| ("Accept-Application", id)));
    }
    if lists == Lists::Whole {
        let types = profile.accept.iter().map(ToString::to_string);
        headers.extend(types.map(|one| ("Accept", one)));
    } else {
        headers.push(("Accept", "*/*".to_owned()));
    }
    let listed = |name, values: &[Box<str>]| -> Vec<(&'static str, String)> {
        values
            .iter()
            .map(|value| (name, value.to_string()))
            .collect()
    };
    headers.extend(listed("Accept-Charset", &settings.accept_charset));
    headers.extend(listed("Accept-Language", &settings.accept_language));
    //= specs/ota-wsp.md#bearer
    //# The bearer that a session is opened over SHOULD be told with its well-known number.
    // Any bearer says nothing, and Kannel does not survive being told.
    if profile.bearer != ANY_BEARER {
        headers.push(("Bearer-Indication", format!("{:02X}", profile.bearer)));
    }
    let agent = settings.user_agent.iter().map(ToString::to_string);
    headers.extend(agent.map(|agent| ("User-Agent", agent)));
    headers
}

/// An application id as the encoder takes it: the code in hexadecimal digits where there is one (WAP-251 5.1).
fn application(id: &PushApplicationId) -> String {
    match id.number() {
        _ if id.is_any() => "*".to_owned(),
        Some(number) => format!("{number:X}"),
        None => id.to_string(),
    }
}
