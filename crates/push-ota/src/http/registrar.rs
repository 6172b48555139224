//! What each gateway knows of the terminal, and when which one is dialled (WAP-235 7.2.4, 7.2.5).
//!
//! Only a gateway can start a registration: it asks, the terminal answers with its CPI. All that the terminal can do of its
//! own accord is to open a connection, on which the gateway is expected to ask. So the registrar follows two things: what
//! each gateway has been told, and which connections are open.
//!
//! # Announcements
//!
//! Each change of the CPI is announced to every gateway that the terminal may dial. Such a gateway is dialled afresh, even
//! where a connection is open, because a new connection is what makes a gateway ask; once the new one is open, those that
//! were dialled for an earlier CPI are retired. A gateway that serves one connection at a time can be told on the one that is open
//! instead. There is one dial at a time to a gateway. What is announced while it is under
//! way waits for it, and then one more dial serves all that came. An announcement is answered once each gateway
//! is reached (or knows, where that is asked for) at a CPI no older than its own, or does not believe the terminal; at the latest
//! when its patience ends.
//!
//! # Dials
//!
//! A gateway that could not be reached, or whose connection ended, is dialled again after a back-off that grows until the
//! gateway sends a request: not while it merely takes connections. An announcement and a session initiation request each cut
//! the wait short once. A gateway that does not believe the terminal is left alone until one of the two comes.
//!
//! # Contact points
//!
//! A contact point in a session initiation request that is a provisioned gateway's belongs to that gateway. Others are dialled once and
//! followed until they end.

mod gateway;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use push_message::UnixMillis;

use super::{Contact, CpiTag, Notice, PpgId, PushStatus, Terminal};
use crate::backoff::Backoff;
use gateway::{Gateway, Invitation};

/// Names an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnnounceTicket(pub u64);

/// Names a connection that the registrar asked for, from the order to dial until it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// The bounds and choices of the registrar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrarSettings {
    /// An announcement waits until each gateway knows the CPI, rather than until each can ask.
    pub confirm: bool,
    /// How long a gateway may take to be reached, and to ask where that is waited for, before an announcement is answered
    /// without it. Less than the core's own patience.
    pub announce_patience: Duration,
    /// The first back-off between attempts to dial; it doubles. Chance shortens each by up to a quarter.
    pub backoff_base: Duration,
    /// The greatest back-off.
    pub backoff_limit: Duration,
    /// Contact points of SIRs that are dialled or open at a time: those of no gateway together, and those of each gateway.
    pub max_contacts: usize,
    /// Announcements that wait at a time. The oldest is answered as things stand where one more comes.
    pub max_announcements: usize,
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        Self {
            confirm: false,
            announce_patience: Duration::from_secs(15),
            backoff_base: Duration::from_secs(2),
            backoff_limit: Duration::from_mins(10),
            max_contacts: 8,
            max_announcements: 64,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum RegistrarInput {
    /// The CPI is this one from now on; answered by [`RegistrarOutput::Announced`].
    Announce {
        /// Names the answer.
        ticket: AnnounceTicket,
        /// The tag of the CPI.
        tag: CpiTag,
        /// Some application is registered on OTA-HTTP: connections are worth keeping open.
        needed: bool,
    },
    /// A session initiation request that is to be followed.
    Invited {
        /// The contact points, each with the CPITag that its gateway assumes.
        contacts: Vec<(Contact, Option<CpiTag>)>,
        /// The ProvURL of the context that it names, if it names one that is known.
        prov_url: Option<Box<str>>,
    },
    /// A connection asked for is open, TLS included.
    Connected {
        /// Which.
        dial: DialId,
    },
    /// A connection asked for could not be opened.
    DialFailed {
        /// Which.
        dial: DialId,
        /// Why, in words for people.
        reason: String,
    },
    /// A connection asked for has ended after it was open.
    Closed {
        /// Which.
        dial: DialId,
    },
    /// A gateway sent a request, on whatever connection, and was answered.
    Exchanged {
        /// The gateway.
        ppg: PpgId,
        /// `OPTIONS` or `POST`.
        method: &'static str,
        /// What it was answered.
        status: Option<PushStatus>,
        /// When.
        at: UnixMillis,
        /// What was learned.
        notice: Option<Notice>,
    },
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum RegistrarOutput {
    /// Open a connection and serve it.
    Dial {
        /// Its name.
        dial: DialId,
        /// The gateway, where the contact is one's.
        ppg: Option<PpgId>,
        /// Where.
        contact: Contact,
        /// The CPITag that the gateway is said to assume.
        assumed: Option<CpiTag>,
        /// The ProvURL of the context to use, where a session initiation request named it.
        prov_url: Option<Box<str>>,
    },
    /// End a connection once the request under way is answered; drop it if it is still being dialled.
    Retire {
        /// Which.
        dial: DialId,
    },
    /// How far an announcement got.
    Announced {
        /// Which.
        ticket: AnnounceTicket,
        /// One for each gateway that has to be told.
        reports: Vec<PpgReport>,
    },
}

/// How far an announcement got with one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PpgReport {
    /// The gateway.
    pub ppg: PpgId,
    /// Where it is.
    pub contact: Contact,
    /// How far.
    pub state: PpgState,
    /// Why not further.
    pub reason: Option<String>,
}

/// What a gateway knows of the present CPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PpgState {
    /// It is being dialled, or awaited.
    Requested,
    /// A connection is open on which it can ask.
    Announced,
    /// It knows.
    Confirmed,
    /// It does not believe the terminal.
    Rejected,
    /// It could not be reached.
    Unreachable,
}

