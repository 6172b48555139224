//! Replies that are taken in where messages are read, past the queues of the connection: whoever calls often needs neither a rule for
//! them nor a task.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::Connection;
use zbus::message::{Message, Type};
use zbus::names::OwnedUniqueName;

use crate::bus::BUS;
use crate::calls::EventCall;
use crate::writer::Writer;

/// Who calls a peer often.
pub trait TakesReplies: Debug + Send + Sync + 'static {
    /// Takes in a reply of the peer, or an error of the bus in its place; says whether it replies to a call of this one. Nothing else is
    /// read meanwhile.
    fn take(&self, reply: &Message) -> bool;

    /// The connection is lost: no reply comes any more.
    fn lose(&self);
}

/// A connection to a bus, and where replies on it go.
#[derive(Debug, Clone)]
pub struct Link {
    connection: Connection,
    writer: Writer,
    replies: Replies,
}

impl Link {
    pub(crate) const fn new(connection: Connection, writer: Writer, replies: Replies) -> Self {
        Self {
            connection,
            writer,
            replies,
        }
    }

    /// The connection.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends calls in this order, by as few writes as may be.
    ///
    /// # Errors
    /// The connection is lost; or a call has a descriptor, and the bus takes none.
    pub async fn send(&self, calls: &[EventCall]) -> zbus::Result<()> {
        let mut rest = calls;
        while let Some(first) = rest.first() {
            let together: Vec<_> = rest.iter().map_while(EventCall::octets).collect();
            match first.message() {
                None => self.writer.write(&together, &[]).await?,
                Some(message) => self.connection.send(message).await?,
            }
            rest = rest.get(together.len().max(1)..).unwrap_or_default();
        }
        Ok(())
    }

    /// From now on `caller` is shown what this peer replies, as long as the route is held; `None` where the connection is lost.
    pub fn route(
        &self,
        peer: OwnedUniqueName,
        caller: Arc<dyn TakesReplies>,
    ) -> Option<ReplyRoute> {
        self.replies.route(peer, caller)
    }
}

impl Borrow<Connection> for Link {
    fn borrow(&self) -> &Connection {
        &self.connection
    }
}

/// Has somebody be shown replies, until it is dropped.
#[derive(Debug)]
pub struct ReplyRoute {
    replies: Replies,
    caller: Arc<dyn TakesReplies>,
}

impl Drop for ReplyRoute {
    fn drop(&mut self) {
        let mut state = self.replies.lock();
        let is_other =
            |(_, caller): &(_, Arc<dyn TakesReplies>)| !Arc::ptr_eq(caller, &self.caller);
        state.routes.retain(is_other);
    }
}

/// Where the replies go that come over one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replies(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    routes: Vec<(OwnedUniqueName, Arc<dyn TakesReplies>)>,
    closed: bool,
}

impl Replies {
    fn route(&self, peer: OwnedUniqueName, caller: Arc<dyn TakesReplies>) -> Option<ReplyRoute> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.routes.push((peer, Arc::clone(&caller)));
        drop(state);
        let replies = self.clone();
        Some(ReplyRoute { replies, caller })
    }

    /// Shows a message to whom it may be a reply; says whether it was one.
    pub(crate) fn take(&self, message: &Message) -> bool {
        let kind = message.message_type();
        if !matches!(kind, Type::MethodReturn | Type::Error) {
            return false;
        }
        let header = message.header();
        let Some(sender) = header.sender() else {
            return false;
        };
        // The bus answers in the place of a peer that is gone.
        let of_bus = kind == Type::Error && *sender == BUS;
        let state = self.lock();
        let mut routes = state.routes.iter();
        routes.any(|(peer, caller)| (of_bus || *peer == *sender) && caller.take(message))
    }

    /// The connection is lost.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let routes = std::mem::take(&mut state.routes);
        drop(state);
        for (_, caller) in routes {
            caller.lose();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    /// One who waits for the reply to one call.
    #[derive(Debug)]
    struct Waiting {
        call: u32,
        taken: AtomicU32,
        lost: AtomicBool,
    }

    impl Waiting {
        fn new(call: u32) -> Arc<Self> {
            Arc::new(Self {
                call,
                taken: AtomicU32::new(0),
                lost: AtomicBool::new(false),
            })
        }

        fn taken(&self) -> u32 {
            self.taken.load(Ordering::SeqCst)
        }
    }

    impl TakesReplies for Waiting {
        fn take(&self, reply: &Message) -> bool {
            let header = reply.header();
            let is_its = header.reply_serial().map(NonZeroU32::get) == Some(self.call);
            self.taken.fetch_add(is_its.into(), Ordering::SeqCst);
            is_its
        }

        fn lose(&self) {
            self.lost.store(true, Ordering::SeqCst);
        }
    }

    fn call(serial: u32) -> Message {
        Message::method_call("/a", "Member")
            .serial(NonZeroU32::new(serial).unwrap())
            .build(&())
            .unwrap()
    }

    fn reply(sender: &'static str, serial: u32) -> Message {
        let reply = Message::method_return(&call(serial).header());
        reply.sender(sender).build(&()).unwrap()
    }

    fn error(sender: &'static str, serial: u32) -> Message {
        let error = Message::error(&call(serial).header(), "a.b.C");
        error.sender(sender).build(&()).unwrap()
    }

    fn peer(name: &str) -> OwnedUniqueName {
        OwnedUniqueName::try_from(name).unwrap()
    }

    #[test]
    fn a_reply_goes_to_whoever_called_its_sender() {
        let replies = Replies::default();
        let (first, second) = (Waiting::new(7), Waiting::new(8));
        let _first = replies.route(peer(":1.1"), Arc::clone(&first) as _);
        let _second = replies.route(peer(":1.1"), Arc::clone(&second) as _);
        assert!(replies.take(&reply(":1.1", 8)));
        assert!(replies.take(&error(":1.1", 7)));
        assert_eq!((first.taken(), second.taken()), (1, 1));
        // Others' calls are the connection's matter.
        assert!(!replies.take(&reply(":1.1", 9)));
        assert!(!replies.take(&call(7)));
    }

    #[test]
    fn nobody_replies_for_another_but_the_bus_by_an_error() {
        let replies = Replies::default();
        let waiting = Waiting::new(7);
        let _route = replies.route(peer(":1.1"), Arc::clone(&waiting) as _);
        assert!(!replies.take(&reply(":1.2", 7)));
        assert!(!replies.take(&error(":1.2", 7)));
        assert!(!replies.take(&reply(BUS, 7)));
        assert_eq!(waiting.taken(), 0);
        assert!(replies.take(&error(BUS, 7)));
    }

    #[test]
    fn a_route_ends_when_it_is_dropped_and_with_the_connection() {
        let replies = Replies::default();
        let (gone, waiting) = (Waiting::new(7), Waiting::new(8));
        let route = replies.route(peer(":1.1"), Arc::clone(&gone) as _);
        let _other = replies.route(peer(":1.1"), Arc::clone(&waiting) as _);
        drop(route);
        assert!(!replies.take(&reply(":1.1", 7)));
        replies.close();
        assert!(!gone.lost.load(Ordering::SeqCst) && waiting.lost.load(Ordering::SeqCst));
        assert!(replies.route(peer(":1.1"), waiting).is_none());
    }
}
