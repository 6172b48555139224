//! PDUs cut out of a stream.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Octets of a PDU's header.
pub(super) const HEADER_LENGTH: usize = 16;

/// Octets read at a time.
const READ_LENGTH: usize = 4096;

/// What has been read and not been taken.
#[derive(Debug)]
pub(super) struct Frames {
    read: BytesMut,
    most: usize,
}

impl Frames {
    /// No octets; a PDU has at most `most`.
    pub(super) fn new(most: usize) -> Self {
        Self {
            read: BytesMut::new(),
            most,
        }
    }

    /// The next whole PDU; nothing where the centre ended the connection between two of them. What was read stays here when
    /// this future is dropped.
    pub(super) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<BytesMut>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            self.read.reserve(READ_LENGTH);
            if stream.read_buf(&mut self.read).await? == 0 {
                return if self.read.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<BytesMut>> {
        let Some(length) = self.read.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if !(HEADER_LENGTH..=self.most).contains(&length) {
            let most = self.most;
            let error = format!(
                "a PDU says that it has {length} octets; {HEADER_LENGTH} to {most} are taken"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        if self.read.len() < length {
            return Ok(None);
        }
        Ok(Some(self.read.split_to(length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PDU: [u8; 17] = *b"\0\0\0\x11\0\0\0\x15\0\0\0\0\0\0\0\x01x";

    async fn frames(octets: &[u8]) -> Vec<Result<Vec<u8>, io::ErrorKind>> {
        let mut frames = Frames::new(32);
        let mut stream = octets;
        let mut taken = Vec::new();
        loop {
            match frames.next(&mut stream).await {
                Ok(Some(frame)) => taken.push(Ok(frame.to_vec())),
                Ok(None) => return taken,
                Err(error) => {
                    taken.push(Err(error.kind()));
                    return taken;
                }
            }
        }
    }

    #[tokio::test]
    async fn pdus_are_cut_where_they_say() {
        let two = [PDU, PDU].concat();
        assert_eq!(frames(&two).await, [Ok(PDU.to_vec()), Ok(PDU.to_vec())]);
        assert_eq!(frames(&[]).await, []);
    }

    #[tokio::test]
    async fn a_length_out_of_bounds_and_a_cut_pdu_end_the_stream() {
        let invalid = Err(io::ErrorKind::InvalidData);
        for length in [0_u32, 15, 33, u32::MAX] {
            let mut octets = PDU;
            octets[..4].copy_from_slice(&length.to_be_bytes());
            assert_eq!(
                frames(&octets).await,
                std::slice::from_ref(&invalid),
                "{length}"
            );
        }
        assert_eq!(
            frames(&PDU[..16]).await,
            [Err(io::ErrorKind::UnexpectedEof)]
        );
    }
}
