//! `lab session`: a push server with sessions, for tests.

use std::time::Duration;

use push_lab::ppg::{ContactPoint, SirBuilder};
use push_lab::session::{
    Behaviour, Capabilities, Ending, Greeting, Manner, Outcome, Provocation, SessionEvent,
    SessionMisbehaviour, SessionServer, SessionSettings, Tids, Way, Welcome, reason,
};
use push_lab::{ApplicationId, Push};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::arguments::LabSession;
use crate::commands::interrupted;
use crate::commands::lab::{described, given};
use crate::commands::line::Line;
use crate::failure::Failure;
use crate::output::{Output, hexadecimal};

/// How long it is quiet before a terminal has said all that it has to say to a misbehaviour.
const QUIET: Duration = Duration::from_millis(500);

/// Plays the server until all is done, or somebody wants it to end.
pub(crate) async fn run(arguments: &LabSession, output: &mut Output) -> Result<(), Failure> {
    if arguments.oddities.misbehave.as_deref() == Some("list") {
        return list(output);
    }
    let job = Job::new(arguments)?;
    let server = SessionServer::start(settings(arguments))
        .await
        .map_err(|error| {
            Failure::Other(format!("cannot listen on {}: {error}", arguments.listen))
        })?;
    let address = server.address().to_string();
    Line {
        text: format!("listening for terminals on {address}"),
        json: json!({ "event": "listening", "address": address }),
    }
    .write(output)?;
    let mut events = server.events();
    let working = job.work(&server);
    let stopped = interrupted();
    tokio::pin!(working, stopped);
    let result = loop {
        tokio::select! {
            biased;
            event = events.next() => {
                if let Some(event) = event {
                    told(&event).write(output)?;
                }
            }
            result = &mut working => break result,
            asked = &mut stopped => {
                asked?;
                return Ok(());
            }
        }
    };
    for event in events.drain() {
        told(&event).write(output)?;
    }
    if let Some(provocation) = result? {
        provocation.write(output)?;
    }
    Ok(())
}

fn list(output: &mut Output) -> Result<(), Failure> {
    for (word, _) in SessionMisbehaviour::ALL {
        if output.is_json() {
            output.json(&json!({ "kind": word }))?;
        } else {
            output.line(word)?;
        }
    }
    Ok(())
}

fn settings(arguments: &LabSession) -> SessionSettings {
    SessionSettings {
        retry_interval: Duration::from_millis(arguments.retry),
        segment_size: arguments.segment.into(),
        trace: arguments.trace,
        behaviour: behaviour(arguments),
        ..SessionSettings::new(arguments.listen)
    }
}

fn behaviour(arguments: &LabSession) -> Behaviour {
    let odd = &arguments.oddities;
    let connect = if odd.silent {
        Welcome::Silence
    } else if let Some(to) = odd.redirect {
        Welcome::Redirect {
            permanent: false,
            to: vec![ContactPoint::new(to)],
        }
    } else if let Some(status) = odd.refuse {
        Welcome::Reply(status)
    } else if let Some(options) = odd.grant {
        Welcome::With {
            capabilities: Capabilities {
                options: Some(options),
                ..Capabilities::default()
            },
            headers: Vec::new(),
        }
    } else {
        Welcome::Granted
    };
    Behaviour {
        connect,
        tids: if odd.tid_zero {
            Tids::AlwaysZero
        } else {
            Tids::Counting
        },
        verify: odd.verify,
        early: odd.early,
        way: Way {
            lose_sent: odd.lose,
            lose_received: odd.lose,
            repeat: odd.repeat,
            reorder: odd.reorder,
        },
        ..Behaviour::default()
    }
}

/// What there is to do.
struct Job<'a> {
    arguments: &'a LabSession,
    push: Push,
    /// Whether a content was given.
    pushes: bool,
    misbehaviour: Option<SessionMisbehaviour>,
}

impl<'a> Job<'a> {
    fn new(arguments: &'a LabSession) -> Result<Self, Failure> {
        let word = arguments.oddities.misbehave.as_deref();
        let misbehaviour = word.map(|word| {
            SessionMisbehaviour::parse(word).ok_or_else(|| Failure::Usage {
                message: format!(
                    "`{word}` is no kind of misbehaviour; `--misbehave list` shows all"
                ),
                hint: "pushcai lab session --help shows examples".to_owned(),
            })
        });
        let push = given(&arguments.content, arguments.content_type.as_deref())?;
        let application = arguments.application.as_deref();
        Ok(Self {
            arguments,
            push: described(push, application, &[], &arguments.header),
            pushes: arguments.content.is_given() || arguments.content_type.is_some(),
            misbehaviour: misbehaviour.transpose()?,
        })
    }

