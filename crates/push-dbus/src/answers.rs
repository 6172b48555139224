//! Answers as maps of D-Bus.

use std::collections::HashMap;

use push_api::{
    ConnectionProfile, DeadLetter, DeregistrationAnswer, HandlerState, Registration,
    RegistrationAnswer, Server, ServerAnswer,
};
use zbus::Variant;

/// A map, `a{sv}`.
pub(crate) type Answer = HashMap<&'static str, Variant<'static>>;

/// The answer to a registration.
pub(crate) fn registered(answer: RegistrationAnswer) -> Answer {
    let RegistrationAnswer {
        result,
        registration_id,
        handler_secret,
        servers,
    } = answer;
    let mut map = Answer::from([
        ("result", text(&result)),
        ("registrationID", text(&registration_id)),
        ("servers", servers_answer(&servers)),
    ]);
    put(&mut map, "handlerSecret", handler_secret.as_deref());
    map
}

/// The answer to a deregistration.
pub(crate) fn deregistered(answer: DeregistrationAnswer) -> Answer {
    let DeregistrationAnswer { result, servers } = answer;
    Answer::from([
        ("result", text(&result)),
        ("servers", servers_answer(&servers)),
    ])
}

/// A registration as it stands.
pub(crate) fn registration(registration: Registration) -> Answer {
    let Registration {
        registration_id,
        owner,
        request,
        state,
        registered_at,
        waiting_events,
        unacknowledged_events,
        connected,
        handler_state,
    } = registration;
    let mut map = Answer::from([
        ("registrationID", text(&registration_id)),
        ("owner", text(&owner)),
        ("pushApplicationID", text(&request.push_application_id)),
        ("state", text(&state)),
        ("registeredAt", Variant::U64(registered_at)),
        ("waitingEvents", number(waiting_events)),
        ("unacknowledgedEvents", number(unacknowledged_events)),
        ("connected", Variant::Bool(connected)),
    ]);
    put(&mut map, "applicationID", request.application_id.as_deref());
    put(&mut map, "eventHandler", request.event_handler.as_deref());
    if let Some(state) = handler_state {
        map.insert("handlerState", Variant::new(handler(state)));
    }
    put(&mut map, "Accept", request.accept.as_deref());
    if !request.whitelist.is_empty() {
        map.insert("whitelist", Variant::new(request.whitelist));
    }
    if !request.connection_profile.is_empty() {
        let profiles = request.connection_profile.into_iter().map(profile);
        map.insert(
            "connectionProfile",
            Variant::new(profiles.collect::<Vec<_>>()),
        );
    }
    if let Some(seconds) = request.suppress_equal_content {
        map.insert("suppressEqualContent", Variant::U32(seconds));
    }
    map
}

/// A dead letter, as the contract has it.
pub(crate) fn dead_letter(letter: DeadLetter) -> Answer {
    let DeadLetter {
        id,
        registration_id,
        owner,
        push_application_id,
        application_id,
        content_type,
        content_length,
        protocol,
        server,
        received_at,
        attempts,
        reason,
    } = letter;
    let mut map = Answer::from([
        ("id", text(&id)),
        ("registrationID", text(&registration_id)),
        ("owner", text(&owner)),
        ("pushApplicationID", text(&push_application_id)),
        ("contentType", text(&content_type)),
        ("contentLength", number(content_length)),
        ("protocol", text(&protocol)),
        ("server", text(&server)),
        ("received", Variant::U64(received_at)),
        ("attempts", Variant::U32(attempts)),
    ]);
    put(&mut map, "applicationID", application_id.as_deref());
    put(&mut map, "reason", reason.as_deref());
    map
}

/// A source of pushes, as the property `Sources` shows it.
pub(crate) fn source(server: &Server) -> Answer {
    let Server {
        uri,
        protocol,
        state,
        reason,
        ..
    } = server;
    state_of(uri, protocol, state, reason.as_deref())
}

fn servers_answer(servers: &[ServerAnswer]) -> Variant<'static> {
    let map = |server: &ServerAnswer| {
        let ServerAnswer {
            uri,
            protocol,
            state,
            reason,
        } = server;
        state_of(uri, protocol, state, reason.as_deref())
    };
    Variant::new(servers.iter().map(map).collect::<Vec<_>>())
}

/// How it stands with a server.
fn state_of(uri: &str, protocol: &str, state: &str, reason: Option<&str>) -> Answer {
    let mut map = Answer::from([
        ("uri", text(uri)),
        ("protocol", text(protocol)),
        ("state", text(state)),
    ]);
    put(&mut map, "reason", reason);
    map
}

fn handler(state: HandlerState) -> Answer {
    let HandlerState {
        state,
        failures,
        until,
        reason,
    } = state;
    let mut map = Answer::from([
        ("state", text(&state)),
        ("failures", Variant::U32(failures)),
    ]);
    put(&mut map, "reason", reason.as_deref());
    if let Some(until) = until {
        map.insert("until", Variant::U64(until));
    }
    map
}

fn profile(profile: ConnectionProfile) -> Answer {
    let ConnectionProfile {
        protocol,
        bearer_type,
        port,
    } = profile;
    let mut map = Answer::new();
    put(&mut map, "protocol", protocol.as_deref());
    put(&mut map, "bearerType", bearer_type.as_deref());
    put(&mut map, "port", port.as_deref());
    map
}

fn put(map: &mut Answer, name: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        map.insert(name, text(value));
    }
}

/// A string of D-Bus has no NUL.
fn text(text: &str) -> Variant<'static> {
    Variant::new(text.replace('\0', "\u{fffd}"))
}

fn number(count: usize) -> Variant<'static> {
    Variant::U64(u64::try_from(count).unwrap_or(u64::MAX))
}
