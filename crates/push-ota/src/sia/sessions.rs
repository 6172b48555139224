//! The contact points of a session initiation request for OTA-WSP: with whom sessions are opened, and for which applications
//! (WAP-235 8.2.3, 8.4).

use std::net::IpAddr;

use push_message::{Origin, PushApplicationId, ServerAddress};
use wap_wire::wsp::{AcceptApplication, Address, Sia};

use super::contacts::{dialable, leads_inside};
use super::sources::session_host_at;
use super::{Follow, Ignored, SiaSettings, SirContacts};
use crate::http::Host;
use crate::wsp::sessions::{ContactPoint, SessionContact, SessionGateway, WantedApplications};

/// The registered ports of WTLS: connectionless push, and WSP without and with sessions.
const SECURE_PORTS: [u16; 3] = [2949, 9202, ContactPoint::SECURE_PORT];

/// What a request leads to.
//= specs/ota-wsp.md#sir
//# A terminal that acts upon a session initiation request MUST open push sessions with the contact points in it.
pub(super) fn follow(
    gateways: &[SessionGateway],
    settings: &SiaSettings,
    request: &Sia<'_>,
    origin: &Origin,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> Result<Follow, Ignored> {
    let mut follow = Follow {
        contacts: Vec::new(),
        prov_url: None,
        sessions: Vec::new(),
        applications: applications(request),
        left_alone: Vec::new(),
    };
    for place in places(settings, request, origin) {
        match place.and_then(|place| contact(gateways, settings, place, origin, resolves)) {
            Ok(contact) if follow.sessions.contains(&contact) => {}
            Ok(_) if follow.sessions.len() >= settings.max_contacts => {
                follow.left_alone.push(Ignored::TooMany);
                break;
            }
            Ok(contact) => follow.sessions.push(contact),
            Err(ignored) => follow.left_alone.push(ignored),
        }
    }
    match (&follow.sessions[..], follow.left_alone.first()) {
        ([], Some(ignored)) => Err(*ignored),
        ([], None) => Err(Ignored::NoContactPoint),
        ([_, ..], _) => Ok(follow),
    }
}

/// The applications that a request names. What cannot be read is passed over; nothing that can is as if there were none.
fn applications(request: &Sia<'_>) -> WantedApplications {
    let mut wanted = std::collections::BTreeSet::new();
    for application in request.applications.into_iter().flatten() {
        match application {
            AcceptApplication::Any => return WantedApplications::Any,
            AcceptApplication::Id(id) => {
                let by_number = id.number().map(PushApplicationId::from_number);
                let by_uri = || PushApplicationId::parse(id.uri()?).ok();
                wanted.extend(by_number.or_else(by_uri));
            }
        }
    }
    if wanted.is_empty() {
        WantedApplications::Any
    } else {
        WantedApplications::Only(wanted)
    }
}

/// An address, and a port where one is named.
type Place = (IpAddr, Option<u16>);

/// Where the contact points are. Where none is an address and one is broken, that is where the request came from.
fn places(
    settings: &SiaSettings,
    request: &Sia<'_>,
    origin: &Origin,
) -> Vec<Result<Place, Ignored>> {
    let points: Vec<_> = request.wsp_contact_points.into_iter().collect();
    let place = |point: &Address<'_>| {
        let address = dialable(point).ok_or(Ignored::Address)?;
        Ok((address, point.port))
    };
    let places: Vec<_> = points
        .iter()
        .map(|point| {
            point
                .map_err(Ignored::Malformed)
                .and_then(|point| place(&point))
        })
        .collect();
    if places.iter().any(Result::is_ok) || !settings.malformed_contacts {
        return places;
    }
    let sender = match &origin.server {
        ServerAddress::Ip(address) => Some((address.to_canonical(), None)),
        ServerAddress::E164(_)
        | ServerAddress::Alphanumeric(_)
        | ServerAddress::Sip(_)
        | ServerAddress::Unknown => written_out(request.wsp_contact_points.as_bytes()),
    };
    match sender {
        Some(place) => vec![Ok(place)],
        None => places,
    }
}

/// A contact point whose port and address are written in letters, as a gateway in use does.
fn written_out(octets: &[u8]) -> Option<Place> {
    let (&flags, rest) = octets.split_first()?;
    let rest = if flags & 0x80 == 0 {
        rest
    } else {
        rest.get(1..)?
    };
    let length = usize::from(flags & 0x3F);
    let (port, address) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    let address = std::str::from_utf8(address).ok()?.parse().ok()?;
    let port = std::str::from_utf8(port).ok()?.parse().ok();
    Some((address, port.filter(|&port| port != 0)))
}

/// The contact point at a place, if a session may be opened there.
fn contact(
    gateways: &[SessionGateway],
    settings: &SiaSettings,
    (address, port): Place,
    origin: &Origin,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> Result<SessionContact, Ignored> {
    //= specs/ota-wsp.md#sir
    //# Where a session initiation request asks for secure transport, by its port or by what is provisioned for it, a WTLS connection MUST be there before the session.
    if port.is_some_and(|port| SECURE_PORTS.contains(&port)) {
        return Err(Ignored::Secure);
    }
    let at_address = |gateway| Some((gateway, session_host_at(gateway, address, resolves)?));
    let mut known = gateways.iter().filter_map(at_address);
    let first = known.next();
    let at_port = |(gateway, _): &(&SessionGateway, Host)| Some(gateway.contact.port) == port;
    let found = match first {
        Some(first) if !at_port(&first) => known.find(at_port).or(Some(first)),
        first => first,
    };
    let from = match &origin.server {
        ServerAddress::Ip(from) => Some(*from),
        ServerAddress::E164(_)
        | ServerAddress::Alphanumeric(_)
        | ServerAddress::Sip(_)
        | ServerAddress::Unknown => None,
    };
    let is_known_only = settings.contacts == SirContacts::Known;
    if found.is_none() && (is_known_only || leads_inside(from, address)) {
        return Err(Ignored::UnknownContact);
    }
    let provisioned = found.as_ref().map(|(gateway, _)| gateway.contact.port);
    let port = port.or(provisioned).unwrap_or(ContactPoint::PORT);
    Ok(SessionContact {
        gateway: found.as_ref().map(|(gateway, _)| gateway.id.clone()),
        contact: ContactPoint {
            host: found.map_or(Host::Ip(address), |(_, host)| host),
            port,
        },
    })
}
