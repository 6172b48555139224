//! The service manager: what it passes to the daemon, and what it wants to be told.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixListener;

use sd_notify::NotifyState;

use crate::daemon::DaemonError;

/// The name of the socket of the interface for applications (`FileDescriptorName=`).
const API: &str = "api";

/// What the service manager passed.
#[derive(Debug, Default)]
pub struct Manager {
    /// The Unix socket of the interface for applications, listening.
    pub api: Option<UnixListener>,
}

impl Manager {
    /// Takes what was passed to this process. To be called once: a second call would take the same descriptors again.
    pub fn of_this_process() -> Result<Self, DaemonError> {
        let passed = sd_notify::listen_fds_with_names().map_err(DaemonError::Activation)?;
        let mut manager = Self::default();
        for (descriptor, name) in passed {
            #[expect(
                unsafe_code,
                reason = "a descriptor that is passed by number cannot be taken otherwise"
            )]
            // SAFETY: the service manager passed this descriptor to this process, nothing else has taken it, and this function
            // is called once.
            let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
            manager.take(descriptor, &name)?;
        }
        Ok(manager)
    }

    fn take(&mut self, descriptor: OwnedFd, name: &str) -> Result<(), DaemonError> {
        let listener = UnixListener::from(descriptor);
        // Whatever is no Unix socket has no Unix address.
        let is_unix = listener.local_addr().is_ok();
        if !is_unix || self.api.is_some() {
            return Err(DaemonError::Activation(io::Error::other(format!(
                "the socket `{name}` is none that pushcaid knows; pass one Unix socket, named `{API}`"
            ))));
        }
        self.api = Some(listener);
        Ok(())
    }
}

/// Tells the service manager that the daemon is ready, and for whom.
pub fn notify_ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells the service manager that the daemon ends.
pub fn notify_stopping() {
    notify(&[
        NotifyState::Stopping,
        NotifyState::Status("writing what is under way"),
    ]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
