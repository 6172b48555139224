//! Transactions that terminals begin: sessions are opened, resumed, suspended and ended (WSP 7.1, WAP-224 7.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::events::{Ending, SessionEvent};
use super::initiator::Answer;
use super::server::{Inner, Key};
use super::settings::Welcome;
use super::wsp::{self, Capabilities, Greeting, Request};
use super::wtp::{self, Terms, Trailer};

/// The reason of an abort for a PDU that makes no sense.
const PROTOCOL_ERROR: u8 = 0x01;
/// The reason of an abort for a message that is too long.
const MESSAGE_TOO_LARGE: u8 = 0x09;
/// The status OK of a Reply.
const OK: u8 = 0x20;

/// What is known of a transaction.
#[derive(Debug)]
pub(super) enum Response {
    /// Its message comes in packets.
    Collecting {
        terms: Terms,
        packets: BTreeMap<u8, Vec<u8>>,
        /// The last packet of the present group, and whether the message ends with it.
        last: Option<(u8, bool)>,
    },
    /// The terminal was asked whether it is its own.
    Verifying { terms: Terms, data: Vec<u8> },
    /// It was answered, and the answer is not acknowledged yet.
    Answered {
        result: Vec<u8>,
        session: Option<u32>,
    },
    /// Nothing more is to be done.
    Done,
}

/// An Invoke has come.
pub(super) async fn invoked(
    inner: &Arc<Inner>,
    key: Key,
    terms: Terms,
    trailer: Trailer,
    again: bool,
    data: &[u8],
) {
    if known(inner, key, terms, again).await {
        return;
    }
    if matches!(trailer, Trailer::Whole | Trailer::Message) {
        arrived(inner, key, terms, data.to_vec()).await;
        return;
    }
    let packets = BTreeMap::from([(0, data.to_vec())]);
    let last = (trailer == Trailer::Group).then_some((0, false));
    let collecting = Response::Collecting {
        terms,
        packets,
        last,
    };
    inner.remember(key, collecting);
    if trailer == Trailer::Group {
        take_stock(inner, key).await;
    }
}

/// Whether the Invoke is one that came before; it is answered again where it was sent again.
async fn known(inner: &Arc<Inner>, (peer, tid): Key, terms: Terms, again: bool) -> bool {
    let reply = match inner.state().responses.get(&(peer, tid)) {
        None => return false,
        // The terminal has begun to count anew.
        Some(Response::Done) if !again || terms.tid_new => return false,
        Some(Response::Answered { result, .. }) if again => {
            Some(wtp::result(tid | wtp::RESPONDER, true, result))
        }
        Some(Response::Verifying { .. }) if again => Some(wtp::ack(tid | wtp::RESPONDER, true)),
        Some(
            Response::Done
            | Response::Answered { .. }
            | Response::Verifying { .. }
            | Response::Collecting { .. },
        ) => None,
    };
    if let Some(reply) = reply {
        inner.transmit(peer, reply).await;
    }
    true
}

/// Another packet of a message has come.
pub(super) async fn continued(
    inner: &Arc<Inner>,
    key: Key,
    number: u8,
    trailer: Trailer,
    data: &[u8],
) {
    let (mut too_long, mut is_of_group) = (false, false);
    if let Some(Response::Collecting { packets, last, .. }) = inner.state().responses.get_mut(&key)
    {
        packets.insert(number, data.to_vec());
        if trailer != Trailer::None {
            *last = Some((number, trailer == Trailer::Message));
        }
        // What comes behind the last packet of a group belongs to the next one, which has not ended.
        is_of_group = last.is_some_and(|(last, _)| number <= last);
        too_long = packets.values().map(Vec::len).sum::<usize>() > inner.settings.bounds.message;
    }
    if too_long {
        inner.remember(key, Response::Done);
        let abort = wtp::abort(key.1 | wtp::RESPONDER, false, MESSAGE_TOO_LARGE);
        inner.transmit(key.0, abort).await;
    } else if is_of_group {
        take_stock(inner, key).await;
    }
}

/// Once the last packet of a group has come: acknowledges it, asks for what is missing, or goes on with the whole message.
async fn take_stock(inner: &Arc<Inner>, key: Key) {
    let (peer, tid) = (key.0, key.1 | wtp::RESPONDER);
    let Some((last, is_end, missing)) = gaps(inner, key) else {
        return;
    };
    if !missing.is_empty() {
        inner.transmit(peer, wtp::negative_ack(tid, &missing)).await;
        return;
    }
    if !is_end {
        inner.transmit(peer, wtp::ack_of_group(tid, last)).await;
        return;
    }
    let collected = inner.state().responses.remove(&key);
    if let Some(Response::Collecting { terms, packets, .. }) = collected {
        let data = packets.into_values().flatten().collect();
        arrived(inner, key, terms, data).await;
    }
}

