//! The command line as its users meet it: the program itself is run, against a daemon that answers as told.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod daemon;
mod decode;
mod demo;
mod events;
mod lab;
mod ota_sip;
mod pages;
mod ppg;
mod real;
mod requests;
mod run;
mod session;
mod sip;
mod submit;
mod watch;
