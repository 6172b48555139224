//! What happens in the core and in the push server, as lines.

use push_lab::sip::{
    Capabilities, SipEvent, SipFlow, SipMisbehaviour, SipProvocation, SipPushResult, SipTerminal,
};
use serde_json::{Value, json};

use crate::commands::line::Line;
use crate::failure::Failure;
use crate::output::Output;

/// Writes those events that are worth a line.
pub(super) fn write_all(
    who: &'static str,
    events: impl IntoIterator<Item = SipEvent>,
    output: &mut Output,
) -> Result<(), Failure> {
    for event in events {
        if let Some((text, mut json)) = told(&event) {
            if let Value::Object(members) = &mut json {
                members.insert("who".to_owned(), who.into());
            }
            let text = format!("{who:<7} {text}");
            Line { text, json }.write(output)?;
        }
    }
    Ok(())
}

/// How a push ended, in words.
pub(super) fn describe(result: &SipPushResult) -> String {
    let mut text = if result.status == 0 {
        result.reason.clone()
    } else {
        format!("{} {}", result.status, result.reason)
    };
    if let Some(session) = &result.session {
        text = format!(
            "{text}, {} of {} arrived by MSRP in {} chunks",
            session.whole, session.wanted, session.chunks
        );
        if let Some(status) = session.statuses.iter().find(|status| **status != 200) {
            text = format!("{text}, one answered {status}");
        }
        if let Some(fault) = &session.fault {
            text = format!("{text}: {fault}");
        }
    }
    text
}

/// What a misbehaviour came to.
pub(super) fn provoked(kind: SipMisbehaviour, provocation: &SipProvocation) -> Line {
    let answers: Vec<_> = provocation
        .answers
        .iter()
        .map(|(status, count)| format!("{count} times {status}"))
        .collect();
    let answered = if answers.is_empty() {
        "not answered".to_owned()
    } else {
        format!("answered {}", answers.join(", "))
    };
    Line {
        text: format!("{}: {} sent, {answered}", kind.word(), provocation.sent),
        json: json!({
            "event": "misbehaved",
            "kind": kind.word(),
            "sent": provocation.sent,
            "answers": provocation.answers,
            "requests": provocation.requests,
        }),
    }
}

/// What a terminal answered to OPTIONS.
pub(super) fn asked(to: &str, status: u16, terminal: Option<&SipTerminal>) -> Line {
    let text = terminal.map_or_else(String::new, |terminal| {
        format!(
            ": {}, accepts {}",
            summary(&terminal.capabilities),
            terminal.accept.join(", ")
        )
    });
    Line {
        text: format!("{to} answers OPTIONS with {status}{text}"),
        json: json!({
            "event": "asked",
            "to": to,
            "status": status,
            "capabilities": terminal.map(|terminal| document(&terminal.capabilities)),
            "accept": terminal.map(|terminal| &terminal.accept),
            "allow": terminal.map(|terminal| &terminal.allow),
            "userAgent": terminal.map(|terminal| &terminal.user_agent),
        }),
    }
}

fn summary(capabilities: &Capabilities) -> String {
    let mut text = if capabilities.applications.is_empty() {
        "no application".to_owned()
    } else {
        format!("applications {}", capabilities.applications.join(", "))
    };
    if !capabilities.instances.is_empty() {
        text = format!("{text}, instances {}", capabilities.instances.join(", "));
    }
    text
}

fn document(capabilities: &Capabilities) -> Value {
    json!({
        "applications": capabilities.applications,
        "instances": capabilities.instances,
    })
}

