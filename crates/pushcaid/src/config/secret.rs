//! Passwords, which stand in files of their own.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use push_client::http::Secret;

/// The most octets that a file with a password may have.
const MAX_FILE_OCTETS: u64 = 64 * 1024;

/// The first line of the file at `path`, which other users may not read and its group may not write.
pub(super) fn read(path: &Path) -> Result<Secret, String> {
    let file = open_closed(path)?;
    let mut text = String::new();
    file.take(MAX_FILE_OCTETS)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(format!(
            "{} has no password in its first line",
            path.display()
        ));
    }
    if line.chars().any(char::is_control) {
        return Err(format!(
            "the password in {} has control characters, which no gateway can be sent",
            path.display()
        ));
    }
    Ok(Secret(line.into()))
}

/// The file at `path`, which other users may not read and its group may not write.
pub(super) fn open_closed(path: &Path) -> Result<File, String> {
    let file = open(path)?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o027 != 0 {
        return Err(format!(
            "{} has mode {mode:03o}: others could read or change it; close it with `chmod 640 {0}`",
            path.display()
        ));
    }
    Ok(file)
}

/// The file at `path`.
pub(super) fn open(path: &Path) -> Result<File, String> {
    // Not a pipe, which would keep the daemon waiting for whoever writes to it.
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn written(content: &[u8], mode: u32) -> Result<Secret, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        read(&path)
    }

    #[test]
    fn the_first_line_is_the_password() {
        for content in [
            &b"open sesame"[..],
            b"open sesame\n",
            b"open sesame\r\n",
            b"open sesame\nmore\n",
        ] {
            assert_eq!(written(content, 0o600).unwrap().0.as_ref(), "open sesame");
        }
        assert_eq!(written(b" a:b \n", 0o640).unwrap().0.as_ref(), " a:b ");
    }

    #[test]
    fn what_is_no_password_is_refused_without_being_shown() {
        for (content, mode, expected) in [
            (&b""[..], 0o600, "has no password in its first line"),
            (b"\nsesame\n", 0o600, "has no password in its first line"),
            (b"ses\x07ame", 0o600, "has control characters"),
            (b"ses\xffame", 0o600, "cannot be read: "),
            (b"sesame", 0o644, "has mode 644: others could read"),
            (b"sesame", 0o660, "has mode 660: others could read"),
        ] {
            let error = written(content, mode).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(
                !error.contains("ame\n") && !error.contains("sesame"),
                "{error}"
            );
        }
        assert!(
            read(Path::new("/nowhere/password"))
                .unwrap_err()
                .starts_with("/nowhere/password cannot be read: ")
        );
        assert_eq!(read(Path::new("/")).unwrap_err(), "/ is no file");
    }
}
