//! Short messages over the intake.

use std::sync::Arc;
use std::time::Duration;

use push_client::short_messages::{
    Content, Delivery, Intake, Ports, ReassemblerSettings, Settled, ShortMessageSettings, Source,
    SourceFuture, SourceState,
};
use push_client::{Builder, RegistrationRequest, Selector, StoreSettings, Verdict};

use crate::bench::{Bench, administrator, counter, next, request, request_on, unit_push};
use push_api::{ExplainRequest, PushService as _};
use push_message::UnixMillis;

fn submitted() -> Builder {
    Builder::new().short_messages(ShortMessageSettings {
        submitted: true,
        ..ShortMessageSettings::default()
    })
}

fn assembled(octets: Vec<u8>) -> Delivery {
    Delivery {
        device: "modem-1".into(),
        content: Content::Assembled {
            smsc: Some("+4917099998".into()),
            originator: Some("+4917099999".into()),
            sent: Some(UnixMillis(1_780_000_000_000)),
            ports: Some(Ports {
                destination: 2948,
                originator: 9200,
            }),
            octets: octets.into(),
        },
    }
}

#[tokio::test]
async fn a_short_message_that_is_whole_becomes_an_event() {
    let bench = Bench::start(submitted());
    let application = bench.client.application("app");
    application
        .register(request_on("4", Some("GSM-SMS"), None))
        .await
        .unwrap();
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    let settled = bench
        .client
        .intake()
        .deliver(assembled(unit_push(1, b"one")))
        .await;
    assert!(matches!(
        settled,
        Settled::Durable(Verdict::Accepted { .. })
    ));
    let event = next(&mut events).await;
    assert_eq!(event.content(), b"one");
    bench.stop().await;
}

#[tokio::test]
async fn a_bearer_that_nothing_delivers_to_is_not_offered() {
    let bench = Bench::start(Builder::new().listen("127.0.0.1:0".parse().unwrap()));
    let application = bench.client.application("app");
    let refusal = application
        .register(request_on("4", Some("GSM-SMS"), None))
        .await
        .unwrap_err();
    assert_eq!(refusal.option, Some("connectionProfile.bearerType"));
    bench.stop().await;
}

#[tokio::test]
async fn what_is_delivered_to_a_client_that_ended_is_put_off() {
    let bench = Bench::start(submitted());
    let intake = bench.client.intake();
    bench.stop().await;
    intake.stopped().await;
    let settled = intake.deliver(assembled(unit_push(1, b"one"))).await;
    assert_eq!(settled, Settled::NotNow);
}

/// An SMS-DELIVER of the message centre +49170999998 from +49170999999, with this header and data.
fn tpdu(header: &[u8], data: &[u8]) -> Delivery {
    const HEAD: &[u8] = &[
        0x07, 0x91, 0x94, 0x71, 0x90, 0x99, 0x99, 0xF8, // the centre
        0x44, // an SMS-DELIVER with a header
        0x0B, 0x91, 0x94, 0x71, 0x90, 0x99, 0x99, 0xF9, // the originator
        0x00, 0x04, // 8 bit data
        0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00, // the time stamp
    ];
    let length = u8::try_from(header.len() + data.len()).unwrap();
    assert!(length <= 140, "no more fits");
    Delivery {
        device: "modem-1".into(),
        content: Content::Tpdu([HEAD, &[length], header, data].concat().into()),
    }
}

/// The segments of a push with this body, to a port.
fn segments(port: u16, reference: u8, body: &[u8]) -> Vec<Delivery> {
    let whole = unit_push(reference, body);
    let parts: Vec<_> = whole.chunks(128).collect();
    let total = u8::try_from(parts.len()).unwrap();
    let [high, low] = port.to_be_bytes();
    (1..=total)
        .zip(parts)
        .map(|(sequence, part)| {
            let header = [
                0x0B, 0x05, 0x04, high, low, 0x23, 0xF0, 0x00, 0x03, reference, total, sequence,
            ];
            tpdu(&header, part)
        })
        .collect()
}

