//! `cargo xtask lint`: format, lints, documentation, fuzz targets and names.

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
    let fuzz = [
        "check",
        "--quiet",
        "--locked",
        "--manifest-path",
        "fuzz/Cargo.toml",
    ];
    command::step(
        "fuzz targets",
        command::cargo(&root, &fuzz).env("CARGO_TARGET_DIR", root.join("fuzz/target")),
    )?;
    names::run()
}
