//! A SIP core and a push server that speaks OTA-SIP, for tests and labs.
//!
//! [`SipCore`] is registrar and proxy: terminals register with it, and requests go to those whose feature tags fit.
//! [`SipPushServer`] stands behind it: it is told what terminals take (OPTIONS), and pushes by MESSAGE or, where the content is
//! long, by INVITE and MSRP. What happens is told as [`SipEvent`]s, kept from the start on, so that a test waits for a condition
//! and misses nothing. A [`SipCoreBehaviour`] and a [`SipPushServerBehaviour`] say what they do otherwise than they should, a
//! [`SipManner`] the same of one push, and [`SipCore::misbehave`] sends what no server should.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use push_lab::sip::{
//!     SipCore, SipCoreSettings, SipManner, SipPush, SipPushServer, SipPushServerSettings,
//! };
//!
//! const SERVER: &str = "sip:push@lab.example";
//! let core = SipCore::start(SipCoreSettings::new("lab.example", "secret")).await?;
//! let server = SipPushServerSettings::new(SERVER, Some(core.address()));
//! let server = SipPushServer::start(server).await?;
//! core.trust(SERVER, server.address());
//! core.registered("mms.ua").await;
//! let push = SipPush::new("text/plain", *b"hello").application("x-wap-application:mms.ua");
//! let result = server.push("sip:alice@lab.example", &push, &SipManner::default()).await;
//! assert_eq!(result.status, 200);
//! # Ok(())
//! # }
//! ```

mod core;
mod digest;
mod endpoint;
mod events;
mod exchange;
mod feature;
mod forward;
mod header;
mod invite;
mod message;
mod misbehaviour;
mod msrp;
mod push;
mod registrar;
mod server;
mod settings;
mod spoil;

pub use self::core::{SipCore, SipError};
pub use digest::SipAlgorithm;
pub use events::{SipEvent, SipEvents, SipFlow};
pub use feature::{Capabilities, decoded, instance_reference, push_resource_identifier};
pub use header::{Address, SipUri, Via};
pub use message::{SipMessage, SipSyntax, StartLine};
pub use misbehaviour::{SipExtent, SipMisbehaviour, SipProvocation};
pub use push::{
    ChunkOrder, MsrpManner, MsrpOutcome, Setup, SipManner, SipPush, SipPushResult, SipWish,
};
pub use registrar::SipBinding;
pub use server::{SipPushServer, SipTerminal};
pub use settings::{
    Serves, SipBounds, SipCoreBehaviour, SipCoreSettings, SipPushServerBehaviour,
    SipPushServerSettings, SipTimers, SipWay,
};
pub use spoil::Spoil;
