//! Whom a push is from and for.

use push_message::{Bearer, Origin, Protocol, PushApplicationId, ServerAddress, TransactionId};

use super::super::registration::Announced;
use super::super::settings::OtherInstances;
use super::super::stack::Request;
use super::super::tags::{Row, Wanted};
use super::common::{Common, Context};

/// Whom a request names by Accept-Contact (RFC 3841).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Addressed {
    pub(crate) application: Option<PushApplicationId>,
    pub(crate) instance: Option<Box<str>>,
}

impl Addressed {
    /// One that an application of the terminal has comes before one that none has; the first of several counts.
    pub(crate) fn read(request: &Request, announced: &Announced, others: OtherInstances) -> Self {
        let wanted = Wanted::read(request.headers("Accept-Contact"), announced);
        let is_ours = |name: &str| announced.instances.iter().any(|own| own.as_str() == name);
        let instance = wanted.instances.iter().find(|name| is_ours(name));
        let refused = others == OtherInstances::Refuse;
        let foreign = wanted.instances.first().filter(|_| refused);
        let is_ours =
            |application: &&PushApplicationId| announced.applications.contains(*application);
        let application = wanted.applications.iter().find(is_ours);
        Self {
            application: application.or_else(|| wanted.applications.first()).cloned(),
            instance: instance.or(foreign).cloned(),
        }
    }
}

/// Where a push comes from.
pub(crate) fn origin(
    request: &Request,
    instance: Option<Box<str>>,
    context: &Context<'_>,
    common: &Common,
) -> Origin {
    Origin {
        protocol: Protocol::OtaSip,
        bearer: Bearer::Ip,
        server: server(request, context, common),
        proved_names: Box::default(),
        destination_port: Some(context.local.port()),
        origin_port: Some(context.route.peer.port()),
        transaction: transaction(request),
        instance,
        short_message: None,
        answerable: true,
    }
}

/// What is the same in each transmission of a request, and in no other request (RFC 3261 8.2.2.2).
fn transaction(request: &Request) -> TransactionId {
    let call_id = request.call_id();
    let from_tag = request.from_tag().unwrap_or_default();
    let mut octets = Vec::with_capacity(call_id.len() + from_tag.len() + 6);
    octets.extend_from_slice(call_id.as_bytes());
    octets.push(0);
    octets.extend_from_slice(&request.cseq().to_be_bytes());
    octets.push(0);
    octets.extend_from_slice(from_tag.as_bytes());
    octets.into()
}

/// The Push Server.
//= specs/ota-sip.md#identity-of-the-server
//# An asserted identity MUST be believed only where the terminal's own core sent the request.
//= specs/ota-sip.md#identity-of-the-server
//# The identity in From MUST NOT count as that of the Push Server.
fn server(request: &Request, context: &Context<'_>, common: &Common) -> ServerAddress {
    let source = ServerAddress::Ip(context.route.peer.ip().to_canonical());
    if !context.from_core {
        return source;
    }
    let asserted = request
        .headers("P-Asserted-Identity")
        .find_map(|line| sip_uri(&line));
    match asserted {
        Some(uri) => ServerAddress::Sip(uri),
        None if common.settings.trust_core => ServerAddress::Sip(common.registrar.clone()),
        None => source,
    }
}

/// The first SIP URI of a header line (RFC 3325 9.1). Mostly there is nothing else in it.
///
/// A URI without brackets stands alone, and ends with the line: were it read as far as a comma or semicolon, a user part that
/// has one would pass for a host.
fn sip_uri(line: &str) -> Option<Box<str>> {
    let line = line.trim();
    let alone = line
        .strip_prefix('<')
        .and_then(|line| line.strip_suffix('>'));
    if let Some(uri) = alone
        && is_sip(uri)
        && uri
            .bytes()
            .all(|octet| octet.is_ascii_graphic() && !b"<>\"\\".contains(&octet))
    {
        return Some(uri.into());
    }
    if !line.contains([',', ';', '?', '<', '"']) {
        return is_sip(line).then(|| line.into());
    }
    let rows = Row::read(line).into_iter().filter(|row| row.is_bracketed);
    rows.map(|row| row.target).find(|uri| is_sip(uri))
}

fn is_sip(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    uri.contains(':') && (scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips"))
}
