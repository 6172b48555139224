//! `lab ppg`: a Push Proxy Gateway for tests.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use push_lab::Sender;
use push_lab::ppg::{
    Answer, Connection, ContactPoint, Direction, Extent, HttpMisbehaviour, HttpPush, Outcome, Ppg,
    PpgEvent, PpgSettings, Secret, SirBuilder, Target, TerminalAuthentication, TestAuthority,
    TlsError, Unfit,
};
use serde_json::json;

use crate::arguments::{LabPpg, TerminalProof};
use crate::commands::interrupted;
use crate::commands::lab::{described, given};
use crate::commands::line::Line;
use crate::failure::Failure;
use crate::output::Output;

/// Plays the gateway until all is done, or somebody wants it to end.
pub(crate) async fn run(arguments: &LabPpg, output: &mut Output) -> Result<(), Failure> {
    if arguments.misbehave.as_deref() == Some("list") {
        return list(output);
    }
    let job = Job::new(arguments)?;
    let ppg = Ppg::start(settings(arguments)?)
        .await
        .map_err(|error| Failure::Other(error.to_string()))?;
    if let Some(file) = &arguments.ca_out {
        let written = ppg.authority().write_pem(file);
        written.map_err(|error| Failure::file(file, &error))?;
    }
    say_where(&ppg, output)?;
    let mut events = ppg.events();
    let working = job.work(&ppg);
    let stopped = interrupted();
    tokio::pin!(working, stopped);
    let results = loop {
        tokio::select! {
            biased;
            event = events.next() => {
                if let Some(event) = event {
                    told(&event).write(output)?;
                }
            }
            results = &mut working => break results,
            asked = &mut stopped => {
                asked?;
                return Ok(());
            }
        }
    };
    for event in events.drain() {
        told(&event).write(output)?;
    }
    let Done { lines, failure } = results?;
    for line in &lines {
        line.write(output)?;
    }
    failure.map_or(Ok(()), |why| Err(Failure::Other(why)))
}

fn list(output: &mut Output) -> Result<(), Failure> {
    for (word, _) in HttpMisbehaviour::ALL {
        if output.is_json() {
            output.json(&json!({ "kind": word }))?;
        } else {
            output.line(word)?;
        }
    }
    Ok(())
}

fn settings(arguments: &LabPpg) -> Result<PpgSettings, Failure> {
    let mut settings = PpgSettings::new(&arguments.ppg_id);
    settings.listen.clone_from(&arguments.listen);
    settings.tls_listen.clone_from(&arguments.tls_listen);
    settings.pap = arguments.pap;
    settings.source = arguments.source;
    settings.password = secret(arguments.password_file.as_deref())?;
    settings.authority = arguments
        .ca_key
        .as_deref()
        .map(|file| authority(file, "Test authority of a Push Proxy Gateway"))
        .transpose()?;
    settings.unasked = arguments.unasked;
    settings.terminal_password = secret(arguments.terminal_password_file.as_deref())?;
    settings.authenticate = match arguments.authenticate {
        TerminalProof::None => TerminalAuthentication::None,
        TerminalProof::Basic => TerminalAuthentication::Basic,
        TerminalProof::Digest => TerminalAuthentication::Digest,
    };
    settings.register = !arguments.no_register;
    settings.prov_url.clone_from(&arguments.prov_url);
    settings.policy.patience = Duration::from_secs(arguments.patience);
    settings.bounds.answer_time = Duration::from_secs(arguments.patience);
    Ok(settings)
}

/// The authority whose key is in this file; a new one where there is no file yet.
pub(crate) fn authority(file: &Path, name: &str) -> Result<TestAuthority, Failure> {
    let failed = |error: TlsError| Failure::Other(format!("{}: {error}", file.display()));
    match std::fs::read_to_string(file) {
        Ok(key) => TestAuthority::with_key(name, &key).map_err(failed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let authority = TestAuthority::new(name).map_err(failed)?;
            let created = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(file);
            created
                .and_then(|mut created| created.write_all(authority.key_pem().as_bytes()))
                .map_err(|error| Failure::file(file, &error))?;
            Ok(authority)
        }
        Err(error) => Err(Failure::file(file, &error)),
    }
}

/// The first line of a file.
fn secret(file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        let message = format!("{}: the first line is empty", file.display());
        return Err(Failure::Other(message));
    }
    Ok(Some(Secret::from(line)))
}

