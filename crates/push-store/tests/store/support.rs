//! What several tests build their changes from.

use std::sync::Arc;

use push_core::{
    Change, EventId, EventRecord, EventState, Fingerprint, RegistrationId, RegistrationRecord,
    RegistrationState, SegmentId, SegmentRecord,
};
use push_message::{
    Accept, ApplicationId, Bearer, ConnectionProfile, ContentType, Headers, InitiatorTrust,
    MediaType, Origin, Owner, Protocol, PushApplicationId, PushMessage, ReceivedPush,
    ServerAddress, UnixMillis, Whitelist,
};

/// A push whose every octet follows from `number`.
pub(crate) fn push(number: u64) -> ReceivedPush {
    let headers = [
        (
            "X-Wap-Application-Id",
            "x-wap-application:mms.ua".to_owned(),
        ),
        ("X-Number", number.to_string()),
    ];
    let length = 40 + usize::try_from(number % 400).unwrap();
    ReceivedPush {
        message: PushMessage {
            application: Some(PushApplicationId::from_number(4)),
            content_type: ContentType {
                media_type: MediaType::parse("application/vnd.wap.mms-message").unwrap(),
                parameters: Headers::new(),
            },
            headers: headers.into_iter().collect(),
            content: number
                .to_be_bytes()
                .into_iter()
                .cycle()
                .take(length)
                .collect(),
            trust: InitiatorTrust::default(),
        },
        origin: Origin {
            protocol: Protocol::OtaWsp,
            bearer: Bearer::Ip,
            server: ServerAddress::Ip([192, 0, 2, 7].into()),
            destination_port: Some(2948),
            origin_port: Some(9200),
            transaction: number.to_be_bytes()[7..].into(),
            proved_names: Box::default(),
            instance: None,
            short_message: None,
            answerable: false,
        },
        received: UnixMillis(number ^ 0x18b_cfe5_6800),
    }
}

pub(crate) fn event(number: u64) -> EventRecord {
    EventRecord {
        id: EventId(number),
        registration: Some(RegistrationId(1)),
        push: Arc::new(push(number)),
        state: EventState {
            attempts: 0,
            not_before: UnixMillis(0),
            dead: false,
        },
    }
}

pub(crate) fn insert(number: u64) -> Change {
    Change::InsertEvent(event(number))
}

pub(crate) fn segment(number: u64) -> SegmentRecord {
    let length = usize::try_from(number % 170).unwrap();
    SegmentRecord {
        id: SegmentId(number),
        octets: number
            .to_be_bytes()
            .into_iter()
            .cycle()
            .take(length)
            .collect(),
    }
}

pub(crate) fn remember(number: u64, until: u64) -> Change {
    Change::Remember {
        fingerprint: Fingerprint(u128::from(number) << 64 | u128::from(!number)),
        until: UnixMillis(until),
    }
}

pub(crate) fn registration(number: u64) -> RegistrationRecord {
    RegistrationRecord {
        id: RegistrationId(number),
        owner: Owner::proved("uid:1000"),
        application_id: Some(
            ApplicationId::parse(&format!("https://example.net/{number}")).unwrap(),
        ),
        push_application_id: PushApplicationId::parse("x-wap-application:mms.ua").unwrap(),
        event_handler: Some("dbus:net.example.Meter".into()),
        whitelist: Whitelist::parse(["192.0.2.0/24", "ppg.example.net", "+4917099999"]).unwrap(),
        profiles: [ConnectionProfile {
            protocol: Some(Protocol::OtaWsp),
            bearer: None,
            port: Some(2948),
        }]
        .into(),
        accept: Some(Accept::parse("application/*, text/plain;q=0").unwrap()),
        suppress_equal_content_millis: Some(60_000),
        observes: false,
        registered: UnixMillis(1_700_000_000_000),
        state: RegistrationState::Active,
    }
}
