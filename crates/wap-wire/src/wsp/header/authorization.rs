//! Credentials and challenges (WSP 8.4.2.5).

use crate::text::{Base64, write_quoted};
use crate::wsp::parameter::Parameters;
use crate::wsp::reader::Reader;
use crate::{DecodeError, Text};
use core::fmt::{self, Write};

/// The octet for the scheme Basic.
pub(crate) const BASIC: u8 = 0x80;

/// What a client proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// The scheme Basic.
    Basic {
        /// The user's name.
        user: Text<'a>,
        /// The password.
        password: Text<'a>,
    },
    /// Any other scheme.
    Other {
        /// The scheme's name.
        scheme: Text<'a>,
        /// Its parameters.
        parameters: AuthParameters<'a>,
    },
}

impl<'a> Credentials<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        if reader.peek() == Some(BASIC) {
            reader.octet()?;
            return Ok(Self::Basic {
                user: reader.text()?,
                password: reader.text()?,
            });
        }
        Ok(Self::Other {
            scheme: reader.text()?,
            parameters: AuthParameters(reader),
        })
    }
}

/// Shows `Basic` and the credentials in base64, or the scheme and its parameters.
impl fmt::Display for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, password } => {
                f.write_str("Basic ")?;
                let octets = user
                    .as_bytes()
                    .iter()
                    .chain(b":")
                    .chain(password.as_bytes());
                Base64::write(f, octets.copied())
            }
            Self::Other { scheme, parameters } => write!(f, "{scheme}{parameters}"),
        }
    }
}

/// What a server asks a client to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge<'a> {
    /// The scheme Basic.
    Basic {
        /// The realm.
        realm: Text<'a>,
    },
    /// Any other scheme.
    Other {
        /// The scheme's name.
        scheme: Text<'a>,
        /// The realm.
        realm: Text<'a>,
        /// Its other parameters.
        parameters: AuthParameters<'a>,
    },
}

impl<'a> Challenge<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        if reader.peek() == Some(BASIC) {
            reader.octet()?;
            return Ok(Self::Basic {
                realm: reader.text()?,
            });
        }
        Ok(Self::Other {
            scheme: reader.text()?,
            realm: reader.text()?,
            parameters: AuthParameters(reader),
        })
    }
}

/// Shows the scheme, the realm and the other parameters.
impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { realm } => {
                f.write_str("Basic realm=")?;
                write_quoted(f, *realm)
            }
            Self::Other {
                scheme,
                realm,
                parameters,
            } => {
                write!(f, "{scheme} realm=")?;
                write_quoted(f, *realm)?;
                if parameters.iter().well_formed().next().is_some() {
                    f.write_char(',')?;
                }
                write!(f, "{parameters}")
            }
        }
    }
}

/// The parameters of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthParameters<'a>(Reader<'a>);

impl<'a> AuthParameters<'a> {
    /// The parameters in order.
    #[must_use]
    pub const fn iter(&self) -> Parameters<'a> {
        Parameters::new(&[], self.0)
    }
}

impl<'a> IntoIterator for AuthParameters<'a> {
    type Item = crate::wsp::Parameter<'a>;
    type IntoIter = Parameters<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &AuthParameters<'a> {
    type Item = crate::wsp::Parameter<'a>;
    type IntoIter = Parameters<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Shows a space and the parameters with commas between them.
impl fmt::Display for AuthParameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = " ";
        self.iter().well_formed().try_for_each(|parameter| {
            write!(f, "{separator}{parameter}")?;
            separator = ", ";
            Ok(())
        })
    }
}
