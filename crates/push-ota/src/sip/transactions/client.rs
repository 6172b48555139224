//! The state table of a client's transaction that is no INVITE (RFC 3261 17.1.2).
//!
//! Beyond the RFC: a flow that ends takes its transactions along, over whatever it carries them.

use super::table::Action::{
    Double, IndicateFlowEnded, IndicateResponse, IndicateTimeOut, Send, Start, StopTimers,
};
use super::table::Timer::{E, F, K, LongE};
use super::table::{Over, Row, rows};

/// The states of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Begin,
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// What happens to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Request,
    Provisional,
    Final,
    TimerE,
    TimerF,
    TimerK,
    FlowEnded,
}

/// The table of all states.
pub(super) const ROWS: &[Row<State, Event>] = rows! {
    Begin Request [Unreliable] => [Send, Start(F), Start(E)] Trying;
    Begin Request => [Send, Start(F)] Trying;

    Trying TimerE => [Send, Double(E)] Trying;
    Trying TimerF => [StopTimers, IndicateTimeOut] Terminated;
    Trying Provisional => [IndicateResponse] Proceeding;
    Trying Final [Unreliable] => [StopTimers, IndicateResponse, Start(K)] Completed;
    Trying Final => [StopTimers, IndicateResponse] Terminated;
    Trying FlowEnded => [StopTimers, IndicateFlowEnded] Terminated;

    Proceeding TimerE => [Send, Start(LongE)] Proceeding;
    Proceeding TimerF => [StopTimers, IndicateTimeOut] Terminated;
    Proceeding Provisional => [IndicateResponse] Proceeding;
    Proceeding Final [Unreliable] => [StopTimers, IndicateResponse, Start(K)] Completed;
    Proceeding Final => [StopTimers, IndicateResponse] Terminated;
    Proceeding FlowEnded => [StopTimers, IndicateFlowEnded] Terminated;

    Completed Provisional => [] Completed;
    Completed Final => [] Completed;
    Completed TimerK => [] Terminated;
    Completed FlowEnded => [StopTimers] Terminated;
};
