//! Transport information items, the variable part of a PDU's header (WTP 8.4).

use crate::wsp::reader::Reader;
use crate::{DecodeError, DecodeErrorCode, EncodeError};
use alloc::vec::Vec;

const CONTINUE: u8 = 0x80;
const LONG: u8 = 0x04;

const ERROR: u8 = 0;
const INFO: u8 = 1;
const OPTION: u8 = 2;
const PACKET_SEQUENCE_NUMBER: u8 = 3;
const SDU_BOUNDARY: u8 = 4;
const FRAME_BOUNDARY: u8 = 5;

/// The items of a PDU, whose structure is known to be whole. Iterates over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Items<'a> {
    octets: &'a [u8],
}

/// One item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// What it is: 0 to 15.
    pub identity: u8,
    /// Its octets, at most 255.
    pub data: &'a [u8],
}

/// What an item says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemValue<'a> {
    /// The peer could not use an item (WTP 8.4.2).
    Error(ErrorItem),
    /// Information for the user, in the last acknowledgement (WTP 8.4.3).
    Info(&'a [u8]),
    /// A parameter (WTP 8.4.4).
    Option(OptionItem<'a>),
    /// A packet sequence number of up to 24 bits (WTP 8.4.5).
    PacketSequenceNumber(u32),
    /// The end of a service data unit (WTP 8.4.6).
    SduBoundary,
    /// The beginning of a frame (WTP 8.4.7).
    FrameBoundary,
    /// An item that is not assigned.
    Unknown(Item<'a>),
    /// An assigned item whose content has none of the forms that it can have.
    Malformed(Item<'a>),
}

/// Why the peer could not use an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorItem {
    /// It does not know items of this identity.
    Unknown {
        /// The identity.
        identity: u8,
    },
    /// It knows the item, not its content.
    UnknownContent {
        /// The identity.
        identity: u8,
        /// The first octet of the content.
        first: u8,
    },
}

/// A parameter, valid as long as its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionItem<'a> {
    /// The most octets of a result that its sender can receive.
    MaximumReceiveUnit(u32),
    /// The octets of a segmented message.
    TotalMessageSize(u32),
    /// The pause before the next group, in tenths of a second.
    DelayTransmissionTimer(u32),
    /// The most octets of a group that its sender can receive.
    MaximumGroup(u32),
    /// The TID that is cached for the peer.
    CurrentTid(u16),
    /// No TID is cached for the peer.
    NoCachedTid,
    /// The most groups under way at a time; 1 where the value is left out.
    NumGroups(u32),
    /// A parameter that is not assigned.
    Unknown {
        /// Its identity.
        identity: u8,
        /// Its value.
        value: &'a [u8],
    },
}

impl<'a> Items<'a> {
    /// No items.
    pub const NONE: Items<'static> = Items { octets: &[] };

    //= specs/wtp.md#transport-information-items
    //# The variable part of a header MUST end with the first item whose continue flag is clear, and user data begins behind it.
    /// The items at the start of what the reader has left.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let all = reader.rest();
        loop {
            let head = reader.octet()?;
            read_data(reader, head)?;
            if head & CONTINUE == 0 {
                let length = all.len().saturating_sub(reader.rest().len());
                let octets = all.get(..length).unwrap_or_default();
                return Ok(Self { octets });
            }
        }
    }

    /// Items from octets that [`encode_items`] made.
    ///
    /// # Errors
    /// [`DecodeErrorCode::Truncated`] or [`DecodeErrorCode::ValueLengthOverrun`] where they are not whole, and
    /// [`DecodeErrorCode::WrongForm`] where octets follow the last item.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        if octets.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(octets, 0);
        let items = Self::read(&mut reader)?;
        if reader.is_empty() {
            Ok(items)
        } else {
            Err(reader.error(DecodeErrorCode::WrongForm))
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The octets of all items.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The first packet sequence number among them.
    #[must_use]
    pub fn packet_sequence_number(self) -> Option<u32> {
        self.into_iter().find_map(|item| {
            let ItemValue::PacketSequenceNumber(number) = item.value() else {
                return None;
            };
            Some(number)
        })
    }
}

impl<'a> IntoIterator for Items<'a> {
    type Item = Item<'a>;
    type IntoIter = ItemsIter<'a>;

    fn into_iter(self) -> ItemsIter<'a> {
        ItemsIter {
            reader: Reader::new(self.octets, 0),
        }
    }
}

/// Iterates over items.
#[derive(Debug, Clone)]
pub struct ItemsIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for ItemsIter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let head = self.reader.octet().ok()?;
        let data = read_data(&mut self.reader, head).ok()?;
        let identity = head >> 3 & 0x0F;
        Some(Item { identity, data })
    }
}

fn read_data<'a>(reader: &mut Reader<'a>, head: u8) -> Result<&'a [u8], DecodeError> {
    let length = if head & LONG == 0 {
        head & 0x03
    } else {
        reader.octet()?
    };
    reader.take(u32::from(length), DecodeErrorCode::ValueLengthOverrun)
}

