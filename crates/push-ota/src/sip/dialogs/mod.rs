//! Large pushes: INVITE, the dialog that it makes, and the session of MSRP within (RFC 3261 12 to 15, RFC 4975).
//!
//! A session is asked about before it is answered, then repeats its answer until the ACK is there, has one connection, and ends by
//! BYE of either side. What tells sessions apart within SIP are their tags, within MSRP the name in the terminal's path.

mod ids;
mod invite;
mod offered;
mod session;
mod streams;

use std::collections::BTreeMap;
use std::time::Duration;

use super::events::{FlowId, SipPushTicket, StreamId};
use super::registration::Announced;
use super::sdp::Role;
use super::serving::{Answer, Common, Context, Refusal, ServingOutput};
use super::settings::{AgentSettings, LargePushSettings};
use super::stack::{Method, Request};
use super::transactions::{Route, ServerId};
use crate::msrp::{Budget, MessageTicket};
use ids::DialogIds;
use session::{Link, Repeated, Session, Stage, Times};
use streams::Stranger;

/// Names a session; of this terminal alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SessionId(u64);

/// The sessions for large pushes.
#[derive(Debug)]
pub(crate) struct Dialogs {
    settings: LargePushSettings,
    times: Times,
    /// The value of User-Agent.
    user_agent: Box<str>,
    budget: Budget,
    seed: u64,
    sessions: BTreeMap<SessionId, Session>,
    /// Invitations that are being judged.
    asked: BTreeMap<SipPushTicket, SessionId>,
    /// Pushes that are being judged, also those whose session is gone.
    judging: BTreeMap<SipPushTicket, (SessionId, MessageTicket)>,
    max_judging: usize,
    streams: BTreeMap<StreamId, SessionId>,
    /// Connections that have not named their session.
    strangers: BTreeMap<StreamId, Stranger>,
    last_session: u64,
    next_stream: StreamId,
    stopped: bool,
}

impl Dialogs {
    /// No sessions. `seed` is chance.
    pub(crate) fn new(settings: &AgentSettings, seed: u64) -> Self {
        Self {
            budget: Budget::new(settings.sessions.max_octets),
            settings: settings.sessions.clone(),
            times: Times {
                t1: settings.transactions.t1,
                t2: settings.transactions.t2,
            },
            user_agent: settings.account.user_agent.clone(),
            seed,
            sessions: BTreeMap::new(),
            asked: BTreeMap::new(),
            judging: BTreeMap::new(),
            max_judging: settings.transactions.max_unanswered,
            streams: BTreeMap::new(),
            strangers: BTreeMap::new(),
            last_session: 0,
            next_stream: StreamId(1),
            stopped: false,
        }
    }

