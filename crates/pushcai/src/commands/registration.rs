//! `register`, `deregister` and `apps`.

use push_api::{
    DeregistrationAnswer, Registration, RegistrationAnswer, RegistrationRequest, ServerAnswer,
};
use serde_json::value::RawValue;

use crate::arguments::{Deregister, Register};
use crate::client::{Client, parse, with_query};
use crate::failure::Failure;
use crate::output::{Output, visible};

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
    let rows = registrations
        .into_iter()
        .map(|document| parse(document.get().as_bytes()).map(row))
        .collect::<Result<Vec<_>, _>>()?;
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
    output.table(headings, &rows)
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
