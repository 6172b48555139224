//! `cargo xtask names`: no tracked file holds a path that means something on one machine only.

use std::{fs, process::Command};

use anyhow::bail;

use crate::{command, workspace};

/// Beginnings of such paths, in two halves so that this file does not hold them.
const MACHINE_PATHS: &[(&str, &str)] = &[
    ("/ho", "me/"),
    ("/ro", "ot/"),
    ("/Us", "ers/"),
    ("/wo", "rk/"),
    ("/tmp/", "target"),
    ("C:", "\\Users"),
];

/// Reads every file that git tracks and fails with the places named.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = workspace::root();
    let listing = command::output(
        Command::new("git")
            .current_dir(&root)
            .args(["ls-files", "-z"]),
    )?;
    let mut files = 0_usize;
    let mut found = Vec::new();
    for name in listing.split('\0').filter(|name| !name.is_empty()) {
        // Corpora and other octets are no text; a file deleted but not committed is no file.
        let Ok(text) = fs::read_to_string(root.join(name)) else {
            continue;
        };
        files += 1;
        found
            .extend(machine_paths(&text).map(|(line, path)| format!("{name}:{line} holds {path}")));
    }
    if found.is_empty() {
        println!("names: {files} files hold no path of one machine");
        return Ok(());
    }
    bail!("paths of one machine:\n  {}", found.join("\n  "))
}

/// The lines (from 1) of `text` that hold such a path, and which.
fn machine_paths(text: &str) -> impl Iterator<Item = (usize, String)> {
    let paths: Vec<String> = MACHINE_PATHS
        .iter()
        .map(|(head, tail)| format!("{head}{tail}"))
        .collect();
    text.lines().enumerate().filter_map(move |(index, line)| {
        let path = paths.iter().find(|path| starts_a_word(line, path))?;
        Some((index + 1, path.clone()))
    })
}

/// Whether `path` stands in `line` where a path can begin, so that `https://pi.test/work/` is none.
fn starts_a_word(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        before.is_none_or(|character| !character.is_alphanumeric() && !".-_}/~".contains(character))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found_and_a_url_is_not() {
        let own = format!("let a = 1;\nopen(\"{}{}\")\n", "/ho", "me/somebody/x");
        let found: Vec<_> = machine_paths(&own).map(|(line, _)| line).collect();
        assert_eq!(found, [2]);
        let url = format!("http://pi.test{}{}", "/wo", "rk/abc.wml");
        assert_eq!(machine_paths(&url).next(), None);
    }
}
