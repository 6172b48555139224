//! Cookies (WSP 8.4.2.68 and 8.4.2.69).

use crate::wsp::parameter::Parameters;
use crate::wsp::reader::Reader;
use crate::wsp::value::Version;
use crate::{DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// A cookie that a server sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetCookie<'a> {
    /// Version, name and value, which have been read once, and the parameters.
    fields: Reader<'a>,
    parameters: Reader<'a>,
}

impl<'a> SetCookie<'a> {
    pub(crate) fn read(fields: Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = fields;
        read_start(&mut reader)?;
        Ok(Self {
            fields,
            parameters: reader,
        })
    }

    /// The version of the cookie specification.
    #[must_use]
    pub fn version(&self) -> Version<'a> {
        self.start().0
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> Text<'a> {
        self.start().1
    }

    /// The cookie's value.
    #[must_use]
    pub fn value(&self) -> Text<'a> {
        self.start().2
    }

    /// The cookie's attributes.
    #[must_use]
    pub const fn parameters(&self) -> Parameters<'a> {
        Parameters::new(&[], self.parameters)
    }

    fn start(&self) -> (Version<'a>, Text<'a>, Text<'a>) {
        let mut reader = self.fields;
        read_start(&mut reader).unwrap_or_else(|_| {
            (
                Version::Text(Text::default()),
                Text::default(),
                Text::default(),
            )
        })
    }
}

fn read_start<'a>(
    reader: &mut Reader<'a>,
) -> Result<(Version<'a>, Text<'a>, Text<'a>), DecodeError> {
    Ok((reader.version()?, reader.text()?, reader.text()?))
}

/// Shows `name=value; attribute=value`, and the version where it is not 0.
impl fmt::Display for SetCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, name, value) = self.start();
        write!(f, "{name}={value}")?;
        if !is_version_zero(version) {
            write!(f, "; Version={version}")?;
        }
        self.parameters()
            .well_formed()
            .try_for_each(|parameter| write!(f, "; {parameter}"))
    }
}

const fn is_version_zero(version: Version<'_>) -> bool {
    matches!(
        version,
        Version::Number {
            major: 0,
            minor: None | Some(0)
        }
    )
}

/// Cookies that a client returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The version of the cookie specification.
    pub version: Version<'a>,
    cookies: Reader<'a>,
}

impl<'a> Cookie<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: reader.version()?,
            cookies: reader,
        })
    }

    /// The cookies in order; ends before the first that is malformed.
    #[must_use]
    pub const fn cookies(&self) -> Cookies<'a> {
        Cookies(self.cookies)
    }
}

/// Shows `$Version=1; name=value; $Path=path; $Domain=domain`, without the version where it is 0.
impl fmt::Display for Cookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if !is_version_zero(self.version) {
            write!(f, "$Version={}", self.version)?;
            separator = "; ";
        }
        self.cookies().try_for_each(|cookie| {
            write!(f, "{separator}{cookie}")?;
            separator = "; ";
            Ok(())
        })
    }
}

/// Iterates over the cookies of a [`Cookie`] header.
#[derive(Debug, Clone)]
pub struct Cookies<'a>(Reader<'a>);

impl<'a> Iterator for Cookies<'a> {
    type Item = CookieEntry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let cookie = CookieEntry::read(&mut self.0).ok();
        if cookie.is_none() {
            self.0 = Reader::new(&[], 0);
        }
        cookie
    }
}

/// One cookie that a client returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CookieEntry<'a> {
    /// The cookie's name.
    pub name: Text<'a>,
    /// The cookie's value.
    pub value: Text<'a>,
    /// The path, where there is one.
    pub path: Option<Text<'a>>,
    /// The domain, where there is one.
    pub domain: Option<Text<'a>>,
}

impl<'a> CookieEntry<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let length = reader.uintvar()?;
        let mut entry = reader.sub(length, DecodeErrorCode::ValueLengthOverrun)?;
        let (name, value) = (entry.text()?, entry.text()?);
        let mut next = || {
            if entry.is_empty() {
                Ok(None)
            } else {
                entry.text().map(Some)
            }
        };
        // An empty path stands for none where only a domain follows.
        let path = next()?.filter(|path| !path.is_empty());
        Ok(Self {
            name,
            value,
            path,
            domain: next()?,
        })
    }
}

/// Shows `name=value; $Path=path; $Domain=domain`.
impl fmt::Display for CookieEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)?;
        if let Some(path) = self.path {
            write!(f, "; $Path={path}")?;
        }
        if let Some(domain) = self.domain {
            write!(f, "; $Domain={domain}")?;
        }
        Ok(())
    }
}
