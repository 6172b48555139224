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
            let (any, is_empty) = drain(self.inotify.get_ref())?;
            if is_empty {
                ready.clear_ready();
            }
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
                // A link that is made is not written.
                WatchFlags::CREATE
                    | WatchFlags::CLOSE_WRITE
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

/// News that is taken at a time: whoever makes it faster than it is taken keeps nobody else waiting.
const MOST: usize = 256;

/// Takes what is there, up to a bound. Says whether there was anything, and whether that was all.
fn drain(inotify: &OwnedFd) -> io::Result<(bool, bool)> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(inotify, &mut buffer);
    let mut any = false;
    for _ in 0..MOST {
        match reader.next() {
            Ok(_) => any = true,
            Err(Errno::AGAIN) => return Ok((any, true)),
            Err(Errno::INTR) => return Ok((any, false)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((any, false))
}
