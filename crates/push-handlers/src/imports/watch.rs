//! The news that files have changed.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// Directories that are watched.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: AsyncFd<OwnedFd>,
    directories: Vec<PathBuf>,
}

impl Watch {
    /// Watches these directories; where one is missing, for its being made.
    #[expect(
        deprecated,
        reason = "the descriptor is owned and stays what it is, and the other way is not safe"
    )]
    pub(super) fn new(directories: Vec<PathBuf>) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let watch = Self {
            inotify: AsyncFd::new(inotify)?,
            directories,
        };
        watch.look();
        Ok(watch)
    }

    /// Waits until something has changed. Safe to cancel.
    pub(super) async fn changed(&self) -> io::Result<()> {
        loop {
            let mut ready = self.inotify.readable().await?;
            let any = drain(self.inotify.get_ref())?;
            ready.clear_ready();
            // A directory may have been made or moved.
            self.look();
            if any {
                return Ok(());
            }
        }
    }

    fn look(&self) {
        for directory in &self.directories {
            let found = directory.ancestors().find(|path| path.is_dir());
            let nearest = found.unwrap_or_else(|| Path::new("/"));
            let flags = if nearest == directory {
                WatchFlags::CLOSE_WRITE
                    | WatchFlags::DELETE
                    | WatchFlags::MOVE
                    | WatchFlags::DELETE_SELF
                    | WatchFlags::MOVE_SELF
            } else {
                WatchFlags::CREATE
                    | WatchFlags::MOVED_TO
                    | WatchFlags::DELETE_SELF
                    | WatchFlags::MOVE_SELF
            };
            // The same directory again is the same watch.
            if let Err(error) = inotify::add_watch(self.inotify.get_ref(), nearest, flags) {
                tracing::warn!(path = %nearest.display(), %error, "changes of these files are seen at the next start or SIGHUP alone");
            }
        }
    }
}

/// Takes what is there, and says whether there was anything.
fn drain(inotify: &OwnedFd) -> io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(inotify, &mut buffer);
    let mut any = false;
    loop {
        match reader.next() {
            Ok(_) => any = true,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(any),
            Err(error) => return Err(error.into()),
        }
    }
}