fn say_where(ppg: &Ppg, output: &mut Output) -> Result<(), Failure> {
    let places = ppg
        .listening()
        .iter()
        .map(|address| (*address, "terminals", false))
        .chain(
            ppg.tls_listening()
                .iter()
                .map(|address| (*address, "terminals", true)),
        )
        .chain(ppg.pap().map(|address| (address, "initiators", false)));
    for (address, who, tls) in places {
        let secured = if tls { " with TLS" } else { "" };
        let line = Line {
            text: format!("listening for {who} on {address}{secured}"),
            json: json!({ "event": "listening", "for": who, "address": address.to_string(), "tls": tls }),
        };
        line.write(output)?;
    }
    Ok(())
}

/// What came of the job.
struct Done {
    lines: Vec<Line>,
    failure: Option<String>,
}

/// What there is to do.
struct Job<'a> {
    arguments: &'a LabPpg,
    push: HttpPush,
    /// Whether a content was given.
    pushes: bool,
    misbehaviour: Option<HttpMisbehaviour>,
}

impl<'a> Job<'a> {
    fn new(arguments: &'a LabPpg) -> Result<Self, Failure> {
        let usage = |message: String| Failure::Usage {
            message,
            hint: "pushcai lab ppg --help shows examples".to_owned(),
        };
        let serves = !arguments.listen.is_empty()
            || !arguments.tls_listen.is_empty()
            || arguments.pap.is_some();
        if !serves && arguments.connect.is_none() {
            let message = "give --connect, or where to wait: --listen, --tls-listen or --pap";
            return Err(usage(message.to_owned()));
        }
        let misbehaviour = match arguments.misbehave.as_deref() {
            Some(word) => Some(HttpMisbehaviour::parse(word).ok_or_else(|| {
                usage(format!(
                    "`{word}` is no kind of misbehaviour; `--misbehave list` shows all"
                ))
            })?),
            None => None,
        };
        let given_content = arguments.content.is_given() || arguments.content_type.is_some();
        Ok(Self {
            arguments,
            push: push(arguments)?,
            pushes: given_content || arguments.to.is_some(),
            misbehaviour,
        })
    }

    async fn work(&self, ppg: &Ppg) -> Result<Done, Failure> {
        if let Some(destination) = self.arguments.sir {
            initiate(ppg, self.arguments, destination).await?;
        }
        if let Some(kind) = self.misbehaviour {
            return self.misbehave(ppg, kind).await;
        }
        let Some(address) = self.arguments.connect else {
            return self.wait(ppg).await;
        };
        let connection = ppg
            .connect(address, self.arguments.tls)
            .await
            .map_err(|error| Failure::Other(error.to_string()))?;
        let terminal = connection.terminal().map(|(terminal, _)| terminal);
        match terminal {
            Some(terminal) if self.pushes => Ok(self.push_to(ppg, &terminal).await),
            None if self.pushes && self.arguments.no_register => self.post(&connection).await,
            None if !self.arguments.no_register => Ok(Done {
                lines: Vec::new(),
                failure: Some("the terminal did not register".to_owned()),
            }),
            Some(_) | None => Ok(Done {
                lines: Vec::new(),
                failure: None,
            }),
        }
    }

    /// Waits for terminals to call.
    async fn wait(&self, ppg: &Ppg) -> Result<Done, Failure> {
        if !self.pushes {
            return std::future::pending().await;
        }
        if let Some(terminal) = &self.arguments.to {
            return Ok(self.push_to(ppg, terminal).await);
        }
        let registered = ppg.once(|event| {
            if let PpgEvent::Registered { terminal, .. } = event {
                return Some(terminal);
            }
            None
        });
        let patience = Duration::from_secs(self.arguments.patience);
        let terminal = tokio::time::timeout(patience, registered).await;
        match terminal {
            Ok(Some(terminal)) => Ok(self.push_to(ppg, &terminal).await),
            Ok(None) | Err(_) => Err(Failure::Other(format!(
                "no terminal registered within {patience:?}"
            ))),
        }
    }

    async fn push_to(&self, ppg: &Ppg, terminal: &str) -> Done {
        let mut failed = None;
        for _ in 0..self.arguments.count {
            let result = ppg.push(terminal, self.push.clone()).await;
            // The event tells how it ended.
            if result.outcome != Outcome::Accepted {
                failed = Some(describe(&result.outcome));
            }
        }
        Done {
            lines: Vec::new(),
            failure: failed.map(|how| format!("the push to {terminal} was {how}")),
        }
    }

