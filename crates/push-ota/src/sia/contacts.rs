//! The contact points of a session initiation request: which are dialled, where, and what their gateways assume (WAP-235 8.4).

use std::net::IpAddr;

use sha1::{Digest as _, Sha1};
use wap_wire::wsp::{Address, ProvUrl, Sia, SiaProtocols};

use super::sources::host_at;
use super::{Follow, Ignored, SiaSettings, SirContacts, UnknownContext};
use crate::http::{Connect, Contact, CpiTag, Host, Ppg, Terminal};
use crate::wsp::sessions::WantedApplications;

/// The registered push port.
const PORT: u16 = 4035;
/// The registered push port where TLS comes first.
const SECURE_PORT: u16 = 4036;

/// A contact point with what belongs to it.
struct ContactPoint<'a> {
    address: Address<'a>,
    protocol: u32,
    tag: Option<CpiTag>,
}

/// What a request leads to.
pub(super) fn follow(
    terminal: &Terminal,
    settings: &SiaSettings,
    request: &Sia<'_>,
    resolves: &dyn Fn(&str, IpAddr) -> bool,
) -> Result<Follow, Ignored> {
    let points = contact_points(request)?;
    let context = Context::of(terminal, settings, request.prov_url)?;
    let mut follow = Follow {
        contacts: Vec::new(),
        prov_url: context.prov_url.clone(),
        sessions: Vec::new(),
        applications: WantedApplications::Any,
        left_alone: Vec::new(),
    };
    for point in points {
        match context.contact(settings, &point, resolves) {
            Ok(contact) if follow.contacts.iter().any(|(known, _)| *known == contact) => {}
            Ok(_) if follow.contacts.len() >= settings.max_contacts => {
                follow.left_alone.push(Ignored::TooMany);
                break;
            }
            Ok(contact) => follow.contacts.push((contact, point.tag)),
            Err(ignored) => follow.left_alone.push(ignored),
        }
    }
    match (&follow.contacts[..], follow.left_alone.first()) {
        ([], Some(ignored)) => Err(*ignored),
        ([], None) => Err(Ignored::NoContactPoint),
        ([_, ..], _) => Ok(follow),
    }
}

/// The contact points for protocols other than OTA-WSP, each with its protocol and the tag that its gateway assumes.
//= specs/ota-http.md#sir
//# Contact points for a protocol that the terminal does not speak MUST NOT be contacted by another protocol.
fn contact_points<'a>(request: &Sia<'a>) -> Result<Vec<ContactPoint<'a>>, Ignored> {
    let addresses: Vec<_> = request
        .contact_points
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(Ignored::Malformed)?;
    let protocols = protocols(request.protocols, addresses.len());
    let tagged = |protocol: u32| protocol == SiaProtocols::OTA_HTTP_WITH_CPI_TAG;
    let count = protocols
        .iter()
        .filter(|&&protocol| tagged(protocol))
        .count();
    let mut tags = tags(request.cpi_tags, count).into_iter();
    let points = addresses.into_iter().zip(protocols);
    let points = points.map(|(address, protocol)| ContactPoint {
        address,
        protocol,
        tag: if tagged(protocol) {
            tags.next().flatten()
        } else {
            None
        },
    });
    Ok(points.collect())
}

/// One protocol for each contact point: the first counts for all where their numbers differ, and none is OTA-HTTP.
//= specs/ota-http.md#sia-content
//# The first protocol identifier MUST count for all contact points when there are not as many identifiers as contact points.
fn protocols(protocols: SiaProtocols<'_>, count: usize) -> Vec<u32> {
    let listed: Vec<_> = protocols.iter().collect();
    if listed.len() == count {
        return listed;
    }
    let first = listed.first().copied().unwrap_or(SiaProtocols::OTA_HTTP);
    vec![first; count]
}

/// One tag for each contact point that is to have one: the first counts for all where their numbers differ; without any, their
/// gateways do not know the CPI.
//= specs/ota-http.md#sia-content
//# The first CPITag MUST count for all contact points that are to have one when there are not as many tags as such contact points.
//= specs/ota-http.md#sia-content
//# A contact point that is to have a CPITag, in a request that has none, MUST be handled as one that does not know the CPI.
fn tags(listed: &[[u8; 4]], count: usize) -> Vec<Option<CpiTag>> {
    if listed.len() == count {
        listed.iter().copied().map(CpiTag).map(Some).collect()
    } else {
        vec![listed.first().copied().map(CpiTag); count]
    }
}

/// The provisioning context to use, as far as it matters here.
struct Context<'a> {
    /// The gateways in it.
    ppgs: Vec<&'a Ppg>,
    /// Every gateway.
    all: &'a [Ppg],
    /// Its ProvURL, where the request named it.
    prov_url: Option<Box<str>>,
}

impl<'a> Context<'a> {
    /// The context of the gateways whose ProvURL the request names; without one, that of those that have none either.
    //= specs/ota-http.md#sia-content
    //# A provisioning context that the ProvURL field names MUST be the one that is used.
    fn of(
        terminal: &'a Terminal,
        settings: &SiaSettings,
        named: ProvUrl<'_>,
    ) -> Result<Self, Ignored> {
        let all = &terminal.ppgs[..];
        let named_at = |ppg: &&Ppg| names(named, ppg.prov_url.as_deref().unwrap_or_default());
        let ppgs: Vec<_> = all.iter().filter(named_at).collect();
        match (ppgs.first(), named, settings.unknown_context) {
            (Some(first), ProvUrl::Hash(_) | ProvUrl::Url(_), _) => Ok(Self {
                prov_url: first.prov_url.clone(),
                ppgs,
                all,
            }),
            (Some(_), ProvUrl::Empty, _) => Ok(Self {
                ppgs,
                all,
                prov_url: None,
            }),
            // Nothing is provisioned, so there is no context to choose.
            (None, ProvUrl::Empty, _) if all.is_empty() => Ok(Self::unnamed(all)),
            (None, _, UnknownContext::Follow) => Ok(Self::unnamed(all)),
            (None, _, UnknownContext::Ignore) => Err(Ignored::UnknownContext),
        }
    }

