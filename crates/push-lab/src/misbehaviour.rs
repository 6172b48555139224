//! What a push server can do wrong.

use crate::Random;

/// A way to spoil a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Only its first octets are sent.
    Truncate {
        /// How many.
        octets: usize,
    },
    /// Some of its octets are overwritten with others.
    Mutate {
        /// How many.
        octets: usize,
        /// Which ones and by what: the same seed spoils alike.
        seed: u64,
    },
    /// Nothing of it is left but as many random octets.
    Noise {
        /// The same seed gives the same octets.
        seed: u64,
    },
}

impl Misbehaviour {
    /// Spoils `datagram`.
    pub fn apply(self, datagram: &mut Vec<u8>) {
        match self {
            Self::Truncate { octets } => datagram.truncate(octets),
            Self::Mutate { octets, seed } => mutate(datagram, octets, &mut Random::new(seed)),
            Self::Noise { seed } => *datagram = Random::new(seed).octets(datagram.len()),
        }
    }
}

fn mutate(datagram: &mut [u8], octets: usize, random: &mut Random) {
    for _ in 0..octets {
        let index = random.below(datagram.len());
        // A difference of 1 to 255 changes the octet for certain.
        let difference = u8::try_from(random.below(255))
            .unwrap_or_default()
            .wrapping_add(1);
        if let Some(octet) = datagram.get_mut(index) {
            *octet = octet.wrapping_add(difference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoilt(misbehaviour: Misbehaviour) -> Vec<u8> {
        let mut datagram = b"0123456789".to_vec();
        misbehaviour.apply(&mut datagram);
        datagram
    }

    #[test]
    fn datagrams_are_spoilt_as_asked() {
        assert_eq!(spoilt(Misbehaviour::Truncate { octets: 3 }), b"012");
        assert_eq!(spoilt(Misbehaviour::Truncate { octets: 30 }), b"0123456789");
        let mutated = spoilt(Misbehaviour::Mutate { octets: 1, seed: 9 });
        let changed = mutated
            .iter()
            .zip(b"0123456789")
            .filter(|(one, other)| one != other);
        assert_eq!(changed.count(), 1);
        assert_eq!(spoilt(Misbehaviour::Noise { seed: 1 }).len(), 10);
    }

    #[test]
    fn the_same_seed_spoils_alike() {
        let mutation = Misbehaviour::Mutate {
            octets: 4,
            seed: 77,
        };
        assert_eq!(spoilt(mutation), spoilt(mutation));
        let mut empty = Vec::new();
        mutation.apply(&mut empty);
        assert!(empty.is_empty());
    }
}
