//! How the Push Servers stand: the machine hears of changes that no announcement answers.

use std::collections::BTreeMap;

use push_core::{Input, Now, ServerReport, ServerState};
use push_message::{Protocol, PushApplicationId};

use super::Engine;

/// How the servers stood when the machine heard of them last.
#[derive(Debug, Default)]
pub(super) struct Standings {
    told: BTreeMap<(Protocol, String), (ServerState, Vec<PushApplicationId>)>,
    /// Something has happened since that may have changed one.
    is_stale: bool,
}

impl Standings {
    /// Something happened that may change how a server stands.
    pub(super) const fn may_differ(&mut self) {
        self.is_stale = true;
    }

    /// Whether a server stands otherwise than the machine has heard; it has heard of it then.
    fn is_news(&mut self, report: &ServerReport) -> bool {
        let key = (report.protocol, report.uri.clone());
        let standing = (report.state, report.rejected_applications.clone());
        self.told.insert(key, standing.clone()) != Some(standing)
    }
}

impl Engine {
    /// Tells the machine which servers stand otherwise than before; says whether there were any.
    pub(super) fn watch_servers(&mut self, now: Now) -> bool {
        if !std::mem::take(&mut self.standings.is_stale) || self.stopping {
            return false;
        }
        let mut servers = self.http_reports();
        servers.extend(self.sip_reports());
        servers.retain(|report| self.standings.is_news(report));
        let any = !servers.is_empty();
        if any {
            self.core
                .handle_input(Input::ServersChanged { servers }, now);
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(uri: &str, state: ServerState, rejected: &[&str]) -> ServerReport {
        let rejected = rejected.iter();
        ServerReport {
            uri: uri.to_owned(),
            protocol: Protocol::OtaSip,
            state,
            reason: None,
            rejected_applications: rejected
                .map(|id| PushApplicationId::parse(id).unwrap())
                .collect(),
        }
    }

    #[test]
    fn only_what_is_otherwise_is_news() {
        use ServerState::{Confirmed, Unreachable};
        let mut standings = Standings::default();
        for (report, is_news) in [
            (report("a", Confirmed, &[]), true),
            (report("b", Confirmed, &[]), true),
            (report("a", Confirmed, &[]), false),
            (report("a", Confirmed, &["4"]), true),
            (report("a", Unreachable, &["4"]), true),
            (report("b", Confirmed, &[]), false),
            (report("a", Unreachable, &["4"]), false),
        ] {
            assert_eq!(standings.is_news(&report), is_news, "{report:?}");
        }
    }
}
