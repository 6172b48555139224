//! The state tables whole, every row of them driven, and what sessions say.

use std::fmt::Write as _;

use wap_wire::wsp::{Capability, Header};

use super::table::{AFTER, BEFORE, PUSH, SESSION};
use super::*;
use crate::wtp::AbortReason as TransactionAbort;

const OWN: TransactionHandle = TransactionHandle(1);
const RESUME: TransactionHandle = TransactionHandle(2);
const PUSHED: TransactionHandle = TransactionHandle(3);
const NEW: TransactionHandle = TransactionHandle(4);
const SESSION_ID: u32 = 300;
const CONFIRMED_PUSH: &[u8] = &[0x07, 0x01, 0x83, b'x'];
const PUSH_PDU: &[u8] = &[0x06, 0x01, 0x83, b'x'];
const GET: &[u8] = &[0x40, 0x00];

/// Settings under which the tables alone count.
fn strict() -> SessionSettings {
    SessionSettings {
        unnegotiated_pushes: false,
        early_pushes: false,
        client_sdu_size: 1400,
        push_mor: 2,
        ..SessionSettings::default()
    }
}

fn profile() -> SessionProfile {
    let id = |text| PushApplicationId::parse(text).unwrap();
    SessionProfile {
        applications: vec![
            id("x-wap-application:wml.ua"),
            id("x-wap-application:mms.ua"),
            id("x-acme:meter"),
            id("0x9000"),
        ],
        accept: vec!["text/vnd.wap.si".into(), "x-acme/reading".into()],
        bearer: 0x0B,
    }
}

fn reply(options: u8, push_mor: u8) -> Vec<u8> {
    let capabilities = [
        Capability::ProtocolOptions(ProtocolOptions(options)),
        Capability::PushMor(push_mor),
    ];
    EncodeOptions::default()
        .connect_reply(SESSION_ID, &capabilities, &[])
        .unwrap()
}

fn drain(session: &mut Session) -> Vec<SessionOutput> {
    std::iter::from_fn(|| session.poll_output()).collect()
}

/// A session in a state, with this many pushes under way.
fn session_in(state: State, settings: SessionSettings, options: u8, push_mor: u8) -> Session {
    let mut session = Session::new(settings, profile());
    let connect = |session: &mut Session| {
        session.handle_event(&SessionEvent::Connect);
        session.begun(OWN);
    };
    let connected = |session: &mut Session| {
        connect(session);
        session.handle_event(&SessionEvent::Result(OWN, &reply(options, push_mor)));
    };
    match state {
        State::Null => {}
        State::Connecting => connect(&mut session),
        State::Connected => connected(&mut session),
        State::Suspended => {
            connected(&mut session);
            session.handle_event(&SessionEvent::Suspend);
        }
        State::Resuming => {
            connected(&mut session);
            session.handle_event(&SessionEvent::Suspend);
            session.handle_event(&SessionEvent::Resume);
            session.begun(RESUME);
        }
    }
    drain(&mut session);
    assert_eq!(session.state(), state);
    session
}

fn shown<S: std::fmt::Debug + Copy>(name: &str, rows: &[Row<S>]) -> String {
    let mut text = format!("{name}\n");
    for row in rows {
        let state = row
            .state
            .map_or_else(|| "any".to_owned(), |state| format!("{state:?}"));
        let next = row
            .next
            .map_or_else(|| "same".to_owned(), |next| format!("{next:?}"));
        let conditions: Vec<_> = row
            .conditions
            .iter()
            .map(|one| format!("{one:?}"))
            .collect();
        let actions: Vec<_> = row.actions.iter().map(ToString::to_string).collect();
        writeln!(
            text,
            "  {state} | {:?} [{}] | {} | {next}",
            row.event,
            conditions.join(", "),
            actions.join("; ")
        )
        .unwrap();
    }
    text
}

