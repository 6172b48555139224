//! Which octets may stand where.

/// How many octets from the start are of a kind.
pub(in crate::http) fn run(octets: &[u8], kind: impl Fn(u8) -> bool) -> usize {
    octets
        .iter()
        .position(|&octet| !kind(octet))
        .unwrap_or(octets.len())
}

/// How many octets from the start may stand in a header's value.
pub(in crate::http) fn text(octets: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = ONES * 0x80;
    let mut good = 0;
    // Eight at a time. Of the octets that the subtractions mark, the first is a control character or DEL for certain.
    while let Some(eight) = octets.get(good..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*eight);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let other = word ^ (ONES * 0x7F);
        let marked = (control | (other.wrapping_sub(ONES) & !other)) & HIGH;
        if marked == 0 {
            good += 8;
            continue;
        }
        good += (marked.trailing_zeros() / 8) as usize;
        if octets.get(good) != Some(&b'\t') {
            return good;
        }
        good += 1;
    }
    good + run(octets.get(good..).unwrap_or_default(), is_text)
}

const fn is_text(octet: u8) -> bool {
    (octet >= 0x20 && octet != 0x7F) || octet == b'\t'
}

pub(super) const fn is_visible(octet: u8) -> bool {
    octet.wrapping_sub(0x21) < 0x7F - 0x21
}

/// The characters of a URI without its fragment (RFC 3986 2), which some keep and others cut off.
pub(super) const fn is_target(octet: u8) -> bool {
    const TARGET: [bool; 256] = letters_digits_and(b"!$%&'()*+,-./:;=?@[]_~");
    TARGET[octet as usize]
}

pub(super) const fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// The characters of a token (RFC 9110 5.6.2).
pub(in crate::http) const fn is_token(octet: u8) -> bool {
    const TOKEN: [bool; 256] = letters_digits_and(b"!#$%&'*+-.^_`|~");
    TOKEN[octet as usize]
}

/// True at the letters and digits of ASCII and at these octets.
const fn letters_digits_and(mut others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut octet = 0_u8;
    while octet < 0x80 {
        table[octet as usize] = octet.is_ascii_alphanumeric();
        octet += 1;
    }
    while let [first, rest @ ..] = others {
        table[*first as usize] = true;
        others = rest;
    }
    table
}
