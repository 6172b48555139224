//! A runtime for the lab's servers, on a thread of its own, so that a test may wait for other things meanwhile.

use std::future::Future;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::process::PATIENCE;

/// The runtime; it ends when this is dropped.
#[derive(Debug)]
pub struct Background {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system gives no runtime.
    pub fn start() -> anyhow::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = thread::spawn(move || {
            drop(sender.send(runtime.handle().clone()));
            // Either is the end.
            drop(runtime.block_on(stopped));
        });
        Ok(Self {
            handle: receiver.recv()?,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// To start tasks there, from any thread.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Does `what` to its end, however long that takes; within the runtime, so that it may start tasks there.
    pub fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.handle.block_on(what)
    }

    /// Waits for `what`.
    ///
    /// # Errors
    ///
    /// It did not happen.
    pub fn wait<T>(&self, what: impl Future<Output = T>) -> anyhow::Result<T> {
        self.run(async { tokio::time::timeout(PATIENCE, what).await })
            .context("it did not happen")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
