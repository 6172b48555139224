//! Short messages over the intake.

use std::sync::Arc;

use push_client::short_messages::{
    Content, Delivery, Intake, Ports, Settled, ShortMessageSettings, Source, SourceFuture,
    SourceState,
};
use push_client::{Builder, Selector, Verdict};

use crate::bench::{Bench, administrator, next, request, request_on, unit_push};
use push_api::PushService as _;
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
    while crate::bench::counter(&bench.client, "pushes.held").await == 0 {
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