impl<'a> Item<'a> {
    /// What it says.
    #[must_use]
    pub fn value(self) -> ItemValue<'a> {
        let value = match self.identity {
            ERROR => error_item(self.data).map(ItemValue::Error),
            INFO => Some(ItemValue::Info(self.data)),
            OPTION => option_item(self.data).map(ItemValue::Option),
            PACKET_SEQUENCE_NUMBER => packet_sequence_number(self.data),
            SDU_BOUNDARY => self.data.is_empty().then_some(ItemValue::SduBoundary),
            FRAME_BOUNDARY => self.data.is_empty().then_some(ItemValue::FrameBoundary),
            _ => Some(ItemValue::Unknown(self)),
        };
        value.unwrap_or(ItemValue::Malformed(self))
    }
}

/// The error item of tables 27 and 28: a code in the high four bits, the bad item's identity in the low ones.
const fn error_item(data: &[u8]) -> Option<ErrorItem> {
    match *data {
        [head] if head >> 4 == 1 => Some(ErrorItem::Unknown {
            identity: head & 0x0F,
        }),
        [head, first] if head >> 4 == 2 => Some(ErrorItem::UnknownContent {
            identity: head & 0x0F,
            first,
        }),
        _ => None,
    }
}

fn packet_sequence_number(data: &[u8]) -> Option<ItemValue<'_>> {
    number(data)
        .filter(|_| (1..=3).contains(&data.len()))
        .map(ItemValue::PacketSequenceNumber)
}

fn option_item(data: &[u8]) -> Option<OptionItem<'_>> {
    let (&identity, value) = data.split_first()?;
    let filled = || number(value).filter(|_| !value.is_empty());
    match identity {
        1 => filled().map(OptionItem::MaximumReceiveUnit),
        2 => filled().map(OptionItem::TotalMessageSize),
        3 => filled().map(OptionItem::DelayTransmissionTimer),
        4 => filled().map(OptionItem::MaximumGroup),
        5 => filled()
            .and_then(|tid| u16::try_from(tid).ok())
            .map(OptionItem::CurrentTid),
        6 => Some(OptionItem::NoCachedTid),
        7 if value.is_empty() => Some(OptionItem::NumGroups(1)),
        7 => filled().map(OptionItem::NumGroups),
        _ => Some(OptionItem::Unknown { identity, value }),
    }
}

/// A number of at most 32 bits; zero for no octets.
fn number(octets: &[u8]) -> Option<u32> {
    octets.iter().try_fold(0_u32, |number, &octet| {
        number
            .checked_mul(0x100)
            .map(|shifted| shifted | u32::from(octet))
    })
}

/// Appends a number in the fewest octets, at least one.
fn push_number(number: u32, data: &mut Vec<u8>) {
    let octets = number.to_be_bytes();
    let zeros = octets.iter().take(3).take_while(|&&octet| octet == 0);
    let from = zeros.count();
    data.extend_from_slice(octets.get(from..).unwrap_or_default());
}

/// The octets of these items, each in the shortest form.
///
/// # Errors
/// [`EncodeError::TooLong`] for an item of more than 255 octets.
pub fn encode_items<'a>(
    items: impl IntoIterator<Item = ItemValue<'a>>,
) -> Result<Vec<u8>, EncodeError> {
    let mut octets = Vec::new();
    let mut last_head = None;
    for item in items {
        if let Some(head) = last_head.and_then(|at: usize| octets.get_mut(at)) {
            *head |= CONTINUE;
        }
        last_head = Some(octets.len());
        encode_item(item, &mut octets)?;
    }
    Ok(octets)
}

fn encode_item(item: ItemValue<'_>, octets: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut data = Vec::new();
    let identity = match item {
        ItemValue::Error(ErrorItem::Unknown { identity }) => {
            data.push(0x10 | identity & 0x0F);
            ERROR
        }
        ItemValue::Error(ErrorItem::UnknownContent { identity, first }) => {
            data.extend([0x20 | identity & 0x0F, first]);
            ERROR
        }
        ItemValue::Info(info) => {
            data.extend_from_slice(info);
            INFO
        }
        ItemValue::Option(option) => {
            encode_option(option, &mut data);
            OPTION
        }
        ItemValue::PacketSequenceNumber(number) => {
            push_number(number & 0x00FF_FFFF, &mut data);
            PACKET_SEQUENCE_NUMBER
        }
        ItemValue::SduBoundary => SDU_BOUNDARY,
        ItemValue::FrameBoundary => FRAME_BOUNDARY,
        ItemValue::Unknown(item) | ItemValue::Malformed(item) => {
            data.extend_from_slice(item.data);
            item.identity & 0x0F
        }
    };
    let length = u8::try_from(data.len()).map_err(|_| EncodeError::TooLong(data.len()))?;
    match length {
        short @ ..=3 => octets.push(identity << 3 | short),
        long => octets.extend([identity << 3 | LONG, long]),
    }
    octets.append(&mut data);
    Ok(())
}