    fn unnamed(all: &'a [Ppg]) -> Self {
        Self {
            ppgs: all.iter().collect(),
            all,
            prov_url: None,
        }
    }

    /// Where a contact point is dialled.
    fn contact(
        &self,
        settings: &SiaSettings,
        point: &ContactPoint<'_>,
        resolves: &dyn Fn(&str, IpAddr) -> bool,
    ) -> Result<Contact, Ignored> {
        //= specs/ota-http.md#sia-content
        //# A contact point with an unknown protocol identifier MUST NOT be contacted.
        if !matches!(
            point.protocol,
            SiaProtocols::OTA_HTTP | SiaProtocols::OTA_HTTP_WITH_CPI_TAG
        ) {
            return Err(Ignored::Protocol(point.protocol));
        }
        let address = dialable(&point.address).ok_or(Ignored::Address)?;
        let port = point.address.port;
        let gateway = self.gateway_at(address, port, resolves);
        match (&gateway, settings.contacts) {
            (Some((ppg, _)), _) if ppg.connect == Connect::Never => {
                return Err(Ignored::NeverDialled);
            }
            (None, SirContacts::Known) => return Err(Ignored::UnknownContact),
            (Some(_), SirContacts::Known | SirContacts::Any) | (None, SirContacts::Any) => {}
        }
        let provisioned = gateway.as_ref().and_then(|(ppg, _)| ppg.contact.as_ref());
        let all: Vec<_> = self
            .all
            .iter()
            .filter(|ppg| host_at(ppg, address, resolves).is_some())
            .filter_map(|ppg| ppg.contact.as_ref())
            .collect();
        //= specs/ota-http.md#tcp-connections
        //# A connection that the terminal opens MUST go to the port that a session initiation request named, else to the port that is provisioned or agreed, else to the registered push port.
        let port = port
            .or_else(|| provisioned.map(|contact| contact.port))
            .unwrap_or_else(|| registered_port(&all));
        Ok(Contact {
            host: gateway.map_or(Host::Ip(address), |(_, host)| host),
            port,
            secure: is_secure(port, &all),
        })
    }

    /// The gateway of the context that has this address, with the host by which it is provisioned; one that is dialled at this
    /// very port before others.
    fn gateway_at(
        &self,
        address: IpAddr,
        port: Option<u16>,
        resolves: &dyn Fn(&str, IpAddr) -> bool,
    ) -> Option<(&'a Ppg, Host)> {
        let at_host = |ppg: &&'a Ppg| Some((*ppg, host_at(ppg, address, resolves)?));
        let mut at_host = self.ppgs.iter().filter_map(at_host);
        let first = at_host.next()?;
        if is_at_port(first.0, port) {
            return Some(first);
        }
        let exact = at_host.find(|(ppg, _)| is_at_port(ppg, port));
        Some(exact.unwrap_or(first))
    }
}

/// The registered port for a host at which these are provisioned.
fn registered_port(at_host: &[&Contact]) -> u16 {
    if at_host.iter().any(|contact| contact.secure) {
        SECURE_PORT
    } else {
        PORT
    }
}

/// Whether TLS comes first at this port of a host at which these are provisioned: for the port itself, or where it is nobody's
/// for any of them, so that a request cannot have TLS left out.
//= specs/ota-http.md#sir
//# Where a session initiation request asks for secure transport, by its port or by what is provisioned for it, TLS MUST be established on the connection.
fn is_secure(port: u16, at_host: &[&Contact]) -> bool {
    let mut exact = at_host
        .iter()
        .filter(|contact| contact.port == port)
        .peekable();
    let provisioned = if exact.peek().is_some() {
        exact.any(|contact| contact.secure)
    } else {
        at_host.iter().any(|contact| contact.secure)
    };
    port == SECURE_PORT || provisioned
}

/// Whether a gateway is provisioned to be dialled at this port.
fn is_at_port(ppg: &Ppg, port: Option<u16>) -> bool {
    let own = ppg.contact.as_ref().map(|contact| contact.port);
    port.is_some() && own == port
}

/// The address of a contact point, if it is one that a single host can have.
pub(crate) fn dialable(address: &Address<'_>) -> Option<IpAddr> {
    let ip = address.ip()?.to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let fits = !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast;
    (fits && address.port != Some(0)).then_some(ip)
}

/// Whether somebody elsewhere names this machine itself, or what shares a link with it: that is the way to services which are for nobody else.
/// `from` is who names it; absent where it is no address.
pub(crate) fn leads_inside(from: Option<IpAddr>, to: IpAddr) -> bool {
    let is_inside = |ip: IpAddr| match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    };
    is_inside(to) && !from.is_some_and(is_inside)
}

/// Whether a request names the context with this ProvURL, which is empty for a gateway of no context.
fn names(named: ProvUrl<'_>, prov_url: &str) -> bool {
    match named {
        ProvUrl::Empty => prov_url.is_empty(),
        ProvUrl::Url(text) => text == *prov_url,
        //= specs/ota-http.md#sia-content
        //# A ProvURL field of one to four octets MUST be compared with as many octets of the SHA-1 hash of a context's ProvURL.
        ProvUrl::Hash(octets) => {
            !prov_url.is_empty() && Sha1::digest(prov_url.as_bytes()).starts_with(octets)
        }
    }
}
