//! What tells one transmission from another.
//!
//! The hash is two independent lanes of 64 bits, each folding eight octets at a time by a 64 x 64 -> 128 bit
//! multiplication. It has no key, so that what is written down still counts after a restart, and it is no defence against
//! somebody who searches for collisions: whoever does that only loses pushes of their own server.

use push_message::{Headers, Protocol, ReceivedPush, ServerAddress};

use crate::{Fingerprint, RegistrationId};

const SEEDS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];
const FACTORS: [u64; 2] = [0xa409_3822_299f_31d1, 0x082e_fa98_ec4e_6c89];

/// The fingerprint of a transmission: server, protocol, the terminal's port, transaction identity and octets.
///
/// Over HTTP the terminal names transmissions itself, so that the name alone tells them apart, whatever they hold and whoever
/// sent them. It is the registration that the push is for that counts, not the port: one that began on a connection to one port
/// may be repeated on another. The end of the name counts up from push to push, and is the first half of the fingerprint as
/// it stands: fingerprints that [count up](Fingerprint::counts_up) are remembered at less cost.
///
/// Over SIP the transaction is named alike in the whole world, and the port is that of whichever flow it came on: a core may send
/// again over the next one.
pub(crate) fn of_transmission(
    push: &ReceivedPush,
    registration: Option<RegistrationId>,
) -> Fingerprint {
    let origin = &push.origin;
    let mut hash = Hash::new();
    if origin.protocol == Protocol::OtaHttp
        && let Some((start, count)) = origin.transaction.split_last_chunk()
    {
        hash.word(registration.map_or(0, |registration| registration.0));
        hash.field(start);
        return hash.finish_behind(u64::from_be_bytes(*count));
    }
    hash.field(b"transmission");
    hash.server(&origin.server);
    hash.field(origin.protocol.as_str().as_bytes());
    let place = match origin.protocol {
        Protocol::OtaHttp => registration.map(|registration| registration.0),
        Protocol::OtaWsp => origin.destination_port.map(u64::from),
        Protocol::OtaSip => None,
    };
    hash.word(place.unwrap_or(0));
    hash.field(&origin.transaction);
    if let Some(application) = &push.message.application {
        hash.field(application.as_text().as_bytes());
    }
    hash.content_type(push);
    hash.headers(&push.message.headers);
    hash.field(&push.message.content);
    hash.finish()
}

/// The fingerprint of content for one registration, whatever server and bearer it came by.
pub(crate) fn of_content(registration: RegistrationId, push: &ReceivedPush) -> Fingerprint {
    let mut hash = Hash::new();
    hash.field(b"content");
    hash.word(registration.0);
    hash.content_type(push);
    hash.field(&push.message.content);
    hash.finish()
}

/// A stable hash of a text, for indexes whose hits are checked against the text itself.
pub(crate) fn of_text(text: &str) -> u64 {
    let mut hash = Hash::new();
    hash.field(text.as_bytes());
    hash.lanes[0]
}

impl Fingerprint {
    /// Whether the first half is, by all appearances, a number that counts up from push to push: it
    /// has at most 52 bits. One in 4,096 of the others looks so too, which costs time and nothing else.
    pub(crate) const fn counts_up(self) -> bool {
        self.0 >> (64 + 52) == 0
    }
}

struct Hash {
    lanes: [u64; 2],
}

impl Hash {
    const fn new() -> Self {
        Self { lanes: SEEDS }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "both halves are folded into one"
    )]
    fn word(&mut self, word: u64) {
        for (lane, factor) in self.lanes.iter_mut().zip(FACTORS) {
            let product = u128::from(*lane ^ word) * u128::from(factor);
            let folded = (product >> 64) as u64 ^ product as u64;
            *lane = folded.rotate_left(29).wrapping_add(word ^ factor);
        }
    }

    /// Octets behind their length, so that no two lists of fields look alike.
    fn field(&mut self, octets: &[u8]) {
        self.word(octets.len() as u64);
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let octets = rest.iter().rev();
            self.word(octets.fold(0, |word, &octet| word << 8 | u64::from(octet)));
        }
    }

    fn server(&mut self, server: &ServerAddress) {
        match server {
            ServerAddress::Ip(std::net::IpAddr::V4(address)) => self.field(&address.octets()),
            ServerAddress::Ip(std::net::IpAddr::V6(address)) => self.field(&address.octets()),
            ServerAddress::E164(text)
            | ServerAddress::Alphanumeric(text)
            | ServerAddress::Sip(text) => self.field(text.as_bytes()),
            ServerAddress::Unknown => self.field(&[]),
        }
    }

    fn content_type(&mut self, push: &ReceivedPush) {
        self.field(push.message.content_type.media_type.as_str().as_bytes());
        self.headers(&push.message.content_type.parameters);
    }

    fn headers(&mut self, headers: &Headers) {
        self.word(headers.len() as u64);
        for (name, value) in headers.iter() {
            self.field(name.as_bytes());
            self.field(value.as_bytes());
        }
    }

    fn finish(mut self) -> Fingerprint {
        self.word(0);
        self.word(0);
        let [first, second] = self.lanes;
        Fingerprint((u128::from(first) << 64) | u128::from(second))
    }

    /// With a number in place of the first half.
    fn finish_behind(self, number: u64) -> Fingerprint {
        let Fingerprint(whole) = self.finish();
        Fingerprint(whole << 64 >> 64 | u128::from(number) << 64)
    }
}

