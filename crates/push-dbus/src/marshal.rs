//! Values as D-Bus writes them, one behind the other.

/// What stands before a value that has to be aligned.
const NOTHING: [u8; 8] = [0; 8];

/// A message that is written, in this machine's order of octets. What stands in it is aligned to where it begins.
///
/// What is longer than D-Bus can say has the greatest length: such a message is longer than any may be, and is not to be sent.
#[derive(Debug)]
pub(crate) struct Marshal(pub(crate) Vec<u8>);

impl Marshal {
    /// Goes on at a multiple of so many octets, eight at most.
    pub(crate) fn align(&mut self, to: usize) {
        let missing = self.0.len().next_multiple_of(to) - self.0.len();
        self.0
            .extend_from_slice(NOTHING.get(..missing).unwrap_or_default());
    }

    /// `q`
    pub(crate) fn short(&mut self, value: u16) {
        self.align(2);
        self.0.extend_from_slice(&value.to_ne_bytes());
    }

    /// `u`, and `h`
    pub(crate) fn number(&mut self, value: u32) {
        self.align(4);
        self.0.extend_from_slice(&value.to_ne_bytes());
    }

    /// `t`
    pub(crate) fn long(&mut self, value: u64) {
        self.align(8);
        self.0.extend_from_slice(&value.to_ne_bytes());
    }

    /// `s`; the text is without NUL.
    pub(crate) fn text(&mut self, text: &str) {
        self.octets(text.as_bytes());
        self.0.push(0);
    }

    /// `g`; a signature is of at most 255 letters.
    pub(crate) fn signature(&mut self, signature: &str) {
        self.0.push(signature.len().to_le_bytes()[0]);
        self.0.extend_from_slice(signature.as_bytes());
        self.0.push(0);
    }

    /// `ay`
    pub(crate) fn octets(&mut self, octets: &[u8]) {
        self.number(length(octets.len()));
        self.0.extend_from_slice(octets);
    }

    /// An array whose elements, which `write` writes, begin at multiples of so many octets.
    pub(crate) fn array(&mut self, alignment: usize, write: impl FnOnce(&mut Self)) {
        self.number(0);
        let place = self.0.len() - 4;
        self.align(alignment);
        let begin = self.0.len();
        write(self);
        self.set_number(place, length(self.0.len() - begin));
    }

    /// Writes another number where one stands.
    pub(crate) fn set_number(&mut self, place: usize, value: u32) {
        if let Some(octets) = self.0.get_mut(place..place + 4) {
            octets.copy_from_slice(&value.to_ne_bytes());
        }
    }
}

pub(crate) fn length(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
