//! Other people's programs on the same octets as ours.

mod harness;
mod kannel_writes;
mod matrix;
mod reading;
mod short_messages;
mod transactions;
mod we_write;
