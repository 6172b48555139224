//! The begin of the shutdown, as everything under way sees it.

use tokio::sync::watch;

/// Tells everything under way that the shutdown began.
#[derive(Debug)]
pub(crate) struct Closer(watch::Sender<bool>);

/// Learns that the shutdown began.
#[derive(Debug, Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

pub(crate) fn closing() -> (Closer, Closing) {
    let (sender, receiver) = watch::channel(false);
    (Closer(sender), Closing(receiver))
}

impl Closer {
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Closing {
    /// Waits for the shutdown. A closer that is gone began it.
    pub(crate) async fn begun(mut self) {
        drop(self.0.wait_for(|begun| *begun).await);
    }
}
