//! SMS-DELIVER TPDUs (3GPP TS 23.040 9.2.2.1), written by hand.

/// Octets of user data in one short message.
const USER_DATA: usize = 140;

/// Ports of connectionless push, as an information element: 2948, from 9200.
const PORTS: [u8; 6] = [0x05, 0x04, 0x0b, 0x84, 0x23, 0xf0];

/// The short messages that carry `data` to port 2948, each a TPDU in hexadecimal digits without the message centre's address.
/// `reference` names the message among those of the sender; `second` stands in the time stamp.
#[must_use]
pub fn push(data: &[u8], reference: u8, second: u8) -> Vec<String> {
    let alone = USER_DATA - 1 - PORTS.len();
    if data.len() <= alone {
        return vec![deliver(
            &[&[6][..], &PORTS, data].concat(),
            second,
            0x44,
            0x04,
        )];
    }
    let room = alone - 5;
    let total = data.len().div_ceil(room);
    let part = |(index, part): (usize, &[u8])| {
        let place = [0x00, 0x03, reference, octet(total), octet(index + 1)];
        let user_data = [&[11][..], &PORTS, &place, part].concat();
        let more = if index + 1 == total { 0x44 } else { 0x40 };
        deliver(&user_data, second, more, 0x04)
    };
    data.chunks(room).enumerate().map(part).collect()
}

/// A short message that a person wrote: ASCII in 8 bits.
#[must_use]
pub fn text(text: &str, second: u8) -> String {
    // 7 bits to a character: `hello` and its like fit without more.
    let mut packed = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for character in text.bytes() {
        held |= u32::from(character & 0x7f) << bits;
        bits += 7;
        while bits >= 8 {
            packed.extend(held.to_le_bytes().first());
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        packed.extend(held.to_le_bytes().first());
    }
    head(second, 0x04, 0x00) + &hex(&[octet(text.len())]) + &hex(&packed)
}

fn deliver(user_data: &[u8], second: u8, first: u8, coding: u8) -> String {
    head(second, first, coding) + &hex(&[octet(user_data.len())]) + &hex(user_data)
}

/// From +15550001, on 22 November 2026 at 07:00 and so many seconds.
fn head(second: u8, first: u8, coding: u8) -> String {
    let seconds = ((second % 10) << 4) | (second / 10 % 6);
    hex(&[first, 0x08, 0x91, 0x51, 0x55, 0x00, 0x10, 0x00, coding])
        + &hex(&[0x62, 0x11, 0x22, 0x70, 0x00, seconds, 0x00])
}

fn octet(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// Octets as hexadecimal digits.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    digits
        .map(|value| digit(value).to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_push_is_one_message_and_a_long_one_several() {
        let one = push(b"ab", 1, 0);
        assert_eq!(
            one,
            ["440891515500100004621122700000000906 05040B8423F06162".replace(' ', "")]
        );
        assert_eq!(push(&[0; 133], 1, 0).len(), 1);
        assert_eq!(push(&[0; 134], 1, 0).len(), 2);
        assert_eq!(push(&[0; 385], 1, 0).len(), 4);
    }

    #[test]
    fn texts_are_packed_to_seven_bits() {
        assert!(text("hellohello", 0).ends_with("0AE8329BFD4697D9EC37"));
    }
}
