//! `pushcai watch` and `pushcai dead`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::daemon::{Daemon, End, Reply};
use crate::run::{against, command};

const JUDGED: &str = r#"{"time":1700000000123,"kind":"judged","verdict":"accepted","id":"0000000000000001","registrationID":"0000000000000007","owner":"uid:1000","pushApplicationID":"x-wap-application:mms.ua","contentType":"text/plain","contentLength":5,"protocol":"OTA-WSP","bearer":"IP","server":"192.0.2.7","content":"aGVsbG8="}"#;
const DIED: &str = r#"{"time":1700000000124,"kind":"died","id":"0000000000000001"}"#;

fn sent(document: &str) -> String {
    format!("event: x\ndata: {document}\n\n")
}

/// Watches until so many lines were written, ends it as Ctrl-C does, and gives the lines.
fn watched(socket: &Path, arguments: &[&str], lines: usize) -> Vec<String> {
    let mut child = command(arguments)
        .env("PUSHCAI_SOCKET", socket)
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let read = stdout.lines().take(lines).map(Result::unwrap).collect();
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    read
}

#[test]
fn piped_lines_are_plain_and_content_follows() {
    let daemon = Daemon::start(|_| Reply::stream(200, [&*sent(JUDGED), &sent(DIED)], End::Silence));
    let arguments = ["watch", "--app", "4", "--kind", "judged,died", "--content"];
    let lines = watched(daemon.socket(), &arguments, 3);
    assert_eq!(
        lines,
        [
            "2023-11-14T22:13:20.123Z  judged         0000000000000001  x-wap-application:mms.ua  accepted  text/plain, 5 octets, OTA-WSP from 192.0.2.7",
            "    | hello",
            "2023-11-14T22:13:20.124Z  died           0000000000000001  -  a dead letter now: `pushcai dead` lists it",
        ]
    );
    let asked = daemon.asked();
    assert_eq!(
        asked[0].line,
        "GET /v1/watch?pushApplicationID=4&kind=judged%2Cdied&content=true"
    );
}

/// What is shown of `JUDGED`, whose content is known for what it is.
fn judged_and_decoded() -> String {
    let members = JUDGED.strip_suffix('}').unwrap();
    format!(r#"{members},"decoded":{{"kind":"text","text":"hello"}}}}"#)
}

#[test]
fn json_is_one_document_a_line_and_colour_comes_where_it_is_asked_for() {
    let daemon = Daemon::start(|_| Reply::stream(200, [&*sent(JUDGED)], End::Silence));
    let lines = watched(daemon.socket(), &["watch", "--json"], 1);
    assert_eq!(lines, [judged_and_decoded()]);
    let lines = watched(daemon.socket(), &["watch", "--color", "always"], 1);
    assert!(lines[0].contains("\x1b[32mjudged"), "{lines:?}");
}

#[test]
fn a_daemon_that_restarts_is_waited_for() {
    let answers = AtomicUsize::new(0);
    let daemon = Daemon::start(move |_| match answers.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::stream(200, [&*sent(JUDGED)], End::Whole),
        _ => Reply::stream(200, [&*sent(DIED)], End::Silence),
    });
    let lines = watched(daemon.socket(), &["watch", "--json"], 2);
    assert_eq!(lines, [judged_and_decoded(), DIED.to_owned()]);
}

#[test]
fn an_unknown_kind_is_refused_with_those_that_are_known() {
    let run = crate::run::pushcai(&["watch", "--kind", "judge"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("'judged'"), "{}", run.stderr);
}

const LETTER: &str = r#"{"id":"0000000000000001","registrationID":"0000000000000007","owner":"uid:1000","pushApplicationID":"x-wap-application:mms.ua","contentType":"text/plain","contentLength":5,"protocol":"OTA-WSP","server":"192.0.2.7","receivedAt":1700000000000,"attempts":3,"reason":"exec: exit status 3"}"#;

/// One page with a letter, and none behind it.
fn letters() -> Daemon {
    Daemon::start(|asked| match &*asked.line {
        "POST /v1/dead-letters" => Reply::ok(r#"{"settled":1}"#),
        line if line.contains("after=") => Reply::ok("[]"),
        _ => Reply::ok(&format!("[{LETTER}]")),
    })
}

#[test]
fn dead_letters_are_listed_page_by_page() {
    let daemon = letters();
    let run = against(daemon.socket(), &["dead", "--app", "4"]);
    assert_eq!(run.code, 0);
    let row = run.stdout.lines().nth(1).unwrap();
    assert!(row.starts_with("0000000000000001  2023-11-14"), "{row}");
    assert!(row.ends_with("exec: exit status 3"), "{row}");
    let asked: Vec<_> = daemon.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        asked,
        [
            "GET /v1/dead-letters?pushApplicationID=4",
            "GET /v1/dead-letters?pushApplicationID=4&after=0000000000000001"
        ]
    );
    let run = against(daemon.socket(), &["dead", "list", "--json"]);
    assert_eq!(run.stdout, format!("{LETTER}\n"));
}

#[test]
fn dead_letters_are_settled_by_id_or_all() {
    let daemon = letters();
    let run = against(daemon.socket(), &["dead", "replay", "0000000000000001"]);
    assert_eq!(run.stdout, "replayed 1 dead letter\n");
    let run = against(daemon.socket(), &["dead", "drop", "--all", "--json"]);
    assert_eq!(run.stdout, "{\"settled\":1}\n");
    let bodies = daemon.asked().into_iter().map(|asked| asked.body);
    let bodies: Vec<_> = bodies.filter(|body| !body.is_empty()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"fate":"replay","ids":["0000000000000001"]}"#,
            r#"{"fate":"drop","ids":["0000000000000001"]}"#
        ]
    );
    // Nobody means one and settles all.
    assert_eq!(against(daemon.socket(), &["dead", "drop"]).code, 2);
}

#[test]
fn a_letter_that_is_refused_says_why_and_decides_the_end() {
    let daemon = Daemon::always(
        200,
        r#"{"settled":0,"refused":[["0000000000000001","notRegistered","it is no dead letter of yours"]]}"#,
    );
    let run = against(daemon.socket(), &["dead", "drop", "0000000000000001"]);
    assert_ne!(run.code, 0);
    assert!(
        run.stderr
            .contains("event 0000000000000001: it is no dead letter of yours"),
        "{}",
        run.stderr
    );
}
