//! The state tables, whole.

use std::fmt::{Debug, Write as _};

use super::super::Class;
use super::super::table::{Facts, Row, find};
use super::super::{initiator, responder};

fn shown<S: Debug, E: Debug>(rows: &[Row<S, E>]) -> String {
    let mut text = String::new();
    for Row {
        state,
        event,
        when,
        actions,
        next,
    } in rows
    {
        writeln!(
            text,
            "{state:?} | {event:?} | {when:?} | {actions:?} | {next:?}"
        )
        .unwrap();
    }
    text
}

#[test]
fn the_tables_of_the_initiator() {
    insta::assert_snapshot!(shown(initiator::ROWS));
}

#[test]
fn the_tables_of_the_responder() {
    insta::assert_snapshot!(shown(responder::ROWS));
}

/// Every row is the one that counts for some facts: none is hidden by those above it.
fn no_row_is_hidden<S: Debug + PartialEq + 'static, E: Debug + PartialEq + 'static>(
    rows: &'static [Row<S, E>],
) {
    let classes = [
        Class::Unreliable,
        Class::ReliableInvoke,
        Class::ReliableResult,
    ];
    let facts = || {
        classes.into_iter().flat_map(|class| {
            (0_u8..128).map(move |bits| {
                let bit = |number: u8| bits >> number & 1 == 1;
                Facts {
                    class,
                    hold_on: bit(0),
                    user_acknowledgement: bit(1),
                    retries_left: bit(2),
                    expirations_left: bit(3),
                    tid_ok_sent: bit(4),
                    retransmitted: bit(5),
                    valid_tid: bit(6),
                }
            })
        })
    };
    for row in rows {
        let reached = facts().any(|facts| {
            find(rows, &row.state, &row.event, facts).is_some_and(|found| std::ptr::eq(found, row))
        });
        assert!(reached, "{row:?} never counts");
    }
}

#[test]
fn no_row_is_hidden_by_another() {
    no_row_is_hidden(initiator::ROWS);
    no_row_is_hidden(responder::ROWS);
}
