//! The state tables of a client of the session service, as data (WSP 7.1.5, 7.1.6.1, 7.1.6.3).
//!
//! The rows stand in the specification's order: of those for a state and an event, the first whose conditions all hold counts.
//! Rows of methods are left out, because a push terminal invokes none; with them go the actions that end methods.

use std::fmt;

use wap_wire::wsp::AbortReason;

/// The states of a session on the client (WSP 7.1.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// There is none.
    Null,
    /// It is asked for.
    Connecting,
    /// It stands.
    Connected,
    /// It stands, but nothing may happen in it.
    Suspended,
    /// It was suspended, or goes to another address, and the server is asked to go on with it.
    Resuming,
}

/// The states of a confirmed push on the client (WSP 7.1.6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushState {
    /// There is none.
    Null,
    /// The user has it and has not answered.
    Receiving,
}

/// What happens: requests and responses of the user, indications and confirmations of the transaction layer, and pseudo-events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// S-Connect.req
    ConnectRequest,
    /// S-Disconnect.req
    DisconnectRequest,
    /// The pseudo-event Disconnect.
    Disconnect,
    /// S-Suspend.req
    SuspendRequest,
    /// The pseudo-event Suspend.
    Suspend,
    /// S-Resume.req
    ResumeRequest,
    /// S-ConfirmedPush.res
    ConfirmedPushResponse,
    /// S-PushAbort.req
    PushAbortRequest,
    /// The pseudo-event Abort, of a push.
    Abort,
    /// TR-Invoke.ind
    InvokeIndication,
    /// TR-Result.ind
    ResultIndication,
    /// TR-Invoke.cnf
    InvokeConfirmation,
    /// TR-Abort.ind
    AbortIndication,
}

/// What has to hold for a row to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The transaction is of class 0.
    Class0,
    /// The transaction is of class 1 or 2.
    Class1Or2,
    /// The transaction is of class 1.
    Class1,
    /// The PDU is a Disconnect.
    DisconnectPdu,
    /// The PDU is a Push.
    PushPdu,
    /// The PDU is a `ConfirmedPush`.
    ConfirmedPushPdu,
    /// The PDU is a `ConnectReply`.
    ConnectReplyPdu,
    /// The PDU is a Redirect.
    RedirectPdu,
    /// The PDU is a Reply.
    ReplyPdu,
    /// The Reply says that all is well.
    StatusOk,
    /// The Reply says that something is not.
    StatusNotOk,
    /// The SDU has more octets than the MRU.
    SduTooLarge,
    /// The Push facility is enabled.
    PushEnabled,
    /// The Confirmed Push facility is enabled.
    ConfirmedPushEnabled,
    /// The Session Resume facility is enabled.
    ResumeEnabled,
    /// The Session Resume facility is disabled.
    ResumeDisabled,
    /// The transaction is that of the Connect.
    ConnectTransaction,
    /// The transaction is that of the Resume.
    ResumeTransaction,
    /// The transaction is that of a push.
    PushTransaction,
    /// The abort's reason is DISCONNECT.
    ReasonDisconnect,
    /// The abort's reason is SUSPEND.
    ReasonSuspend,
    /// `N_PUSHES` is at `MOP`.
    PushesAtMost,
    /// `N_PUSHES` is below `MOP`.
    PushesBelowMost,
}

