//! Transaction identifiers: which one is next, and which ones of a peer are new (WTP 7.8).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::Verification;

/// Half the space of TIDs: how far apart the old and the new lie at most.
const WINDOW: u16 = 1 << 14;
/// The space of TIDs.
const MASK: u16 = 0x7FFF;

/// Whether a TID is newer than the last one (WTP tables 7 and 8).
//= specs/wtp.md#transaction-identifiers
//# A transaction identifier MUST be taken for new where it lies ahead of the last one by at most half the space of identifiers, counted around the end of the space.
pub(super) const fn is_new(received: u16, last: u16) -> bool {
    if received >= last {
        let ahead = received - last;
        ahead != 0 && ahead <= WINDOW
    } else {
        last - received >= WINDOW
    }
}

/// The last TIDs of peers that begin transactions.
#[derive(Debug)]
pub(super) struct TidCache {
    bound: usize,
    lifetime: Duration,
    verification: Verification,
    last: BTreeMap<SocketAddr, Last>,
    /// Before this time nothing is known of a peer that has no record.
    known_since: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    tid: u16,
    used: Duration,
}

impl TidCache {
    pub(super) const fn new(bound: usize, lifetime: Duration, verification: Verification) -> Self {
        Self {
            bound,
            lifetime,
            verification,
            last: BTreeMap::new(),
            known_since: None,
        }
    }

    /// Takes note of the time: what went before the first call is not known.
    pub(super) fn begin(&mut self, now: Duration) {
        self.known_since.get_or_insert(now);
    }

    /// Whether a transaction may start without verification (WTP table 6); remembers its TID where it may.
    //= specs/wtp.md#transaction-identifiers
    //# An Invoke with the flag TIDnew MUST make the responder forget the last identifier of its initiator and verify the new one.
    //= specs/wtp.md#transaction-identifiers
    //# An Invoke whose identifier is not new MUST be verified, unless the layer below removes duplicates.
    //= specs/wtp.md#transaction-identifiers
    //# An Invoke of an initiator that nothing is known of MUST be verified, unless identifiers have been kept for as long as a datagram can live.
    pub(super) fn admit(
        &mut self,
        peer: SocketAddr,
        tid: u16,
        tid_new: bool,
        now: Duration,
    ) -> bool {
        let valid = match self.verification {
            Verification::Never => true,
            Verification::Always => false,
            Verification::Rules if tid_new => {
                self.remember(peer, 0, now);
                return false;
            }
            Verification::Rules => {
                let known_for = now.saturating_sub(self.known_since.unwrap_or(now));
                self.last
                    .get(&peer)
                    .map_or(known_for >= self.lifetime, |last| is_new(tid, last.tid))
            }
        };
        if valid {
            self.remember(peer, tid, now);
        }
        valid
    }

    /// The initiator has confirmed its TID (WTP table 9).
    //= specs/wtp.md#verification-of-transaction-identifiers
    //# The last identifier of an initiator MUST NOT be moved back by one that was verified, unless it came with the flag TIDnew.
    pub(super) fn verified(&mut self, peer: SocketAddr, tid: u16, tid_new: bool, now: Duration) {
        let known = self.last.get(&peer).map(|last| last.tid);
        if tid_new || known.is_none_or(|last| is_new(tid, last)) {
            self.remember(peer, tid, now);
        }
    }

