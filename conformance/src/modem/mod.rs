//! Modems made of text, and the programs of other people that drive modems: each on a bus of its own.

pub mod at;
pub mod bus;
pub mod mmsc;
pub mod mock;
pub mod modem_manager;
pub mod ofono;
pub mod tpdu;
