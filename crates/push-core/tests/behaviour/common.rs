//! What every test here needs.

use std::collections::BTreeMap;
use std::time::Duration;

use push_core::{
    Addressing, Ambiguous, Answer, BearerSettings, DeregistrationRequest, EventId, OwnPorts,
    ProfileRequest, ProtocolSettings, PushRefusal, RegistrationId, RegistrationRequest,
    RequestTicket, Settings, Verdict,
};
use push_message::{Bearer, MediaType, Protocol, Reason, Refusal};
use push_testkit::{PushBuilder, Terminal};

pub(crate) const MMS: &str = "x-wap-application:mms.ua";
pub(crate) const PRIVATE: &str = "x-example:private";
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// OTA-WSP over IP at port 2948, without a further port.
pub(crate) fn wsp() -> Settings {
    Settings {
        protocols: BTreeMap::from([(Protocol::OtaWsp, wsp_protocol(OwnPorts::No))]),
        own_content_types: vec![MediaType::parse("application/vnd.wap.sic").unwrap()],
        ..Settings::default()
    }
}

/// OTA-WSP on which applications may ask for ports of their own, and OTA-SIP with explicit registration.
pub(crate) fn wsp_and_sip() -> Settings {
    let sip = ProtocolSettings {
        explicit_registration: true,
        announces_own: true,
        tells_instances_apart: true,
        addressing: Addressing::OnlyFitting {
            ambiguous: Ambiguous::Refuse,
        },
        any_port_is_standard: false,
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(Vec::new()))]),
        session_port: None,
    };
    Settings {
        protocols: BTreeMap::from([
            (Protocol::OtaWsp, wsp_protocol(OwnPorts::Opened)),
            (Protocol::OtaSip, sip),
        ]),
        ..wsp()
    }
}

pub(crate) fn wsp_protocol(own_ports: OwnPorts) -> ProtocolSettings {
    ProtocolSettings {
        explicit_registration: false,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: false,
        bearers: BTreeMap::from([(
            Bearer::Ip,
            BearerSettings::listening([2948]).with_own_ports(own_ports),
        )]),
        session_port: None,
    }
}

/// OTA-HTTP with explicit registration, listening on these ports.
pub(crate) fn http(ports: &[u16]) -> Settings {
    let http = ProtocolSettings {
        explicit_registration: true,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: true,
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(ports.to_vec()))]),
        session_port: None,
    };
    Settings {
        protocols: BTreeMap::from([
            (Protocol::OtaWsp, wsp_protocol(OwnPorts::No)),
            (Protocol::OtaHttp, http),
        ]),
        ..wsp()
    }
}

pub(crate) fn request(id: &str) -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: id.to_owned(),
        ..RegistrationRequest::default()
    }
}

pub(crate) fn named(id: &str, application_id: &str) -> RegistrationRequest {
    RegistrationRequest {
        application_id: Some(application_id.to_owned()),
        ..request(id)
    }
}

pub(crate) fn profile(
    protocol: Option<&str>,
    bearer: Option<&str>,
    port: Option<&str>,
) -> ProfileRequest {
    ProfileRequest {
        protocol: protocol.map(str::to_owned),
        bearer_type: bearer.map(str::to_owned),
        port: port.map(str::to_owned),
    }
}

pub(crate) fn with_profile(
    request: RegistrationRequest,
    protocol: Option<&str>,
    bearer: Option<&str>,
    port: Option<&str>,
) -> RegistrationRequest {
    let mut request = request;
    request
        .connection_profile
        .push(profile(protocol, bearer, port));
    request
}

pub(crate) fn departure(id: &str) -> DeregistrationRequest {
    DeregistrationRequest {
        push_application_id: id.to_owned(),
        ..DeregistrationRequest::default()
    }
}

pub(crate) trait Expectations {
    fn registered(&mut self, owner: &str, request: RegistrationRequest) -> RegistrationId;
    fn refused(&mut self, owner: &str, request: RegistrationRequest) -> Refusal;
    fn deregistered(&mut self, owner: &str, id: &str);
    fn registration(&mut self, ticket: RequestTicket) -> RegistrationId;
    fn refusal(&mut self, ticket: RequestTicket) -> Refusal;
    fn judged(&mut self, push: PushBuilder) -> Verdict;
    fn accepted(&mut self, push: PushBuilder) -> EventId;
    fn push_refused(&mut self, push: PushBuilder) -> PushRefusal;
    fn delivered(&mut self) -> Vec<(EventId, u32)>;
    fn fetched(&mut self, ticket: RequestTicket) -> Vec<EventId>;
    fn acknowledged(&mut self, ticket: RequestTicket) -> Vec<EventId>;
}

impl Expectations for Terminal {
    fn registered(&mut self, owner: &str, request: RegistrationRequest) -> RegistrationId {
        let ticket = self.register(owner, request);
        self.registration(ticket)
    }

    fn refused(&mut self, owner: &str, request: RegistrationRequest) -> Refusal {
        let ticket = self.register(owner, request);
        self.refusal(ticket)
    }

    fn deregistered(&mut self, owner: &str, id: &str) {
        let ticket = self.deregister(owner, departure(id));
        let answer = self.answer(ticket);
        assert!(
            matches!(answer, Some(Answer::Deregistered { .. })),
            "{answer:?}"
        );
    }

    fn registration(&mut self, ticket: RequestTicket) -> RegistrationId {
        match self.answer(ticket) {
            Some(Answer::Registered { registration, .. }) => registration,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(&mut self, ticket: RequestTicket) -> Refusal {
        match self.answer(ticket) {
            Some(Answer::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn judged(&mut self, push: PushBuilder) -> Verdict {
        let ticket = self.push(push);
        self.verdict(ticket).unwrap()
    }

    fn accepted(&mut self, push: PushBuilder) -> EventId {
        let verdict = self.judged(push);
        let Verdict::Accepted { event, .. } = verdict else {
            panic!("{verdict:?}");
        };
        event
    }

    fn push_refused(&mut self, push: PushBuilder) -> PushRefusal {
        let verdict = self.judged(push);
        let Verdict::Refused(refusal) = verdict else {
            panic!("{verdict:?}");
        };
        refusal
    }

    fn delivered(&mut self) -> Vec<(EventId, u32)> {
        let deliveries = self.deliveries().into_iter();
        deliveries
            .map(|(_, delivery)| (delivery.event, delivery.attempt))
            .collect()
    }

    fn fetched(&mut self, ticket: RequestTicket) -> Vec<EventId> {
        match self.answer(ticket) {
            Some(Answer::Fetched(deliveries)) => deliveries.iter().map(|one| one.event).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn acknowledged(&mut self, ticket: RequestTicket) -> Vec<EventId> {
        match self.answer(ticket) {
            Some(Answer::Acknowledged { refused }) => {
                refused.into_iter().map(|(event, _)| event).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A refusal's reason and option.
pub(crate) fn cause(refusal: &Refusal) -> (Reason, Option<&'static str>) {
    (refusal.reason, refusal.option)
}
