//! The built programs with modems: real oFono and real ModemManager drive modems made of text, mmsd-tng fetches messages.

mod mmsd;
mod modem_manager;
mod ofono;
mod stage;
