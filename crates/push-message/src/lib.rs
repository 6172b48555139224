//! The vocabulary of push: messages, application ids, content types, addresses, whitelists.
//!
//! Values here are parsed once, at the border, and compared by their canonical form ever after. Nothing in this crate
//! reads a clock or opens a socket.

mod accept;
mod application;
mod headers;
mod media_type;
mod message;
mod profile;
mod reason;
mod shares;
mod transaction;
mod whitelist;

pub use accept::{Accept, InvalidAccept, MediaRange};
pub use application::{
    ApplicationId, InvalidApplicationId, InvalidPushApplicationId, Owner, PushApplicationId,
};
pub use headers::Headers;
pub use media_type::{ContentType, InvalidMediaType, MediaType};
pub use message::{
    InitiatorTrust, Origin, PushMessage, ReceivedPush, ServerAddress, ShortMessageOrigin,
    UnixMillis,
};
pub use profile::{Bearer, ConnectionProfile, Protocol};
pub use reason::{Reason, Refusal};
pub use shares::{Share, ShareBounds, ShareCounts, ShareTaken, Sharer, Shares};
pub use transaction::TransactionId;
pub use whitelist::{Address, DefaultWhitelistEntry, InvalidAddress, Whitelist};
