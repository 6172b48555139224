//! State tables as data: rows of which the first one that fits counts.

/// One row of a state table.
#[derive(Debug)]
pub(super) struct Row<S: 'static, E: 'static> {
    /// In this state,
    pub(super) state: S,
    /// when this happens
    pub(super) event: E,
    /// over such a transport,
    pub(super) over: Over,
    /// do this, in order,
    pub(super) actions: &'static [Action],
    /// and go there.
    pub(super) next: S,
}

/// A condition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Any,
    /// What is sent may be lost.
    Unreliable,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The request of a client, or the response that came from the user.
    Send,
    /// The response that was sent last, if there was one.
    SendAgain,
    /// 100, which is ready.
    SendTrying,
    Start(Timer),
    /// After twice the interval before, T2 at most.
    Double(Timer),
    StopTimers,
    IndicateResponse,
    IndicateTimeOut,
    IndicateFlowEnded,
    IndicateAck,
    IndicateCancel,
}

/// The timers of RFC 3261 17 and RFC 6026, by their letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// How long the user may take before an INVITE is answered with 100.
    Trying,
    /// When the request of a client is sent again: at first after T1.
    E,
    /// The same, once there was a provisional response: after T2.
    LongE,
    /// When a client gives up.
    F,
    /// When a failure of an INVITE is sent again.
    G,
    /// How long such a failure waits for its ACK.
    H,
    /// How long ACKs that come again are taken.
    I,
    /// How long a response is kept for requests that come again.
    J,
    /// How long responses that come again are taken.
    K,
    /// How long the user may send a 2xx again.
    L,
    /// How long a request that is no INVITE waits for its first answer: whoever sent it has given up by then.
    Unanswered,
}

/// The row for what happened; absent where it is ignored.
pub(super) fn find<S: PartialEq, E: PartialEq>(
    rows: &'static [Row<S, E>],
    state: &S,
    event: &E,
    reliable: bool,
) -> Option<&'static Row<S, E>> {
    rows.iter().find(|row| {
        row.state == *state && row.event == *event && (row.over == Over::Any || !reliable)
    })
}

macro_rules! rows {
    ($($state:ident $event:ident $([$over:ident])? => [$($action:expr),*] $next:ident;)+) => {
        &[$(Row {
            state: State::$state,
            event: Event::$event,
            over: rows!(@over $($over)?),
            actions: &[$($action),*],
            next: State::$next,
        },)+]
    };
    (@over) => { Over::Any };
    (@over $over:ident) => { Over::$over };
}
pub(super) use rows;
