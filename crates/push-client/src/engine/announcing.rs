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
        let mut nobody_to_tell = capabilities.is_empty();
        for of_protocol in capabilities {
            match of_protocol.protocol {
                Protocol::OtaHttp => {
                    nobody_to_tell |= !self.announce_http(ticket, &of_protocol, now);
                }
                Protocol::OtaWsp | Protocol::OtaSip => {
                    self.announced(ticket, of_protocol.protocol, Vec::new(), now);
                }
            }
        }
        if nobody_to_tell {
            self.announced(ticket, Protocol::OtaHttp, Vec::new(), now);
        }
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
        if announcement.waiting.is_empty()
            && let Some(Announcement { servers, .. }) = self.announcing.0.remove(&ticket)
        {
            self.core
                .handle_input(Input::Announced { ticket, servers }, now);
        }
    }
}
