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
const DIM: &str = "2";
const BOLD: &str = "1";

/// How lines look.
#[derive(Debug)]
pub(super) struct Style {
    /// They fit into the width of a terminal, and say the time of day and short names alone.
    pub(super) terminal: bool,
    /// They are coloured.
    pub(super) color: bool,
    /// Content was asked for: what handlers said is shown with it.
    pub(super) content: bool,
}

/// What a line says behind its time.
struct Told {
    color: &'static str,
    event: Option<String>,
    application: Option<String>,
    rest: String,
}

impl Style {
    /// The names of the columns, for a terminal.
    pub(super) fn headings(&self) -> Option<String> {
        let line = format!(
            "{:12}  {:KIND_WIDTH$}  {:16}  {:APPLICATION_WIDTH$}  HOW",
            "TIME (UTC)", "WHAT", "EVENT", "APPLICATION"
        );
        let line = cut(&line, self.width());
        self.terminal.then(|| self.painted(BOLD, &line))
    }

    /// What happened in one line; what finds no room there, and the content of a push, on those that follow.
    pub(super) fn lines(&self, watched: &Watched) -> Vec<String> {
        self.lines_within(watched, self.width())
    }

    fn lines_within(&self, watched: &Watched, width: usize) -> Vec<String> {
        let kind = watched.kind().as_str();
        let told = self.told(&watched.what);
        let event = told.event.as_deref().unwrap_or("-");
        let application = told.application.as_deref().unwrap_or("-");
        let when = self.when(watched.time);
        let named = visible(&format!("{event:16}  {}", self.application(application)));
        let rest = visible(&told.rest);
        let used = [&*when, "  ", &format!("{kind:KIND_WIDTH$}  "), &*named];
        let used: usize = used.iter().map(|text| text.chars().count()).sum();
        let together = used.saturating_add(2 + rest.chars().count()) <= width;
        let room = width.saturating_sub(used - named.chars().count());
        let tail = if together {
            format!("{named}  {rest}")
        } else {
            cut(named.trim_end(), room)
        };
        // Columns first, colour last: escapes have no width.
        let when = self.painted(DIM, &when);
        let kind = self.painted(told.color, &format!("{kind:KIND_WIDTH$}"));
        let mut lines = vec![format!("{when}  {kind}  {}", tail.trim_end())];
        if !together && !rest.is_empty() {
            lines.push(cut(&format!("    {rest}"), width));
        }
        let content = self.content(&watched.what).into_iter();
        lines.extend(content.map(|line| cut(&format!("    {line}"), width)));
        lines
    }

    /// An application in its column; where people read, without the words that most ids begin with.
    fn application(&self, id: &str) -> String {
        if self.terminal {
            let short = id.strip_prefix(ID_PREFIX).unwrap_or(id);
            format!("{short:APPLICATION_WIDTH$}")
        } else {
            id.to_owned()
        }
    }

    /// What came with it, where content was asked for.
    fn content(&self, what: &Happening) -> Vec<String> {
        if let Happening::Judged(judged) = what {
            return content(judged);
        }
        if let Happening::Handled { output, .. } = what
            && self.content
        {
            return bounded(text_lines(output));
        }
        Vec::new()
    }

    fn told(&self, what: &Happening) -> Told {
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
                event(YELLOW, of, format!("until {}", self.when(*until)))
            }
            Happening::Died(of) => event(
                RED,
                of,
                "a dead letter now: `pushcai dead` lists it".to_owned(),
            ),
            Happening::Dropped(of) | Happening::Expired(of) => event(RED, of, String::new()),
            Happening::HandlerFailed {
                registration: of,
                until,
                reason,
            } => registration(YELLOW, of, format!("until {}: {reason}", self.when(*until))),
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
                format!("{}, {protocol} from {server}: {detail}", octets(*length)),
            ),
            Happening::Missed { count } => plain(
                YELLOW,
                format!("{count} more things happened than could be shown"),
            ),
        }
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
/// The same for applications.
const APPLICATION_WIDTH: usize = 12;
/// What most Push Application IDs begin with.
const ID_PREFIX: &str = "x-wap-application:";

/// The text, or as much of it as there is room for.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
    short.push('…');
    short
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
    let length = octets(*content_length);
    let color = match &**verdict {
        "accepted" => GREEN,
        "held" | "duplicate" => YELLOW,
        _ => RED,
    };
    Told {
        color,
        event: judged.id.clone(),
        application: judged.push_application_id.clone(),
        rest: format!("{verdict}  {content_type}, {length}, {protocol} from {from}{detail}"),
    }
}

fn octets(number: usize) -> String {
    match number {
        1 => "1 octet".to_owned(),
        number => format!("{number} octets"),
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
    bounded(lines)
}

/// Text as it was sent, each line marked as such.
fn text_lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(visible);
    lines
        .map(|line| format!("| {}", cut(&line, CONTENT_WIDTH)))
        .collect()
}

/// As many lines as are shown, and how many more there are.
fn bounded(mut lines: Vec<String>) -> Vec<String> {
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
        content: false,
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
            "2023-11-14T22:13:20.123Z  judged         0000000000000001  x-wap-application:mms.ua  accepted  text/plain, 5 \
             octets, OTA-WSP from 192.0.2.7"
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
            let inner = ["\x1b[32m", "\x1b[2m", "\x1b[0m"];
            let inner = inner.iter().fold(line, |line, code| line.replace(code, ""));
            assert!(!inner.contains('\x1b'), "{inner:?}");
        }
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }

    #[test]
    fn a_narrow_terminal_has_the_rest_on_a_line_of_its_own() {
        let terminal = Style {
            terminal: true,
            ..PLAIN
        };
        let whole = "22:13:20.123  judged         0000000000000001  mms.ua        accepted  text/plain, 5 octets, OTA-WSP from \
                     192.0.2.7";
        assert_eq!(terminal.lines_within(&judged(""), 120)[0], whole);
        let narrow = terminal.lines_within(&judged(""), 56);
        assert_eq!(
            narrow[..2],
            [
                "22:13:20.123  judged         0000000000000001  mms.ua",
                "    accepted  text/plain, 5 octets, OTA-WSP from 192.0.…"
            ]
        );
        for line in terminal.lines_within(&judged("a long line of text"), 40) {
            assert!(line.chars().count() <= 40, "{line}");
        }
    }

    #[test]
    fn what_a_handler_said_is_shown_with_content() {
        let watched = Watched {
            time: 0,
            what: Happening::Handled {
                event: WatchedEvent::default(),
                attempt: 1,
                scheme: "exec".to_owned(),
                outcome: "exit status 3".to_owned(),
                output: "no \x1b[1mmeter\n".to_owned(),
                took: 7,
            },
        };
        let content = Style {
            content: true,
            ..PLAIN
        };
        assert_eq!(content.lines(&watched)[1..], ["    | no \\u{1b}[1mmeter"]);
        assert_eq!(PLAIN.lines(&watched).len(), 1);
    }
}
