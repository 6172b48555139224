//! One gateway: what it knows, its connections, and when it is dialled.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use push_message::UnixMillis;

use super::{DialId, Epoch, PpgReport, PpgState, PpgView, RegistrarOutput};
use crate::backoff::Backoff;
use crate::http::{AnnounceOn, Connect, Contact, CpiTag, Host, Notice, Ppg, PpgId, PushStatus};

/// An exchange as an operator sees it: method, push status, when.
type Exchange = (&'static str, Option<PushStatus>, UnixMillis);

/// A gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) id: PpgId,
    pub(super) contact: Option<Contact>,
    addresses: Vec<IpAddr>,
    connect: Connect,
    announce_on: AnnounceOn,
    /// The ProvURL of its context.
    prov_url: Option<Box<str>>,
    pub(super) dialling: Option<Dialling>,
    open: BTreeMap<DialId, Line>,
    /// Contact points of session initiation requests that are to be dialled.
    invitations: VecDeque<Invitation>,
    /// The tag that it was told or showed last.
    known_tag: Option<CpiTag>,
    /// The CPI at which that was the tag.
    known: Option<Epoch>,
    /// It does not believe the terminal.
    rejected: bool,
    /// It could not be reached while that was waited for, or nobody waited.
    unreachable: bool,
    /// What went wrong last.
    reason: Option<String>,
    /// Dials that failed and connections that ended, since its last request.
    failures: u32,
    /// Not dialled again before that, unless `at_once`.
    pub(super) retry_at: Duration,
    at_once: bool,
    last_exchange: Option<Exchange>,
}

/// A contact point of a session initiation request.
#[derive(Debug)]
pub(super) struct Invitation {
    pub(super) contact: Contact,
    /// The tag that the gateway there assumes.
    pub(super) assumed: Option<CpiTag>,
    /// The ProvURL of the context to use, if the request named it.
    pub(super) prov_url: Option<Box<str>>,
}

/// A dial under way.
#[derive(Debug)]
pub(super) struct Dialling {
    dial: DialId,
    line: Line,
}

/// Where a connection goes, and the CPI at which it was dialled.
#[derive(Debug)]
struct Line {
    contact: Contact,
    cpi: Epoch,
}

impl Gateway {
    pub(super) fn new(ppg: &Ppg) -> Self {
        Self {
            id: ppg.id.clone(),
            contact: ppg.contact.clone(),
            addresses: ppg.addresses.clone(),
            connect: ppg.connect,
            announce_on: ppg.announce_on,
            prov_url: ppg.prov_url.clone(),
            dialling: None,
            open: BTreeMap::new(),
            invitations: VecDeque::new(),
            known_tag: None,
            known: None,
            rejected: false,
            unreachable: false,
            reason: None,
            failures: 0,
            retry_at: Duration::ZERO,
            at_once: false,
            last_exchange: None,
        }
    }

    /// The terminal dials it of its own accord, and so tells it of each change.
    pub(super) fn is_announced_to(&self) -> bool {
        self.contact.is_some() && self.connect != Connect::Never
    }

    /// A contact point is its own: its host is the one that is provisioned, or one of its addresses.
    pub(super) fn owns(&self, contact: &Contact) -> bool {
        let host = self.contact.as_ref().map(|own| &own.host);
        match (&contact.host, host) {
            (Host::Name(name), Some(Host::Name(own))) => name.eq_ignore_ascii_case(own),
            (Host::Name(_), Some(Host::Ip(_)) | None) => false,
            (Host::Ip(address), Some(Host::Ip(own))) if address == own => true,
            (Host::Ip(address), Some(_) | None) => self.addresses.contains(address),
        }
    }

    pub(super) fn is_dialling(&self, dial: DialId) -> bool {
        let dialling = self.dialling.as_ref();
        dialling.is_some_and(|dialling| dialling.dial == dial)
    }

    /// A connection is open on which it is expected to ask for this CPI.
    fn is_open_for(&self, cpi: Epoch) -> bool {
        match self.announce_on {
            AnnounceOn::NewConnection => self.open.values().any(|line| line.cpi >= cpi),
            AnnounceOn::OpenConnection => !self.open.is_empty(),
        }
    }

    fn knows_since(&self, cpi: Epoch) -> bool {
        self.known.is_some_and(|known| known >= cpi)
    }

