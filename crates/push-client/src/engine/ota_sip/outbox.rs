//! Datagrams that are about to be sent: those of one length to one destination go together.
//!
//! Answers to pushes come in such runs. The way through the kernel is the largest single part of what a push costs, and a run goes it
//! once.

use std::net::SocketAddr;

use bytes::Bytes;

/// Datagrams that wait at most. Whoever is answered has something to do while the next ones are made.
const WAITING: usize = 16;

/// The longest datagram that is sent together with others, none of which may be fragmented: with the headers of IPv6 and UDP it fits on
/// any way of IPv6 (RFC 8200 5).
const TOGETHER: usize = 1_280 - 48;

/// Datagrams that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox(Vec<(SocketAddr, Bytes)>);

/// Datagrams of one length to one destination, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'o> {
    pub(super) destination: SocketAddr,
    datagrams: &'o [(SocketAddr, Bytes)],
}

impl Outbox {
    /// Puts a datagram behind the others; says whether they are as many as may wait.
    pub(super) fn put(&mut self, destination: SocketAddr, octets: Bytes) -> bool {
        self.0.push((destination, octets));
        self.0.len() >= WAITING
    }

    /// The datagrams in order, taken apart where two of them have not the same length and destination.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let alike = |(to, one): &(SocketAddr, Bytes), (to_other, other): &(SocketAddr, Bytes)| {
            to == to_other && one.len() == other.len()
        };
        self.0.chunk_by(alike).filter_map(|datagrams| {
            let (destination, _) = *datagrams.first()?;
            Some(Run {
                destination,
                datagrams,
            })
        })
    }

    /// The same room, with nothing in it.
    pub(super) fn emptied(mut self) -> Self {
        self.0.clear();
        self
    }
}

impl<'o> Run<'o> {
    pub(super) fn datagrams(self) -> impl Iterator<Item = &'o Bytes> {
        self.datagrams.iter().map(|(_, octets)| octets)
    }

    /// The length of each, where there are several and none is too long to be sent with others.
    pub(super) fn length_together(self) -> Option<u16> {
        let length = self.datagrams().next()?.len();
        let may_be = self.datagrams.len() > 1 && (1..=TOGETHER).contains(&length);
        may_be.then_some(length)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_one_length_to_one_destination_are_together() {
        let [here, there] = [5060, 5070].map(|port| SocketAddr::from(([192, 0, 2, 7], port)));
        let long = "x".repeat(TOGETHER + 1);
        let mut outbox = Outbox::default();
        let waiting = [
            (here, "one"),
            (here, "two"),
            (there, "one"),
            (there, "four"),
            (there, "five"),
            (there, &long),
            (there, &long),
        ];
        for (destination, octets) in waiting {
            assert!(!outbox.put(destination, Bytes::copy_from_slice(octets.as_bytes())));
        }
        let runs: Vec<_> = outbox.runs().collect();
        let all: Vec<_> = runs
            .iter()
            .map(|run| {
                (
                    run.destination,
                    run.datagrams().count(),
                    run.length_together(),
                )
            })
            .collect();
        let expected = [
            (here, 2, Some(3)),
            (there, 1, None),
            (there, 2, Some(4)),
            (there, 2, None),
        ];
        assert_eq!(all, expected);
        let order = runs.iter().flat_map(|run| run.datagrams());
        assert!(order.eq(waiting.map(|(_, octets)| octets).iter()));
        assert_eq!(outbox.emptied().runs().count(), 0);
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let to = SocketAddr::from(([192, 0, 2, 7], 5060));
        let mut outbox = Outbox::default();
        let full = (1..=WAITING).map(|_| outbox.put(to, Bytes::new()));
        assert_eq!(full.filter(|is_full| *is_full).count(), 1);
        assert_eq!(outbox.runs().count(), 1);
    }
}
