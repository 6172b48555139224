//! Notifications of MMS.

use serde::Serialize;
use wap_wire::mms::{self, EncodedText, MessageClass, Notification};
use wap_wire::wsp::Version;

use crate::cut;

/// M-Notification.ind: a message waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MmsNotification {
    /// X-Mms-Transaction-ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// X-Mms-MMS-Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mms_version: Option<String>,
    /// From, as the message centre gives it: an address of people, or a number with its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// X-Mms-Message-Class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_class: Option<String>,
    /// X-Mms-Message-Size in octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_size: Option<u64>,
    /// X-Mms-Expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Expiry>,
    /// X-Mms-Content-Location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_location: Option<String>,
}

/// Until when the message can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// Until then: an HTTP date.
    At(String),
    /// For so many seconds.
    Seconds(u64),
}

pub(crate) fn decoded(content: &[u8]) -> Option<MmsNotification> {
    let notification = Notification::decode(content).ok()?;
    Some(MmsNotification {
        transaction_id: notification
            .transaction_id
            .map(|text| cut(&text.to_string())),
        mms_version: notification.version.map(version),
        from: notification.from.and_then(text),
        subject: notification.subject.and_then(text),
        message_class: notification.class.map(class),
        message_size: notification.size,
        expiry: notification.expiry.map(|expiry| match expiry {
            mms::Expiry::At(date) => Expiry::At(date.to_string()),
            mms::Expiry::After(seconds) => Expiry::Seconds(seconds),
        }),
        content_location: notification
            .content_location
            .map(|text| cut(&text.to_string())),
    })
}

fn version(version: Version<'_>) -> String {
    cut(&version.to_string())
}

/// The text, where its character set is one that is known here.
fn text(encoded: EncodedText<'_>) -> Option<String> {
    let charset = encoded.charset.map(|charset| charset.to_string());
    crate::text(charset.as_deref(), encoded.text.as_bytes()).map(|text| cut(&text))
}

fn class(class: MessageClass<'_>) -> String {
    match class {
        MessageClass::Known(name) => name.to_owned(),
        MessageClass::Number(number) => number.to_string(),
        MessageClass::Text(text) => cut(&text.to_string()),
    }
}

impl MmsNotification {
    pub(crate) fn lines(&self) -> Vec<String> {
        let expiry = self.expiry.as_ref().map(|expiry| match expiry {
            Expiry::At(date) => date.clone(),
            Expiry::Seconds(seconds) => format!("in {seconds} s"),
        });
        let size = self.message_size.map(|size| format!("{size} octets"));
        let fields = [
            ("from", &self.from),
            ("subject", &self.subject),
            ("message-class", &self.message_class),
            ("message-size", &size),
            ("expiry", &expiry),
            ("content-location", &self.content_location),
            ("transaction-id", &self.transaction_id),
            ("mms-version", &self.mms_version),
        ];
        crate::decoded::fields(&fields)
    }
}