/// A gateway as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PpgView {
    /// The gateway.
    pub ppg: PpgId,
    /// Where it is dialled.
    pub contact: Option<Contact>,
    /// What it knows.
    pub state: PpgState,
    /// Why not more.
    pub reason: Option<String>,
    /// The tag that it knows.
    pub known_tag: Option<CpiTag>,
    /// Connections to it that are open.
    pub connections: usize,
    /// The last exchange: method, push status, when.
    pub last_exchange: Option<(&'static str, Option<PushStatus>, UnixMillis)>,
}

/// Keeps what each gateway knows.
#[derive(Debug)]
pub struct Registrar {
    settings: RegistrarSettings,
    backoff: Backoff,
    gateways: Vec<Gateway>,
    /// Connections to contact points of no gateway.
    strangers: BTreeMap<DialId, Stranger>,
    /// In order of arrival, which is that of their deadlines.
    waiting: VecDeque<Waiting>,
    cpi: Epoch,
    tag: Option<CpiTag>,
    needed: bool,
    next_dial: u64,
    outputs: VecDeque<RegistrarOutput>,
}

/// Counts the changes of the CPI: a tag may come back, an epoch does not.
type Epoch = u64;

/// A connection to a contact point of no gateway.
#[derive(Debug)]
struct Stranger {
    contact: Contact,
    open: bool,
}

/// An announcement that is not answered.
#[derive(Debug)]
struct Waiting {
    ticket: AnnounceTicket,
    cpi: Epoch,
    deadline: Duration,
}

