//! Who a process on this machine is: the owner of an application as the kernel shows it, alike for every binding.
//!
//! A binding gets [`Credentials`] from its transport (a Unix socket, a bus), and [`caller_of`] says whose the applications of that
//! process are. The same process has the same owner over every binding.

#![forbid(unsafe_code)]

mod lookups;
mod process;

pub use lookups::Lookups;
pub use process::{Credentials, Identity, caller_of};
