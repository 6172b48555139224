//! `relay`: hands events to programs that were made for other push clients.

mod mmsd;
mod pdu;

use std::time::Duration;

use push_api::{AcknowledgeRequest, Outcome, PushEvent, RegistrationRequest};
use serde::Serialize;

use crate::arguments::RelayMmsd;
use crate::client::{Client, parse, percent_encoded, with_query};
use crate::commands::interrupted;
use crate::failure::Failure;
use crate::output::{Output, visible};
use crate::stream::{Lost, Pauses, Stream};
use mmsd::Mmsd;

const REGISTRATIONS: &str = "/v1/registrations";
const EVENTS: &str = "/v1/events";

/// What MMS clients are pushed.
const NOTIFICATION: &str = "application/vnd.wap.mms-message";

/// The longest pause before a lost stream is opened again: nobody looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Hands MMS notifications to mmsd-tng, until it is interrupted.
pub(crate) async fn mmsd(
    arguments: &RelayMmsd,
    reader: Client,
    acknowledger: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let relayed = async {
        let mut mmsd = Mmsd::connect(arguments.bus.as_deref()).await?;
        let mut relay = Relay {
            arguments,
            acknowledger,
            output,
        };
        relay.register().await?;
        relay.run(reader, &mut mmsd).await
    };
    tokio::select! {
        biased;
        result = relayed => result,
        result = interrupted() => result,
    }
}

struct Relay<'a> {
    arguments: &'a RelayMmsd,
    acknowledger: Client,
    output: &'a mut Output,
}

/// What became of an event, for readers.
#[derive(Debug, Serialize)]
struct Relayed<'a> {
    event: &'a str,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl Relay<'_> {
    async fn register(&mut self) -> Result<(), Failure> {
        let RelayMmsd {
            id, application_id, ..
        } = self.arguments;
        let request = RegistrationRequest {
            push_application_id: id.clone(),
            application_id: Some(application_id.clone()),
            accept: Some(NOTIFICATION.to_owned()),
            ..RegistrationRequest::default()
        };
        self.acknowledger.post(REGISTRATIONS, &request).await?;
        self.output
            .say(&format!("registered {}", visible(&self.arguments.id)));
        Ok(())
    }

    /// Relays while mmsd-tng is there. While it is not, no stream is open and events wait in the daemon.
    async fn run(&mut self, mut reader: Client, mmsd: &mut Mmsd) -> Result<(), Failure> {
        let selectors = [
            ("pushApplicationID", Some(self.arguments.id.clone())),
            ("applicationID", Some(self.arguments.application_id.clone())),
        ];
        let path = with_query(EVENTS, selectors);
        let mut pauses = Pauses::new(LONGEST_PAUSE);
        loop {
            self.wait_for(mmsd).await?;
            let followed = match reader.stream(&path, None).await {
                Ok(stream) => self.follow(stream, mmsd, &mut pauses).await,
                Err(failure) => Err(failure.into()),
            };
            match followed {
                Ok(()) => pauses.reset(),
                Err(Lost::Connection(cause)) => pauses.wait(&cause, self.output).await,
                Err(Lost::Failure(failure)) => return Err(failure),
            }
        }
    }

    async fn wait_for(&self, mmsd: &mut Mmsd) -> Result<(), Failure> {
        if mmsd.is_there().await? {
            return Ok(());
        }
        self.output
            .say("mmsd-tng is not on the bus; notifications wait until it is");
        while !mmsd.changed().await? {}
        self.output.say("mmsd-tng is there");
        Ok(())
    }

    /// Relays what comes until mmsd-tng has gone.
    async fn follow(
        &mut self,
        mut stream: Stream,
        mmsd: &mut Mmsd,
        pauses: &mut Pauses,
    ) -> Result<(), Lost> {
        loop {
            let events = tokio::select! {
                events = stream.next() => events?,
                there = mmsd.changed() => match there {
                    Ok(true) => continue,
                    Ok(false) => return Ok(()),
                    Err(failure) => return Err(Lost::Failure(failure)),
                },
            };
            pauses.reset();
            for event in events.into_iter().filter(|event| event.kind == "push") {
                self.relay(event.data.as_bytes(), mmsd).await?;
            }
        }
    }

    /// Hands one event over, and tells the daemon what became of it.
    async fn relay(&mut self, document: &[u8], mmsd: &Mmsd) -> Result<(), Failure> {
        let event: PushEvent = parse(document)?;
        let (outcome, detail) = match pdu::encode(&event) {
            Ok(push) => match mmsd.push(&push).await {
                Ok(()) => (Outcome::Accepted, None),
                Err(error) => (Outcome::Later, Some(error)),
            },
            Err(error) => (Outcome::Rejected, Some(error)),
        };
        let path = format!("{EVENTS}/{}/ack", percent_encoded(&event.id));
        let told = self
            .acknowledger
            .post(&path, &AcknowledgeRequest { outcome })
            .await;
        self.show(&event.id, outcome, detail.as_deref())?;
        match told {
            // It has expired, or was delivered to mmsd-tng before: there is nothing left to be told.
            Err(Failure::Refused(problem)) => {
                let line = format!("event {} is not acknowledged: {}", event.id, problem.detail);
                self.output.complain(&visible(&line));
                Ok(())
            }
            told => told.map(drop),
        }
    }

    fn show(&mut self, event: &str, outcome: Outcome, detail: Option<&str>) -> Result<(), Failure> {
        if self.output.is_json() {
            self.output.json(&Relayed {
                event,
                outcome,
                detail,
            })?;
            return self.output.flush();
        }
        let what = match outcome {
            Outcome::Accepted => "mmsd-tng has it",
            Outcome::Later => "mmsd-tng did not take it, it is tried again later",
            Outcome::Rejected => "it cannot be relayed, it is kept as a dead letter",
        };
        let detail = detail.map(|detail| format!(": {detail}"));
        let line = format!("{event}  {what}{}", detail.unwrap_or_default());
        self.output.line(&visible(&line))?;
        self.output.flush()
    }
}
