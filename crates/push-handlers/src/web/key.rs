//! The key that the secrets of webhooks are derived from: made of chance at first need, and the same ever after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::rand::{GetRandomFlags, getrandom};

/// The octets of the key; the file has them as hexadecimal digits, on one line.
const OCTETS: usize = 32;
/// The most octets of the file that are read.
const MAX_FILE_OCTETS: u64 = 256;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gives no chance.
    #[error("the system has no random numbers: {0}")]
    Chance(io::Error),
    /// The file cannot be read or written.
    #[error(
        "{path} cannot be {what}: {source}; it holds the key that the secrets of webhooks are made from"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Others could read or change the file.
    #[error(
        "{path} {fault}: others could sign as this Push Client; `chown` it to this user and `chmod 600` it, or, if others may have read it, remove it for a new key, and register the applications with webhooks again"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The file holds something else.
    #[error(
        "{path} holds no key of 64 hexadecimal digits; put back the one that was there, or remove it for a new key, and register the applications with webhooks again, because their secrets change with it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file was there when secrets were given out.
    #[error(
        "{path} is gone; put it back, or register the applications with webhooks again, for a new key and new secrets"
    )]
    Gone {
        /// The file.
        path: PathBuf,
    },
}

/// The key, as far as it was needed; it is never shown.
pub(super) struct Key {
    /// Where it is kept; absent: in memory alone.
    path: Option<PathBuf>,
    known: OnceLock<[u8; OCTETS]>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// The key of this file, which may not be there yet.
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, KeyError> {
        let known = OnceLock::new();
        if let Some(path) = &path
            && let Some(key) = read(path)?
        {
            known.get_or_init(|| key);
        }
        Ok(Self { path, known })
    }

    /// The key, made where there is none.
    pub(super) fn made(&self) -> Result<&[u8; OCTETS], KeyError> {
        if let Some(key) = self.known.get() {
            return Ok(key);
        }
        let key = match &self.path {
            Some(path) => kept(path)?,
            None => anew()?,
        };
        Ok(self.known.get_or_init(|| key))
    }

    /// The key that was made before.
    pub(super) fn known(&self) -> Result<&[u8; OCTETS], KeyError> {
        let path = || self.path.clone().unwrap_or_default();
        self.known
            .get()
            .ok_or_else(|| KeyError::Gone { path: path() })
    }
}

fn kept(path: &Path) -> Result<[u8; OCTETS], KeyError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let key = anew()?;
    write(path, &key).map_err(|source| failed(path, "written", source))?;
    tracing::info!(
        path = %path.display(),
        "a key for the secrets of webhooks was made; it has to be kept with the store"
    );
    Ok(key)
}

fn failed(path: &Path, what: &'static str, source: io::Error) -> KeyError {
    let path = path.to_owned();
    KeyError::File { path, what, source }
}

fn anew() -> Result<[u8; OCTETS], KeyError> {
    let mut key = [0; OCTETS];
    let given = getrandom(&mut key, GetRandomFlags::empty());
    match given.map_err(|error| KeyError::Chance(error.into()))? {
        OCTETS => Ok(key),
        _ => Err(KeyError::Chance(ErrorKind::UnexpectedEof.into())),
    }
}

/// The key in a file; `None` where there is no file.
fn read(path: &Path) -> Result<Option<[u8; OCTETS]>, KeyError> {
    let unreadable = |source| failed(path, "read", source);
    // Not a pipe, which would keep the daemon waiting for whoever writes to it.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let damaged = || KeyError::Damaged {
        path: path.to_owned(),
    };
    if !metadata.is_file() {
        return Err(damaged());
    }
    check_closed(path, &metadata)?;
    let mut octets = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_OCTETS)
        .read_to_end(&mut octets)
        .map_err(unreadable)?;
    digits(&octets).map(Some).ok_or_else(damaged)
}

fn check_closed(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyError> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    let own = rustix::process::geteuid().as_raw();
    let fault = if owner != own && owner != 0 {
        format!("belongs to user {owner}")
    } else if mode & 0o077 != 0 {
        format!("has mode {mode:03o}")
    } else {
        return Ok(());
    };
    let path = path.to_owned();
    Err(KeyError::Open { path, fault })
}

fn digits(octets: &[u8]) -> Option<[u8; OCTETS]> {
    let digits = octets.strip_suffix(b"\n").unwrap_or(octets);
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != OCTETS || !rest.is_empty() {
        return None;
    }
    let mut key = [0; OCTETS];
    for (octet, [high, low]) in key.iter_mut().zip(pairs) {
        let digit = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        *octet = digit(*high)? << 4 | digit(*low)?;
    }
    Some(key)
}

/// Writes the file beside its place first: one that a crash left half written would be refused ever after.
fn write(path: &Path, key: &[u8; OCTETS]) -> io::Result<()> {
    let beside = path.with_extension("new");
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    for octet in key {
        write!(file, "{octet:02x}")?;
    }
    writeln!(file)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent()
        .map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_closed_to_others_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("webhook.key");
        let key = Key::open(Some(path.clone())).unwrap();
        assert!(key.known().is_err() && !path.exists(), "made at first need");
        let made = *key.made().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let again = Key::open(Some(path)).unwrap();
        assert_eq!(
            (again.known().unwrap(), again.made().unwrap()),
            (&made, &made)
        );
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        assert_ne!(made, *Key::open(None).unwrap().made().unwrap());
        let shown = format!("{again:?}");
        assert!(
            shown.contains("webhook.key") && !shown.contains(&made[0].to_string()),
            "{shown}"
        );
    }

    #[test]
    fn a_key_that_cannot_be_trusted_is_refused_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("webhook.key");
        let good = format!("{}\n", "0f".repeat(32));
        for (content, mode, expected) in [
            (good.as_str(), 0o644, "has mode 644"),
            (&good, 0o640, "chmod 600"),
            (&good, 0o602, "has mode 602"),
            ("", 0o600, "holds no key"),
            (&good[2..], 0o600, "put back"),
            (&good.replace('f', "g"), 0o600, "holds no key"),
            (&format!("{good}{good}"), 0o600, "holds no key"),
        ] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let refused = Key::open(Some(path.clone())).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
            assert!(!refused.contains("0f0f"), "{refused}");
        }
        fs::write(&path, &good).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert_eq!(Key::open(Some(path)).unwrap().known().unwrap(), &[0x0f; 32]);
        let refused = Key::open(Some("/proc/self".into())).unwrap_err();
        assert!(matches!(refused, KeyError::Damaged { .. }), "{refused}");
        let nowhere = Key::open(Some("/nowhere/webhook.key".into())).unwrap();
        assert!(
            nowhere
                .made()
                .unwrap_err()
                .to_string()
                .contains("/nowhere/webhook.key")
        );
    }
}