    /// Without registration there is no Terminal-ID: the push goes to whoever is at the other end.
    async fn post(&self, connection: &Connection) -> Result<Done, Failure> {
        let mut failure = None;
        for _ in 0..self.arguments.count {
            let answer = connection
                .post(&self.push)
                .await
                .map_err(|error| Failure::Other(error.to_string()))?;
            if !matches!(answer.push_code(), Some(400 | 401)) {
                failure = Some(format!("the push was answered with {}", summary(&answer)));
            }
        }
        Ok(Done {
            lines: Vec::new(),
            failure,
        })
    }

    async fn misbehave(&self, ppg: &Ppg, kind: HttpMisbehaviour) -> Result<Done, Failure> {
        let target = match self.arguments.connect {
            Some(address) => Target::Dial {
                address,
                tls: self.arguments.tls,
            },
            None => Target::Accepted,
        };
        let extent = Extent {
            patience: Duration::from_secs(self.arguments.patience),
            count: self.arguments.extent,
            seed: self.arguments.seed,
            ..Extent::default()
        };
        let reaction = ppg
            .misbehave(kind, &self.push, target, &extent)
            .await
            .map_err(|error| Failure::Other(error.to_string()))?;
        let answers: Vec<_> = reaction.answers.iter().map(summary).collect();
        let mut text = format!("{}: {} answers", kind.word(), answers.len());
        if let Some(last) = answers.last() {
            text.extend([", the last: ", last]);
        }
        for more in [&reaction.ended, &reaction.note].into_iter().flatten() {
            text.push_str("; ");
            text.push_str(more);
        }
        let line = Line {
            text,
            json: json!({
                "event": "misbehaved",
                "kind": kind.word(),
                "answers": answers,
                "ended": reaction.ended,
                "note": reaction.note,
            }),
        };
        Ok(Done {
            lines: vec![line],
            failure: None,
        })
    }
}

fn push(arguments: &LabPpg) -> Result<HttpPush, Failure> {
    let push = given(&arguments.content, arguments.content_type.as_deref())?;
    let push = described(
        push,
        arguments.application.as_deref(),
        &[],
        &arguments.header,
    );
    let push = HttpPush::from(&push);
    let info = arguments.info.iter();
    Ok(info.fold(push, |push, token| push.info(token)))
}

async fn initiate(ppg: &Ppg, arguments: &LabPpg, destination: SocketAddr) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Other(format!("{destination}: {error}"));
    let Some(contact) = ppg.listening().first() else {
        return Ok(());
    };
    let request = SirBuilder::new()
        .contact(ContactPoint::new(*contact))
        .push();
    let datagram = request.encode().map_err(|error| failed(&error))?;
    let source = arguments.source.unwrap_or_else(|| contact.ip());
    let sender = Sender::bind(SocketAddr::new(source, 0))
        .await
        .map_err(|error| failed(&error))?;
    let sent = sender.send(destination, &datagram).await;
    sent.map_err(|error| failed(&error))
}

fn summary(answer: &Answer) -> String {
    let status = answer.push_status();
    let push = status.map_or_else(
        || "no push status".to_owned(),
        |status| format!("{} {}", status.code, status.phrase),
    );
    let text = format!("HTTP {}, {push}", answer.status);
    text.trim_end().to_owned()
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::Refused(status) => format!("refused with push status {status}"),
        Outcome::Unfit(Unfit::ContentType) => {
            "not sent: the terminal does not take its content type".to_owned()
        }
        Outcome::Unfit(Unfit::Application) => {
            "not sent: the terminal does not take pushes for its application".to_owned()
        }
        Outcome::Unfit(Unfit::Size) => "not sent: it is longer than the terminal takes".to_owned(),
        Outcome::Unreachable(why) => format!("not sent: {why}"),
        Outcome::QueueFull => "not sent: the queue is full".to_owned(),
        Outcome::Unanswered(why) => format!("not answered: {why}"),
        Outcome::NotAuthenticated(why) => format!("not taken: {why}"),
        Outcome::Cancelled => "cancelled".to_owned(),
        Outcome::Expired => "not sent: its time was over".to_owned(),
    }
}

