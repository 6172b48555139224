//! The application-facing contract on D-Bus: `org.pushcai.Client1`, and the event as a map that `org.pushcai.Handler1` takes.
//!
//! [`serve`] serves the contract on a bus that it connects to, again and again where the bus goes away. It knows nothing of the
//! Push Client but [`PushService`](push_api::PushService), runs on a tokio runtime of one thread, and holds every bound of
//! [`DbusSettings`].

#![forbid(unsafe_code)]

mod answers;
mod authority;
mod bus;
mod callers;
mod calls;
mod decoded;
mod event_map;
mod failure;
mod fetching;
mod frame;
mod heard;
mod interface;
mod marshal;
mod options;
mod peers;
mod places;
mod replies;
mod sealed;
mod serve;
mod settings;
mod socket;
mod state;
mod watching;
mod writer;

pub use bus::{
    BusAddress, MAX_MESSAGE, connect, connect_bounded, link, next_message, next_owner,
    owner_changes,
};
pub use calls::{EventCall, EventCalls};
pub use event_map::{EventMap, event_map};
pub use failure::{ERRORS, error_name};
pub use replies::{Link, ReplyRoute, TakesReplies};
pub use sealed::sealed_file;
pub use serve::{Ended, serve, serve_on};
pub use settings::DbusSettings;

/// The name that the Push Client owns.
pub const NAME: &str = "org.pushcai.Client1";
/// Where its object is.
pub const PATH: &str = "/org/pushcai/Client";
/// The interface that an application implements to take events.
pub const HANDLER_INTERFACE: &str = "org.pushcai.Handler1";
/// Where its object is, unless the event handler says otherwise.
pub const HANDLER_PATH: &str = "/org/pushcai/Handler";
