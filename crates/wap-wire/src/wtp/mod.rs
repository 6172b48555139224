//! The Wireless Transaction Protocol (WTP): protocol data units, transport information items and concatenation.

mod reason;

pub use reason::ProviderAbortReason;