    /// It can be told no more about this CPI, or knows enough of it.
    fn is_reached(&self, cpi: Epoch) -> bool {
        self.rejected || self.knows_since(cpi) || self.is_open_for(cpi)
    }

    /// An announcement of this CPI need not wait for it.
    pub(super) fn is_done(&self, cpi: Epoch, confirm: bool) -> bool {
        if confirm {
            self.rejected || self.knows_since(cpi)
        } else {
            self.is_reached(cpi)
        }
    }

    /// It should be dialled of the terminal's own accord, sooner or later. `awaited` if an announcement waits.
    pub(super) fn wants_dial(&self, cpi: Epoch, needed: bool, awaited: bool) -> bool {
        let kept = self.connect == Connect::Always && needed;
        self.is_announced_to()
            && !self.rejected
            && ((kept && self.open.is_empty()) || ((kept || awaited) && !self.is_reached(cpi)))
    }

    /// The CPI has changed.
    pub(super) fn cpi_changed(&mut self, tag: CpiTag, cpi: Epoch) {
        self.rejected = false;
        self.unreachable = false;
        self.known = (self.known_tag == Some(tag)).then_some(cpi);
    }

    /// The present CPI is announced, for the first time or once more: a wait for the next dial ends.
    pub(super) fn announced(&mut self, cpi: Epoch) {
        let dialling = self.dialling.as_ref();
        let under_way = dialling.is_some_and(|dialling| dialling.line.cpi == cpi);
        self.at_once |= !under_way && !self.is_reached(cpi);
    }

    /// A session initiation request names a contact point of it. At most `most` wait to be dialled.
    pub(super) fn invited(&mut self, invitation: Invitation, most: usize) {
        self.rejected = false;
        let dialling = self.dialling.as_ref();
        if dialling.is_some_and(|dialling| dialling.line.contact == invitation.contact) {
            return;
        }
        let waiting = self
            .invitations
            .iter_mut()
            .find(|waiting| waiting.contact == invitation.contact);
        if let Some(waiting) = waiting {
            *waiting = invitation;
        } else if self.invitations.len() < most {
            self.invitations.push_back(invitation);
        }
    }

    /// How well it suits an invitation to its host: it is in the context that is named, and dialled at that very port.
    pub(super) fn fits(&self, invitation: &Invitation) -> (bool, bool) {
        let named = invitation.prov_url.as_ref();
        let in_context = named.is_some_and(|url| self.prov_url.as_ref() == Some(url));
        (
            in_context,
            self.contact.as_ref() == Some(&invitation.contact),
        )
    }

    //= specs/ota-http.md#tcp-connections
    //# The terminal MUST be able to open connections without TLS to a gateway of its own accord.
    /// Dials it, if that is wanted now and none is under way.
    pub(super) fn dial(
        &mut self,
        dial: DialId,
        cpi: Epoch,
        needed: bool,
        awaited: bool,
        now: Duration,
    ) -> Option<RegistrarOutput> {
        if self.dialling.is_some() {
            return None;
        }
        let wanted = self.wants_dial(cpi, needed, awaited);
        let invitation = if let Some(invitation) = self.invitations.pop_front() {
            invitation
        } else if wanted && (self.at_once || now >= self.retry_at) {
            Invitation {
                contact: self.contact.clone()?,
                assumed: None,
                prov_url: None,
            }
        } else {
            self.at_once &= wanted;
            return None;
        };
        let Invitation {
            contact,
            assumed,
            prov_url,
        } = invitation;
        if self.contact.as_ref() == Some(&contact) {
            self.at_once = false;
        }
        self.dialling = Some(Dialling {
            dial,
            line: Line {
                contact: contact.clone(),
                cpi,
            },
        });
        Some(RegistrarOutput::Dial {
            dial,
            ppg: Some(self.id.clone()),
            contact,
            assumed,
            prov_url,
        })
    }

    /// A connection is open, if it is one of its own. The connections that it takes the place of.
    pub(super) fn connected(&mut self, dial: DialId, most: usize) -> Vec<DialId> {
        let Some(dialling) = self.dialling.take_if(|dialling| dialling.dial == dial) else {
            return Vec::new();
        };
        self.unreachable = false;
        if !self.rejected {
            self.reason = None;
        }
        let line = dialling.line;
        let mut retired = Vec::new();
        self.open.retain(|other, open| {
            let stale = open.cpi < line.cpi || open.contact == line.contact;
            if stale {
                retired.push(*other);
            }
            !stale
        });
        self.open.insert(dial, line);
        while self.open.len() > most.max(1)
            && let Some((oldest, _)) = self.open.pop_first()
        {
            retired.push(oldest);
        }
        retired
    }

