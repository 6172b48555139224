//! Running other programs, with a line before and after each.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// A cargo command at the workspace's root, by the cargo that started this task.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command =
        Command::new(env::var_os("CARGO").unwrap_or_else(|| std::ffi::OsString::from("cargo")));
    command.current_dir(root).args(arguments);
    command
}

/// Runs `command` under the heading `what`; anything but success is an error that names the command.
pub(crate) fn step(what: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("==> {what}: {}", shown(command));
    let start = monotonic();
    let status = command
        .status()
        .with_context(|| format!("{what}: cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{what} failed ({status}): {}", shown(command));
    }
    println!("    {what}: done in {:.1} s", elapsed(start).as_secs_f64());
    Ok(())
}

/// The standard output of `command`, which has to succeed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}): {}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} wrote something that is not UTF-8", shown(command)))
}

/// Where the program `name` is, in PATH or the administrator's directories.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// Whether CI=true: nothing may be skipped.
pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tells a person how long a step took"
)]
fn monotonic() -> Instant {
    Instant::now()
}

fn elapsed(start: Instant) -> Duration {
    monotonic().saturating_duration_since(start)
}
