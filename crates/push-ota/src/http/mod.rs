//! Push OTA over HTTP (WAP-235 section 7, as corrected by its notes 100 and 101): the terminal.
//!
//! The terminal is the HTTP server on every connection, whoever opened it. A driver does the framing of HTTP, TLS and TCP;
//! what is here decides:
//!
//! - a [`Connection`] answers the requests of one TCP connection: version, provisioning context, authentication both ways,
//!   registration (OPTIONS), push (POST);
//! - the [`Registrar`] keeps what each Push Proxy Gateway knows of the terminal, and says when to dial which;
//! - [`Cpi`] is what the terminal says of itself, with its tag.

mod answer;
mod authentication;
mod client_id;
mod connection;
mod context;
mod cpi;
mod entity;
pub mod framing;
mod parameters;
mod provisioning;
mod push;
mod registrar;
mod status;
mod version;

pub use connection::{Answer, Connection, Notice, Peer, Registering, Step, Way};
pub use cpi::{Cpi, CpiSettings, CpiTag};
pub use entity::{EntityError, EntityErrorCode, EntityLimits, parse_entity};
pub use provisioning::{
    Authentication, Connect, Contact, Host, Ppg, PpgId, Secret, Terminal, TerminalId,
};
pub use push::{ContentPush, Judging, Pushed};
pub use registrar::{
    AnnounceTicket, DialId, PpgReport, PpgState, PpgView, Registrar, RegistrarInput,
    RegistrarOutput, RegistrarSettings,
};
pub use status::PushStatus;
