//! Black-box tests of the built binaries against other programs.
//!
//! This library is the harness: it finds the peers ([`peer`]), gives each test loopback addresses of its own
//! ([`loopback`]), runs programs and reads what they say ([`process`]), drives Kannel's push proxy gateway ([`kannel`],
//! [`pap`]), runs private message buses of both kinds ([`buses`]) and the code of documents ([`document`]), runs oFono, ModemManager and mmsd-tng on a bus of their own with modems made of text ([`modem`]), stands a SIP network up of Kamailio and SIPp ([`kamailio`], [`sipp`], [`sip`]), asks Wireshark what octets mean ([`tshark`]) and runs this project's own programs ([`pushcai`], [`stranger`], [`sandboxes`], [`http`]).
//! The tests are under `tests/`; `cargo xtask test` installs what they need, builds the binaries and runs them.
//!
//! Everything stays on 127.0.0.0/8, and every program started here is stopped by its own process id.

pub mod background;
pub mod buses;
pub mod document;
pub mod http;
pub mod kamailio;
pub mod kannel;
pub mod loopback;
pub mod memory;
pub mod modem;
pub mod pap;
pub mod peer;
pub mod process;
pub mod pushcai;
pub mod sandboxes;
pub mod sip;
pub mod sipp;
pub mod stranger;
pub mod tshark;
