//! The value forms of WSP (8.4.2.1 to 8.4.2.3), written one after the other.

use super::EncodeOptions;
use crate::wsp::reader::{LENGTH_QUOTE, QUOTE};
use crate::wsp::value::{Quality, RawValue, Version};
use crate::{Date, EncodeError, Text, uintvar};
use alloc::string::ToString;
use alloc::vec::Vec;

/// Writes values and headers into octets.
#[derive(Debug, Clone)]
pub struct Encoder {
    pub(crate) octets: Vec<u8>,
    pub(crate) options: EncodeOptions,
    /// The header code page in force.
    pub(crate) page: u8,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new(EncodeOptions::default())
    }
}

impl Encoder {
    /// An encoder that has written nothing yet.
    #[must_use]
    pub const fn new(options: EncodeOptions) -> Self {
        Self {
            octets: Vec::new(),
            options,
            page: 1,
        }
    }

    /// What has been written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }

    /// What has been written.
    #[must_use]
    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    /// Writes these octets as they are.
    pub fn octets(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Writes a uintvar.
    pub fn uintvar(&mut self, number: u32) {
        uintvar::encode(number, &mut self.octets);
    }

    /// Writes a Short-integer: the low seven bits of the number.
    pub fn short_integer(&mut self, number: u8) {
        self.octets.push(number | 0x80);
    }

    /// Writes an Integer-value: a Short-integer below 128, otherwise a Long-integer.
    pub fn integer(&mut self, number: u64) {
        match u8::try_from(number) {
            Ok(number @ ..0x80) => self.short_integer(number),
            _ => self.long_integer(number),
        }
    }

    /// Writes a Long-integer in the fewest octets.
    pub fn long_integer(&mut self, number: u64) {
        let octets = number.to_be_bytes();
        let zeros = octets
            .iter()
            .take_while(|&&octet| octet == 0)
            .count()
            .min(7);
        let digits = octets.get(zeros..).unwrap_or_default();
        // There are at most eight of them.
        self.octets
            .push(u8::try_from(digits.len()).unwrap_or_default());
        self.octets(digits);
    }

    /// Writes a Date-value.
    pub fn date(&mut self, date: Date) {
        self.long_integer(date.0);
    }

    /// Writes a Text-string, with a Quote in front where its first octet could be taken for something else.
    ///
    /// # Errors
    /// [`EncodeError::ZeroInText`].
    pub fn text(&mut self, text: Text<'_>) -> Result<(), EncodeError> {
        if matches!(text.as_bytes(), [..32 | 127.., ..]) {
            self.octets.push(QUOTE);
        }
        self.terminated(text, b"\0")
    }

    /// Writes a text that is told from numbers and lengths even when it is empty.
    pub(crate) fn unambiguous_text(&mut self, text: Text<'_>) -> Result<(), EncodeError> {
        if text.is_empty() {
            self.octets.push(QUOTE);
        }
        self.text(text)
    }

    /// Writes a Quoted-string: the text, without the quotation marks around it.
    ///
    /// # Errors
    /// [`EncodeError::ZeroInText`].
    pub fn quoted(&mut self, text: Text<'_>) -> Result<(), EncodeError> {
        self.octets.push(b'"');
        let octets = text.as_bytes();
        // A mark at the end would be taken for the end of the quotation, so the quotation is ended.
        let ends_with_mark = octets.ends_with(b"\"") && !octets.ends_with(b"\\\"");
        self.terminated(text, if ends_with_mark { b"\"\0" } else { b"\0" })
    }

    fn terminated(&mut self, text: Text<'_>, end: &[u8]) -> Result<(), EncodeError> {
        if text.as_bytes().contains(&0) {
            return Err(EncodeError::ZeroInText(text.to_string()));
        }
        self.octets(text.as_bytes());
        self.octets(end);
        Ok(())
    }

    /// Writes No-value.
    pub fn no_value(&mut self) {
        self.octets.push(0);
    }

    /// Writes a Q-value; nothing for the factor 1, which is never sent.
    pub fn quality(&mut self, quality: Quality) {
        if quality != Quality::ONE {
            self.uintvar(quality.to_wire());
        }
    }

    /// Writes a Version-value.
    ///
    /// # Errors
    /// [`EncodeError::ZeroInText`] in a version given as text.
    pub fn version(&mut self, version: Version<'_>) -> Result<(), EncodeError> {
        match (version.to_short_integer(), version) {
            (Some(octet), _) => self.octets.push(octet),
            (None, Version::Text(text)) => self.unambiguous_text(text)?,
            (None, Version::Number { .. }) => self.text(version.to_string().as_str().into())?,
        }
        Ok(())
    }

    /// Writes a Value-length and what the function writes.
    ///
    /// # Errors
    /// Those of the function, and [`EncodeError::TooLong`].
    pub fn value_length(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = self.octets.len();
        write(self)?;
        self.insert_value_length(start)
    }

    /// Puts the Value-length of what has been written since `start` in front of it.
    pub(crate) fn insert_value_length(&mut self, start: usize) -> Result<(), EncodeError> {
        let length = self.octets.len().saturating_sub(start);
        let mut prefix = Vec::new();
        if let Ok(length @ ..LENGTH_QUOTE) = u8::try_from(length) {
            prefix.push(length);
        } else {
            prefix.push(LENGTH_QUOTE);
            uintvar::encode(length_field(length)?, &mut prefix);
        }
        self.octets.splice(start..start, prefix);
        Ok(())
    }

    /// Writes a uintvar with the length of what the function writes, and that.
    pub(crate) fn uintvar_length(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = self.octets.len();
        write(self)?;
        let mut prefix = Vec::new();
        uintvar::encode(
            length_field(self.octets.len().saturating_sub(start))?,
            &mut prefix,
        );
        self.octets.splice(start..start, prefix);
        Ok(())
    }

    /// Writes a value that is known by the rule of value lengths alone.
    ///
    /// # Errors
    /// [`EncodeError::ZeroInText`], [`EncodeError::TooLong`].
    pub fn raw_value(&mut self, value: RawValue<'_>) -> Result<(), EncodeError> {
        match value {
            RawValue::ShortInteger(number) => self.short_integer(number),
            RawValue::Data(octets) => self.data(octets)?,
            RawValue::Text(text) => self.unambiguous_text(text)?,
        }
        Ok(())
    }

    /// Writes a Value-length and these octets.
    pub(crate) fn data(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        self.value_length(|encoder| {
            encoder.octets(octets);
            Ok(())
        })
    }
}

pub(crate) fn length_field(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length).map_err(|_| EncodeError::TooLong(length))
}
