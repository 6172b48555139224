//! Event handlers of the built daemon, with real commands behind them.

mod commands;
mod dead_letters;
mod seen;
mod stage;
mod systemd;
mod tutorial;
mod watching;
