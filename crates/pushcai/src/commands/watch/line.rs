//! One thing that happened, as lines for people.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use push_api::{Happening, Watched, WatchedEvent, WatchedPush, WatchedRegistration};
use push_content::Decoded;

use crate::commands::events::Content;
use crate::output::{time, visible};

/// The most characters of content that one line shows, and the most lines.
const CONTENT_WIDTH: usize = 160;
const CONTENT_LINES: usize = 20;

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const CYAN: &str = "36";

/// How lines look.
#[derive(Debug)]
pub(super) struct Style {
    /// They are cut to the width of a terminal, and say the time of day alone.
    pub(super) terminal: bool,
    /// They are coloured.
    pub(super) color: bool,
}

/// What a line says behind its time.
struct Told {
    color: &'static str,
    event: Option<String>,
    application: Option<String>,
    rest: String,
}

impl Style {
    /// What happened in one line, and the content of a push on those that follow.
    pub(super) fn lines(&self, watched: &Watched) -> Vec<String> {
        let width = self.width();
        let kind = watched.kind().as_str();
        let told = told(&watched.what);
        let dash = || "-".to_owned();
        let (event, application) = (
            told.event.unwrap_or_else(dash),
            told.application.unwrap_or_else(dash),
        );
        let when = self.when(watched.time);
        // Columns first, colour last: escapes have no width.
        let head = format!("{when}  ");
        let tail = visible(&format!("  {event:16}  {application}  {}", told.rest));
        let room = width.saturating_sub(head.chars().count() + KIND_WIDTH);
        let tail = cut(tail.trim_end(), room);
        let kind = self.painted(told.color, &format!("{kind:KIND_WIDTH$}"));
        let mut lines = vec![format!("{head}{kind}{tail}")];
        if let Happening::Judged(judged) = &watched.what {
            let content = content(judged).into_iter();
            lines.extend(content.map(|line| cut(&format!("    {line}"), width)));
        }
        lines
    }

    fn when(&self, milliseconds: u64) -> String {
        let whole = time(milliseconds);
        match whole.split_once('T') {
            Some((_, of_day)) if self.terminal => of_day.trim_end_matches('Z').to_owned(),
            _ => whole,
        }
    }

    fn width(&self) -> usize {
        let size = terminal_size::terminal_size().filter(|_| self.terminal);
        size.map_or(usize::MAX, |(width, _)| usize::from(width.0).max(40))
    }

