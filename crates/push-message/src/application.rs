//! Who an application is: its owner, its name, and the Push Application ID that it asks for.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use iri_string::types::UriStr;
use wap_wire::omna;

/// The most octets that a Push Application ID or an application's own name may have.
const MAX_ID_LENGTH: usize = 255;

/// A Push Application ID (X-Wap-Application-Id; Push-CAI 5.1 `pushApplicationID`), in its one canonical form.
///
/// `x-wap-application:mms.ua`, `urn:X-WAP-Application:MMS.UA`, `4` and `0x04` are the same id. URIs compare without
/// regard to case; an id with a number in the OMNA registry is held as that number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushApplicationId(Repr);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Number(u32),
    Uri(Arc<str>),
}

impl PushApplicationId {
    /// `x-wap-application:*`, which stands for any application (WAP-235 6.4.1.1).
    pub const ANY: Self = Self(Repr::Number(omna::ANY));
    /// `x-wap-application:push.sia`, the Session Initiation Application (WAP-235 8).
    pub const PUSH_SIA: Self = Self(Repr::Number(1));
    /// `x-wap-application:wml.ua`, the addressee of a push that names none (WAP-235 6.2.3, 7.3).
    pub const WML_UA: Self = Self(Repr::Number(2));

    /// Parses a URI (with or without `urn:` in front), a decimal number, or a hexadecimal number after `0x`.
    pub fn parse(text: &str) -> Result<Self, InvalidPushApplicationId> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidPushApplicationId::Empty);
        }
        if text.len() > MAX_ID_LENGTH {
            return Err(InvalidPushApplicationId::TooLong {
                length: text.len(),
                most: MAX_ID_LENGTH,
            });
        }
        if let Some(number) = parse_number(text)? {
            return Ok(Self::from_number(number));
        }
        Self::from_uri(text)
    }

    /// The id with this number in the OMNA registry, or the bare number where the registry has none.
    pub fn from_number(number: u32) -> Self {
        // A number that the registry lists twice for one URI is folded onto the one that is sent.
        Self(Repr::Number(omna::canonical_number(number)))
    }

    /// The number in the OMNA registry, where there is one.
    pub fn number(&self) -> Option<u32> {
        match self.0 {
            Repr::Number(number) => Some(number),
            Repr::Uri(_) => None,
        }
    }

    /// Whether this is `x-wap-application:*`, which stands for any application.
    pub const fn is_any(&self) -> bool {
        matches!(self.0, Repr::Number(omna::ANY))
    }

    /// Whether the OMNA registry knows this id.
    pub fn is_registered_with_omna(&self) -> bool {
        self.number()
            .is_some_and(|number| omna::application_uri(number).is_some())
    }

    /// The canonical text: the registered URI, the private URI in lower case, or `0x` and the number.
    pub fn as_text(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Uri(uri) => Cow::Borrowed(uri),
            Repr::Number(number) => match omna::application_uri(*number) {
                Some(uri) => Cow::Borrowed(uri),
                None => Cow::Owned(format!("{number:#x}")),
            },
        }
    }

    fn from_uri(text: &str) -> Result<Self, InvalidPushApplicationId> {
        let lower = if text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        let uri = lower
            .strip_prefix("urn:")
            .filter(|rest| rest.starts_with("x-"))
            .unwrap_or(&lower);
        if let Some(number) = omna::application_number(uri) {
            return Ok(Self::from_number(number));
        }
        UriStr::new(uri).map_err(|_| InvalidPushApplicationId::NotAUri {
            text: text.to_owned(),
        })?;
        Ok(Self(Repr::Uri(uri.into())))
    }
}

fn parse_number(text: &str) -> Result<Option<u32>, InvalidPushApplicationId> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.bytes().all(|octet| octet.is_ascii_digit()) => (text, 10),
        None => return Ok(None),
    };
    u32::from_str_radix(digits, radix)
        .map(Some)
        .map_err(|_| InvalidPushApplicationId::NotANumber {
            text: text.to_owned(),
        })
}

impl fmt::Display for PushApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_text())
    }
}

