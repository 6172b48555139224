//! Whom a session initiation request may come from (WAP-235 8.3), and whose an address is.

use std::net::IpAddr;

use push_message::{Origin, ServerAddress};

use super::{Reach, SiaSettings};
use crate::http::{Host, Ppg};
use crate::wsp::sessions::SessionGateway;

/// Whether the sender is a gateway, or is listed.
//= specs/ota-http.md#sir-security
//# The source address of a session initiation request SHOULD be compared with a list of gateways that is there beforehand.
//= specs/ota-wsp.md#sir-security
//# The source address of a session initiation request SHOULD be compared with a list of gateways that is there beforehand.
pub(super) fn is_allowed(
    reach: &Reach,
    settings: &SiaSettings,
    origin: &Origin,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> bool {
    let listed = settings
        .sources
        .iter()
        .any(|entry| entry.names_origin(origin, resolves));
    let address = match &origin.server {
        ServerAddress::Ip(address) => Some(*address),
        ServerAddress::E164(_)
        | ServerAddress::Alphanumeric(_)
        | ServerAddress::Sip(_)
        | ServerAddress::Unknown => None,
    };
    let is_gateway = |ppg: &Ppg| {
        let by_address = address.and_then(|address| host_at(ppg, address, resolves));
        by_address.is_some() || has_proved(ppg, &origin.proved_names)
    };
    let has_sessions = |gateway: &SessionGateway| {
        let by_address = address.and_then(|address| session_host_at(gateway, address, resolves));
        by_address.is_some()
            || origin
                .proved_names
                .iter()
                .any(|name| **name == *gateway.id.0)
    };
    let ppgs = reach.http.iter().flat_map(|terminal| &terminal.ppgs);
    let gateways = reach.sessions.iter().flat_map(|gateways| gateways.iter());
    listed || ppgs.into_iter().any(is_gateway) || gateways.into_iter().any(has_sessions)
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
    let of_contact = ppg.contact.as_ref().map(|contact| &contact.host);
    at_address(of_contact, &ppg.addresses, address, resolves)
}

/// The host of a gateway with which there are sessions that has this address, as it is provisioned.
pub(super) fn session_host_at(
    gateway: &SessionGateway,
    address: IpAddr,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> Option<Host> {
    at_address(
        Some(&gateway.contact.host),
        &gateway.addresses,
        address,
        resolves,
    )
}

fn at_address(
    host: Option<&Host>,
    addresses: &[IpAddr],
    address: IpAddr,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> Option<Host> {
    let address = address.to_canonical();
    let has = |host: &&Host| match host {
        Host::Ip(own) => own.to_canonical() == address,
        Host::Name(name) => resolves(name, address),
    };
    let other = || {
        let own = |own: &&IpAddr| own.to_canonical() == address;
        addresses.iter().find(own).copied().map(Host::Ip)
    };
    host.filter(has).cloned().or_else(other)
}
