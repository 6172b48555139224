//! Octets and values of the WAP protocols: WSP for push terminals, OMNA assigned numbers.
//!
//! Decoding borrows from the octets it is given and allocates nothing; every function is total: any octets give a value
//! or a [`DecodeError`] with a code and an offset. Encoding writes into a [`alloc::vec::Vec`].

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]
extern crate alloc;

mod date;
mod error;
pub mod omna;
mod text;
pub mod uintvar;
pub mod wsp;

pub use date::Date;
pub use error::{DecodeError, DecodeErrorCode};
pub use text::Text;