#[test]
fn the_whole_tables() {
    let tables = [
        shown("before the tables", BEFORE),
        shown("session", SESSION),
        shown("after the tables", AFTER),
        shown("push", PUSH),
    ];
    insta::assert_snapshot!(tables.join("\n"));
}

/// What to feed a session in the state of a row with, so that this row is the one that counts.
struct Case {
    session: Session,
    own: TransactionHandle,
    transaction: TransactionHandle,
    class: Class,
    octets: Vec<u8>,
    reason: AbortReason,
}

impl Case {
    fn of(state: State, pushes: u64, conditions: &[Condition]) -> Self {
        let has = |condition| conditions.contains(&condition);
        let options = if has(Condition::ResumeDisabled) {
            0xC0
        } else {
            0xE0
        };
        let mut session = session_in(state, strict(), options, 2);
        for push in 0..pushes {
            let push = TransactionHandle(PUSHED.0 + 10 * push);
            session.handle_event(&SessionEvent::Invoked(
                push,
                Class::ReliableInvoke,
                CONFIRMED_PUSH,
            ));
        }
        drain(&mut session);
        let own = if state == State::Resuming {
            RESUME
        } else {
            OWN
        };
        let is_own = has(Condition::ConnectTransaction)
            || has(Condition::ResumeTransaction)
            || conditions.is_empty();
        let mut octets = if has(Condition::DisconnectPdu) {
            EncodeOptions::default().disconnect(SESSION_ID)
        } else if has(Condition::PushPdu) {
            PUSH_PDU.to_vec()
        } else if has(Condition::ConfirmedPushPdu) {
            CONFIRMED_PUSH.to_vec()
        } else if has(Condition::ConnectReplyPdu) {
            reply(0xE0, 2)
        } else if has(Condition::RedirectPdu) {
            vec![0x03, 0x80, 0x04, 192, 0, 2, 9]
        } else if has(Condition::StatusOk) {
            vec![0x04, 0x20, 0x00]
        } else if has(Condition::StatusNotOk) || has(Condition::ReplyPdu) {
            vec![0x04, 0x63, 0x00]
        } else {
            GET.to_vec()
        };
        if has(Condition::SduTooLarge) {
            octets.resize(1401, 0);
        }
        Self {
            session,
            own,
            transaction: if has(Condition::PushTransaction) {
                PUSHED
            } else if is_own {
                own
            } else {
                NEW
            },
            class: if has(Condition::Class0) {
                Class::Unreliable
            } else {
                Class::ReliableInvoke
            },
            octets,
            reason: if has(Condition::ReasonDisconnect) {
                AbortReason::DISCONNECT
            } else if has(Condition::ReasonSuspend) {
                AbortReason::SUSPEND
            } else {
                AbortReason::CONGESTION
            },
        }
    }

    fn drive(&mut self, event: EventKind) -> Vec<SessionOutput> {
        let transaction = self.transaction;
        let abort = TransactionAbort::User(self.reason);
        let event = match event {
            EventKind::ConnectRequest => SessionEvent::Connect,
            EventKind::DisconnectRequest => SessionEvent::Disconnect,
            EventKind::SuspendRequest => SessionEvent::Suspend,
            EventKind::ResumeRequest => SessionEvent::Resume,
            EventKind::ConfirmedPushResponse => SessionEvent::ConfirmedPush(transaction),
            EventKind::PushAbortRequest => SessionEvent::PushAbort(transaction, self.reason),
            EventKind::InvokeIndication => {
                SessionEvent::Invoked(transaction, self.class, &self.octets)
            }
            EventKind::ResultIndication => SessionEvent::Result(transaction, &self.octets),
            EventKind::InvokeConfirmation => SessionEvent::InvokeConfirmed(transaction),
            EventKind::AbortIndication => SessionEvent::Aborted(transaction, abort),
            EventKind::Disconnect | EventKind::Suspend => {
                self.session.take(&Event::of(event));
                return drain(&mut self.session);
            }
            EventKind::Abort => {
                self.session.abort_pushes(self.reason);
                return drain(&mut self.session);
            }
        };
        self.session.handle_event(&event);
        drain(&mut self.session)
    }

