use std::collections::HashMap;

use push_api::{ConnectionProfile, Reason};
use zbus::wire::serialized::Context;
use zbus::wire::{LE, to_bytes};
use zbus::{DBusError as _, OwnedVariant, Variant};

use super::*;

type Options = HashMap<String, OwnedVariant>;

fn options<const N: usize>(entries: [(&str, Variant<'static>); N]) -> Options {
    let owned = |(name, value): (&str, Variant<'static>)| {
        (name.to_owned(), value.try_into_owned().unwrap())
    };
    entries.into_iter().map(owned).collect()
}

/// Options as they come out of a message.
fn sent(options: &Options) -> Document {
    let octets = to_bytes(Context::new(LE, 0), options).unwrap();
    octets.deserialize().unwrap().0
}

fn nothing() -> Document {
    sent(&Options::new())
}

fn map<const N: usize>(
    entries: [(&str, Variant<'static>); N],
) -> HashMap<String, Variant<'static>> {
    let owned = |(name, value): (&str, Variant<'static>)| (name.to_owned(), value);
    entries.into_iter().map(owned).collect()
}

fn refused(request: &Options) -> (String, String) {
    let failure = registration(&sent(request), &nothing()).unwrap_err();
    let name = failure.name().to_string();
    (name, failure.description().unwrap().to_owned())
}

#[test]
fn a_registration_is_read_whatever_types_say_the_same() {
    let expected = RegistrationRequest {
        push_application_id: "4".to_owned(),
        whitelist: vec!["192.0.2.1".to_owned(), "ppg.example".to_owned()],
        connection_profile: vec![ConnectionProfile {
            protocol: Some("OTA-WSP".to_owned()),
            bearer_type: None,
            port: Some("2948".to_owned()),
        }],
        accept: Some("a/b, c/d".to_owned()),
        ..RegistrationRequest::default()
    };
    let profile =
        |port: Variant<'static>| map([("protocol", Variant::new("OTA-WSP")), ("port", port)]);
    let address = |text: &'static str| map([("address", Variant::new(text))]);
    let ids = [
        Variant::new("4"),
        Variant::U32(4),
        Variant::U8(4),
        Variant::I64(4),
    ];
    let ports = [Variant::U16(2948), Variant::U32(2948), Variant::new("2948")];
    let whitelists = [
        Variant::new(vec!["192.0.2.1", "ppg.example"]),
        Variant::new("192.0.2.1, ppg.example"),
        Variant::new(vec![address("192.0.2.1"), address("ppg.example")]),
        Variant::new(vec![Variant::new("192.0.2.1"), Variant::new("ppg.example")]),
    ];
    let accepts = [Variant::new("a/b, c/d"), Variant::new(vec!["a/b", "c/d"])];
    for index in 0..4 {
        let port = ports[index % 3].try_clone().unwrap();
        let profiles = if index == 0 {
            Variant::new(profile(port))
        } else {
            Variant::new(vec![profile(port)])
        };
        let request = options([
            ("pushApplicationID", ids[index].try_clone().unwrap()),
            ("whitelist", whitelists[index].try_clone().unwrap()),
            ("connectionProfile", profiles),
            ("Accept", accepts[index % 2].try_clone().unwrap()),
        ]);
        assert_eq!(
            registration(&sent(&request), &nothing()),
            Ok((expected.clone(), None)),
            "{index}"
        );
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_known_one() {
    let invalid = "org.pushcai.Error.InvalidRequest".to_owned();
    let request = options([("pushApplicationId", Variant::new("4"))]);
    let detail =
        "pushApplicationId: unknown field `pushApplicationId`; did you mean `pushApplicationID`?";
    assert_eq!(refused(&request), (invalid.clone(), detail.to_owned()));
    let profiles = vec![map([("prot", Variant::new("OTA-WSP"))])];
    let request = options([
        ("pushApplicationID", Variant::new("4")),
        ("connectionProfile", Variant::new(profiles)),
    ]);
    let (_, detail) = refused(&request);
    assert!(
        detail.starts_with("connectionProfile[0].prot: unknown field"),
        "{detail}"
    );
    let (_, detail) = refused(&options([("Accept", Variant::new("a/b"))]));
    assert!(
        detail.contains("missing field `pushApplicationID`"),
        "{detail}"
    );
    let request = options([("pushApplicationID", Variant::new("4"))]);
    let failure = registration(
        &sent(&request),
        &sent(&options([("force", Variant::Bool(true))])),
    )
    .unwrap_err();
    assert_eq!(failure.name().as_str(), invalid);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for value in [
        Variant::new(vec![1_u32, 2]),
        Variant::new(("a", 1_u32)),
        Variant::Bool(true),
        Variant::new(map([("a", Variant::U8(1))])),
    ] {
        for name in [
            "pushApplicationID",
            "Accept",
            "applicationID",
            "eventHandler",
        ] {
            let mut request = options([("pushApplicationID", Variant::new("4"))]);
            request.insert(name.to_owned(), value.try_to_owned().unwrap());
            let refused = registration(&sent(&request), &nothing()).err();
            let accepted = refused.is_none();
            assert!(!accepted, "{name} {value}");
        }
    }
}

#[test]
fn another_owner_is_one_by_its_looks() {
    let request = options([("pushApplicationID", Variant::new("4"))]);
    for (text, is_one) in [
        ("uid:1000", true),
        ("uid:1000/flatpak:org.example.App", true),
        ("token:meter", true),
        ("", false),
        ("alice", false),
        ("uid: 1000", false),
        ("uid:1000\n", false),
    ] {
        let named = sent(&options([("owner", Variant::new(text))]));
        let read = registration(&sent(&request), &named);
        let owner = read.ok().and_then(|(_, owner)| owner);
        assert_eq!(owner.is_some(), is_one, "{text:?}");
        assert_eq!(deregistration("4".to_owned(), &named).is_ok(), is_one);
    }
    let long = format!("uid:{}", "1".repeat(1000));
    let named = sent(&options([("owner", Variant::new(long))]));
    assert!(registration(&sent(&request), &named).is_err());
}

#[test]
fn a_deregistration_takes_its_options() {
    let query = deregistration(
        "4".to_owned(),
        &sent(&options([
            ("applicationID", Variant::new("https://a.example")),
            ("force", Variant::Bool(true)),
        ])),
    )
    .unwrap();
    assert!(query.force);
    assert_eq!(query.application_id.as_deref(), Some("https://a.example"));
    let twice = options([("pushApplicationID", Variant::new("5"))]);
    let failure = deregistration("4".to_owned(), &sent(&twice)).unwrap_err();
    assert_eq!(
        failure.name().as_str(),
        crate::error_name(Reason::InvalidRequest)
    );
}

#[test]
fn values_beyond_the_bound_are_refused_and_read_past() {
    let many = |count| Variant::new(vec![7_u8; count]);
    let nested = Variant::new(vec![map([("a", Variant::new((many(9000), "b")))]); 2]);
    for value in [many(4095), many(4096), many(1 << 20), nested] {
        let arguments = (options([("whitelist", value)]), "what follows");
        let octets = to_bytes(Context::new(LE, 0), &arguments).unwrap();
        let ((document, rest), _): ((Document, String), _) = octets.deserialize().unwrap();
        assert_eq!(rest, "what follows");
        let failure = document.members().unwrap_err();
        let said = failure.description().unwrap().to_owned();
        assert!(said.starts_with("whitelist: "), "{said}");
    }
}

#[test]
fn what_has_no_meaning_is_named() {
    let keys = Variant::new(HashMap::from([(1_u8, "a")]));
    let file = std::os::fd::OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let file = Variant::Fd(zbus::Fd::from(file));
    for (value, kind) in [
        (Variant::new(("a", 1_u32)), "a structure"),
        (Variant::new(vec![("a", 1_u32)]), "a structure"),
        (keys, "a map whose keys are no strings"),
        (file, "a file descriptor"),
    ] {
        let (_, detail) = refused(&options([("Accept", value)]));
        assert_eq!(
            detail,
            format!("Accept: {kind} cannot be an option's value")
        );
    }
}
