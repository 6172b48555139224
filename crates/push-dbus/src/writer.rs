//! Messages written to a bus: several at one time, and none in part.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use rustix::net::{
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, sendmsg, shutdown,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use zbus::Message;
use zbus::connection::socket::WriteHalf;
use zbus::export::async_trait::async_trait;

use crate::socket::MAX_DESCRIPTORS;

/// The most messages that are written at one time.
const WRITE_TOGETHER: usize = 16;

/// Where messages go, of zbus and of whoever writes past it.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    stream: Arc<UnixStream>,
    outgoing: Arc<Mutex<Outgoing>>,
}

/// What is left of a message that is written in part. Whoever sent it may be gone, but the bus has to have it before anything else.
#[derive(Debug)]
struct Outgoing {
    stream: Arc<UnixStream>,
    rest: VecDeque<u8>,
}

#[async_trait]
impl WriteHalf for Writer {
    async fn send_messages(&mut self, messages: &[Message]) -> zbus::Result<()> {
        let mut rest = messages;
        while let Some(first) = rest.first() {
            let has_none = |message: &&Message| message.data().fds().is_empty();
            // dbus-broker takes descriptors for those of the last message that came with them, so that such a message goes alone.
            let together = rest.iter().take_while(has_none).count().max(1);
            let (together, later) = rest.split_at(together);
            let octets: Vec<&[u8]> = together.iter().map(|message| &**message.data()).collect();
            let descriptors: Vec<_> = first.data().fds().iter().map(|fd| fd.as_fd()).collect();
            self.write(&octets, &descriptors).await?;
            rest = later;
        }
        Ok(())
    }

    async fn send_message(&mut self, message: &Message) -> zbus::Result<()> {
        self.send_messages(std::slice::from_ref(message)).await
    }

    async fn sendmsg(&mut self, octets: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        send(&self.stream, &[IoSlice::new(octets)], fds).await
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(shutdown(self.stream.as_fd(), Shutdown::Both)?)
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

impl Writer {
    pub(crate) fn new(stream: Arc<UnixStream>) -> Self {
        let outgoing = Outgoing {
            stream: Arc::clone(&stream),
            rest: VecDeque::new(),
        };
        Self {
            stream,
            outgoing: Arc::new(Mutex::new(outgoing)),
        }
    }

    /// Writes messages one behind the other, the descriptors with the first octet. Where it is cancelled, whoever writes next writes
    /// the rest of a message that was begun.
    pub(crate) async fn write(
        &self,
        messages: &[&[u8]],
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let mut outgoing = self.outgoing.lock().await;
        outgoing.write(messages, descriptors).await
    }
}

impl Outgoing {
    async fn write(
        &mut self,
        mut messages: &[&[u8]],
        mut descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        loop {
            self.finish().await?;
            if messages.is_empty() {
                return Ok(());
            }
            let together = messages.iter().take(WRITE_TOGETHER);
            let slices: Vec<_> = together.map(|octets| IoSlice::new(octets)).collect();
            let written = send(&self.stream, &slices, descriptors).await?;
            descriptors = &[];
            messages = self.keep_rest(messages, written);
        }
    }

    /// Keeps what is left of the message that so many octets end within; returns the messages behind it.
    fn keep_rest<'m>(&mut self, messages: &'m [&'m [u8]], mut written: usize) -> &'m [&'m [u8]] {
        let mut left = messages.iter();
        while written > 0
            && let Some(octets) = left.next()
        {
            self.rest.extend(octets.get(written..).unwrap_or_default());
            written = written.saturating_sub(octets.len());
        }
        left.as_slice()
    }

    async fn finish(&mut self) -> io::Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        while !self.rest.is_empty() {
            let (octets, _) = self.rest.as_slices();
            let written = send(&self.stream, &[IoSlice::new(octets)], &[]).await?;
            self.rest.drain(..written);
        }
        // It is seldom that something is left, and may be much.
        self.rest = VecDeque::new();
        Ok(())
    }
}

async fn send(
    stream: &UnixStream,
    slices: &[IoSlice<'_>],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors))
            {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "too many descriptors",
                ));
            }
            Ok(sendmsg(
                stream.as_fd(),
                slices,
                &mut beside,
                SendFlags::NOSIGNAL,
            )?)
        })
        .await
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::frame::Lengths;

    fn message(body: usize) -> Message {
        let message = Message::signal("/a", "a.b", "Member");
        message.build(&vec![0_u8; body]).unwrap()
    }

    /// The body lengths of the messages in these octets, which are whole.
    fn bodies(mut octets: &[u8]) -> Vec<usize> {
        let mut bodies = Vec::new();
        while !octets.is_empty() {
            let lengths = Lengths::of(octets).unwrap();
            // The octets of an array stand behind their number.
            bodies.push(lengths.whole - lengths.head - 4);
            octets = octets.split_at_checked(lengths.whole).unwrap().1;
        }
        bodies
    }

    #[tokio::test]
    async fn a_message_that_nobody_sends_any_more_is_finished_before_the_next() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut writer = Writer::new(Arc::new(ours));
        // More than the system takes.
        let large: Vec<_> = (0..16).map(|_| message(300_000)).collect();
        {
            let mut sending = pin!(writer.send_messages(&large));
            let mut context = Context::from_waker(Waker::noop());
            assert!(sending.as_mut().poll(&mut context).is_pending());
        }
        assert!(!writer.outgoing.try_lock().unwrap().rest.is_empty());
        // Whoever else writes to the same socket writes the rest first.
        let mut other = writer.clone();
        drop(writer);
        let next = message(7);
        let sending = async move {
            other.send_message(&next).await.unwrap();
        };
        let mut octets = Vec::new();
        let ((), read) = tokio::join!(sending, theirs.read_to_end(&mut octets));
        read.unwrap();
        let bodies = bodies(&octets);
        let (last, begun) = bodies.split_last().unwrap();
        assert_eq!(*last, 7);
        assert!((1..16).contains(&begun.len()), "{}", begun.len());
        assert!(begun.iter().all(|body| *body == 300_000));
    }

    #[tokio::test]
    async fn what_the_system_takes_in_parts_arrives_whole() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut writer = Writer::new(Arc::new(ours));
        let lengths: Vec<_> = (0..20).map(|index| index * 20_011).collect();
        let messages: Vec<_> = lengths.iter().map(|length| message(*length)).collect();
        let sending = async move {
            writer.send_messages(&messages).await.unwrap();
        };
        let mut octets = Vec::new();
        let ((), read) = tokio::join!(sending, theirs.read_to_end(&mut octets));
        read.unwrap();
        assert_eq!(bodies(&octets), lengths);
    }
}
