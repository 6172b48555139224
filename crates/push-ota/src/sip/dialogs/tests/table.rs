//! Each state of a session with each thing that can happen in it.

use super::streams::whole;
use super::*;

const STATES: [&str; 8] = [
    "asked", "answered", "leaving", "opening", "open", "judging", "judged", "lost",
];

const EVENTS: [&str; 14] = [
    "foreseen",
    "refused",
    "cancel",
    "ack",
    "bye",
    "same offer",
    "other offer",
    "info",
    "opened",
    "octets",
    "ended",
    "judgement",
    "stop",
    "time",
];

/// What becomes of it, in words; a minus sign is nothing.
#[rustfmt::skip]
const TABLE: [[&str; 14]; 8] = [
    // foreseen, refused, cancel, ack, bye, same offer, other offer, info, opened, octets, ended, judgement, stop, time
    // asked
    ["200", "486", "487", "-", "note 481", "note 481", "note 481", "note 405", "close", "-", "-", "-", "480", "480"],
    // answered
    ["-", "-", "-", "open", "200 note", "note 500", "note 500", "note 405", "close", "-", "-", "-", "note", "200"],
    // leaving
    ["-", "-", "-", "BYE", "200", "note 500", "note 500", "note 405", "close", "-", "-", "-", "-", "200"],
    // opening
    ["-", "-", "-", "-", "200 note close", "200", "note 488", "note 405", "send", "-", "note BYE", "-", "note close BYE", "note close BYE"],
    // open
    ["-", "-", "-", "-", "200 note close", "200", "note 488", "note 405", "-", "push", "-", "-", "note close BYE", "note close BYE"],
    // judging
    ["-", "-", "-", "-", "200 close", "200", "note 488", "note 405", "-", "push", "-", "send", "close BYE", "close BYE"],
    // judged
    ["-", "-", "-", "-", "200 close", "200", "note 488", "note 405", "-", "push", "-", "-", "close BYE", "close BYE"],
    // lost
    ["-", "-", "-", "-", "200", "200", "note 488", "note 405", "close", "-", "-", "-", "BYE", "BYE"],
];

struct Row {
    terminal: Terminal,
    id: ServerId,
    asked: SipPushTicket,
    push: Option<SipPushTicket>,
    tag: String,
    own: String,
}

/// A session in this state.
fn state(name: &str) -> Row {
    let mut terminal = listening();
    let setup = if name == "leaving" { "" } else { ACTPASS };
    let (id, asked) = terminal.asked(&invite(1, "", &offer(setup)));
    let mut row = Row {
        terminal,
        id,
        asked,
        push: None,
        tag: String::new(),
        own: String::new(),
    };
    row.lead(name);
    row
}

impl Row {
    fn lead(&mut self, name: &str) {
        let terminal = &mut self.terminal;
        if name == "asked" {
            return;
        }
        let mut outputs = terminal.foreseen(self.asked, PushOutcome::Delivered);
        let response = responded(outputs.pop(), self.id);
        response.to_tag().unwrap().clone_into(&mut self.tag);
        self.own = streams::path(&response);
        if name == "leaving" {
            // Nobody connects, and nobody acknowledges either.
            while terminal.now < Duration::from_hours(12) + Duration::from_secs(30) {
                terminal.wake();
            }
        }
        if matches!(name, "answered" | "leaving") {
            return;
        }
        terminal.ack(1, &self.tag, 4);
        if name == "opening" {
            return;
        }
        terminal.opened(1);
        if matches!(name, "judging" | "judged") {
            let outputs = terminal.octets(1, &whole(&self.own, "m1", "hello"));
            self.push = Some(streams::pushed(outputs.first()).0);
        }
        if name == "judged" {
            terminal.verdict(self.push.unwrap(), PushOutcome::Delivered);
        }
        if name == "lost" {
            terminal.octets(1, &streams::chunk(&self.own, "m1", 1, 10, "hello", '+'));
            terminal
                .serving
                .stream_ended(StreamId(1), "lost", terminal.now);
            terminal.take();
        }
    }

    fn happen(&mut self, event: &str) -> Vec<ServingOutput> {
        let described = "Contact: <sip:psa@192.0.2.9:5090>\r\nContent-Type: application/sdp\r\n";
        // Nobody knows the tag of a session that has not been answered.
        let tag = Some(self.tag.clone()).filter(|tag| !tag.is_empty());
        let tag = tag.unwrap_or_else(|| "none".to_owned());
        let terminal = &mut self.terminal;
        let now = terminal.now;
        let method = match event {
            "foreseen" => return terminal.foreseen(self.asked, PushOutcome::Delivered),
            "refused" => return terminal.foreseen(self.asked, PushOutcome::NoRoom),
            "cancel" => {
                terminal.serving.cancelled(self.id);
                return terminal.take();
            }
            "ack" => return terminal.ack(1, &tag, 4),
            "opened" => return terminal.opened(1),
            "octets" => return terminal.octets(1, &whole(&self.own, "m2", "hello")),
            "ended" => {
                terminal.serving.stream_ended(StreamId(1), "ended", now);
                return terminal.take();
            }
            "judgement" => {
                let ticket = self.push.unwrap_or(SipPushTicket(99));
                return terminal.verdict(ticket, PushOutcome::Delivered);
            }
            "stop" => {
                terminal.serving.stop();
                return terminal.take();
            }
            "time" => return terminal.wake(),
            "bye" => "BYE",
            "info" => "INFO",
            _ => "INVITE",
        };
        let body = offer(if event == "other offer" {
            "a=setup:active\r\n"
        } else {
            ACTPASS
        });
        let text = within(method, 1, &tag, 5, described, &body);
        terminal.request(&text).1
    }
}

fn words(outputs: &[ServingOutput]) -> String {
    let word = |output: &ServingOutput| match output {
        ServingOutput::Respond { response, .. } => response.status().to_string(),
        ServingOutput::Send { request, .. } => request.method().to_string(),
        ServingOutput::Push { .. } => "push".to_owned(),
        ServingOutput::Foresee { .. } => "ask".to_owned(),
        ServingOutput::OpenStream { .. } => "open".to_owned(),
        ServingOutput::StreamTransmit { .. } => "send".to_owned(),
        ServingOutput::CloseStream { .. } => "close".to_owned(),
        ServingOutput::Noted(_) => "note".to_owned(),
    };
    let words: Vec<_> = outputs.iter().map(word).collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(" ")
    }
}

#[test]
fn each_event_in_each_state_has_its_effect() {
    for (name, row) in STATES.into_iter().zip(TABLE) {
        for (event, expected) in EVENTS.into_iter().zip(row) {
            let outputs = state(name).happen(event);
            assert_eq!(words(&outputs), expected, "{event} when {name}");
        }
    }
}