    fn painted(&self, color: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{color}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The longest kind of what happens often; longer ones push the rest aside.
const KIND_WIDTH: usize = 13;

/// The text, or as much of it as there is room for.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn told(what: &Happening) -> Told {
    match what {
        Happening::Judged(judged) => push(judged),
        Happening::Registered(of) => registration(GREEN, of, format!("by {}", of.owner)),
        Happening::Deregistered(of) => registration(CYAN, of, format!("by {}", of.owner)),
        Happening::RegistrationRefused {
            owner,
            reason,
            detail,
            ..
        } => plain(RED, format!("{reason} to {owner}: {detail}")),
        Happening::RegistrationChanged {
            registration: of,
            cause,
            detail,
        } => registration(YELLOW, of, format!("{cause}: {detail}")),
        Happening::Delivered { event: of, attempt } => {
            event(CYAN, of, format!("attempt {attempt}"))
        }
        Happening::Accepted(of) | Happening::Replayed(of) => event(GREEN, of, String::new()),
        Happening::Delayed { event: of, until } => {
            event(YELLOW, of, format!("until {}", time(*until)))
        }
        Happening::Died(of) => event(RED, of, "it is a dead letter: `pushcai dead`".to_owned()),
        Happening::Dropped(of) | Happening::Expired(of) => event(RED, of, String::new()),
        Happening::HandlerFailed {
            registration: of,
            until,
            reason,
        } => registration(YELLOW, of, format!("until {}: {reason}", time(*until))),
        Happening::Handled {
            event: of,
            scheme,
            outcome,
            took,
            ..
        } => event(CYAN, of, format!("{scheme}: {outcome} in {took} ms")),
        Happening::ServerChanged {
            uri,
            protocol,
            state,
            reason,
        } => {
            let reason = reason.as_ref().map(|reason| format!(" ({reason})"));
            let reason = reason.unwrap_or_default();
            plain(CYAN, format!("{uri} by {protocol}: {state}{reason}"))
        }
        Happening::Malformed {
            protocol,
            server,
            length,
            detail,
            ..
        } => plain(
            RED,
            format!("{length} octets from {server} by {protocol}: {detail}"),
        ),
        Happening::Missed { count } => plain(
            YELLOW,
            format!("{count} more things happened than could be shown"),
        ),
    }
}

const fn plain(color: &'static str, rest: String) -> Told {
    Told {
        color,
        event: None,
        application: None,
        rest,
    }
}

fn registration(color: &'static str, of: &WatchedRegistration, rest: String) -> Told {
    Told {
        application: Some(of.push_application_id.clone()),
        ..plain(color, rest)
    }
}

fn event(color: &'static str, of: &WatchedEvent, rest: String) -> Told {
    let registration = of.registration.as_ref();
    Told {
        event: Some(of.id.clone()),
        application: registration.map(|of| of.push_application_id.clone()),
        ..plain(color, rest)
    }
}

fn push(judged: &WatchedPush) -> Told {
    let WatchedPush {
        verdict,
        content_type,
        content_length,
        protocol,
        server,
        ..
    } = judged;
    let from = match &judged.originator {
        Some(originator) => format!("{originator} via {server}"),
        None => server.clone(),
    };
    let detail = judged.detail.as_ref();
    let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
    let color = match &**verdict {
        "accepted" => GREEN,
        "held" | "duplicate" => YELLOW,
        _ => RED,
    };
    Told {
        color,
        event: judged.id.clone(),
        application: judged.push_application_id.clone(),
        rest: format!(
            "{verdict}  {content_type}  {content_length} octets from {from} by {protocol}{detail}"
        ),
    }
}

/// What the content says where its type is known; else the text that it is, or hexadecimal.
fn said(judged: &WatchedPush, octets: &[u8]) -> Vec<String> {
    let shown = |line: &str| format!("| {}", cut(&visible(line), CONTENT_WIDTH));
    // Text is shown as it came, whatever its length.
    match decoded(judged, octets).filter(|decoded| !matches!(decoded, Decoded::Text(_))) {
        Some(decoded) => decoded.lines().iter().map(|line| shown(line)).collect(),
        None => match Content::of(octets) {
            Content::Text(text) => text.lines().map(shown).collect(),
            Content::Hex(digits) => vec![cut(&digits, CONTENT_WIDTH)],
        },
    }
}

/// What the content says.
fn decoded(judged: &WatchedPush, octets: &[u8]) -> Option<Decoded> {
    let mut parameters = judged.parameters.iter();
    let charset = parameters.find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    let charset = charset.map(|(_, value)| &**value);
    push_content::decoded(&judged.content_type, charset, octets)
}

/// What the content of a push says, where it came and its type is known.
pub(super) fn decoded_content(watched: &Watched) -> Option<Decoded> {
    let Happening::Judged(judged) = &watched.what else {
        return None;
    };
    let octets = STANDARD.decode(judged.content.as_deref()?).ok()?;
    decoded(judged, &octets)
}

/// The headers and the content of a push, as far as they came.
fn content(judged: &WatchedPush) -> Vec<String> {
    let headers = judged.headers.iter();
    let mut lines: Vec<_> = headers
        .map(|(name, value)| visible(&format!("{name}: {value}")))
        .collect();
    let octets = judged.content.as_deref();
    match octets.map(|content| STANDARD.decode(content)) {
        None => {}
        Some(Err(_)) => lines.push("(the content cannot be read)".to_owned()),
        Some(Ok(octets)) => lines.extend(said(judged, &octets)),
    }
    if lines.len() > CONTENT_LINES {
        let more = lines.len() - CONTENT_LINES;
        lines.truncate(CONTENT_LINES);
        lines.push(format!("({more} more lines)"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style {
        terminal: false,
        color: false,
    };

    fn judged(content: &str) -> Watched {
        Watched {
            time: 1_700_000_000_123,
            what: Happening::Judged(Box::new(WatchedPush {
                verdict: "accepted".to_owned(),
                id: Some("0000000000000001".to_owned()),
                push_application_id: Some("x-wap-application:mms.ua".to_owned()),
                content_type: "text/plain".to_owned(),
                content_length: 5,
                protocol: "OTA-WSP".to_owned(),
                server: "192.0.2.7".to_owned(),
                headers: vec![("X-A".to_owned(), "\x1b[1m".to_owned())],
                content: Some(STANDARD.encode(content)),
                ..WatchedPush::default()
            })),
        }
    }

    #[test]
    fn a_push_is_a_line_and_its_content_follows() {
        assert_eq!(
            PLAIN.lines(&judged("hello\nthere\x1b[2J")).first().unwrap(),
            "2023-11-14T22:13:20.123Z  judged         0000000000000001  x-wap-application:mms.ua  accepted  text/plain  5 \
             octets from 192.0.2.7 by OTA-WSP"
        );
        let lines = PLAIN.lines(&judged("hello\nthere"));
        assert_eq!(
            &lines[1..],
            ["    X-A: \\u{1b}[1m", "    | hello", "    | there"]
        );
        let long = PLAIN.lines(&judged(&"a\n".repeat(1000)));
        assert_eq!(long.len(), CONTENT_LINES + 2);
        assert_eq!(long.last().unwrap(), "    (981 more lines)");
    }

    /// A service indication in WBXML, whose text is `\x1b[2J`.
    const SI: &[u8] = b"\x02\x05\x6A\x00\x45\xC6\x0C\x03a.example/\x00\x01\x03\x1b[2J\x00\x01\x01";

    #[test]
    fn content_of_a_known_type_is_shown_by_what_it_says() {
        let mut watched = judged("");
        if let Happening::Judged(judged) = &mut watched.what {
            judged.content_type = "application/vnd.wap.sic".to_owned();
            judged.content = Some(STANDARD.encode(SI));
        }
        let lines = PLAIN.lines(&watched);
        assert_eq!(
            &lines[2..],
            [
                "    | Service Indication",
                "    |   text: \\u{1b}[2J",
                "    |   href: http://a.example/",
                "    |   action: signal-medium",
            ]
        );
        let document = serde_json::to_value(decoded_content(&watched)).unwrap();
        assert_eq!(document["kind"], "si");
        assert_eq!(document["href"], "http://a.example/");
        let text = serde_json::to_value(decoded_content(&judged("hello"))).unwrap();
        assert_eq!(text, serde_json::json!({"kind": "text", "text": "hello"}));
    }

    #[test]
    fn colour_takes_no_room_and_no_octet_from_outside_steers_a_terminal() {
        let colored = Style {
            color: true,
            ..PLAIN
        };
        for line in colored.lines(&judged("\x1b[31m")) {
            let inner = line.replace("\x1b[32m", "").replace("\x1b[0m", "");
            assert!(!inner.contains('\x1b'), "{inner:?}");
        }
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
