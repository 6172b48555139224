//! A short message service centre that speaks SMPP 3.4, for tests and labs.
//!
//! Whoever is bound as transmitter or transceiver submits short messages; the centre keeps each and delivers it to whoever
//! is bound as receiver or transceiver, until it is answered with success, or refused for good: a message whose answer did not come is delivered
//! again, on the next connection too. What happens is told as [`SmscEvent`]s, kept from the start on, so that a test waits
//! for a condition and misses nothing.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use push_lab::smsc::{ShortMessage, Smsc, SmscEvent, SmscSettings};
//!
//! let smsc = Smsc::start(SmscSettings::new("127.0.0.1:0".parse()?)).await?;
//! let port_and_push = [6, 5, 4, 0x0B, 0x84, 0x23, 0xF0, 0, 6, 1, 0x83];
//! smsc.submit(ShortMessage::binary("15551234", "15559876", port_and_push).with_header());
//! let delivered = |event| matches!(event, SmscEvent::Answered { status: 0, .. }).then_some(());
//! smsc.events().until(delivered).await;
//! # Ok(())
//! # }
//! ```

mod centre;
mod events;
mod link;
mod message;
mod pdu;
#[cfg(test)]
mod tests;

pub use centre::{Account, Smsc, SmscError, SmscFault, SmscSettings};
pub use events::{Mode, SmscEvent, SmscEvents};
pub use message::{Carried, Number, ShortMessage};
