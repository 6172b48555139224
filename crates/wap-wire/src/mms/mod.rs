//! Notifications of the Multimedia Messaging Service (M-Notification.ind of OMA MMS encapsulation): what the push of a new message says.

use crate::wsp::reader::{Reader, multi_octet_integer};
use crate::wsp::{Charset, RawValue, Version};
use crate::{Date, DecodeError, DecodeErrorCode, Text};

// The numbers of the headers that a notification has, without their high bit.
const CONTENT_LOCATION: u8 = 0x03;
const CONTENT_TYPE: u8 = 0x04;
const EXPIRY: u8 = 0x08;
const FROM: u8 = 0x09;
const MESSAGE_CLASS: u8 = 0x0A;
const MESSAGE_TYPE: u8 = 0x0C;
const MMS_VERSION: u8 = 0x0D;
const MESSAGE_SIZE: u8 = 0x0E;
const SUBJECT: u8 = 0x16;
const TRANSACTION_ID: u8 = 0x18;

/// The number of M-Notification.ind among the message types, with its high bit.
const NOTIFICATION: u8 = 0x82;
/// The first of the two words of a From and of an Expiry.
const PRESENT_OR_ABSOLUTE: u8 = 0x80;
const INSERTED_OR_RELATIVE: u8 = 0x81;

/// What a notification says of a message that waits. Of a header that comes again the first counts; others are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notification<'a> {
    /// X-Mms-Transaction-ID.
    pub transaction_id: Option<Text<'a>>,
    /// X-Mms-MMS-Version.
    pub version: Option<Version<'a>>,
    /// Who sent the message; absent where the sender hides.
    pub from: Option<EncodedText<'a>>,
    /// The subject.
    pub subject: Option<EncodedText<'a>>,
    /// X-Mms-Message-Class.
    pub class: Option<MessageClass<'a>>,
    /// X-Mms-Message-Size in octets.
    pub size: Option<u64>,
    /// X-Mms-Expiry: until when the message can be fetched.
    pub expiry: Option<Expiry>,
    /// X-Mms-Content-Location: from where the message can be fetched.
    pub content_location: Option<Text<'a>>,
}

/// A text with the character set that it says it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedText<'a> {
    /// The character set; absent where none is told.
    pub charset: Option<Charset<'a>>,
    /// The text.
    pub text: Text<'a>,
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageClass<'a> {
    /// `personal`, `advertisement`, `informational` or `auto`.
    Known(&'static str),
    /// Another number, without its high bit.
    Number(u8),
    /// Another word.
    Text(Text<'a>),
}

/// Until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Until then.
    At(Date),
    /// For so many seconds.
    After(u64),
}

impl<'a> Notification<'a> {
    /// Decodes a notification, which begins with its message type.
    ///
    /// # Errors
    /// [`DecodeErrorCode::UnexpectedPdu`] for other messages of MMS and for what is none; those of WSP's values otherwise.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, 0);
        let is_notification = reader.octet()? == MESSAGE_TYPE | 0x80
            && reader.octet().is_ok_and(|kind| kind == NOTIFICATION);
        if !is_notification {
            return Err(DecodeError::new(DecodeErrorCode::UnexpectedPdu, 0));
        }
        let mut notification = Self::default();
        while let Some(first) = reader.peek() {
            if first < 0x80 {
                // A header by name, which has a text as its value.
                reader.text()?;
                reader.text()?;
                continue;
            }
            reader.skip_octet();
            let field = first & 0x7F;
            if field == CONTENT_TYPE {
                // The body of a message follows; notifications have none.
                break;
            }
            notification.take(field, &mut reader)?;
        }
        Ok(notification)
    }

    fn take(&mut self, field: u8, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        match field {
            TRANSACTION_ID => first(&mut self.transaction_id, reader.text()?),
            CONTENT_LOCATION => first(&mut self.content_location, reader.text()?),
            MMS_VERSION => first(&mut self.version, reader.version()?),
            MESSAGE_SIZE => first(&mut self.size, reader.integer()?),
            SUBJECT => first(&mut self.subject, encoded_text(reader)?),
            MESSAGE_CLASS => first(&mut self.class, class(reader)?),
            EXPIRY => first(&mut self.expiry, expiry(reader)?),
            FROM => {
                if let Some(from) = from(reader)? {
                    first(&mut self.from, from);
                }
            }
            _ => drop(reader.raw_value()?),
        }
        Ok(())
    }
}

fn first<T>(field: &mut Option<T>, value: T) {
    field.get_or_insert(value);
}

/// An Encoded-string-value: a text, or a length, a character set and a text.
fn encoded_text<'a>(reader: &mut Reader<'a>) -> Result<EncodedText<'a>, DecodeError> {
    // A zero octet is a length of nothing and an empty text alike.
    match reader.peek() {
        Some(1..32) => {
            let mut data = reader.value_length()?;
            Ok(EncodedText {
                charset: Some(Charset::read(&mut data)?),
                text: data.text()?,
            })
        }
        _ => Ok(EncodedText {
            charset: None,
            text: reader.text()?,
        }),
    }
}

