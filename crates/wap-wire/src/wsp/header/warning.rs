//! Warning and Profile-Warning (WSP 8.4.2.51, 8.4.2.62 and table 43).

use crate::text::write_quoted;
use crate::wsp::reader::Reader;
use crate::{Date, DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// A warning of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Warning<'a> {
    /// The code as it is encoded; [`Warning::http_code`] gives the one of HTTP.
    pub code: u8,
    /// Who warns; empty where only a code came.
    pub agent: Text<'a>,
    /// The warning in words; empty where only a code came.
    pub text: Text<'a>,
}

/// Encoded codes and those of HTTP. The last two share one; the first of them is meant.
const WARNING_CODES: [(u8, u16); 7] = [
    (10, 110),
    (11, 111),
    (12, 112),
    (13, 113),
    (14, 214),
    (99, 199),
    (99, 299),
];

impl<'a> Warning<'a> {
    pub(crate) fn from_code(code: u8) -> Self {
        Self {
            code,
            agent: Text::default(),
            text: Text::default(),
        }
    }

    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let code = read_code(&mut reader)?;
        Ok(Self {
            code,
            agent: reader.text()?,
            text: reader.text()?,
        })
    }

    /// The code of HTTP; codes without assignment are the same there.
    #[must_use]
    pub fn http_code(&self) -> u16 {
        let found = WARNING_CODES.iter().find(|&&(code, _)| code == self.code);
        found.map_or_else(|| u16::from(self.code), |&(_, http)| http)
    }

    /// The code to send for this code of HTTP.
    #[must_use]
    pub fn code_from_http(http: u16) -> Option<u8> {
        let found = WARNING_CODES
            .iter()
            .find(|&&(_, code)| code == http)
            .map(|&(code, _)| code);
        found.or_else(|| u8::try_from(http).ok().filter(|&code| code < 100))
    }
}

fn read_code(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let start = *reader;
    match reader.octet()? {
        octet @ 0x80.. => Ok(octet & 0x7F),
        _ => Err(start.error(DecodeErrorCode::WrongForm)),
    }
}

/// Shows `110 agent "text"`, or the code alone.
impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.http_code())?;
        if self.agent.is_empty() && self.text.is_empty() {
            return Ok(());
        }
        write!(f, " {} ", self.agent)?;
        write_quoted(f, self.text)
    }
}

/// What became of a user agent profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileWarning<'a> {
    /// The code as it is encoded; [`ProfileWarning::http_code`] gives the one of HTTP.
    pub code: u8,
    /// The profile or host that it is about; empty where only a code came.
    pub target: Text<'a>,
    dates: Reader<'a>,
}

impl<'a> ProfileWarning<'a> {
    pub(crate) const fn from_code(code: u8) -> Self {
        Self {
            code,
            target: Text::new(&[]),
            dates: Reader::new(&[], 0),
        }
    }

    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let code = read_code(&mut reader)?;
        Ok(Self {
            code,
            target: reader.text()?,
            dates: reader,
        })
    }

    /// The code of HTTP: hundreds in the high four bits, units in the low ones.
    #[must_use]
    pub fn http_code(&self) -> u16 {
        u16::from(self.code >> 4)
            .saturating_mul(100)
            .saturating_add(u16::from(self.code & 0x0F))
    }

    /// The code to send for this code of HTTP.
    #[must_use]
    pub fn code_from_http(http: u16) -> Option<u8> {
        let (hundreds, units) = (
            u8::try_from(http / 100).ok()?,
            u8::try_from(http % 100).ok()?,
        );
        (hundreds < 8 && units < 16).then_some(hundreds << 4 | units)
    }

    /// When the warnings were given; ends before the first that is malformed.
    #[must_use]
    pub const fn dates(&self) -> ProfileWarningDates<'a> {
        ProfileWarningDates(self.dates)
    }
}

/// Shows `102 target "date"`, or the code alone.
impl fmt::Display for ProfileWarning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.http_code())?;
        if !self.target.is_empty() {
            write!(f, " {}", self.target)?;
        }
        self.dates().try_for_each(|date| write!(f, " \"{date}\""))
    }
}

/// Iterates over the dates of a [`ProfileWarning`].
#[derive(Debug, Clone)]
pub struct ProfileWarningDates<'a>(Reader<'a>);

impl Iterator for ProfileWarningDates<'_> {
    type Item = Date;

    fn next(&mut self) -> Option<Date> {
        let date = self.0.integer().ok().map(Date);
        if date.is_none() {
            self.0 = Reader::new(&[], 0);
        }
        date
    }
}
