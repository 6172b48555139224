//! `cargo xtask lint`: format, lints, documentation and names.

use crate::{command, names, workspace};

/// Runs every check; the first that fails ends the task.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = workspace::root();
    let fmt = ["fmt", "--all", "--", "--check"];
    command::step("format", &mut command::cargo(&root, &fmt))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    command::step("lints", &mut command::cargo(&root, &clippy))?;
    let doc = ["doc", "--workspace", "--no-deps", "--all-features"];
    command::step(
        "documentation",
        command::cargo(&root, &doc).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    names::run()
}
