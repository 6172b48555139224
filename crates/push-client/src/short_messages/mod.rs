//! The open seam for sources of short messages: modems, message centres, files, people.
//!
//! A source hands over what it has as a [`Delivery`] by way of its [`Intake`], and acknowledges it to the network as
//! [`Settled`] says, never earlier. Whatever is put off or left unanswered is offered again by whoever keeps it: the modem,
//! the message centre, the source.

mod intake;
mod settings;
mod source;

pub(crate) use intake::{Submission, Taken};
pub(crate) use source::Running;

pub use push_ota::sms::{Ports, ReassemblerSettings};

pub use intake::{Content, Delivery, Intake, Settled};
pub use settings::ShortMessageSettings;
pub use source::{Source, SourceFuture, SourceState};