#[expect(clippy::too_many_lines, reason = "it is a sentence for each event")]
fn told(event: &SipEvent) -> Option<(String, Value)> {
    Some(match event {
        SipEvent::Opened { flow } => (
            format!("{flow} is open"),
            json!({ "event": "opened", "flow": flow.to_string() }),
        ),
        SipEvent::Closed { flow, reason } => (
            format!("{flow} has ended: {reason}"),
            json!({ "event": "closed", "flow": flow.to_string(), "reason": reason }),
        ),
        SipEvent::TlsFailed { peer, reason } => (
            format!("TLS with {peer} failed: {reason}"),
            json!({ "event": "tlsFailed", "peer": peer.to_string(), "reason": reason }),
        ),
        // What becomes of it is told by another event.
        SipEvent::Request { .. } | SipEvent::Response { .. } => return None,
        SipEvent::Repeated {
            flow,
            method,
            call_id,
        } => (
            format!("< {method} again from {flow}"),
            json!({ "event": "repeated", "flow": flow.to_string(), "method": method, "callID": call_id }),
        ),
        SipEvent::Again { flow, method } => (
            format!("> {method} again to {flow}"),
            json!({ "event": "again", "flow": flow.to_string(), "method": method }),
        ),
        SipEvent::Ignored { flow, what } => (
            format!("< {what} from {flow}"),
            json!({ "event": "ignored", "flow": flow.to_string(), "what": what }),
        ),
        SipEvent::Challenged {
            flow,
            method,
            stale,
            wrong,
        } => {
            let why = match (stale, wrong) {
                (true, _) => "the nonce is stale",
                (false, true) => "the proof is wrong",
                (false, false) => "who are you?",
            };
            (
                format!("> challenge to {method} from {flow}: {why}"),
                json!({ "event": "challenged", "flow": flow.to_string(), "method": method, "stale": stale, "wrong": wrong }),
            )
        }
        SipEvent::Registered {
            user,
            contact,
            capabilities,
            expires,
            new,
        } => {
            let what = summary(capabilities);
            (
                format!("{user} is at {contact} for {expires} s: {what}"),
                json!({
                    "event": "registered", "user": user, "contact": contact, "capabilities": document(capabilities),
                    "expires": expires, "new": new,
                }),
            )
        }
        SipEvent::Deregistered { user, contact } => (
            format!("{user} is at {contact} no more"),
            json!({ "event": "deregistered", "user": user, "contact": contact }),
        ),
        SipEvent::Refused {
            method,
            flow,
            status,
        } => (
            format!("> {status} to {method} from {flow}"),
            json!({ "event": "refused", "method": method, "flow": flow.to_string(), "status": status }),
        ),
        SipEvent::Forwarded { method, to } => (
            format!("> {method} to {}", to.join(", ")),
            json!({ "event": "forwarded", "method": method, "to": to }),
        ),
        SipEvent::Told {
            terminal,
            capabilities,
            accept,
            allow,
            user_agent,
            status,
        } => {
            let (what, accepts) = (summary(capabilities), accept.join(", "));
            (
                format!("< OPTIONS from {terminal}: {what}, accepts {accepts}: answered {status}"),
                json!({
                    "event": "told", "terminal": terminal, "capabilities": document(capabilities), "accept": accept,
                    "allow": allow, "userAgent": user_agent, "status": status,
                }),
            )
        }
        SipEvent::MsrpOpened { peer, by_terminal } => {
            let who = if *by_terminal {
                "the terminal"
            } else {
                "the server"
            };
            (
                format!("{who} opens a connection of MSRP: {peer}"),
                json!({ "event": "msrpOpened", "peer": peer.to_string(), "byTerminal": by_terminal }),
            )
        }
        SipEvent::Pushed { to, result } => pushed(to, result),
        SipEvent::Sent { flow, octets, lost } => traced('>', "sent", *flow, octets, *lost),
        SipEvent::Received { flow, octets, lost } => traced('<', "received", *flow, octets, *lost),
    })
}

fn pushed(to: &str, result: &SipPushResult) -> (String, Value) {
    let session = result.session.as_ref().map(|session| {
        json!({
            "chunks": session.chunks,
            "statuses": session.statuses,
            "reports": session.reports,
            "whole": session.whole,
            "wanted": session.wanted,
            "endedByTerminal": session.ended_by_terminal,
            "fault": session.fault,
        })
    });
    (
        format!("push to {to}: {}", describe(result)),
        json!({
            "event": "pushed", "to": to, "accepted": result.is_accepted(), "status": result.status,
            "reason": result.reason, "session": session,
        }),
    )
}

fn traced(
    direction: char,
    word: &str,
    flow: SipFlow,
    octets: &[u8],
    lost: bool,
) -> (String, Value) {
    let text = String::from_utf8_lossy(octets);
    let loss = if lost { " (lost)" } else { "" };
    let shown: Vec<_> = text.lines().collect();
    (
        format!("{direction} {flow}{loss} | {}", shown.join(" | ")),
        json!({ "event": word, "flow": flow.to_string(), "message": text, "lost": lost }),
    )
}
