//! How many connections there may be, and which one gives way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::life::Life;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_of_address: usize,
    /// Addresses of provisioned gateways.
    gateways: BTreeSet<IpAddr>,
    open: Mutex<Open>,
    /// Connections that have not ended, those that gave way included.
    running: AtomicUsize,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    accepted: usize,
    /// By address and number, so that those of one address stand together.
    connections: BTreeMap<(IpAddr, u64), Entry>,
}

#[derive(Debug)]
struct Entry {
    life: Arc<Life>,
    accepted: bool,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    key: (IpAddr, u64),
}

impl Places {
    pub(crate) fn new(
        most: usize,
        most_of_address: usize,
        gateways: BTreeSet<IpAddr>,
    ) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_address,
            gateways,
            open: Mutex::default(),
            running: AtomicUsize::new(0),
        })
    }

    /// A place for a connection that somebody opened, if need be that of another, which is ended. Absent where none gives way.
    pub(crate) fn accept(self: &Arc<Self>, address: IpAddr, life: &Arc<Life>) -> Option<Place> {
        let mut open = self.lock();
        if open.of(address).count() >= self.most_of_address {
            let oldest = oldest(open.of(address))?;
            open.end(oldest);
        } else if open.accepted >= self.most {
            let known = self.gateways.contains(&address);
            let strangers = open
                .connections
                .iter()
                .filter(|(key, entry)| entry.accepted && !self.gateways.contains(&key.0));
            let oldest = oldest(strangers).or_else(|| {
                let accepted = open.connections.iter().filter(|(_, entry)| entry.accepted);
                known.then(|| oldest(accepted)).flatten()
            })?;
            open.end(oldest);
        }
        Some(self.take(&mut open, address, life, true))
    }

    /// A place for a connection that the terminal opened: the registrar bounds these.
    pub(crate) fn dialled(self: &Arc<Self>, address: IpAddr, life: &Arc<Life>) -> Place {
        self.take(&mut self.lock(), address, life, false)
    }

    /// Tells every connection to end once its request is answered, or at once.
    pub(crate) fn end_all(&self, gracefully: bool) {
        for entry in self.lock().connections.values() {
            if gracefully {
                entry.life.end_gracefully();
            } else {
                entry.life.end_at_once();
            }
        }
    }

    /// Connections that have not ended.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn take(
        self: &Arc<Self>,
        open: &mut Open,
        address: IpAddr,
        life: &Arc<Life>,
        accepted: bool,
    ) -> Place {
        open.last += 1;
        open.accepted += usize::from(accepted);
        let key = (address, open.last);
        let life = Arc::clone(life);
        open.connections.insert(key, Entry { life, accepted });
        self.running.fetch_add(1, Ordering::Relaxed);
        Place {
            places: Arc::clone(self),
            key,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The connections that were accepted from an address.
    fn of(&self, address: IpAddr) -> impl Iterator<Item = (&(IpAddr, u64), &Entry)> {
        self.connections
            .range((address, 0)..=(address, u64::MAX))
            .filter(|(_, entry)| entry.accepted)
    }

    /// Ends a connection; its place is free from now on.
    fn end(&mut self, key: (IpAddr, u64)) {
        if let Some(entry) = self.remove(key) {
            entry.life.end_at_once();
        }
    }

    fn remove(&mut self, key: (IpAddr, u64)) -> Option<Entry> {
        let entry = self.connections.remove(&key)?;
        self.accepted -= usize::from(entry.accepted);
        Some(entry)
    }
}

/// The connection on which nothing has been asked for longest, of those on which nothing is.
fn oldest<'a>(
    connections: impl Iterator<Item = (&'a (IpAddr, u64), &'a Entry)>,
) -> Option<(IpAddr, u64)> {
    let idle =
        connections.filter_map(|(key, entry)| Some((entry.life.idle_since()?, key.1, key.0)));
    idle.min().map(|(_, number, address)| (address, number))
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.key);
        self.places.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ota_http::life::End;
    use crate::ota_http::life::Orders;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    const GATEWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn stranger(last: u8) -> IpAddr {
        IpAddr::from([198, 51, 100, last])
    }

    fn life(asked: u64) -> Arc<Life> {
        Life::new(true, Duration::from_secs(asked))
    }

    fn has_ended(life: &Arc<Life>) -> bool {
        let context = Context::from_waker(Waker::noop());
        Orders::new(Arc::clone(life)).poll(&context) == Poll::Ready(End::AtOnce)
    }

    #[test]
    fn the_one_idle_for_longest_gives_way_within_its_address() {
        let places = Places::new(8, 2, BTreeSet::new());
        let (older, newer, other) = (life(1), life(2), life(0));
        let _other = places.accept(stranger(9), &other).unwrap();
        let _newer = places.accept(stranger(1), &newer).unwrap();
        let _older = places.accept(stranger(1), &older).unwrap();
        let _third = places.accept(stranger(1), &life(3)).unwrap();
        assert!(has_ended(&older) && !has_ended(&newer) && !has_ended(&other));
        assert_eq!(places.running(), 4);
    }

    #[test]
    fn who_answers_a_request_does_not_give_way() {
        let places = Places::new(8, 1, BTreeSet::new());
        let busy = life(1);
        let place = places.accept(stranger(1), &busy).unwrap();
        let answering = busy.begin(Duration::ZERO);
        assert!(places.accept(stranger(1), &life(2)).is_none());
        drop(answering);
        assert!(places.accept(stranger(1), &life(2)).is_some());
        drop(place);
        assert_eq!(places.running(), 0);
    }

    #[test]
    fn strangers_do_not_displace_gateways() {
        let places = Places::new(2, 2, BTreeSet::from([GATEWAY]));
        let (gateway, first) = (life(1), life(2));
        let _gateway = places.accept(GATEWAY, &gateway).unwrap();
        let _first = places.accept(stranger(1), &first).unwrap();
        let _second = places.accept(stranger(2), &life(3)).unwrap();
        assert!(has_ended(&first) && !has_ended(&gateway));
        let _again = places.accept(GATEWAY, &life(4)).unwrap();
        assert!(places.accept(stranger(3), &life(5)).is_none());
    }
}
