//! What the engine says of push sessions.

use std::net::SocketAddr;

use push_api::{Exchange, Server, Session};
use push_core::{Now, ServerReport, ServerState};
use push_message::{Protocol, ServerAddress};
use push_ota::http::Host;
use push_ota::wsp::sessions::{
    ContactPoint, GatewayReport, GatewayState, Note, NoteKind, SessionContact, SessionView,
    SessionViewState,
};

use super::super::Engine;
use crate::recent::Unjudged;

impl Engine {
    /// Push sessions and the gateways that they are with, as an operator sees them.
    pub(in crate::engine) fn session_servers(&self) -> Vec<Server> {
        let sessions = self.sessions.iter();
        let views = sessions.flat_map(|sessions| sessions.sessions.views());
        views.map(server).collect()
    }

    /// How the gateways stand that have a session of the terminal's own accord.
    pub(in crate::engine) fn session_reports(&self) -> Vec<ServerReport> {
        let sessions = self.sessions.iter();
        let reports = sessions.flat_map(|sessions| sessions.sessions.reports());
        reports.map(server_report).collect()
    }

    /// Counts and logs what happened to a session.
    pub(super) fn note_of_session(&mut self, note: Note, now: Now) {
        let Note { contact, what } = note;
        *self.counters.sessions.entry(what.as_str()).or_default() += 1;
        if is_of_standing(&what) {
            self.standings.may_differ();
        }
        let uri = uri(&contact.contact);
        match what {
            NoteKind::Connected => {
                if let Some(initiation) = &mut self.session_initiation {
                    initiation.sia.session_established(&contact.contact);
                }
                tracing::info!(%uri, "a push session is open");
            }
            NoteKind::Redirected { to } => {
                tracing::info!(%uri, to = %self::uri(&to), "a gateway has a push session opened elsewhere");
            }
            NoteKind::Refused { reason } => {
                tracing::warn!(%uri, %reason, "a gateway refuses a push session");
            }
            NoteKind::Failed { reason } => tracing::warn!(%uri, %reason, "a push session failed"),
            NoteKind::Disconnected { by_server } => {
                tracing::info!(%uri, by_server, "a push session has ended");
            }
            NoteKind::Suspended => tracing::info!(%uri, "a push session is suspended"),
            NoteKind::Resumed => tracing::info!(%uri, "a push session is resumed"),
            NoteKind::Malformed {
                refusal,
                length,
                received,
            } => {
                tracing::debug!(%uri, %refusal, length, "a push on a session is refused");
                self.refused_unjudged(Unjudged {
                    received,
                    protocol: Protocol::OtaWsp,
                    source: source(&contact),
                    word: refusal.as_str(),
                    length,
                    detail: format!("on a push session: {refusal}"),
                });
            }
            NoteKind::Aborted { reason } => {
                tracing::debug!(%uri, %reason, "a push on a session is aborted");
                self.refused_unjudged(Unjudged {
                    received: now.unix,
                    protocol: Protocol::OtaWsp,
                    source: source(&contact),
                    word: "aborted",
                    length: 0,
                    detail: format!("a push on a session was aborted with {reason}"),
                });
            }
            NoteKind::Unanswered => {
                tracing::debug!(%uri, "a confirmed push ended before it was judged");
            }
            NoteKind::Repeated => {
                tracing::debug!(%uri, "a confirmed push came again whose answer was lost");
            }
            NoteKind::TooMany => {
                self.session_not_opened(&contact.contact);
                tracing::warn!(%uri, "no push session is opened: as many as are allowed are there");
            }
            NoteKind::NoApplication => {
                self.session_not_opened(&contact.contact);
                tracing::info!(%uri, "no push session is opened: it was asked for applications that nobody registered");
            }
        }
    }

    /// No session is opened that a session initiation request asked for: nothing that it could hold up is under way.
    fn session_not_opened(&mut self, contact: &ContactPoint) {
        if let Some(initiation) = &mut self.session_initiation {
            initiation.sia.session_not_opened(contact);
        }
    }
}

/// Whether a gateway may stand otherwise after this, rather than a push.
const fn is_of_standing(what: &NoteKind) -> bool {
    match what {
        NoteKind::Connected
        | NoteKind::Redirected { .. }
        | NoteKind::Refused { .. }
        | NoteKind::Failed { .. }
        | NoteKind::Disconnected { .. }
        | NoteKind::Suspended
        | NoteKind::Resumed
        | NoteKind::TooMany
        | NoteKind::NoApplication => true,
        NoteKind::Malformed { .. }
        | NoteKind::Aborted { .. }
        | NoteKind::Unanswered
        | NoteKind::Repeated => false,
    }
}

/// The address of a contact point; a name that is resolved by the driver says nothing more here.
fn source(contact: &SessionContact) -> ServerAddress {
    match &contact.contact.host {
        Host::Ip(address) => ServerAddress::Ip(*address),
        Host::Name(_) => ServerAddress::Unknown,
    }
}

pub(super) fn server_report(report: GatewayReport) -> ServerReport {
    let state = match report.state {
        GatewayState::Requested => ServerState::Requested,
        GatewayState::Confirmed => ServerState::Confirmed,
        GatewayState::Rejected => ServerState::Rejected,
        GatewayState::Unreachable => ServerState::Unreachable,
    };
    ServerReport {
        uri: uri(&report.contact),
        protocol: Protocol::OtaWsp,
        state,
        reason: report.reason,
        rejected_applications: Vec::new(),
    }
}

fn server(view: SessionView) -> Server {
    let state = match (view.known, view.state) {
        (Some(GatewayState::Confirmed), _) => "confirmed",
        (Some(GatewayState::Rejected), _) => "rejected",
        (Some(GatewayState::Unreachable), _) | (None, SessionViewState::Waiting) => "unreachable",
        (Some(GatewayState::Requested), _) | (None, SessionViewState::Connecting) => "requested",
        (None, SessionViewState::Idle) => "idle",
        (
            None,
            SessionViewState::Connected | SessionViewState::Suspended | SessionViewState::Resuming,
        ) => "connected",
    };
    let is_there = view.state != SessionViewState::Idle;
    let session = is_there.then(|| Session {
        state: view.state.as_str().to_owned(),
        id: view.session_id,
        peer: view.peer.map(|peer| peer.to_string()),
        applications: view.applications.iter().map(ToString::to_string).collect(),
        pushes: view.pushes,
    });
    let last_push = view.last_push;
    Server {
        uri: uri(&view.contact.contact),
        protocol: Protocol::OtaWsp.to_string(),
        state: state.to_owned(),
        reason: view.reason,
        id: view.contact.gateway.map(|gateway| gateway.to_string()),
        last_exchange: last_push.map(|at| Exchange::at("Push", None, at.0)),
        session,
        ..Server::default()
    }
}

fn uri(contact: &ContactPoint) -> String {
    let port = contact.port;
    match &contact.host {
        Host::Ip(address) => format!("wsp://{}", SocketAddr::new(*address, port)),
        Host::Name(name) => format!("wsp://{name}:{port}"),
    }
}
