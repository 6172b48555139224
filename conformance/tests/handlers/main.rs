//! Event handlers of the built daemon, with real commands behind them.

mod commands;
mod stage;
mod systemd;
mod tutorial;
