//! ModemManager as a source.

use push_api::DeliveredEvent as _;
use push_client::modem::{ModemManager, ModemManagerSettings, StoragePolicy};
use push_testkit::Bus;

use super::mock_modem_manager::{Message, Service, Storage};
use super::stage::{Stage, bus_settings, push, until};

const LEFT: &str = "usb1-left";

fn settings(bus: &Bus, storage: StoragePolicy) -> ModemManagerSettings {
    ModemManagerSettings {
        bus: bus_settings(bus),
        storage,
        memory: Some(bus.directory().join("taken")),
        ..ModemManagerSettings::default()
    }
}

async fn start(bus: &Bus, storage: StoragePolicy) -> Stage {
    Stage::start(ModemManager::new(settings(bus, storage))).await
}

/// A body that no other push of a test has.
fn body(number: u32) -> Vec<u8> {
    format!("push {number}").into_bytes()
}

#[tokio::test]
async fn stored_and_new_pushes_are_taken_in_order_and_deleted_and_texts_stay() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let storage = Storage::default();
    storage.put(3, Message::push(&body(3)));
    storage.put(12, Message::push(&body(12)));
    storage.put(5, Message::text("are you there?"));
    service.add_modem(0, LEFT, &storage).await;
    let mut stage = start(&bus, StoragePolicy::Delete).await;
    for number in [3, 12] {
        let event = stage.take().await;
        assert_eq!(event.content(), body(number));
    }
    service.receive(0, 13, Message::push(&body(13))).await;
    let event = stage.take().await;
    let origin = event.push().origin.short_message.clone().unwrap();
    assert_eq!(event.content(), body(13));
    assert_eq!(&*origin.device, LEFT);
    assert_eq!(origin.originator.as_deref(), Some("+15550001"));
    assert_eq!(event.view().server.to_string(), "+15550000");
    until(async || storage.numbers() == [5]).await;
    stage.source_is("connected").await;
    stage.stop().await;
}

#[tokio::test]
async fn a_message_is_taken_once_it_is_whole_and_no_other_kind_is() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let storage = Storage::default();
    service.add_modem(0, LEFT, &storage).await;
    let mut stage = start(&bus, StoragePolicy::Delete).await;
    let half = Message {
        state: 2,
        data: push(b"hal"),
        ..Message::push(b"")
    };
    let submitted = Message {
        kind: 2,
        ..Message::push(b"of our own")
    };
    let garbage = Message {
        data: b"\x00\x99garbage".to_vec(),
        ..Message::push(b"")
    };
    service.receive(0, 1, half).await;
    service.receive(0, 2, submitted).await;
    service.receive(0, 3, garbage).await;
    service.receive(0, 4, Message::push(&body(4))).await;
    assert_eq!(stage.take().await.content(), body(4));
    service.complete(1, push(b"whole")).await;
    assert_eq!(stage.take().await.content(), b"whole");
    until(async || storage.numbers() == [2, 3]).await;
    stage.stop().await;
}

#[tokio::test]
async fn modems_come_and_go_and_are_told_apart() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let (left, right) = (Storage::default(), Storage::default());
    let mut settings = settings(&bus, StoragePolicy::Delete);
    settings.names.insert("usb2".to_owned(), "right".to_owned());
    let mut stage = Stage::start(ModemManager::new(settings)).await;
    service.add_modem(0, LEFT, &left).await;
    // The same octets at the same time by two modems are two pushes.
    service.receive(0, 1, Message::push(b"same")).await;
    assert_eq!(device(&stage.take().await), LEFT);
    right.put(2, Message::push(b"same, too"));
    service.add_modem(1, "usb2", &right).await;
    assert_eq!(device(&stage.take().await), "right");
    service.remove_modem(0).await;
    service
        .receive(1, 3, Message::push(b"from the one left"))
        .await;
    assert_eq!(device(&stage.take().await), "right");
    stage.stop().await;
}

fn device(event: &push_client::Event) -> String {
    let origin = event.push().origin.short_message.as_ref().unwrap();
    origin.device.to_string()
}

#[tokio::test]
async fn what_came_while_the_service_or_the_bus_was_away_is_taken_once() {
    let Some(mut bus) = Bus::start() else { return };
    let storage = Storage::default();
    let mut stage = start(&bus, StoragePolicy::Delete).await;
    let reason = stage.source_is("unreachable").await.reason.unwrap();
    assert!(reason.contains("not there"), "{reason}");
    for round in 0..3 {
        storage.put(round, Message::push(&body(round)));
        let service = Service::start(&bus).await;
        service.add_modem(0, LEFT, &storage).await;
        assert_eq!(stage.take().await.content(), body(round));
        until(async || storage.numbers().is_empty()).await;
        service.end().await;
    }
    bus.end();
    stage.source_is("unreachable").await;
    storage.put(9, Message::push(&body(9)));
    bus.run_daemon();
    let service = Service::start(&bus).await;
    service.add_modem(0, LEFT, &storage).await;
    assert_eq!(stage.take().await.content(), body(9));
    stage.stop().await;
}