    /// What an action of a row gives, by its meaning in the specification.
    fn expected(&self, action: Action, pushes: &[TransactionHandle]) -> Vec<SessionOutput> {
        let cause = |told| match told {
            Told::Reason(reason) => Cause::Reason(reason),
            Told::Abort => Cause::Aborted(TransactionAbort::User(self.reason)),
            Told::Redirect => Cause::Redirect {
                permanent: true,
                addresses: Box::from([0x04, 192, 0, 2, 9]),
            },
            Told::Reply => Cause::Reply(Status(0x63)),
        };
        let out = SessionOutput::Invoke;
        vec![match action {
            Action::Ignore
            | Action::DisconnectOthers
            | Action::ResetPushes
            | Action::CountPush
            | Action::UncountPush
            | Action::TakeSessionId
            // What these lead to is in rows of their own.
            | Action::PushTable
            | Action::Disconnect
            | Action::Suspend => return Vec::new(),
            Action::Bind => SessionOutput::Bind,
            Action::InvokeConnect => {
                let connect = capabilities::connect(&strict(), &profile()).unwrap();
                out(Class::ReliableResult, connect.into())
            }
            Action::InvokeDisconnect => out(Class::Unreliable, Box::from([0x05, 0x82, 0x2C])),
            Action::InvokeSuspend => out(Class::Unreliable, Box::from([0x08, 0x82, 0x2C])),
            Action::InvokeResume => {
                let resume = [0x09, 0x82, 0x2C, 0x00, 0xB3, 0x8B];
                out(Class::ReliableResult, Box::from(resume))
            }
            Action::AbortOwn(reason) => SessionOutput::Abort(self.own, reason),
            Action::AbortInvoke(reason) => {
                let abort = SessionOutput::Abort(self.transaction, reason);
                return vec![abort, SessionOutput::NotTaken(reason)];
            }
            Action::AbortInvokeAsAsked => SessionOutput::Abort(self.transaction, self.reason),
            Action::AbortPushes(reason) => {
                let aborted = Cause::Aborted(TransactionAbort::User(reason));
                let both = |&push: &TransactionHandle| {
                    let indicated = SessionOutput::PushAborted(push, aborted.clone());
                    [SessionOutput::Abort(push, reason), indicated]
                };
                return pushes.iter().flat_map(both).collect();
            }
            Action::RespondToResult | Action::RespondToInvoke => {
                SessionOutput::Respond(self.transaction)
            }
            Action::ConfirmConnect => SessionOutput::Connected,
            Action::ConfirmResume => SessionOutput::Resumed,
            Action::IndicateDisconnect(told) => SessionOutput::Disconnected(cause(told)),
            Action::IndicateSuspend(told) => SessionOutput::Suspended(cause(told)),
            Action::IndicatePush => SessionOutput::Push(self.octets.clone().into()),
            Action::IndicateConfirmedPush => {
                SessionOutput::ConfirmedPush(self.transaction, self.octets.clone().into())
            }
            Action::IndicatePushAbort(told) => {
                SessionOutput::PushAborted(self.transaction, cause(told))
            }
        }]
    }
}

const STATES: [State; 5] = [
    State::Null,
    State::Connecting,
    State::Connected,
    State::Suspended,
    State::Resuming,
];

