//! A short message as SMPP carries it.

/// An address of SMPP (5.2.5 to 5.2.9).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Number {
    /// Type of number: 1 international, 5 alphanumeric, 0 unknown.
    pub type_of_number: u8,
    /// Numbering plan: 1 E.164, 0 unknown.
    pub numbering_plan: u8,
    /// The digits or the name, at most 20 octets.
    pub text: String,
}

impl Number {
    /// An international number, without its `+`.
    pub fn international(digits: impl Into<String>) -> Self {
        Self {
            type_of_number: 1,
            numbering_plan: 1,
            text: digits.into(),
        }
    }

    /// A sender that has a name instead of a number.
    pub fn alphanumeric(name: impl Into<String>) -> Self {
        Self {
            type_of_number: 5,
            numbering_plan: 0,
            text: name.into(),
        }
    }
}

/// Where a PDU carries the user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carried {
    /// In the field `short_message`, which holds 254 octets at most.
    #[default]
    ShortMessage,
    /// In the parameter `message_payload`.
    MessagePayload,
}

/// A short message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortMessage {
    /// Who sends it.
    pub source: Number,
    /// Whom it is for.
    pub destination: Number,
    /// `esm_class`: 0x40 says that the user data begin with a header.
    pub esm_class: u8,
    /// `protocol_id`.
    pub protocol_id: u8,
    /// `data_coding`: 4 for octets.
    pub data_coding: u8,
    /// The user data.
    pub octets: Vec<u8>,
    /// Where the user data are carried when it is delivered.
    pub carried: Carried,
    /// Further optional parameters: tag and value.
    pub parameters: Vec<(u16, Vec<u8>)>,
}

impl ShortMessage {
    /// The bit of `esm_class` that says that the user data begin with a header.
    pub const HAS_HEADER: u8 = 0x40;

    /// Octets from one international number to another, each without its `+`.
    pub fn binary(source: &str, destination: &str, octets: impl Into<Vec<u8>>) -> Self {
        Self {
            source: Number::international(source),
            destination: Number::international(destination),
            esm_class: 0,
            protocol_id: 0,
            data_coding: 4,
            octets: octets.into(),
            carried: Carried::default(),
            parameters: Vec::new(),
        }
    }

    /// The user data begin with a header.
    #[must_use]
    pub const fn with_header(mut self) -> Self {
        self.esm_class |= Self::HAS_HEADER;
        self
    }

    /// The user data are carried in `message_payload`.
    #[must_use]
    pub const fn as_payload(mut self) -> Self {
        self.carried = Carried::MessagePayload;
        self
    }

    /// An optional parameter more.
    #[must_use]
    pub fn parameter(mut self, tag: u16, value: impl Into<Vec<u8>>) -> Self {
        self.parameters.push((tag, value.into()));
        self
    }
}
