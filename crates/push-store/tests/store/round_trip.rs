//! Every field of every record comes back as it was written.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::option::of;
use proptest::prelude::*;
use push_core::{
    Change, EventId, EventRecord, EventState, Fingerprint, RegistrationId, RegistrationRecord,
    RegistrationState, SegmentId, SegmentRecord,
};
use push_message::{
    Accept, ApplicationId, Bearer, ConnectionProfile, ContentType, Headers, InitiatorTrust,
    MediaType, Origin, Owner, Protocol, PushApplicationId, PushMessage, ReceivedPush,
    ServerAddress, ShortMessageOrigin, UnixMillis, Whitelist,
};
use push_store::{SqliteStore, Store as _, StoreSettings};

fn millis() -> impl Strategy<Value = UnixMillis> {
    prop_oneof![any::<u64>(), 1_600_000_000_000..1_900_000_000_000_u64].prop_map(UnixMillis)
}

fn push_application_id() -> impl Strategy<Value = PushApplicationId> {
    prop_oneof![
        any::<u32>().prop_map(PushApplicationId::from_number),
        (0..0x40_u32).prop_map(PushApplicationId::from_number),
        "(urn:|)(urn:)?x-[a-zA-Z0-9]{1,8}:[a-zA-Z0-9.:_%-]{1,40}"
            .prop_filter_map("an id", |text| PushApplicationId::parse(&text).ok()),
    ]
}

fn application_id() -> impl Strategy<Value = ApplicationId> {
    ".{1,40}".prop_filter_map("a name", |text| ApplicationId::parse(&text).ok())
}

fn media_type() -> impl Strategy<Value = MediaType> {
    "[a-zA-Z0-9!#$&^_.+-]{1,20}/[a-zA-Z0-9!#$&^_.+-]{1,20}"
        .prop_map(|text| MediaType::parse(&text).unwrap())
}

fn accept() -> impl Strategy<Value = Accept> {
    let range =
        "([a-z0-9+.-]{1,9}/[a-z0-9+.-]{1,9}|[a-z]{1,9}/\\*|\\*/\\*)(;q=(0\\.[0-9]{0,3}|1|0))?";
    prop::collection::vec(range, 1..5).prop_map(|ranges| Accept::parse(&ranges.join(", ")).unwrap())
}

fn headers() -> impl Strategy<Value = Headers> {
    prop::collection::vec((any::<String>(), any::<String>()), 0..6)
        .prop_map(|headers| headers.into_iter().collect())
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(Protocol::ALL.to_vec())
}

fn bearer() -> impl Strategy<Value = Bearer> {
    prop::sample::select(Bearer::ALL.to_vec())
}

fn whitelist() -> impl Strategy<Value = Whitelist> {
    let entry = prop_oneof![
        any::<IpAddr>().prop_map(|address| address.to_string()),
        (any::<[u8; 4]>(), 0..=32_u8)
            .prop_map(|(address, length)| format!("{}/{length}", IpAddr::from(address))),
        (any::<[u8; 16]>(), 0..=128_u8)
            .prop_map(|(address, length)| format!("{}/{length}", IpAddr::from(address))),
        "[a-z]{1,9}(\\.[a-zA-Z0-9]{1,9}){1,3}",
        "\\+[1-9][0-9]{3,13}",
        "(sip|SIPS):([a-zA-Z0-9.\\\\\n ]{0,8}x@)?[a-z]{1,9}\\.example(:[0-9]{1,4})?",
    ];
    prop::collection::vec(entry, 0..6)
        .prop_map(|entries| Whitelist::parse(entries.iter().map(String::as_str)).unwrap())
}

prop_compose! {
    fn profile()(protocol in of(protocol()), bearer in of(bearer()), port in of(any::<u16>())) -> ConnectionProfile {
        ConnectionProfile { protocol, bearer, port }
    }
}

prop_compose! {
    fn registration()(
        id in any::<u64>(),
        owner in any::<String>(),
        application_id in of(application_id()),
        push_application_id in push_application_id(),
        event_handler in of(any::<String>()),
        whitelist in whitelist(),
        profiles in prop::collection::vec(profile(), 0..4),
        accept in of(accept()),
        suppress_equal_content_millis in of(any::<u64>()),
        observes in any::<bool>(),
        registered in millis(),
        pending in any::<bool>(),
    ) -> RegistrationRecord {
        RegistrationRecord {
            id: RegistrationId(id),
            owner: Owner::proved(owner),
            application_id,
            push_application_id,
            event_handler: event_handler.map(String::into_boxed_str),
            whitelist,
            profiles: profiles.into(),
            accept,
            suppress_equal_content_millis,
            observes,
            registered,
            state: if pending { RegistrationState::Pending } else { RegistrationState::Active },
        }
    }
}