/// Why a text is no Push Application ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPushApplicationId {
    /// Nothing was given.
    #[error(
        "the Push Application ID is empty; give a URI such as x-wap-application:mms.ua, or an OMNA number such as 4"
    )]
    Empty,
    /// Longer than the bound.
    #[error("the Push Application ID has {length} octets; at most {most} are taken")]
    TooLong {
        /// Octets given.
        length: usize,
        /// Octets taken at most.
        most: usize,
    },
    /// Digits that are no number of 32 bits.
    #[error(
        "`{text}` is no OMNA number; decimal (4) or hexadecimal (0x04) up to 0xffffffff is taken"
    )]
    NotANumber {
        /// What was given.
        text: String,
    },
    /// Neither a number nor a URI.
    #[error(
        "`{text}` is neither a URI with a scheme (x-wap-application:mms.ua) nor an OMNA number (4, 0x04)"
    )]
    NotAUri {
        /// What was given.
        text: String,
    },
}

/// The application's own name (Push-CAI 5.1 `applicationID`), recommended to be a URI. Compared octet for octet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId(Box<str>);

impl ApplicationId {
    /// Takes 1 to 255 octets of text without control characters or white space at its ends.
    pub fn parse(text: &str) -> Result<Self, InvalidApplicationId> {
        if text.is_empty()
            || text.len() > MAX_ID_LENGTH
            || text.trim() != text
            || text.chars().any(char::is_control)
        {
            return Err(InvalidApplicationId {
                length: text.len(),
                most: MAX_ID_LENGTH,
            });
        }
        Ok(Self(text.into()))
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no application's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an applicationID has 1 to {most} octets, no control characters and no white space at its ends ({length} octets \
     given); a URI such as https://example.net/my-app is recommended"
)]
pub struct InvalidApplicationId {
    length: usize,
    most: usize,
}

/// Whom an application belongs to, as the transport proved it: never a value that the application sent.
///
/// The text is the binding's own: `uid:1000`, `uid:0/unit:meter.service`, `token:lab`. Cheap to clone, because one owner may
/// have many registrations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Arc<str>);

