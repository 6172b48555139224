//! Content-Disposition and Expect (WSP 8.4.2.53 and 8.4.2.63).

use super::preference::read_token;
use crate::wsp::parameter::{Parameter, ParameterName, ParameterValue, Parameters};
use crate::wsp::reader::Reader;
use crate::wsp::token::{self, Token};
use crate::{DecodeError, Text};
use core::fmt;

/// How content is meant to be shown or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentDisposition<'a> {
    /// The disposition.
    pub disposition: Token<'a>,
    parameters: Reader<'a>,
}

impl<'a> ContentDisposition<'a> {
    pub(crate) const fn without_parameters(disposition: Token<'a>) -> Self {
        Self {
            disposition,
            parameters: Reader::new(&[], 0),
        }
    }

    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            disposition: read_token(&mut reader, &token::DISPOSITION)?,
            parameters: reader,
        })
    }

    /// The parameters in order.
    #[must_use]
    pub const fn parameters(&self) -> Parameters<'a> {
        Parameters::new(&[], self.parameters)
    }
}

/// Shows `attachment; filename=value`.
impl fmt::Display for ContentDisposition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.disposition)?;
        self.parameters()
            .well_formed()
            .try_for_each(|parameter| write!(f, "; {parameter}"))
    }
}

/// What a client expects of a server, other than `100-continue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// The name of the expectation.
    pub name: Text<'a>,
    /// Its value.
    pub value: ParameterValue<'a>,
    parameters: Reader<'a>,
}

impl<'a> Expectation<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let name = reader.text()?;
        let value = ParameterValue::read_untyped(&mut reader)?;
        Ok(Self {
            name,
            value,
            parameters: reader,
        })
    }

    /// The parameters in order.
    #[must_use]
    pub const fn parameters(&self) -> Parameters<'a> {
        Parameters::new(&[], self.parameters)
    }
}

/// Shows `name=value; parameter=value`.
impl fmt::Display for Expectation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expectation = Parameter {
            name: ParameterName::Text(self.name),
            value: self.value,
        };
        write!(f, "{expectation}")?;
        self.parameters()
            .well_formed()
            .try_for_each(|parameter| write!(f, "; {parameter}"))
    }
}
