//! What the terminal is called among those of its user (`+sip.instance`, RFC 5626 4.1): the same at each start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use push_client::OtaSipSettings;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::config::{Instance, SipWiring, is_instance_id};

/// The most octets of the file that are read.
const MAX_FILE_OCTETS: u64 = 256;

/// Why the terminal has no name for its instance.
#[derive(Debug, thiserror::Error)]
pub enum SipInstanceError {
    /// The system gives no chance.
    #[error("the system has no random numbers: {0}; set [ota_sip] instance_id")]
    Chance(io::Error),
    /// The file cannot be read or written.
    #[error("{} cannot be {what}: {source}; it holds what a SIP registrar knows this terminal by, which [ota_sip] instance_id can say too", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no `urn:uuid:…`; put back the one that the SIP registrar knows this terminal by, or remove the file for a new one", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
}

/// The settings with the name of the instance.
pub(crate) fn named(sip: &SipWiring) -> Result<OtaSipSettings, SipInstanceError> {
    let mut settings = sip.settings.clone();
    match &sip.instance {
        Instance::Given => {}
        Instance::Kept(path) => settings.agent.account.instance = kept(path)?.into(),
        Instance::Anew => settings.agent.account.instance = anew()?.into(),
    }
    Ok(settings)
}

/// The name in the file at `path`, which is made where it is missing.
fn kept(path: &Path) -> Result<String, SipInstanceError> {
    let failed = |what| {
        move |source| SipInstanceError::File {
            path: path.to_owned(),
            what,
            source,
        }
    };
    match read(path) {
        Ok(Some(name)) => Ok(name),
        Ok(None) => Err(SipInstanceError::Broken {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = anew()?;
            write(path, &name).map_err(failed("written"))?;
            Ok(name)
        }
        Err(error) => Err(failed("read")(error)),
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    // Not a pipe, which would keep the daemon waiting for whoever writes to it.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut octets = Vec::new();
    File::open(path)?
        .take(MAX_FILE_OCTETS)
        .read_to_end(&mut octets)?;
    let text = String::from_utf8(octets).unwrap_or_default();
    let name = text.strip_suffix('\n').unwrap_or(&text);
    Ok(is_instance_id(name).then(|| name.to_ascii_lowercase()))
}

/// Writes the file beside its place first: one that a crash left half written would be refused at the next start.
fn write(path: &Path, name: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(format!("{name}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent()
        .map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// A name made of chance (RFC 4122 4.4).
fn anew() -> Result<String, SipInstanceError> {
    let mut octets = [0_u8; 16];
    let given = getrandom(&mut octets, GetRandomFlags::empty());
    let given = given.map_err(|error| SipInstanceError::Chance(error.into()))?;
    if given != octets.len() {
        let short = io::Error::from(ErrorKind::UnexpectedEof);
        return Err(SipInstanceError::Chance(short));
    }
    let random = u128::from_be_bytes(octets);
    let version = 0x4 << 76;
    let variant = 0b10 << 62;
    let uuid = random & !(0xf << 76) & !(0b11 << 62) | version | variant;
    let digits = format!("{uuid:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    let groups = groups.map(|group| digits.get(group).unwrap_or_default());
    Ok(format!("urn:uuid:{}", groups.join("-")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_name_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sip-instance");
        let name = kept(&path).unwrap();
        assert!(is_instance_id(&name), "{name}");
        assert_eq!(kept(&path).unwrap(), name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let entries = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(entries, 1, "nothing is left beside it");
    }

    #[test]
    fn names_made_of_chance_are_of_their_kind() {
        let names: Vec<String> = (0..64).map(|_| anew().unwrap()).collect();
        for name in &names {
            assert!(is_instance_id(name), "{name}");
            let digits: Vec<char> = name.chars().skip("urn:uuid:".len()).collect();
            assert_eq!(digits[14], '4', "{name}");
            assert!("89ab".contains(digits[19]), "{name}");
        }
        let mut different = names.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), names.len());
    }

    #[test]
    fn what_somebody_wrote_is_read_and_what_is_broken_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sip-instance");
        let upper = "urn:uuid:00000000-0000-4000-8000-0000000000AB";
        for text in [upper.to_owned(), format!("{upper}\n")] {
            fs::write(&path, text).unwrap();
            assert_eq!(kept(&path).unwrap(), upper.to_ascii_lowercase());
        }
        for text in [&b""[..], b"urn:uuid:", b"\xff", &[b'a'; 4096]] {
            fs::write(&path, text).unwrap();
            let error = kept(&path).unwrap_err().to_string();
            assert!(error.contains("holds no `urn:uuid:…`; put back"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), text, "nothing is overwritten");
        }
        let error = kept(directory.path()).unwrap_err().to_string();
        assert!(error.contains("holds no"), "{error}");
        let error = kept(&directory.path().join("missing/file")).unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
    }
}
