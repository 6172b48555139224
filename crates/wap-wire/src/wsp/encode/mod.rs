//! Encoding: values, headers as text or as values, and protocol data units.

mod compound;
mod encoder;
mod parameter;
mod pdu;
mod text;
mod value;

pub use encoder::Encoder;
pub use pdu::{PartContent, encode_unit_push};

/// How headers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EncodeOptions {
    /// Whether numbers are used where WSP assigns them.
    pub header_form: HeaderForm,
    /// How application ids are written.
    pub application_id_form: ApplicationIdForm,
    /// The highest encoding version whose numbers the receiver knows, major and minor; absent where it knows all.
    ///
    /// Headers and parameters of later versions are written as text. Registered content types belong to no version and
    /// are written as numbers unless a version is set.
    pub encoding_version: Option<(u8, u8)>,
}

/// Whether headers are written with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HeaderForm {
    /// With numbers and compact values where WSP defines them; as text where it does not.
    #[default]
    Compact,
    /// All names and values as text, as they are given.
    Text,
}

/// How application ids are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ApplicationIdForm {
    /// As the assigned number, where there is one.
    #[default]
    Number,
    /// As a URI, where there is one.
    Uri,
}

impl EncodeOptions {
    /// Whether the receiver knows numbers of this encoding version; `None` for registered numbers.
    pub(crate) fn knows(self, version: Option<(u8, u8)>) -> bool {
        match (self.encoding_version, version) {
            (None, _) => true,
            (Some(known), Some(version)) => version <= known,
            (Some(_), None) => false,
        }
    }
}