impl Registrar {
    /// A registrar of the gateways of `terminal`, which know nothing. `seed` is chance, for the jitter of back-offs.
    pub fn new(terminal: &Terminal, settings: RegistrarSettings, seed: u64) -> Self {
        Self {
            backoff: Backoff::new(settings.backoff_base, settings.backoff_limit, seed),
            settings,
            gateways: terminal.ppgs.iter().map(Gateway::new).collect(),
            strangers: BTreeMap::new(),
            waiting: VecDeque::new(),
            cpi: 0,
            tag: None,
            needed: false,
            next_dial: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened. `now` is on the monotonic clock.
    pub fn handle_input(&mut self, input: RegistrarInput, now: Duration) {
        match input {
            RegistrarInput::Announce {
                ticket,
                tag,
                needed,
            } => self.announce(ticket, tag, needed, now),
            RegistrarInput::Invited { contacts, prov_url } => {
                for (contact, assumed) in contacts {
                    self.invite(Invitation {
                        contact,
                        assumed,
                        prov_url: prov_url.clone(),
                    });
                }
            }
            RegistrarInput::Connected { dial } => self.connected(dial),
            RegistrarInput::DialFailed { dial, reason } => self.ended(dial, &reason, now),
            RegistrarInput::Closed { dial } => {
                self.ended(dial, "the connection ended before it was open", now);
            }
            RegistrarInput::Exchanged {
                ppg,
                method,
                status,
                at,
                notice,
            } => {
                let present = self.tag.map(|tag| (tag, self.cpi));
                if let Some(gateway) = self.gateways.iter_mut().find(|gateway| gateway.id == ppg) {
                    gateway.exchanged((method, status, at), notice.as_ref(), present);
                }
            }
        }
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.settle(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<RegistrarOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let awaited = !self.waiting.is_empty();
        let dials = self.gateways.iter().filter_map(|gateway| {
            let wanted = gateway.wants_dial(self.cpi, self.needed, awaited);
            (wanted && gateway.dialling.is_none()).then_some(gateway.retry_at)
        });
        let patience = self.waiting.front().map(|waiting| waiting.deadline);
        dials.chain(patience).min()
    }

    /// The gateways.
    pub fn view(&self) -> Vec<PpgView> {
        let view = |gateway: &Gateway| gateway.view(self.cpi);
        self.gateways.iter().map(view).collect()
    }

    fn announce(&mut self, ticket: AnnounceTicket, tag: CpiTag, needed: bool, now: Duration) {
        self.needed = needed;
        if self.tag != Some(tag) {
            self.tag = Some(tag);
            self.cpi += 1;
            for gateway in &mut self.gateways {
                gateway.cpi_changed(tag, self.cpi);
            }
        }
        for gateway in &mut self.gateways {
            gateway.announced(self.cpi);
        }
        if self.waiting.len() >= self.settings.max_announcements.max(1)
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.answer(&oldest, false);
        }
        self.waiting.push_back(Waiting {
            ticket,
            cpi: self.cpi,
            deadline: now.saturating_add(self.settings.announce_patience),
        });
    }

    //= specs/ota-http.md#sir
    //# A terminal that follows a session initiation request MUST open TCP connections as it does of its own accord.
    //= specs/ota-http.md#sir
    //# Of several contact points in a session initiation request each SHOULD be connected to.
    fn invite(&mut self, invitation: Invitation) {
        let most = self.settings.max_contacts;
        // The one that is meant: of those that have the host, the first of the context, and of those the one with the port.
        let owners = self.gateways.iter_mut().rev();
        let owners = owners.filter(|gateway| gateway.owns(&invitation.contact));
        if let Some(gateway) = owners.max_by_key(|gateway| gateway.fits(&invitation)) {
            return gateway.invited(invitation, most);
        }
        let Invitation {
            contact,
            assumed,
            prov_url,
        } = invitation;
        let under_way = |stranger: &Stranger| !stranger.open && stranger.contact == contact;
        if self.strangers.len() >= most || self.strangers.values().any(under_way) {
            return;
        }
        let dial = self.next_dial();
        let stranger = Stranger {
            contact: contact.clone(),
            open: false,
        };
        self.strangers.insert(dial, stranger);
        self.outputs.push_back(RegistrarOutput::Dial {
            dial,
            ppg: None,
            contact,
            assumed,
            prov_url,
        });
    }

    fn connected(&mut self, dial: DialId) {
        for gateway in &mut self.gateways {
            let retired = gateway.connected(dial, self.settings.max_contacts);
            let retire = |dial| RegistrarOutput::Retire { dial };
            self.outputs.extend(retired.into_iter().map(retire));
        }
        let Some(stranger) = self.strangers.get_mut(&dial) else {
            return;
        };
        stranger.open = true;
        let contact = stranger.contact.clone();
        self.strangers.retain(|other, stranger| {
            let retired = *other != dial && stranger.open && stranger.contact == contact;
            if retired {
                self.outputs
                    .push_back(RegistrarOutput::Retire { dial: *other });
            }
            !retired
        });
    }

    /// A connection is there no more, or never was, for `reason`.
    fn ended(&mut self, dial: DialId, reason: &str, now: Duration) {
        self.strangers.remove(&dial);
        let awaited = !self.waiting.is_empty();
        for gateway in &mut self.gateways {
            if gateway.is_dialling(dial) {
                gateway.dial_failed(reason, awaited, &mut self.backoff, now);
            } else {
                gateway.closed(dial, &mut self.backoff, now);
            }
        }
    }

    /// Answers and dials what can be, as things stand.
    fn settle(&mut self, now: Duration) {
        let waiting = std::mem::take(&mut self.waiting);
        for waiting in waiting {
            let done = |gateway: &Gateway| gateway.is_done(waiting.cpi, self.settings.confirm);
            let due = now >= waiting.deadline;
            if due || self.announced_to().all(done) {
                self.answer(&waiting, due);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        let awaited = !self.waiting.is_empty();
        for index in 0..self.gateways.len() {
            let dial = DialId(self.next_dial);
            let Some(gateway) = self.gateways.get_mut(index) else {
                return;
            };
            if let Some(output) = gateway.dial(dial, self.cpi, self.needed, awaited, now) {
                self.next_dial += 1;
                self.outputs.push_back(output);
            }
        }
    }

    /// The gateways that the terminal tells of its own accord.
    fn announced_to(&self) -> impl Iterator<Item = &Gateway> {
        let told = |gateway: &&Gateway| gateway.is_announced_to();
        self.gateways.iter().filter(told)
    }

    /// Answers an announcement as things stand; `due` if its patience has ended.
    fn answer(&mut self, waiting: &Waiting, due: bool) {
        let patience = self.settings.announce_patience;
        if due {
            for gateway in &mut self.gateways {
                gateway.overdue(waiting.cpi, patience);
            }
        }
        let unasked = (due && self.settings.confirm).then_some(patience);
        let report = |gateway: &Gateway| gateway.report(waiting.cpi, unasked);
        let reports = self.announced_to().filter_map(report).collect();
        self.outputs.push_back(RegistrarOutput::Announced {
            ticket: waiting.ticket,
            reports,
        });
    }

    const fn next_dial(&mut self) -> DialId {
        let dial = DialId(self.next_dial);
        self.next_dial += 1;
        dial
    }
}
