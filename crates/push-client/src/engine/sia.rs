//! The client as Session Initiation Application: what becomes of a gateway's request to be connected to, over whatever
//! protocol it comes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use push_core::Now;
use push_message::{Address, ReceivedPush};
use push_ota::http::{Host, PushStatus, RegistrarInput};
use push_ota::sia::{Follow, Ignored, Outcome, Reach, Sia, SiaSettings};

use super::Engine;
use crate::masked::Masked;
use crate::recent::Unjudged;

/// The Session Initiation Application, as the engine has it.
#[derive(Debug)]
pub(crate) struct SessionInitiation {
    pub(super) sia: Sia,
    pub(super) hosts: Hosts,
}

impl SessionInitiation {
    /// One for a terminal that can connect to these; absent where it can connect to nobody.
    pub(crate) fn new(reach: Reach, settings: SiaSettings) -> Option<Self> {
        let is_on = reach.http.is_some() || reach.sessions.is_some();
        is_on.then(|| Self {
            hosts: Hosts::of(&reach, &settings),
            sia: Sia::new(reach, settings),
        })
    }
}

/// What the host names of gateways, and of others that may send session initiation requests, resolve to.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    known: BTreeMap<Box<str>, Vec<IpAddr>>,
    asked: Option<Duration>,
}

impl Hosts {
    /// The names that count under these settings, which nothing is known of yet.
    fn of(reach: &Reach, settings: &SiaSettings) -> Self {
        let ppgs = reach.http.iter().flat_map(|terminal| &terminal.ppgs);
        let contacts = ppgs.filter_map(|ppg| Some(&ppg.contact.as_ref()?.host));
        let gateways = reach.sessions.iter().flat_map(|gateways| gateways.iter());
        let contacts = contacts.chain(gateways.map(|gateway| &gateway.contact.host));
        let contacts = contacts.filter_map(|host| match host {
            Host::Name(name) => Some(name.clone()),
            Host::Ip(_) => None,
        });
        let sources = settings.sources.iter();
        let sources = sources.filter_map(|source| match source {
            Address::Host(name) => Some(name.clone()),
            Address::Ip(_)
            | Address::Network(_)
            | Address::SipUri(_)
            | Address::SipDomain(_)
            | Address::E164(_) => None,
        });
        let names = contacts.chain(sources);
        Self {
            known: names.map(|name| (name, Vec::new())).collect(),
            asked: None,
        }
    }

    /// A name was resolved. One that could not be keeps what it had.
    pub(super) fn resolved(&mut self, host: &str, addresses: &[IpAddr]) {
        if let Some(known) = self.known.get_mut(host)
            && !addresses.is_empty()
        {
            *known = addresses.to_vec();
        }
    }

    fn resolves(&self, host: &str, address: IpAddr) -> bool {
        let known = self.known.get(host);
        known.is_some_and(|addresses| addresses.contains(&address))
    }

    /// The names, if they have not been asked for within `interval`.
    fn due(&mut self, interval: Duration, now: Duration) -> Vec<Box<str>> {
        if self.asked.is_some_and(|asked| now < asked + interval) {
            return Vec::new();
        }
        self.asked = Some(now);
        self.known.keys().cloned().collect()
    }
}

impl Engine {
    /// Resolves the host names of gateways, unless that was done a short while ago.
    pub(super) fn resolve_hosts(&mut self, now: Now) {
        let interval = self.core.settings().resolve_interval;
        let Some(initiation) = &mut self.session_initiation else {
            return;
        };
        for host in initiation.hosts.due(interval, now.monotonic) {
            self.resolver.resolve(host);
        }
    }

    /// Takes a session initiation request; gives what a gateway is told that sent it over HTTP.
    pub(super) fn take_session_initiation(&mut self, push: &ReceivedPush, now: Now) -> PushStatus {
        let Some(initiation) = &mut self.session_initiation else {
            return PushStatus::NoSuchApplication;
        };
        let hosts = &initiation.hosts;
        let resolves = |host: &str, address| hosts.resolves(host, address);
        let outcome = initiation.sia.receive(push, resolves, now.monotonic);
        self.session_initiation_judged(push, outcome, now)
    }

    /// Follows requests that waited for the end of the lockout, if it has come; says whether there was one.
    pub(super) fn take_deferred_session_initiations(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(initiation) = &mut self.session_initiation {
            let hosts = &initiation.hosts;
            let resolves = |host: &str, address| hosts.resolves(host, address);
            let Some((push, outcome)) = initiation.sia.next_deferred(resolves, now.monotonic)
            else {
                break;
            };
            any = true;
            self.session_initiation_judged(&push, outcome, now);
        }
        any
    }

    /// When a request that waits is to be followed; absent: none waits.
    pub(super) fn session_initiation_timeout(&self) -> Option<Duration> {
        self.session_initiation.as_ref()?.sia.poll_timeout()
    }

    fn session_initiation_judged(
        &mut self,
        push: &ReceivedPush,
        outcome: Outcome,
        now: Now,
    ) -> PushStatus {
        match outcome {
            Outcome::Follow(follow) => {
                self.follow(follow, now);
                PushStatus::Accepted
            }
            Outcome::Deferred => {
                // It comes in the lockout, whatever becomes of it afterwards.
                self.count_session_initiation(Ignored::Locked.as_str());
                let source = Masked::new(&push.origin.server, self.settings.show_personal_data);
                tracing::debug!(%source, "session initiation request put off");
                PushStatus::Accepted
            }
            Outcome::Ignored(ignored) => {
                self.ignore(push, ignored);
                // A gateway may have moved; the next request finds the names as they are then.
                self.resolve_hosts(now);
                ignored.push_status()
            }
        }
    }

    fn follow(&mut self, follow: Follow, now: Now) {
        let Follow {
            contacts,
            prov_url,
            sessions,
            applications,
            left_alone,
        } = follow;
        self.count_session_initiation("followed");
        tracing::debug!(
            contacts = contacts.len(),
            sessions = sessions.len(),
            left_alone = left_alone.len(),
            "session initiation request followed"
        );
        if !sessions.is_empty() {
            self.invite_sessions(sessions, applications, now);
        } else if let Some(http) = &mut self.ota_http {
            http.input(RegistrarInput::Invited { contacts, prov_url }, now);
        }
    }

    fn ignore(&mut self, push: &ReceivedPush, ignored: Ignored) {
        self.count_session_initiation(ignored.as_str());
        let origin = &push.origin;
        let source = Masked::new(&origin.server, self.settings.show_personal_data);
        tracing::debug!(%ignored, %source, "session initiation request ignored");
        self.refused_unjudged(Unjudged {
            received: push.received,
            protocol: origin.protocol,
            source: origin.server.clone(),
            word: ignored.as_str(),
            length: push.message.content.len(),
            detail: format!("a session initiation request was ignored: {ignored}"),
        });
    }

    fn count_session_initiation(&mut self, outcome: &'static str) {
        *self
            .counters
            .session_initiations
            .entry(outcome)
            .or_default() += 1;
    }
}
