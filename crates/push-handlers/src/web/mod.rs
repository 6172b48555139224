//! Events by HTTP: webhooks (`http://`, `https://`) and Unix sockets (`unix:/path`).
//!
//! Either is sent the same request, signed as [Standard Webhooks](https://www.standardwebhooks.com) 1.0.0: a POST of the document
//! that applications get over a connection, with `webhook-id` (the event, the same at each attempt), `webhook-timestamp` and
//! `webhook-signature`. The secret is told once, in the answer to the registration.

mod key;
mod networks;
mod outcome;
mod places;
mod post;
mod settings;
mod signature;
mod target;
mod tls;
mod unix;
mod webhooks;

pub use key::KeyError;
pub use networks::{Networks, PlainHttp};
pub use settings::{PostSettings, UnixSocketSettings, WebhookSettings};
pub use unix::UnixSockets;
pub use webhooks::{Secrets, Webhooks};