fn server() -> impl Strategy<Value = ServerAddress> {
    prop_oneof![
        any::<IpAddr>().prop_map(ServerAddress::Ip),
        any::<String>().prop_map(|text| ServerAddress::E164(text.into())),
        any::<String>().prop_map(|text| ServerAddress::Sip(text.into())),
        any::<String>().prop_map(|text| ServerAddress::Alphanumeric(text.into())),
        Just(ServerAddress::Unknown),
    ]
}

prop_compose! {
    fn short_message()(originator in of(any::<String>()), device in any::<String>()) -> Box<ShortMessageOrigin> {
        Box::new(ShortMessageOrigin {
            originator: originator.map(String::into_boxed_str),
            device: device.into(),
        })
    }
}

prop_compose! {
    fn origin()(
        protocol in protocol(),
        bearer in bearer(),
        server in server(),
        destination_port in of(any::<u16>()),
        origin_port in of(any::<u16>()),
        transaction in any::<Vec<u8>>(),
        instance in of(any::<String>()),
        proved_names in prop::collection::vec(any::<String>(), 0..3),
        short_message in of(short_message()),
        answerable in any::<bool>(),
    ) -> Origin {
        Origin {
            protocol,
            bearer,
            server,
            destination_port,
            origin_port,
            transaction: transaction.into(),
            instance: instance.map(String::into_boxed_str),
            proved_names: proved_names.into_iter().map(String::into_boxed_str).collect(),
            short_message,
            answerable,
        }
    }
}

prop_compose! {
    fn message()(
        application in of(push_application_id()),
        media_type in media_type(),
        parameters in headers(),
        headers in headers(),
        content in prop::collection::vec(any::<u8>(), 0..6_000),
        (authenticated, trusted, last) in any::<(bool, bool, bool)>(),
    ) -> PushMessage {
        PushMessage {
            application,
            content_type: ContentType { media_type, parameters },
            headers,
            content: content.into(),
            trust: InitiatorTrust { authenticated, trusted, last },
        }
    }
}

prop_compose! {
    fn event()(
        id in any::<u64>(),
        registration in of(any::<u64>()),
        message in message(),
        origin in origin(),
        received in millis(),
        attempts in any::<u32>(),
        not_before in millis(),
        dead in any::<bool>(),
    ) -> EventRecord {
        EventRecord {
            id: EventId(id),
            registration: registration.map(RegistrationId),
            push: Arc::new(ReceivedPush { message, origin, received }),
            state: EventState { attempts, not_before, dead },
        }
    }
}

fn remembered() -> impl Strategy<Value = (Fingerprint, UnixMillis)> {
    (any::<u128>(), 1..u64::MAX)
        .prop_map(|(fingerprint, until)| (Fingerprint(fingerprint), UnixMillis(until)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read(
        registrations in prop::collection::btree_map(any::<u64>(), registration(), 0..6),
        events in prop::collection::btree_map(any::<u64>(), event(), 0..12),
        segments in prop::collection::btree_map(any::<u64>(), prop::collection::vec(any::<u8>(), 0..300), 0..8),
        mut remembered in prop::collection::vec(remembered(), 0..300),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pushcai.db");
        let registrations: Vec<_> = registrations
            .into_iter()
            .map(|(id, registration)| RegistrationRecord { id: RegistrationId(id), ..registration })
            .collect();
        let events: Vec<_> = events
            .into_iter()
            .map(|(id, event)| EventRecord { id: EventId(id), ..event })
            .collect();
        let segments: Vec<_> = segments
            .into_iter()
            .map(|(id, octets)| SegmentRecord { id: SegmentId(id), octets: octets.into() })
            .collect();
        let changes: Vec<Change> = registrations
            .iter()
            .map(|registration| Change::PutRegistration(Arc::new(registration.clone())))
            .chain(events.iter().cloned().map(Change::InsertEvent))
            .chain(segments.iter().cloned().map(Change::PutSegment))
            .chain(remembered.iter().map(|&(fingerprint, until)| Change::Remember { fingerprint, until }))
            .collect();
        let (mut store, _) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
        store.commit(UnixMillis(0), &mut changes.iter()).unwrap();
        drop(store);

        let (_store, mut snapshot) = SqliteStore::open(&path, &StoreSettings::default()).unwrap();
        prop_assert_eq!(snapshot.last_event, events.last().map_or(0, |event| event.id.0));
        prop_assert_eq!(snapshot.last_registration, registrations.last().map_or(0, |registration| registration.id.0));
        prop_assert_eq!(snapshot.registrations, registrations);
        prop_assert_eq!(snapshot.events, events);
        prop_assert_eq!(snapshot.segments, segments);
        remembered.sort_unstable();
        snapshot.remembered.sort_unstable();
        prop_assert_eq!(snapshot.remembered, remembered);
    }
}
