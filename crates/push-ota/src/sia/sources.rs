//! Whom a session initiation request may come from (WAP-235 8.3), and whose an address is.

use std::net::IpAddr;

use push_message::{Origin, ServerAddress};

use super::SiaSettings;
use crate::http::{Host, Ppg, Terminal};

/// Whether the sender is a gateway, or is listed.
//= specs/ota-http.md#sir-security
//# The source address of a session initiation request SHOULD be compared with a list of gateways that is there beforehand.
pub(super) fn is_allowed(
    terminal: &Terminal,
    settings: &SiaSettings,
    origin: &Origin,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> bool {
    let listed = settings
        .sources
        .iter()
        .any(|entry| entry.names(&origin.server, &origin.proved_names, resolves));
    let is_gateway = |ppg: &Ppg| {
        let by_address = match &origin.server {
            ServerAddress::Ip(address) => host_at(ppg, *address, resolves).is_some(),
            ServerAddress::E164(_)
            | ServerAddress::Alphanumeric(_)
            | ServerAddress::Sip(_)
            | ServerAddress::Unknown => false,
        };
        by_address || has_proved(ppg, &origin.proved_names)
    };
    listed || terminal.ppgs.iter().any(is_gateway)
}

/// Whether a server proved to be this gateway: by its identity, or by the name that its certificate has to carry.
fn has_proved(ppg: &Ppg, proved_names: &[Box<str>]) -> bool {
    proved_names
        .iter()
        .any(|name| **name == *ppg.id.0 || name.eq_ignore_ascii_case(ppg.certified_name()))
}

/// The host of a gateway that has this address, as it is provisioned.
pub(super) fn host_at(
    ppg: &Ppg,
    address: IpAddr,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> Option<Host> {
    let address = address.to_canonical();
    let has = |host: &&Host| match host {
        Host::Ip(own) => own.to_canonical() == address,
        Host::Name(name) => resolves(name, address),
    };
    let of_contact = ppg.contact.as_ref().map(|contact| &contact.host);
    let other = || {
        let own = |own: &&IpAddr| own.to_canonical() == address;
        ppg.addresses.iter().find(own).copied().map(Host::Ip)
    };
    of_contact.filter(has).cloned().or_else(other)
}
