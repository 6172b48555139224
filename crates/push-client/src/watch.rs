//! What goes on, as one watcher sees it.

use push_api::{WatchStream, Watched};
use tokio::sync::mpsc;

/// What goes on, as one watcher sees it. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watching {
    watched: mpsc::Receiver<Watched>,
}

impl WatchStream for Watching {
    async fn next(&mut self) -> Option<Watched> {
        self.watched.recv().await
    }
}
