use std::path::Path;
use std::time::Duration;

use push_client::modem::{BusAddress, StoragePolicy};
use push_client::short_messages::{ReassemblerSettings, ShortMessageSettings};

use crate::config::Config;

fn parse(text: &str) -> Config {
    Config::parse("f", text).unwrap()
}

fn refusal(text: &str) -> String {
    Config::parse("f", text).unwrap_err().to_string()
}

#[test]
fn every_key_of_reassembly_is_read() {
    let text = "[sms]\nsubmitters = [\"uid:1000\"]\nsubmitted = false\nqueue = 3\nshutdown_timeout = \"1s\"\nreassembly_timeout = \"2m\"\n\
        reassembly_spread = \"3m\"\nrepeated_spread = \"4s\"\nmax_messages_per_originator = 5\nmax_segments_per_originator = 6\n\
        max_octets_per_originator = \"7 KiB\"\nmax_messages = 8\nmax_segments = 9\nmax_octets = \"10 KiB\"\nmax_remembered = 11\n\
        backoff_base = \"12s\"\nbackoff_limit = \"13s\"\n";
    let seconds = Duration::from_secs;
    let expected = ShortMessageSettings {
        // Whoever may submit needs the bearer.
        submitted: true,
        submitters: vec!["uid:1000".to_owned()],
        queue: 3,
        reassembly: ReassemblerSettings {
            timeout: seconds(120),
            spread: seconds(180),
            repeated_spread: seconds(4),
            max_messages_per_originator: 5,
            max_segments_per_originator: 6,
            max_octets_per_originator: 7 << 10,
            max_messages: 8,
            max_segments: 9,
            max_octets: 10 << 10,
            max_remembered: 11,
            backoff_base: seconds(12),
            backoff_limit: seconds(13),
        },
        stop_timeout: seconds(1),
    };
    assert_eq!(parse(text).wiring().unwrap().short_messages, expected);
    let nothing = parse("").wiring().unwrap().short_messages;
    assert_eq!(nothing, ShortMessageSettings::default());
    assert!(
        parse("[sms]\nsubmitted = true")
            .wiring()
            .unwrap()
            .short_messages
            .submitted
    );
}

#[test]
fn bounds_of_reassembly_take_something() {
    for (key, expected) in [
        ("queue = 0", "at least 1 is taken"),
        ("max_segments = 0", "at least 1 is taken"),
        ("reassembly_timeout = 0", "at least 1 ms is taken"),
        ("submiters = []", "did you mean `submitters`?"),
    ] {
        let error = refusal(&format!("[sms]\n{key}"));
        assert!(error.contains(expected), "{key}: {error}");
    }
}

#[test]
fn modems_are_off_unless_they_are_switched_on() {
    let wiring = parse("[sms.modem_manager]\n[sms.ofono]\n")
        .wiring()
        .unwrap();
    assert!(wiring.modem_manager.is_none() && wiring.ofono.is_none());
}

#[test]
fn every_key_of_modem_manager_is_read() {
    let text = "state_dir = \"/x\"\n[log]\npersonal_data = true\n[sms.modem_manager]\nenabled = true\nbus = \"session\"\nstorage = \"when-full\"\n\
        full_at = 7\nleave = [\"application/vnd.wap.mms-message\"]\nnames = { \"/sys/1-2\" = \"left\" }\n\
        max_remembered = 8\nmax_waiting = 9\ncall_timeout = \"1s\"\nbackoff_base = \"2s\"\nbackoff_limit = \"3s\"\n";
    let settings = parse(text).wiring().unwrap().modem_manager.unwrap();
    assert_eq!(settings.bus.address, BusAddress::Session);
    assert_eq!(settings.storage, StoragePolicy::WhenFull);
    assert_eq!(settings.leave.len(), 1);
    assert_eq!(
        settings.names.get("/sys/1-2").map(String::as_str),
        Some("left")
    );
    let numbers = [
        settings.full_at,
        settings.max_remembered,
        settings.max_waiting,
    ];
    assert_eq!(numbers, [7, 8, 9]);
    let bus = settings.bus;
    let spans = [bus.call_timeout, bus.backoff_base, bus.backoff_limit];
    assert_eq!(spans.map(|span| span.as_secs()), [1, 2, 3]);
    assert_eq!(
        settings.memory.as_deref(),
        Some(Path::new("/x/modem-manager.taken"))
    );
    assert!(settings.show_personal_data);
}

#[test]
fn nothing_is_remembered_where_nothing_is_to_be_written() {
    let text = "[store]\ndurability = \"none\"\n[sms.modem_manager]\nenabled = true\n";
    let settings = parse(text).wiring().unwrap().modem_manager.unwrap();
    assert_eq!(settings.memory, None);
}

#[test]
fn every_key_of_ofono_is_read() {
    let text = "[sms.ofono]\nenabled = true\nbus = \"unix:path=/x\"\nnames = { ril_0 = \"main\" }\nanswer_timeout = \"5s\"\n\
        max_waiting = 9\ncall_timeout = \"1s\"\nbackoff_base = \"2s\"\nbackoff_limit = \"3s\"\n";
    let settings = parse(text).wiring().unwrap().ofono.unwrap();
    assert_eq!(
        settings.bus.address,
        BusAddress::At("unix:path=/x".to_owned())
    );
    assert_eq!(
        settings.names.get("ril_0").map(String::as_str),
        Some("main")
    );
    assert_eq!(
        (settings.answer_timeout.as_secs(), settings.max_waiting),
        (5, 9)
    );
    let bus = settings.bus;
    let spans = [bus.call_timeout, bus.backoff_base, bus.backoff_limit];
    assert_eq!(spans.map(|span| span.as_secs()), [1, 2, 3]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in [
        (
            "[sms.modem_manger]\n",
            "f:1:6: unknown key `modem_manger` in [sms]; did you mean `modem_manager`?",
        ),
        (
            "[sms]\nofono = 1",
            "f:2:9: `sms.ofono` is a section: write [sms.ofono]",
        ),
        (
            "[sms.ofono]\nenable = true",
            "f:2:1: unknown key `enable` in [sms.ofono]; did you mean `enabled`?",
        ),
        (
            "[sms.ofono]\nbus = \"nowhere\"",
            "f:2:7: \"nowhere\" is no bus",
        ),
        (
            "[sms.ofono]\nanswer_timeout = \"30s\"",
            "f:2:18: 30s is too long",
        ),
        (
            "[sms.ofono]\nstorage = \"keep\"",
            "it stands in [sms.modem_manager]",
        ),
        ("[sms.modem_manager]\nstorage = \"eat\"", "f:2:11: "),
        ("[sms.modem_manager]\nleave = [\"mms\"]", "f:2:9: "),
        (
            "[sms.modem_manager]\nfull_at = 0",
            "f:2:11: at least 1 is taken",
        ),
        (
            "[sms.modem_manager]\nbackoff_base = \"0s\"",
            "at least 1 ms is taken",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(expected), "{text}: {refusal}");
    }
}