impl Owner {
    /// The owner that a binding has proved.
    pub fn proved(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The owner that a user is, outside sandboxes.
    pub fn of_user(uid: u32) -> Self {
        Self::proved(format!("uid:{uid}"))
    }

    /// The text of the owner.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its user, and what it is beside its user: `unit:meter.service`, `flatpak:org.example.App`. `None` for one that is told by a
    /// token, and for what the terminal makes itself.
    pub fn user(&self) -> Option<(u32, Option<&str>)> {
        let rest = self.0.strip_prefix("uid:")?;
        let (uid, beside) = match rest.split_once('/') {
            Some((uid, beside)) => (uid, Some(beside)),
            None => (rest, None),
        };
        Some((uid.parse().ok()?, beside))
    }

    /// Whether its applications live in a sandbox: what its user may do they may not.
    pub fn is_sandboxed(&self) -> bool {
        let unit = self.0.split_once('/').map_or("", |(_, unit)| unit);
        unit.starts_with("flatpak:") || unit.starts_with("snap:")
    }

    /// The user among whose owners it is counted: itself, where it is a user, and its user, where it lives in a sandbox, of which a
    /// user makes as many as it likes. `None` for a service of the system, a token and what the terminal makes itself: it takes
    /// an administrator to have more of these.
    pub fn accountable_user(&self) -> Option<u32> {
        let (user, beside) = self.user()?;
        (beside.is_none() || self.is_sandboxed()).then_some(user)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> PushApplicationId {
        PushApplicationId::parse(text).unwrap()
    }

    #[test]
    fn the_user_of_an_owner_is_read_from_what_the_transport_proved() {
        let uid = |owner: &str| Owner::proved(owner.to_owned()).user().map(|(uid, _)| uid);
        assert_eq!(uid("uid:1000"), Some(1000));
        assert_eq!(uid("uid:0/unit:meter.service"), Some(0));
        assert_eq!(uid("uid:7/flatpak:org.example.App"), Some(7));
        assert_eq!(uid("token:uid:7"), None);
        assert_eq!(uid("uid:x"), None);
        assert_eq!(Owner::of_user(7), Owner::proved("uid:7"));
    }

    #[test]
    fn users_are_accountable_for_their_sandboxes() {
        let user = |owner: &str| Owner::proved(owner).accountable_user();
        for (owner, accountable) in [
            ("uid:1000", Some(1000)),
            ("uid:0", Some(0)),
            ("uid:1000/flatpak:org.example.App", Some(1000)),
            ("uid:1000/snap:meter", Some(1000)),
            ("uid:1000/unit:meter.service", None),
            ("token:uid:1000", None),
            ("import:sailfish/uid:7", None),
            ("uid:", None),
            ("uid:x/snap:y", None),
        ] {
            assert_eq!(user(owner), accountable, "{owner}");
        }
    }

    #[test]
    fn every_spelling_has_one_canonical_form() {
        for (spellings, canonical, number) in [
            (
                &[
                    "x-wap-application:mms.ua",
                    "urn:x-wap-application:mms.ua",
                    "X-WAP-Application:MMS.UA",
                    "URN:X-Wap-Application:mms.ua",
                    "4",
                    "004",
                    "0x4",
                    "0X04",
                    " 4 ",
                ][..],
                "x-wap-application:mms.ua",
                Some(4),
            ),
            (
                &["x-wap-application:wml.ua", "2"][..],
                "x-wap-application:wml.ua",
                Some(2),
            ),
            (&["0x1267ab", "1206187"][..], "0x1267ab", Some(0x0012_67ab)),
            (
                &["X-Example:Private", "urn:x-example:private"][..],
                "x-example:private",
                None,
            ),
            (&["urn:example:a"][..], "urn:example:a", None),
            (
                &["https://Example.net/App"][..],
                "https://example.net/app",
                None,
            ),
        ] {
            for spelling in spellings {
                let parsed = id(spelling);
                assert_eq!(parsed, id(spellings[0]), "{spelling}");
                assert_eq!(parsed.to_string(), canonical, "{spelling}");
                assert_eq!(parsed.number(), number, "{spelling}");
            }
        }
        assert_eq!(id("x-wap-application:wml.ua"), PushApplicationId::WML_UA);
        assert_eq!(id("1"), PushApplicationId::PUSH_SIA);
        let sia = id("x-wap-application:push.sia");
        assert_eq!(sia, PushApplicationId::PUSH_SIA);
    }

    #[test]
    fn only_ids_of_the_registry_are_registered_with_omna() {
        assert!(id("4").is_registered_with_omna());
        assert!(id("x-wap-application:mms.ua").is_registered_with_omna());
        assert!(!id("0x1267ab").is_registered_with_omna());
        assert!(!id("x-example:private").is_registered_with_omna());
    }

    #[test]
    fn what_is_no_id_is_refused_with_what_would_work() {
        for text in [
            "",
            "  ",
            "mms.ua",
            "not an id",
            "4294967296",
            "0x",
            "0xg",
            "0x100000000",
            "-4",
            "x-a: b",
            "http://[::1",
        ] {
            let error = PushApplicationId::parse(text).unwrap_err();
            let hint = error.to_string();
            assert!(
                hint.contains("mms.ua") || hint.contains("0x04"),
                "{text}: {hint}"
            );
        }
        let long = format!("x-example:{}", "a".repeat(246));
        assert!(
            PushApplicationId::parse(&long)
                .unwrap_err()
                .to_string()
                .contains("256")
        );
        assert!(PushApplicationId::parse(&long[..255]).is_ok());
    }

    #[test]
    fn names_of_applications_are_compared_octet_for_octet() {
        assert_ne!(
            ApplicationId::parse("urn:a").unwrap(),
            ApplicationId::parse("urn:A").unwrap()
        );
        for text in ["", " a", "a ", "a\nb", "\u{7f}", &"a".repeat(256)] {
            let error = ApplicationId::parse(text).unwrap_err();
            assert!(error.to_string().contains("1 to 255"), "{text:?}");
        }
        assert_eq!(ApplicationId::parse("an app").unwrap().as_str(), "an app");
    }

    #[test]
    fn owners_share_their_text() {
        let owner = Owner::proved("uid:1000");
        assert_eq!(owner.clone().as_str().as_ptr(), owner.as_str().as_ptr());
        assert_eq!(owner.to_string(), "uid:1000");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            drop(PushApplicationId::parse(&text));
            drop(ApplicationId::parse(&text));
        }

        #[test]
        fn the_canonical_text_is_the_same_id(number in any::<u32>(), path in "[A-Za-z0-9.]{1,20}") {
            for parsed in [PushApplicationId::from_number(number), id(&format!("x-Example:{path}"))] {
                prop_assert_eq!(id(&parsed.to_string()), parsed);
            }
        }
    }

    #[test]
    fn sandboxes_are_told_from_users_and_services() {
        for (owner, sandboxed) in [
            ("uid:1000", false),
            ("uid:0/unit:meter.service", false),
            ("uid:1000/flatpak:org.example.App", true),
            ("uid:1000/snap:meter", true),
            ("token:flatpak:", false),
        ] {
            assert_eq!(Owner::proved(owner).is_sandboxed(), sandboxed, "{owner}");
        }
    }
}
