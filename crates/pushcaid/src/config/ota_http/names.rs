//! Values that are names.

use std::fmt;

use push_client::http::{AnnounceOn, Authentication, Connect};
use push_client::sia::{SirContacts, SirPreference, UnknownContext};
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A bearer as WDP numbers it (WAP-259 appendix C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BearerNumber(pub u8);

/// A version of push over HTTP: major, minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u32, pub u32);

/// The name of an [`Authentication`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthenticationName {
    /// Not at all.
    None,
    /// Basic.
    Basic,
    /// Digest.
    Digest,
    /// Either.
    Any,
}

/// The name of a [`Connect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectName {
    /// While an application is registered.
    Always,
    /// On a change, and on a session initiation request.
    WhenNeeded,
    /// Not at all.
    Never,
}

/// The name of an [`AnnounceOn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnnounceOnName {
    /// On one that is opened for it.
    NewConnection,
    /// On one that is open.
    OpenConnection,
}

/// The name of a [`SirContacts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SirContactsName {
    /// Gateways that are listed.
    Known,
    /// Everyone.
    Any,
}

/// The name of a [`SirPreference`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SirPreferenceName {
    /// Contact points for OTA-HTTP.
    OtaHttp,
    /// Contact points for OTA-WSP.
    OtaWsp,
}

/// The name of an [`UnknownContext`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownContextName {
    /// The request counts as if it named none.
    Follow,
    /// The request is ignored.
    Ignore,
}

/// Bearers that carry IP, by number; the first name of a number is the one that is shown.
const BEARERS: [(&str, u8); 17] = [
    ("any", 0x00),
    ("IPv4", 0x00),
    ("IPv6", 0x01),
    ("IS-95-CDMA-CSD", 0x06),
    ("IS-95-CDMA-packet", 0x07),
    ("ANSI-136-CSD", 0x08),
    ("ANSI-136-packet", 0x09),
    ("GSM-CSD", 0x0a),
    ("GSM-GPRS", 0x0b),
    ("GSM-USSD", 0x0c),
    ("AMPS-CDPD", 0x0d),
    ("PDC-CSD", 0x0e),
    ("PDC-packet", 0x0f),
    ("iDEN-CSD", 0x11),
    ("iDEN-packet", 0x12),
    ("PHS-CSD", 0x15),
    ("TETRA-packet", 0x19),
];

impl Serialize for BearerNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match BEARERS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => serializer.serialize_str(name),
            None => serializer.serialize_u8(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for BearerNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BearerVisitor)
    }
}

struct BearerVisitor;

impl Visitor<'_> for BearerVisitor {
    type Value = BearerNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bearer: a number from 0 to 255, or one of ")?;
        let names: Vec<&str> = BEARERS.iter().map(|(name, _)| *name).collect();
        f.write_str(&names.join(", "))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<BearerNumber, E> {
        let given = Unexpected::Signed(number);
        u8::try_from(number)
            .map(BearerNumber)
            .map_err(|_| E::invalid_value(given, &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<BearerNumber, E> {
        BEARERS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, number)| BearerNumber(*number))
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{}", self.0, self.1))
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = |digits: &str| {
            let all_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
            all_digits.then(|| digits.parse().ok()).flatten()
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self(number(major)?, number(minor)?)))
            .ok_or_else(|| {
                D::Error::invalid_value(
                    Unexpected::Str(&text),
                    &"a version: two numbers, such as \"1.0\"",
                )
            })
    }
}

impl From<(u32, u32)> for Version {
    fn from((major, minor): (u32, u32)) -> Self {
        Self(major, minor)
    }
}

impl From<AuthenticationName> for Authentication {
    fn from(name: AuthenticationName) -> Self {
        match name {
            AuthenticationName::None => Self::None,
            AuthenticationName::Basic => Self::Basic,
            AuthenticationName::Digest => Self::Digest,
            AuthenticationName::Any => Self::Any,
        }
    }
}

impl From<ConnectName> for Connect {
    fn from(name: ConnectName) -> Self {
        match name {
            ConnectName::Always => Self::Always,
            ConnectName::WhenNeeded => Self::WhenNeeded,
            ConnectName::Never => Self::Never,
        }
    }
}

impl From<AnnounceOnName> for AnnounceOn {
    fn from(name: AnnounceOnName) -> Self {
        match name {
            AnnounceOnName::NewConnection => Self::NewConnection,
            AnnounceOnName::OpenConnection => Self::OpenConnection,
        }
    }
}

impl From<SirContactsName> for SirContacts {
    fn from(name: SirContactsName) -> Self {
        match name {
            SirContactsName::Known => Self::Known,
            SirContactsName::Any => Self::Any,
        }
    }
}

impl From<SirContacts> for SirContactsName {
    fn from(contacts: SirContacts) -> Self {
        match contacts {
            SirContacts::Known => Self::Known,
            SirContacts::Any => Self::Any,
        }
    }
}

impl From<SirPreferenceName> for SirPreference {
    fn from(name: SirPreferenceName) -> Self {
        match name {
            SirPreferenceName::OtaHttp => Self::OtaHttp,
            SirPreferenceName::OtaWsp => Self::OtaWsp,
        }
    }
}

impl From<SirPreference> for SirPreferenceName {
    fn from(preference: SirPreference) -> Self {
        match preference {
            SirPreference::OtaHttp => Self::OtaHttp,
            SirPreference::OtaWsp => Self::OtaWsp,
        }
    }
}

impl From<UnknownContextName> for UnknownContext {
    fn from(name: UnknownContextName) -> Self {
        match name {
            UnknownContextName::Follow => Self::Follow,
            UnknownContextName::Ignore => Self::Ignore,
        }
    }
}

impl From<UnknownContext> for UnknownContextName {
    fn from(context: UnknownContext) -> Self {
        match context {
            UnknownContext::Follow => Self::Follow,
            UnknownContext::Ignore => Self::Ignore,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(text: &str) -> Option<u8> {
        let table: toml::Table = format!("a = {text}").parse().unwrap();
        let bearer = table.get("a").cloned().unwrap().try_into::<BearerNumber>();
        bearer.ok().map(|bearer| bearer.0)
    }

    #[test]
    fn bearers_have_numbers_and_names() {
        for (text, number) in [
            ("0", 0),
            ("255", 255),
            ("\"any\"", 0),
            ("\"ipv4\"", 0),
            ("\"IPv6\"", 1),
            ("\"GSM-CSD\"", 10),
            ("\"gsm-gprs\"", 11),
            ("0x0b", 11),
        ] {
            assert_eq!(bearer(text), Some(number), "{text}");
        }
        for text in ["256", "-1", "\"GSM\"", "\"11\"", "true", "\"\""] {
            assert_eq!(bearer(text), None, "{text}");
        }
    }

    #[test]
    fn a_bearer_is_shown_as_it_is_read() {
        for number in 0..=u8::MAX {
            let table = toml::Table::from_iter([(
                "a".to_owned(),
                toml::Value::try_from(BearerNumber(number)).unwrap(),
            )]);
            let read = table.get("a").cloned().unwrap().try_into::<BearerNumber>();
            assert_eq!(read, Ok(BearerNumber(number)));
        }
    }

    #[test]
    fn versions_are_two_numbers() {
        let version = |text: &str| toml::Value::from(text).try_into::<Version>().ok();
        assert_eq!(version("1.0"), Some(Version(1, 0)));
        assert_eq!(version("10.12"), Some(Version(10, 12)));
        for text in ["", "1", "1.", ".0", "1.0.0", "+1.0", "1.*", "1.4294967296"] {
            assert_eq!(version(text), None, "{text}");
        }
    }
}
