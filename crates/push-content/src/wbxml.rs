//! Documents in WBXML as trees.

use wap_wire::DecodeError;
use wap_wire::wbxml::{DateTime, Document, Event, Language, Piece};

use crate::element::{Builder, Element, TooLarge};

/// Attributes whose opaque octets are a date.
const DATES: [&str; 3] = ["created", "si-expires", "timestamp"];

/// Why octets are not shown as a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// They are no document.
    #[error(transparent)]
    Broken(#[from] DecodeError),
    /// They are more of one than is shown.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// The document in WBXML: what stands before its content, and that as a tree. Instructions are left out.
///
/// `language` says what numbers mean where the document does not.
///
/// # Errors
/// Octets that are no document, and documents that are too large.
pub fn wbxml<'a>(
    octets: &'a [u8],
    language: Option<&'static Language>,
) -> Result<(Document<'a>, Element), Undecodable> {
    let mut document = Document::decode(octets)?;
    document.language = document.language.or(language);
    let mut builder = Builder::new();
    let mut in_instruction = false;
    for event in document.events() {
        match event? {
            Event::Instruction => in_instruction = true,
            Event::End if in_instruction => in_instruction = false,
            Event::Attribute(_) | Event::Value(_) if in_instruction => {}
            Event::Element(name) => builder.begin(name)?,
            Event::Attribute(name) => builder.attribute(name, name.prefix())?,
            Event::Value(piece) => match date(&builder, piece) {
                Some(date) => builder.value(date)?,
                None => builder.value(piece)?,
            },
            Event::Content(piece) => builder.text(piece)?,
            Event::End => builder.end(),
        }
    }
    let root = builder.finish();
    Ok((document, root.ok_or(TooLarge)?))
}

fn date(builder: &Builder, piece: Piece<'_>) -> Option<DateTime> {
    let is_date = DATES.contains(&builder.last_attribute()?);
    let Piece::Opaque(octets) = piece else {
        return None;
    };
    is_date.then(|| DateTime::decode(octets)).flatten()
}