    async fn work(&self, server: &SessionServer) -> Result<Option<Line>, Failure> {
        self.invite(server).await?;
        if !self.pushes && self.misbehaviour.is_none() {
            return std::future::pending().await;
        }
        let patience = Duration::from_secs(self.arguments.patience);
        let session = timeout(patience, server.connected()).await.map_err(|_| {
            Failure::Other(format!("no terminal opened a session within {patience:?}"))
        })?;
        let result = if let Some(kind) = self.misbehaviour {
            Ok(Some(self.misbehave(server, session, kind).await))
        } else {
            self.push(server, session).await.map(|()| None)
        };
        if !self.arguments.leave {
            server.disconnect(session).await;
        }
        result
    }

    async fn invite(&self, server: &SessionServer) -> Result<(), Failure> {
        let Some(terminal) = self.arguments.sia else {
            return Ok(());
        };
        let contact = self.arguments.contact.unwrap_or_else(|| server.address());
        let mut request = SirBuilder::new()
            .version(self.arguments.sia_version)
            .contact_wsp(ContactPoint::new(contact));
        if let Some(id) = &self.arguments.application {
            request = request.application(ApplicationId::parse(id));
        }
        if self.arguments.kannel {
            request = request.as_kannel();
        }
        let sent = server.invite(terminal, &request).await;
        sent.map_err(|error| Failure::Other(format!("{terminal}: {error}")))
    }

    async fn push(&self, server: &SessionServer, session: u32) -> Result<(), Failure> {
        let manner = if self.arguments.unconfirmed {
            Manner::unconfirmed()
        } else {
            Manner::confirmed()
        };
        let mut failed = None;
        for _ in 0..self.arguments.count {
            let outcome = server.push(session, &self.push, &manner).await;
            if !matches!(outcome, Outcome::Acknowledged | Outcome::Sent) {
                failed = Some(describe(outcome));
            }
        }
        failed.map_or(Ok(()), |how| {
            Err(Failure::Other(format!("the push was {how}")))
        })
    }

    async fn misbehave(
        &self,
        server: &SessionServer,
        session: u32,
        kind: SessionMisbehaviour,
    ) -> Line {
        let odd = &self.arguments.oddities;
        let extent = (odd.extent, odd.seed, QUIET);
        let provocation = server.misbehave(session, kind, &self.push, extent).await;
        provoked(kind, &provocation)
    }
}

fn provoked(kind: SessionMisbehaviour, provocation: &Provocation) -> Line {
    let Provocation {
        sent,
        acknowledged,
        aborted,
        others,
    } = provocation;
    let reason = aborted
        .last()
        .map_or_else(String::new, |last| format!(", the last with {last}"));
    let rest = if *others == 0 {
        String::new()
    } else {
        format!(", {others} other answers")
    };
    let text = format!(
        "{}: {sent} sent, {acknowledged} acknowledged, {} aborted{reason}{rest}",
        kind.word(),
        aborted.len()
    );
    Line {
        text,
        json: json!({
            "event": "misbehaved",
            "kind": kind.word(),
            "sent": sent,
            "acknowledged": acknowledged,
            "aborted": aborted,
            "others": others,
        }),
    }
}

fn describe(outcome: Outcome) -> String {
    match outcome {
        Outcome::Acknowledged => "acknowledged".to_owned(),
        Outcome::Sent => "sent".to_owned(),
        Outcome::Aborted {
            by_user,
            reason: code,
        } => format!("aborted with {}", reason(by_user, code)),
        Outcome::NoAnswer => "never answered".to_owned(),
        Outcome::NoSession => "not sent: the session does not stand".to_owned(),
        Outcome::NotWritten => {
            "not sent: it has too many packets, or a text that cannot be written".to_owned()
        }
    }
}

