//! State tables as data: rows in the order of WTP 9.5 and 9.6, of which the first one that fits counts.

use super::Class;
use wap_wire::wtp::ProviderAbortReason;

/// One row of a state table.
#[derive(Debug)]
pub(super) struct Row<S: 'static, E: 'static> {
    /// In this state,
    pub(super) state: S,
    /// when this happens
    pub(super) event: E,
    /// and all of these hold,
    pub(super) when: &'static [When],
    /// do this, in order,
    pub(super) actions: &'static [Action],
    /// and go there.
    pub(super) next: S,
}

/// A condition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// The class of the transaction.
    Class(Class),
    /// The peer has confirmed the invoke message of a transaction of class 2.
    HoldOn,
    /// It has not.
    NoHoldOn,
    /// The user has to acknowledge.
    UserAcknowledgement,
    /// The provider may acknowledge by itself.
    NoUserAcknowledgement,
    /// RCR < `RCR_MAX`.
    RetriesLeft,
    /// AEC < `AEC_MAX`.
    ExpirationsLeft,
    /// The peer has been told that the TID is right.
    TidOkSent,
    /// RID = 1.
    Again,
    /// The TID needs no verification.
    ValidTid,
    /// It does.
    InvalidTid,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    StopTimer,
    /// R, by class.
    StartRetryTimer,
    /// A, by class.
    StartAcknowledgementTimer,
    /// W.
    StartWaitTimer,
    /// How long a result may take once the invoke message is confirmed.
    StartResultTimer,
    /// How long a peer may take to answer a verification.
    StartVerificationTimer,
    ResetRetries,
    IncrementRetries,
    IncrementExpirations,
    SetHoldOn,
    SendInvoke,
    SendInvokeAgain,
    SendAck,
    SendAckAgain,
    SendTidVerify,
    SendTidVerifyAgain,
    SendTidOk,
    /// With the reason that the user gave.
    SendUserAbort,
    SendAbort(ProviderAbortReason),
    IndicateInvoke,
    ConfirmInvoke,
    IndicateResult,
    /// For the reason that the peer gave.
    IndicatePeerAbort,
    IndicateAbort(ProviderAbortReason),
}

/// What conditions are judged by.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a condition of its own in the tables"
)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) class: Class,
    pub(super) hold_on: bool,
    pub(super) user_acknowledgement: bool,
    pub(super) retries_left: bool,
    pub(super) expirations_left: bool,
    pub(super) tid_ok_sent: bool,
    pub(super) retransmitted: bool,
    pub(super) valid_tid: bool,
}

impl When {
    fn holds(self, facts: Facts) -> bool {
        match self {
            Self::Class(class) => facts.class == class,
            Self::HoldOn => facts.hold_on,
            Self::NoHoldOn => !facts.hold_on,
            Self::UserAcknowledgement => facts.user_acknowledgement,
            Self::NoUserAcknowledgement => !facts.user_acknowledgement,
            Self::RetriesLeft => facts.retries_left,
            Self::ExpirationsLeft => facts.expirations_left,
            Self::TidOkSent => facts.tid_ok_sent,
            Self::Again => facts.retransmitted,
            Self::ValidTid => facts.valid_tid,
            Self::InvalidTid => !facts.valid_tid,
        }
    }
}

/// The row for what happened; absent where it is ignored.
pub(super) fn find<S: PartialEq, E: PartialEq>(
    rows: &'static [Row<S, E>],
    state: &S,
    event: &E,
    facts: Facts,
) -> Option<&'static Row<S, E>> {
    rows.iter().find(|row| {
        row.state == *state
            && row.event == *event
            && row.when.iter().all(|condition| condition.holds(facts))
    })
}
