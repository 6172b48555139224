//! Documents whose code is run as it stands there.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::pushcai::program;

/// The piece of code in `document` that is fenced as `language` and holds all of `fragments`.
///
/// # Errors
///
/// There is none.
pub fn code<'a>(document: &'a str, language: &str, fragments: &[&str]) -> anyhow::Result<&'a str> {
    let fence = format!("```{language}\n");
    let mut pieces = document.split(&*fence).skip(1);
    let piece = pieces.find_map(|piece| {
        let (code, _) = piece.split_once("```")?;
        let has_all = fragments.iter().all(|fragment| code.contains(fragment));
        has_all.then_some(code)
    });
    piece.with_context(|| format!("no piece of {language} has {fragments:?}"))
}

/// `PATH` with this project's programs in front.
///
/// # Errors
///
/// They are not built.
pub fn path() -> anyhow::Result<OsString> {
    let programs = [
        program("pushcaid", "PUSHCAID_BIN")?,
        program("pushcai", "PUSHCAI_BIN")?,
    ];
    let own = programs.iter().filter_map(|program| program.parent());
    let known = env::var_os("PATH").unwrap_or_default();
    let known = env::split_paths(&known);
    Ok(env::join_paths(
        own.map(Path::to_path_buf)
            .chain(known)
            .collect::<Vec<PathBuf>>(),
    )?)
}
