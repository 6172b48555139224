//! The files of one directory, read within bounds.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::key_file::KeyFile;

/// One file, or why it could not be read.
#[derive(Debug)]
pub(super) struct Drop {
    /// Its name, without the directory.
    pub(super) name: String,
    /// What it says.
    pub(super) content: Result<KeyFile, String>,
}

/// The files of a directory with names that end in `.conf`, by name; none where there is no such directory.
pub(super) fn read(directory: &Path, max_files: usize, max_octets: usize) -> io::Result<Vec<Drop>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        // As the peers have it, in lower case alone.
        if Path::new(&name)
            .extension()
            .is_some_and(|end| end == "conf")
            && let Some(name) = name.to_str()
        {
            names.push(name.to_owned());
        }
        if names.len() > max_files {
            let message = format!("it holds more than {max_files} files, and no more are read");
            return Err(io::Error::other(message));
        }
    }
    names.sort();
    let drops = names.into_iter().map(|name| {
        let content = read_file(&directory.join(&name), max_octets);
        Drop { name, content }
    });
    Ok(drops.collect())
}

fn read_file(path: &Path, max_octets: usize) -> Result<KeyFile, String> {
    let said = |error: io::Error| error.to_string();
    // A pipe would be opened or read for ever; it may come in a file's place at any time.
    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(said)?;
    if !file.metadata().map_err(said)?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let most = u64::try_from(max_octets).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut octets)
        .map_err(said)?;
    if octets.len() > max_octets {
        return Err(format!("it has more than {max_octets} octets"));
    }
    KeyFile::parse(&String::from_utf8_lossy(&octets)).map_err(|error| error.to_string())
}