#[track_caller]
fn drive_row(row: &Row<State>, state: State) {
    let under_way = u64::from(state == State::Connected);
    let mut case = Case::of(state, under_way, row.conditions);
    if matches!(
        row.event,
        EventKind::ConfirmedPushResponse | EventKind::PushAbortRequest
    ) {
        case.transaction = PUSHED;
    }
    let pushes: Vec<_> = case.session.pushes.iter().copied().collect();
    let outputs = case.drive(row.event);
    let next = row.next.unwrap_or(state);
    assert_eq!(case.session.state(), next, "{state:?} {row:?}");
    if row.actions.contains(&Action::PushTable) {
        assert!(!outputs.is_empty(), "{state:?} {row:?}");
        return;
    }
    let expected: Vec<_> = row
        .actions
        .iter()
        .flat_map(|action| case.expected(*action, &pushes))
        .collect();
    assert_eq!(outputs, expected, "{state:?} {row:?}");
    if next == State::Null
        || row
            .actions
            .iter()
            .any(|one| matches!(one, Action::AbortPushes(_)))
    {
        assert_eq!(case.session.pushes(), 0, "{state:?} {row:?}");
    }
}

#[test]
//= specs/wsp.md#state-tables
//= type=test
//# A client MUST do in each state of a session what the state tables say for each event.
fn every_row_of_the_session_table_is_driven() {
    for row in SESSION {
        drive_row(row, row.state.unwrap());
    }
}

#[test]
//= specs/wsp.md#event-processing
//= type=test
//# A transaction whose message has more octets than the client takes MUST be aborted with MRUEXCEEDED.
//= specs/wsp.md#event-processing
//= type=test
//# A transaction of class 1 or 2 that belongs to no session MUST be aborted with DISCONNECT.
//= specs/wsp.md#event-processing
//= type=test
//# A transaction of class 1 or 2 whose PDU the state tables do not name MUST be aborted with PROTOERR.
//= specs/wsp.md#event-processing
//= type=test
//# A transaction of class 0 whose PDU the state tables do not name MUST be ignored.
fn every_row_before_and_after_the_tables_is_driven() {
    for row in BEFORE {
        for state in row
            .state
            .map_or_else(|| STATES.to_vec(), |state| vec![state])
        {
            drive_row(row, state);
        }
    }
    for row in AFTER {
        for state in row
            .state
            .map_or_else(|| STATES.to_vec(), |state| vec![state])
        {
            // Without a session the tests before the tables have said what is to be done.
            if state != State::Null || row.conditions == [Condition::Class0] {
                drive_row(row, state);
            }
        }
    }
}

#[test]
//= specs/wsp.md#state-tables
//= type=test
//# A client MUST do in each state of a confirmed push what the state tables say for each event.
//= specs/wsp.md#push
//= type=test
//# A confirmed push beyond those that may be outstanding MUST be aborted with MOREXCEEDED.
fn every_row_of_the_push_table_is_driven() {
    for row in PUSH {
        let is_full = row.conditions.contains(&Condition::PushesAtMost);
        let is_new = row.state == Some(PushState::Null);
        let under_way = if is_full { 2 } else { 1 };
        let mut case = Case::of(State::Connected, under_way, row.conditions);
        case.transaction = if is_new { NEW } else { PUSHED };
        let outputs = case.drive(row.event);
        let expected: Vec<_> = match row.actions {
            [Action::Disconnect] => ended(AbortReason::DISCONNECT, SessionOutput::Disconnected),
            [Action::Suspend] => ended(AbortReason::SUSPEND, SessionOutput::Suspended),
            actions => actions
                .iter()
                .flat_map(|action| case.expected(*action, &[]))
                .collect(),
        };
        assert_eq!(outputs, expected, "{row:?}");
        let has = |action| row.actions.contains(&action);
        let more = u64::from(has(Action::CountPush));
        let fewer = [Action::UncountPush, Action::Disconnect, Action::Suspend];
        let fewer = u64::from(fewer.into_iter().any(has));
        let counted = under_way + more - fewer;
        assert_eq!(case.session.pushes() as u64, counted, "{row:?}");
    }
}

/// What becomes of a session with one push whose transaction was aborted for such a reason.
fn ended(reason: AbortReason, how: fn(Cause) -> SessionOutput) -> Vec<SessionOutput> {
    let aborted = Cause::Aborted(TransactionAbort::User(reason));
    vec![
        SessionOutput::Abort(PUSHED, reason),
        SessionOutput::PushAborted(PUSHED, aborted),
        how(Cause::Reason(reason)),
    ]
}

