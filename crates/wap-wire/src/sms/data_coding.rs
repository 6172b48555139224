//! TP-Data-Coding-Scheme (3GPP TS 23.038 4).

/// How user data is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DataCoding(pub u8);

/// What the octets of user data stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// The default alphabet of GSM, seven bits a character.
    Default,
    /// Octets without a meaning of their own: what WDP is carried in.
    Octets,
    /// UCS-2, two octets a character, the higher one first.
    Ucs2,
}

/// What a message says of messages that wait elsewhere (3GPP TS 23.038 4, groups 1100 to 1110).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageWaiting {
    /// Whether the message is to be stored, or may be discarded once the indication is shown.
    pub store: bool,
    /// Whether messages wait.
    pub active: bool,
    /// What waits: 0 voice mail, 1 fax, 2 electronic mail, 3 another.
    pub kind: u8,
}

impl DataCoding {
    /// The alphabet. Whatever is reserved counts as the default alphabet.
    //= specs/wdp.md#data-coding-scheme
    //# A receiver MUST take a reserved coding for the GSM default alphabet.
    #[must_use]
    pub const fn alphabet(self) -> Alphabet {
        match self.0 >> 4 {
            0b0000..=0b0111 => match self.0 >> 2 & 0b11 {
                0b01 => Alphabet::Octets,
                0b10 => Alphabet::Ucs2,
                _ => Alphabet::Default,
            },
            0b1110 => Alphabet::Ucs2,
            0b1111 if self.0 & 0b100 != 0 => Alphabet::Octets,
            _ => Alphabet::Default,
        }
    }

    /// Whether the text is compressed (3GPP TS 23.042).
    #[must_use]
    pub const fn is_compressed(self) -> bool {
        self.is_general() && self.0 & 0b10_0000 != 0
    }

    /// Whether the length of the user data counts octets; otherwise it counts septets.
    //= specs/wdp.md#user-data-length
    //# The length of user data MUST be read as a number of septets where the data is uncompressed text in the GSM default alphabet, and as a number of octets otherwise.
    #[must_use]
    pub const fn counts_octets(self) -> bool {
        self.is_compressed() || !matches!(self.alphabet(), Alphabet::Default)
    }

    /// The message class, 0 to 3, where there is one.
    #[must_use]
    pub const fn message_class(self) -> Option<u8> {
        let has_class = self.0 >> 4 == 0b1111 || (self.is_general() && self.0 & 0b1_0000 != 0);
        if has_class { Some(self.0 & 0b11) } else { None }
    }

    /// Whether the message is marked for being deleted once it has been read.
    #[must_use]
    pub const fn is_deleted_automatically(self) -> bool {
        self.0 >> 6 == 0b01
    }

    /// What it says of messages that wait, where it does.
    #[must_use]
    pub const fn message_waiting(self) -> Option<MessageWaiting> {
        let store = match self.0 >> 4 {
            0b1100 => false,
            0b1101 | 0b1110 => true,
            _ => return None,
        };
        Some(MessageWaiting {
            store,
            active: self.0 & 0b1000 != 0,
            kind: self.0 & 0b11,
        })
    }

    /// The general groups, 00xx and 01xx.
    const fn is_general(self) -> bool {
        self.0 & 0b1000_0000 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_its_alphabet() {
        let cases = [
            (0x00..=0x03, Alphabet::Default),
            (0x04..=0x07, Alphabet::Octets),
            (0x08..=0x0B, Alphabet::Ucs2),
            (0x10..=0x13, Alphabet::Default),
            (0x14..=0x17, Alphabet::Octets),
            (0x18..=0x1B, Alphabet::Ucs2),
            (0x24..=0x27, Alphabet::Octets),
            (0x28..=0x2B, Alphabet::Ucs2),
            (0x40..=0x43, Alphabet::Default),
            (0x54..=0x57, Alphabet::Octets),
            (0x68..=0x6B, Alphabet::Ucs2),
            (0xC0..=0xDF, Alphabet::Default),
            (0xE0..=0xEF, Alphabet::Ucs2),
            (0xF0..=0xF3, Alphabet::Default),
            (0xF4..=0xF7, Alphabet::Octets),
            (0xF8..=0xFB, Alphabet::Default),
            (0xFC..=0xFF, Alphabet::Octets),
        ];
        for (codings, alphabet) in cases {
            for coding in codings {
                assert_eq!(DataCoding(coding).alphabet(), alphabet, "{coding:02x}");
            }
        }
    }

    //= specs/wdp.md#data-coding-scheme
    //= type=test
    //# A receiver MUST take a reserved coding for the GSM default alphabet.
    #[test]
    fn reserved_codings_are_the_default_alphabet() {
        let reserved = (0x80..=0xBF_u8).chain([0x0C, 0x0D, 0x0E, 0x0F, 0x1C, 0x2F, 0x4C, 0x7F]);
        for coding in reserved {
            assert_eq!(
                DataCoding(coding).alphabet(),
                Alphabet::Default,
                "{coding:02x}"
            );
        }
        for coding in 0x80..=0xBF_u8 {
            let coding = DataCoding(coding);
            assert!(!coding.counts_octets() && coding.message_class().is_none());
        }
    }

    //= specs/wdp.md#user-data-length
    //= type=test
    //# The length of user data MUST be read as a number of septets where the data is uncompressed text in the GSM default alphabet, and as a number of octets otherwise.
    #[test]
    fn compressed_text_is_counted_in_octets() {
        for (coding, compressed, octets) in [
            (0x00, false, false),
            (0x20, true, true),
            (0x24, true, true),
            (0x60, true, true),
            (0x04, false, true),
            (0x08, false, true),
            (0xA0, false, false),
            (0xE0, false, true),
            (0xF1, false, false),
            (0xF5, false, true),
        ] {
            let coding = DataCoding(coding);
            assert_eq!(coding.is_compressed(), compressed, "{coding:02x?}");
            assert_eq!(coding.counts_octets(), octets, "{coding:02x?}");
        }
    }

    #[test]
    fn classes_deletion_and_waiting_are_read() {
        for (coding, class, deleted) in [
            (0x00, None, false),
            (0x03, None, false),
            (0x11, Some(1), false),
            (0x37, Some(3), false),
            (0x44, None, true),
            (0x54, Some(0), true),
            (0x90, None, false),
            (0xC3, None, false),
            (0xF2, Some(2), false),
            (0xF5, Some(1), false),
        ] {
            let coding = DataCoding(coding);
            assert_eq!(coding.message_class(), class, "{coding:02x?}");
            assert_eq!(coding.is_deleted_automatically(), deleted, "{coding:02x?}");
        }
        let waiting = |coding| DataCoding(coding).message_waiting();
        let indication = |store, active, kind| {
            Some(MessageWaiting {
                store,
                active,
                kind,
            })
        };
        assert_eq!(waiting(0xC8), indication(false, true, 0));
        assert_eq!(waiting(0xD1), indication(true, false, 1));
        assert_eq!(waiting(0xEB), indication(true, true, 3));
        assert_eq!(waiting(0xF5), None);
        assert_eq!(waiting(0x04), None);
    }
}
