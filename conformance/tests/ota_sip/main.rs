//! OTA-SIP from outside: the built daemon behind Kamailio as its SIP core, with SIPp as push server and as another terminal.
//!
//! Each sentence of Push-CAI 5.1 and 5.2 on OTA-SIP has a test that cites it. What SIPp cannot do (MSRP, broken octets) is done here
//! octet by octet.

mod binding;
mod durability;
mod hostile;
mod large;
mod msrp;
mod pushes;
mod registration;
mod scenarios;
mod server;
mod stage;
mod strangers;
mod terminal;
