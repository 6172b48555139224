//! Each row of the tables, driven; and that nothing happens where there is no row.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};

use super::super::table::{Action, Row, find};
use super::super::{client, server};
use super::*;

const TRANSPORTS: [Transport; 2] = [Transport::Udp, Transport::Tcp];

/// What can be seen of a step.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    sent: Vec<&'static str>,
    indicated: Vec<&'static str>,
    timers: Vec<Timer>,
}

fn shown<S: Debug, E: Debug>(rows: &[Row<S, E>]) -> String {
    let mut text = String::new();
    for row in rows {
        let Row {
            state,
            event,
            over,
            actions,
            next,
        } = row;
        writeln!(
            text,
            "{state:?} | {event:?} | {over:?} | {actions:?} | {next:?}"
        )
        .unwrap();
    }
    text
}

#[test]
fn the_table_of_clients() {
    insta::assert_snapshot!(shown(client::ROWS));
}

#[test]
fn the_table_of_servers() {
    insta::assert_snapshot!(shown(server::NON_INVITE));
}

#[test]
fn the_table_of_invitations() {
    insta::assert_snapshot!(shown(server::INVITE));
}

#[test]
fn no_row_is_hidden_by_another() {
    fn check<S: Debug + PartialEq, E: Debug + PartialEq>(rows: &'static [Row<S, E>]) {
        for row in rows {
            let counts = [false, true].into_iter().any(|reliable| {
                find(rows, &row.state, &row.event, reliable)
                    .is_some_and(|found| std::ptr::eq(found, row))
            });
            assert!(counts, "{row:?} never counts");
        }
    }
    check(client::ROWS);
    check(server::NON_INVITE);
    check(server::INVITE);
}

/// How many rows there are behind those of the begin, which every drive goes through.
fn from_begin<S: PartialEq, E>(rows: &[Row<S, E>], begin: &S) -> usize {
    rows.iter().filter(|row| row.state != *begin).count()
}

/// What a row has to show, if these timers ran before and this one has fired.
fn expected(
    actions: &[Action],
    mut timers: Vec<Timer>,
    fired: Option<Timer>,
    sent: &'static str,
) -> Seen {
    let mut seen = Seen::default();
    timers.retain(|timer| Some(*timer) != fired);
    for action in actions {
        match action {
            Action::Send => seen.sent.push(sent),
            Action::SendAgain => seen.sent.push("last"),
            Action::SendTrying => seen.sent.push("100"),
            Action::Start(timer) | Action::Double(timer) => timers.push(*timer),
            Action::StopTimers => timers.clear(),
            Action::IndicateResponse => seen.indicated.push("response"),
            Action::IndicateTimeOut => seen.indicated.push("timed out"),
            Action::IndicateFlowEnded => seen.indicated.push("flow ended"),
            Action::IndicateAck => seen.indicated.push("ack"),
            Action::IndicateCancel => seen.indicated.push("cancelled"),
        }
    }
    timers.sort_unstable();
    seen.timers = timers;
    seen
}

fn running(lab: &Lab) -> Vec<Timer> {
    let mut timers: Vec<_> = lab
        .machine
        .shared
        .timers
        .running()
        .iter()
        .map(|(timer, _)| *timer)
        .collect();
    timers.sort_unstable();
    timers
}

fn indicated(event: &TransactionEvent) -> Option<&'static str> {
    match event {
        TransactionEvent::Response { .. } => Some("response"),
        TransactionEvent::Ended {
            why: Unanswered::TimedOut,
            ..
        } => Some("timed out"),
        TransactionEvent::Ended {
            why: Unanswered::FlowEnded,
            ..
        } => Some("flow ended"),
        TransactionEvent::Ack { .. } => Some("ack"),
        TransactionEvent::Cancelled { .. } => Some("cancelled"),
        _ => None,
    }
}