#[test]
fn requests_that_no_row_is_for_change_nothing() {
    let requests = [
        EventKind::ConnectRequest,
        EventKind::DisconnectRequest,
        EventKind::SuspendRequest,
        EventKind::ResumeRequest,
        EventKind::ConfirmedPushResponse,
        EventKind::PushAbortRequest,
    ];
    for state in STATES {
        for event in requests {
            let known = SESSION
                .iter()
                .any(|row| row.state == Some(state) && row.event == event);
            let mut case = Case::of(state, 0, &[]);
            if !known {
                assert_eq!(case.drive(event), [], "{state:?} {event:?}");
                assert_eq!(case.session.state(), state, "{event:?}");
            }
        }
    }
}

fn invoked(octets: &[u8]) -> SessionEvent<'_> {
    SessionEvent::Invoked(NEW, Class::ReliableInvoke, octets)
}

#[test]
fn facilities_that_the_server_did_not_enable_count_where_they_were_offered() {
    let lenient = SessionSettings {
        unnegotiated_pushes: true,
        ..strict()
    };
    let push = SessionEvent::Invoked(NEW, Class::Unreliable, PUSH_PDU);
    for (settings, options, taken) in [
        (strict(), 0x00, false),
        (strict(), 0xC0, true),
        (lenient.clone(), 0x00, true),
        (
            SessionSettings {
                push: false,
                confirmed_push: false,
                ..lenient
            },
            0x00,
            false,
        ),
    ] {
        let mut session = session_in(State::Connected, settings, options, 0);
        session.handle_event(&push);
        let pushed = SessionOutput::Push(PUSH_PDU.into());
        assert_eq!(drain(&mut session).contains(&pushed), taken);
        if options == 0 {
            session.handle_event(&invoked(CONFIRMED_PUSH));
            let outputs = drain(&mut session);
            let confirmed = SessionOutput::ConfirmedPush(NEW, CONFIRMED_PUSH.into());
            assert_eq!(outputs.contains(&confirmed), taken, "{outputs:?}");
            let aborted = SessionOutput::Abort(NEW, AbortReason::PROTOERR);
            assert_eq!(outputs.contains(&aborted), !taken, "{outputs:?}");
        }
    }
}

#[test]
fn a_push_that_overtakes_the_answer_waits_for_it() {
    let patient = || SessionSettings {
        early_pushes: true,
        push_mor: 2,
        ..strict()
    };
    let mut session = session_in(State::Connecting, patient(), 0xE0, 2);
    for transaction in [11, 12, 13].map(TransactionHandle) {
        let push = SessionEvent::Invoked(transaction, Class::ReliableInvoke, CONFIRMED_PUSH);
        session.handle_event(&push);
    }
    // The third is one too many.
    let abort = SessionOutput::Abort(TransactionHandle(13), AbortReason::PROTOERR);
    assert_eq!(
        drain(&mut session),
        [abort, SessionOutput::NotTaken(AbortReason::PROTOERR)]
    );
    let gone = TransactionAbort::User(AbortReason::CONGESTION);
    session.handle_event(&SessionEvent::Aborted(TransactionHandle(11), gone));
    session.handle_event(&SessionEvent::Result(OWN, &reply(0xE0, 2)));
    let pushed = SessionOutput::ConfirmedPush(TransactionHandle(12), CONFIRMED_PUSH.into());
    let expected = [
        SessionOutput::Respond(OWN),
        SessionOutput::Connected,
        pushed,
    ];
    assert_eq!(drain(&mut session), expected);
    // Where there will be no session they are told so.
    let mut session = session_in(State::Connecting, patient(), 0xE0, 2);
    session.handle_event(&invoked(CONFIRMED_PUSH));
    session.handle_event(&SessionEvent::Result(OWN, &[0x04, 0x63, 0x00]));
    let outputs = drain(&mut session);
    assert!(
        outputs.contains(&SessionOutput::Abort(NEW, AbortReason::DISCONNECT)),
        "{outputs:?}"
    );
    assert!(outputs.contains(&SessionOutput::Disconnected(Cause::Reply(Status(0x63)))));
}