    /// Whether large pushes are taken at all.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.settings.enabled
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.sessions.is_empty() && self.strangers.is_empty() && self.judging.is_empty()
    }

    /// Whether nothing at all is remembered.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.is_idle()
            && self.asked.is_empty()
            && self.streams.is_empty()
            && self.budget.used() == 0
    }

    /// Whether a request belongs to a dialog.
    pub(crate) fn knows(&self, request: &Request) -> bool {
        self.find(request).is_some()
    }

    /// A request within a dialog.
    pub(crate) fn within(
        &mut self,
        id: ServerId,
        request: &Request,
        context: &Context<'_>,
        common: &mut Common,
        now: Duration,
    ) {
        let Some(session) = self.find(request) else {
            return common.answer(id, request, Answer::new(481));
        };
        if let Err(refusal) = self.in_order(session, request) {
            return common.refuse(id, request, refusal, context);
        }
        let refusal = match request.method() {
            Method::Bye => return self.bye(id, session, request, common),
            Method::Invite => {
                return self.reinvite(id, session, request, context, common, now);
            }
            Method::Notify => {
                Refusal::new(481, "subscription", "a notification without subscription")
            }
            Method::Register
            | Method::Options
            | Method::Message
            | Method::Ack
            | Method::Cancel
            | Method::Other(_) => Refusal::new(405, "method", "a method that no session takes")
                .with("Allow", common.allow),
        };
        common.refuse(id, request, refusal, context);
    }

    /// An ACK came.
    pub(crate) fn ack(
        &mut self,
        request: &Request,
        route: Route,
        common: &mut Common,
        now: Duration,
    ) {
        let Some(id) = self.find(request) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if !session.acknowledged(request.cseq(), route) {
            return;
        }
        let connects = session.role == Role::Active && matches!(session.link, Link::Absent);
        if session.leaving {
            self.leave(id, None, common);
        } else if connects {
            self.connect(id, common, now);
        }
    }

    /// An invitation was cancelled.
    //= specs/ota-sip.md#large-push
    //# An invitation that is cancelled before its final answer MUST be answered with 487.
    pub(crate) fn cancelled(&mut self, id: ServerId, common: &mut Common) {
        let is_it = |session: &Session| session.invite == id && session.stage == Stage::Asked;
        let mut sessions = self.sessions.iter();
        let found = sessions.find(|(_, session)| is_it(session));
        if let Some(found) = found.map(|(id, _)| *id) {
            self.decline(found, Answer::new(487), common);
        }
    }

    /// An invitation has been judged; `refused` is the answer to one that is not to be.
    pub(crate) fn foreseen(
        &mut self,
        ticket: SipPushTicket,
        refused: Option<Answer>,
        announced: &Announced,
        common: &mut Common,
        now: Duration,
    ) {
        let Some(id) = self.asked.get(&ticket).copied() else {
            return;
        };
        match refused {
            Some(answer) => self.decline(id, answer, common),
            None => self.take(id, announced, common, now),
        }
    }

    /// A flow has ended: an invitation that came on it cannot be answered any more.
    pub(crate) fn flow_ended(&mut self, flow: FlowId) {
        let keeps =
            |session: &Session| session.stage == Stage::Answered || session.route.flow != flow;
        self.sessions.retain(|_, session| keeps(session));
        let sessions = &self.sessions;
        self.asked
            .retain(|_, session| sessions.contains_key(session));
    }

    /// Nothing new is to come, and sessions end.
    pub(crate) fn stop(&mut self, common: &mut Common) {
        self.stopped = true;
        let sessions: Vec<_> = self.sessions.keys().copied().collect();
        for id in sessions {
            let session = self.sessions.get(&id);
            if session.is_some_and(|session| session.stage == Stage::Asked) {
                self.decline(id, Answer::new(480), common);
            } else {
                self.leave(id, Some("the terminal is stopping"), common);
            }
        }
        for (stream, _) in std::mem::take(&mut self.strangers) {
            close(stream, common);
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, common: &mut Common, now: Duration) {
        self.strangers_timeout(common, now);
        let due = self.sessions.iter();
        let due = due.filter(|(_, session)| session.due() <= now);
        let due: Vec<_> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.session_timeout(id, common, now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        let sessions = self.sessions.values().map(Session::due);
        let strangers = self.strangers.values().map(|stranger| stranger.until);
        sessions.chain(strangers).min()
    }

    fn find(&self, request: &Request) -> Option<SessionId> {
        request.to_tag()?;
        let ids = DialogIds::of(request)?;
        let mut sessions = self.sessions.iter();
        let found =
            sessions.find(|(_, session)| session.stage == Stage::Answered && session.ids == ids);
        found.map(|(id, _)| *id)
    }

    /// Requests of a dialog come in order (RFC 3261 12.2.2).
    fn in_order(&mut self, id: SessionId, request: &Request) -> Result<(), Refusal> {
        let cseq = request.cseq();
        match self.sessions.get_mut(&id) {
            Some(session) if cseq > session.cseq => {
                session.cseq = cseq;
                Ok(())
            }
            Some(_) | None => Err(Refusal::new(500, "order", "a request out of its order")),
        }
    }

    //= specs/ota-sip.md#large-push
    //# A BYE MUST be answered with 200 and end the session.
    fn bye(&mut self, id: ServerId, session: SessionId, request: &Request, common: &mut Common) {
        common.answer(id, request, Answer::new(200));
        self.unlink(session, Some("the sender ended it"), common);
        self.sessions.remove(&session);
    }

    /// Refuses an invitation.
    fn decline(&mut self, id: SessionId, answer: Answer, common: &mut Common) {
        self.asked.retain(|_, session| *session != id);
        if let Some(session) = self.sessions.remove(&id) {
            common.answer(session.invite, &session.request, answer);
        }
    }

    fn session_timeout(&mut self, id: SessionId, common: &mut Common, now: Duration) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.stage == Stage::Asked {
            return self.decline(id, Answer::new(480), common);
        }
        match session.repetition(self.times, now) {
            Repeated::NotYet => {}
            Repeated::Again(id, response) => {
                let response = *response;
                let respond = ServingOutput::Respond { id, response };
                common.outputs.push_back(respond);
            }
            Repeated::GivenUp => {
                return self.leave(id, Some("nobody acknowledged the answer"), common);
            }
        }
        if session.leaving {
            return;
        }
        if session.until <= now {
            return self.leave(id, Some("it took too long"), common);
        }
        if session.linked_by.is_some_and(|by| by <= now) {
            return self.leave(id, Some("no connection came about in time"), common);
        }
        self.receiver_timeout(id, common, now);
    }

    /// Ends a session by BYE; while the ACK is outstanding, only later (RFC 3261 15). Whatever BYE is answered, a challenge too, the
    /// session is gone (RFC 3261 15.1.1), and nobody waits for the answer.
    fn leave(&mut self, id: SessionId, reason: Option<&str>, common: &mut Common) {
        self.unlink(id, reason, common);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.leaving = true;
        if session.awaits_ack() {
            return;
        }
        if let Some(request) = session.bye(&self.user_agent) {
            common.outputs.push_back(ServingOutput::Send {
                request,
                local: session.local,
                route: session.route,
            });
        }
        self.sessions.remove(&id);
    }
}

fn close(stream: StreamId, common: &mut Common) {
    let close = ServingOutput::CloseStream { stream };
    common.outputs.push_back(close);
}
#[cfg(test)]
mod tests;
