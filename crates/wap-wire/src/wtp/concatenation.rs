//! Several PDUs in one datagram (WTP 8.5).

use crate::wsp::reader::Reader;
use crate::{DecodeError, DecodeErrorCode, EncodeError};
use alloc::vec::Vec;

/// The octet that stands before concatenated PDUs.
const INDICATOR: u8 = 0;

/// The PDUs of a datagram: one, or several behind a concatenation indicator. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Pdus<'a> {
    reader: Reader<'a>,
    concatenated: bool,
    ended: bool,
}

/// The octets of one PDU of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcatenatedPdu<'a> {
    /// Where in the datagram it begins.
    pub offset: usize,
    /// Its octets.
    pub octets: &'a [u8],
}

impl<'a> Pdus<'a> {
    /// The PDUs of this datagram.
    #[must_use]
    pub fn new(datagram: &'a [u8]) -> Self {
        let mut reader = Reader::new(datagram, 0);
        let concatenated = reader.peek() == Some(INDICATOR);
        if concatenated {
            reader.skip_octet();
        }
        Self {
            reader,
            concatenated,
            ended: datagram.is_empty(),
        }
    }

    /// Whether the datagram begins with a concatenation indicator.
    #[must_use]
    pub const fn is_concatenated(&self) -> bool {
        self.concatenated
    }

    fn concatenated_pdu(&mut self) -> Result<ConcatenatedPdu<'a>, DecodeError> {
        let start = self.reader;
        let length = match self.reader.octet()? {
            short @ ..0x80 => u16::from(short),
            high => u16::from_be_bytes([high & 0x7F, self.reader.octet()?]),
        };
        let offset = self.reader.offset();
        let octets = self
            .reader
            .take(u32::from(length), DecodeErrorCode::DataLengthOverrun)
            .map_err(|error| start.error(error.code))?;
        Ok(ConcatenatedPdu { offset, octets })
    }
}

impl<'a> Iterator for Pdus<'a> {
    type Item = Result<ConcatenatedPdu<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if !self.concatenated {
            self.ended = true;
            let octets = self.reader.rest();
            return Some(Ok(ConcatenatedPdu { offset: 0, octets }));
        }
        if self.reader.is_empty() {
            return None;
        }
        let pdu = self.concatenated_pdu();
        self.ended = pdu.is_err();
        Some(pdu)
    }
}

/// One datagram of these PDUs: behind a concatenation indicator, or as it is where there is one alone.
///
/// # Errors
/// [`EncodeError::TooLong`] for a PDU of more than 32767 octets beside others.
pub fn concatenate<'a>(
    pdus: impl IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>,
) -> Result<Vec<u8>, EncodeError> {
    let mut pdus = pdus.into_iter();
    if pdus.len() == 1 {
        return Ok(pdus.next().unwrap_or_default().to_vec());
    }
    let mut datagram = alloc::vec![INDICATOR];
    for pdu in pdus {
        let length = u16::try_from(pdu.len())
            .ok()
            .filter(|&length| length < 0x8000)
            .ok_or(EncodeError::TooLong(pdu.len()))?;
        match length.to_be_bytes() {
            [0, short @ ..0x80] => datagram.push(short),
            [high, low] => datagram.extend([high | 0x80, low]),
        }
        datagram.extend_from_slice(pdu);
    }
    Ok(datagram)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn separated(datagram: &[u8]) -> Vec<Result<(usize, Vec<u8>), DecodeError>> {
        Pdus::new(datagram)
            .map(|pdu| pdu.map(|pdu| (pdu.offset, pdu.octets.to_vec())))
            .collect()
    }

    //= specs/wtp.md#concatenation-and-separation
    //= type=test
    //# The terminal MUST separate the PDUs of a datagram that begins with a concatenation indicator, and treat each as if it had come alone.
    #[test]
    fn pdus_are_separated() {
        let ack = |tid| vec![0x18, 0, tid];
        let datagram = [0, 3, 0x18, 0, 1, 3, 0x18, 0, 2];
        assert_eq!(separated(&datagram), [Ok((2, ack(1))), Ok((6, ack(2)))]);
        assert_eq!(
            concatenate([&ack(1)[..], &ack(2)]).as_deref(),
            Ok(&datagram[..])
        );
        assert_eq!(separated(&ack(3)), [Ok((0, ack(3)))]);
        assert_eq!(concatenate([&ack(3)[..]]), Ok(ack(3)));
        assert_eq!(separated(&[]), []);
        assert_eq!(separated(&[0]), []);
    }

    #[test]
    fn long_pdus_have_lengths_of_fifteen_bits() {
        for length in [0x7F, 0x80, 0x100, 0x7FFF] {
            let long = vec![0x0E; length];
            let datagram = concatenate([&long[..], &[0x18, 0, 1]]).unwrap();
            let expected = if length < 0x80 { 2 } else { 3 };
            assert_eq!(
                separated(&datagram)[0],
                Ok((expected, long)),
                "{length} octets"
            );
            assert_eq!(separated(&datagram).len(), 2);
        }
        assert_eq!(
            concatenate([&vec![0; 0x8000][..], &[]]),
            Err(EncodeError::TooLong(0x8000))
        );
    }

    #[test]
    fn a_length_that_overruns_ends_the_datagram() {
        let overrun = DecodeError::new(DecodeErrorCode::DataLengthOverrun, 5);
        assert_eq!(
            separated(&[0, 3, 0x18, 0, 1, 4, 0x18, 0, 2]),
            [Ok((2, vec![0x18, 0, 1])), Err(overrun)]
        );
        let truncated = DecodeError::new(DecodeErrorCode::Truncated, 2);
        assert_eq!(separated(&[0, 0x80]), [Err(truncated)]);
    }
}
