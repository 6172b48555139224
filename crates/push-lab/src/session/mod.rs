//! A push server that speaks OTA-WSP over sessions (WAP-235 6.1.3, WSP 7, WTP), for tests and labs.
//!
//! [`SessionServer::start`] opens the port at which terminals open sessions, [`SessionServer::invite`] asks one to do so by
//! a session initiation request, and [`SessionServer::push`] pushes in a session and says how that ended. What happens is
//! told as [`SessionEvent`]s, kept from the start on, so that a test waits for a condition and misses nothing. A
//! [`Behaviour`] says what the server does otherwise than it should, a [`Manner`] the same of one push, and
//! [`SessionServer::send`] sends any octets at all.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use push_lab::ppg::{ContactPoint, SirBuilder};
//! use push_lab::session::{Manner, Outcome, SessionServer, SessionSettings};
//! use push_lab::{ApplicationId, Push};
//!
//! let server = SessionServer::start(SessionSettings::new("127.0.0.1:9201".parse()?)).await?;
//! let request = SirBuilder::new()
//!     .application(ApplicationId::Number(4))
//!     .contact_wsp(ContactPoint::new(server.address()));
//! server.invite("127.0.0.1:2948".parse()?, &request).await?;
//! let session = server.connected().await;
//! let push = Push::new("text/plain", *b"hello").application(ApplicationId::Number(4));
//! let outcome = server.push(session, &push, &Manner::confirmed()).await;
//! assert_eq!(outcome, Outcome::Acknowledged);
//! # Ok(())
//! # }
//! ```

mod events;
mod initiator;
mod misbehaviour;
mod responder;
mod server;
mod settings;
mod wsp;
mod wtp;

pub use events::{Ending, Outcome, SessionEvent, SessionEvents, reason};
pub use misbehaviour::{Provocation, SessionMisbehaviour};
pub use server::{Session, SessionServer};
pub use settings::{
    Behaviour, Manner, SessionBounds, SessionSettings, Tids, Verification, Way, Welcome,
};
pub use wsp::{Capabilities, Greeting};
