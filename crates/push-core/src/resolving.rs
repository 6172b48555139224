//! Host names of whitelists: resolved when they come, and again while they stay.

use std::net::IpAddr;

use crate::client::PushClient;
use crate::timers::Timer;
use crate::{Now, Output};

impl PushClient {
    /// Asks for the addresses of host names that no whitelist had before.
    pub(crate) fn add_hosts<'a>(&mut self, names: impl Iterator<Item = &'a str>, now: Now) {
        let unknown = self.hosts.add(names);
        for host in unknown {
            self.outputs.push_back(Output::Resolve { host });
        }
        if self.resolution.is_none() && !self.hosts.is_empty() {
            self.schedule_resolution(now);
        }
    }

    pub(crate) fn remove_hosts<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.hosts.remove(names);
        if self.hosts.is_empty()
            && let Some(at) = self.resolution.take()
        {
            self.timers.stop(at, Timer::Resolution);
        }
    }

    pub(crate) fn resolve_again(&mut self, now: Now) {
        let names = self
            .hosts
            .names()
            .map(|name| Output::Resolve { host: name.into() });
        self.outputs.extend(names);
        if !self.hosts.has_unknown() {
            self.resolution_retries = 0;
        }
        self.schedule_resolution(now);
    }

    /// A name resolves to these addresses; perhaps somebody takes a held push by now.
    pub(crate) fn resolved(&mut self, host: &str, addresses: Vec<IpAddr>, now: Now) {
        if self.hosts.resolved(host, addresses) {
            self.replay_held(now);
        }
        if self.hosts.is_unknown(host) {
            self.resolve_soon(now);
        }
    }

    /// Resolves sooner than the interval says, because servers are shut out while their names are not known; later with
    /// each time.
    fn resolve_soon(&mut self, now: Now) {
        let soon = now.monotonic + self.backoff(self.resolution_retries.saturating_add(1));
        let Some(at) = self.resolution.filter(|at| *at > soon) else {
            return;
        };
        self.resolution_retries = self.resolution_retries.saturating_add(1);
        self.timers.stop(at, Timer::Resolution);
        self.resolution = Some(soon);
        self.timers.start(soon, Timer::Resolution);
    }

    fn schedule_resolution(&mut self, now: Now) {
        if self.settings.resolve_interval.is_zero() {
            return;
        }
        let at = now.monotonic + self.settings.resolve_interval;
        self.resolution = Some(at);
        self.timers.start(at, Timer::Resolution);
    }
}
