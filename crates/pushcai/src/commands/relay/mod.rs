//! `relay`: hands events to programs that were made for other push clients.

mod mmsd;
mod pdu;

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use push_api::{AcknowledgeRequest, Outcome, PushEvent, RegistrationRequest};
use serde::Serialize;

use crate::arguments::RelayMmsd;
use crate::client::{Client, parse, percent_encoded, with_query};
use crate::commands::interrupted;
use crate::failure::Failure;
use crate::output::{Output, visible};
use crate::sse;
use mmsd::Mmsd;

const REGISTRATIONS: &str = "/v1/registrations";
const EVENTS: &str = "/v1/events";

/// What MMS clients are pushed.
const NOTIFICATION: &str = "application/vnd.wap.mms-message";

/// The first pause before a lost connection is opened again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
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

/// Why a stream ended.
enum End {
    /// mmsd-tng has gone.
    MmsdGone,
    /// The connection to the daemon, which is opened again.
    Connection(String),
    /// Something that does not mend itself.
    Failure(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        if let Failure::Unreachable { message, .. } = failure {
            Self::Connection(message)
        } else {
            Self::Failure(failure)
        }
    }
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
        let mut pause = FIRST_PAUSE;
        loop {
            self.wait_for(mmsd).await?;
            let end = match reader.stream(&path, None).await {
                Ok(stream) => self.follow(stream, mmsd, &mut pause).await,
                Err(failure) => End::from(failure),
            };
            let lost = match end {
                End::MmsdGone => {
                    pause = FIRST_PAUSE;
                    continue;
                }
                End::Connection(lost) => lost,
                End::Failure(failure) => return Err(failure),
            };
            let seconds = pause.as_secs_f64();
            let line = format!("{lost}; connecting again in {seconds:.1} s");
            self.output.complain(&line);
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
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

    async fn follow(&mut self, mut stream: Incoming, mmsd: &mut Mmsd, pause: &mut Duration) -> End {
        let mut parser = sse::Parser::default();
        loop {
            let frame = tokio::select! {
                frame = stream.frame() => frame,
                there = mmsd.changed() => match there {
                    Ok(true) => continue,
                    Ok(false) => return End::MmsdGone,
                    Err(failure) => return End::Failure(failure),
                },
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    return End::Connection(format!("the stream broke off: {error}"));
                }
                None => return End::Connection("the daemon ended the stream".to_owned()),
            };
            *pause = FIRST_PAUSE;
            let mut events = Vec::new();
            if let Some(chunk) = frame.data_ref()
                && let Err(error) = parser.feed(chunk, &mut events)
            {
                return End::Failure(Failure::answer(error));
            }
            for event in events.into_iter().filter(|event| event.kind == "push") {
                if let Err(failure) = self.relay(event.data.as_bytes(), mmsd).await {
                    return failure.into();
                }
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