    fn remember(&mut self, peer: SocketAddr, tid: u16, now: Duration) {
        self.last.insert(peer, Last { tid, used: now });
        if self.last.len() > self.bound {
            let oldest = self.last.iter().min_by_key(|(_, last)| last.used);
            if let Some(peer) = oldest.map(|(peer, _)| *peer) {
                self.last.remove(&peer);
                self.known_since = Some(now);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }
}

/// Gives out TIDs.
#[derive(Debug)]
pub(super) struct TidSource {
    next: u16,
    lifetime: Duration,
    /// TIDs given out since then.
    period: Option<(Duration, u16)>,
}

impl TidSource {
    pub(super) const fn new(first: u16, lifetime: Duration) -> Self {
        Self {
            next: first & MASK,
            lifetime,
            period: None,
        }
    }

    /// The next TID; absent where half the space was used up within two lifetimes of a datagram.
    //= specs/wtp.md#transaction-identifiers
    //# The initiator MUST increment the transaction identifier by one for each transaction, whatever its class.
    //= specs/wtp.md#transaction-identifiers
    //# The initiator MUST NOT use up half the space of identifiers within two lifetimes of a datagram.
    pub(super) fn take(&mut self, now: Duration) -> Option<u16> {
        let (since, count) = match self.period {
            Some((since, count)) if now.saturating_sub(since) < self.lifetime * 2 => (since, count),
            Some(_) | None => (now, 0),
        };
        // Two periods may touch, so each of them may use half of what is allowed.
        if count >= WINDOW / 2 {
            return None;
        }
        self.period = Some((since, count + 1));
        let tid = self.next;
        self.next = (tid + 1) & MASK;
        Some(tid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: SocketAddr = SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
        9201,
    );
    const LIFETIME: Duration = Duration::from_mins(1);
    const START: Duration = Duration::from_secs(1000);

    fn cache(bound: usize, verification: Verification) -> TidCache {
        let mut cache = TidCache::new(bound, LIFETIME, verification);
        cache.begin(START);
        cache
    }

    //= specs/wtp.md#transaction-identifiers
    //= type=test
    //# A transaction identifier MUST be taken for new where it lies ahead of the last one by at most half the space of identifiers, counted around the end of the space.
    #[test]
    fn the_window_is_half_the_space() {
        for (received, last, new) in [
            (0, 0, false),
            (1, 0, true),
            (0x4000, 0, true),
            (0x4001, 0, false),
            (0x7FFF, 0, false),
            (0, 1, false),
            (0, 0x3FFF, false),
            (0, 0x4000, true),
            (0, 0x7FFF, true),
            (0x3FFF, 0x7FFF, true),
            (0x4000, 0x7FFF, false),
            (0x7FFF, 0x7FFF, false),
            (0x7FFF, 0x7FFE, true),
        ] {
            assert_eq!(
                is_new(received, last),
                new,
                "{received:#06x} after {last:#06x}"
            );
        }
        // Of two different TIDs at most one is newer than the other, save at half the space.
        for difference in (1..=MASK).filter(|&difference| difference != WINDOW) {
            for last in [0, 1, 0x3FFF, 0x4000, 0x7FFF] {
                let received = (last + difference) & MASK;
                assert_ne!(is_new(received, last), is_new(last, received));
            }
        }
    }

    //= specs/wtp.md#transaction-identifiers
    //= type=test
    //# An Invoke whose identifier is not new MUST be verified, unless the layer below removes duplicates.
    //= specs/wtp.md#verification-of-transaction-identifiers
    //= type=test
    //# The last identifier of an initiator MUST NOT be moved back by one that was verified, unless it came with the flag TIDnew.
    #[test]
    fn what_is_not_new_is_verified_and_does_not_move_the_cache_back() {
        let mut rules = cache(4, Verification::Rules);
        let later = START + LIFETIME;
        assert!(rules.admit(PEER, 10, false, later));
        assert!(rules.admit(PEER, 13, false, later));
        assert!(!rules.admit(PEER, 11, false, later));
        rules.verified(PEER, 11, false, later);
        assert!(!rules.admit(PEER, 12, false, later));
        assert!(!rules.admit(PEER, 13, false, later));
        assert!(rules.admit(PEER, 14, false, later));
        let mut never = cache(4, Verification::Never);
        assert!(never.admit(PEER, 10, false, START));
        assert!(never.admit(PEER, 10, true, START));
        let mut always = cache(4, Verification::Always);
        assert!(!always.admit(PEER, 10, false, later));
    }

    //= specs/wtp.md#transaction-identifiers
    //= type=test
    //# An Invoke with the flag TIDnew MUST make the responder forget the last identifier of its initiator and verify the new one.
    #[test]
    fn tid_new_moves_the_cache_back() {
        let mut cache = cache(4, Verification::Rules);
        let later = START + LIFETIME;
        assert!(cache.admit(PEER, 100, false, later));
        assert!(!cache.admit(PEER, 7, true, later));
        // Until it is verified the last TID is 0.
        assert!(!cache.admit(PEER, 0, false, later));
        cache.verified(PEER, 7, true, later);
        assert!(!cache.admit(PEER, 7, false, later));
        assert!(cache.admit(PEER, 8, false, later));
    }

    //= specs/wtp.md#transaction-identifiers
    //= type=test
    //# An Invoke of an initiator that nothing is known of MUST be verified, unless identifiers have been kept for as long as a datagram can live.
    #[test]
    fn strangers_are_believed_once_their_old_datagrams_are_dead() {
        let other = |port| SocketAddr::new(PEER.ip(), port);
        let mut cache = cache(2, Verification::Rules);
        let just_before = START + LIFETIME.saturating_sub(Duration::from_millis(1));
        assert!(!cache.admit(PEER, 5, false, just_before));
        assert!(cache.admit(PEER, 5, false, START + LIFETIME));
        assert!(cache.admit(other(1), 5, false, START + LIFETIME));
        assert!(cache.admit(other(2), 5, false, START + LIFETIME * 2));
        // A third one pushed another out: nothing is known of strangers for a while.
        assert_eq!(cache.len(), 2);
        assert!(!cache.admit(other(3), 5, false, START + LIFETIME * 2));
        assert!(cache.admit(other(3), 5, false, START + LIFETIME * 3));
    }

    //= specs/wtp.md#transaction-identifiers
    //= type=test
    //# The initiator MUST increment the transaction identifier by one for each transaction, whatever its class.
    //= specs/wtp.md#transaction-identifiers
    //= type=test
    //# The initiator MUST NOT use up half the space of identifiers within two lifetimes of a datagram.
    #[test]
    fn tids_are_counted_up_and_not_too_fast() {
        let mut source = TidSource::new(0xFFFE, LIFETIME);
        let tids: Vec<_> = (0..4).filter_map(|_| source.take(START)).collect();
        assert_eq!(tids, [0x7FFE, 0x7FFF, 0, 1]);
        let at_once = (0..=MASK).filter_map(|_| source.take(START)).count();
        assert_eq!(at_once + 4, usize::from(WINDOW / 2));
        assert_eq!(source.take(START + LIFETIME), None);
        assert_eq!(source.take(START + LIFETIME * 2), Some(0x1FFE));
    }
}
