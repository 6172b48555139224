//! OTA-HTTP from outside: gateways written here ask the built daemon, octet by octet (WAP-235 sections 7 and 8).
//!
//! Each conformance item of its appendix A and each push status of its section 7.4.2.1 has a test that names it; the list of
//! items stands at the end of specs/ota-http.md.

mod authentication;
mod connections;
mod durability;
mod hostile;
mod identification;
mod journeys;
mod lab;
mod pushes;
mod registration;
mod servers;
mod session_initiation;
mod slow;
mod smuggling;
mod stage;
mod statuses;
mod tls;
mod tools;
mod wire;