fn from<'a>(reader: &mut Reader<'a>) -> Result<Option<EncodedText<'a>>, DecodeError> {
    let mut data = reader.value_length()?;
    let start = data;
    match data.octet()? {
        PRESENT_OR_ABSOLUTE => encoded_text(&mut data).map(Some),
        INSERTED_OR_RELATIVE => Ok(None),
        _ => Err(start.error(DecodeErrorCode::UnassignedToken)),
    }
}

fn class<'a>(reader: &mut Reader<'a>) -> Result<MessageClass<'a>, DecodeError> {
    let start = *reader;
    Ok(match reader.raw_value()? {
        RawValue::ShortInteger(number) => match number {
            0 => MessageClass::Known("personal"),
            1 => MessageClass::Known("advertisement"),
            2 => MessageClass::Known("informational"),
            3 => MessageClass::Known("auto"),
            number => MessageClass::Number(number),
        },
        RawValue::Text(text) => MessageClass::Text(text),
        RawValue::Data(_) => return Err(start.error(DecodeErrorCode::WrongForm)),
    })
}

fn expiry(reader: &mut Reader<'_>) -> Result<Expiry, DecodeError> {
    let mut data = reader.value_length()?;
    let start = data;
    match data.octet()? {
        PRESENT_OR_ABSOLUTE => Ok(Expiry::At(Date(number(&mut data)?))),
        INSERTED_OR_RELATIVE => Ok(Expiry::After(number(&mut data)?)),
        _ => Err(start.error(DecodeErrorCode::UnassignedToken)),
    }
}

/// An Integer-value; a length of nothing is no number.
fn number(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let start = *reader;
    match reader.raw_value()? {
        RawValue::ShortInteger(number) => Ok(u64::from(number)),
        RawValue::Data(octets) => multi_octet_integer(octets).map_err(|code| start.error(code)),
        RawValue::Text(_) => Err(start.error(DecodeErrorCode::WrongForm)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const NOTIFICATION: &[u8] = b"\x8C\x82\x98t-1\0\x8D\x92\x89\x11\x80+4912/TYPE=PLMN\0\x96\x09\xEAGr\xC3\xBC\xC3\x9Fe\0\
        \x8A\x80\x8E\x02\x75\x30\x88\x05\x81\x03\x01\x51\x80X-Own\0yes\0\x86\x81\x83http://a.example/1\0";

    #[test]
    fn a_notification_says_what_waits_and_where() {
        let notification = Notification::decode(NOTIFICATION).unwrap();
        assert_eq!(notification.transaction_id, Some("t-1".into()));
        let version = Version::Number {
            major: 1,
            minor: Some(2),
        };
        assert_eq!(notification.version, Some(version));
        assert_eq!(notification.from.unwrap().text, "+4912/TYPE=PLMN");
        let subject = notification.subject.unwrap();
        assert_eq!(subject.charset, Some(Charset::Number(106)));
        assert_eq!(subject.text.to_string(), "Grüße");
        assert_eq!(notification.class, Some(MessageClass::Known("personal")));
        assert_eq!(notification.size, Some(30_000));
        assert_eq!(notification.expiry, Some(Expiry::After(86_400)));
        let location = notification.content_location;
        assert_eq!(location, Some("http://a.example/1".into()));
    }

    #[test]
    fn senders_may_hide_and_texts_be_empty() {
        let decode = |octets: &'static [u8]| Notification::decode(octets).unwrap();
        assert_eq!(decode(b"\x8C\x82\x89\x01\x81").from, None);
        let empty = decode(b"\x8C\x82\x96\0\x83a\0\x83b\0");
        assert!(empty.subject.unwrap().text.is_empty());
        assert_eq!(empty.content_location, Some("a".into()));
        let at = decode(b"\x8C\x82\x88\x06\x80\x04\x5F\x00\x00\x00").expiry;
        assert_eq!(at, Some(Expiry::At(Date(0x5F00_0000))));
        assert_eq!(
            decode(b"\x8C\x82\x8A\x85").class,
            Some(MessageClass::Number(5))
        );
    }

    #[test]
    fn what_is_no_notification_is_refused_with_its_place() {
        let refused = |octets: &'static [u8]| {
            let error = Notification::decode(octets).unwrap_err();
            (error.code, error.offset)
        };
        assert_eq!(refused(b""), (DecodeErrorCode::Truncated, 0));
        assert_eq!(refused(b"\x8C\x84"), (DecodeErrorCode::UnexpectedPdu, 0));
        assert_eq!(refused(b"text"), (DecodeErrorCode::UnexpectedPdu, 0));
        assert_eq!(
            refused(b"\x8C\x82\x88\x01\x82"),
            (DecodeErrorCode::UnassignedToken, 4)
        );
        assert_eq!(
            refused(b"\x8C\x82\x89\x05\x80a"),
            (DecodeErrorCode::ValueLengthOverrun, 3)
        );
        assert_eq!(
            refused(b"\x8C\x82\x83a"),
            (DecodeErrorCode::UnterminatedText, 3)
        );
    }
}