/// What an indication to the user gives for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// This one.
    Reason(AbortReason),
    /// That of the abort.
    Abort,
    /// The parameters of the Redirect.
    Redirect,
    /// The parameters of the Reply.
    Reply,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Ignore,
    /// Any other session with the same addresses and ports is disconnected. Nothing to do where each has a port of its own.
    DisconnectOthers,
    /// The session is bound to the terminal's new address.
    Bind,
    /// TR-Invoke.req of class 2 with a Connect.
    InvokeConnect,
    /// TR-Invoke.req of class 0 with a Disconnect.
    InvokeDisconnect,
    /// TR-Invoke.req of class 0 with a Suspend.
    InvokeSuspend,
    /// TR-Invoke.req of class 2 with a Resume.
    InvokeResume,
    /// TR-Abort.req for the transaction of the Connect or the Resume.
    AbortOwn(AbortReason),
    /// TR-Abort.req for the transaction of the event.
    AbortInvoke(AbortReason),
    /// TR-Abort.req for the transaction of the event, with the reason that the event gives.
    AbortInvokeAsAsked,
    /// The pseudo-event Abort for every push.
    AbortPushes(AbortReason),
    /// TR-Result.res
    RespondToResult,
    /// TR-Invoke.res
    RespondToInvoke,
    /// `Session_ID` is that of the PDU.
    TakeSessionId,
    /// `N_PUSHES` is 0.
    ResetPushes,
    /// One more in `N_PUSHES`.
    CountPush,
    /// One less in `N_PUSHES`.
    UncountPush,
    /// S-Connect.cnf
    ConfirmConnect,
    /// S-Resume.cnf
    ConfirmResume,
    /// S-Disconnect.ind
    IndicateDisconnect(Told),
    /// S-Suspend.ind
    IndicateSuspend(Told),
    /// S-Push.ind
    IndicatePush,
    /// S-ConfirmedPush.ind
    IndicateConfirmedPush,
    /// S-PushAbort.ind
    IndicatePushAbort(Told),
    /// The state table of pushes counts: a new one begins with the event, or the event is that of one that is there.
    PushTable,
    /// The pseudo-event Disconnect.
    Disconnect,
    /// The pseudo-event Suspend.
    Suspend,
}

/// One row of a state table.
#[derive(Debug, Clone, Copy)]
pub struct Row<S: 'static> {
    /// In which state; absent: in any.
    pub state: Option<S>,
    /// What happens.
    pub event: EventKind,
    /// What else has to hold.
    pub conditions: &'static [Condition],
    /// What is done.
    pub actions: &'static [Action],
    /// The next state; absent: the same.
    pub next: Option<S>,
}

use Action as A;
use Condition as C;
use EventKind as E;

const DISCONNECT: AbortReason = AbortReason::DISCONNECT;
const MRUEXCEEDED: AbortReason = AbortReason::MRUEXCEEDED;
const PROTOERR: AbortReason = AbortReason::PROTOERR;
const SUSPEND: AbortReason = AbortReason::SUSPEND;
const USERREQ: AbortReason = AbortReason::USERREQ;

const fn told(reason: AbortReason) -> Told {
    Told::Reason(reason)
}

const fn row<S>(
    state: S,
    event: EventKind,
    conditions: &'static [Condition],
    actions: &'static [Action],
    next: Option<S>,
) -> Row<S>
where
    S: Copy,
{
    Row {
        state: Some(state),
        event,
        conditions,
        actions,
        next,
    }
}

const fn any<S: Copy>(
    event: EventKind,
    conditions: &'static [Condition],
    actions: &'static [Action],
    next: Option<S>,
) -> Row<S> {
    Row {
        state: None,
        event,
        conditions,
        actions,
        next,
    }
}

/// The tests that come before the state tables (WSP 7.1.5). A session that is not there is one in the state NULL.
//= specs/wsp.md#event-processing
//# A transaction whose message has more octets than the client takes MUST be aborted with MRUEXCEEDED.
//= specs/wsp.md#event-processing
//# A transaction of class 1 or 2 that belongs to no session MUST be aborted with DISCONNECT.
#[rustfmt::skip]
pub const BEFORE: &[Row<State>] = &[
    any(E::InvokeIndication, &[C::SduTooLarge], &[A::AbortInvoke(MRUEXCEEDED)], None),
    row(State::Null, E::InvokeIndication, &[C::Class1Or2], &[A::AbortInvoke(DISCONNECT)], None),
];