#[tokio::test]
async fn segments_in_any_order_become_one_push_though_the_client_restarts_between_them() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || submitted().store(directory.path().join("push.db"));
    let body: Vec<u8> = (0..=255).cycle().take(350).collect();
    let mut segments = segments(2948, 7, &body);
    segments.reverse();
    let (last, kept) = segments.split_last().unwrap();
    let bench = Bench::start(builder());
    bench
        .client
        .application("app")
        .register(request("4"))
        .await
        .unwrap();
    let mut bench = bench.killed_and_started(builder).await;
    for segment in kept {
        assert_eq!(
            bench.client.intake().deliver(segment.clone()).await,
            Settled::Kept
        );
        bench = bench.killed_and_started(builder).await;
        // The message centre repeats what it thinks was lost.
        assert_eq!(
            bench.client.intake().deliver(segment.clone()).await,
            Settled::Kept
        );
    }
    let settled = bench.client.intake().deliver(last.clone()).await;
    assert!(
        matches!(settled, Settled::Durable(Verdict::Accepted { .. })),
        "{settled:?}"
    );
    let bench = bench.killed_and_started(builder).await;
    let application = bench.client.application("app");
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    let event = next(&mut events).await;
    assert_eq!(event.content(), body);
    // The whole again, as after a receipt that was lost: known.
    for segment in kept {
        bench.client.intake().deliver(segment.clone()).await;
    }
    let again = bench.client.intake().deliver(last.clone()).await;
    assert!(
        matches!(again, Settled::Durable(Verdict::Duplicate)) || again == Settled::Kept,
        "{again:?}"
    );
    let status = bench.client.status(administrator()).await.unwrap();
    assert_eq!(status.unacknowledged_events, 1);
    assert_eq!(status.waiting_events, 0);
    bench.stop().await;
}

#[tokio::test]
async fn what_cannot_be_written_is_put_off_and_taken_once_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("push.db");
    let small = StoreSettings {
        max_pages: Some(96),
        ..StoreSettings::default()
    };
    let bench = Bench::start(submitted().store(&path).store_settings(small));
    bench
        .client
        .application("app")
        .register(request("4"))
        .await
        .unwrap();
    let body = vec![b'x'; 8_000];
    let mut taken = 0_u8;
    let put_off = loop {
        let delivery = assembled(unit_push(taken, &body));
        let settled = bench.client.intake().deliver(delivery.clone()).await;
        if settled == Settled::NotNow {
            break delivery;
        }
        assert!(
            matches!(settled, Settled::Durable(Verdict::Accepted { .. })),
            "{settled:?}"
        );
        taken += 1;
        assert!(taken < 200, "the store never gets full");
    };
    bench.stop().await;
    let bench = Bench::start(submitted().store(&path));
    let settled = bench.client.intake().deliver(put_off).await;
    assert!(
        matches!(settled, Settled::Durable(Verdict::Accepted { .. })),
        "{settled:?}"
    );
    let status = bench.client.status(administrator()).await.unwrap();
    assert_eq!(status.waiting_events, usize::from(taken) + 1);
    bench.stop().await;
}

#[tokio::test]
async fn a_message_whose_segments_never_come_is_given_up_and_explained() {
    let reassembly = ReassemblerSettings {
        timeout: Duration::from_millis(1),
        ..ReassemblerSettings::default()
    };
    let bench = Bench::start(Builder::new().short_messages(ShortMessageSettings {
        submitted: true,
        reassembly,
        ..ShortMessageSettings::default()
    }));
    let segments = segments(2948, 9, &[b'x'; 300]);
    assert_eq!(
        bench.client.intake().deliver(segments[1].clone()).await,
        Settled::Kept
    );
    while counter(&bench.client, "shortMessagesGivenUp.timedOut").await == 0 {
        tokio::task::yield_now().await;
    }
    let explained = bench
        .client
        .explain(administrator(), ExplainRequest::default())
        .await
        .unwrap();
    let detail = &explained.recent[0].detail;
    assert!(
        detail.contains("of 3 segments") && detail.ends_with("these never came: 1, 3"),
        "{detail}"
    );
    bench.stop().await;
}

#[tokio::test]
async fn messages_that_are_no_pushes_are_left_alone() {
    let bench = Bench::start(submitted());
    let intake = bench.client.intake();
    let to_a_card_reader = segments(9204, 1, b"one");
    let Settled::NotAPush { detail } = intake.deliver(to_a_card_reader[0].clone()).await else {
        panic!("taken");
    };
    assert!(detail.contains("port 9204"), "{detail}");
    let text = assembled(b"not a push at all".to_vec());
    let Content::Assembled { octets, .. } = text.content else {
        unreachable!();
    };
    let without_ports = Delivery {
        device: "modem-1".into(),
        content: Content::Assembled {
            smsc: None,
            originator: None,
            sent: None,
            ports: None,
            octets,
        },
    };
    let settled = intake.deliver(without_ports).await;
    assert!(matches!(settled, Settled::NotAPush { .. }), "{settled:?}");
    // To the port of pushes, the same is a push that is broken.
    let settled = intake
        .deliver(assembled(b"not a push at all".to_vec()))
        .await;
    assert!(
        matches!(
            settled,
            Settled::Refused {
                word: "malformed",
                ..
            }
        ),
        "{settled:?}"
    );
    let broken = Delivery {
        device: "modem-1".into(),
        content: Content::Tpdu(Box::new([0x07, 0x91])),
    };
    let settled = intake.deliver(broken).await;
    assert!(
        matches!(
            settled,
            Settled::Refused {
                word: "malformed",
                ..
            }
        ),
        "{settled:?}"
    );
    let explained = bench
        .client
        .explain(administrator(), ExplainRequest::default())
        .await
        .unwrap();
    assert_eq!(explained.recent.len(), 2);
    bench.stop().await;
}

