//! Push Servers that answer as a test says.

use push_core::{Capabilities, PersistTicket, ServerReport, ServerState};
use push_message::PushApplicationId;

/// How the servers answer an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServersAnswer {
    /// There are none.
    #[default]
    None,
    /// Each says this, one server a protocol.
    All(ServerState),
    /// Each takes the rest but refuses this id.
    AllBut(PushApplicationId),
    /// Nothing comes back, unless [`Terminal::servers_say`](crate::Terminal::servers_say) does later.
    Silent,
}

/// The Push Servers, and what they were told.
#[derive(Debug, Default)]
pub struct Servers {
    /// How they answer.
    pub answer: ServersAnswer,
    /// What they were told, in order.
    pub told: Vec<Vec<Capabilities>>,
    unanswered: Vec<(PersistTicket, Vec<Capabilities>)>,
}

impl Servers {
    /// Takes an announcement; says what each server answers, unless nothing comes back.
    pub(crate) fn take(
        &mut self,
        ticket: PersistTicket,
        capabilities: Vec<Capabilities>,
    ) -> Option<Vec<ServerReport>> {
        self.told.push(capabilities.clone());
        if self.answer == ServersAnswer::Silent {
            self.unanswered.push((ticket, capabilities));
            return None;
        }
        Some(self.reports(&capabilities))
    }

    /// Answers an announcement that was not answered at once.
    pub(crate) fn answer_late(&mut self) -> Option<(PersistTicket, Vec<ServerReport>)> {
        let (ticket, capabilities) = self.unanswered.pop()?;
        Some((ticket, self.reports(&capabilities)))
    }

    fn reports(&self, capabilities: &[Capabilities]) -> Vec<ServerReport> {
        capabilities
            .iter()
            .filter_map(|capabilities| self.report(capabilities))
            .collect()
    }

    fn report(&self, capabilities: &Capabilities) -> Option<ServerReport> {
        let (state, rejected_applications) = match &self.answer {
            ServersAnswer::None | ServersAnswer::Silent => return None,
            ServersAnswer::All(state) => (*state, Vec::new()),
            ServersAnswer::AllBut(id) => (ServerState::Confirmed, vec![id.clone()]),
        };
        Some(ServerReport {
            uri: format!("test:{}", capabilities.protocol),
            protocol: capabilities.protocol,
            state,
            reason: None,
            rejected_applications,
        })
    }
}
