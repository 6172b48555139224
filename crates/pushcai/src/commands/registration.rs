//! `register`, `deregister` and `apps`.

use push_api::{
    DeregistrationAnswer, Registration, RegistrationAnswer, RegistrationRequest, ServerAnswer,
};
use serde_json::value::RawValue;

use crate::arguments::{Deregister, Register};
use crate::client::{Client, parse, with_query};
use crate::failure::Failure;
use crate::output::{Output, time, visible};

const PATH: &str = "/v1/registrations";

/// Registers an application.
pub(crate) async fn register(
    arguments: &Register,
    mut client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let answer = client.post(PATH, &request(arguments)).await?;
    if output.is_json() {
        return output.document(parse(&answer)?);
    }
    let answer: RegistrationAnswer = parse(&answer)?;
    let (id, registration) = (visible(&arguments.id), visible(&answer.registration_id));
    output.line(&format!("registered {id}: registration {registration}"))?;
    if let Some(secret) = &answer.handler_secret {
        let secret = visible(secret);
        output.line(&format!("secret of its handler, shown this once: {secret}"))?;
        output.flush()?;
        output.hint("it signs what the handler is sent; keep it where the handler reads it");
    }
    servers(&answer.servers, output)
}

/// Deregisters an application.
pub(crate) async fn deregister(
    arguments: &Deregister,
    mut client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let query = [
        ("pushApplicationID", Some(arguments.id.clone())),
        ("applicationID", arguments.application_id.clone()),
        ("owner", arguments.owner.clone()),
        ("force", arguments.force.then(|| "true".to_owned())),
    ];
    let answer: Box<RawValue> = client.delete(&with_query(PATH, query)).await?;
    if output.is_json() {
        return output.document(&answer);
    }
    let answer: DeregistrationAnswer = parse(answer.get().as_bytes())?;
    output.line(&format!("deregistered {}", visible(&arguments.id)))?;
    servers(&answer.servers, output)
}

/// Lists the registrations.
pub(crate) async fn list(mut client: Client, output: &mut Output) -> Result<(), Failure> {
    let registrations: Vec<Box<RawValue>> = client.get(PATH).await?;
    if output.is_json() {
        return registrations
            .iter()
            .try_for_each(|value| output.document(value));
    }
    let registrations = registrations
        .into_iter()
        .map(|document| parse(document.get().as_bytes()))
        .collect::<Result<Vec<Registration>, _>>()?;
    let handlers: Vec<_> = registrations.iter().filter_map(handler_line).collect();
    let rows: Vec<_> = registrations.into_iter().map(row).collect();
    if rows.is_empty() {
        output.say("no application is registered");
        return Ok(());
    }
    let headings = [
        "PUSH APPLICATION ID",
        "APPLICATION",
        "ACCEPT",
        "STATE",
        "WAITING",
        "UNACKED",
        "CONNECTED",
        "OWNER",
    ];
    output.table(headings, &rows)?;
    handlers.iter().try_for_each(|line| output.line(line))
}

/// Which event handler a registration has, and how it stands with it.
fn handler_line(registration: &Registration) -> Option<String> {
    let request = &registration.request;
    let handler = request.event_handler.as_ref()?;
    let id = &request.push_application_id;
    let state = registration.handler_state.as_ref().map(|state| {
        let until = state.until.map(|until| format!(" until {}", time(until)));
        let reason = state.reason.as_ref().map(|reason| format!(" ({reason})"));
        let (until, reason) = (until.unwrap_or_default(), reason.unwrap_or_default());
        format!(": {}{until}{reason}", state.state)
    });
    let line = format!("{id} is handled by {handler}{}", state.unwrap_or_default());
    Some(visible(&line))
}

fn request(arguments: &Register) -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: arguments.id.clone(),
        application_id: arguments.application_id.clone(),
        event_handler: arguments.handler.clone(),
        whitelist: arguments.whitelist.clone(),
        connection_profile: arguments.profiles.clone(),
        accept: arguments.accept.clone(),
        suppress_equal_content: arguments.suppress_equal_content,
    }
}

fn row(registration: Registration) -> [String; 8] {
    let request = registration.request;
    [
        request.push_application_id,
        request.application_id.unwrap_or_else(|| "-".to_owned()),
        request.accept.unwrap_or_else(|| "*/*".to_owned()),
        registration.state,
        registration.waiting_events.to_string(),
        registration.unacknowledged_events.to_string(),
        if registration.connected { "yes" } else { "no" }.to_owned(),
        registration.owner,
    ]
}

fn servers(servers: &[ServerAnswer], output: &mut Output) -> Result<(), Failure> {
    servers.iter().try_for_each(|server| {
        let reason = server.reason.as_ref().map(|reason| format!(" ({reason})"));
        let line = format!(
            "{} {}: {}{}",
            server.protocol,
            server.uri,
            server.state,
            reason.unwrap_or_default()
        );
        output.line(&visible(&line))
    })
}
