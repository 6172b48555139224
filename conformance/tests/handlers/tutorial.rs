//! The tutorials of `docs/handlers.md`, run as they stand there.

use std::{fs, process::Command};

use anyhow::Context;
use conformance::{document, loopback::Network, pushcai::run};

/// The commands of a document: what stands in its fences for the shell, up to the chapter after the first.
fn commands(document: &str) -> String {
    let first = document.split("\n## ").nth(1).unwrap_or_default();
    let mut script = String::new();
    let mut within = false;
    for line in first.lines() {
        match line {
            "```sh" => within = true,
            "```" => within = false,
            line if within => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}

#[test]
fn a_script_of_five_lines_is_a_push_application() -> anyhow::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/handlers.md");
    let script = commands(&fs::read_to_string(path)?);
    // Its place is taken once for each run, so that runs do not meet.
    let home = tempfile::tempdir()?;
    let network = Network::claim()?;
    let script = script
        .replace("/tmp/meter", &home.path().display().to_string())
        .replace("127.0.0.3", &network.host(1).to_string());
    let outcome = run(Command::new("bash")
        .args(["-euc", &script])
        .env("PATH", document::path()?))?;
    assert_eq!(outcome.code, Some(0), "{script}\n{outcome:?}");
    let readings = fs::read_to_string(home.path().join("readings")).context("nothing was read")?;
    let lines: Vec<&str> = readings.lines().collect();
    assert_eq!(lines.len(), 3, "{readings}");
    assert!(
        lines.iter().all(|line| line.contains("text/plain")),
        "{readings}"
    );
    assert!(
        lines[0].ends_with("23.5") && lines[1].ends_with("24.1") && lines[2].ends_with("broken"),
        "{readings}"
    );
    for words in ["exec: exit status 1", "    | no number: broken"] {
        assert!(outcome.output.contains(words), "{words:?}: {outcome:?}");
    }
    assert!(outcome.errors.contains("no dead letter: "), "{outcome:?}");
    Ok(())
}
