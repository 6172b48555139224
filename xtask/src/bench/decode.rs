//! Instructions per push for decoding every header to a typed name and value.

use anyhow::{Context as _, bail};

use crate::command;
use crate::workspace;

/// The most instructions per push that are taken.
const LIMIT: u64 = 2_200;
/// How often the corpus of 1,000 pushes is decoded in the shorter and the longer of the two runs.
const RUNS: (u64, u64) = (1, 3);
/// Pushes in the corpus.
const PUSHES: u64 = 1_000;

/// Instructions per push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decode {
    /// The count, exact for one binary.
    pub(crate) instructions: u64,
}

/// Measures, and fails where the limit is passed.
pub(crate) fn gate() -> anyhow::Result<()> {
    let measured = measure()?;
    println!(
        "decode: {} instructions per push, at most {LIMIT} are taken",
        measured.instructions
    );
    if measured.instructions > LIMIT {
        bail!(
            "decoding takes {} instructions per push, more than {LIMIT}",
            measured.instructions
        );
    }
    Ok(())
}

/// Runs the decoder twice under callgrind; the difference of the two runs leaves start-up out.
pub(crate) fn measure() -> anyhow::Result<Decode> {
    let root = workspace::root();
    let target = workspace::Workspace::load()?.target;
    let build = [
        "build",
        "--profile",
        "bench",
        "--package",
        "wap-wire",
        "--example",
        "decode_corpus",
    ];
    command::step("the decoder, optimised", &mut command::cargo(&root, &build))?;
    let program = target.join("release/examples/decode_corpus");
    let shorter = count(&program, RUNS.0)?;
    let longer = count(&program, RUNS.1)?;
    let decoded = (RUNS.1 - RUNS.0) * PUSHES;
    Ok(Decode {
        instructions: longer.saturating_sub(shorter) / decoded,
    })
}

fn count(program: &std::path::Path, times: u64) -> anyhow::Result<u64> {
    let mut valgrind = std::process::Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .arg(times.to_string());
    let output = valgrind
        .output()
        .context("valgrind is needed (Debian package valgrind)")?;
    let talk = String::from_utf8_lossy(&output.stderr);
    let total = talk
        .lines()
        .find_map(|line| line.split_once("Collected : ").map(|(_, total)| total));
    total
        .and_then(|total| total.trim().parse().ok())
        .with_context(|| format!("callgrind gave no count for {}:\n{talk}", program.display()))
}
