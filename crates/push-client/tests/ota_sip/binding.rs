//! The binding at the registrar, and what Push Sender Agents are told.

use std::time::Duration;

use push_api::{PushService as _, WatchQuery};
use push_client::DeregistrationRequest;
use push_client::http::Host;
use push_client::sip::Transport;
use push_core::ServerState;
use push_message::Reason;
use tokio::net::TcpListener;

use crate::bench::{Bench, MMS, administrator, next_change, settings, within};
use crate::core::Core;

//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# The Push Client MUST register with the Push Server over the bearer that the application's registration is for.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# The Push Client MUST deregister with the Push Server over the bearer that the application's registration was for.
#[tokio::test]
async fn an_application_is_registered_once_the_core_and_the_agent_agree() {
    let mut core = Core::udp().await;
    let bench = Bench::start(settings(core.address(), Transport::Udp));
    let registering = bench.registering(MMS);
    let bound = core.bind().await;
    assert!(bound.contact().1.contains("+g.oma.pusheventapp=\"mms.ua\""));
    let udp = bench.address("OTA-SIP-UDP");
    assert!(bound.contact().0.contains(&udp.to_string()), "{bound:?}");
    assert_eq!(bench.address("OTA-SIP-TCP"), udp);
    assert!(!registering.is_finished());
    let told = core.learn().await;
    assert!(told.contact().1.contains("+g.oma.pusheventapp=\"mms.ua\""));
    let registered = within(registering).await.unwrap().unwrap();
    let states = registered.servers.iter();
    let states: Vec<_> = states.map(|one| (&*one.uri, one.state)).collect();
    let confirmed = ServerState::Confirmed;
    assert_eq!(
        states,
        [
            ("sip:example.test", confirmed),
            ("sip:psa@example.test", confirmed)
        ]
    );
    let servers = bench.servers().await;
    let servers: Vec<_> = servers.iter().map(|one| (&*one.uri, &*one.state)).collect();
    let confirmed = "confirmed";
    assert_eq!(
        servers,
        [
            ("sip:example.test", confirmed),
            ("sip:psa@example.test", confirmed)
        ]
    );
    assert_eq!(bench.counter("sip.registered").await, 1);
    let application = bench.application(MMS);
    let leaving = tokio::spawn(async move {
        let request = DeregistrationRequest {
            push_application_id: MMS.to_owned(),
            ..DeregistrationRequest::default()
        };
        application.deregister(request).await
    });
    let bound = core.bind().await;
    assert!(!bound.contact().1.contains("pusheventapp"));
    let told = core.learn().await;
    assert!(!told.contact().1.contains("pusheventapp"));
    within(leaving).await.unwrap().unwrap();
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn whom_the_core_or_the_agent_refuses_is_not_registered() {
    let mut core = Core::udp().await;
    let bench = Bench::start(settings(core.address(), Transport::Udp));
    let registering = bench.registering(MMS);
    let request = core.request("REGISTER").await;
    core.answer(&request, "403 Not Here", "").await;
    let refusal = within(registering).await.unwrap().unwrap_err();
    assert_eq!(refusal.reason, Reason::ServerRejected);
    assert!(refusal.detail.contains("403"), "{refusal:?}");
    assert_eq!(bench.status().await.registrations, 0);
    bench.stop().await;
}

#[tokio::test]
async fn a_core_that_cannot_be_reached_undoes_the_registration() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let silent = Core::udp().await;
    for (address, transport) in [(gone, Transport::Tcp), (silent.address(), Transport::Udp)] {
        let mut settings = settings(address, transport);
        settings.agent.registration.announce_patience = Duration::from_millis(50);
        settings.stop_timeout = Duration::from_millis(50);
        let bench = Bench::start(settings);
        let refusal = within(bench.registering(MMS)).await.unwrap().unwrap_err();
        assert_eq!(refusal.reason, Reason::ServerUnreachable, "{refusal:?}");
        if transport == Transport::Tcp {
            assert!(refusal.detail.contains("refused"), "{refusal:?}");
        }
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_ends_is_opened_again_and_the_binding_renewed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap(), Transport::Tcp);
    settings.agent.account.host = Host::Name("localhost".into());
    let bench = Bench::start(settings);
    assert!(bench.client.listening_sip().is_empty());
    let registering = bench.registering(MMS);
    let mut first = Core::accepted(&listener).await;
    first.bind().await;
    first.learn().await;
    within(registering).await.unwrap().unwrap();
    drop(first);
    let mut second = Core::accepted(&listener).await;
    let bound = second.bind().await;
    assert!(bound.contact().1.contains("mms.ua"));
    bench.stop_bound(&mut second).await;
}

#[tokio::test]
async fn who_knows_of_a_new_network_has_the_binding_renewed_at_once() {
    let mut core = Core::udp().await;
    let bench = Bench::start(settings(core.address(), Transport::Udp));
    bench.register(&mut core, MMS).await;
    bench.client.network_changed().await;
    core.bind().await;
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_core_that_is_silent_does_not_keep_the_client_from_stopping() {
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.stop_timeout = Duration::from_millis(50);
    let bench = Bench::start(settings);
    bench.register(&mut core, MMS).await;
    bench.stop().await;
    let last = core.request("REGISTER").await;
    assert_eq!(last.header("expires"), "0");
}

#[tokio::test]
async fn a_registration_outlives_a_restart_and_so_does_the_binding() {
    let directory = tempfile::tempdir().unwrap();
    let mut core = Core::udp().await;
    let settings = settings(core.address(), Transport::Udp);
    let builder = || {
        let path = directory.path().join("push.db");
        push_client::Builder::new()
            .store(path)
            .ota_sip(settings.clone())
    };
    let bench = Bench::start_with(builder());
    bench.register(&mut core, MMS).await;
    let bench = bench.killed_and_started(builder).await;
    core.bind().await;
    core.learn().await;
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_registration_is_lost_while_the_registrar_refuses_it_and_restored_when_it_does_not() {
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.agent.registration.backoff_limit = Duration::from_millis(50);
    let bench = Bench::start(settings);
    bench.register(&mut core, MMS).await;
    let query = WatchQuery::default();
    let watching = bench.client.watch(administrator(), query).await;
    let mut watching = watching.unwrap();
    bench.client.network_changed().await;
    let renewal = core.request("REGISTER").await;
    core.answer(&renewal, "403 Not Here", "").await;
    assert_eq!(next_change(&mut watching).await, "lost");
    core.bind().await;
    assert_eq!(next_change(&mut watching).await, "restored");
    bench.stop_bound(&mut core).await;
}
