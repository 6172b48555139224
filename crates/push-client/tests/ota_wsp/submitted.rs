//! Short messages that a caller of the interface hands over.

use push_api::{
    Caller, ExplainRequest, Owner, PushService as _, Reason, Refusal, SubmitAnswer, SubmitKind,
    SubmitPorts, SubmitRequest,
};
use push_client::short_messages::ShortMessageSettings;
use push_client::{Builder, RegistrationRequest, Selector};

use crate::bench::{Bench, administrator, next, request, request_on, unit_push};

/// Octets in base64.
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = octets.chunks(3).map(|group| {
        let bits = (0..3).fold(0, |bits, index| {
            bits << 8 | u32::from(group.get(index).copied().unwrap_or(0))
        });
        let digit = |place: usize| {
            if place > group.len() {
                '='
            } else {
                char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize])
            }
        };
        (0..4).map(digit).collect::<String>()
    });
    groups.collect()
}

fn push(parts: &[&[u8]]) -> SubmitRequest {
    SubmitRequest {
        kind: SubmitKind::Push,
        content: parts.iter().map(|part| base64(part)).collect(),
        sender: Some("+49 170 99999".to_owned()),
        smsc: Some("+491710760000".to_owned()),
        sent_at: Some(1_780_000_000_000),
        bearer: None,
        ports: Some(SubmitPorts {
            dest: 2948,
            orig: 9200,
        }),
        device: Some("modem0".to_owned()),
    }
}

fn started() -> Bench {
    Bench::start(Builder::new().short_messages(ShortMessageSettings {
        submitted: true,
        submitters: vec!["uid:7".to_owned()],
        ..ShortMessageSettings::default()
    }))
}

fn caller(owner: &str) -> Caller {
    Caller {
        owner: Owner::proved(owner),
        administrator: false,
    }
}

async fn submit(bench: &Bench, request: SubmitRequest) -> Result<SubmitAnswer, Refusal> {
    bench.client.submit(administrator(), request).await
}

async fn verdict(bench: &Bench, request: SubmitRequest) -> String {
    let answer = submit(bench, request).await.unwrap();
    assert_eq!(answer.result, "success");
    assert_eq!(answer.results.len(), 1);
    answer.results[0].verdict.clone()
}

#[tokio::test]
async fn the_parts_of_a_push_become_an_event_that_says_where_it_came_from() {
    let bench = started();
    let application = bench.client.application("app");
    application
        .register(request_on("4", Some("GSM-SMS"), None))
        .await
        .unwrap();
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    let octets = unit_push(1, b"one");
    let (first, second) = octets.split_at(4);
    let answer = submit(&bench, push(&[first, second])).await.unwrap();
    let event = next(&mut events).await;
    assert_eq!(answer.results[0].verdict, "accepted");
    assert_eq!(answer.results[0].event_id, Some(event.id().to_string()));
    assert_eq!(event.content(), b"one");
    let origin = &event.push().origin;
    assert_eq!(origin.server.to_string(), "+491710760000");
    assert_eq!(origin.originator(), Some("+4917099999"));
    assert_eq!(
        origin.short_message.as_ref().map(|sms| &*sms.device),
        Some("modem0")
    );
    assert_eq!(
        (origin.destination_port, origin.origin_port),
        (Some(2948), Some(9200))
    );
    assert_eq!(verdict(&bench, push(&[&octets])).await, "duplicate");
    bench.stop().await;
}

/// User data that is one of two segments of a push.
fn segment(sequence: u8, part: &[u8]) -> Vec<u8> {
    let header = [
        0x0B, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0, 0x00, 0x03, 0x07, 2, sequence,
    ];
    [&header[..], part].concat()
}

/// An SMS-DELIVER of the centre +49170999998 from +49170999999.
fn tpdu(user_data: &[u8]) -> Vec<u8> {
    let head = b"\x07\x91\x94\x71\x90\x99\x99\xF8\x44\x0B\x91\x94\x71\x90\x99\x99\xF9\x00\x04\x62\x11\x22\x01\x00\x00\x00";
    let length = u8::try_from(user_data.len()).unwrap();
    [&head[..], &[length], user_data].concat()
}

#[tokio::test]
async fn segments_in_any_order_and_twice_become_one_event_whatever_they_are_submitted_as() {
    let bench = started();
    let application = bench.client.application("app");
    application
        .register(request_on("4", Some("GSM-SMS"), None))
        .await
        .unwrap();
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    let octets = unit_push(1, b"one and two");
    let (first, second) = octets.split_at(8);
    let [first, second] = [segment(1, first), segment(2, second)];
    let bare = |kind, content: &[&[u8]]| SubmitRequest {
        kind,
        sender: None,
        smsc: None,
        sent_at: None,
        ports: None,
        ..push(content)
    };
    let user_data = |content: &[&[u8]]| SubmitRequest {
        sender: Some("Operator".to_owned()),
        ..bare(SubmitKind::UserData, content)
    };
    let by_tpdu = bare(
        SubmitKind::Tpdu,
        &[&tpdu(&second), &tpdu(&second), &tpdu(&first)],
    );
    for (submitted, centre, originator) in [
        (by_tpdu, "+49170999998", "+49170999999"),
        (
            user_data(&[&second, &second, &first]),
            "Operator",
            "Operator",
        ),
    ] {
        let answer = submit(&bench, submitted).await.unwrap();
        let verdicts: Vec<_> = answer.results.iter().map(|one| &*one.verdict).collect();
        assert_eq!(verdicts, ["kept", "kept", "accepted"]);
        let event = next(&mut events).await;
        assert_eq!(event.content(), b"one and two");
        assert_eq!(answer.results[2].event_id, Some(event.id().to_string()));
        let origin = &event.push().origin;
        assert_eq!(origin.server.to_string(), centre);
        assert_eq!(origin.originator(), Some(originator));
        assert_eq!(origin.destination_port, Some(2948));
    }
    let status = bench.client.status(administrator()).await.unwrap();
    assert_eq!(status.unacknowledged_events, 2);
    bench.stop().await;
}

