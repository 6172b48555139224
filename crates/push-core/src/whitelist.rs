//! Which servers an application takes pushes from.
//!
//! What counts is the default whitelist and the application's own together; where both are empty, anyone may push. An
//! entry of the default whitelist may be limited to ids and types; such entries still make the default whitelist one that
//! is not empty.

use std::collections::BTreeMap;
use std::net::IpAddr;

use push_message::{
    Address, DefaultWhitelistEntry, MediaType, Origin, PushApplicationId, ServerAddress, Whitelist,
};

use crate::client::PushClient;

/// Whose entry named a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// No whitelist counts, so everybody is welcome.
    Anyone,
    /// An entry of the default whitelist.
    Default,
    /// An entry of the application.
    Own,
    /// None.
    Unlisted,
}

/// Host names that whitelists hold, with what they last resolved to.
#[derive(Debug, Default)]
pub(crate) struct Hosts(BTreeMap<Box<str>, Host>);

#[derive(Debug, Default)]
struct Host {
    addresses: Vec<IpAddr>,
    /// How many entries hold the name.
    uses: usize,
}

impl Hosts {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    /// Whether a name is held of which no address was ever known.
    pub(crate) fn is_unknown(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|host| host.addresses.is_empty())
    }

    /// Whether there is such a name.
    pub(crate) fn has_unknown(&self) -> bool {
        self.0.values().any(|host| host.addresses.is_empty())
    }

    /// Adds the host names of a whitelist; returns those that nobody had.
    pub(crate) fn add<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Vec<Box<str>> {
        let mut unknown = Vec::new();
        for name in names {
            let host = self.0.entry(name.into()).or_default();
            host.uses += 1;
            if host.uses == 1 {
                unknown.push(name.into());
            }
        }
        unknown
    }

    /// Takes out the host names of a whitelist; those that another one holds stay.
    pub(crate) fn remove<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            if let Some(host) = self.0.get_mut(name) {
                host.uses -= 1;
                if host.uses == 0 {
                    self.0.remove(name);
                }
            }
        }
    }

    /// Notes what a name resolves to. A name that cannot be resolved keeps its last addresses, so that an outage of the
    /// name service does not shut servers out. Returns whether anything changed.
    pub(crate) fn resolved(&mut self, name: &str, mut addresses: Vec<IpAddr>) -> bool {
        for address in &mut addresses {
            *address = address.to_canonical();
        }
        match self.0.get_mut(name) {
            Some(host) if !addresses.is_empty() && host.addresses != addresses => {
                host.addresses = addresses;
                true
            }
            Some(_) | None => false,
        }
    }

    fn resolves(&self, name: &str, address: IpAddr) -> bool {
        self.0
            .get(name)
            .is_some_and(|host| host.addresses.contains(&address))
    }

    /// Whether a server may push to an application, and by whose word. An application or a type that is not known is any.
    pub(crate) fn listing(
        &self,
        origin: &Origin,
        default: &[DefaultWhitelistEntry],
        own: Option<&Whitelist>,
        application: Option<&PushApplicationId>,
        media_type: Option<&MediaType>,
    ) -> Listing {
        //= specs/push-cai.md#whitelist-of-a-registration
        //# A whitelist entry that came with a registration MUST count for the application that gave it and for no other.
        let own = own.map_or(&[][..], Whitelist::addresses);
        if default.is_empty() && own.is_empty() {
            return Listing::Anyone;
        }
        let resolves = |name: &str, address| self.resolves(name, address);
        let named = |entry: &Address| entry.names_origin(origin, resolves);
        let by_default = default
            .iter()
            .any(|entry| entry.counts_for(application, media_type) && named(&entry.address));
        if by_default {
            Listing::Default
        } else if own.iter().any(named) {
            Listing::Own
        } else {
            Listing::Unlisted
        }
    }
}

impl PushClient {
    /// Whether a server, which proved these names and sends no short messages, may push to anybody here at all: it is on the default whitelist,
    /// whatever that entry is limited to, or on that of an application that is registered or being registered; or somebody
    /// takes pushes from anyone.
    pub fn is_listed(&self, server: &ServerAddress, proved_names: &[Box<str>]) -> bool {
        let default = &self.settings.default_whitelist;
        let resolves = |name: &str, address| self.hosts.resolves(name, address);
        let named = |entry: &Address| entry.names(server, proved_names, resolves);
        if default.iter().any(|entry| named(&entry.address)) {
            return true;
        }
        let mut nobody = true;
        for record in self.registry.known() {
            nobody = false;
            let own = record.whitelist.addresses();
            if own.iter().any(named) || (own.is_empty() && default.is_empty()) {
                return true;
            }
        }
        nobody && default.is_empty()
    }
}

/// The host names of an application's whitelist.
pub(crate) fn hosts_of(whitelist: &Whitelist) -> impl Iterator<Item = &str> {
    whitelist.addresses().iter().filter_map(Address::host)
}
