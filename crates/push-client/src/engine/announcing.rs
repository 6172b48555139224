//! Announcements on their way to the Push Servers of several protocols; the machine is answered once.

use std::collections::{BTreeMap, BTreeSet};

use push_core::{Capabilities, Input, Now, PersistTicket, ServerReport};
use push_message::Protocol;

use super::Engine;

/// The announcements that have not been answered.
#[derive(Debug, Default)]
pub(super) struct Announcing(BTreeMap<PersistTicket, Announcement>);

#[derive(Debug)]
struct Announcement {
    waiting: BTreeSet<Protocol>,
    servers: Vec<ServerReport>,
}

impl Engine {
    /// Tells the Push Servers of each protocol what holds for it.
    pub(super) fn announce(
        &mut self,
        ticket: PersistTicket,
        capabilities: Vec<Capabilities>,
        now: Now,
    ) {
        let announcement = Announcement {
            waiting: capabilities.iter().map(|one| one.protocol).collect(),
            servers: Vec::new(),
        };
        self.announcing.0.insert(ticket, announcement);
        for of_protocol in capabilities {
            match of_protocol.protocol {
                Protocol::OtaHttp => {
                    if !self.announce_http(ticket, &of_protocol, now) {
                        self.announced(ticket, Protocol::OtaHttp, Vec::new(), now);
                    }
                }
                Protocol::OtaWsp => {
                    if !self.announce_sessions(ticket, of_protocol, now) {
                        self.announced(ticket, Protocol::OtaWsp, Vec::new(), now);
                    }
                }
                Protocol::OtaSip => {
                    if !self.announce_sip(ticket, of_protocol, now) {
                        self.announced(ticket, Protocol::OtaSip, Vec::new(), now);
                    }
                }
            }
        }
        self.announced_by_all(ticket, now);
    }

    /// The Push Servers of one protocol have been told, as far as they could be reached.
    pub(super) fn announced(
        &mut self,
        ticket: PersistTicket,
        protocol: Protocol,
        servers: Vec<ServerReport>,
        now: Now,
    ) {
        let Some(announcement) = self.announcing.0.get_mut(&ticket) else {
            return;
        };
        announcement.waiting.remove(&protocol);
        announcement.servers.extend(servers);
        self.announced_by_all(ticket, now);
    }

    /// Answers an announcement for which nothing is waited for any more.
    fn announced_by_all(&mut self, ticket: PersistTicket, now: Now) {
        let announcement = self.announcing.0.get(&ticket);
        if announcement.is_some_and(|announcement| announcement.waiting.is_empty())
            && let Some(Announcement { servers, .. }) = self.announcing.0.remove(&ticket)
        {
            self.core
                .handle_input(Input::Announced { ticket, servers }, now);
        }
    }
}
