//! Values with a quality factor: Accept-Charset, Accept-Encoding, Accept-Language and TE.

use crate::wsp::parameter::{Parameter, ParameterValue};
use crate::wsp::reader::Reader;
use crate::wsp::token::{self, Token, TokenTable};
use crate::wsp::value::Quality;
use crate::{DecodeError, DecodeErrorCode};
use core::fmt;

/// A value and how much it is liked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Preference<T> {
    /// The value.
    pub value: T,
    /// The quality factor; absent for 1.
    pub quality: Option<Quality>,
}

impl<T> Preference<T> {
    /// Reads a value and, where octets are left, its quality factor.
    pub(crate) fn read<'a>(
        mut reader: Reader<'a>,
        value: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let value = value(&mut reader)?;
        let quality = if reader.is_empty() {
            None
        } else {
            Some(read_quality(&mut reader)?)
        };
        Ok(Self { value, quality })
    }
}

fn read_quality(reader: &mut Reader<'_>) -> Result<Quality, DecodeError> {
    let start = *reader;
    let number = reader.uintvar()?;
    Quality::from_wire(number).ok_or_else(|| start.error(DecodeErrorCode::InvalidQuality))
}

/// Shows `value;q=0.5`.
impl<T: fmt::Display> fmt::Display for Preference<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quality {
            None => write!(f, "{}", self.value),
            Some(quality) => write!(f, "{};q={quality}", self.value),
        }
    }
}

/// Reads a token by number or as text.
pub(crate) fn read_token<'a>(
    reader: &mut Reader<'a>,
    table: &TokenTable,
) -> Result<Token<'a>, DecodeError> {
    let start = *reader;
    match reader.peek() {
        Some(octet @ 0x80..) => {
            reader.octet()?;
            let token = token::token_of(table, octet & 0x7F);
            token
                .map(Token::WellKnown)
                .ok_or_else(|| start.error(DecodeErrorCode::UnassignedToken))
        }
        _ => reader.text().map(Token::Text),
    }
}

/// A transfer coding that a client takes (WSP 8.4.2.64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferCoding<'a> {
    /// The coding, or `trailers`.
    pub coding: Token<'a>,
    /// The quality factor; absent for 1.
    pub quality: Option<Quality>,
}

impl<'a> TransferCoding<'a> {
    pub(crate) const fn from_token(coding: Token<'a>) -> Self {
        Self {
            coding,
            quality: None,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the parameter q has a meaning here"
    )]
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let coding = read_token(&mut reader, &token::TE)?;
        if reader.is_empty() {
            return Ok(Self::from_token(coding));
        }
        let start = reader;
        match Parameter::read(&mut reader)?.value {
            ParameterValue::Quality(quality) => Ok(Self {
                coding,
                quality: Some(quality),
            }),
            ParameterValue::Malformed(error) => Err(error),
            _ => Err(start.error(DecodeErrorCode::WrongForm)),
        }
    }
}

/// Shows `coding;q=0.5`.
impl fmt::Display for TransferCoding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}",
            Preference {
                value: self.coding,
                quality: self.quality
            }
        )
    }
}
