//! Push Servers that answer as a test says.

use push_core::{Capabilities, ServerReport, ServerState};
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
    /// Nothing comes back.
    Silent,
}

/// The Push Servers, and what they were told.
#[derive(Debug, Default)]
pub struct Servers {
    /// How they answer.
    pub answer: ServersAnswer,
    /// What they were told, in order.
    pub told: Vec<Vec<Capabilities>>,
}

impl Servers {
    /// Takes an announcement; says what each server answers, unless nothing comes back.
    pub(crate) fn take(&mut self, capabilities: Vec<Capabilities>) -> Option<Vec<ServerReport>> {
        let reports = capabilities
            .iter()
            .filter_map(|capabilities| self.report(capabilities))
            .collect();
        self.told.push(capabilities);
        (self.answer != ServersAnswer::Silent).then_some(reports)
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
