//! The state tables of the initiator (WTP 9.5), for classes 0, 1 and 2.
//!
//! Beyond the specification: a result that does not come is waited for so long and no longer, and the user hears of it when its
//! own acknowledgement came too late. And the wait interval begins anew with each result that comes again: a peer may repeat for longer.

use super::Class::{ReliableInvoke, ReliableResult, Unreliable};
use super::table::Action::{
    ConfirmInvoke, IncrementExpirations, IncrementRetries, IndicateAbort, IndicatePeerAbort,
    IndicateResult, ResetRetries, SendAbort, SendAck, SendAckAgain, SendInvoke, SendInvokeAgain,
    SendTidOk, SendUserAbort, SetHoldOn, StartAcknowledgementTimer, StartResultTimer,
    StartRetryTimer, StartWaitTimer, StopTimer,
};
use super::table::Row;
use super::table::When::{
    Again, Class, ExpirationsLeft, HoldOn, NoHoldOn, NoUserAcknowledgement, RetriesLeft, TidOkSent,
};
use wap_wire::wtp::ProviderAbortReason;

/// The states of an initiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Null,
    ResultWait,
    ResultRespWait,
    WaitTimeout,
}

/// What happens to an initiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    InvokeRequest,
    ResultResponse,
    AbortRequest,
    Ack,
    AckTidVerify,
    Abort,
    ErrorPdu,
    Result,
    RetryTimer,
    AcknowledgementTimer,
    WaitTimer,
    ResultTimer,
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
//= specs/wtp.md#retransmission-until-acknowledgement
//# A PDU that waits for an answer MUST be sent again each time its retry interval ends, until the answer comes or it was sent again as often as the counter allows.
//= specs/wtp.md#retransmission-until-acknowledgement
//# A transaction whose retransmissions are used up MUST be given up, and its user told.
//= specs/wtp.md#user-acknowledgement
//# An initiator that asked for user acknowledgement MUST NOT acknowledge the result before its own user has responded.
//= specs/wtp.md#user-acknowledgement
//# A user that does not respond to a result in time MUST have its transaction aborted with NORESPONSE.
//= specs/wtp.md#class-2-transactions
//# The initiator MUST keep what it needs to send the last acknowledgement again until the wait interval has ended.
//= specs/wtp.md#error-handling
//# An error that the provider cannot mend MUST end its transaction, with an abort to the peer and an indication to the user.
pub(super) const ROWS: &[Row<State, Event>] = rows! {
    Null InvokeRequest [Class(Unreliable)] => [SendInvoke] Null;
    Null InvokeRequest => [SendInvoke, ResetRetries, StartRetryTimer] ResultWait;

    ResultWait AbortRequest => [SendUserAbort] Null;
    ResultWait Ack [Class(ReliableResult), NoHoldOn] => [StopTimer, SetHoldOn, ConfirmInvoke, StartResultTimer] ResultWait;
    ResultWait Ack [Class(ReliableInvoke)] => [ConfirmInvoke] Null;
    ResultWait AckTidVerify [HoldOn] => [SendTidOk] ResultWait;
    ResultWait AckTidVerify [RetriesLeft] => [SendTidOk, IncrementRetries, StartRetryTimer] ResultWait;
    ResultWait Abort => [IndicatePeerAbort] Null;
    ResultWait ErrorPdu => [SendAbort(PROTOERR), IndicateAbort(PROTOERR)] Null;
    ResultWait RetryTimer [RetriesLeft, TidOkSent] => [IncrementRetries, StartRetryTimer, SendTidOk] ResultWait;
    ResultWait RetryTimer [RetriesLeft] => [IncrementRetries, StartRetryTimer, SendInvokeAgain] ResultWait;
    ResultWait RetryTimer => [IndicateAbort(NORESPONSE)] Null;
    ResultWait ResultTimer => [SendAbort(NORESPONSE), IndicateAbort(NORESPONSE)] Null;
    ResultWait Result [Class(ReliableResult), HoldOn] => [StopTimer, IndicateResult, StartAcknowledgementTimer] ResultRespWait;
    ResultWait Result [Class(ReliableResult)] => [StopTimer, ConfirmInvoke, IndicateResult, StartAcknowledgementTimer] ResultRespWait;

    ResultRespWait ResultResponse => [SendAck, StartWaitTimer] WaitTimeout;
    ResultRespWait Abort => [IndicatePeerAbort] Null;
    ResultRespWait AbortRequest => [SendUserAbort] Null;
    ResultRespWait ErrorPdu => [SendAbort(PROTOERR), IndicateAbort(PROTOERR)] Null;
    ResultRespWait AcknowledgementTimer [NoUserAcknowledgement] => [SendAck, StartWaitTimer] WaitTimeout;
    ResultRespWait AcknowledgementTimer [ExpirationsLeft] => [IncrementExpirations, StartAcknowledgementTimer] ResultRespWait;
    ResultRespWait AcknowledgementTimer => [SendAbort(NORESPONSE), IndicateAbort(NORESPONSE)] Null;

    WaitTimeout Result [Again] => [SendAckAgain, StartWaitTimer] WaitTimeout;
    WaitTimeout Abort => [IndicatePeerAbort] Null;
    WaitTimeout ErrorPdu => [SendAbort(PROTOERR), IndicateAbort(PROTOERR)] Null;
    WaitTimeout WaitTimer => [] Null;
    WaitTimeout AbortRequest => [SendUserAbort] Null;
};