#[cfg(test)]
mod tests {
    use push_testkit::PushBuilder;

    use super::*;

    #[test]
    fn every_part_of_a_transmission_tells_it_apart() {
        let base = || PushBuilder::to("4").content("one");
        let variants = [
            base(),
            base().content("two"),
            base().content("one\0"),
            base().content(""),
            base().transaction(7),
            base().from_ip([192, 0, 2, 9]),
            base().port(5000),
            base().media_type("text/html"),
            base().over(Protocol::OtaHttp, Some(2948)),
            PushBuilder::to("2").content("one"),
        ];
        let mut seen: Vec<_> = variants
            .into_iter()
            .map(|push| of_transmission(&push.received(push_message::UnixMillis(0)), None))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 10);
    }

    #[test]
    fn over_http_the_name_alone_tells_a_transmission_apart() {
        let of = |start: u64, number: u64, content| {
            let push = PushBuilder::to("4").over(Protocol::OtaHttp, Some(4035));
            let mut push = push.content(content).received(push_message::UnixMillis(0));
            let name = [start.to_be_bytes(), number.to_be_bytes()];
            push.origin.transaction = name.as_flattened().into();
            of_transmission(&push, Some(RegistrationId(1)))
        };
        assert_eq!(of(1, 1, "one"), of(1, 1, "two"));
        assert_ne!(of(1, 1, "one"), of(2, 1, "one"));
        assert!(of(1, 1, "one") < of(1, 2, "one"));
        assert!(of(1, 255, "one") < of(1, 256, "one"));
        assert!(of(1, 256, "one").counts_up());
        assert!(of(1, (1 << 52) - 1, "one").counts_up() && !of(1, 1 << 52, "one").counts_up());
    }

    #[test]
    fn time_and_what_is_no_part_of_the_transmission_do_not_count() {
        let push = |at| PushBuilder::to("4").received(push_message::UnixMillis(at));
        assert_eq!(
            of_transmission(&push(1), None),
            of_transmission(&push(2), None)
        );
        let proved = PushBuilder::to("4").proving(&["ppg.example"]);
        assert_eq!(
            of_transmission(&push(1), None),
            of_transmission(&proved.received(push_message::UnixMillis(1)), None)
        );
        let elsewhere = PushBuilder::to("4")
            .from_ip([192, 0, 2, 9])
            .transaction(9)
            .received(push_message::UnixMillis(3));
        let registration = RegistrationId(1);
        assert_eq!(
            of_content(registration, &push(1)),
            of_content(registration, &elsewhere)
        );
        assert_ne!(
            of_content(RegistrationId(2), &push(1)),
            of_content(registration, &push(1))
        );
    }

    #[test]
    fn over_sip_a_transmission_is_the_same_whichever_flow_it_comes_on() {
        let of = |port, transaction| {
            let push = PushBuilder::to("4").over(Protocol::OtaSip, port);
            let push = push.transaction(transaction);
            of_transmission(&push.received(push_message::UnixMillis(0)), None)
        };
        assert_eq!(of(Some(40_123), 7), of(Some(40_124), 7));
        assert_ne!(of(Some(40_123), 7), of(Some(40_123), 8));
    }

    /// A gateway that sends again what its answer was lost of may do so on another connection, and to another port.
    #[test]
    fn over_http_a_transmission_is_the_same_whichever_connection_it_comes_on() {
        let of = |protocol, port, registration| {
            let push = PushBuilder::to("4").transaction(7).over(protocol, port);
            let push = push.received(push_message::UnixMillis(0));
            of_transmission(&push, Some(RegistrationId(registration)))
        };
        let accepted = of(Protocol::OtaHttp, Some(4035), 1);
        assert_eq!(of(Protocol::OtaHttp, None, 1), accepted);
        assert_eq!(of(Protocol::OtaHttp, Some(4036), 1), accepted);
        // Where the port says whom it is for, it is another one.
        assert_ne!(of(Protocol::OtaHttp, Some(4036), 2), accepted);
        assert_ne!(
            of(Protocol::OtaWsp, None, 1),
            of(Protocol::OtaWsp, Some(2948), 1)
        );
    }

    #[test]
    fn fingerprints_stay_the_same_over_restarts_and_versions() {
        assert_eq!(of_text(""), 0x93e3_41c2_a18b_de8b);
    }
}