/// The last packet of the present group, whether it ends the message, and the packets before it that have not come.
fn gaps(inner: &Arc<Inner>, key: Key) -> Option<(u8, bool, Vec<u8>)> {
    let state = inner.state();
    let Some(Response::Collecting { packets, last, .. }) = state.responses.get(&key) else {
        return None;
    };
    let (last, is_end) = (*last)?;
    let missing = (0..last)
        .filter(|number| !packets.contains_key(number))
        .collect();
    Some((last, is_end, missing))
}

/// The whole message is here.
async fn arrived(inner: &Arc<Inner>, key: Key, terms: Terms, data: Vec<u8>) {
    let verifies = inner.state().behaviour.verify;
    if terms.class == 2 && verifies {
        inner.remember(key, Response::Verifying { terms, data });
        let asked = wtp::ack(key.1 | wtp::RESPONDER, true);
        inner.transmit(key.0, asked).await;
        return;
    }
    perform(inner, key, terms, &data).await;
}

async fn perform(inner: &Arc<Inner>, key: Key, terms: Terms, data: &[u8]) {
    let (peer, tid) = key;
    match wsp::read(data) {
        Some(Request::Connect(greeting)) if terms.class == 2 => connect(inner, key, greeting).await,
        Some(Request::Resume { session, greeting }) if terms.class == 2 => {
            resume(inner, key, session, greeting).await;
        }
        Some(Request::Disconnect { session }) => {
            drop(inner.end(session, Ending::ByTerminal));
        }
        Some(Request::Suspend { session }) => {
            if inner
                .change(session, |found| found.suspended = true)
                .is_some()
            {
                inner.log.tell(SessionEvent::Suspended { session });
            }
        }
        Some(Request::Connect(_) | Request::Resume { .. }) | None => {
            let what = "a request that makes no sense";
            inner.log.tell(SessionEvent::Ignored { peer, what });
            if terms.class != 0 {
                inner.remember(key, Response::Done);
                let abort = wtp::abort(tid | wtp::RESPONDER, false, PROTOCOL_ERROR);
                inner.transmit(peer, abort).await;
            }
        }
    }
}

async fn connect(inner: &Arc<Inner>, key: Key, greeting: Greeting) {
    let peer = key.0;
    inner.log.tell(SessionEvent::Asked {
        peer,
        greeting: greeting.clone(),
    });
    let (welcome, early) = {
        let state = inner.state();
        (state.behaviour.connect.clone(), state.behaviour.early)
    };
    let (capabilities, headers) = match welcome {
        Welcome::Granted => (granted(&greeting.capabilities), Vec::new()),
        Welcome::With {
            capabilities,
            headers,
        } => (capabilities, headers),
        other @ (Welcome::Redirect { .. }
        | Welcome::Reply(_)
        | Welcome::Abort { .. }
        | Welcome::Octets(_)
        | Welcome::Silence) => {
            otherwise(inner, key, other).await;
            return;
        }
    };
    let session = inner.open(peer, greeting, early);
    let reply = wsp::connect_reply(session, &capabilities, &headers);
    inner.answer(key, reply, Some(session)).await;
}

/// What the terminal asked for, of what this server can do.
fn granted(asked: &Capabilities) -> Capabilities {
    const PUSH: u8 = 0xc0;
    const RESUME: u8 = 0x20;
    Capabilities {
        options: Some(asked.options.unwrap_or_default() & (PUSH | RESUME)),
        others: Vec::new(),
        ..asked.clone()
    }
}

async fn resume(inner: &Arc<Inner>, key: Key, session: u32, greeting: Greeting) {
    let peer = key.0;
    let welcome = inner.state().behaviour.resume.clone();
    let status = match welcome {
        Welcome::Granted | Welcome::With { .. } => OK,
        Welcome::Reply(status) => status,
        other @ (Welcome::Redirect { .. }
        | Welcome::Abort { .. }
        | Welcome::Octets(_)
        | Welcome::Silence) => {
            otherwise(inner, key, other).await;
            return;
        }
    };
    if status == OK {
        let resumed = inner.change(session, |found| {
            found.suspended = false;
            found.peer = peer;
            found.greeting = greeting.clone();
        });
        if resumed.is_none() {
            // Gone.
            inner.answer(key, wsp::reply(0x4a), None).await;
            return;
        }
        inner.log.tell(SessionEvent::Resumed {
            session,
            peer,
            greeting,
        });
    } else {
        drop(inner.end(session, Ending::ByServer));
    }
    inner.answer(key, wsp::reply(status), None).await;
}

