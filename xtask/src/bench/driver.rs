//! The closed loop: a sender of datagrams and the application that gets the events, on one core.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::app::Application;
use super::clock::now;
use super::corpus;

/// No run takes longer.
const TIME_LIMIT: Duration = Duration::from_secs(40);

/// Sends pushes to a daemon or relay and waits for their events.
pub(crate) struct Driver {
    sender: UdpSocket,
    next: u32,
}

impl Driver {
    /// Sends to `target`; the first push has the number `first`.
    pub(crate) fn new(target: &str, first: u32) -> anyhow::Result<Self> {
        let sender = UdpSocket::bind("127.0.0.1:0")?;
        sender
            .connect(target)
            .with_context(|| format!("cannot send to {target}"))?;
        Ok(Self {
            sender,
            next: first,
        })
    }

    /// One push at a time: the time from sending each to having its event, sorted.
    pub(crate) fn latencies(
        &mut self,
        app: &mut impl Application,
        count: u32,
    ) -> anyhow::Result<Vec<Duration>> {
        let start = now();
        let mut times = Vec::new();
        for datagram in self.datagrams(count)? {
            let sent = now();
            self.sender.send(&datagram)?;
            while app.read()?.events == 0 {}
            times.push(sent.elapsed());
            app.acknowledge(true)?;
            if start.elapsed() > TIME_LIMIT {
                break;
            }
        }
        times.sort_unstable();
        Ok(times)
    }

    /// `window` pushes under way: events per second. Every event is checked to have arrived, and arrived once.
    pub(crate) fn rate(
        &mut self,
        app: &mut impl Application,
        window: u64,
        count: u32,
    ) -> anyhow::Result<f64> {
        let first = u64::from(self.next);
        let datagrams = self.datagrams(count)?;
        let start = now();
        let (mut sent, mut received, mut sum) = (0_u64, 0_u64, 0_u64);
        let mut waiting = datagrams.iter();
        loop {
            while sent - received < window && start.elapsed() < TIME_LIMIT {
                let Some(datagram) = waiting.next() else {
                    break;
                };
                self.sender.send(datagram)?;
                sent += 1;
            }
            if received == sent {
                break;
            }
            let arrived = app.read()?;
            received += arrived.events;
            sum += arrived.sum;
            app.acknowledge(false)?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let expected: u64 = (first..first + sent).sum();
        if (received, sum) != (sent, expected) {
            bail!(
                "{sent} pushes gave {received} events, the sum of their numbers is {sum}, not {expected}"
            );
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        Ok(received as f64 / seconds)
    }

    fn datagrams(&mut self, count: u32) -> anyhow::Result<Vec<Vec<u8>>> {
        let numbers = self.next..self.next + count;
        self.next += count;
        numbers.map(corpus::datagram).collect()
    }
}
