//! The application-facing contract as HTTP/1.1 and server-sent events, on a Unix socket or TCP.
//!
//! [`serve_unix`] tells owners by the peer's credentials, [`serve_tcp`] by tokens. Both know nothing of the Push Client
//! but [`PushService`](push_api::PushService), run on a tokio runtime of one thread, and hold every bound of
//! [`HttpSettings`]. What is served stands in [`ROUTES`] and, with every schema, in [`push_api::OPENAPI`].

mod answer;
mod body;
mod closing;
mod connection;
mod dead_letters;
mod events;
mod failure;
mod host;
mod limits;
mod listen;
mod parameters;
mod request;
mod route;
mod session_helper;
mod settings;
mod stream;
mod timed;
mod tokens;
mod watch;

pub use listen::{serve_tcp, serve_unix};
pub use push_identity::Identity;
pub use route::{ROUTES, RouteDescription};
pub use settings::HttpSettings;
pub use tokens::{InvalidTokens, Tokens};
