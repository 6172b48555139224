//! `events` and `ack`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use push_api::{
    AcknowledgeRequest, BatchAcknowledgeAnswer, BatchAcknowledgement, Outcome, PushEvent,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::arguments::{Ack, Events};
use crate::client::{Client, parse, percent_encoded, with_query};
use crate::commands::interrupted;
use crate::failure::Failure;
use crate::output::{Output, hexadecimal, time, visible};
use crate::sse;
use crate::stream::{LONGEST_PAUSE, Lost, Pauses, Stream};

const PATH: &str = "/v1/events";
/// The most acknowledgements in one request: the daemon bounds the octets of a request.
const MAX_BATCH: usize = 256;

/// Acknowledges one event.
pub(crate) async fn acknowledge(
    arguments: &Ack,
    mut client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let outcome = Outcome::from(arguments.outcome);
    let path = format!("{PATH}/{}/ack", percent_encoded(&arguments.event));
    let answer = client.post(&path, &AcknowledgeRequest { outcome }).await?;
    if output.is_json() {
        return output.document(parse(&answer)?);
    }
    let word = match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Later => "later",
        Outcome::Rejected => "rejected",
    };
    output.line(&format!(
        "acknowledged {}: {word}",
        visible(&arguments.event)
    ))
}

/// Shows events; two connections, because a stream takes one of its own.
pub(crate) async fn run(
    arguments: &Events,
    reader: Client,
    acknowledger: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let shown = async {
        let mut view = View {
            arguments,
            acknowledger,
            pending: Vec::new(),
            shown: 0,
            last: None,
            output,
        };
        if arguments.follow {
            follow(&mut view, reader).await
        } else {
            fetch(&mut view, reader).await
        }
    };
    tokio::select! {
        biased;
        result = shown => result,
        result = interrupted() => result,
    }
}

/// What is shown of events, and told to the daemon.
struct View<'a> {
    arguments: &'a Events,
    acknowledger: Client,
    /// Events shown, and not yet acknowledged.
    pending: Vec<String>,
    shown: u64,
    /// The last event of the stream.
    last: Option<String>,
    output: &'a mut Output,
}

async fn fetch(view: &mut View<'_>, mut client: Client) -> Result<(), Failure> {
    let Events { fetch, wait, .. } = view.arguments;
    let path = view.path([
        ("fetch", Some(fetch.to_string())),
        ("wait", Some(wait.to_string())),
    ]);
    let wait = Duration::from_secs(u64::from(*wait));
    let events: Vec<Box<RawValue>> = parse(&client.text(&path, wait).await?)?;
    for event in &events {
        view.show(event)?;
    }
    if events.is_empty() && !view.output.is_json() {
        view.output.say("no event waits");
    }
    view.output.flush()?;
    view.acknowledge().await
}

/// Follows the stream until enough events were shown; a connection lost is opened again.
async fn follow(view: &mut View<'_>, mut client: Client) -> Result<(), Failure> {
    let path = view.path([]);
    let mut stream = client.stream(&path, None).await?;
    let mut pauses = Pauses::new(LONGEST_PAUSE);
    loop {
        let before = view.shown;
        let lost = match view.stream(stream).await {
            Ok(()) => return Ok(()),
            Err(Lost::Connection(lost)) => lost,
            Err(Lost::Failure(failure)) => return Err(failure),
        };
        // A daemon that ends every stream at once is not to be asked without end at full speed.
        if view.shown > before {
            pauses.reset();
        }
        let behind = (&*path, view.last.as_deref());
        stream = pauses
            .reopen(&mut client, behind, lost, view.output)
            .await?;
        view.output.say("connected again");
    }
}

