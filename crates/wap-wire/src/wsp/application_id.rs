//! Application ids and push flags (WSP 8.4.2.54 to 8.4.2.59, WAP-251 5.2.2.1).

use crate::{Text, omna};
use core::fmt;

/// The application a push is for: an assigned number or a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApplicationId<'a> {
    /// The number OMNA assigned.
    Number(u32),
    /// The text as it came: a URI, with `;app-encoding=` and a number behind it where a sender put them there.
    Uri(Text<'a>),
}

impl<'a> ApplicationId<'a> {
    /// Reads the textual form of the header: a bare number in one to eight hexadecimal digits, or a URI.
    #[must_use]
    pub fn from_text(text: Text<'a>) -> Self {
        match text.as_str().and_then(hexadecimal) {
            Some(number) => Self::Number(number),
            None => Self::Uri(text),
        }
    }

    /// The number to send for this application: as it came, as OMNA assigned it to the URI, or as `app-encoding` says.
    #[must_use]
    pub fn number(self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(omna::canonical_number(number)),
            Self::Uri(text) => {
                let (uri, encoding) = split_encoding(text.as_str()?);
                omna::application_number(uri).or_else(|| hexadecimal(encoding?))
            }
        }
    }

    /// The text that is shown for this application, where none has to be made up for it.
    #[must_use]
    pub(crate) fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Number(number) => omna::application_uri(number),
            Self::Uri(text) => text.as_str(),
        }
    }

    /// The URI: as it came, in the registry's spelling where it is registered; nothing for a number without URI.
    #[must_use]
    pub fn uri(self) -> Option<&'a str> {
        match self {
            Self::Number(number) => omna::application_uri(number),
            Self::Uri(text) => {
                let (uri, _) = split_encoding(text.as_str()?);
                Some(omna::canonical_uri(uri).unwrap_or(uri))
            }
        }
    }
}

/// Shows the URI, or the number in hexadecimal digits where it has no URI, as the textual header has it.
impl fmt::Display for ApplicationId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => match omna::application_uri(*number) {
                Some(uri) => f.write_str(uri),
                None => write!(f, "{number:X}"),
            },
            Self::Uri(text) => write!(f, "{text}"),
        }
    }
}

/// A URI and, behind `;app-encoding=`, its number.
fn split_encoding(text: &str) -> (&str, Option<&str>) {
    let Some((uri, parameter)) = text.split_once(';') else {
        return (text, None);
    };
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let encoding = name
        .trim_ascii()
        .eq_ignore_ascii_case("app-encoding")
        .then(|| value.trim_ascii());
    (uri.trim_ascii(), encoding)
}

/// A number of one to eight hexadecimal digits.
fn hexadecimal(text: &str) -> Option<u32> {
    let digits =
        (1..=8).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    if digits {
        u32::from_str_radix(text, 16).ok()
    } else {
        None
    }
}

/// An application that a terminal accepts pushes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AcceptApplication<'a> {
    /// Any application, `*`.
    Any,
    /// This application.
    Id(ApplicationId<'a>),
}

impl fmt::Display for AcceptApplication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

/// What the push proxy gateway says about a push (WAP-235): bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PushFlag(pub u8);

impl PushFlag {
    /// The initiator's URI is authenticated.
    pub const AUTHENTICATED: u8 = 0x01;
    /// The content is trusted.
    pub const TRUSTED: u8 = 0x02;
    /// This is the last push to this terminal for the present.
    pub const LAST: u8 = 0x04;

    /// Whether the initiator's URI is authenticated.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        self.0 & Self::AUTHENTICATED != 0
    }

    /// Whether the content is trusted.
    #[must_use]
    pub const fn is_trusted(self) -> bool {
        self.0 & Self::TRUSTED != 0
    }

    /// Whether this is the last push for the present.
    #[must_use]
    pub const fn is_last(self) -> bool {
        self.0 & Self::LAST != 0
    }

    /// The number as it is shown, where no bit is set that has no meaning.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        let shown = ["0", "1", "2", "3", "4", "5", "6", "7"];
        shown.get(usize::from(self.0)).copied()
    }

    /// Reads a decimal number of at most 127.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim_ascii()
            .parse()
            .ok()
            .filter(|&flag| flag < 0x80)
            .map(Self)
    }
}

/// Shows the number in decimal.
impl fmt::Display for PushFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn from_text(text: &str) -> ApplicationId<'_> {
        ApplicationId::from_text(text.into())
    }

    #[test]
    fn every_spelling_leads_to_one_number_and_uri() {
        for id in [
            ApplicationId::Number(4),
            from_text("4"),
            from_text("00000004"),
            from_text("x-wap-application:mms.ua"),
            from_text("X-WAP-Application:MMS.UA"),
            from_text("urn:x-wap-application:mms.ua"),
            from_text("x-wap-application:mms.ua;app-encoding=9999"),
        ] {
            assert_eq!(id.number(), Some(4), "{id:?}");
            assert_eq!(id.uri(), Some("x-wap-application:mms.ua"), "{id:?}");
        }
        assert_eq!(ApplicationId::Number(0x904B).number(), Some(1));
    }

    #[test]
    fn what_is_not_registered_keeps_its_own_name() {
        let own = from_text("x-own:app; app-encoding=9FFF");
        assert_eq!((own.uri(), own.number()), (Some("x-own:app"), Some(0x9FFF)));
        assert_eq!(from_text("x-own:app").number(), None);
        assert_eq!(ApplicationId::Number(0x9FFF).uri(), None);
        assert_eq!(ApplicationId::Number(0x9FFF).to_string(), "9FFF");
        assert_eq!(from_text("123456789").to_string(), "123456789");
        assert_eq!(ApplicationId::from_text(Text::new(b"x-\xE9")).uri(), None);
    }

    #[test]
    fn flags_are_bits() {
        let flag = PushFlag::parse(" 5").unwrap();
        assert!(flag.is_authenticated() && !flag.is_trusted() && flag.is_last());
        assert_eq!(flag.to_string(), "5");
        assert_eq!(PushFlag::parse("128"), None);
        assert_eq!(PushFlag::parse("x"), None);
    }
}
