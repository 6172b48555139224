//! What the engine says of OTA-SIP.

use std::net::SocketAddr;

use push_api::{Binding, Exchange, Server};
use push_core::{Now, ServerReport, ServerState};
use push_message::{Protocol, ServerAddress, UnixMillis};
use push_ota::sip::{BindingView, SipNote, SipReport, SipServerState, SipServerView};

use super::Engine;
use crate::masked::Masked;
use crate::recent::Unjudged;

impl Engine {
    /// The core and the Push Sender Agents, as an operator sees them.
    pub(in crate::engine) fn sip_servers(&self, now: Now) -> Vec<Server> {
        let sip = self.ota_sip.iter();
        let views = sip.flat_map(|sip| sip.agent.views());
        views.map(|view| server(view, now)).collect()
    }

    /// How the core and the Push Sender Agents stand.
    pub(in crate::engine) fn sip_reports(&self) -> Vec<ServerReport> {
        let sip = self.ota_sip.iter();
        let views = sip.flat_map(|sip| sip.agent.views());
        let reports = views.map(|view| SipReport {
            uri: view.uri,
            state: view.state,
            reason: view.reason,
            rejected_applications: view.rejected_applications,
        });
        reports.map(server_report).collect()
    }

    /// Counts and logs what happened to the binding, to a request or to a session.
    pub(super) fn note_of_sip(&mut self, note: SipNote) {
        *self.counters.sip.entry(note.as_str()).or_default() += 1;
        let shown = self.settings.show_personal_data;
        match note {
            SipNote::Registered { expires } => {
                self.standings.may_differ();
                let seconds = expires.as_secs();
                tracing::info!(seconds, "the SIP registrar keeps the binding");
            }
            SipNote::RegistrationFailed { reason, retry } => {
                self.standings.may_differ();
                let retry = retry.map(|retry| retry.as_secs());
                let reason = Masked::new(&reason, shown || !names_somebody(&reason));
                tracing::warn!(%reason, retry, "the SIP registrar keeps no binding");
            }
            SipNote::Deregistered => {
                self.standings.may_differ();
                tracing::info!("the binding at the SIP registrar has ended");
            }
            SipNote::CapabilitiesFailed { server, reason } => {
                self.standings.may_differ();
                let server = Masked::new(server, shown);
                let reason = Masked::new(&reason, shown || !names_somebody(&reason));
                tracing::warn!(%server, %reason, "a Push Sender Agent was not told what is registered");
            }
            SipNote::Refused {
                source,
                word,
                status,
                length,
                detail,
                received,
            } => {
                let shown = Masked::new(source, shown);
                tracing::debug!(source = %shown, word, status, length, %detail, "a SIP message is refused");
                let detail = match status {
                    Some(status) => format!("answered with {status}: {detail}"),
                    None => format!("dropped: {detail}"),
                };
                self.unjudged_sip(source, word, length, detail, received);
            }
            SipNote::SessionFailed {
                source,
                length,
                reason,
                received,
            } => {
                let shown = Masked::new(source, shown);
                tracing::debug!(source = %shown, length, %reason, "a large push did not come whole");
                let detail = format!("a large push did not come whole: {reason}");
                self.unjudged_sip(source, "sessionFailed", length, detail, received);
            }
            SipNote::Stray => tracing::debug!("a SIP response to nothing that is under way"),
        }
    }

    fn unjudged_sip(
        &mut self,
        source: SocketAddr,
        word: &'static str,
        length: usize,
        detail: String,
        received: UnixMillis,
    ) {
        self.refused_unjudged(Unjudged {
            received,
            protocol: Protocol::OtaSip,
            source: ServerAddress::Ip(source.ip().to_canonical()),
            word,
            length,
            detail,
        });
    }
}

/// Whether a reason holds a URI: a server that redirects names whom to.
fn names_somebody(reason: &str) -> bool {
    reason.contains('@') || reason.to_ascii_lowercase().contains("sip")
}

pub(super) fn server_report(report: SipReport) -> ServerReport {
    let state = match report.state {
        SipServerState::Requested => ServerState::Requested,
        // Nothing is to be told, and that is so.
        SipServerState::Idle | SipServerState::Confirmed => ServerState::Confirmed,
        SipServerState::Rejected => ServerState::Rejected,
        SipServerState::Unreachable => ServerState::Unreachable,
    };
    ServerReport {
        uri: report.uri.into(),
        protocol: Protocol::OtaSip,
        state,
        reason: report.reason,
        rejected_applications: report.rejected_applications,
    }
}

fn server(view: SipServerView, now: Now) -> Server {
    let state = match view.state {
        SipServerState::Idle => "idle",
        SipServerState::Requested => "requested",
        SipServerState::Confirmed => "confirmed",
        SipServerState::Rejected => "rejected",
        SipServerState::Unreachable => "unreachable",
    };
    let last_exchange = view.last_exchange;
    Server {
        uri: view.uri.into(),
        protocol: Protocol::OtaSip.to_string(),
        state: state.to_owned(),
        reason: view.reason,
        secure: Some(view.secure),
        last_exchange: last_exchange
            .map(|(method, status, at)| Exchange::at(method, Some(status), at.0)),
        binding: view.binding.map(|view| binding(view, now)),
        rejected_applications: view
            .rejected_applications
            .iter()
            .map(ToString::to_string)
            .collect(),
        ..Server::default()
    }
}

fn binding(view: BindingView, now: Now) -> Binding {
    let texts = |texts: Vec<Box<str>>| texts.into_iter().map(Into::into).collect();
    Binding {
        contact: view.contact.into(),
        gruu: view.gruu.map(Into::into),
        applications: texts(view.applications),
        instances: texts(view.instances),
        expires_in: view.expires.saturating_sub(now.monotonic).as_secs(),
        service_route: texts(view.service_route),
    }
}
