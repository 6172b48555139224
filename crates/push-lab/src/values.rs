//! The value forms of WSP that a push server writes (WSP 8.4.2).

/// Adds a variable length unsigned integer (WSP 8.1.2).
pub(crate) fn uintvar(number: u32, to: &mut Vec<u8>) {
    let septet = |shift: u32| u8::try_from(number >> shift & 0x7f).unwrap_or_default();
    for shift in [28, 21, 14, 7] {
        if number >> shift != 0 {
            to.push(septet(shift) | 0x80);
        }
    }
    to.push(septet(0));
}

/// Adds an integer: one octet below 128, else its length and its octets, the greatest first.
pub(crate) fn integer(number: u64, to: &mut Vec<u8>) {
    match u8::try_from(number) {
        Ok(short @ ..0x80) => to.push(short | 0x80),
        Ok(_) | Err(_) => long_integer(number, to),
    }
}

/// Adds a Long-integer: its length and its octets, the greatest first.
pub(crate) fn long_integer(number: u64, to: &mut Vec<u8>) {
    let octets = number.to_be_bytes();
    let zeros = octets
        .iter()
        .take_while(|octet| **octet == 0)
        .count()
        .min(7);
    let significant = octets.get(zeros..).unwrap_or_default();
    to.push(u8::try_from(significant.len()).unwrap_or_default());
    to.extend_from_slice(significant);
}

/// Adds a Text-string: quoted where its first octet would be read as a number, ended by a zero.
pub(crate) fn text(text: &str, to: &mut Vec<u8>) {
    if text.bytes().next().is_some_and(|octet| octet >= 0x80) {
        to.push(0x7f);
    }
    to.extend_from_slice(text.as_bytes());
    to.push(0);
}

/// Adds a value behind its length.
pub(crate) fn with_length(value: &[u8], to: &mut Vec<u8>) {
    if let Ok(short @ ..=30) = u8::try_from(value.len()) {
        to.push(short);
    } else {
        to.push(31);
        uintvar(u32::try_from(value.len()).unwrap_or(u32::MAX), to);
    }
    to.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut octets = Vec::new();
        write(&mut octets);
        octets
    }

    #[test]
    fn uintvars_have_seven_bits_an_octet() {
        for (number, octets) in [
            (0, &[0x00][..]),
            (0x7f, &[0x7f]),
            (0x80, &[0x81, 0x00]),
            (34_725, &[0x82, 0x8f, 0x25]),
            (1 << 21, &[0x81, 0x80, 0x80, 0x00]),
            (u32::MAX, &[0x8f, 0xff, 0xff, 0xff, 0x7f]),
        ] {
            assert_eq!(written(|to| uintvar(number, to)), octets);
        }
    }

    #[test]
    fn integers_are_short_where_they_can_be() {
        for (number, octets) in [
            (4, &[0x84][..]),
            (0x80, &[0x01, 0x80]),
            (0x9000, &[0x02, 0x90, 0x00]),
            (u64::MAX, &[8, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            assert_eq!(written(|to| integer(number, to)), octets);
        }
        assert_eq!(written(|to| long_integer(0, to)), [1, 0]);
    }

    #[test]
    fn text_is_quoted_where_it_would_read_as_a_number() {
        assert_eq!(written(|to| text("a", to)), b"a\0");
        assert_eq!(written(|to| text("é", to)), b"\x7f\xc3\xa9\0");
        assert_eq!(written(|to| text("", to)), b"\0");
    }

    #[test]
    fn long_values_have_their_length_in_a_uintvar() {
        assert_eq!(written(|to| with_length(&[1; 30], to)).len(), 31);
        let long = written(|to| with_length(&[1; 200], to));
        assert_eq!((long.len(), &long[..3]), (203, &[31, 0x81, 0x48][..]));
    }
}
