//! Sources of short messages on D-Bus, against services of the tests' own making on a bus of their own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    reason = "methods on D-Bus have the form that zbus gives them"
)]

mod mock_modem_manager;
mod mock_ofono;
mod modem_manager;
mod ofono;
mod stage;
