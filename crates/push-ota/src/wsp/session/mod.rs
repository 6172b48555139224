//! The session service of WSP as a push terminal uses it (WSP 7.1, 8.2): one session, on the client's side.
//!
//! A [`Session`] is a machine that runs from the specification's own state tables, which are data (see [`table`]). Below it is the transaction
//! layer, above it whoever opens and ends sessions: both speak to it by [`SessionEvent`]s and hear from it by
//! [`SessionOutput`]s. It takes no time: who waits, waits outside.
//!
//! In two places it is more patient than the tables, because gateways in use need it, and a setting says so: pushes of a kind that
//! the server did not enable are taken, and a confirmed push that overtakes the answer to Connect or Resume waits for it.

mod capabilities;
mod settings;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use push_message::PushApplicationId;
use wap_wire::EncodeError;
use wap_wire::wsp::{AbortReason, EncodeOptions, Pdu, PduType, ProtocolOptions, Reply, Status};

use crate::wtp::{self, Class, TransactionHandle};
use table::{Action, Condition, EventKind, PushState, Row, State, Told};

pub use capabilities::Negotiated;
pub use settings::SessionSettings;

/// What a session is for, as its Connect says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionProfile {
    /// The applications, the default one first (WAP-235 6.1.4.1).
    pub applications: Vec<PushApplicationId>,
    /// The content types.
    pub accept: Vec<Box<str>>,
    /// The bearer, as WDP numbers it.
    pub bearer: u8,
}

impl SessionProfile {
    /// The application that a push is for that names none.
    //= specs/ota-wsp.md#application-addressing
    //# The application that a push in a session is for, where it names none, MUST be the first one of the session's Accept-Application.
    //= specs/ota-wsp.md#application-addressing
    //# The WML user agent MUST be taken for the first one where the session's Accept-Application is empty or begins with any.
    pub fn default_application(&self) -> PushApplicationId {
        let first = self.applications.first().filter(|first| !first.is_any());
        first.cloned().unwrap_or(PushApplicationId::WML_UA)
    }
}

/// What happens to a session.
#[derive(Debug)]
pub enum SessionEvent<'a> {
    /// S-Connect.req
    Connect,
    /// S-Disconnect.req
    Disconnect,
    /// S-Suspend.req
    Suspend,
    /// S-Resume.req. Where the session is not suspended, the terminal's address is another one from now on.
    Resume,
    /// S-ConfirmedPush.res: the user has the push.
    ConfirmedPush(TransactionHandle),
    /// S-PushAbort.req: the user does not take the push.
    PushAbort(TransactionHandle, AbortReason),
    /// TR-Invoke.ind
    Invoked(TransactionHandle, Class, &'a [u8]),
    /// TR-Result.ind
    Result(TransactionHandle, &'a [u8]),
    /// TR-Invoke.cnf
    InvokeConfirmed(TransactionHandle),
    /// TR-Abort.ind
    Aborted(TransactionHandle, wtp::AbortReason),
}

/// What a session wants done, or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOutput {
    /// TR-Invoke.req. Where the class is 2, say with [`Session::begun`] which transaction it is.
    Invoke(Class, Box<[u8]>),
    /// TR-Invoke.res or TR-Result.res
    Respond(TransactionHandle),
    /// TR-Abort.req
    Abort(TransactionHandle, AbortReason),
    /// What follows goes out from the terminal's new address.
    Bind,
    /// S-Connect.cnf
    Connected,
    /// S-Disconnect.ind: the session has ended.
    Disconnected(Cause),
    /// S-Suspend.ind
    Suspended(Cause),
    /// S-Resume.cnf
    Resumed,
    /// S-Push.ind: the PDU.
    Push(Box<[u8]>),
    /// S-ConfirmedPush.ind: the PDU. Waits for [`SessionEvent::ConfirmedPush`] or [`SessionEvent::PushAbort`].
    ConfirmedPush(TransactionHandle, Box<[u8]>),
    /// S-PushAbort.ind: the push is over.
    PushAborted(TransactionHandle, Cause),
    /// A push was not taken, and its server told why where it can be.
    NotTaken(AbortReason),
}

