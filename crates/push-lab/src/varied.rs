//! Pushes of many kinds, for load and for measurements.

use crate::{ApplicationId, Push, Random, bodies};

/// Well-formed pushes without end, as varied as those of real gateways; the same seed gives the same ones.
pub fn varied(seed: u64) -> impl Iterator<Item = Push> {
    let mut random = Random::new(seed);
    (0_u8..=255).cycle().map(move |tid| one(tid, &mut random))
}

fn one(tid: u8, random: &mut Random) -> Push {
    let push = content(random).tid(tid);
    let push = match random.below(4) {
        0 => push.application(ApplicationId::Number(4)),
        1 => push.application(ApplicationId::Number(0x9000)),
        2 => push.application(ApplicationId::Text("x-example.net:app".to_owned())),
        _ => push,
    };
    let count = random.below(6);
    (0..count).fold(push, |push, _| with_header(push, random))
}

fn content(random: &mut Random) -> Push {
    let number = random.below(100_000);
    let address = format!("push.example.net/{number}");
    match random.below(6) {
        0 => Push::new(
            bodies::SERVICE_INDICATION,
            bodies::service_indication(&address, "You have a message"),
        )
        .parameter("charset", "utf-8"),
        1 => Push::new(bodies::SERVICE_LOADING, bodies::service_loading(&address)),
        2 => {
            let transaction = format!("T{number}");
            let location = format!("http://mmsc.{address}");
            let body =
                bodies::mms_notification(&transaction, "+4917099999/TYPE=PLMN", 30_720, &location);
            Push::new(bodies::MMS_NOTIFICATION, body)
        }
        3 => Push::new(bodies::PROVISIONING, bodies::provisioning(&address)),
        4 => Push::new("text/plain; charset=utf-8", format!("Message {number}")),
        _ => {
            let length = random.below(300);
            Push::new("application/x-example", random.octets(length))
        }
    }
}

fn with_header(push: Push, random: &mut Random) -> Push {
    const HEADERS: &[(&str, &str)] = &[
        ("Encoding-Version", "1.3"),
        ("Push-Flag", "4"),
        ("Push-Flag", "7"),
        ("Date", "1700000000"),
        ("Expires", "1900000000"),
        ("Server", "ppg.example.net"),
        ("X-Wap-Initiator-URI", "http://initiator.example.net/"),
        ("X-Wap-Content-URI", "http://content.example.net/1"),
        ("Content-ID", "<1@example.net>"),
        ("Via", "1.1 gateway.example.net"),
        ("X-Example-Trace", "5f1c"),
        ("Age", "300"),
    ];
    match random.choose(HEADERS) {
        Some((name, value)) => push.header(name, value),
        None => push,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn datagrams(seed: u64) -> Vec<Vec<u8>> {
        varied(seed)
            .take(1000)
            .map(|push| push.encode().unwrap())
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_pushes() {
        assert_eq!(datagrams(3), datagrams(3));
        assert_ne!(datagrams(3), datagrams(4));
    }

    #[test]
    fn pushes_vary() {
        let datagrams = datagrams(1);
        let different: BTreeSet<_> = datagrams.iter().collect();
        assert!(different.len() > 990, "{}", different.len());
        let octets: usize = datagrams.iter().map(Vec::len).sum();
        assert!((80..240).contains(&(octets / datagrams.len())), "{octets}");
    }
}