impl View<'_> {
    fn path<const N: usize>(&self, more: [(&'static str, Option<String>); N]) -> String {
        let selectors = [
            ("pushApplicationID", self.arguments.id.clone()),
            ("applicationID", self.arguments.application_id.clone()),
        ];
        with_query(PATH, selectors.into_iter().chain(more))
    }

    async fn stream(&mut self, mut stream: Stream) -> Result<(), Lost> {
        self.acknowledge().await?;
        loop {
            let events = stream.next().await?;
            self.show_all(events)?;
            self.acknowledge().await?;
            if self.is_done() {
                return Ok(());
            }
        }
    }

    fn show_all(&mut self, events: Vec<sse::Event>) -> Result<(), Failure> {
        for event in events.into_iter().filter(|event| event.kind == "push") {
            if self.is_done() {
                break;
            }
            self.show(parse(event.data.as_bytes())?)?;
            self.last = event.id;
        }
        self.output.flush()
    }

    fn is_done(&self) -> bool {
        self.arguments
            .count
            .is_some_and(|count| self.shown >= count)
    }

    fn show(&mut self, document: &RawValue) -> Result<(), Failure> {
        let event: PushEvent = parse(document.get().as_bytes())?;
        if self.arguments.decode {
            self.show_decoded(&event)?;
        } else if self.output.is_json() {
            self.output.document(document)?;
        } else {
            self.output.line(&summary(&event))?;
        }
        self.shown = self.shown.saturating_add(1);
        if self.arguments.ack {
            self.pending.push(event.id);
        }
        Ok(())
    }

    fn show_decoded(&mut self, event: &PushEvent) -> Result<(), Failure> {
        let content = STANDARD.decode(&event.content).map_err(Failure::answer)?;
        let content = Content::of(&content);
        if self.output.is_json() {
            return self.output.json(&Decoded {
                event,
                decoded: content,
            });
        }
        self.output.line(&summary(event))?;
        for (name, value) in &event.headers {
            self.output
                .line(&format!("    {}: {}", visible(name), visible(value)))?;
        }
        match content {
            Content::Text(text) => text
                .lines()
                .try_for_each(|line| self.output.line(&format!("    | {}", visible(line)))),
            Content::Hex(octets) => self.output.line(&format!("    {octets}")),
        }
    }

    /// Acknowledges what was shown. Only then is it forgotten here.
    async fn acknowledge(&mut self) -> Result<(), Failure> {
        while !self.pending.is_empty() {
            let accepted = |id: &String| BatchAcknowledgement {
                id: id.clone(),
                outcome: Outcome::Accepted,
            };
            let batch: Vec<_> = self.pending.iter().take(MAX_BATCH).map(accepted).collect();
            let answer = self.acknowledger.post("/v1/events/ack", &batch).await?;
            self.pending.drain(..batch.len());
            let answer: BatchAcknowledgeAnswer = parse(&answer)?;
            for (id, reason, detail) in answer.refused {
                let line = format!("event {id} is not acknowledged: {reason}: {detail}");
                self.output.complain(&visible(&line));
            }
        }
        Ok(())
    }
}

fn summary(event: &PushEvent) -> String {
    let padding = event
        .content
        .bytes()
        .rev()
        .take_while(|octet| *octet == b'=')
        .count();
    let octets = (event.content.len() / 4 * 3).saturating_sub(padding);
    let attempt = match event.attempt {
        1 => String::new(),
        attempt => format!("  attempt {attempt}"),
    };
    let PushEvent {
        id,
        push_application_id,
        content_type,
        server,
        protocol,
        ..
    } = event;
    let from = match (&event.originator, &event.device) {
        (None, None) => server.clone(),
        (Some(originator), None) => format!("{originator} via {server}"),
        (None, Some(device)) => format!("{server} on {device}"),
        (Some(originator), Some(device)) => format!("{originator} via {server} on {device}"),
    };
    visible(&format!(
        "{}  {id}  {push_application_id}  {content_type}  {octets} octets  from {from} by {protocol}{attempt}",
        time(event.received_at)
    ))
}

/// An event with its content in a readable form.
#[derive(Debug, Serialize)]
struct Decoded<'a> {
    #[serde(flatten)]
    event: &'a PushEvent,
    decoded: Content,
}

/// Content as text where it is text, else in hexadecimal.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Content {
    Text(String),
    Hex(String),
}

impl Content {
    pub(super) fn of(octets: &[u8]) -> Self {
        let is_text = |text: &&str| {
            text.chars()
                .all(|c| !c.is_control() || c.is_ascii_whitespace())
        };
        match std::str::from_utf8(octets).ok().filter(is_text) {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Hex(hexadecimal(octets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_text_where_it_can_be_read() {
        assert_eq!(
            Content::of("a\né".as_bytes()),
            Content::Text("a\né".to_owned())
        );
        assert_eq!(Content::of(b"a\x1b"), Content::Hex("611b".to_owned()));
        assert_eq!(Content::of(b"\xff"), Content::Hex("ff".to_owned()));
    }
}
