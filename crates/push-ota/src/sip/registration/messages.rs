//! The requests of the terminal: REGISTER and OPTIONS.

use std::net::SocketAddr;

use super::super::events::Transport;
use super::super::serving::{SUPPORTED, allow};
use super::super::settings::Account;
use super::super::stack::{Method, Request, RequestBuilder};
use super::super::tags::contact_parameters;
use super::Registration;
use super::target::{Exchange, Kind, Target};

/// Where the terminal is reached over a flow, as a URI.
pub(in super::super) fn contact_uri(
    account: &Account,
    local: SocketAddr,
    transport: Transport,
) -> Box<str> {
    let user = account.user.split_once(':').map(|(_, rest)| rest);
    let user = user.and_then(|rest| rest.rsplit_once('@'));
    let user = user.map_or(String::new(), |(user, _)| format!("{user}@"));
    let parameter = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    format!("sip:{user}{local}{parameter}").into()
}

impl Registration {
    /// The request of an exchange, without the headers that prove it.
    pub(super) fn request(
        &self,
        target: &Target,
        exchange: &Exchange,
    ) -> Result<RequestBuilder, String> {
        match exchange.kind {
            Kind::Bind | Kind::Unbind => self.register_request(exchange),
            Kind::Tell => self.options_request(target, exchange),
        }
    }

    //= specs/push-cai.md#registration-with-the-push-server
    //# Over OTA-SIP the new Push Application ID MUST stand as a Push Resource Identifier in a REGISTER request that renews the registration with
    //# the core network.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# Over OTA-SIP the Push Application ID of a deregistered application MUST be gone from a REGISTER request that renews the registration with
    //# the core network.
    //= specs/ota-sip.md#registration
    //# A REGISTER MUST say that the terminal understands Path.
    //= specs/ota-sip.md#registration
    //# A REGISTER MUST say that the terminal understands GRUU where it wants to be given one.
    fn register_request(&self, exchange: &Exchange) -> Result<RequestBuilder, String> {
        let account = &self.account;
        let user = &account.user;
        let mut request = begin(Method::Register, &account.registrar)?;
        if let Some(outbound) = &account.outbound {
            request = request.header("Route", &bracketed(outbound));
        }
        let mut contact = self.contact_value(&exchange.contact, exchange);
        let expires = match exchange.kind {
            Kind::Bind | Kind::Tell => self.asked,
            Kind::Unbind => 0,
        };
        //= specs/ota-sip.md#registration
        //# A terminal MUST NOT remove the bindings of other devices.
        let stale = self.stale.iter();
        for stale in stale.filter(|stale| **stale != exchange.contact) {
            contact.extend([", <", stale, ">;expires=0"]);
        }
        Ok(request
            .header("Max-Forwards", "70")
            .header("From", &format!("<{user}>;tag={}", exchange.from_tag))
            .header("To", &format!("<{user}>"))
            .header("Call-ID", &exchange.call_id)
            .cseq(exchange.cseq)
            .header("Contact", &contact)
            .header("Expires", &expires.to_string())
            .header("Supported", SUPPORTED)
            .header("Allow", allow(self.sessions))
            .header("User-Agent", &account.user_agent))
    }

    //= specs/push-cai.md#registration-with-the-push-server
    //# Over OTA-SIP the new Push Application ID MUST stand as a Push Resource Identifier in an OPTIONS request that renews what is asked of the
    //# Push Server.
    //= specs/push-cai.md#registration-with-the-push-server
    //# Over OTA-SIP the MIME types of a registration MUST stand in the OPTIONS request that renews what is asked of the Push Server.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# Over OTA-SIP the Push Application ID of a deregistered application MUST be gone from an OPTIONS request that renews what is asked of the
    //# Push Server.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# Over OTA-SIP the MIME types that a deregistered application alone had named MUST be gone from an OPTIONS request that renews what is asked
    //# of the Push Server.
    //= specs/ota-sip.md#capabilities
    //# An OPTIONS request to a Push Sender Agent MUST carry the complete set of Push Resource Identifiers in its Contact, also when one of them
    //# has gone.
    //= specs/ota-sip.md#capabilities
    //# An OPTIONS request to a Push Sender Agent MUST name in Allow the methods that the terminal takes.
    fn options_request(
        &self,
        target: &Target,
        exchange: &Exchange,
    ) -> Result<RequestBuilder, String> {
        let identity = self.identity();
        let mut request = begin(Method::Options, &target.uri)?;
        for route in self.routes() {
            request = request.header("Route", &route);
        }
        request = request
            .header("Max-Forwards", "70")
            .header("From", &format!("<{identity}>;tag={}", exchange.from_tag))
            .header("To", &format!("<{}>", target.uri))
            .header("Call-ID", &exchange.call_id)
            .cseq(exchange.cseq)
            .header("Contact", &self.contact_value(&exchange.contact, exchange));
        if self.settings.preferred_identity {
            request = request.header("P-Preferred-Identity", &format!("<{identity}>"));
        }
        let accept: Vec<_> = exchange.set.accept.iter().map(|it| &**it).collect();
        if !accept.is_empty() {
            request = request.header("Accept", &accept.join(", "));
        }
        Ok(request
            .header("Allow", allow(self.sessions))
            .header("Supported", SUPPORTED)
            .header("User-Agent", &self.account.user_agent))
    }

    //= specs/ota-sip.md#outbound
    //# The instance id in `+sip.instance` MUST be the same at each start of the terminal.
    fn contact_value(&self, uri: &str, exchange: &Exchange) -> String {
        let set = &exchange.set;
        let tags = match exchange.kind {
            Kind::Bind | Kind::Tell => contact_parameters(&set.applications, &set.instances),
            // What leaves has nothing to say.
            Kind::Unbind => String::new(),
        };
        let instance = &self.account.instance;
        format!("<{uri}>;+sip.instance=\"<{instance}>\"{tags}")
    }

    //= specs/ota-sip.md#registration
    //# Requests outside of dialogs MUST take the route that the registrar gave in Service-Route.
    fn routes(&self) -> Vec<String> {
        let outbound = self.account.outbound.iter().map(|uri| bracketed(uri));
        let Some(binding) = &self.binding else {
            return outbound.collect();
        };
        let routes = binding.service_route.iter().map(ToString::to_string);
        let routes: Vec<_> = routes.collect();
        let first = routes.first().map(|route| next_hop(route));
        // The first hop stands once, whether or not the registrar names it.
        let outbound = outbound.filter(|outbound| first != Some(next_hop(outbound)));
        outbound.chain(routes.iter().cloned()).collect()
    }

    fn identity(&self) -> &str {
        let binding = self.binding.as_ref();
        let identity = binding.and_then(|binding| binding.associated.as_deref());
        identity.unwrap_or(&self.account.user)
    }
}

fn begin(method: Method, uri: &str) -> Result<RequestBuilder, String> {
    Request::new(method, uri).map_err(|error| format!("{}: {}", error.uri, error.reason))
}

fn bracketed(uri: &str) -> String {
    if uri.starts_with('<') {
        uri.to_owned()
    } else {
        format!("<{uri}>")
    }
}

/// Host and port of a route.
fn next_hop(route: &str) -> &str {
    let uri = route.trim_start_matches('<');
    let uri = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let uri = uri.split(['>', ';', '?']).next().unwrap_or_default();
    uri.rsplit_once('@').map_or(uri, |(_, host)| host)
}
