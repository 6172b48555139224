//! The Unix socket of the interface for applications.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::daemon::DaemonError;

/// A socket that this process has bound; its file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    path: PathBuf,
}

impl BoundSocket {
    /// Binds `path`, makes its directory, and replaces a socket that nobody listens on any more.
    pub(crate) fn bind(path: &Path, mode: u32) -> Result<(UnixListener, Self), DaemonError> {
        let failed = |source| DaemonError::Socket {
            path: path.to_owned(),
            source,
        };
        if let Some(directory) = path
            .parent()
            .filter(|directory| !directory.as_os_str().is_empty())
        {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        remove_stale(path)?;
        let listener = UnixListener::bind(path).map_err(|source| {
            if source.kind() == io::ErrorKind::AddrInUse {
                DaemonError::SocketInUse {
                    path: path.to_owned(),
                }
            } else {
                failed(source)
            }
        })?;
        let bound = Self {
            path: path.to_owned(),
        };
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
        Ok((listener, bound))
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket cannot be removed");
        }
    }
}

fn remove_stale(path: &Path) -> Result<(), DaemonError> {
    let failed = |source| DaemonError::Socket {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(failed(io::Error::other(
                "something that is no socket is there; move it away",
            )));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(DaemonError::SocketInUse {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed(error)),
    }
}