#[tokio::test]
async fn a_push_that_is_kept_is_not_taken_again_by_the_next_process() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let storage = Storage::default();
    service.add_modem(0, LEFT, &storage).await;
    // Each has a new journal, which remembers nothing of the one before.
    for round in 1..4 {
        let mut stage = start(&bus, StoragePolicy::Keep).await;
        service.receive(0, round, Message::push(&body(round))).await;
        assert_eq!(stage.take().await.content(), body(round));
        stage.stop().await;
    }
    assert_eq!(storage.numbers(), [1, 2, 3]);
    assert_eq!(storage.deletions(), 0);
}

#[tokio::test]
async fn a_nearly_full_modem_loses_the_oldest_pushes_and_no_text() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let storage = Storage::default();
    storage.put(1, Message::text("keep me"));
    service.add_modem(0, LEFT, &storage).await;
    let settings = ModemManagerSettings {
        full_at: 4,
        ..settings(&bus, StoragePolicy::WhenFull)
    };
    let mut stage = Stage::start(ModemManager::new(settings)).await;
    for number in 2..8 {
        service
            .receive(0, number, Message::push(&body(number)))
            .await;
        assert_eq!(stage.take().await.content(), body(number));
    }
    until(async || storage.numbers() == [1, 6, 7]).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_deletion_is_tried_three_times_and_the_push_is_not_taken_again() {
    let Some(bus) = Bus::start() else { return };
    let storage = Storage::default();
    storage.fail_deletions(2);
    let service = Service::start(&bus).await;
    service.add_modem(0, LEFT, &storage).await;
    let mut stage = start(&bus, StoragePolicy::Delete).await;
    service.receive(0, 1, Message::push(&body(1))).await;
    assert_eq!(stage.take().await.content(), body(1));
    until(async || storage.numbers().is_empty()).await;
    assert_eq!(storage.deletions(), 3);
    // From here on they always fail.
    storage.fail_deletions(3);
    service.receive(0, 2, Message::push(&body(2))).await;
    assert_eq!(stage.take().await.content(), body(2));
    until(async || storage.deletions() == 6).await;
    stage.stop().await;
    // The next process knows it, and deletes it.
    let mut stage = start(&bus, StoragePolicy::Delete).await;
    service.receive(0, 3, Message::push(&body(3))).await;
    assert_eq!(stage.take().await.content(), body(3));
    until(async || storage.numbers().is_empty()).await;
    stage.stop().await;
}

#[tokio::test]
async fn without_room_a_push_stays_in_the_modem_and_is_taken_later() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let storage = Storage::default();
    service.add_modem(0, LEFT, &storage).await;
    let source = ModemManager::new(settings(&bus, StoragePolicy::Delete));
    let mut stage = Stage::with_room_for(1, source).await;
    service.receive(0, 1, Message::push(&body(1))).await;
    let first = stage.see().await;
    service.receive(0, 2, Message::push(&body(2))).await;
    until(async || storage.numbers() == [2]).await;
    until(async || {
        let metrics = stage.metrics().await;
        metrics.contains("outcome=\"not-now\"")
    })
    .await;
    assert_eq!(storage.numbers(), [2]);
    stage.accept(&first).await;
    assert_eq!(stage.take().await.content(), body(2));
    until(async || storage.numbers().is_empty()).await;
    stage.stop().await;
}

#[tokio::test]
async fn content_types_of_others_are_left_to_them() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let storage = Storage::default();
    service.add_modem(0, LEFT, &storage).await;
    let settings = ModemManagerSettings {
        leave: vec![push_message::MediaType::parse("application/vnd.wap.mms-message").unwrap()],
        ..settings(&bus, StoragePolicy::Delete)
    };
    let mut stage = Stage::start(ModemManager::new(settings)).await;
    let other = Message {
        data: b"\x01\x06\x03\xAE\xAF\x84other type".to_vec(),
        ..Message::push(b"")
    };
    service.receive(0, 1, Message::push(&body(1))).await;
    service.receive(0, 2, other).await;
    assert_eq!(stage.take().await.content(), b"other type");
    until(async || storage.numbers() == [1]).await;
    stage.stop().await;
}

#[tokio::test]
async fn more_messages_than_may_wait_are_taken_all_the_same() {
    let Some(bus) = Bus::start() else { return };
    let service = Service::start(&bus).await;
    let storage = Storage::default();
    for number in 0..40 {
        let message = if number % 4 == 0 {
            Message::text("hello")
        } else {
            Message::push(&body(number))
        };
        storage.put(number, message);
    }
    service.add_modem(0, LEFT, &storage).await;
    let settings = ModemManagerSettings {
        max_waiting: 3,
        ..settings(&bus, StoragePolicy::Delete)
    };
    let mut stage = Stage::start(ModemManager::new(settings)).await;
    for number in (0..40).filter(|number| number % 4 != 0) {
        assert_eq!(stage.take().await.content(), body(number));
    }
    until(async || storage.numbers().len() == 10).await;
    stage.stop().await;
}