fn encode_option(option: OptionItem<'_>, data: &mut Vec<u8>) {
    let (identity, value) = match option {
        OptionItem::MaximumReceiveUnit(octets) => (1, octets),
        OptionItem::TotalMessageSize(octets) => (2, octets),
        OptionItem::DelayTransmissionTimer(tenths) => (3, tenths),
        OptionItem::MaximumGroup(octets) => (4, octets),
        OptionItem::CurrentTid(tid) => {
            data.push(5);
            return data.extend(tid.to_be_bytes());
        }
        OptionItem::NoCachedTid => return data.push(6),
        OptionItem::NumGroups(groups) => (7, groups),
        OptionItem::Unknown { identity, value } => {
            data.push(identity);
            return data.extend_from_slice(value);
        }
    };
    data.push(identity);
    push_number(value, data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn values(octets: &[u8]) -> Vec<ItemValue<'_>> {
        Items::decode(octets)
            .unwrap()
            .into_iter()
            .map(Item::value)
            .collect()
    }

    #[test]
    fn every_item_has_its_octets() {
        let long = [7; 9];
        let cases: &[(&[u8], ItemValue<'_>)] = &[
            (
                &[0x01, 0x19],
                ItemValue::Error(ErrorItem::Unknown { identity: 9 }),
            ),
            (
                &[0x02, 0x22, 8],
                ItemValue::Error(ErrorItem::UnknownContent {
                    identity: 2,
                    first: 8,
                }),
            ),
            (&[0x0B, 1, 2, 3], ItemValue::Info(&[1, 2, 3])),
            (&[0x0C, 4, 1, 2, 3, 4], ItemValue::Info(&[1, 2, 3, 4])),
            (
                &[0x13, 1, 5, 0x78],
                ItemValue::Option(OptionItem::MaximumReceiveUnit(1400)),
            ),
            (
                &[0x14, 4, 2, 1, 0, 0],
                ItemValue::Option(OptionItem::TotalMessageSize(0x1_0000)),
            ),
            (
                &[0x12, 3, 15],
                ItemValue::Option(OptionItem::DelayTransmissionTimer(15)),
            ),
            (
                &[0x13, 4, 5, 0x7D],
                ItemValue::Option(OptionItem::MaximumGroup(1405)),
            ),
            (
                &[0x13, 5, 0, 9],
                ItemValue::Option(OptionItem::CurrentTid(9)),
            ),
            (&[0x11, 6], ItemValue::Option(OptionItem::NoCachedTid)),
            (&[0x12, 7, 2], ItemValue::Option(OptionItem::NumGroups(2))),
            (
                &[0x12, 8, 2],
                ItemValue::Option(OptionItem::Unknown {
                    identity: 8,
                    value: &[2],
                }),
            ),
            (&[0x19, 7], ItemValue::PacketSequenceNumber(7)),
            (&[0x1B, 1, 2, 3], ItemValue::PacketSequenceNumber(0x01_0203)),
            (&[0x20], ItemValue::SduBoundary),
            (&[0x28], ItemValue::FrameBoundary),
            (
                &[0x7C, 9, 7, 7, 7, 7, 7, 7, 7, 7, 7],
                ItemValue::Unknown(Item {
                    identity: 15,
                    data: &long,
                }),
            ),
        ];
        for (octets, value) in cases {
            assert_eq!(encode_items([*value]).as_deref(), Ok(*octets));
            assert_eq!(values(octets), [*value]);
        }
        let all: Vec<_> = cases.iter().map(|(_, value)| *value).collect();
        let octets = encode_items(all.iter().copied()).unwrap();
        assert_eq!(values(&octets), all);
    }

    #[test]
    fn long_forms_are_taken_where_short_ones_would_do() {
        assert_eq!(values(&[0x1C, 1, 7]), [ItemValue::PacketSequenceNumber(7)]);
        assert_eq!(
            values(&[0x11, 7]),
            [ItemValue::Option(OptionItem::NumGroups(1))]
        );
    }

    #[test]
    fn known_items_with_content_of_no_known_form_are_malformed() {
        for octets in [
            vec![0x00],
            vec![0x01, 0x30],
            vec![0x10],
            vec![0x11, 4],
            vec![0x14, 4, 5, 1, 0, 0],
            vec![0x14, 6, 1, 1, 0, 0, 0, 0],
            vec![0x18],
            vec![0x1C, 4, 0, 0, 0, 1],
            vec![0x21, 0],
            vec![0x29, 0],
        ] {
            assert!(
                matches!(values(&octets)[..], [ItemValue::Malformed(_)]),
                "{octets:02X?} is {:?}",
                values(&octets)
            );
        }
    }

    #[test]
    fn broken_structure_is_an_error_with_its_place() {
        let error = |octets: &[u8]| Items::decode(octets).unwrap_err();
        let at = DecodeError::new;
        assert_eq!(error(&[0x99, 7]), at(DecodeErrorCode::Truncated, 2));
        assert_eq!(
            error(&[0x1A, 7]),
            at(DecodeErrorCode::ValueLengthOverrun, 1)
        );
        assert_eq!(error(&[0x1C]), at(DecodeErrorCode::Truncated, 1));
        assert_eq!(error(&[0x20, 7]), at(DecodeErrorCode::WrongForm, 1));
    }
}
