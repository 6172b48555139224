//! How long a message is, by its first octets.

use std::io;

/// The octets that say how long the rest is.
pub(crate) const FIXED: usize = 16;
/// Where a message says how long its body is.
pub(crate) const BODY_LENGTH: usize = 4;
/// Where it has its number.
pub(crate) const SERIAL: usize = 8;
/// The field that says how many descriptors a message brings.
const UNIX_FDS: u8 = 9;
/// The longest message that D-Bus has.
const LONGEST: usize = 128 * 1024 * 1024;

/// How long a message and its parts are, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    /// All that goes before the body.
    pub(crate) head: usize,
    /// All of it.
    pub(crate) whole: usize,
}

impl Lengths {
    /// Reads the first [`FIXED`] octets of a message.
    ///
    /// # Errors
    /// They begin none.
    pub(crate) fn of(octets: &[u8]) -> io::Result<Self> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "no message of D-Bus");
        let body = number(octets, BODY_LENGTH).ok_or_else(broken)?;
        let fields = number(octets, 12).ok_or_else(broken)?;
        let head = fields
            .checked_next_multiple_of(8)
            .map(|fields| fields + FIXED);
        let head = head.filter(|head| *head <= LONGEST).ok_or_else(broken)?;
        let whole = head.checked_add(body).filter(|whole| *whole <= LONGEST);
        let whole = whole.ok_or_else(broken)?;
        Ok(Self { head, whole })
    }

    /// Whether a message answers one of ours.
    pub(crate) fn is_answer(message: &[u8]) -> bool {
        matches!(message.get(1), Some(2 | 3))
    }

    /// Makes a message out of the head of one.
    pub(crate) fn take_body(head: &mut [u8]) {
        if let Some(length) = head.get_mut(4..8) {
            length.fill(0);
        }
    }
}

/// How many descriptors a message says that it brings; from now on it says that it brings none.
pub(crate) fn take_descriptors(message: &mut [u8]) -> usize {
    let Some(place) = place_of_descriptors(message) else {
        return 0;
    };
    let count = number(message, place).unwrap_or(0);
    if let Some(octets) = message.get_mut(place..place + 4) {
        octets.fill(0);
    }
    count
}

/// Where the number of descriptors stands among the fields of a message.
fn place_of_descriptors(message: &[u8]) -> Option<usize> {
    let end = number(message, 12)?.checked_add(FIXED)?;
    let mut at = FIXED;
    while at < end {
        // Each field begins at a multiple of eight: its code, its signature of one letter, its value.
        at = at.next_multiple_of(8);
        let (code, kind) = (*message.get(at)?, *message.get(at + 2)?);
        at += 4;
        at = match kind {
            b'u' if code == UNIX_FDS => return Some(at),
            b'u' => at + 4,
            b's' | b'o' => number(message, at)?.checked_add(at + 5)?,
            b'g' => at + 2 + usize::from(*message.get(at)?),
            _ => return None,
        };
    }
    None
}

fn number(octets: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
    let number = match octets.first()? {
        b'l' => u32::from_le_bytes(four),
        b'B' => u32::from_be_bytes(four),
        _ => return None,
    };
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_message_are_measured_in_either_order_of_octets() {
        let little = [b'l', 1, 0, 1, 5, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0];
        let big = [b'B', 1, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 9];
        let expected = Lengths {
            head: 32,
            whole: 37,
        };
        assert_eq!(Lengths::of(&little).unwrap(), expected);
        assert_eq!(Lengths::of(&big).unwrap(), expected);
    }

    #[test]
    fn what_begins_no_message_is_refused() {
        let mut octets = [b'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        assert!(Lengths::of(&octets).is_ok());
        assert!(Lengths::of(octets.get(..15).unwrap()).is_err());
        octets[15] = 0xff;
        assert!(Lengths::of(&octets).is_err());
        octets[15] = 0;
        octets[7] = 0x08;
        assert!(Lengths::of(&octets).is_err());
        octets[0] = b'x';
        assert!(Lengths::of(&octets).is_err());
    }

    #[test]
    fn the_number_of_descriptors_is_found_among_the_fields() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let body = zbus::Fd::from(std::os::fd::OwnedFd::from(file));
        let builder = || zbus::Message::method_call("/a", "Member");
        let message = builder().interface("a.b").destination("c.d").build(&body);
        let mut octets = message.unwrap().data().to_vec();
        assert_eq!(take_descriptors(&mut octets), 1);
        assert_eq!(take_descriptors(&mut octets), 0);
        let mut octets = builder().build(&"text").unwrap().data().to_vec();
        let before = octets.clone();
        assert_eq!(take_descriptors(&mut octets), 0);
        assert_eq!(octets, before);
        assert_eq!(take_descriptors(&mut octets[..20]), 0);
    }
}
