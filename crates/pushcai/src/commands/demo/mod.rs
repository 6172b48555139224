//! `demo`: the whole road on this machine, from the registration to the acknowledgement.

mod gateway;
mod pushes;
mod session;
mod short_message;
mod sip;
mod stage;
mod step;

use std::time::Duration;

use push_api::{
    BatchAcknowledgeAnswer, BatchAcknowledgement, ConnectionProfile, DeregistrationAnswer,
    ExplainAnswer, ExplainRequest, Outcome, PushEvent, RegistrationAnswer, RegistrationRequest,
    Server, Status,
};
use tokio::time::{interval, timeout};

use crate::client::{Client, parse, with_query};
use crate::commands::interrupted;
use crate::failure::Failure;
use crate::output::Output;
use crate::stream::{Lost, Stream};

use gateway::{HEADLINE, NEWS, PICTURE};
use pushes::{METER, MMS, PUSHES, SERVER_ON_LIST};
use sip::PHOTOS;
use stage::Stage;
use step::Step;

/// How long all of it may take.
const DEADLINE: Duration = Duration::from_secs(9);
/// How often the daemon is asked whether it has judged everything.
const POLL: Duration = Duration::from_millis(5);

/// Shows the whole road; fails where something else happens than should.
pub(crate) async fn run(output: &mut Output) -> Result<(), Failure> {
    let stage = Stage::build().await?;
    let shown = tokio::select! {
        biased;
        shown = timeout(DEADLINE, show(&stage, output)) => shown.unwrap_or_else(|_| Err(too_late())),
        end = interrupted() => end.and_then(|()| Err(interruption())),
    };
    stage.tear_down().await?;
    shown?;
    Step::Ended.show(output)
}

fn interruption() -> Failure {
    Failure::Other("the demo was interrupted".to_owned())
}

fn too_late() -> Failure {
    let seconds = DEADLINE.as_secs();
    Failure::Other(format!("the demo did not end within {seconds} s"))
}

async fn show(stage: &Stage, output: &mut Output) -> Result<(), Failure> {
    let mut client = Client::unix(stage.socket());
    Step::Started {
        udp: stage.udp().to_string(),
        http: stage.http().to_string(),
        socket: stage.socket().display().to_string(),
    }
    .show(output)?;
    for request in registrations() {
        register(&mut client, request, output).await?;
    }
    confirmed(&mut client, output).await?;
    stage.sip().show_binding(output)?;
    let stream = Client::unix(stage.socket())
        .stream("/v1/events", None)
        .await?;
    for push in PUSHES {
        push.send(stage.udp(), output).await?;
    }
    judged(&mut client).await?;
    let calling = gateway::call(stage.ppg(), stage.http()).await?;
    HEADLINE.send(&calling, "PO-TCP", output).await?;
    let called = gateway::invite(stage.ppg(), stage.udp(), output).await?;
    PICTURE.send(&called, "TO-TCP", output).await?;
    session::push(stage.session_server(), stage.udp(), output).await?;
    short_message::deliver(&stage.intake(), output).await?;
    stage.sip().push(output).await?;
    // By HTTP, by SMS and in a session one each, by SIP two.
    let expected = PUSHES.iter().filter(|push| push.arrives).count() + 5;
    let events = read(stream, expected, output).await?;
    explain(&mut client, output).await?;
    acknowledge(&mut client, events, output).await?;
    for id in [PHOTOS, MMS, METER, NEWS] {
        deregister(&mut client, id, output).await?;
        if id == PHOTOS {
            stage.sip().show_end(output)?;
        }
    }
    Ok(())
}

fn registrations() -> [RegistrationRequest; 4] {
    let by_number = RegistrationRequest {
        push_application_id: MMS.to_owned(),
        accept: Some("application/vnd.wap.mms-message".to_owned()),
        ..RegistrationRequest::default()
    };
    let by_uri = RegistrationRequest {
        push_application_id: METER.to_owned(),
        accept: Some("application/json, text/*".to_owned()),
        whitelist: vec![SERVER_ON_LIST.to_string()],
        ..RegistrationRequest::default()
    };
    let over_http = RegistrationRequest {
        push_application_id: NEWS.to_owned(),
        accept: Some("text/*".to_owned()),
        connection_profile: vec![ConnectionProfile {
            protocol: Some("OTA-HTTP".to_owned()),
            ..ConnectionProfile::default()
        }],
        ..RegistrationRequest::default()
    };
    let over_sip = RegistrationRequest {
        push_application_id: PHOTOS.to_owned(),
        accept: Some("image/*, text/plain".to_owned()),
        whitelist: vec![sip::SERVER.to_owned()],
        connection_profile: vec![ConnectionProfile {
            protocol: Some("OTA-SIP".to_owned()),
            ..ConnectionProfile::default()
        }],
        ..RegistrationRequest::default()
    };
    [by_number, by_uri, over_http, over_sip]
}

