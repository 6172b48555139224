//! A Push Proxy Gateway that speaks OTA-HTTP (WAP-235 7), for tests and labs.
//!
//! [`Ppg::start`] opens the gateway's own ports (TO-TCP, plain and TLS; PAP), [`Ppg::connect`] dials a terminal (PO-TCP), and
//! [`Ppg::push`] does all that a gateway does to bring a push to a terminal. [`Connection`] is the layer below: single
//! requests with their [`Answer`], and raw octets. What happens is told as [`PpgEvent`]s, kept from the start on, so that a test
//! waits for a condition and misses nothing.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use push_lab::ppg::{HttpPush, Ppg, PpgSettings};
//!
//! let ppg = Ppg::start(PpgSettings::new("ppg.example.net")).await?;
//! let terminal = ppg.connect("127.0.0.1:4035".parse()?, false).await?;
//! let push = HttpPush::new("text/plain", *b"hello").application("x-wap-application:wml.ua");
//! let answer = terminal.post(&push).await?;
//! assert_eq!(answer.push_status().map(|status| status.code), Some(400));
//! # Ok(())
//! # }
//! ```

mod answer;
mod authentication;
mod connection;
mod cpi;
mod delivery;
mod events;
mod gateway;
mod message;
mod misbehaviour;
mod multipart;
mod notification;
mod pap;
mod pap_address;
mod pap_document;
mod registration;
mod settings;
mod sir;
mod tls;
mod wire;

pub use answer::{Answer, PushStatus};
pub use authentication::{Challenge, Credential, Scheme};
pub use connection::{Connection, ConnectionError, Direction};
pub use cpi::{Context, Cpi, CpiStore};
pub use delivery::{Outcome, PushResult, Unfit};
pub use events::{Events, PpgEvent};
pub use gateway::{Ppg, PpgError};
pub use message::{HttpPush, OptionsRequest, Tag};
pub use misbehaviour::{Extent, HttpMisbehaviour, Reaction, Target};
pub use registration::{RegisterError, Registration};
pub use settings::{Bounds, Policy, PpgSettings, Route, Secret, TerminalAuthentication};
pub use sir::{ContactPoint, LastField, ProtOpt, ProvUrl, SirBuilder};
pub use tls::{TestAuthority, TestCertificate, TlsError};
pub use wire::AnswerError;