#[test]
fn a_disconnect_of_another_session_is_not_for_this_one() {
    let mut session = session_in(State::Connected, strict(), 0xE0, 2);
    let other = EncodeOptions::default().disconnect(SESSION_ID + 1);
    session.handle_event(&SessionEvent::Invoked(NEW, Class::Unreliable, &other));
    assert_eq!(drain(&mut session), []);
    assert_eq!(session.state(), State::Connected);
}

#[test]
//= specs/wsp.md#capabilities
//= type=test
//# A capability of this protocol that a reply leaves out MUST be taken for the one that was proposed.
//= specs/wsp.md#capabilities
//= type=test
//# A capability that is not known MUST be ignored.
//= specs/wsp.md#capabilities
//= type=test
//# Bits and octets of the protocol options that are not defined MUST be ignored.
fn a_reply_takes_away_and_never_adds() {
    let settings = SessionSettings {
        push_mor: 4,
        ..strict()
    };
    for (capabilities, options, push_mor, size) in [
        (&[][..], 0xE0, 4, 1400),
        (&[0x02, 0x82, 0x80], 0x80, 4, 1400),
        (&[0x02, 0x82, 0xFF], 0xE0, 4, 1400),
        (&[0x04, 0x82, 0x40, 0xFF, 0xFF], 0x40, 4, 1400),
        (&[0x02, 0x84, 0x02], 0xE0, 2, 1400),
        (&[0x02, 0x84, 0x09], 0xE0, 4, 1400),
        (&[0x03, 0x80, 0x87, 0x68], 0xE0, 4, 1000),
        (&[0x03, 0x80, 0x8F, 0x50], 0xE0, 4, 1400),
        (&[0x02, 0x80, 0x00], 0xE0, 4, 1400),
        // One without parameters, one of another number, one with a name, one that runs past the end.
        (&[0x01, 0x82], 0xE0, 4, 1400),
        (&[0x02, 0xC0, 0x01, 0x02, 0x82, 0x40], 0x40, 4, 1400),
        (b"\x04X-A\x00\x02\x84\x01", 0xE0, 1, 1400),
        (&[0x02, 0x84, 0x01, 0x09, 0x82], 0xE0, 1, 1400),
        // Of what is repeated the first counts.
        (&[0x02, 0x84, 0x03, 0x02, 0x84, 0x01], 0xE0, 3, 1400),
    ] {
        let negotiated = Negotiated::of(&settings, wap_wire::wsp::Capabilities::new(capabilities));
        let expected = Negotiated {
            options: ProtocolOptions(options),
            push_mor,
            client_sdu_size: size,
        };
        assert_eq!(negotiated, expected, "{capabilities:02X?}");
    }
}

