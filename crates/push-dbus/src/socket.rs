//! The connection to a bus, with a bound on what comes over it.
//!
//! A bus carries messages of up to 128 MiB, from whoever may call. What is larger than we take is read past, and never held: a
//! caller hears of it, an answer to us comes without its body, and a signal is left out.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, Shutdown, recvmsg, shutdown,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use zbus::Message;
use zbus::connection::socket::{ReadHalf, Socket, Split};
use zbus::export::async_trait::async_trait;
use zbus::message::Type;

use crate::frame::{FIXED, Lengths, take_descriptors};
use crate::replies::Replies;
use crate::writer::Writer;

/// The most descriptors that the kernel lets through at one time.
pub(crate) const MAX_DESCRIPTORS: usize = 253;
/// How much is read at one time.
const READ_AHEAD: usize = 16 * 1024;
/// The most calls that were too large and wait for somebody to answer them.
const MAX_REFUSED: usize = 64;

/// A call that was too large.
#[derive(Debug)]
pub(crate) struct TooLarge {
    /// The call without its body.
    pub(crate) call: Message,
    /// How large it was, in octets.
    pub(crate) octets: usize,
}

/// A connected socket, and how it is written to; where calls go that were too large, and where replies go; how large a message may be.
#[derive(Debug)]
pub(crate) struct BoundedSocket {
    stream: Arc<UnixStream>,
    writer: Writer,
    refused: mpsc::Sender<TooLarge>,
    replies: Replies,
    max_message: usize,
}

impl BoundedSocket {
    pub(crate) fn new(stream: UnixStream, max_message: usize) -> (Self, mpsc::Receiver<TooLarge>) {
        let (refused, refusals) = mpsc::channel(MAX_REFUSED);
        let stream = Arc::new(stream);
        let socket = Self {
            writer: Writer::new(Arc::clone(&stream)),
            stream,
            refused,
            replies: Replies::default(),
            max_message,
        };
        (socket, refusals)
    }

    /// How messages are written to it.
    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Where the replies go that come over it.
    pub(crate) fn replies(&self) -> Replies {
        self.replies.clone()
    }
}

impl Socket for BoundedSocket {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let reader = Reader {
            input: Input::new(self.stream),
            octets: Vec::new(),
            refused: self.refused,
            replies: self.replies,
            max_message: self.max_message,
        };
        Split::new(reader, self.writer)
    }
}

/// Where messages come from.
#[derive(Debug)]
pub(crate) struct Reader {
    input: Input,
    /// The message that is read at present: its room is used again.
    octets: Vec<u8>,
    refused: mpsc::Sender<TooLarge>,
    replies: Replies,
    max_message: usize,
}

#[async_trait]
impl ReadHalf for Reader {
    async fn receive_message(
        &mut self,
        sequence: u64,
        received: &mut Vec<u8>,
        descriptors: &mut Vec<OwnedFd>,
    ) -> zbus::Result<Message> {
        self.input.put_back(received, descriptors);
        loop {
            match self.next(sequence).await {
                Ok(Some(message)) if self.replies.take(&message) => {}
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(error @ zbus::Error::InputOutput(_)) => return Err(error),
                // Its end is known, so what comes after it can be read.
                Err(error) => tracing::debug!(%error, "a message on D-Bus means nothing"),
            }
        }
    }

    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        receive(&self.input.stream, buffer).await
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.replies.close();
        // Nobody would be told what becomes of a call that is written now.
        shutdown(self.input.stream.as_fd(), Shutdown::Both).ok();
    }
}

impl Reader {
    /// The next message; `None` where it is not for anybody to see.
    async fn next(&mut self, sequence: u64) -> zbus::Result<Option<Message>> {
        let mut octets = std::mem::take(&mut self.octets);
        octets.clear();
        self.input.read(&mut octets, FIXED).await?;
        let lengths = Lengths::of(&octets)?;
        if lengths.head > self.max_message {
            self.input.skip(lengths.whole - FIXED).await?;
            self.input.descriptors.clear();
            return Ok(None);
        }
        if lengths.whole > self.max_message {
            self.input.read(&mut octets, lengths.head - FIXED).await?;
            self.input.skip(lengths.whole - lengths.head).await?;
            return self.bodiless(sequence, octets, lengths.whole).await;
        }
        octets.reserve_exact(lengths.whole - FIXED);
        self.input.read(&mut octets, lengths.whole - FIXED).await?;
        let mut descriptors = self.descriptors_of(&mut octets);
        let message = Whole
            .receive_message(sequence, &mut octets, &mut descriptors)
            .await;
        if octets.capacity() <= READ_AHEAD {
            self.octets = octets;
        }
        message.map(Some)
    }

