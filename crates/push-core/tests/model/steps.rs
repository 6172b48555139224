//! What happens, at random.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use push_core::{
    Addressing, Ambiguous, BearerSettings, DeregistrationRequest, Fate, Outcome, OwnPorts,
    ProfileRequest, ProtocolSettings, RegistrationRequest, Settings,
};
use push_message::{Bearer, Protocol};
use push_testkit::{ANY, ModelApplication, ModelProfile, PortsAnswer, PushBuilder, StoreAnswer};

pub(crate) const OWNERS: [&str; 3] = ["uid:1", "uid:2", "uid:3"];
pub(crate) const IDS: [&str; 4] = [
    "x-wap-application:mms.ua",
    "x-wap-application:wml.ua",
    "x-example:private",
    ANY,
];
pub(crate) const NAMES: [Option<&str>; 3] = [None, Some("urn:a"), Some("urn:b")];
pub(crate) const SERVERS: [[u8; 4]; 3] = [[192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 3]];
pub(crate) const TYPES: [&str; 3] = ["text/plain", "image/png", "image/gif"];

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Register(ModelApplication),
    Deregister {
        owner: usize,
        name: usize,
        id: usize,
        force: bool,
    },
    Push(Pushed),
    Subscribe {
        owner: usize,
        id: Option<usize>,
        window: u32,
        after: Option<usize>,
    },
    Unsubscribe(usize),
    Fetch {
        owner: usize,
        limit: u32,
        wait: u64,
    },
    Acknowledge {
        owner: usize,
        events: Vec<usize>,
        outcome: Outcome,
    },
    AttachHandler(usize, u32),
    DetachHandler(usize),
    FailHandler(usize),
    Settle {
        owner: Option<usize>,
        events: Option<Vec<usize>>,
        fate: Fate,
    },
    Advance(u64),
    Store(StoreAnswer),
    Servers(bool),
    Ports(PortsAnswer),
    PortSays(bool),
    WriteNext(usize),
    FailNext,
    Crash,
}

#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    id: Option<usize>,
    server: usize,
    media_type: usize,
    place: usize,
    instance: Option<usize>,
    transaction: u32,
    content: u8,
    answerable: bool,
}

impl Pushed {
    pub(crate) fn build(&self) -> PushBuilder {
        let push = self
            .id
            .map_or_else(PushBuilder::default, |id| PushBuilder::to(IDS[id]));
        let (protocol, port) = [
            (Protocol::OtaWsp, Some(2948)),
            (Protocol::OtaWsp, Some(5000)),
            (Protocol::OtaWsp, Some(5001)),
            (Protocol::OtaSip, None),
            (Protocol::OtaWsp, Some(9209)),
            (Protocol::OtaWsp, None),
        ][self.place];
        let sip = protocol == Protocol::OtaSip;
        push.from_ip(SERVERS[self.server])
            .media_type(TYPES[self.media_type])
            .over(protocol, port)
            .instance(self.instance.filter(|_| sip).and_then(|name| NAMES[name]))
            .transaction(self.transaction)
            .content([self.content; 40])
            .answerable(self.answerable)
    }
}

pub(crate) fn application() -> impl Strategy<Value = ModelApplication> {
    let profiles = prop_oneof![
        3 => Just(ModelProfile::Any),
        1 => Just(ModelProfile::Wsp),
        2 => Just(ModelProfile::WspAt(5000)),
        1 => Just(ModelProfile::WspAt(5001)),
        2 => Just(ModelProfile::Sip),
        1 => Just(ModelProfile::Sessions),
    ];
    let accept = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec!["text/plain".to_owned()]),
        1 => Just(vec!["image/*".to_owned(), "text/plain".to_owned()]),
    ];
    let whitelist = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec![IpAddr::from(SERVERS[1])]),
    ];
    let id = prop_oneof![4 => (0..3usize, Just(false)), 1 => (0..4usize, Just(true))];
    let handler = prop_oneof![
        2 => Just(None),
        2 => Just(Some("exec:one".to_owned())),
        1 => Just(Some("exec:two".to_owned())),
    ];
    (
        0..3usize,
        0..3usize,
        id,
        profiles,
        accept,
        whitelist,
        handler,
    )
        .prop_map(
            |(owner, name, (id, observes), profile, accept, whitelist, handler)| ModelApplication {
                owner: OWNERS[owner].to_owned(),
                name: NAMES[name].map(str::to_owned),
                id: IDS[id].to_owned(),
                profile,
                accept,
                whitelist,
                observes,
                handler,
            },
        )
}

pub(crate) fn push() -> impl Strategy<Value = Step> {
    let places = prop_oneof![5 => Just(0usize), 2 => Just(1), 1 => Just(2), 4 => Just(3), 1 => Just(4), 2 => Just(5)];
    (
        prop::option::weighted(0.8, 0..3usize),
        0..3usize,
        0..3usize,
        places,
        prop::option::of(1..3usize),
        0..4u32,
        0..3u8,
        any::<bool>(),
    )
        .prop_map(
            |(id, server, media_type, place, instance, transaction, content, answerable)| {
                Step::Push(Pushed {
                    id,
                    server,
                    media_type,
                    place,
                    instance,
                    transaction,
                    content,
                    answerable,
                })
            },
        )
}

