//! The default alphabet of GSM with 7 bits a character, packed into octets (3GPP TS 23.038 6.1.2.1.1, 6.2.1).

/// The default alphabet; 0x1B leads to the extension table.
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_',
    'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤',
    '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7',
    '8', '9', ':', ';', '<', '=', '>', '?', '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J',
    'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ',
    'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p',
    'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

const ESCAPE: u8 = 0x1B;

/// Septets packed into octets, the first in the lowest bits.
#[derive(Debug, Clone)]
pub struct Septets<'a> {
    octets: &'a [u8],
    /// The bit at which the next septet begins.
    bit: usize,
    left: usize,
}

impl<'a> Septets<'a> {
    /// At most `count` septets of these octets, the first of which begins at bit `first_bit`.
    #[must_use]
    pub const fn new(octets: &'a [u8], first_bit: usize, count: usize) -> Self {
        Self {
            octets,
            bit: first_bit,
            left: count,
        }
    }
}

impl Iterator for Septets<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        let (position, shift) = (self.bit.checked_div(8)?, self.bit.checked_rem(8)?);
        let low = u16::from(*self.octets.get(position)?);
        let next = self.octets.get(position.saturating_add(1));
        if shift > 1 && next.is_none() {
            return None;
        }
        let pair = low | u16::from(next.copied().unwrap_or_default()).wrapping_shl(8);
        self.bit = self.bit.saturating_add(7);
        u8::try_from(pair.wrapping_shr(u32::try_from(shift).ok()?) & 0x7F).ok()
    }
}

/// Septets as characters.
#[derive(Debug, Clone)]
pub struct Characters<I>(I);

impl<I: Iterator<Item = u8>> Characters<I> {
    /// The characters that these septets stand for.
    #[must_use]
    pub const fn new(septets: I) -> Self {
        Self(septets)
    }
}

impl<I: Iterator<Item = u8>> Iterator for Characters<I> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let septet = self.0.next()?;
        if septet != ESCAPE {
            return Some(default(septet));
        }
        // An escape at the end, or before another, is shown as a space.
        Some(self.0.next().map_or(' ', |septet| {
            extended(septet).unwrap_or_else(|| default(septet))
        }))
    }
}

fn default(septet: u8) -> char {
    DEFAULT
        .get(usize::from(septet & 0x7F))
        .copied()
        .unwrap_or(' ')
}

/// The extension table. What it lacks is shown as in the default alphabet.
const fn extended(septet: u8) -> Option<char> {
    Some(match septet {
        0x0A => '\u{C}',
        0x14 => '^',
        0x28 => '{',
        0x29 => '}',
        0x2F => '\\',
        0x3C => '[',
        0x3D => '~',
        0x3E => ']',
        0x40 => '|',
        0x65 => '€',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn text(octets: &[u8], first_bit: usize, count: usize) -> String {
        Characters::new(Septets::new(octets, first_bit, count)).collect()
    }

    #[test]
    fn packed_septets_are_text() {
        // h e l l o h e l l o: 0x68 | 0x65 << 7 | …
        let octets = [0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37];
        assert_eq!(text(&octets, 0, 10), "hellohello");
        assert_eq!(text(&octets, 7, 4), "ello");
        assert_eq!(text(&octets[..1], 0, 1), "h");
    }

    #[test]
    fn septets_end_where_the_octets_do() {
        let septets = |first_bit, count| {
            Septets::new(&[0xFF; 7], first_bit, count)
                .collect::<Vec<_>>()
                .len()
        };
        assert_eq!(septets(0, 8), 8);
        assert_eq!(septets(0, 9), 8);
        assert_eq!(septets(0, 7), 7);
        assert_eq!(septets(1, 9), 7);
        assert_eq!(septets(56, 1), 0);
        assert_eq!(Septets::new(&[], 0, 1).next(), None);
    }

    #[test]
    fn every_septet_of_the_default_alphabet_has_its_character() {
        let all: String = Characters::new(0..=127_u8).collect();
        assert_eq!(all.chars().count(), 127, "the escape takes the next one");
        for (septet, character) in [
            (0x00, '@'),
            (0x02, '$'),
            (0x10, 'Δ'),
            (0x1A, 'Ξ'),
            (0x1C, 'Æ'),
            (0x20, ' '),
            (0x2B, '+'),
            (0x3F, '?'),
            (0x40, '¡'),
            (0x5A, 'Z'),
            (0x5F, '§'),
            (0x60, '¿'),
            (0x7A, 'z'),
            (0x7F, 'à'),
        ] {
            assert_eq!(default(septet), character, "{septet:02x}");
        }
    }

    #[test]
    fn escapes_lead_to_the_extension_table() {
        let shown = |septets: &[u8]| Characters::new(septets.iter().copied()).collect::<String>();
        assert_eq!(
            shown(&[
                0x1B, 0x65, 0x1B, 0x14, 0x1B, 0x28, 0x1B, 0x29, 0x1B, 0x2F, 0x1B, 0x3C
            ]),
            "€^{}\\["
        );
        assert_eq!(
            shown(&[0x1B, 0x3D, 0x1B, 0x3E, 0x1B, 0x40, 0x1B, 0x0A]),
            "~]|\u{C}"
        );
        assert_eq!(shown(&[0x1B, 0x41, 0x1B, 0x1B, 0x1B]), "A  ");
    }
}
