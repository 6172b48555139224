//! Key files are read as `GLib` reads them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use push_handlers::imports::KeyFile;
use serde_json::{Value, json};

/// Reads a text of each line, in JSON, and shows what `GLib` makes of it.
const GLIB: &str = r#"
import json, sys
from gi.repository import GLib
def asked(ask, *arguments):
    try:
        return ask(*arguments)
    except GLib.Error:
        return None
for line in sys.stdin:
    text = json.loads(line)
    file = GLib.KeyFile.new()
    try:
        file.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.KEEP_TRANSLATIONS)
    except GLib.Error:
        print("null")
        continue
    groups = {group: {key: [asked(file.get_string, group, key), asked(file.get_integer, group, key)]
                      for key in file.get_keys(group)[0]} for group in file.get_groups()[0]}
    print(json.dumps(groups))
"#;

fn texts() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "[",
        "]",
        "[a]",
        "[b c]",
        "a",
        "b",
        "=",
        " ",
        "\t",
        "\n",
        "\n",
        "\r\n",
        "#",
        "1",
        "-",
        "2948",
        "\\",
        "\\s",
        "\\n",
        "\\x",
        "ä",
        "Key",
        "[de]",
        "[d_e@x.y]",
        ";",
        "\u{7f}",
        "k=v\n",
        "[a]\n",
        "=12 \n",
    ]);
    prop::collection::vec(word, 0..14).prop_map(|words| words.concat())
}

fn read(text: &str) -> Value {
    let Ok(file) = KeyFile::parse(text) else {
        return Value::Null;
    };
    let groups = file.groups.iter().map(|group| {
        let keys = group.keys().map(|key| {
            let value = json!([
                group.text(key).ok().flatten(),
                group.number(key).ok().flatten()
            ]);
            (key.to_owned(), value)
        });
        (group.name.clone(), Value::Object(keys.collect()))
    });
    Value::Object(groups.collect())
}

#[test]
fn as_glib_reads_them() {
    let works = Command::new("/usr/bin/python3")
        .args(["-c", "from gi.repository import GLib"])
        .status();
    if !works.is_ok_and(|status| status.success()) {
        assert!(std::env::var("CI").is_err(), "python3-gi is missing");
        eprintln!("skipped: python3-gi is missing");
        return;
    }
    let mut runner = TestRunner::deterministic();
    let texts: Vec<String> = (0..4000)
        .map(|_| {
            texts()
                .prop_map(|text| format!("[a]\n{text}"))
                .boxed()
                .new_tree(&mut runner)
                .unwrap()
                .current()
        })
        .collect();
    let lines: Vec<String> = texts.iter().map(|text| json!(text).to_string()).collect();
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", GLIB])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all((lines.join("\n") + "\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), texts.len());
    let different = texts
        .iter()
        .zip(&answers)
        .filter(|(text, glib)| read(text) != **glib);
    let shown: Vec<String> = different
        .map(|(text, glib)| format!("{text:?}: here {}, GLib {glib}", read(text)))
        .collect();
    assert!(
        shown.is_empty(),
        "{} of {}:\n{}",
        shown.len(),
        texts.len(),
        shown[..shown.len().min(12)].join("\n")
    );
    let understood = answers.iter().filter(|answer| !answer.is_null()).count();
    assert!(understood > 200, "{understood}");
}
