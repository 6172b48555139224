//! Documents in WAP Binary XML (WBXML 1.1 to 1.3, WAP-192).
//!
//! [`Document::decode`] reads what stands before the content; [`Document::events`] gives element by element what the content says, as
//! it is asked for. Nothing is allocated, and the work is bounded by [`MAX_OCTETS`], [`MAX_DEPTH`] and [`MAX_REFERENCED`].
//!
//! ```
//! use wap_wire::wbxml::{Document, Event, Language, Piece};
//!
//! let document = Document::decode(b"\x03\x06\x6A\x00\x85\x09\x03a.example/\x00\x01")?;
//! assert_eq!(document.language, Some(&Language::SL));
//! let events: Result<Vec<_>, _> = document.events().collect();
//! let [Event::Element(sl), Event::Attribute(href), Event::Value(Piece::Text(rest)), Event::End] = events?[..] else {
//!     panic!("one element with one attribute");
//! };
//! assert_eq!((sl.name(), href.name(), href.prefix()), (Some("sl"), Some("href"), "http://"));
//! assert_eq!(rest, "a.example/");
//! # Ok::<(), wap_wire::DecodeError>(())
//! ```

mod date_time;
mod document;
mod events;
mod language;
mod tables;

pub use date_time::DateTime;
pub use document::{Document, MAX_OCTETS, MAX_REFERENCED, PublicId};
pub use events::{Event, Events, Extension, MAX_DEPTH, Name, Piece};
pub use language::Language;

#[cfg(test)]
mod tests;
