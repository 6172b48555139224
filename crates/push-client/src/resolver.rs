//! Host names of whitelists and gateways.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use crate::mailbox::{Mailbox, Notice};

/// Resolves host names by the system's resolver, a few at a time.
#[derive(Debug)]
pub(crate) struct Resolver {
    most: usize,
    running: usize,
    waiting: VecDeque<Box<str>>,
    /// The names that wait or are being resolved: each once, so that no more of them wait than whitelists hold, however long
    /// the name service takes.
    asked: BTreeSet<Box<str>>,
    mailbox: Arc<Mailbox>,
}

impl Resolver {
    pub(crate) const fn new(most: usize, mailbox: Arc<Mailbox>) -> Self {
        Self {
            most,
            running: 0,
            waiting: VecDeque::new(),
            asked: BTreeSet::new(),
            mailbox,
        }
    }

    /// Resolves `host`; the answer comes as a notice.
    pub(crate) fn resolve(&mut self, host: Box<str>) {
        if self.asked.insert(host.clone()) {
            self.waiting.push_back(host);
            self.start();
        }
    }

    /// The resolution of `host` has come to its end.
    pub(crate) fn finished(&mut self, host: &str) {
        self.asked.remove(host);
        self.running = self.running.saturating_sub(1);
        self.start();
    }

    fn start(&mut self) {
        while self.running < self.most.max(1) {
            let Some(host) = self.waiting.pop_front() else {
                break;
            };
            self.running += 1;
            let mailbox = Arc::clone(&self.mailbox);
            tokio::spawn(async move {
                let addresses = look_up(&host).await;
                mailbox.post([Notice::Resolved(host, addresses)]);
            });
        }
    }
}

async fn look_up(host: &str) -> Vec<IpAddr> {
    match tokio::net::lookup_host((host, 0)).await {
        Ok(addresses) => addresses
            .map(|address| address.ip().to_canonical())
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "a host name cannot be resolved");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_waits_once_however_often_it_is_asked_for() {
        let mut resolver = Resolver::new(1, Arc::new(Mailbox::default()));
        for _ in 0..3 {
            for name in ["localhost", "a.invalid", "b.invalid"] {
                resolver.resolve(name.into());
            }
        }
        assert_eq!(resolver.waiting.len(), 2);
        resolver.finished("localhost");
        assert_eq!(resolver.waiting.len(), 1);
        resolver.resolve("localhost".into());
        assert_eq!(resolver.waiting.len(), 2);
    }
}
