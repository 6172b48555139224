//! Small pushes, by MESSAGE.

use push_client::sip::Transport;
use push_client::{Builder, StoreSettings};
use push_message::{Protocol, ServerAddress};
use tokio::net::TcpListener;

use crate::bench::{Bench, MMS, next, request, settings, stream, within};
use crate::core::{Core, push_headers};

const TYPE: &str = "application/vnd.wap.mms-message";

#[tokio::test]
async fn a_push_over_udp_is_an_event_and_its_repetition_is_none() {
    let mut core = Core::udp().await;
    let bench = Bench::start(settings(core.address(), Transport::Udp));
    let application = bench.register(&mut core, MMS).await;
    let mut events = stream(&application).await;
    let push = core.compose("MESSAGE", &push_headers("mms.ua", TYPE), b"one");
    for _ in 0..3 {
        assert_eq!(core.ask(&push).await.status(), 200);
    }
    assert_eq!(core.push("mms.ua", TYPE, b"two").await.status(), 200);
    let event = next(&mut events).await;
    assert_eq!((event.content(), event.content_type()), (&b"one"[..], TYPE));
    let origin = &event.push().origin;
    assert_eq!(origin.protocol, Protocol::OtaSip);
    assert_eq!(
        origin.server,
        ServerAddress::Sip("sip:psa@example.test".into())
    );
    let port = bench.address("OTA-SIP-UDP").port();
    assert_eq!(origin.destination_port, Some(port));
    assert_eq!(next(&mut events).await.content(), b"two");
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_push_over_a_connection_is_an_event() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bench = Bench::start(settings(listener.local_addr().unwrap(), Transport::Tcp));
    let registering = bench.registering(MMS);
    let mut core = Core::accepted(&listener).await;
    core.bind().await;
    core.learn().await;
    within(registering).await.unwrap().unwrap();
    let mut events = stream(&bench.application(MMS)).await;
    // Two that come at once, and one in pieces.
    let one = core.compose("MESSAGE", &push_headers("mms.ua", TYPE), b"one");
    let two = core.compose("MESSAGE", &push_headers("mms.ua", TYPE), b"two");
    core.send([one, two].concat()).await;
    let three = core.compose(
        "MESSAGE",
        &push_headers("mms.ua", TYPE),
        &vec![b'3'; 40_000],
    );
    for piece in three.chunks(7_001) {
        core.send(piece).await;
    }
    for _ in 0..3 {
        assert_eq!(core.next().await.unwrap().status(), 200);
    }
    for length in [3, 3, 40_000] {
        assert_eq!(next(&mut events).await.content().len(), length);
    }
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_core_that_connects_for_what_is_too_long_for_datagrams_is_served() {
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.agent.serving.core_addresses = vec![core.address().ip()];
    let bench = Bench::start(settings);
    let application = bench.register(&mut core, MMS).await;
    let mut events = stream(&application).await;
    let mut over_tcp = Core::dialling(bench.address("OTA-SIP-TCP")).await;
    let answer = over_tcp.push("mms.ua", TYPE, &[b'x'; 9_000]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(next(&mut events).await.content().len(), 9_000);
    tokio::join!(bench.stop_bound(&mut core), over_tcp.hang_up());
}

#[tokio::test]
async fn what_is_answered_with_success_is_there_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.listen = Some(([127, 0, 0, 1], 0).into());
    let builder = || {
        let path = directory.path().join("push.db");
        Builder::new().store(path).ota_sip(settings.clone())
    };
    let bench = Bench::start_with(builder());
    bench.register(&mut core, MMS).await;
    for number in 0..32_u8 {
        // The application is away.
        let answer = core.push("mms.ua", TYPE, &[number]).await;
        assert_eq!(answer.status(), 202);
    }
    let bench = bench.killed_and_started(builder).await;
    core.bind().await;
    core.learn().await;
    let mut events = stream(&bench.application(MMS)).await;
    for number in 0..32_u8 {
        assert_eq!(next(&mut events).await.content(), [number]);
    }
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn nothing_is_answered_with_success_that_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut core = Core::udp().await;
    let small = StoreSettings {
        max_pages: Some(96),
        ..StoreSettings::default()
    };
    let builder = Builder::new()
        .store(directory.path().join("push.db"))
        .store_settings(small)
        .ota_sip(settings(core.address(), Transport::Udp));
    let bench = Bench::start_with(builder);
    bench.register(&mut core, MMS).await;
    let body = vec![b'x'; 900];
    let mut accepted = 0;
    let status = loop {
        match core.push("mms.ua", TYPE, &body).await.status() {
            202 => accepted += 1,
            status => break status,
        }
        assert!(accepted < 1_000, "the store never gets full");
    };
    assert_eq!(status, 486);
    assert_eq!(bench.status().await.waiting_events, accepted);
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn each_refusal_is_answered_by_its_status_and_explained() {
    let mut core = Core::udp().await;
    let bench = Bench::start(settings(core.address(), Transport::Udp));
    let registering = {
        let application = bench.application(MMS);
        let request = push_client::RegistrationRequest {
            accept: Some(TYPE.to_owned()),
            whitelist: vec!["sip:psa@example.test".to_owned()],
            ..request(MMS)
        };
        tokio::spawn(async move { application.register(request).await })
    };
    core.bind().await;
    core.learn().await;
    within(registering).await.unwrap().unwrap();
    assert_eq!(core.push("wml.ua", TYPE, b"x").await.status(), 480);
    let refused = core.push("mms.ua", "text/plain", b"x").await;
    assert_eq!((refused.status(), refused.header("accept")), (415, TYPE));
    let headers = push_headers("mms.ua", TYPE).replace("psa@", "other@");
    let other = core.compose("MESSAGE", &headers, b"x");
    assert_eq!(core.ask(&other).await.status(), 403);
    let mut stranger = Core::stranger(bench.address("OTA-SIP-UDP")).await;
    assert_eq!(stranger.push("mms.ua", TYPE, b"x").await.status(), 403);
    assert_eq!(bench.counter("sip.notFromCore").await, 1);
    let explained = {
        use push_api::{ExplainRequest, PushService as _};
        let caller = crate::bench::administrator();
        bench
            .client
            .explain(caller, ExplainRequest::default())
            .await
    };
    let recent = explained.unwrap().recent;
    assert_eq!(recent.len(), 4, "{recent:?}");
    bench.stop_bound(&mut core).await;
}
