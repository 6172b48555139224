//! What stands before the content of a document: version, public identifier, character set, string table.

use super::{Events, Language};
use crate::wsp::reader::{Reader, split_at_zero};
use crate::{DecodeError, DecodeErrorCode, Text};

/// The most octets of a document: beyond any that a push carries to a terminal.
pub const MAX_OCTETS: usize = 256 * 1024;

/// The most octets that all references to the string table may give together, so that few octets cannot stand for many.
pub const MAX_REFERENCED: usize = 64 * 1024;

/// Character sets whose texts do not end at the first zero octet: those of two and four octets a character.
const WIDE: [u32; 8] = [1000, 1001, 1013, 1014, 1015, 1017, 1018, 1019];

/// The number that says that a public identifier is unknown, or is not told (WBXML 7.2).
const UNKNOWN: u32 = 1;

/// A document, its content not looked at yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// The minor number of the version, 1 to 3; the major number is 1.
    pub version: u8,
    /// What the document says that it is.
    pub public_id: PublicId<'a>,
    /// The IANA number (`MIBenum`) of the character set; 0 where it is not told.
    pub charset: u32,
    /// What numbers stand for: known from the public identifier, and may be set where the media type says more.
    pub language: Option<&'static Language>,
    pub(super) table: StringTable<'a>,
    pub(super) body: Reader<'a>,
}

/// The public identifier of a document's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicId<'a> {
    /// By number; `None` where it is unknown or not told.
    Number(Option<u32>),
    /// By name.
    Text(Text<'a>),
}

impl<'a> Document<'a> {
    /// Decodes what stands before the content.
    ///
    /// # Errors
    /// [`DecodeErrorCode::DocumentTooLong`], [`DecodeErrorCode::UnsupportedVersion`], [`DecodeErrorCode::UnsupportedCharset`],
    /// [`DecodeErrorCode::StringTableOverrun`], [`DecodeErrorCode::StringIndexOverrun`] and those of numbers and texts.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        if octets.len() > MAX_OCTETS {
            return Err(DecodeError::new(DecodeErrorCode::DocumentTooLong, 0));
        }
        let mut reader = Reader::new(octets, 0);
        let version @ 1..=3 = reader.octet()? else {
            return Err(DecodeError::new(DecodeErrorCode::UnsupportedVersion, 0));
        };
        let id_offset = reader.offset();
        let number = reader.uintvar()?;
        let index = (number == 0).then(|| reader.uintvar()).transpose()?;
        let charset_offset = reader.offset();
        let charset = reader.uintvar()?;
        if WIDE.contains(&charset) {
            let code = DecodeErrorCode::UnsupportedCharset;
            return Err(DecodeError::new(code, charset_offset));
        }
        let length = reader.uintvar()?;
        let table = reader.take(length, DecodeErrorCode::StringTableOverrun)?;
        let table = StringTable(table);
        let public_id = match index {
            None => PublicId::Number(Some(number).filter(|&number| number != UNKNOWN)),
            Some(index) => {
                let text = table.text(index);
                PublicId::Text(text.map_err(|code| DecodeError::new(code, id_offset))?)
            }
        };
        Ok(Self {
            version,
            public_id,
            charset,
            language: Language::of(public_id),
            table,
            body: reader,
        })
    }

    /// The content, event by event. After an error nothing more comes.
    #[must_use]
    pub const fn events(&self) -> Events<'a> {
        Events::new(self)
    }
}

/// The strings that the content refers to, each ended by a zero octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StringTable<'a>(&'a [u8]);

impl<'a> StringTable<'a> {
    /// The string that begins at this octet of the table.
    pub(super) fn text(self, index: u32) -> Result<Text<'a>, DecodeErrorCode> {
        let rest = usize::try_from(index)
            .ok()
            .and_then(|index| self.0.get(index..))
            .filter(|rest| !rest.is_empty())
            .ok_or(DecodeErrorCode::StringIndexOverrun)?;
        let (text, _) = split_at_zero(rest).ok_or(DecodeErrorCode::UnterminatedText)?;
        Ok(Text::new(text))
    }
}
