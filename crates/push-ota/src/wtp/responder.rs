//! The state tables of the responder (WTP 9.6), for classes 0 and 1: what the specification has for class 2 alone is left out.
//!
//! Beyond the specification: a peer that does not answer a verification is forgotten; and the wait interval begins anew with each message
//! that comes again, so that a peer which repeats for longer than the interval is not taken for one that begins something.

use super::Class::Unreliable;
use super::table::Action::{
    IncrementExpirations, IndicateAbort, IndicateInvoke, IndicatePeerAbort, SendAbort, SendAck,
    SendAckAgain, SendTidVerify, SendTidVerifyAgain, SendUserAbort, StartAcknowledgementTimer,
    StartVerificationTimer, StartWaitTimer,
};
use super::table::Row;
use super::table::When::{
    Again, Class, ExpirationsLeft, InvalidTid, NoUserAcknowledgement, UserAcknowledgement, ValidTid,
};
use wap_wire::wtp::ProviderAbortReason;

/// The states of a responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Listen,
    TidokWait,
    InvokeRespWait,
    WaitTimeout,
}

/// What happens to a responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Invoke,
    AckTidOk,
    Abort,
    ErrorPdu,
    InvokeResponse,
    AbortRequest,
    AcknowledgementTimer,
    WaitTimer,
    VerificationTimer,
}

const PROTOERR: ProviderAbortReason = ProviderAbortReason::PROTOERR;
const NORESPONSE: ProviderAbortReason = ProviderAbortReason::NORESPONSE;

macro_rules! rows {
    ($($state:ident $event:ident $([$($when:expr),+])? => [$($action:expr),*] $next:ident;)+) => {
        &[$(Row {
            state: State::$state,
            event: Event::$event,
            when: &[$($($when),+)?],
            actions: &[$($action),*],
            next: State::$next,
        },)+]
    };
}

/// The tables of all states.
//= specs/wtp.md#class-0-transactions
//# The message of a transaction of class 0 MUST be indicated at once, without acknowledgement, removal of duplicates or verification.
//= specs/wtp.md#class-1-transactions
//# The responder MUST keep what it needs to send the last acknowledgement again until the wait interval has ended.
//= specs/wtp.md#verification-of-transaction-identifiers
//# A message whose transaction identifier is being verified MUST NOT be indicated before the initiator has confirmed it.
//= specs/wtp.md#verification-of-transaction-identifiers
//# A transaction that the initiator denies MUST be forgotten without an indication.
//= specs/wtp.md#user-acknowledgement
//# A responder whose peer asked for user acknowledgement MUST NOT acknowledge before its user has responded.
//= specs/wtp.md#user-acknowledgement
//# An Invoke that comes again while the user has not responded MUST be dropped without an answer, and the acknowledgement interval begins anew.
//= specs/wtp.md#user-acknowledgement
//# A user that does not respond to an invoke message in time MUST have its transaction aborted with NORESPONSE.
//= specs/wtp.md#retransmission-until-acknowledgement
//# An Invoke that comes again without the retransmission indicator while its transaction is known MUST be ignored.
//= specs/wtp.md#retransmission-until-acknowledgement
//# An Invoke that comes again with the retransmission indicator after it was acknowledged MUST be acknowledged again, and not indicated again.
pub(super) const ROWS: &[Row<State, Event>] = rows! {
    Listen Invoke [Class(Unreliable)] => [IndicateInvoke] Listen;
    Listen Invoke [ValidTid] => [IndicateInvoke, StartAcknowledgementTimer] InvokeRespWait;
    Listen Invoke [InvalidTid] => [SendTidVerify, StartVerificationTimer] TidokWait;
    Listen ErrorPdu => [SendAbort(PROTOERR)] Listen;
    Listen Abort => [] Listen;

    TidokWait AckTidOk => [IndicateInvoke, StartAcknowledgementTimer] InvokeRespWait;
    TidokWait ErrorPdu => [SendAbort(PROTOERR)] Listen;
    TidokWait Abort => [] Listen;
    TidokWait Invoke [Again] => [SendTidVerifyAgain] TidokWait;
    TidokWait VerificationTimer => [] Listen;

    InvokeRespWait InvokeResponse => [SendAck, StartWaitTimer] WaitTimeout;
    InvokeRespWait AbortRequest => [SendUserAbort] Listen;
    InvokeRespWait Abort => [IndicatePeerAbort] Listen;
    InvokeRespWait Invoke [Again, UserAcknowledgement] => [StartAcknowledgementTimer] InvokeRespWait;
    InvokeRespWait ErrorPdu => [SendAbort(PROTOERR), IndicateAbort(PROTOERR)] Listen;
    InvokeRespWait AcknowledgementTimer [NoUserAcknowledgement] => [SendAck, StartWaitTimer] WaitTimeout;
    InvokeRespWait AcknowledgementTimer [ExpirationsLeft] => [IncrementExpirations, StartAcknowledgementTimer] InvokeRespWait;
    InvokeRespWait AcknowledgementTimer => [SendAbort(NORESPONSE), IndicateAbort(NORESPONSE)] Listen;

    WaitTimeout Invoke [Again] => [SendAckAgain, StartWaitTimer] WaitTimeout;
    WaitTimeout AckTidOk [Again] => [SendAckAgain, StartWaitTimer] WaitTimeout;
    WaitTimeout ErrorPdu => [SendAbort(PROTOERR), IndicateAbort(PROTOERR)] Listen;
    WaitTimeout Abort => [IndicatePeerAbort] Listen;
    WaitTimeout WaitTimer => [] Listen;
    WaitTimeout AbortRequest => [SendUserAbort] Listen;
};
