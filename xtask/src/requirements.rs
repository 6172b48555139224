//! `cargo xtask requirements`: duvet over specs/, with what is missing named.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{command, workspace::Workspace};

/// The version of duvet whose report this task reads.
const DUVET: &str = "0.4.3";

/// Runs duvet and fails with every requirement named that lacks code or a test.
pub(crate) fn run() -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    let duvet = provide(&workspace)?;
    let report = workspace.root.join(".duvet/reports/report.json");
    let checked = command::step(
        "requirements",
        Command::new(duvet)
            .current_dir(&workspace.root)
            .args(["report", "--ci"]),
    );
    let gaps = gaps(&report)?;
    if gaps.is_empty() {
        checked?;
        println!("requirements: each one has code and a test, or a written exception");
        return Ok(());
    }
    bail!("requirements with gaps:\n  {}", gaps.join("\n  "))
}

/// Where duvet is: on the machine already, or installed below the target directory.
fn provide(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let tools = workspace.target.join("tools");
    let installed = tools.join("bin/duvet");
    for candidate in [Some(installed.clone()), command::find_program("duvet")] {
        if let Some(program) = candidate.filter(|program| is_right_version(program)) {
            return Ok(program);
        }
    }
    let version = format!("duvet@{DUVET}");
    let mut install = command::cargo(
        &workspace.root,
        &["install", "--quiet", "--debug", "--locked", "--root"],
    );
    install.arg(&tools).arg(version);
    command::step("duvet (once on a machine, about two minutes)", &mut install)?;
    Ok(installed)
}

/// duvet does not tell its version; cargo's list of what it installed beside the program does.
fn is_right_version(program: &Path) -> bool {
    let list = program
        .ancestors()
        .nth(2)
        .map(|root| root.join(".crates.toml"));
    let list = list.and_then(|list| fs::read_to_string(list).ok());
    let entry = format!("\"duvet {DUVET} ");
    program.is_file() && list.is_some_and(|list| list.contains(&entry))
}

/// The requirements in duvet's report that are not covered, each with its section and what it lacks.
fn gaps(report: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(report)
        .with_context(|| format!("duvet left no report at {}", report.display()))?;
    let report: Value = serde_json::from_str(&text).context("duvet's report is no valid JSON")?;
    let annotations = report["annotations"].as_array().into_iter().flatten();
    let gaps = annotations.enumerate().filter_map(|(index, annotation)| {
        let lacks = lacks(&report["statuses"][index.to_string()])?;
        Some(format!(
            "{}#{} lacks {lacks}: {}",
            annotation["target_path"].as_str().unwrap_or_default(),
            annotation["target_section"].as_str().unwrap_or_default(),
            annotation["comment"].as_str().unwrap_or_default().trim()
        ))
    });
    Ok(gaps.collect())
}

/// What a requirement of this status lacks; `None` if nothing, or if it is no requirement.
fn lacks(status: &Value) -> Option<&'static str> {
    let octets = |name: &str| status[name].as_u64().unwrap_or_default();
    let whole = octets("spec");
    let excused = octets("exception") + octets("implication");
    let (cited, tested) = (octets("citation") + excused, octets("test") + excused);
    match (whole > cited, whole > tested) {
        (false, false) => None,
        (true, false) => Some("code that obeys it"),
        (false, true) => Some("a test that shows it"),
        (true, true) => Some("code that obeys it and a test that shows it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_requirement_lacks_what_its_status_does_not_count() {
        assert_eq!(lacks(&json!({"spec": 9, "citation": 9, "test": 9})), None);
        assert_eq!(lacks(&json!({"spec": 9, "exception": 9})), None);
        assert_eq!(
            lacks(&json!({"spec": 9, "citation": 9})),
            Some("a test that shows it")
        );
        assert_eq!(
            lacks(&json!({"spec": 9, "test": 9})),
            Some("code that obeys it")
        );
        assert!(lacks(&json!({"spec": 9, "incomplete": 9})).is_some());
    }
}