    /// What becomes of a message that is too large.
    async fn bodiless(
        &mut self,
        sequence: u64,
        mut head: Vec<u8>,
        octets: usize,
    ) -> zbus::Result<Option<Message>> {
        Lengths::take_body(&mut head);
        self.close_descriptors_of(&mut head);
        let message = Whole
            .receive_message(sequence, &mut head, &mut Vec::new())
            .await?;
        let kind = message.message_type();
        tracing::debug!(
            octets,
            most = self.max_message,
            ?kind,
            "a message on D-Bus is too large"
        );
        match kind {
            Type::MethodReturn | Type::Error => Ok(Some(message)),
            Type::MethodCall => {
                // Where too many wait for an answer, this one gets none.
                self.refused
                    .try_send(TooLarge {
                        call: message,
                        octets,
                    })
                    .ok();
                Ok(None)
            }
            Type::Signal => Ok(None),
        }
    }

    /// The descriptors that belong to a message. Only answers to us may bring any: nothing that others call takes them.
    fn descriptors_of(&mut self, message: &mut [u8]) -> Vec<OwnedFd> {
        if !Lengths::is_answer(message) {
            self.close_descriptors_of(message);
            return Vec::new();
        }
        if self.input.descriptors.is_empty() {
            return Vec::new();
        }
        self.take(take_descriptors(&mut message.to_vec()))
    }

    /// Makes a message into one without descriptors.
    fn close_descriptors_of(&mut self, message: &mut [u8]) {
        let count = take_descriptors(message);
        drop(self.take(count));
    }

    fn take(&mut self, count: usize) -> Vec<OwnedFd> {
        let waiting = &mut self.input.descriptors;
        waiting.drain(..count.min(waiting.len())).collect()
    }
}

/// What was read, and not used yet.
#[derive(Debug)]
struct Input {
    stream: Arc<UnixStream>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    descriptors: VecDeque<OwnedFd>,
}

impl Input {
    fn new(stream: Arc<UnixStream>) -> Self {
        Self {
            stream,
            buffer: vec![0; READ_AHEAD],
            start: 0,
            end: 0,
            descriptors: VecDeque::new(),
        }
    }

    /// Takes in what the handshake read past its end.
    fn put_back(&mut self, received: &mut Vec<u8>, descriptors: &mut Vec<OwnedFd>) {
        self.descriptors.extend(descriptors.drain(..));
        if !received.is_empty() {
            let mut buffer = std::mem::take(received);
            buffer.extend_from_slice(self.waiting());
            (self.start, self.end) = (0, buffer.len());
            buffer.resize(self.end.max(READ_AHEAD), 0);
            self.buffer = buffer;
        }
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    async fn read(&mut self, into: &mut Vec<u8>, count: usize) -> io::Result<()> {
        let mut missing = count;
        while missing > 0 {
            let taken = self.some(missing).await?;
            into.extend_from_slice(taken);
            missing -= taken.len();
        }
        Ok(())
    }

    async fn skip(&mut self, count: usize) -> io::Result<()> {
        let mut missing = count;
        while missing > 0 {
            missing -= self.some(missing).await?.len();
        }
        Ok(())
    }

    /// At least one octet, and at most so many.
    async fn some(&mut self, most: usize) -> io::Result<&[u8]> {
        if self.start == self.end {
            let (count, descriptors) = receive(&self.stream, &mut self.buffer).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            (self.start, self.end) = (0, count);
            self.descriptors.extend(descriptors);
        }
        let from = self.start;
        self.start = self.end.min(from.saturating_add(most));
        Ok(self.buffer.get(from..self.start).unwrap_or_default())
    }
}

/// Makes messages of octets that are there in whole.
#[derive(Debug)]
struct Whole;

#[async_trait]
impl ReadHalf for Whole {
    async fn recvmsg(&mut self, _: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message is longer than it says",
        ))
    }
}

async fn receive(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    stream
        .async_io(Interest::READABLE, || {
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(buffer)];
            let flags = RecvFlags::CMSG_CLOEXEC;
            let received = recvmsg(stream.as_fd(), &mut slices, &mut beside, flags)?;
            let mut descriptors = Vec::new();
            for message in beside.drain() {
                if let RecvAncillaryMessage::ScmRights(some) = message {
                    descriptors.extend(some);
                }
            }
            Ok((received.bytes, descriptors))
        })
        .await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_read_no_more_is_written_to_no_more() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (socket, _refused) = BoundedSocket::new(ours, 1024);
        let writer = socket.writer();
        let mut reader = socket.split().take().0;
        writer.write(&[b"before"], &[]).await.unwrap();
        // No message begins so, and where the next one would begin is not known.
        theirs.write_all(&[0; FIXED]).await.unwrap();
        let (mut received, mut descriptors) = (Vec::new(), Vec::new());
        let read = reader.receive_message(0, &mut received, &mut descriptors);
        assert!(matches!(read.await, Err(zbus::Error::InputOutput(_))));
        drop(reader);
        assert!(writer.write(&[b"after"], &[]).await.is_err());
    }
}