    /// The dial under way has failed. `awaited` if an announcement waits.
    pub(super) fn dial_failed(
        &mut self,
        reason: &str,
        awaited: bool,
        backoff: &mut Backoff,
        now: Duration,
    ) {
        if let Some(dialling) = self.dialling.take() {
            self.wait(&dialling.line.contact, backoff, now);
        }
        if !self.rejected {
            self.reason = Some(reason.to_owned());
        }
        self.unreachable |= !awaited;
    }

    /// A connection has ended, if it is one of its own.
    pub(super) fn closed(&mut self, dial: DialId, backoff: &mut Backoff, now: Duration) {
        if let Some(line) = self.open.remove(&dial) {
            self.wait(&line.contact, backoff, now);
        }
    }

    /// Puts off the next dial; what became of a contact point that is not the provisioned one says nothing about it.
    fn wait(&mut self, contact: &Contact, backoff: &mut Backoff, now: Duration) {
        if self.contact.as_ref() == Some(contact) {
            self.failures = self.failures.saturating_add(1);
            self.retry_at = now.saturating_add(backoff.after(self.failures));
        }
    }

    /// It sent a request and was answered. `present` is the tag of the CPI, and its count.
    pub(super) fn exchanged(
        &mut self,
        exchange: Exchange,
        notice: Option<&Notice>,
        present: Option<(CpiTag, Epoch)>,
    ) {
        self.last_exchange = Some(exchange);
        match notice {
            Some(Notice::Unbelieved { retry, .. }) => {
                self.rejected |= !*retry;
                self.reason =
                    Some("it does not believe that the terminal is who it says".to_owned());
                return;
            }
            Some(Notice::Knows { tag, .. }) => self.knows(*tag, present),
            None => {}
        }
        self.failures = 0;
    }

    fn knows(&mut self, tag: CpiTag, present: Option<(CpiTag, Epoch)>) {
        match present {
            Some((present, cpi)) if present == tag => {
                self.known = Some(cpi);
                self.rejected = false;
                self.unreachable = false;
                self.reason = None;
            }
            // An answer that was on its way while the CPI changed: the later one has been heard of already.
            Some((_, cpi)) if self.knows_since(cpi) => return,
            Some(_) | None => {}
        }
        self.known_tag = Some(tag);
    }

    /// The patience of an announcement of this CPI has ended.
    pub(super) fn overdue(&mut self, cpi: Epoch, patience: Duration) {
        if self.is_announced_to() && !self.is_reached(cpi) {
            self.unreachable = true;
            self.reason.get_or_insert_with(|| {
                format!("it was not reached within {} s", patience.as_secs())
            });
        }
    }

    fn state(&self, cpi: Epoch) -> PpgState {
        if self.rejected {
            PpgState::Rejected
        } else if self.knows_since(cpi) {
            PpgState::Confirmed
        } else if self.is_open_for(cpi) {
            PpgState::Announced
        } else if self.unreachable {
            PpgState::Unreachable
        } else {
            PpgState::Requested
        }
    }

    /// How far an announcement of this CPI got. `unasked` is for how long it could have asked and was waited for.
    pub(super) fn report(&self, cpi: Epoch, unasked: Option<Duration>) -> Option<PpgReport> {
        let state = self.state(cpi);
        let reason = match state {
            PpgState::Confirmed => None,
            PpgState::Announced => {
                unasked.map(|patience| format!("it has not asked within {} s", patience.as_secs()))
            }
            PpgState::Requested | PpgState::Rejected | PpgState::Unreachable => self.reason.clone(),
        };
        Some(PpgReport {
            ppg: self.id.clone(),
            contact: self.contact.clone()?,
            state,
            reason,
        })
    }

    pub(super) fn view(&self, cpi: Epoch) -> PpgView {
        PpgView {
            ppg: self.id.clone(),
            contact: self.contact.clone(),
            state: self.state(cpi),
            reason: self.reason.clone(),
            known_tag: self.known_tag,
            connections: self.open.len(),
            last_exchange: self.last_exchange,
        }
    }
}