/// An event as a line.
#[expect(clippy::too_many_lines, reason = "one arm a kind of event")]
fn told(event: &PpgEvent) -> Line {
    let (text, json) = match event {
        PpgEvent::Opened {
            connection,
            peer,
            direction,
            tls,
        } => {
            let how = if *tls { "with TLS" } else { "plain" };
            let direction = match direction {
                Direction::PpgOriginated => "PO-TCP",
                Direction::TerminalOriginated => "TO-TCP",
            };
            (
                format!("{connection} open: {peer}, {direction}, {how}"),
                json!({ "event": "opened", "connection": connection, "peer": peer.to_string(), "direction": direction, "tls": tls }),
            )
        }
        PpgEvent::TlsFailed { peer, reason } => (
            format!("- TLS with {peer} failed: {reason}"),
            json!({ "event": "tlsFailed", "peer": peer.to_string(), "reason": reason }),
        ),
        PpgEvent::Closed { connection, reason } => (
            format!("{connection} closed: {reason}"),
            json!({ "event": "closed", "connection": connection, "reason": reason }),
        ),
        PpgEvent::Asked {
            connection,
            method,
            tag,
        } => {
            let shown = tag.as_deref().unwrap_or("none");
            (
                if method.is_empty() {
                    format!("{connection} > raw octets")
                } else {
                    format!("{connection} > {method} /wappush, tag {shown}")
                },
                json!({ "event": "asked", "connection": connection, "method": method, "tag": tag }),
            )
        }
        PpgEvent::Answered {
            connection,
            method,
            status,
            push_status,
            tag,
        } => {
            let push = push_status.map_or_else(|| "none".to_owned(), |code| code.to_string());
            let shown = tag.as_deref().unwrap_or("none");
            (
                format!("{connection} < {status}, push status {push}, tag {shown}"),
                json!({ "event": "answered", "connection": connection, "method": method, "status": status, "pushStatus": push_status, "tag": tag }),
            )
        }
        PpgEvent::Registered {
            connection,
            terminal,
            bearer,
            tag,
            cpi,
            conveyed,
            authenticated,
        } => (
            format!(
                "{connection} registered: {terminal}, accept {}, applications {}, at most {} octets and {} pushes",
                cpi.accept.join(", "),
                cpi.app_ids.join(", "),
                cpi.max_msg_size,
                cpi.max_push_req
            ),
            json!({
                "event": "registered", "connection": connection, "terminal": terminal, "bearer": bearer, "tag": tag,
                "accept": cpi.accept, "applications": cpi.app_ids, "charset": cpi.charset, "encoding": cpi.encoding,
                "language": cpi.language, "maxMsgSize": cpi.max_msg_size, "maxPushReq": cpi.max_push_req,
                "conveyed": conveyed, "authenticated": authenticated,
            }),
        ),
        PpgEvent::NotRegistered { connection, reason } => (
            format!("{connection} not registered: {reason}"),
            json!({ "event": "notRegistered", "connection": connection, "reason": reason }),
        ),
        PpgEvent::Queued { terminal, waiting } => (
            format!("- {waiting} waiting for {terminal}"),
            json!({ "event": "queued", "terminal": terminal, "waiting": waiting }),
        ),
        PpgEvent::Initiated {
            terminal,
            destination,
        } => (
            format!("- {terminal} was asked at {destination} to call"),
            json!({ "event": "initiated", "terminal": terminal, "destination": destination.to_string() }),
        ),
        PpgEvent::Pushed { terminal, outcome } => {
            let how = describe(outcome);
            let accepted = *outcome == Outcome::Accepted;
            (
                format!("- push to {terminal}: {how}"),
                json!({ "event": "pushed", "terminal": terminal, "accepted": accepted, "outcome": how }),
            )
        }
        PpgEvent::Pap {
            message,
            push_id,
            code,
        } => (
            format!(
                "- PAP {message} {}: {code}",
                push_id.as_deref().unwrap_or_default()
            ),
            json!({ "event": "pap", "message": message, "pushId": push_id, "code": code }),
        ),
        PpgEvent::Notified {
            push_id,
            state,
            result,
        } => {
            let told = match result {
                Ok(status) => format!("HTTP {status}"),
                Err(why) => why.clone(),
            };
            (
                format!("- notified of {push_id}, {state}: {told}"),
                json!({ "event": "notified", "pushId": push_id, "state": state, "result": told }),
            )
        }
    };
    Line { text, json }
}
