//! What registrations and pushes cost in memory, counted at the allocator.
#![expect(unsafe_code, reason = "counting allocations means being the allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use push_core::{
    Acknowledgement, Addressing, BearerSettings, Input, Now, Outcome, Output, ProtocolSettings,
    PushClient, RegistrationRequest, RequestTicket, Selector, Settings, Snapshot, SubscriberId,
};
use push_message::{Bearer, Owner, Protocol, UnixMillis};
use push_testkit::PushBuilder;

/// Octets held and blocks allocated so far.
static HELD: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

/// What the system's allocator takes for a block of this many octets.
const fn taken(octets: usize) -> usize {
    let with_header = (octets + 8).next_multiple_of(16);
    if with_header < 32 { 32 } else { with_header }
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory that it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(taken(layout.size()), Ordering::Relaxed);
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are the ones that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: the block came from the system's allocator with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: Now = Now {
    monotonic: Duration::from_secs(1),
    unix: UnixMillis(1_767_225_600_000),
};

/// Carries out what the machine asks for, with a store that always succeeds; returns what it delivered.
fn settle(client: &mut PushClient) -> Vec<push_core::EventId> {
    let mut delivered = Vec::new();
    while let Some(output) = client.poll_output() {
        if let Output::Persist { ticket, changes } = output {
            drop(changes);
            let result = Ok(());
            client.handle_input(Input::Persisted { ticket, result }, NOW);
        } else if let Output::Deliver { delivery, .. } = output {
            delivered.push(delivery.event);
        }
    }
    delivered
}

fn client() -> PushClient {
    let wsp = ProtocolSettings {
        explicit_registration: false,
        announces_own: true,
        tells_instances_apart: false,
        addressing: Addressing::ByContentType,
        any_port_is_standard: false,
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(vec![2948]))]),
        session_port: None,
    };
    let settings = Settings {
        protocols: BTreeMap::from([(Protocol::OtaWsp, wsp)]),
        ..Settings::default()
    };
    PushClient::new(settings, 1, Snapshot::default(), NOW)
}

fn register(client: &mut PushClient, number: u64) {
    let request = RegistrationRequest {
        push_application_id: format!("x-example:application.{number:05}"),
        application_id: Some(format!("https://example.net/{number:05}")),
        ..RegistrationRequest::default()
    };
    let owner = Owner::proved("uid:1000");
    let ticket = RequestTicket(number);
    client.handle_input(
        Input::Register {
            ticket,
            owner,
            request,
        },
        NOW,
    );
    settle(client);
}

/// One after the other, because both count for the whole process.
#[test]
fn registrations_and_pushes_are_cheap() {
    let mut client = client();
    let before = HELD.load(Ordering::Relaxed);
    for number in 0..10_000 {
        register(&mut client, number);
    }
    let each = (HELD.load(Ordering::Relaxed) - before) / 10_000;
    assert!(each <= 400, "{each} octets a registration");

    let owner = Owner::proved("uid:1000");
    let subscribe = Input::Subscribe {
        subscriber: SubscriberId(1),
        owner: owner.clone(),
        selector: Selector::default(),
        after: None,
        window: 64,
    };
    client.handle_input(subscribe, NOW);
    settle(&mut client);
    let held = HELD.load(Ordering::Relaxed);
    let mut blocks = 0;
    for number in 0..2_000_u32 {
        let id = format!("x-example:application.{:05}", number % 10_000);
        let push = PushBuilder::to(&id).transaction(number).received(NOW.unix);
        let ticket = RequestTicket(u64::from(number));
        let start = BLOCKS.load(Ordering::Relaxed);
        let input = Input::Push {
            ticket,
            push: Arc::new(push),
            segments: Box::default(),
        };
        client.handle_input(input, NOW);
        let acknowledgements = settle(&mut client)
            .into_iter()
            .map(|event| Acknowledgement::new(event, Outcome::Accepted));
        let acknowledge = Input::Acknowledge {
            ticket,
            owner: owner.clone(),
            acknowledgements: acknowledgements.collect(),
        };
        client.handle_input(acknowledge, NOW);
        settle(&mut client);
        blocks += BLOCKS.load(Ordering::Relaxed) - start;
    }
    assert!(blocks / 2_000 <= 32, "{} blocks a push", blocks / 2_000);
    let left = (HELD.load(Ordering::Relaxed) - held) / 2_000;
    assert!(left <= 512, "{left} octets a push are left for duplicates");
}