/// A client in a state; what it sent is `sent`.
fn client_in(state: client::State, transport: Transport) -> (Lab, ClientId, String) {
    let mut lab = Lab::new(transport);
    let id = lab.send(Method::Options);
    let sent = lab.sent().remove(0);
    let status = match state {
        client::State::Proceeding => Some(183),
        client::State::Completed => Some(404),
        client::State::Begin | client::State::Trying | client::State::Terminated => None,
    };
    if let Some(status) = status {
        lab.receive(&Lab::response_to(&sent, status));
    }
    lab.events();
    (lab, id, sent)
}

#[test]
fn each_row_of_the_table_of_clients() {
    use client::{Event, State};
    let events = [
        (Event::Provisional, None),
        (Event::Final, None),
        (Event::TimerE, Some(Timer::E)),
        (Event::TimerF, Some(Timer::F)),
        (Event::TimerK, Some(Timer::K)),
        (Event::FlowEnded, None),
    ];
    let mut driven = BTreeSet::new();
    for transport in TRANSPORTS {
        for state in [State::Trying, State::Proceeding, State::Completed] {
            for (event, timer) in events {
                let (mut lab, id, sent) = client_in(state, transport);
                let Some(client) = lab.machine.clients.all.get(&id) else {
                    // Over what is reliable there is no such state.
                    continue;
                };
                assert_eq!(client.state, state);
                let before = running(&lab);
                if timer.is_some_and(|timer| !before.contains(&timer)) {
                    continue;
                }
                match event {
                    Event::Provisional => lab.receive(&Lab::response_to(&sent, 182)),
                    Event::Final => lab.receive(&Lab::response_to(&sent, 200)),
                    Event::FlowEnded => lab.machine.flow_ended(FlowId(1), lab.now),
                    Event::TimerE | Event::TimerF | Event::TimerK | Event::Request => {
                        let timer = timer.unwrap();
                        lab.machine.shared.timers.take(timer);
                        let Transactions {
                            clients, shared, ..
                        } = &mut lab.machine;
                        clients.timer(id, timer, shared, lab.now);
                    }
                }
                let row = find(client::ROWS, &state, &event, transport.is_reliable());
                let actions = row.map_or(&[][..], |row| row.actions);
                let next = row.map_or(state, |row| row.next);
                let mut seen = Seen {
                    timers: running(&lab),
                    ..Seen::default()
                };
                for out in lab.events() {
                    if let TransactionEvent::Transmit { octets, .. } = &out {
                        assert_eq!(*octets, sent.as_bytes());
                        seen.sent.push("request");
                    }
                    seen.indicated.extend(indicated(&out));
                }
                assert_eq!(
                    seen,
                    expected(actions, before, timer, "request"),
                    "{state:?} {event:?} {transport}"
                );
                let now = lab.machine.clients.all.get(&id).map(|client| client.state);
                assert_eq!(
                    now.unwrap_or(State::Terminated),
                    next,
                    "{state:?} {event:?}"
                );
                driven.extend(row.map(std::ptr::from_ref));
            }
        }
    }
    assert_eq!(driven.len(), from_begin(client::ROWS, &State::Begin));
}

/// The status that brings a server into a state, and whether it is acknowledged then.
fn server_in(invite: bool, state: server::State, transport: Transport) -> (Lab, ServerId, Request) {
    use server::State;
    let mut lab = Lab::new(transport);
    let method = if invite { "INVITE" } else { "MESSAGE" };
    let (id, first) = lab.request(&request(method, "z9hG4bKrow"));
    match state {
        State::Begin | State::Trying | State::Terminated => {}
        State::Proceeding if invite => {}
        State::Proceeding => lab.respond(id, &first, 183),
        State::Completed => lab.respond(id, &first, 480),
        State::Confirmed => {
            lab.respond(id, &first, 480);
            lab.receive(&request("ACK", "z9hG4bKrow"));
        }
        State::Accepted => lab.respond(id, &first, 200),
    }
    lab.events();
    (lab, id, first)
}

