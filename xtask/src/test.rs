//! `cargo xtask test`: peers, binaries, all tests.

use crate::{command, peers, workspace};

/// Provides the peers, builds the binaries, runs every test and then the examples in the documentation.
///
/// `filters` go to the test runner; with any, the documentation's examples are left out.
pub(crate) fn run(filters: &[String]) -> anyhow::Result<()> {
    let root = workspace::root();
    peers::provide()?;
    let build = ["build", "--workspace", "--bins", "--exclude", "xtask"];
    command::step("binaries", &mut command::cargo(&root, &build))?;
    let runner: &[&str] = if command::find_program("cargo-nextest").is_some() {
        &["nextest", "run", "--workspace"]
    } else {
        println!("    cargo-nextest is not installed: cargo test runs the tests");
        &["test", "--workspace", "--lib", "--bins", "--tests"]
    };
    let mut tests = command::cargo(&root, runner);
    if filters.is_empty() {
        command::step("tests", &mut tests)?;
        let examples = ["test", "--workspace", "--doc"];
        return command::step("examples", &mut command::cargo(&root, &examples));
    }
    command::step("tests", tests.args(filters))
}
