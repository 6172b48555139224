//! What tells transmissions apart.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// Octets that are held in place.
const SHORT: usize = 22;

/// What a protocol uses to tell transmissions apart: the octets of a TID, of a SIP Call-ID and `CSeq`, of an SMS reference and time
/// stamp, or a name that the terminal gives.
///
/// Up to 22 octets are held in place: every push that waits has one, and most are short.
#[derive(Clone)]
pub struct TransactionId(Octets);

#[derive(Clone)]
enum Octets {
    /// So many of these.
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl Deref for TransactionId {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Octets::Short(length, octets) => octets.get(..usize::from(*length)).unwrap_or_default(),
            Octets::Long(octets) => octets,
        }
    }
}

impl From<&[u8]> for TransactionId {
    fn from(octets: &[u8]) -> Self {
        let mut short = [0; SHORT];
        match (short.get_mut(..octets.len()), u8::try_from(octets.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(octets);
                Self(Octets::Short(length, short))
            }
            _ => Self(Octets::Long(octets.into())),
        }
    }
}

impl<const N: usize> From<[u8; N]> for TransactionId {
    fn from(octets: [u8; N]) -> Self {
        octets.as_slice().into()
    }
}

impl From<Vec<u8>> for TransactionId {
    fn from(octets: Vec<u8>) -> Self {
        octets.as_slice().into()
    }
}

impl Default for TransactionId {
    fn default() -> Self {
        [].into()
    }
}

impl PartialEq for TransactionId {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TransactionId {}

impl PartialOrd for TransactionId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TransactionId {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(other)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransactionId").field(&&**self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_out_as_they_went_in() {
        let octets: Vec<u8> = (0..40).collect();
        for length in 0..octets.len() {
            let octets = &octets[..length];
            let id = TransactionId::from(octets);
            assert_eq!(*id, *octets);
            assert_eq!(id, octets.to_vec().into());
            assert_eq!(matches!(id.0, Octets::Short(..)), length <= SHORT);
        }
        assert_eq!(TransactionId::default(), [].into());
        assert_ne!(TransactionId::from([0]), TransactionId::from([0, 0]));
        assert_eq!(
            format!("{:?}", TransactionId::from([7])),
            "TransactionId([7])"
        );
        assert_eq!(size_of::<TransactionId>(), 24);
    }
}
