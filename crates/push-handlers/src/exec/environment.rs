//! What a command finds in its environment. `docs/handlers.md` lists it.

use push_client::Event;
use push_message::Headers;
use serde_json::Value;

use super::ExecCommand;

/// The most octets of one variable of an event: well below what Linux takes for one (128 KiB).
const MAX_VALUE: usize = 32 << 10;
/// The most octets of all variables of an event, so that the command can be started at all.
const MAX_ALL: usize = 96 << 10;
/// Where a command finds programs, where the administrator does not say.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Variables, with their names.
pub(super) type Variables = Vec<(String, String)>;

/// The environment of a command that is given this event. Nothing in it was written by the shell, and no value holds a
/// control character.
pub(super) fn environment(command: &ExecCommand, owner: &str, event: &Event) -> Variables {
    let mut variables = vec![("PATH".to_owned(), PATH.to_owned())];
    for (name, value) in &command.environment {
        variables.retain(|(known, _)| known != name);
        variables.push((name.clone(), value.clone()));
    }
    let of_event = bounded(of_event(&command.name, owner, event));
    variables.extend(of_event);
    variables
}

/// Leaves out what is too long, and says so.
fn bounded(candidates: Vec<(&'static str, String)>) -> Variables {
    let (mut taken, mut omitted, mut octets) = (Vec::new(), Vec::new(), 0);
    for (name, value) in candidates {
        let value = harmless(&value);
        if value.len() > MAX_VALUE || octets + value.len() > MAX_ALL {
            omitted.push(name);
        } else {
            octets += value.len();
            taken.push((name.to_owned(), value));
        }
    }
    if !omitted.is_empty() {
        taken.push(("PUSHCAI_OMITTED".to_owned(), omitted.join(" ")));
    }
    taken
}

fn of_event(name: &str, owner: &str, event: &Event) -> Vec<(&'static str, String)> {
    let push = event.push();
    let (message, origin) = (&push.message, &push.origin);
    let mut variables = vec![
        ("PUSHCAI_EVENT_ID", event.id().to_string()),
        ("PUSHCAI_ATTEMPT", event.attempt().to_string()),
        ("PUSHCAI_REGISTRATION_ID", event.registration().to_string()),
        (
            "PUSHCAI_PUSH_APPLICATION_ID",
            event.push_application_id().as_text().into_owned(),
        ),
        ("PUSHCAI_OWNER", owner.to_owned()),
        ("PUSHCAI_HANDLER", name.to_owned()),
        ("PUSHCAI_CONTENT_TYPE", event.content_type().to_owned()),
        ("PUSHCAI_CONTENT_LENGTH", event.content().len().to_string()),
        ("PUSHCAI_PROTOCOL", origin.protocol.as_str().to_owned()),
        ("PUSHCAI_BEARER", origin.bearer.as_str().to_owned()),
        ("PUSHCAI_SERVER", origin.server.to_string()),
        ("PUSHCAI_RECEIVED_AT", push.received.0.to_string()),
        (
            "PUSHCAI_AUTHENTICATED",
            message.trust.authenticated.to_string(),
        ),
        ("PUSHCAI_TRUSTED", message.trust.trusted.to_string()),
    ];
    let optional = [
        (
            "PUSHCAI_APPLICATION_ID",
            event.application_id().map(|id| id.as_str().to_owned()),
        ),
        ("PUSHCAI_ORIGINATOR", origin.originator().map(str::to_owned)),
        (
            "PUSHCAI_DEVICE",
            origin
                .short_message
                .as_deref()
                .map(|sms| sms.device.to_string()),
        ),
        (
            "PUSHCAI_DEST_PORT",
            origin.destination_port.map(|port| port.to_string()),
        ),
        (
            "PUSHCAI_ORIG_PORT",
            origin.origin_port.map(|port| port.to_string()),
        ),
    ];
    let present = optional.into_iter();
    variables.extend(present.filter_map(|(name, value)| Some((name, value?))));
    variables.extend([
        (
            "PUSHCAI_SERVER_NAMES",
            origin
                .proved_names
                .iter()
                .map(AsRef::as_ref)
                .collect::<Value>()
                .to_string(),
        ),
        (
            "PUSHCAI_PARAMETERS",
            pairs(&message.content_type.parameters),
        ),
        ("PUSHCAI_HEADERS", pairs(&message.headers)),
    ]);
    variables
}

/// A JSON array of arrays of name and value.
fn pairs(headers: &Headers) -> String {
    let pairs = headers
        .iter()
        .map(|(name, value)| Value::from(vec![name, value]));
    pairs.collect::<Value>().to_string()
}

/// The text with U+FFFD in the place of every control character: NUL would end it, and a newline looks like the next variable.
fn harmless(text: &str) -> String {
    let replaced = text.chars().map(|c| match c {
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_gets_through() {
        assert_eq!(
            harmless("a\0b\nc\x7fd\u{85}e"),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(harmless("ä “quoted” $(x) `y`"), "ä “quoted” $(x) `y`");
    }

    #[test]
    fn what_is_too_long_is_left_out_by_name() {
        let long = "x".repeat(MAX_VALUE + 1);
        let most = "y".repeat(MAX_VALUE);
        let taken = bounded(vec![
            ("A", "1".to_owned()),
            ("B", long),
            ("C", most.clone()),
            ("D", most.clone()),
            ("E", most),
            ("F", "2".to_owned()),
        ]);
        let names: Vec<&str> = taken.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "C", "D", "F", "PUSHCAI_OMITTED"]);
        assert_eq!(taken[4].1, "B E");
    }
}
