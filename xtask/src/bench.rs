//! `cargo xtask bench`: measurements.

/// Runs the benchmarks that `arguments` ask for.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    anyhow::bail!(
        "this checkout has no benchmarks to run with {arguments:?}; `cargo xtask test` runs the tests"
    )
}
