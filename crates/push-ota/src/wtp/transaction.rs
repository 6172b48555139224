//! One transaction.

use std::net::SocketAddr;
use std::time::Duration;

use sha1::{Digest as _, Sha1};
use wap_wire::wsp::AbortReason as UserAbortReason;
use wap_wire::wtp::{
    DIRECTION, ErrorItem, Item, ItemValue, Items, OptionItem, Trailer, encode_items,
};

use super::receive::Reassembly;
use super::send::Outgoing;
use super::table::Facts;
use super::{AbortReason, Class, Head, Settings, initiator, responder};

/// The errors in items of one PDU that are reported: more than a peer needs to learn.
const MAX_PROBLEMS: usize = 4;

/// Which part this side plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Initiator,
    Responder,
}

impl Side {
    /// The part that a TID as received is meant for: the initiator sends its TIDs with the high bit clear.
    pub(super) const fn of(tid: u16) -> Self {
        if tid & DIRECTION == 0 {
            Self::Responder
        } else {
            Self::Initiator
        }
    }
}

/// What tells a transaction from others while it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) peer: SocketAddr,
    side: Side,
    tid: u16,
}

impl Name {
    pub(super) const fn new(peer: SocketAddr, side: Side, tid: u16) -> Self {
        let tid = tid & !DIRECTION;
        Self { peer, side, tid }
    }
}

/// The state of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Initiator(initiator::State),
    Responder(responder::State),
}

/// What happens to a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Initiator(initiator::Event),
    Responder(responder::Event),
}

/// What a transaction waits for: it has one timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    Retry,
    Acknowledgement,
    Wait,
    Result,
    Verification,
    /// The next packet of a message.
    Packets,
    /// Packets that others overtook, perhaps.
    Missing,
    /// The pause before the next group that the peer asked for.
    NextGroup,
}

/// Tells messages apart.
pub(super) type Digest = [u8; 20];

pub(super) fn digest(data: &[u8]) -> Digest {
    Sha1::digest(data).into()
}

/// One transaction.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a variable of its own in the specification"
)]
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) peer: SocketAddr,
    /// Without its high bit.
    pub(super) tid: u16,
    pub(super) class: Class,
    pub(super) state: State,
    pub(super) user_acknowledgement: bool,
    /// The peer asked for the user's acknowledgement.
    pub(super) asked_for_user: bool,
    pub(super) hold_on: bool,
    pub(super) tid_ok_sent: bool,
    pub(super) tid_new: bool,
    pub(super) valid_tid: bool,
    /// Packets have come before the Invoke.
    pub(super) headless: bool,
    pub(super) retries: u8,
    pub(super) expirations: u8,
    /// How often the peer has asked for packets of the group that is under way.
    pub(super) asked: u8,
    pub(super) timer: Option<(Duration, Timer)>,
    pub(super) outgoing: Option<Outgoing>,
    pub(super) incoming: Option<Reassembly>,
    /// A message that is whole and not indicated yet.
    pub(super) message: Option<Box<[u8]>>,
    /// Of the first packet of the message received.
    pub(super) digest: Digest,
    /// The packet that the last acknowledgement is for, where the message came in several.
    pub(super) last_packet: Option<u8>,
    /// Items of the peer that could not be used, to be reported.
    pub(super) problems: Vec<ErrorItem>,
    pub(super) user_abort: Option<UserAbortReason>,
    pub(super) peer_abort: Option<AbortReason>,
}

impl Transaction {
    pub(super) fn initiator(
        peer: SocketAddr,
        tid: u16,
        class: Class,
        user_acknowledgement: bool,
        outgoing: Outgoing,
    ) -> Self {
        Self {
            user_acknowledgement,
            outgoing: Some(outgoing),
            ..Self::new(peer, tid, class, State::Initiator(initiator::State::Null))
        }
    }

    pub(super) const fn new(peer: SocketAddr, tid: u16, class: Class, state: State) -> Self {
        Self {
            peer,
            tid,
            class,
            state,
            user_acknowledgement: false,
            asked_for_user: false,
            hold_on: false,
            tid_ok_sent: false,
            tid_new: false,
            valid_tid: true,
            headless: false,
            retries: 0,
            expirations: 0,
            asked: 0,
            timer: None,
            outgoing: None,
            incoming: None,
            message: None,
            digest: [0; 20],
            last_packet: None,
            problems: Vec::new(),
            user_abort: None,
            peer_abort: None,
        }
    }

