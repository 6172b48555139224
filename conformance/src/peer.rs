//! Other people's programs: where they are, and what happens to a test when they are not.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::bail;

/// Finds all of `programs`, in order, in PATH and the administrator's directories.
///
/// `None` says that the test has to be skipped, and why has been printed.
///
/// # Errors
///
/// With CI=true nothing is skipped: a missing program is an error that names it.
pub fn find<const N: usize>(programs: [&str; N]) -> anyhow::Result<Option<[PathBuf; N]>> {
    let found = programs.map(look_up);
    let missing: Vec<&str> = programs
        .iter()
        .zip(&found)
        .filter(|(_, path)| path.is_none())
        .map(|(program, _)| *program)
        .collect();
    if missing.is_empty() {
        return Ok(Some(found.map(Option::unwrap_or_default)));
    }
    let advice = "`cargo xtask test` installs it as root on Debian";
    if env::var("CI").is_ok_and(|value| value == "true" || value == "1") {
        bail!("missing {missing:?} and CI=true skips nothing: {advice}");
    }
    say(&format!("SKIPPED: missing {missing:?}; {advice}"));
    Ok(None)
}

fn look_up(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| Path::is_file(candidate))
}

#[expect(clippy::print_stdout, reason = "a test says why it was skipped")]
fn say(line: &str) {
    println!("{line}");
}
