//! How the Push Servers stand: the machine hears of changes that no announcement answers, and those who watch of all.

use std::collections::BTreeMap;

use push_api::Server;
use push_core::{Input, Now};

use super::Engine;

/// How the servers stood when they were looked at last.
#[derive(Debug, Default)]
pub(super) struct Standings {
    /// By protocol and URI: the state, and the applications that it does not stand for.
    known: BTreeMap<(String, String), (String, Vec<String>)>,
    /// Something has happened since that may have changed one.
    is_stale: bool,
}

/// What of a server is otherwise than it was.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// Its state.
    State,
    /// The applications that it does not stand for, and nothing else.
    Applications,
}

impl Standings {
    /// Something happened that may change how a server stands.
    pub(super) const fn may_differ(&mut self) {
        self.is_stale = true;
    }

    /// Forgets the servers that are not there any more: contact points of session initiation requests come and go.
    fn keep(&mut self, servers: &[Server]) {
        self.known.retain(|(protocol, uri), _| {
            let is_it = |server: &Server| server.uri == *uri && server.protocol == *protocol;
            servers.iter().any(is_it)
        });
    }

    /// What is otherwise with a server; it is known from now on.
    fn news(&mut self, server: &Server) -> Option<News> {
        let key = (server.protocol.clone(), server.uri.clone());
        let standing = (server.state.clone(), server.rejected_applications.clone());
        let (state, applications) = &standing;
        let news = match self.known.get(&key) {
            Some((before, _)) if before != state => Some(News::State),
            Some((_, before)) if before != applications => Some(News::Applications),
            Some(_) => None,
            None => Some(News::State),
        };
        self.known.insert(key, standing);
        news
    }
}

impl Engine {
    /// Looks which servers stand otherwise than before, and tells the machine and those who watch; says whether the machine was told.
    pub(super) fn watch_servers(&mut self, now: Now) -> bool {
        if !std::mem::take(&mut self.standings.is_stale) || self.stopping {
            return false;
        }
        let mut servers = self.http_servers(now);
        servers.extend(self.sip_servers(now));
        servers.extend(self.session_servers());
        self.standings.keep(&servers);
        let mut reports = self.http_reports();
        reports.extend(self.sip_reports());
        reports.extend(self.session_reports());
        let mut changed = Vec::new();
        for server in servers {
            let Some(news) = self.standings.news(&server) else {
                continue;
            };
            let is_it = |report: &push_core::ServerReport| {
                report.uri == server.uri && report.protocol.to_string() == server.protocol
            };
            changed.extend(
                reports
                    .iter()
                    .position(is_it)
                    .map(|at| reports.swap_remove(at)),
            );
            if news == News::State {
                self.tell_server(server, now);
            }
        }
        let any = !changed.is_empty();
        if any {
            self.core
                .handle_input(Input::ServersChanged { servers: changed }, now);
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_otherwise_is_news() {
        let mut standings = Standings::default();
        for (uri, word, rejected, news) in [
            ("a", "confirmed", None, Some(News::State)),
            ("b", "confirmed", None, Some(News::State)),
            ("a", "confirmed", None, None),
            ("a", "confirmed", Some("4"), Some(News::Applications)),
            ("a", "unreachable", Some("4"), Some(News::State)),
            ("b", "confirmed", None, None),
            ("a", "unreachable", Some("4"), None),
        ] {
            let server = Server {
                uri: uri.to_owned(),
                protocol: "OTA-SIP".to_owned(),
                state: word.to_owned(),
                rejected_applications: rejected.map(str::to_owned).into_iter().collect(),
                ..Server::default()
            };
            assert_eq!(standings.news(&server), news, "{server:?}");
        }
    }

    #[test]
    fn a_server_that_was_gone_is_news_again() {
        let mut standings = Standings::default();
        let server = Server::default();
        standings.news(&server);
        standings.keep(std::slice::from_ref(&server));
        assert_eq!(standings.news(&server), None);
        standings.keep(&[]);
        assert_eq!(standings.news(&server), Some(News::State));
    }
}