    pub(super) const fn side(&self) -> Side {
        match self.state {
            State::Initiator(_) => Side::Initiator,
            State::Responder(_) => Side::Responder,
        }
    }

    pub(super) const fn name(&self) -> Name {
        Name::new(self.peer, self.side(), self.tid)
    }

    /// The TID as this side sends it.
    //= specs/wtp.md#transaction-identifiers
    //# The high bit of the transaction identifier MUST be clear in what the initiator sends and set in what the responder sends.
    pub(super) const fn send_tid(&self) -> u16 {
        match self.side() {
            Side::Initiator => self.tid,
            Side::Responder => self.tid | DIRECTION,
        }
    }

    /// Whether nothing is left of it.
    pub(super) const fn is_over(&self) -> bool {
        match self.state {
            State::Initiator(state) => matches!(state, initiator::State::Null),
            State::Responder(state) => {
                matches!(state, responder::State::Listen) && self.incoming.is_none()
            }
        }
    }

    /// The octets of a message that are held before it is indicated.
    pub(super) fn held(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message.len());
        let packets = self.incoming.as_ref().map_or(0, Reassembly::octets);
        message.saturating_add(packets)
    }

    pub(super) const fn facts(&self, settings: &Settings, retransmitted: bool) -> Facts {
        Facts {
            class: self.class,
            hold_on: self.hold_on,
            user_acknowledgement: self.user_acknowledgement,
            retries_left: self.retries < settings.timers.max_retransmissions,
            expirations_left: self.expirations < settings.timers.max_acknowledgement_expirations,
            tid_ok_sent: self.tid_ok_sent,
            retransmitted,
            valid_tid: self.valid_tid,
        }
    }

    pub(super) const fn head(&self, settings: &Settings) -> Head {
        Head {
            tid: self.tid,
            class: self.class.number(),
            user_acknowledgement: self.user_acknowledgement,
            unsegmented: if settings.segmented_results {
                Trailer::Transmission
            } else {
                Trailer::Unsegmented
            },
        }
    }

    /// Notes the items that this side cannot use.
    //= specs/wtp.md#transport-information-items
    //# An item that the terminal does not know, or whose content it does not understand, MUST be ignored without an error in the transaction.
    //= specs/wtp.md#transport-information-items
    //# The sender of such an item SHOULD be told so with an Error item in the next PDU that goes to it.
    pub(super) fn note_items(&mut self, items: Items<'_>) {
        let problems = items.into_iter().filter_map(problem);
        let room = MAX_PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(problems.take(room));
    }

    /// The items of an acknowledgement: the packet that it is for, and what could not be used.
    pub(super) fn items(&mut self, packet: Option<u8>) -> Vec<u8> {
        let problems = std::mem::take(&mut self.problems);
        let number = packet.map(|packet| ItemValue::PacketSequenceNumber(packet.into()));
        let problems = problems.into_iter().map(ItemValue::Error);
        // No item is as long as it would have to be to fail.
        encode_items(number.into_iter().chain(problems)).unwrap_or_default()
    }
}

/// The report on an item that this side cannot use.
fn problem(item: Item<'_>) -> Option<ErrorItem> {
    let identity = item.identity;
    match item.value() {
        ItemValue::Error(_)
        | ItemValue::Info(_)
        | ItemValue::PacketSequenceNumber(_)
        | ItemValue::Option(
            OptionItem::MaximumReceiveUnit(_)
            | OptionItem::TotalMessageSize(_)
            | OptionItem::DelayTransmissionTimer(_)
            | OptionItem::MaximumGroup(_)
            | OptionItem::CurrentTid(_)
            | OptionItem::NoCachedTid
            // To leave it out of the answer is to say that extended segmentation is not supported.
            | OptionItem::NumGroups(_),
        ) => None,
        ItemValue::SduBoundary | ItemValue::FrameBoundary | ItemValue::Unknown(_) => {
            Some(ErrorItem::Unknown { identity })
        }
        ItemValue::Option(OptionItem::Unknown { .. }) | ItemValue::Malformed(_) => {
            Some(match item.data.first() {
                Some(&first) => ErrorItem::UnknownContent { identity, first },
                None => ErrorItem::Unknown { identity },
            })
        }
    }
}