/// Why a session or a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// For this reason.
    Reason(AbortReason),
    /// A transaction was aborted.
    Aborted(wtp::AbortReason),
    /// The server names other addresses.
    Redirect {
        /// For all sessions to come.
        permanent: bool,
        /// The addresses, as they came.
        addresses: Box<[u8]>,
    },
    /// The server refused.
    Reply(Status),
}

/// A session, on the client's side.
#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "Session_ID is the specification's own name"
)]
pub struct Session {
    settings: SessionSettings,
    profile: SessionProfile,
    state: State,
    session_id: Option<u32>,
    negotiated: Negotiated,
    /// The transaction of the Connect or the Resume.
    own: Option<Own>,
    /// Pushes in the state RECEIVING: as many as `N_PUSHES`.
    pushes: BTreeSet<TransactionHandle>,
    /// Confirmed pushes that came before the answer to Connect or Resume.
    early: VecDeque<(TransactionHandle, Box<[u8]>)>,
    outputs: VecDeque<SessionOutput>,
}

/// A transaction that the session began and awaits the result of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Own {
    kind: OwnKind,
    handle: Option<TransactionHandle>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnKind {
    Connect,
    Resume,
}

/// An event with all that the tables ask of it.
#[derive(Debug)]
struct Event<'a> {
    kind: EventKind,
    transaction: Option<TransactionHandle>,
    class: Option<Class>,
    octets: &'a [u8],
    pdu: Option<Pdu<'a>>,
    reason: Option<wtp::AbortReason>,
}

impl<'a> Event<'a> {
    const fn of(kind: EventKind) -> Self {
        Self {
            kind,
            transaction: None,
            class: None,
            octets: &[],
            pdu: None,
            reason: None,
        }
    }

    fn with(kind: EventKind, transaction: TransactionHandle, octets: &'a [u8]) -> Self {
        Self {
            transaction: Some(transaction),
            octets,
            pdu: Pdu::decode(octets).ok(),
            ..Self::of(kind)
        }
    }

    const fn for_reason(
        kind: EventKind,
        transaction: TransactionHandle,
        reason: wtp::AbortReason,
    ) -> Self {
        let mut event = Self::of(kind);
        event.transaction = Some(transaction);
        event.reason = Some(reason);
        event
    }

    fn pdu_type(&self) -> Option<PduType> {
        self.pdu.as_ref().map(Pdu::pdu_type)
    }

    fn user_reason(&self) -> Option<AbortReason> {
        match self.reason? {
            wtp::AbortReason::User(reason) => Some(reason),
            wtp::AbortReason::Provider(_) => None,
        }
    }
}

