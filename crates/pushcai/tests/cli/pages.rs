//! Help, completions and manual pages.

use insta::assert_snapshot;

use crate::run::pushcai;

const COMMANDS: &[&str] = &[
    "register",
    "deregister",
    "apps",
    "events",
    "ack",
    "status",
    "servers",
    "explain",
    "submit",
    "metrics",
    "decode",
    "demo",
    "completions",
    "man",
];

#[test]
fn help_teaches() {
    assert_snapshot!(pushcai(&["--help"]));
    assert_snapshot!(pushcai(&["-h"]));
    for command in COMMANDS {
        assert_snapshot!(*command, pushcai(&[command, "--help"]));
    }
    assert_snapshot!(pushcai(&["lab", "push", "--help"]));
    assert_snapshot!("relay_mmsd", pushcai(&["relay", "mmsd", "--help"]));
}

#[test]
fn without_a_command_the_help_is_talk_and_wrong_use() {
    let run = pushcai(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("Usage: pushcai"), "{run}");
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = pushcai(&["completions", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        assert!(run.stdout.contains("deregister"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let main = pushcai(&["man"]);
    assert_eq!((main.code, main.stderr.as_str()), (0, ""));
    assert!(
        main.stdout.starts_with(".ie") || main.stdout.contains(".TH pushcai 1"),
        "{main}"
    );
    assert!(main.stdout.contains("storeFailed"), "{main}");
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    let run = pushcai(&["man", pages.to_str().unwrap()]);
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (0, "", "")
    );
    for command in COMMANDS {
        let page = std::fs::read_to_string(pages.join(format!("pushcai-{command}.1"))).unwrap();
        assert!(
            page.contains(&format!("pushcai-{command}")) || page.contains(command),
            "{command}"
        );
    }
    assert_eq!(
        std::fs::read_to_string(pages.join("pushcai.1")).unwrap(),
        main.stdout
    );
}

#[test]
fn a_page_that_cannot_be_written_is_a_failure() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let run = pushcai(&["man", file.path().to_str().unwrap()]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
}
