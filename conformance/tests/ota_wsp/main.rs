//! OTA-WSP from outside: push servers with sessions, the lab's and Kannel, and the built daemon (WAP-235 sections 6 and 8).
//!
//! Each conformance item of its appendix A that is about OTA-WSP has a test that names it; the list of items stands at the end of
//! specs/ota-wsp.md.

mod durability;
mod hostile;
mod initiation;
mod items;
mod kannel;
mod ports;
mod proxy;
mod pushes;
mod sessions;
mod stage;