async fn register(
    client: &mut Client,
    request: RegistrationRequest,
    output: &mut Output,
) -> Result<(), Failure> {
    let answer: RegistrationAnswer = parse(&client.post("/v1/registrations", &request).await?)?;
    Step::Registered {
        request: Box::new(request),
        registration_id: answer.registration_id,
        servers: answer.servers,
    }
    .show(output)
}

/// Waits until the gateway knows of all registrations: it asks when it likes.
async fn confirmed(client: &mut Client, output: &mut Output) -> Result<(), Failure> {
    let mut poll = interval(POLL);
    loop {
        poll.tick().await;
        let servers: Vec<Server> = client.get("/v1/servers").await?;
        let server = servers
            .into_iter()
            .find(|server| server.protocol == "OTA-HTTP" && server.state == "confirmed");
        if let Some(server) = server {
            let server = Box::new(server);
            return Step::Known { server }.show(output);
        }
    }
}

async fn deregister(client: &mut Client, id: &str, output: &mut Output) -> Result<(), Failure> {
    let path = with_query(
        "/v1/registrations",
        [("pushApplicationID", Some(id.to_owned()))],
    );
    let _: DeregistrationAnswer = client.delete(&path).await?;
    Step::Deregistered {
        push_application_id: id.to_owned(),
    }
    .show(output)
}

/// Waits until every push was judged: a datagram says nothing of its arrival.
async fn judged(client: &mut Client) -> Result<(), Failure> {
    let mut poll = interval(POLL);
    loop {
        poll.tick().await;
        let status: Status = client.get("/v1/status").await?;
        let families = ["pushes.", "datagramsRefused."];
        let of_pushes = |name: &str| families.iter().any(|family| name.starts_with(family));
        let counters = status.counters.iter();
        let judged: u64 = counters
            .filter(|(name, _)| of_pushes(name))
            .map(|(_, count)| count)
            .sum();
        if usize::try_from(judged).is_ok_and(|judged| judged >= PUSHES.len()) {
            return Ok(());
        }
    }
}

async fn read(
    mut stream: Stream,
    expected: usize,
    output: &mut Output,
) -> Result<Vec<PushEvent>, Failure> {
    let mut arrived = Vec::new();
    while arrived.len() < expected {
        let events = stream.next().await.map_err(|lost| match lost {
            Lost::Connection(cause) => Failure::answer(cause),
            Lost::Failure(failure) => failure,
        })?;
        for event in events.iter().filter(|event| event.kind == "push") {
            let event: PushEvent = parse(event.data.as_bytes())?;
            Step::Event { event: &event }.show(output)?;
            arrived.push(event);
        }
    }
    Ok(arrived)
}

async fn explain(client: &mut Client, output: &mut Output) -> Result<(), Failure> {
    let answer = client
        .post("/v1/explain", &ExplainRequest::default())
        .await?;
    let answer: ExplainAnswer = parse(&answer)?;
    // The newest comes first; people read on in the order of what they have read.
    for refused in answer.recent.into_iter().rev() {
        Step::Refused { refused }.show(output)?;
    }
    let status: Status = client.get("/v1/status").await?;
    let duplicates = status
        .counters
        .get("pushes.duplicate")
        .copied()
        .unwrap_or_default();
    Step::Duplicates { count: duplicates }.show(output)
}

async fn acknowledge(
    client: &mut Client,
    events: Vec<PushEvent>,
    output: &mut Output,
) -> Result<(), Failure> {
    let accepted = |event: PushEvent| BatchAcknowledgement {
        id: event.id,
        outcome: Outcome::Accepted,
    };
    let batch: Vec<_> = events.into_iter().map(accepted).collect();
    let answer = client.post("/v1/events/ack", &batch).await?;
    let answer: BatchAcknowledgeAnswer = parse(&answer)?;
    if let Some((id, reason, detail)) = answer.refused.into_iter().next() {
        return Err(Failure::Other(format!(
            "event {id} is not acknowledged: {reason}: {detail}"
        )));
    }
    let ids = batch
        .into_iter()
        .map(|acknowledgement| acknowledgement.id)
        .collect();
    Step::Acknowledged { ids }.show(output)
}
