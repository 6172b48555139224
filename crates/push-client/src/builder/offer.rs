//! What is offered to applications: the protocols that are on, with their bearers and ports.

use std::collections::BTreeMap;

use push_core::{Addressing, Ambiguous, BearerSettings, OwnPorts, ProtocolSettings};
use push_message::{Bearer, MediaType, Protocol, PushApplicationId};
use push_ota::wsp::sessions::ContactPoint;

use super::Builder;
use crate::engine::{Listener, OtaSip};
use crate::ota_http;
use crate::ota_wsp::CONNECTIONLESS_PORT;

impl Builder {
    /// Offers what is listened on, dialled and delivered by sources, and nothing else.
    pub(super) fn offer(
        &mut self,
        over_udp: &[Listener],
        over_tcp: &[ota_http::Listener],
        ota_sip: Option<(&OtaSip, Ambiguous)>,
    ) {
        let over_udp = ports(over_udp.iter().map(|listener| listener.address().port()));
        let over_tcp = ports(over_tcp.iter().map(|listener| listener.address().port()));
        let ota_wsp = self.over_wsp(over_udp);
        let ota_http = self.ota_http.is_on().then(|| over_http(over_tcp));
        if ota_http.is_some() || self.ota_wsp.sessions.is_some() {
            self.offer_session_initiation();
        }
        let offers = [
            (Protocol::OtaWsp, ota_wsp),
            (Protocol::OtaHttp, ota_http),
            (Protocol::OtaSip, ota_sip.map(over_sip)),
        ];
        for (protocol, settings) in offers {
            match settings {
                Some(settings) => self.core.protocols.insert(protocol, settings),
                None => self.core.protocols.remove(&protocol),
            };
        }
    }

    /// The client itself is the Session Initiation Application where there is something to initiate.
    fn offer_session_initiation(&mut self) {
        if let Ok(sia) = MediaType::parse(push_ota::sia::MEDIA_TYPE) {
            self.core
                .own_applications
                .insert(PushApplicationId::PUSH_SIA, sia);
        }
    }

    /// OTA-WSP on the bearers that are there.
    fn over_wsp(&self, ports: Vec<u16>) -> Option<ProtocolSettings> {
        let sessions = self.ota_wsp.sessions.is_some();
        let over_udp = (sessions || !ports.is_empty()).then(|| BearerSettings {
            own_ports: if ports.is_empty() {
                OwnPorts::No
            } else {
                OwnPorts::Opened
            },
            also_standard: self.ota_wsp.also_standard.clone(),
            ports,
        });
        let by_sms = self.short_messages.submitted || !self.sources.is_empty();
        let by_sms = by_sms.then(|| self.by_sms());
        let bearers = [(Bearer::Ip, over_udp), (Bearer::GsmSms, by_sms)];
        let bearers: BTreeMap<_, _> = bearers
            .into_iter()
            .filter_map(|(bearer, settings)| Some((bearer, settings?)))
            .collect();
        (!bearers.is_empty()).then_some(ProtocolSettings {
            explicit_registration: sessions,
            announces_own: true,
            tells_instances_apart: false,
            addressing: Addressing::ByContentType,
            any_port_is_standard: false,
            bearers,
            session_port: sessions.then_some(ContactPoint::PORT),
        })
    }

    /// Short messages: to the registered port, and to those that gateways use in its stead.
    fn by_sms(&self) -> BearerSettings {
        let also_standard = self.ota_wsp.also_standard.clone();
        BearerSettings {
            ports: ports(
                [CONNECTIONLESS_PORT]
                    .into_iter()
                    .chain(also_standard.clone()),
            ),
            also_standard,
            own_ports: self.own_short_message_ports(),
        }
    }

    /// Ports of applications need sources that show the ports of short messages.
    fn own_short_message_ports(&self) -> OwnPorts {
        let mut sources = self.sources.iter();
        if self.short_messages.submitted || sources.any(|source| source.shows_ports()) {
            OwnPorts::Shown
        } else {
            OwnPorts::No
        }
    }
}

fn over_http(ports: Vec<u16>) -> ProtocolSettings {
    ProtocolSettings {
        explicit_registration: true,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: true,
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(ports))]),
        session_port: None,
    }
}

/// OTA-SIP over IP. The port is the user agent's own, and no application has another one.
fn over_sip((ota_sip, ambiguous): (&OtaSip, Ambiguous)) -> ProtocolSettings {
    let services = ota_sip.services().iter();
    let of_pushes = services.filter(|(service, _)| *service != "OTA-SIP-MSRP");
    let ports = ports(of_pushes.map(|(_, address)| address.port()));
    ProtocolSettings {
        explicit_registration: true,
        // A session initiation request opens a connection, and that to the core is there as long as an application is.
        announces_own: false,
        tells_instances_apart: true,
        addressing: Addressing::OnlyFitting { ambiguous },
        any_port_is_standard: true,
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(ports))]),
        session_port: None,
    }
}

/// Each port once, in the order of the listeners.
fn ports(listeners: impl Iterator<Item = u16>) -> Vec<u16> {
    let mut ports = Vec::new();
    for port in listeners {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}