#[tokio::test]
async fn what_is_no_push_or_is_refused_says_so() {
    let bench = started();
    let application = bench.client.application("app");
    let picky = RegistrationRequest {
        accept: Some("text/plain".to_owned()),
        ..request("4")
    };
    application.register(picky).await.unwrap();
    let octets = unit_push(1, b"one");
    let answer = submit(&bench, push(&[&octets])).await.unwrap();
    assert_eq!(answer.results[0].verdict, "contentType");
    assert!(answer.results[0].detail.is_some(), "{answer:?}");
    assert_eq!(answer.results[0].event_id, None);
    bench.stop().await;
}

#[tokio::test]
async fn only_administrators_and_whom_the_configuration_names_submit() {
    let bench = started();
    let request = push(&[&unit_push(1, b"one")]);
    let refusal = bench.client.submit(caller("uid:8"), request.clone()).await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.reason, Reason::NotAuthorized);
    assert!(refusal.detail.contains("uid:8"), "{refusal}");
    let answer = bench.client.submit(caller("uid:7"), request).await.unwrap();
    assert_eq!(answer.results[0].verdict, "held");
    bench.stop().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_its_name() {
    let bench = started();
    let octets = unit_push(1, b"one");
    let with = |change: fn(&mut SubmitRequest)| {
        let mut request = push(&[&octets]);
        change(&mut request);
        request
    };
    for (request, reason, option) in [
        (
            with(|request| request.bearer = Some("IP".to_owned())),
            Reason::UnsupportedOption,
            "bearer",
        ),
        (
            with(|request| request.smsc = Some("Operator".to_owned())),
            Reason::InvalidRequest,
            "smsc",
        ),
        (
            with(|request| request.sender = Some("+49x".to_owned())),
            Reason::InvalidRequest,
            "sender",
        ),
        (
            with(|request| request.sender = Some(String::new())),
            Reason::InvalidRequest,
            "sender",
        ),
        (
            with(|request| request.device = Some("a\nb".to_owned())),
            Reason::InvalidRequest,
            "device",
        ),
        (
            with(|request| request.content.clear()),
            Reason::InvalidRequest,
            "content",
        ),
        (
            with(|request| request.kind = SubmitKind::UserData),
            Reason::InvalidRequest,
            "ports",
        ),
        (
            with(|request| request.kind = SubmitKind::Tpdu),
            Reason::InvalidRequest,
            "sender",
        ),
    ] {
        let refusal = submit(&bench, request).await.unwrap_err();
        assert_eq!((refusal.reason, refusal.option), (reason, Some(option)));
    }
    assert_eq!(verdict(&bench, with(|_| ())).await, "held");
    bench.stop().await;
}

#[tokio::test]
async fn nothing_is_taken_once_the_client_stops() {
    let bench = started();
    let client = bench.client.clone();
    bench.stop().await;
    let refusal = client
        .submit(administrator(), push(&[&unit_push(1, b"one")]))
        .await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.reason, Reason::StoreFailed);
    assert!(refusal.detail.contains("again later"), "{refusal}");
}

#[tokio::test]
async fn a_short_message_that_did_not_come_is_explained() {
    let bench = started();
    let application = bench.client.application("app");
    let listing = RegistrationRequest {
        whitelist: vec!["+4917099999".to_owned()],
        ..request("4")
    };
    application.register(listing).await.unwrap();
    let asked = ExplainRequest {
        push_application_id: Some("4".to_owned()),
        ..ExplainRequest::default()
    };
    let text = |text: &str| Some(text.to_owned());
    for (server, bearer, originator, expected) in [
        (
            text("+491710760000"),
            text("GSM-SMS"),
            None,
            "serverNotListed",
        ),
        (text("+491710760000"), None, text("+4917099999"), "accepted"),
        (text("+4917099999"), text("SMS"), None, "accepted"),
        (None, None, text("+4917099999"), "accepted"),
        (None, None, text("Operator"), "serverNotListed"),
        (None, text("GSM-SMS"), None, "serverNotListed"),
    ] {
        let asked = ExplainRequest {
            server,
            bearer,
            originator,
            ..asked.clone()
        };
        let answer = bench
            .client
            .explain(administrator(), asked.clone())
            .await
            .unwrap();
        let explanation = answer.explanation.unwrap();
        assert_eq!(explanation.verdict, expected, "{asked:?}");
        let steps = explanation.steps.join("\n");
        assert!(steps.contains("GSM-SMS"), "{steps}");
    }
    for (bearer, originator) in [(text("IP"), text("+4917099999")), (text("pigeon"), None)] {
        let asked = ExplainRequest {
            bearer,
            originator,
            ..asked.clone()
        };
        let refusal = bench
            .client
            .explain(administrator(), asked)
            .await
            .unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.option),
            (Reason::InvalidRequest, Some("bearer"))
        );
    }
    bench.stop().await;
}
