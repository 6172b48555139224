//! The state tables of servers' transactions (RFC 3261 17.2, with the Accepted state of RFC 6026).
//!
//! Beyond the RFCs: a flow that ends takes its transactions along; nobody asks for another way to a peer that went. A request that is
//! no INVITE is forgotten once its sender has given it up.

use super::table::Action::{
    Double, IndicateAck, IndicateCancel, Send, SendAgain, SendTrying, Start, StopTimers,
};
use super::table::Timer::{self, G, H, I, J, L, Unanswered};
use super::table::{Over, Row, rows};

/// The states of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Begin,
    /// No INVITE, without any response yet.
    Trying,
    Proceeding,
    Completed,
    /// An INVITE whose failure was acknowledged.
    Confirmed,
    /// An INVITE that was answered with a 2xx.
    Accepted,
    Terminated,
}

impl State {
    /// The user has not given a final response.
    pub(super) const fn is_unanswered(self) -> bool {
        matches!(self, Self::Begin | Self::Trying | Self::Proceeding)
    }
}

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Request,
    Ack,
    Cancel,
    Provisional,
    Success,
    Failure,
    TimerTrying,
    TimerG,
    TimerH,
    TimerI,
    TimerJ,
    TimerL,
    TimerUnanswered,
    FlowEnded,
}

/// The table of a transaction that is no INVITE (17.2.2).
pub(super) const NON_INVITE: &[Row<State, Event>] = rows! {
    Begin Request => [Start(Unanswered)] Trying;

    Trying Request => [] Trying;
    Trying Provisional => [Send] Proceeding;
    Trying Success [Unreliable] => [StopTimers, Send, Start(J)] Completed;
    Trying Success => [StopTimers, Send] Terminated;
    Trying Failure [Unreliable] => [StopTimers, Send, Start(J)] Completed;
    Trying Failure => [StopTimers, Send] Terminated;
    Trying TimerUnanswered => [] Terminated;
    Trying FlowEnded => [StopTimers] Terminated;

    Proceeding Request => [SendAgain] Proceeding;
    Proceeding Provisional => [Send] Proceeding;
    Proceeding Success [Unreliable] => [StopTimers, Send, Start(J)] Completed;
    Proceeding Success => [StopTimers, Send] Terminated;
    Proceeding Failure [Unreliable] => [StopTimers, Send, Start(J)] Completed;
    Proceeding Failure => [StopTimers, Send] Terminated;
    Proceeding TimerUnanswered => [] Terminated;
    Proceeding FlowEnded => [StopTimers] Terminated;

    Completed Request => [SendAgain] Completed;
    Completed TimerJ => [] Terminated;
    Completed FlowEnded => [StopTimers] Terminated;
};

/// The table of an INVITE (17.2.1, RFC 6026 7.1).
pub(super) const INVITE: &[Row<State, Event>] = rows! {
    Begin Request => [Start(Timer::Trying)] Proceeding;

    Proceeding Request => [SendAgain] Proceeding;
    Proceeding TimerTrying => [SendTrying] Proceeding;
    Proceeding Provisional => [StopTimers, Send] Proceeding;
    Proceeding Success => [StopTimers, Send, Start(L)] Accepted;
    Proceeding Failure [Unreliable] => [StopTimers, Send, Start(G), Start(H)] Completed;
    Proceeding Failure => [StopTimers, Send, Start(H)] Completed;
    Proceeding Cancel => [IndicateCancel] Proceeding;
    Proceeding FlowEnded => [StopTimers, IndicateCancel] Terminated;

    Completed Request => [SendAgain] Completed;
    Completed TimerG => [SendAgain, Double(G)] Completed;
    Completed TimerH => [StopTimers] Terminated;
    Completed Ack [Unreliable] => [StopTimers, Start(I)] Confirmed;
    Completed Ack => [StopTimers] Terminated;
    Completed FlowEnded => [StopTimers] Terminated;

    Confirmed Request => [] Confirmed;
    Confirmed Ack => [] Confirmed;
    Confirmed TimerI => [] Terminated;
    Confirmed FlowEnded => [StopTimers] Terminated;

    Accepted Request => [] Accepted;
    Accepted Success => [Send] Accepted;
    Accepted Ack => [IndicateAck] Accepted;
    Accepted TimerL => [] Terminated;
    Accepted FlowEnded => [StopTimers] Terminated;
};