#[test]
//= specs/ota-wsp.md#headers
//= type=test
//# Accept-Application, Bearer-Indication and Push-Flag MUST be sent in the compact encoding of WSP.
//= specs/ota-wsp.md#bearer
//= type=test
//# The bearer that a session is opened over SHOULD be told with its well-known number.
//= specs/ota-wsp.md#push-sessions
//= type=test
//# A push session MUST have confirmed pushes, unconfirmed ones, or both enabled.
fn ota_wsp_c_009_a_connect_in_octets() {
    let settings = SessionSettings {
        accept_language: vec!["de".into()],
        user_agent: Some("Lab".into()),
        client_sdu_size: 2000,
        push_mor: 4,
        ..SessionSettings::default()
    };
    let octets = capabilities::connect(&settings, &profile()).unwrap();
    let expected = [
        &[0x01, 0x10, 0x0F, 0x31][..],
        // Client-SDU-Size 2000; options: both pushes, resume; Push-MOR 4; Client-Message-Size 65535.
        &[0x03, 0x80, 0x8F, 0x50, 0x02, 0x82, 0xE0, 0x02, 0x84, 0x04],
        &[0x04, 0x88, 0x83, 0xFF, 0x7F],
        // Encoding-Version 1.3; Accept-Application: wml.ua, mms.ua, a URI, a number.
        &[0xC3, 0x93, 0xB2, 0x82, 0xB2, 0x84],
        b"\xB2x-acme:meter\0",
        &[0xB2, 0x02, 0x90, 0x00],
        // Accept: one with a number, one without; Accept-Charset utf-8; Accept-Language de.
        &[0x80, 0xAD],
        b"\x80x-acme/reading\0",
        &[0xBB, 0xEA, 0x83, 0x96],
        // Bearer-Indication: GPRS.
        &[0xB3, 0x8B],
        b"\xA9Lab\0",
    ]
    .concat();
    let mut expected = expected;
    expected[3] = u8::try_from(expected.len() - 4 - 15).unwrap();
    assert_eq!(octets, expected, "{octets:02X?}");
}

/// The values of Accept-Application and of Accept in a Connect.
fn lists(octets: &[u8]) -> (Vec<String>, Vec<String>) {
    let Ok(Pdu::Connect(connect)) = Pdu::decode(octets) else {
        panic!("{octets:02X?}");
    };
    let of = |name: &str| -> Vec<String> {
        let named = |header: &Header<'_>| header.name.to_string() == name;
        let headers = connect.headers.into_iter().map(Result::unwrap);
        headers
            .filter(named)
            .map(|header| header.value.to_string())
            .collect()
    };
    (of("Accept-Application"), of("Accept"))
}

#[test]
fn lists_that_are_too_long_give_way_to_any() {
    let ids = |count: usize| SessionProfile {
        applications: (0..count)
            .map(|index| PushApplicationId::parse(&format!("x-acme:meter-{index:03}")).unwrap())
            .collect(),
        accept: (0..20)
            .map(|index| format!("x-acme/type-{index:03}").into())
            .collect(),
        bearer: 0,
    };
    let settings = SessionSettings::default();
    for (count, applications, types) in [(10, 10, 20), (60, 60, 1), (100, 1, 1)] {
        let octets = capabilities::connect(&settings, &ids(count)).unwrap();
        assert!(
            octets.len() <= settings.max_connect,
            "{count} {}",
            octets.len()
        );
        let (listed, accepted) = lists(&octets);
        assert_eq!(
            (listed.len(), accepted.len()),
            (applications, types),
            "{count}"
        );
        assert_eq!(listed[0] == "*", applications == 1);
        assert_eq!(accepted[0] == "*/*", types == 1);
    }
}

#[test]
//= specs/ota-wsp.md#application-addressing
//= type=test
//# The application that a push in a session is for, where it names none, MUST be the first one of the session's Accept-Application.
//= specs/ota-wsp.md#application-addressing
//= type=test
//# The WML user agent MUST be taken for the first one where the session's Accept-Application is empty or begins with any.
fn ota_wsp_c_006_the_default_application_is_the_first_one() {
    for (applications, default) in [
        (&[][..], "x-wap-application:wml.ua"),
        (&["*"], "x-wap-application:wml.ua"),
        (
            &["0", "x-wap-application:mms.ua"],
            "x-wap-application:wml.ua",
        ),
        (
            &["x-wap-application:mms.ua", "0"],
            "x-wap-application:mms.ua",
        ),
        (&["x-acme:meter"], "x-acme:meter"),
    ] {
        let parse =
            |id: &&str| PushApplicationId::parse(if *id == "*" { "0" } else { id }).unwrap();
        let profile = SessionProfile {
            applications: applications.iter().map(parse).collect(),
            accept: Vec::new(),
            bearer: 0,
        };
        assert_eq!(profile.default_application().to_string(), default);
    }
}