pub(crate) fn common_step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Accepted),
        2 => Just(Outcome::Later),
        1 => Just(Outcome::Rejected),
    ];
    prop_oneof![
        6 => application().prop_map(Step::Register),
        2 => (0..3usize, 0..3usize, 0..4usize, any::<bool>())
            .prop_map(|(owner, name, id, force)| Step::Deregister { owner, name, id, force }),
        12 => push(),
        3 => (0..3usize, prop::option::of(0..4usize), 1..4u32, prop::option::of(0..64usize))
            .prop_map(|(owner, id, window, after)| Step::Subscribe { owner, id, window, after }),
        1 => (0..8usize).prop_map(Step::Unsubscribe),
        2 => (0..3usize, 0..4u32, 0..60u64).prop_map(|(owner, limit, wait)| Step::Fetch { owner, limit, wait }),
        6 => (0..3usize, prop::collection::vec(0..64usize, 1..4), outcome)
            .prop_map(|(owner, events, outcome)| Step::Acknowledge { owner, events, outcome }),
        4 => (0..8usize, 1..4u32).prop_map(|(index, window)| Step::AttachHandler(index, window)),
        2 => (0..8usize).prop_map(Step::DetachHandler),
        2 => (0..8usize).prop_map(Step::FailHandler),
        2 => (prop::option::of(0..3usize), prop::option::of(prop::collection::vec(0..64usize, 1..4)), any::<bool>())
            .prop_map(|(owner, events, drops)| Step::Settle {
                owner,
                events,
                fate: if drops { Fate::Dropped } else { Fate::Replayed },
            }),
        3 => (1..100_000u64).prop_map(Step::Advance),
        1 => (1..2_000_000u64).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Servers),
        1 => any::<bool>().prop_map(|open| Step::Ports(if open { PortsAnswer::Open } else { PortsAnswer::Taken })),
        1 => Just(Step::Crash),
    ]
}

pub(crate) fn settled_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => common_step(),
        1 => prop_oneof![2 => Just(StoreAnswer::AtOnce), 1 => Just(StoreAnswer::Failing)].prop_map(Step::Store),
    ]
}

pub(crate) fn unsettled_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => common_step(),
        8 => (1..6usize).prop_map(Step::WriteNext),
        1 => Just(Step::FailNext),
        1 => Just(Step::Ports(PortsAnswer::Late)),
        2 => any::<bool>().prop_map(Step::PortSays),
        1 => prop_oneof![Just(StoreAnswer::AtOnce), Just(StoreAnswer::Failing), Just(StoreAnswer::Late)].prop_map(Step::Store),
    ]
}

pub(crate) fn settings(ambiguous: Ambiguous) -> Settings {
    let over_ip = BearerSettings {
        also_standard: BTreeSet::from([9209]),
        ..BearerSettings::listening([2948, 9209]).with_own_ports(OwnPorts::Opened)
    };
    let wsp = ProtocolSettings {
        explicit_registration: true,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: false,
        bearers: BTreeMap::from([(Bearer::Ip, over_ip)]),
        session_port: Some(9201),
    };
    let sip = ProtocolSettings {
        explicit_registration: true,
        announces_own: false,
        tells_instances_apart: true,
        addressing: Addressing::OnlyFitting { ambiguous },
        any_port_is_standard: false,
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(Vec::new()))]),
        session_port: None,
    };
    Settings {
        protocols: BTreeMap::from([(Protocol::OtaWsp, wsp), (Protocol::OtaSip, sip)]),
        hold_unmatched: Duration::from_mins(10),
        event_lifetime: Duration::from_hours(1),
        backoff_limit: Duration::from_mins(1),
        handler_schemes: vec!["exec".to_owned()],
        handler_backoff_limit: Duration::from_mins(3),
        activation_timeout: Duration::from_mins(2),
        max_attempts: u32::MAX,
        ..Settings::default()
    }
}

pub(crate) fn request(application: &ModelApplication) -> RegistrationRequest {
    let profile = |protocol: &str, port: Option<u16>| ProfileRequest {
        protocol: Some(protocol.to_owned()),
        bearer_type: None,
        port: port.map(|port| port.to_string()),
    };
    RegistrationRequest {
        push_application_id: application.id.clone(),
        observes: application.observes,
        event_handler: application.handler.clone(),
        application_id: application.name.clone(),
        whitelist: application
            .whitelist
            .iter()
            .map(ToString::to_string)
            .collect(),
        connection_profile: match application.profile {
            ModelProfile::Any => Vec::new(),
            ModelProfile::Wsp => vec![profile("OTA-WSP", None)],
            ModelProfile::WspAt(port) => vec![profile("OTA-WSP", Some(port))],
            ModelProfile::Sessions => vec![profile("OTA-WSP", Some(9201))],
            ModelProfile::Sip => vec![profile("OTA-SIP", None)],
        },
        accept: (!application.accept.is_empty()).then(|| application.accept.join(", ")),
        ..RegistrationRequest::default()
    }
}

pub(crate) fn departure(name: usize, id: usize, force: bool) -> DeregistrationRequest {
    DeregistrationRequest {
        push_application_id: IDS[id].to_owned(),
        application_id: NAMES[name].map(str::to_owned),
        revoked: false,
        force,
    }
}
