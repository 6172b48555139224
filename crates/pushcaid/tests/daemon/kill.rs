//! The daemon is killed under load, again and again, and nothing that it journalled is lost.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bench::{Bench, Daemon};
use crate::gateway;

const ROUNDS: u32 = 12;
const PUSHES: u32 = 1_000;

/// A body that shows by itself whether an octet of it is wrong.
fn body(number: u32) -> Vec<u8> {
    let number = number.to_be_bytes();
    number
        .into_iter()
        .chain((0..96).map(|index: u8| index.wrapping_mul(31) ^ number[usize::from(index) % 4]))
        .collect()
}

/// The content of an event, in the base64 that it came in.
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet))
            << (8 * (3 - chunk.len()));
        let digits =
            (0..4).map(|index| char::from(DIGITS[(bits >> (18 - 6 * index)) as usize & 63]));
        digits
            .take(chunk.len() + 1)
            .chain(std::iter::repeat_n('=', 3 - chunk.len()))
            .collect::<String>()
    };
    octets.chunks(3).map(group).collect()
}

/// What the application knows.
#[derive(Default)]
struct Seen {
    /// Events that it was given, with their content: they were journalled.
    content: BTreeMap<String, String>,
    /// Those whose acknowledgement was answered: they are done with.
    done: BTreeSet<String>,
    /// Those whose acknowledgement was not answered: they may be done with.
    open: BTreeSet<String>,
}

impl Seen {
    fn take(&mut self, event: &Value, valid: &BTreeSet<String>) {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let (id, content) = (text("id"), text("content"));
        assert!(valid.contains(&content), "wrong octets in {event}");
        assert!(!self.done.contains(&id), "{id} was done with");
        let before = self.content.insert(id, content.clone());
        assert!(
            before.is_none_or(|before| before == content),
            "other octets than before in {event}"
        );
    }

    /// Acknowledges an event; the daemon may be gone meanwhile.
    fn acknowledge(&mut self, daemon: &Daemon, id: &str) {
        let outcome = json!({ "outcome": "accepted" });
        let answer = daemon.try_text("POST", &format!("/v1/events/{id}/ack"), Some(&outcome));
        if matches!(answer, Ok((200, _))) {
            self.done.insert(id.to_owned());
        } else {
            self.open.insert(id.to_owned());
        }
    }
}

#[test]
fn whatever_was_journalled_outlives_every_kill() {
    let bench = Bench::new("[queue]\nmax_queue_events = 100000\n[duplicates]\nwindow = \"0s\"\n");
    let valid: BTreeSet<String> = (0..ROUNDS * PUSHES)
        .map(|number| base64(&body(number)))
        .collect();
    let mut seen = Seen::default();
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let daemon = bench.start();
        assert_eq!(daemon.register("4").0, 201);
        accepted = accepted.max(load_and_kill(&daemon, round, &valid, &mut seen));
        assert!(!daemon.terminate().success(), "it was killed");
    }

    let daemon = bench.start();
    assert_eq!(daemon.status()["registrations"], 1);
    let mut found = BTreeSet::new();
    loop {
        let (_, events) = daemon.request("GET", "/v1/events?fetch=500", None);
        let events = events.as_array().unwrap().clone();
        if events.is_empty() {
            break;
        }
        let ids: Vec<String> = events
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        for event in &events {
            seen.take(event, &valid);
        }
        let acknowledgements: Vec<Value> = ids
            .iter()
            .map(|id| json!({ "id": id, "outcome": "accepted" }))
            .collect();
        let (status, answer) =
            daemon.request("POST", "/v1/events/ack", Some(&json!(acknowledgements)));
        assert_eq!(
            (status, &answer["acknowledged"]),
            (200, &json!(ids.len())),
            "{answer}"
        );
        found.extend(ids);
    }
    let lost: Vec<&String> = seen
        .content
        .keys()
        .filter(|id| !found.contains(*id) && !seen.done.contains(*id) && !seen.open.contains(*id))
        .collect();
    assert!(lost.is_empty(), "journalled and lost: {lost:?}");
    assert!(
        found.len() + seen.done.len() + seen.open.len() >= accepted,
        "fewer events than were reported as accepted"
    );
}

/// Pushes while the application reads and acknowledges, and kills the daemon when it has seen enough, whatever is under way;
/// gives how many events there have been by then at least, as the daemon reported.
fn load_and_kill(daemon: &Daemon, round: u32, valid: &BTreeSet<String>, seen: &mut Seen) -> usize {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let gateway = gateway();
            for number in round * PUSHES..(round + 1) * PUSHES {
                daemon.push(&gateway, number.to_be_bytes()[3], &body(number));
                std::thread::yield_now();
            }
        });
        let mut events = daemon.events();
        for count in 0..20 + 7 * round {
            let event = events.next().expect("a stream that goes on");
            seen.take(&event, valid);
            if count % 3 == 0 {
                seen.acknowledge(daemon, event["id"].as_str().unwrap());
            }
        }
        let status = daemon.status();
        daemon.signal(Signal::KILL);
        let number = |name: &str| usize::try_from(status[name].as_u64().unwrap()).unwrap();
        number("unacknowledgedEvents") + seen.done.len()
    })
}
