//! Push OTA over HTTP (WAP-235 section 7, as corrected by its notes 100 and 101): the terminal.
//!
//! # Who is who
//!
//! A Push Proxy Gateway (PPG) has pushes for the terminal. The roles are the reverse of what one expects of HTTP: the gateway
//! sends the requests, and the terminal answers them, on every connection, whoever opened it. Where the gateway opens it, that is
//! PO-TCP; where the terminal does, because nobody can reach it from outside, it is TO-TCP, and then the terminal dials
//! and waits to be asked.
//!
//! There are two requests, both for `/wappush`:
//!
//! - `OPTIONS` is a *registration*: the gateway asks what the terminal can do. The answer is the capability and preference
//!   information ([`Cpi`]): applications, content types, greatest length, and so on, with a tag of four octets
//!   ([`CpiTag`]) that names this state of it.
//! - `POST` is a *push*: its body is a message of its own (`application/http`), with the headers and the content that are
//!   for the application. It shows the tag that the gateway believes to be right; if it is not, the push may be refused,
//!   with the right tag in the answer, and the gateway asks again.
//!
//! Every answer to one of these carries a [`PushStatus`], which says more than the status of HTTP: that is 204 for nearly
//! all of them.
//!
//! # What is here, and what is not
//!
//! These are machines without I/O. A driver owns sockets, TLS, an HTTP library and the clock, and asks:
//!
//! - [`Framing`](framing::Framing), one for each connection, sees every octet before the HTTP library does, and refuses what
//!   two readers could understand differently.
//! - [`Connection`], one for each connection, takes the head of each request and says what it needs next ([`Step`]):
//!   an answer at once, a look at the whitelists ([`Registering`]), or the body of a push ([`ContentPush`]), which then has to
//!   be judged ([`Judging`]) by somebody who knows the registrations. It sees to protocol versions, provisioning contexts and
//!   authentication both ways, and knows which gateway it is that asks.
//! - [`Registrar`], one for all, keeps what each gateway knows of the terminal. The terminal cannot tell a gateway
//!   anything, it can but open a connection on which the gateway asks; the registrar says when to dial whom, and when a
//!   change of the CPI has reached everybody. It learns from the connections by [`Notice`]s.
//!
//! [`Terminal`] and its [`Ppg`]s are what an administrator provisions. Nothing here knows an application: which there are
//! comes in as a [`Cpi`], and what becomes of a push comes back as a [`PushStatus`].
//!
//! # A push, step by step
//!
//! 1. The driver reads octets, has [`framing`] check them, and gives them to its HTTP library.
//! 2. A head is whole: [`Connection::request`] gives [`Step::Push`] with the limit that the body has to keep.
//! 3. The body is whole: [`ContentPush::body`] takes it apart and gives [`Pushed::Judge`] with the push.
//! 4. Once that is judged, and on disk if it was accepted, [`Judging::answer`] makes the [`Answer`]: not before, because an
//!    accepted push is the terminal's to lose.

mod answer;
mod authentication;
mod client_id;
mod connection;
mod context;
mod cpi;
pub(crate) mod entity;
mod fields;
pub mod framing;
mod names;
pub(crate) mod parameters;
mod provisioning;
mod push;
mod registrar;
mod spellings;
mod status;
mod version;

pub use connection::{Answer, Connection, Notice, Peer, Registering, Step, Way};
pub use cpi::{Cpi, CpiSettings, CpiTag};
pub use entity::{EntityError, EntityErrorCode, EntityLimits, parse_entity};
pub use provisioning::{
    AnnounceOn, Authentication, Connect, Contact, Host, Ppg, PpgId, Secret, Terminal, TerminalId,
};
pub use push::{ContentPush, Judging, Pushed};
pub use registrar::{
    AnnounceTicket, DialId, PpgReport, PpgState, PpgView, Registrar, RegistrarInput,
    RegistrarOutput, RegistrarSettings,
};
pub use status::PushStatus;