/// Answers otherwise than with a session.
async fn otherwise(inner: &Arc<Inner>, key: Key, welcome: Welcome) {
    let (peer, tid) = key;
    let answer = match welcome {
        Welcome::Granted | Welcome::With { .. } => return,
        Welcome::Redirect { permanent, to } => {
            inner.answer(key, wsp::redirect(permanent, &to), None).await;
            "Redirect"
        }
        Welcome::Reply(status) => {
            inner.answer(key, wsp::reply(status), None).await;
            "Reply"
        }
        Welcome::Octets(octets) => {
            inner.answer(key, octets, None).await;
            "octets"
        }
        Welcome::Abort { by_user, reason } => {
            inner.remember(key, Response::Done);
            let abort = wtp::abort(tid | wtp::RESPONDER, by_user, reason);
            inner.transmit(peer, abort).await;
            "Abort"
        }
        Welcome::Silence => {
            inner.remember(key, Response::Done);
            "silence"
        }
    };
    inner.log.tell(SessionEvent::Refused { peer, answer });
}

/// An answer to a transaction of the terminal's has come back.
pub(super) async fn answered(inner: &Arc<Inner>, key: Key, answer: &Answer) {
    let (peer, _) = key;
    match answer {
        Answer::Ack { .. } | Answer::Missing(_) => acknowledged(inner, key),
        Answer::Verify => {
            let verified = inner.state().responses.remove(&key);
            match verified {
                Some(Response::Verifying { terms, data }) => {
                    perform(inner, key, terms, &data).await;
                }
                Some(other) => inner.remember(key, other),
                None => {}
            }
        }
        Answer::Abort { .. } => {
            let aborted = inner.state().responses.insert(key, Response::Done);
            if let Some(Response::Answered {
                session: Some(session),
                ..
            }) = aborted
            {
                drop(inner.end(session, Ending::Aborted));
            }
            let what = "an abort of the terminal's own transaction";
            inner.log.tell(SessionEvent::Ignored { peer, what });
        }
    }
}

fn acknowledged(inner: &Arc<Inner>, key: Key) {
    let mut state = inner.state();
    let Some(response @ Response::Answered { .. }) = state.responses.get_mut(&key) else {
        return;
    };
    let Response::Answered { session, .. } = std::mem::replace(response, Response::Done) else {
        return;
    };
    drop(state);
    let Some(session) = session else { return };
    let mut before = true;
    let found = inner.change(session, |found| {
        before = found.acknowledged;
        found.acknowledged = true;
    });
    if let Some(found) = found.filter(|_| !before) {
        let peer = found.peer;
        inner.log.tell(SessionEvent::Connected { session, peer });
    }
}

impl Inner {
    /// Remembers a transaction, and forgets the oldest where there are too many.
    fn remember(&self, key: Key, response: Response) {
        let mut state = self.state();
        if state.responses.insert(key, response).is_none() {
            state.order.push_back(key);
        }
        while state.order.len() > self.settings.bounds.transactions {
            if let Some(oldest) = state.order.pop_front() {
                state.responses.remove(&oldest);
            }
        }
    }

    /// Sends a Result, again and again until it is acknowledged.
    async fn answer(self: &Arc<Self>, key: Key, result: Vec<u8>, session: Option<u32>) {
        let (peer, tid) = key;
        let answered = Response::Answered {
            result: result.clone(),
            session,
        };
        self.remember(key, answered);
        let octets = wtp::result(tid | wtp::RESPONDER, false, &result);
        self.transmit(peer, octets).await;
        let inner = Arc::clone(self);
        self.spawn(async move {
            for _ in 0..inner.settings.retries {
                tokio::time::sleep(inner.settings.retry_interval).await;
                if !inner.is_unacknowledged(key) {
                    return;
                }
                inner.log.tell(SessionEvent::Again { peer, tid });
                let octets = wtp::result(tid | wtp::RESPONDER, true, &result);
                inner.transmit(peer, octets).await;
            }
            tokio::time::sleep(inner.settings.retry_interval).await;
            if inner.is_unacknowledged(key) {
                inner.give_up(key, session);
            }
        });
    }

    fn is_unacknowledged(&self, key: Key) -> bool {
        matches!(
            self.state().responses.get(&key),
            Some(Response::Answered { .. })
        )
    }

    fn give_up(&self, key: Key, session: Option<u32>) {
        self.remember(key, Response::Done);
        if let Some(session) = session {
            drop(self.end(session, Ending::NotAcknowledged));
        }
    }
}