impl Session {
    /// A session that is not asked for yet.
    pub fn new(settings: SessionSettings, profile: SessionProfile) -> Self {
        Self {
            negotiated: Negotiated::proposed(&settings),
            settings,
            profile,
            state: State::Null,
            session_id: None,
            own: None,
            pushes: BTreeSet::new(),
            early: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened.
    pub fn handle_event(&mut self, event: &SessionEvent<'_>) {
        let user = wtp::AbortReason::User;
        match *event {
            SessionEvent::Connect => self.take(&Event::of(EventKind::ConnectRequest)),
            SessionEvent::Disconnect => self.take(&Event::of(EventKind::DisconnectRequest)),
            SessionEvent::Suspend => self.take(&Event::of(EventKind::SuspendRequest)),
            SessionEvent::Resume => self.take(&Event::of(EventKind::ResumeRequest)),
            SessionEvent::ConfirmedPush(push) => {
                self.take(&Event::with(EventKind::ConfirmedPushResponse, push, &[]));
            }
            SessionEvent::PushAbort(push, reason) => {
                let kind = EventKind::PushAbortRequest;
                self.take(&Event::for_reason(kind, push, user(reason)));
            }
            SessionEvent::Invoked(transaction, class, octets) => {
                self.invoked(transaction, class, octets);
            }
            SessionEvent::Result(transaction, octets) => {
                self.take(&Event::with(
                    EventKind::ResultIndication,
                    transaction,
                    octets,
                ));
                self.take_early();
            }
            SessionEvent::InvokeConfirmed(transaction) => {
                self.take(&Event::with(
                    EventKind::InvokeConfirmation,
                    transaction,
                    &[],
                ));
            }
            SessionEvent::Aborted(transaction, reason) => {
                self.early.retain(|(early, _)| *early != transaction);
                let kind = EventKind::AbortIndication;
                self.take(&Event::for_reason(kind, transaction, reason));
                self.take_early();
            }
        }
    }

    /// The transaction that an [`SessionOutput::Invoke`] of class 2 began.
    pub const fn begun(&mut self, transaction: TransactionHandle) {
        if let Some(own) = &mut self.own {
            own.handle = Some(transaction);
        }
    }

    /// The next thing to do, or to know.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What the session is for.
    pub const fn profile(&self) -> &SessionProfile {
        &self.profile
    }

    /// What was agreed on.
    pub const fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The identifier that the server gave it.
    pub const fn session_id(&self) -> Option<u32> {
        self.session_id
    }

    /// Confirmed pushes that wait for the user (`N_PUSHES`).
    pub fn pushes(&self) -> usize {
        self.pushes.len()
    }

    fn invoked(&mut self, transaction: TransactionHandle, class: Class, octets: &[u8]) {
        let event = Event {
            class: Some(class),
            ..Event::with(EventKind::InvokeIndication, transaction, octets)
        };
        let awaits_answer = matches!(self.state, State::Connecting | State::Resuming);
        let is_early = awaits_answer
            && self.settings.early_pushes
            && class == Class::ReliableInvoke
            && event.pdu_type() == Some(PduType::CONFIRMED_PUSH)
            && self.early.len() < usize::from(self.settings.push_mor)
            && !self.is_too_large(octets);
        if is_early {
            self.early.push_back((transaction, octets.into()));
        } else {
            self.take(&event);
        }
    }

    /// Lets confirmed pushes in that came too early, once there is an answer.
    fn take_early(&mut self) {
        while !matches!(self.state, State::Connecting | State::Resuming) {
            let Some((transaction, octets)) = self.early.pop_front() else {
                return;
            };
            self.take(&Event {
                class: Some(Class::ReliableInvoke),
                ..Event::with(EventKind::InvokeIndication, transaction, &octets)
            });
        }
    }

    //= specs/wsp.md#state-tables
    //# A client MUST do in each state of a session what the state tables say for each event.
    fn take(&mut self, event: &Event<'_>) {
        let tables = [table::BEFORE, table::SESSION, table::AFTER];
        let counts = |row: &&Row<State>| {
            row.event == event.kind
                && row.state.is_none_or(|state| state == self.state)
                && row
                    .conditions
                    .iter()
                    .all(|condition| self.holds(*condition, event))
        };
        if let Some(row) = tables.into_iter().flatten().find(counts) {
            let before = self.state;
            self.state = row.next.unwrap_or(before);
            if self.state == State::Null {
                self.end_early(before);
            }
            for action in row.actions {
                self.act(*action, event);
            }
        }
    }

    /// What waits for a session that there will not be.
    fn end_early(&mut self, before: State) {
        if before != State::Null {
            for (transaction, _) in std::mem::take(&mut self.early) {
                self.not_taken(Some(transaction), AbortReason::DISCONNECT);
            }
        }
    }

    /// The state table of pushes.
    //= specs/wsp.md#state-tables
    //# A client MUST do in each state of a confirmed push what the state tables say for each event.
    fn take_push(&mut self, event: &Event<'_>) {
        let Some(push) = event.transaction else {
            return;
        };
        let state = if self.pushes.contains(&push) {
            PushState::Receiving
        } else {
            PushState::Null
        };
        let counts = |row: &&Row<PushState>| {
            row.event == event.kind
                && row.state == Some(state)
                && row
                    .conditions
                    .iter()
                    .all(|condition| self.holds(*condition, event))
        };
        if let Some(row) = table::PUSH.iter().find(counts) {
            match row.next {
                Some(PushState::Null) => _ = self.pushes.remove(&push),
                Some(PushState::Receiving) => _ = self.pushes.insert(push),
                None => {}
            }
            for action in row.actions {
                self.act(*action, event);
            }
        }
    }

    fn is_too_large(&self, octets: &[u8]) -> bool {
        let most = usize::try_from(self.settings.client_sdu_size).unwrap_or(usize::MAX);
        most > 0 && octets.len() > most
    }

    /// Whether a push facility that was offered is enabled: by the server, or because its word does not count.
    fn takes(&self, facility: ProtocolOptions, offered: bool) -> bool {
        self.negotiated.options.contains(facility) || offered && self.settings.unnegotiated_pushes
    }

    fn is_own(&self, event: &Event<'_>, kind: OwnKind) -> bool {
        self.own.is_some_and(|own| {
            own.kind == kind && own.handle.is_some() && own.handle == event.transaction
        })
    }

    /// The status of a Reply.
    fn status(event: &Event<'_>) -> Option<Status> {
        match event.pdu {
            Some(Pdu::Reply(Reply { status, .. })) => Some(status),
            Some(_) | None => None,
        }
    }

    fn holds(&self, condition: Condition, event: &Event<'_>) -> bool {
        let is = |pdu_type| event.pdu_type() == Some(pdu_type);
        let resume = ProtocolOptions::SESSION_RESUME;
        match condition {
            Condition::Class0 => event.class == Some(Class::Unreliable),
            Condition::Class1Or2 => event.class.is_some_and(|class| class != Class::Unreliable),
            Condition::Class1 => event.class == Some(Class::ReliableInvoke),
            // One of another session at these addresses and ports is not for this one.
            Condition::DisconnectPdu => {
                matches!(event.pdu, Some(Pdu::Disconnect(id)) if self.session_id == Some(id))
            }
            Condition::PushPdu => is(PduType::PUSH),
            Condition::ConfirmedPushPdu => is(PduType::CONFIRMED_PUSH),
            Condition::ConnectReplyPdu => is(PduType::CONNECT_REPLY),
            Condition::RedirectPdu => is(PduType::REDIRECT),
            Condition::ReplyPdu => is(PduType::REPLY),
            Condition::StatusOk => Self::status(event) == Some(Status::OK),
            Condition::StatusNotOk => Self::status(event).is_some_and(|one| one != Status::OK),
            Condition::SduTooLarge => self.is_too_large(event.octets),
            Condition::PushEnabled => self.takes(ProtocolOptions::PUSH, self.settings.push),
            Condition::ConfirmedPushEnabled => self.takes(
                ProtocolOptions::CONFIRMED_PUSH,
                self.settings.confirmed_push,
            ),
            Condition::ResumeEnabled => self.negotiated.options.contains(resume),
            Condition::ResumeDisabled => !self.negotiated.options.contains(resume),
            Condition::ConnectTransaction => self.is_own(event, OwnKind::Connect),
            Condition::ResumeTransaction => self.is_own(event, OwnKind::Resume),
            Condition::PushTransaction => event
                .transaction
                .is_some_and(|push| self.pushes.contains(&push)),
            Condition::ReasonDisconnect => event.user_reason() == Some(AbortReason::DISCONNECT),
            Condition::ReasonSuspend => event.user_reason() == Some(AbortReason::SUSPEND),
            Condition::PushesAtMost => self.pushes.len() >= self.most_pushes(),
            Condition::PushesBelowMost => self.pushes.len() < self.most_pushes(),
        }
    }

    /// `MOP`. A server that pushes though it says it does not may do so once at a time.
    fn most_pushes(&self) -> usize {
        let least = u8::from(self.settings.unnegotiated_pushes);
        usize::from(self.negotiated.push_mor.max(least))
    }

    fn act(&mut self, action: Action, event: &Event<'_>) {
        match action {
            // Each session has a port of its own. The pushes that are counted are those that are there.
            Action::Ignore
            | Action::DisconnectOthers
            | Action::ResetPushes
            | Action::CountPush
            | Action::UncountPush => {}
            Action::Bind => self.outputs.push_back(SessionOutput::Bind),
            Action::InvokeConnect => {
                let connect = capabilities::connect(&self.settings, &self.profile);
                self.invoke_own(OwnKind::Connect, connect);
            }
            Action::InvokeResume => {
                let id = self.session_id.unwrap_or_default();
                self.invoke_own(OwnKind::Resume, capabilities::resume(id, &self.profile));
            }
            Action::InvokeDisconnect => self.invoke(EncodeOptions::disconnect),
            Action::InvokeSuspend => self.invoke(EncodeOptions::suspend),
            Action::AbortOwn(reason) => {
                let own = self.own.take().and_then(|own| own.handle);
                let abort = own.map(|own| SessionOutput::Abort(own, reason));
                self.outputs.extend(abort);
            }
            Action::AbortInvoke(reason) => self.not_taken(event.transaction, reason),
            Action::AbortInvokeAsAsked => {
                let asked = event.transaction.zip(event.user_reason());
                let abort = asked.map(|(push, reason)| SessionOutput::Abort(push, reason));
                self.outputs.extend(abort);
            }
            Action::AbortPushes(reason) => self.abort_pushes(reason),
            Action::RespondToResult => {
                self.own = None;
                self.outputs
                    .extend(event.transaction.map(SessionOutput::Respond));
            }
            Action::RespondToInvoke => {
                self.outputs
                    .extend(event.transaction.map(SessionOutput::Respond));
            }
            Action::TakeSessionId => self.take_session_id(event),
            Action::ConfirmConnect => self.outputs.push_back(SessionOutput::Connected),
            Action::ConfirmResume => self.outputs.push_back(SessionOutput::Resumed),
            Action::IndicateDisconnect(told) => {
                self.own = None;
                let cause = Self::cause(told, event);
                self.outputs.push_back(SessionOutput::Disconnected(cause));
            }
            Action::IndicateSuspend(told) => {
                self.own = None;
                let cause = Self::cause(told, event);
                self.outputs.push_back(SessionOutput::Suspended(cause));
            }
            Action::IndicatePush => {
                self.outputs
                    .push_back(SessionOutput::Push(event.octets.into()));
            }
            Action::IndicateConfirmedPush => {
                let push = |push| SessionOutput::ConfirmedPush(push, event.octets.into());
                self.outputs.extend(event.transaction.map(push));
            }
            Action::IndicatePushAbort(told) => {
                let cause = Self::cause(told, event);
                let aborted = |push| SessionOutput::PushAborted(push, cause);
                self.outputs.extend(event.transaction.map(aborted));
            }
            Action::PushTable => self.take_push(event),
            Action::Disconnect => self.take(&Event::of(EventKind::Disconnect)),
            Action::Suspend => self.take(&Event::of(EventKind::Suspend)),
        }
    }

    fn invoke_own(&mut self, kind: OwnKind, octets: Result<Vec<u8>, EncodeError>) {
        if let Ok(octets) = octets {
            self.own = Some(Own { kind, handle: None });
            let invoke = SessionOutput::Invoke(Class::ReliableResult, octets.into());
            self.outputs.push_back(invoke);
        } else {
            // What the settings say cannot be written.
            self.state = State::Null;
            let cause = Cause::Reason(AbortReason::USERREQ);
            self.outputs.push_back(SessionOutput::Disconnected(cause));
        }
    }

    fn invoke(&mut self, encode: impl Fn(EncodeOptions, u32) -> Vec<u8>) {
        if let Some(id) = self.session_id {
            let octets = encode(EncodeOptions::default(), id);
            let invoke = SessionOutput::Invoke(Class::Unreliable, octets.into());
            self.outputs.push_back(invoke);
        }
    }

    fn not_taken(&mut self, transaction: Option<TransactionHandle>, reason: AbortReason) {
        let abort = transaction.map(|transaction| SessionOutput::Abort(transaction, reason));
        self.outputs.extend(abort);
        self.outputs.push_back(SessionOutput::NotTaken(reason));
    }

    fn abort_pushes(&mut self, reason: AbortReason) {
        let pushes: Vec<_> = self.pushes.iter().copied().collect();
        for push in pushes {
            let reason = wtp::AbortReason::User(reason);
            self.take_push(&Event::for_reason(EventKind::Abort, push, reason));
        }
    }

    fn take_session_id(&mut self, event: &Event<'_>) {
        if let Some(Pdu::ConnectReply(reply)) = event.pdu {
            self.session_id = Some(reply.session_id);
            self.negotiated = Negotiated::of(&self.settings, reply.capabilities);
        }
    }

    fn cause(told: Told, event: &Event<'_>) -> Cause {
        let broken = Cause::Reason(AbortReason::PROTOERR);
        match told {
            Told::Reason(reason) => Cause::Reason(reason),
            Told::Abort => event.reason.map_or(broken, Cause::Aborted),
            Told::Reply => Self::status(event).map_or(broken, Cause::Reply),
            Told::Redirect => match event.pdu {
                Some(Pdu::Redirect(redirect)) => Cause::Redirect {
                    permanent: redirect.is_permanent(),
                    addresses: redirect.addresses.as_bytes().into(),
                },
                Some(_) | None => broken,
            },
        }
    }
}
