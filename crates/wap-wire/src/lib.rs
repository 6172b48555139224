//! Octets and values of the WAP protocols: WSP and WTP for push terminals, short messages, documents in WBXML, notifications of MMS,
//! OMNA assigned numbers.
//!
//! Decoding borrows from the octets it is given and allocates nothing; every function is total: any octets give a value
//! or a [`DecodeError`] with a code and an offset. Encoding writes into a [`alloc::vec::Vec`].
//!
//! ```
//! use wap_wire::wsp::{UnitPush, encode_unit_push};
//!
//! let headers = [("X-Wap-Application-Id", "x-wap-application:mms.ua")];
//! let octets = encode_unit_push(7, "text/vnd.wap.si", &headers, b"<si/>")?;
//! assert_eq!(octets, b"\x07\x06\x03\xAD\xAF\x84<si/>");
//!
//! let decoded = UnitPush::decode(&octets)?;
//! assert_eq!(decoded.push.content_type.to_string(), "text/vnd.wap.si");
//! assert_eq!(decoded.push.application_id().and_then(|id| id.number()), Some(4));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

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

#[cfg(any(test, fuzzing, feature = "check"))]
#[doc(hidden)]
pub mod check;

mod assigned;
mod date;
mod error;
pub mod mms;
pub mod omna;
pub mod sms;
mod text;
pub mod uintvar;
pub mod wbxml;
pub mod wsp;
pub mod wtp;

pub use date::Date;
pub use error::{DecodeError, DecodeErrorCode, EncodeError};
pub use text::Text;