/// The state table of a session on the client (WSP 7.1.6.1).
#[rustfmt::skip]
pub const SESSION: &[Row<State>] = &[
    row(State::Null, E::ConnectRequest, &[], &[A::DisconnectOthers, A::InvokeConnect, A::ResetPushes], Some(State::Connecting)),

    row(State::Connecting, E::DisconnectRequest, &[], &[A::AbortOwn(DISCONNECT), A::IndicateDisconnect(told(USERREQ))], Some(State::Null)),
    row(State::Connecting, E::Disconnect, &[], &[A::AbortOwn(DISCONNECT), A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Connecting, E::Suspend, &[], &[A::AbortOwn(DISCONNECT), A::IndicateDisconnect(told(SUSPEND))], Some(State::Null)),
    row(State::Connecting, E::InvokeIndication, &[C::Class1, C::ConfirmedPushPdu], &[A::AbortInvoke(PROTOERR)], None),
    row(State::Connecting, E::ResultIndication, &[C::ConnectTransaction, C::SduTooLarge], &[A::AbortOwn(MRUEXCEEDED), A::IndicateDisconnect(told(MRUEXCEEDED))], Some(State::Null)),
    row(State::Connecting, E::ResultIndication, &[C::ConnectTransaction, C::ConnectReplyPdu], &[A::RespondToResult, A::TakeSessionId, A::ConfirmConnect], Some(State::Connected)),
    row(State::Connecting, E::ResultIndication, &[C::ConnectTransaction, C::RedirectPdu], &[A::RespondToResult, A::IndicateDisconnect(Told::Redirect)], Some(State::Null)),
    row(State::Connecting, E::ResultIndication, &[C::ConnectTransaction, C::ReplyPdu], &[A::RespondToResult, A::IndicateDisconnect(Told::Reply)], Some(State::Null)),
    row(State::Connecting, E::ResultIndication, &[], &[A::AbortOwn(PROTOERR), A::IndicateDisconnect(told(PROTOERR))], Some(State::Null)),
    row(State::Connecting, E::InvokeConfirmation, &[C::ConnectTransaction], &[A::Ignore], None),
    row(State::Connecting, E::AbortIndication, &[C::ConnectTransaction], &[A::IndicateDisconnect(Told::Abort)], Some(State::Null)),

    row(State::Connected, E::DisconnectRequest, &[], &[A::AbortPushes(DISCONNECT), A::InvokeDisconnect, A::IndicateDisconnect(told(USERREQ))], Some(State::Null)),
    row(State::Connected, E::Disconnect, &[], &[A::AbortPushes(DISCONNECT), A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Connected, E::ConfirmedPushResponse, &[], &[A::PushTable], None),
    row(State::Connected, E::PushAbortRequest, &[], &[A::PushTable], None),
    row(State::Connected, E::SuspendRequest, &[], &[A::AbortPushes(SUSPEND), A::InvokeSuspend, A::IndicateSuspend(told(USERREQ))], Some(State::Suspended)),
    row(State::Connected, E::Suspend, &[C::ResumeDisabled], &[A::AbortPushes(DISCONNECT), A::IndicateDisconnect(told(SUSPEND))], Some(State::Null)),
    row(State::Connected, E::Suspend, &[C::ResumeEnabled], &[A::AbortPushes(SUSPEND), A::IndicateSuspend(told(SUSPEND))], Some(State::Suspended)),
    row(State::Connected, E::ResumeRequest, &[], &[A::AbortPushes(USERREQ), A::Bind, A::InvokeResume], Some(State::Resuming)),
    row(State::Connected, E::InvokeIndication, &[C::Class0, C::DisconnectPdu], &[A::AbortPushes(DISCONNECT), A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Connected, E::InvokeIndication, &[C::Class0, C::PushPdu, C::PushEnabled], &[A::IndicatePush], None),
    row(State::Connected, E::InvokeIndication, &[C::Class1, C::ConfirmedPushPdu, C::ConfirmedPushEnabled], &[A::PushTable], None),
    row(State::Connected, E::AbortIndication, &[C::PushTransaction], &[A::PushTable], None),

    row(State::Suspended, E::DisconnectRequest, &[], &[A::IndicateDisconnect(told(USERREQ))], Some(State::Null)),
    row(State::Suspended, E::Disconnect, &[], &[A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Suspended, E::ResumeRequest, &[], &[A::InvokeResume], Some(State::Resuming)),
    row(State::Suspended, E::InvokeIndication, &[C::Class0, C::DisconnectPdu], &[A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Suspended, E::InvokeIndication, &[C::Class1, C::ConfirmedPushPdu, C::ConfirmedPushEnabled], &[A::AbortInvoke(SUSPEND)], None),
    row(State::Suspended, E::InvokeConfirmation, &[], &[A::Ignore], None),
    row(State::Suspended, E::AbortIndication, &[], &[A::Ignore], None),

    row(State::Resuming, E::DisconnectRequest, &[], &[A::AbortOwn(DISCONNECT), A::IndicateDisconnect(told(USERREQ))], Some(State::Null)),
    row(State::Resuming, E::Disconnect, &[], &[A::AbortOwn(DISCONNECT), A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Resuming, E::SuspendRequest, &[], &[A::AbortOwn(SUSPEND), A::InvokeSuspend, A::IndicateSuspend(told(USERREQ))], Some(State::Suspended)),
    row(State::Resuming, E::Suspend, &[], &[A::AbortOwn(SUSPEND), A::IndicateSuspend(told(SUSPEND))], Some(State::Suspended)),
    row(State::Resuming, E::InvokeIndication, &[C::Class0, C::DisconnectPdu], &[A::AbortOwn(DISCONNECT), A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Resuming, E::InvokeIndication, &[C::Class1, C::ConfirmedPushPdu, C::ConfirmedPushEnabled], &[A::AbortInvoke(PROTOERR)], None),
    row(State::Resuming, E::ResultIndication, &[C::ResumeTransaction, C::SduTooLarge], &[A::AbortOwn(MRUEXCEEDED), A::IndicateSuspend(told(MRUEXCEEDED))], Some(State::Suspended)),
    row(State::Resuming, E::ResultIndication, &[C::ResumeTransaction, C::ReplyPdu, C::StatusOk], &[A::RespondToResult, A::ConfirmResume], Some(State::Connected)),
    row(State::Resuming, E::ResultIndication, &[C::ResumeTransaction, C::ReplyPdu, C::StatusNotOk], &[A::RespondToResult, A::IndicateDisconnect(Told::Reply)], Some(State::Null)),
    row(State::Resuming, E::ResultIndication, &[], &[A::AbortOwn(PROTOERR), A::IndicateSuspend(told(PROTOERR))], Some(State::Suspended)),
    row(State::Resuming, E::InvokeConfirmation, &[C::ResumeTransaction], &[A::Ignore], None),
    row(State::Resuming, E::AbortIndication, &[C::ResumeTransaction, C::ReasonDisconnect], &[A::IndicateDisconnect(told(DISCONNECT))], Some(State::Null)),
    row(State::Resuming, E::AbortIndication, &[C::ResumeTransaction], &[A::IndicateSuspend(Told::Abort)], Some(State::Suspended)),
];

/// The tests that come after the state tables (WSP 7.1.5): what becomes of PDUs that no row of theirs is for.
//= specs/wsp.md#event-processing
//# A transaction of class 1 or 2 whose PDU the state tables do not name MUST be aborted with PROTOERR.
//= specs/wsp.md#event-processing
//# A transaction of class 0 whose PDU the state tables do not name MUST be ignored.
#[rustfmt::skip]
pub const AFTER: &[Row<State>] = &[
    any(E::InvokeIndication, &[C::Class1Or2], &[A::AbortInvoke(PROTOERR)], None),
    any(E::InvokeIndication, &[C::Class0], &[A::Ignore], None),
    row(State::Connected, E::ResultIndication, &[], &[A::AbortInvoke(PROTOERR), A::AbortPushes(PROTOERR), A::IndicateDisconnect(told(PROTOERR))], Some(State::Null)),
    row(State::Suspended, E::ResultIndication, &[], &[A::AbortInvoke(PROTOERR), A::IndicateDisconnect(told(PROTOERR))], Some(State::Null)),
];

/// The state table of a confirmed push on the client (WSP 7.1.6.3).
//= specs/wsp.md#push
//# A confirmed push beyond those that may be outstanding MUST be aborted with MOREXCEEDED.
#[rustfmt::skip]
pub const PUSH: &[Row<PushState>] = &[
    row(PushState::Null, E::InvokeIndication, &[C::Class1, C::ConfirmedPushPdu, C::PushesAtMost], &[A::AbortInvoke(AbortReason::MOREXCEEDED)], Some(PushState::Null)),
    row(PushState::Null, E::InvokeIndication, &[C::Class1, C::ConfirmedPushPdu, C::PushesBelowMost], &[A::CountPush, A::IndicateConfirmedPush], Some(PushState::Receiving)),

    row(PushState::Receiving, E::ConfirmedPushResponse, &[], &[A::RespondToInvoke, A::UncountPush], Some(PushState::Null)),
    row(PushState::Receiving, E::PushAbortRequest, &[], &[A::AbortInvokeAsAsked, A::IndicatePushAbort(told(USERREQ)), A::UncountPush], Some(PushState::Null)),
    row(PushState::Receiving, E::Abort, &[], &[A::AbortInvokeAsAsked, A::IndicatePushAbort(Told::Abort), A::UncountPush], Some(PushState::Null)),
    row(PushState::Receiving, E::AbortIndication, &[C::ReasonDisconnect], &[A::Disconnect], None),
    row(PushState::Receiving, E::AbortIndication, &[C::ReasonSuspend], &[A::Suspend], None),
    row(PushState::Receiving, E::AbortIndication, &[], &[A::IndicatePushAbort(Told::Abort), A::UncountPush], Some(PushState::Null)),
];

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reason(reason) => reason.fmt(f),
            Self::Abort => f.write_str("abort reason"),
            Self::Redirect => f.write_str("Redirect parameters"),
            Self::Reply => f.write_str("Reply parameters"),
        }
    }
}

/// As the specification writes it.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::AbortOwn(reason) => return write!(f, "TR-Abort.req({reason}) its own"),
            Self::AbortInvoke(reason) => return write!(f, "TR-Abort.req({reason}) the event's"),
            Self::AbortPushes(reason) => return write!(f, "Abort({reason}) pushes"),
            Self::IndicateDisconnect(told) => return write!(f, "S-Disconnect.ind({told})"),
            Self::IndicateSuspend(told) => return write!(f, "S-Suspend.ind({told})"),
            Self::IndicatePushAbort(told) => return write!(f, "S-PushAbort.ind({told})"),
            Self::Ignore => "ignore",
            Self::DisconnectOthers => "disconnect others of the quadruplet",
            Self::Bind => "bind to the new quadruplet",
            Self::InvokeConnect => "TR-Invoke.req(2, Connect)",
            Self::InvokeDisconnect => "TR-Invoke.req(0, Disconnect)",
            Self::InvokeSuspend => "TR-Invoke.req(0, Suspend)",
            Self::InvokeResume => "TR-Invoke.req(2, Resume)",
            Self::AbortInvokeAsAsked => "TR-Abort.req(abort reason) the event's",
            Self::RespondToResult => "TR-Result.res",
            Self::RespondToInvoke => "TR-Invoke.res",
            Self::TakeSessionId => "Session_ID from PDU",
            Self::ResetPushes => "N_PUSHES = 0",
            Self::CountPush => "N_PUSHES + 1",
            Self::UncountPush => "N_PUSHES - 1",
            Self::ConfirmConnect => "S-Connect.cnf",
            Self::ConfirmResume => "S-Resume.cnf",
            Self::IndicatePush => "S-Push.ind",
            Self::IndicateConfirmedPush => "S-ConfirmedPush.ind",
            Self::PushTable => "push state table",
            Self::Disconnect => "Disconnect the session",
            Self::Suspend => "Suspend the session",
        };
        f.write_str(text)
    }
}