#[tokio::test]
async fn a_port_of_an_application_shows_in_short_messages() {
    let bench = Bench::start(submitted());
    let application = bench.client.application("app");
    application
        .register(request_on("4", Some("GSM-SMS"), Some("5000")))
        .await
        .unwrap();
    let intake = bench.client.intake();
    let to_own = segments(5000, 1, b"own");
    let settled = intake.deliver(to_own[0].clone()).await;
    assert!(
        matches!(settled, Settled::Durable(Verdict::Accepted { .. })),
        "{settled:?}"
    );
    let to_standard = segments(2948, 2, b"standard");
    let settled = intake.deliver(to_standard[0].clone()).await;
    assert!(
        matches!(settled, Settled::Durable(Verdict::Held { .. })),
        "{settled:?}"
    );
    bench.stop().await;
}

#[tokio::test]
async fn pushes_of_senders_that_nobody_lists_are_refused() {
    let bench = Bench::start(submitted());
    let application = bench.client.application("app");
    let listing = RegistrationRequest {
        whitelist: vec!["+4917011111".to_owned()],
        ..request("4")
    };
    application.register(listing).await.unwrap();
    let settled = bench
        .client
        .intake()
        .deliver(assembled(unit_push(1, b"one")))
        .await;
    assert!(
        matches!(
            settled,
            Settled::Refused {
                word: "serverNotListed",
                ..
            }
        ),
        "{settled:?}"
    );
    bench.stop().await;
}

/// A source that delivers one message and ends when it is told to.
#[derive(Debug)]
struct Once;

impl Source for Once {
    fn uri(&self) -> String {
        "once:".to_owned()
    }

    fn shows_ports(&self) -> bool {
        true
    }

    fn run(self: Arc<Self>, intake: Intake) -> SourceFuture {
        Box::pin(async move {
            intake.state(SourceState::Connected);
            let settled = intake
                .deliver(assembled(unit_push(7, b"of a source")))
                .await;
            assert!(matches!(settled, Settled::Durable(Verdict::Held { .. })));
            intake.stopped().await;
        })
    }
}

#[tokio::test]
async fn a_source_runs_beside_the_engine_until_it_stops() {
    let bench = Bench::start(Builder::new().source(Once));
    let application = bench.client.application("app");
    while counter(&bench.client, "pushes.held").await == 0 {
        tokio::task::yield_now().await;
    }
    application.register(request("4")).await.unwrap();
    let mut events = application.subscribe(Selector::default()).await.unwrap();
    assert_eq!(next(&mut events).await.content(), b"of a source");
    let servers = bench.client.servers(administrator()).await.unwrap();
    let source = servers.iter().find(|server| server.uri == "once:").unwrap();
    assert_eq!(source.state, "connected");
    bench.stop().await;
}

/// A source that goes without a word.
#[derive(Debug)]
struct Gone;

impl Source for Gone {
    fn uri(&self) -> String {
        "gone:".to_owned()
    }

    fn shows_ports(&self) -> bool {
        true
    }

    fn run(self: Arc<Self>, intake: Intake) -> SourceFuture {
        Box::pin(async move { intake.state(SourceState::Connected) })
    }
}

#[tokio::test]
async fn a_source_that_ends_by_itself_is_shown_as_failed() {
    let bench = Bench::start(Builder::new().source(Gone));
    let reason = loop {
        let servers = bench.client.servers(administrator()).await.unwrap();
        let source = servers.into_iter().find(|server| server.uri == "gone:");
        if let Some(reason) = source.and_then(|source| source.reason) {
            break reason;
        }
        tokio::task::yield_now().await;
    };
    assert!(reason.contains("ended by itself"), "{reason}");
    bench.stop().await;
}
