//! oFono as a source.

use std::time::Duration;

use push_client::modem::{Ofono, OfonoSettings};
use push_testkit::Bus;

use super::mock_ofono::{Agent, Service};
use super::stage::{Stage, bus_settings, push, until};

const MODEM: &str = "/ril_0";

fn settings(bus: &Bus) -> OfonoSettings {
    OfonoSettings {
        bus: bus_settings(bus),
        ..OfonoSettings::default()
    }
}

async fn start(bus: &Bus) -> Stage {
    Stage::start(Ofono::new(settings(bus))).await
}

async fn has_agent(agent: &Agent) {
    until(async || agent.lock().unwrap().is_some()).await;
}

#[tokio::test]
async fn it_is_the_agent_of_each_modem_that_hands_pushes_over() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let mut settings = settings(&bus);
    settings
        .names
        .insert("ril_1".to_owned(), "spare".to_owned());
    let one = service.add_modem(MODEM).await;
    let mut stage = Stage::start(Ofono::new(settings)).await;
    let reason = stage.source_is("unreachable").await.reason.unwrap();
    assert!(reason.contains("online"), "{reason}");
    service.set_online(MODEM, &one, true).await;
    let other = service.add_modem("/ril_1").await;
    service.set_online("/ril_1", &other, true).await;
    for (agent, device) in [(&one, "ril_0"), (&other, "spare")] {
        has_agent(agent).await;
        service.push(agent, &push(device.as_bytes())).await.unwrap();
        let event = stage.take().await;
        assert_eq!(event.content(), device.as_bytes());
        let origin = event.push().origin.short_message.clone().unwrap();
        assert_eq!(&*origin.device, device);
        assert_eq!(origin.originator.as_deref(), Some("+15550001"));
    }
    stage.source_is("connected").await;
    service.remove_modem("/ril_1").await;
    service.push(&one, &push(b"still")).await.unwrap();
    assert_eq!(stage.take().await.content(), b"still");
    stage.stop().await;
}

#[tokio::test]
async fn the_answer_is_success_whatever_was_handed_over() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let agent = service.add_modem(MODEM).await;
    service.set_online(MODEM, &agent, true).await;
    let mut stage = start(&bus).await;
    has_agent(&agent).await;
    for odd in [&b""[..], b"\x00", b"\x00\x99garbage", &[0xff; 300]] {
        service.push(&agent, odd).await.unwrap();
    }
    service.push(&agent, &push(b"a good one")).await.unwrap();
    assert_eq!(stage.take().await.content(), b"a good one");
    stage.stop().await;
}

#[tokio::test]
async fn it_comes_back_after_release_offline_and_the_end_of_the_service() {
    let Some(mut bus) = Bus::start() else { return };
    let mut stage = start(&bus).await;
    stage.source_is("unreachable").await;
    for round in 0..2_u8 {
        let service = Service::start(&bus).await;
        let agent = service.add_modem(MODEM).await;
        service.set_online(MODEM, &agent, true).await;
        has_agent(&agent).await;
        service.release(&agent).await;
        has_agent(&agent).await;
        service.set_online(MODEM, &agent, false).await;
        service.set_online(MODEM, &agent, true).await;
        has_agent(&agent).await;
        service.push(&agent, &push(&[round])).await.unwrap();
        assert_eq!(stage.take().await.content(), [round]);
        service.end().await;
        stage.source_is("unreachable").await;
    }
    bus.end();
    bus.run_daemon();
    let service = Service::start(&bus).await;
    let agent = service.add_modem(MODEM).await;
    service.set_online(MODEM, &agent, true).await;
    has_agent(&agent).await;
    service.push(&agent, &push(b"after the bus")).await.unwrap();
    assert_eq!(stage.take().await.content(), b"after the bus");
    stage.stop().await;
}

/// What was said in one breath is taken in the order in which it was said, whatever stream it came by.
#[tokio::test]
async fn news_in_one_breath_are_taken_in_their_order() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let mut stage = start(&bus).await;
    stage.source_is("unreachable").await;
    for round in 0..40_u8 {
        let agent = service.add_modem(MODEM).await;
        service.set_online(MODEM, &agent, true).await;
        has_agent(&agent).await;
        service.release(&agent).await;
        service.set_online(MODEM, &agent, false).await;
        service.set_online(MODEM, &agent, true).await;
        has_agent(&agent).await;
        service.push(&agent, &push(&[round])).await.unwrap();
        assert_eq!(stage.take().await.content(), [round]);
        stage.source_is("connected").await;
        service.remove_modem(MODEM).await;
    }
    stage.stop().await;
}

#[tokio::test]
async fn somebody_elses_agent_is_told_and_its_place_taken_once_it_is_free() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let agent = service.add_modem(MODEM).await;
    let other = bus.connect().await;
    let place = zbus::OwnedObjectPath::try_from("/other").unwrap();
    *agent.lock().unwrap() = Some((other.unique_name().unwrap().clone(), place));
    service.set_online(MODEM, &agent, true).await;
    let mut stage = start(&bus).await;
    until(async || {
        let reason = stage.source().await.reason;
        reason.is_some_and(|reason| reason.contains("another program"))
    })
    .await;
    *agent.lock().unwrap() = None;
    has_agent(&agent).await;
    service.push(&agent, &push(b"at last")).await.unwrap();
    assert_eq!(stage.take().await.content(), b"at last");
    stage.stop().await;
}

#[tokio::test]
async fn the_answer_waits_for_the_journal_and_no_longer_than_it_may() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let agent = service.add_modem(MODEM).await;
    service.set_online(MODEM, &agent, true).await;
    let settings = OfonoSettings {
        answer_timeout: Duration::from_millis(200),
        ..settings(&bus)
    };
    let mut stage = Stage::with_room_for(1, Ofono::new(settings)).await;
    has_agent(&agent).await;
    service.push(&agent, &push(b"one")).await.unwrap();
    let first = stage.see().await;
    // No room for these: they are answered nevertheless, held, and taken once there is.
    service.push(&agent, &push(b"two")).await.unwrap();
    service.push(&agent, &push(b"three")).await.unwrap();
    let metrics = stage.metrics().await;
    assert!(
        metrics.contains("outcome=\"answered-early\"} 2"),
        "{metrics}"
    );
    stage.accept(&first).await;
    assert_eq!(stage.take().await.content(), b"two");
    assert_eq!(stage.take().await.content(), b"three");
    stage.stop().await;
}

#[tokio::test]
async fn nobody_but_ofono_hands_pushes_over() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let agent = service.add_modem(MODEM).await;
    service.set_online(MODEM, &agent, true).await;
    let mut stage = start(&bus).await;
    has_agent(&agent).await;
    let (name, path) = agent.lock().unwrap().clone().unwrap();
    let stranger = bus.connect().await;
    let details = std::collections::HashMap::<&str, zbus::Variant<'_>>::new();
    let body = (push(b"forged"), details);
    let called = stranger.call_method(
        Some(name.as_str()),
        path.as_str(),
        Some("org.ofono.PushNotificationAgent"),
        "ReceiveNotification",
        &body,
    );
    let refused = called.await.unwrap_err().to_string();
    assert!(refused.contains("oFono alone"), "{refused}");
    service.push(&agent, &push(b"true")).await.unwrap();
    assert_eq!(stage.take().await.content(), b"true");
    stage.stop().await;
}