fn each_row_of_servers(invite: bool, rows: &'static [Row<server::State, server::Event>]) {
    use server::{Event, State};
    let events = [
        (Event::Request, None),
        (Event::Ack, None),
        (Event::Cancel, None),
        (Event::Provisional, None),
        (Event::Success, None),
        (Event::Failure, None),
        (Event::TimerTrying, Some(Timer::Trying)),
        (Event::TimerG, Some(Timer::G)),
        (Event::TimerH, Some(Timer::H)),
        (Event::TimerI, Some(Timer::I)),
        (Event::TimerJ, Some(Timer::J)),
        (Event::TimerL, Some(Timer::L)),
        (Event::TimerUnanswered, Some(Timer::Unanswered)),
        (Event::FlowEnded, None),
    ];
    let states = [
        State::Trying,
        State::Proceeding,
        State::Completed,
        State::Confirmed,
        State::Accepted,
    ];
    let method = if invite { "INVITE" } else { "MESSAGE" };
    let mut driven = BTreeSet::new();
    for transport in TRANSPORTS {
        for state in states {
            for (event, timer) in events {
                let (mut lab, id, first) = server_in(invite, state, transport);
                let there = lab.machine.servers.all.get(&id);
                if there.is_none_or(|server| server.state != state) {
                    continue;
                }
                let last = there.and_then(|server| server.last.clone());
                let before = running(&lab);
                if timer.is_some_and(|timer| !before.contains(&timer)) {
                    continue;
                }
                match event {
                    Event::Request => lab.receive(&request(method, "z9hG4bKrow")),
                    // No ACK and no CANCEL finds what is no INVITE.
                    Event::Ack | Event::Cancel if !invite => continue,
                    Event::Ack => lab.receive(&request("ACK", "z9hG4bKrow")),
                    Event::Cancel => lab.receive(&request("CANCEL", "z9hG4bKrow")),
                    Event::Provisional => lab.respond(id, &first, 180),
                    Event::Success => lab.respond(id, &first, 202),
                    Event::Failure => lab.respond(id, &first, 488),
                    Event::FlowEnded => lab.machine.flow_ended(FlowId(1), lab.now),
                    Event::TimerTrying
                    | Event::TimerG
                    | Event::TimerH
                    | Event::TimerI
                    | Event::TimerJ
                    | Event::TimerL
                    | Event::TimerUnanswered => {
                        let timer = timer.unwrap();
                        lab.machine.shared.timers.take(timer);
                        let Transactions {
                            servers, shared, ..
                        } = &mut lab.machine;
                        servers.timer(id, timer, shared, lab.now);
                    }
                }
                let row = find(rows, &state, &event, transport.is_reliable());
                let actions = row.map_or(&[][..], |row| row.actions);
                let next = row.map_or(state, |row| row.next);
                let mut wanted = expected(actions, before, timer, "new");
                if last.is_none() {
                    wanted.sent.retain(|sent| *sent != "last");
                }
                let mut seen = Seen {
                    timers: running(&lab),
                    ..Seen::default()
                };
                for out in lab.events() {
                    if let TransactionEvent::Transmit { octets, .. } = &out {
                        let text = String::from_utf8_lossy(octets).into_owned();
                        seen.sent.extend(match () {
                            () if text.contains("CANCEL") => None,
                            () if Some(octets) == last.as_ref() => Some("last"),
                            () if text.starts_with("SIP/2.0 100 ") => Some("100"),
                            () => Some("new"),
                        });
                    }
                    seen.indicated.extend(indicated(&out));
                }
                assert_eq!(seen, wanted, "{state:?} {event:?} {transport}");
                let now = lab.machine.servers.all.get(&id).map(|server| server.state);
                assert_eq!(
                    now.unwrap_or(State::Terminated),
                    next,
                    "{state:?} {event:?}"
                );
                driven.extend(row.map(std::ptr::from_ref));
            }
        }
    }
    assert_eq!(driven.len(), from_begin(rows, &State::Begin));
}

#[test]
fn each_row_of_the_table_of_servers() {
    each_row_of_servers(false, server::NON_INVITE);
}

#[test]
fn each_row_of_the_table_of_invitations() {
    each_row_of_servers(true, server::INVITE);
}
