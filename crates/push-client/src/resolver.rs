//! Host names of whitelists.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use crate::mailbox::{Mailbox, Notice};

/// Resolves host names by the system's resolver, a few at a time.
#[derive(Debug)]
pub(crate) struct Resolver {
    most: usize,
    running: usize,
    /// The machine asks for each name once at a time, so this holds at most the names of all whitelists.
    waiting: VecDeque<Box<str>>,
    mailbox: Arc<Mailbox>,
}

impl Resolver {
    pub(crate) const fn new(most: usize, mailbox: Arc<Mailbox>) -> Self {
        Self {
            most,
            running: 0,
            waiting: VecDeque::new(),
            mailbox,
        }
    }

    /// Resolves `host`; the answer comes as a notice.
    pub(crate) fn resolve(&mut self, host: Box<str>) {
        self.waiting.push_back(host);
        self.start();
    }

    /// One resolution has come to its end.
    pub(crate) fn finished(&mut self) {
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
            tracing::warn!(%error, "a host name of a whitelist cannot be resolved");
            Vec::new()
        }
    }
}