/// An event as a line.
fn told(event: &SessionEvent) -> Line {
    let (text, json) = match event {
        SessionEvent::Invited { terminal, octets } => (
            format!("> session initiation request to {terminal} ({octets} octets)"),
            json!({ "event": "invited", "terminal": terminal.to_string(), "octets": octets }),
        ),
        SessionEvent::Asked { peer, greeting } => (
            format!("< Connect from {peer}: {}", summary(greeting)),
            json!({ "event": "asked", "peer": peer.to_string(), "greeting": document(greeting) }),
        ),
        SessionEvent::Refused { peer, answer } => (
            format!("> {answer} to {peer}"),
            json!({ "event": "refused", "peer": peer.to_string(), "answer": answer }),
        ),
        SessionEvent::Connected { session, peer } => (
            format!("{session} stands: {peer}"),
            json!({ "event": "connected", "session": session, "peer": peer.to_string() }),
        ),
        SessionEvent::Suspended { session } => (
            format!("{session} is suspended"),
            json!({ "event": "suspended", "session": session }),
        ),
        SessionEvent::Resumed {
            session,
            peer,
            greeting,
        } => (
            format!("{session} is resumed from {peer}: {}", summary(greeting)),
            json!({ "event": "resumed", "session": session, "peer": peer.to_string(), "greeting": document(greeting) }),
        ),
        SessionEvent::Ended { session, reason } => {
            let (words, word) = ending(*reason);
            (
                format!("{session} has ended: {words}"),
                json!({ "event": "ended", "session": session, "reason": word }),
            )
        }
        SessionEvent::Pushed {
            session,
            tid,
            outcome,
        } => {
            let how = describe(*outcome);
            let acknowledged = *outcome == Outcome::Acknowledged;
            (
                format!("{session} push {tid:#06x}: {how}"),
                json!({ "event": "pushed", "session": session, "tid": tid, "acknowledged": acknowledged, "outcome": how }),
            )
        }
        SessionEvent::Again { peer, tid } => (
            format!("> again to {peer}: transaction {tid:#06x}"),
            json!({ "event": "again", "peer": peer.to_string(), "tid": tid }),
        ),
        SessionEvent::Verified { peer, tid } => (
            format!("< {peer} asks whether transaction {tid:#06x} is ours"),
            json!({ "event": "verified", "peer": peer.to_string(), "tid": tid }),
        ),
        SessionEvent::Ignored { peer, what } => (
            format!("< {what} from {peer}"),
            json!({ "event": "ignored", "peer": peer.to_string(), "what": what }),
        ),
        SessionEvent::Sent { peer, octets, lost } => traced('>', "sent", peer, octets, *lost),
        SessionEvent::Received { peer, octets, lost } => {
            traced('<', "received", peer, octets, *lost)
        }
    };
    Line { text, json }
}

fn traced(
    direction: char,
    word: &str,
    peer: &std::net::SocketAddr,
    octets: &[u8],
    lost: bool,
) -> (String, Value) {
    let octets = hexadecimal(octets);
    let loss = if lost { " (lost)" } else { "" };
    (
        format!("{direction} {peer}{loss} {octets}"),
        json!({ "event": word, "peer": peer.to_string(), "octets": octets, "lost": lost }),
    )
}

const fn ending(reason: Ending) -> (&'static str, &'static str) {
    match reason {
        Ending::ByTerminal => ("the terminal ended it", "byTerminal"),
        Ending::ByServer => ("the server ended it", "byServer"),
        Ending::Replaced => ("the terminal opened another one", "replaced"),
        Ending::NotAcknowledged => (
            "the terminal never acknowledged that it stands",
            "notAcknowledged",
        ),
        Ending::Aborted => ("the terminal aborted it", "aborted"),
        Ending::Forgotten => ("too many others were opened", "forgotten"),
    }
}

fn applications(greeting: &Greeting) -> Vec<String> {
    greeting
        .applications
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn summary(greeting: &Greeting) -> String {
    let capabilities = &greeting.capabilities;
    let shown =
        |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let options = capabilities.options.unwrap_or_default();
    format!(
        "applications {}, options {options:#04x}, {} pushes at a time, at most {} octets, bearer {}",
        applications(greeting).join(", "),
        shown(capabilities.push_mor.map(u32::from)),
        shown(capabilities.client_sdu),
        shown(greeting.bearer.map(u32::from)),
    )
}

fn document(greeting: &Greeting) -> Value {
    let capabilities = &greeting.capabilities;
    json!({
        "version": greeting.version,
        "applications": applications(greeting),
        "options": capabilities.options,
        "clientSDU": capabilities.client_sdu,
        "serverSDU": capabilities.server_sdu,
        "methodMOR": capabilities.method_mor,
        "pushMOR": capabilities.push_mor,
        "bearer": greeting.bearer,
        "encodingVersion": greeting.encoding_version,
        "accepts": greeting.accepts,
    })
}
