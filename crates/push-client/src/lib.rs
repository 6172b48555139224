//! The Push Client as a library: sockets, clock and store around the machines.
//!
//! A [`Builder`] gives a [`Client`], the handle that applications and bindings speak through, and an [`Engine`], which runs as
//! one task of a tokio runtime.
//!
//! ```no_run
//! use push_client::{Builder, RegistrationRequest, Selector};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, engine) = Builder::new().listen("127.0.0.1:2948".parse()?).build()?;
//! let engine = tokio::spawn(engine.run());
//! let application = client.application("embedded");
//! application
//!     .register(RegistrationRequest { push_application_id: "x-wap-application:mms.ua".to_owned(), ..Default::default() })
//!     .await?;
//! let mut events = application.subscribe(Selector::default()).await?;
//! while let Some(event) = events.next_event().await {
//!     println!("{} octets of {}", event.content().len(), event.content_type());
//! }
//! client.shut_down().await;
//! engine.await??;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod builder;
mod changes;
mod client;
mod clock;
mod counters;
mod dead_letters;
mod engine;
mod event;
mod explain;
mod handlers;
mod mailbox;
mod masked;
mod metrics;
#[cfg(feature = "modem")]
pub mod modem;
mod ota_http;
mod ota_sip;
mod ota_wsp;
mod recent;
mod reports;
mod resolver;
mod service;
mod session_helpers;
mod settings;
pub mod short_messages;
#[cfg(feature = "smpp")]
pub mod smpp;
mod submitting;
mod watch;
mod watchers;

pub use builder::{BuildError, Builder};
pub use client::{Application, Client, Registered};
pub use clock::unix_time;
pub use engine::{Engine, EngineError};
pub use event::{Event, Events};
pub use handlers::{
    Boxed, HandlerHost, HandlerReport, HandlerSeam, Wanted, WantedHandlers, handlers,
};
pub use masked::Masked;
pub use ota_http::{ConnectionSettings, OtaHttpSettings, TlsError, TlsFiles};
pub use ota_sip::{OtaSipSettings, SipConnectionSettings};
pub use ota_wsp::OtaWspSettings;
pub use push_core::{
    Acknowledgement, Ambiguous, ChangeCause, DeregistrationRequest, EventId, Outcome,
    ProfileRequest, PushRefusal, RegistrationId, RegistrationRecord, RegistrationRequest, Selector,
    Settings, Verdict, handler_scheme,
};
pub use push_ota::sms::sent;
pub use push_ota::wsp::connectionless::Limits as DatagramLimits;
pub use push_ota::wsp::{rewritten, session, sessions};
pub use push_ota::{http, sia, sip, wtp};
pub use push_store::{StoreError, StoreSettings};
pub use session_helpers::{ConnectedHelper, SessionHelpers};
pub use settings::{ClientSettings, Durability};
pub use watch::Watching;
