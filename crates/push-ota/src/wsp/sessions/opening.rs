//! How sessions are opened, replaced, suspended, resumed and ended.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use push_message::UnixMillis;
use wap_wire::wsp::{AbortReason, Addresses, ProtocolOptions};

use super::link::{Link, LinkEvent, LinkId, Role};
use super::place::PlaceId;
use super::{ContactPoint, GatewayState, Host, NoteKind, Sessions, SessionsOutput, SocketId};
use crate::sia::contacts::{dialable, leads_inside};
use crate::wsp::session::table::State;
use crate::wsp::session::{Cause, Session, SessionEvent, SessionProfile};
use crate::wtp::{self, Wtp};

/// The ports that a redirect may lead to where it leads to another one (WSP 8.2.2.3).
const REDIRECT_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

impl Sessions {
    /// Opens a session, unless there are too many.
    pub(super) fn open(
        &mut self,
        id: PlaceId,
        contact: ContactPoint,
        profile: SessionProfile,
        now: Duration,
    ) {
        if !self.make_room(id, now) {
            self.note(id, NoteKind::TooMany);
            let reason = "as many sessions are open as the settings allow".to_owned();
            self.failed(id, GatewayState::Unreachable, reason, now);
            return;
        }
        if let Some(place) = self.places.get_mut(&id) {
            place.afresh = false;
            place.retry_at = None;
        }
        let link = self.open_at(id, contact, profile, now);
        if let Some(link) = self.links.get_mut(&link) {
            link.redirects = self.settings.max_redirects;
        }
    }

    /// Whether there is room for one more session with a place. Old ones, which but wait for what is left of them, make room: those
    /// first that no push is under way in.
    fn make_room(&mut self, place: PlaceId, now: Duration) -> bool {
        loop {
            let of_place = self
                .links
                .values()
                .filter(|link| link.place == place)
                .count();
            let is_full = of_place >= self.settings.max_sessions_per_gateway;
            if !is_full && self.links.len() < self.settings.max_sessions {
                return true;
            }
            let old = self.links.iter().filter_map(|(id, link)| match link.role {
                Role::Old(since) if !is_full || link.place == place => {
                    Some((link.session.pushes() > 0, since, *id))
                }
                Role::Old(_) | Role::Current | Role::Next => None,
            });
            match old.min() {
                Some((_, _, oldest)) => self.close(oldest, now),
                None => return false,
            }
        }
    }

    fn open_at(
        &mut self,
        id: PlaceId,
        contact: ContactPoint,
        profile: SessionProfile,
        now: Duration,
    ) -> LinkId {
        let socket = SocketId(self.number());
        let link_id = LinkId(self.number());
        let session = Session::new(self.settings.session.clone(), profile);
        let mut link = Link::new(id, contact.clone(), session, socket);
        link.deadline = Some(now + self.settings.connect_timeout);
        self.links.insert(link_id, link);
        self.sockets.insert(socket, link_id);
        self.outputs
            .push_back(SessionsOutput::OpenSocket { socket, contact });
        link_id
    }

    pub(super) fn socket_opened(
        &mut self,
        socket: SocketId,
        result: Result<SocketAddr, String>,
        now: Duration,
    ) {
        let Some(&id) = self.sockets.get(&socket) else {
            return;
        };
        let first_tid = u16::try_from(self.chance.next() & 0x7FFF).unwrap_or(0);
        let wtp = Wtp::new(self.settings.wtp.clone(), first_tid);
        match (result, self.links.get_mut(&id)) {
            (Ok(peer), Some(link)) => {
                link.opened(socket, peer, wtp);
                self.pump(id, UnixMillis::default(), now);
            }
            (Err(reason), Some(_)) => self.broke(id, reason, now),
            (Ok(_) | Err(_), None) => {}
        }
    }

    /// Lets a session speak, and takes what it tells. Pushes in it came at `received`.
    pub(super) fn pump(&mut self, id: LinkId, received: UnixMillis, now: Duration) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let events = link.pump(&mut self.outputs, now);
        let place = link.place;
        self.close_sockets(id);
        for event in events {
            match event {
                LinkEvent::Connected => self.connected(id, now),
                LinkEvent::Resumed => {
                    if let Some(link) = self.links.get_mut(&id) {
                        link.deadline = None;
                    }
                    self.note(place, NoteKind::Resumed);
                }
                LinkEvent::Suspended(cause) => self.suspended(id, &cause, now),
                LinkEvent::Disconnected(cause) => self.disconnected(id, cause, now),
                LinkEvent::Push(transaction, octets) => {
                    self.take_push(id, transaction, &octets, received, now);
                }
                LinkEvent::PushAborted(transaction) => self.push_aborted(id, transaction),
                LinkEvent::NotTaken(reason) => self.note(place, NoteKind::Aborted { reason }),
                LinkEvent::Broken(reason) => self.broke(id, reason, now),
            }
        }
    }

    /// Closes the sockets of a session that it has left.
    fn close_sockets(&mut self, id: LinkId) {
        let used: Vec<_> = self
            .links
            .get(&id)
            .into_iter()
            .flat_map(Link::sockets)
            .collect();
        let left = |(socket, link): (&SocketId, &LinkId)| {
            (*link == id && !used.contains(socket)).then_some(*socket)
        };
        let left: Vec<_> = self.sockets.iter().filter_map(left).collect();
        for socket in left {
            self.sockets.remove(&socket);
            self.outputs
                .push_back(SessionsOutput::CloseSocket { socket });
        }
    }

    fn connected(&mut self, id: LinkId, now: Duration) {
        let Some(place) = self.links.get(&id).map(|link| link.place) else {
            return;
        };
        let former = self.current(place).map(|(former, _)| former);
        if let Some(link) = self.links.get_mut(&id) {
            link.role = Role::Current;
            link.deadline = None;
            link.since = Some(now);
        }
        if let Some(place) = self.places.get_mut(&place) {
            place.retry_at = None;
            place.concluded = None;
            place.reason = None;
        }
        self.note(place, NoteKind::Connected);
        if let Some(former) = former {
            self.retire(former, now);
        }
    }

    /// The server suspended a session, or does not go on with it, or it is suspended as the terminal asked.
    fn suspended(&mut self, id: LinkId, cause: &Cause, now: Duration) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let place = link.place;
        let was_resuming = link.deadline.take().is_some();
        let is_current = link.role == Role::Current;
        if *cause == Cause::Reason(AbortReason::SUSPEND) && is_current {
            link.resume_at = Some(now + self.chance.after(1));
        }
        self.note(place, NoteKind::Suspended);
        // One that cannot be resumed gives way to a new one.
        if was_resuming || !is_current {
            self.close(id, now);
        }
    }

    fn disconnected(&mut self, id: LinkId, cause: Cause, now: Duration) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let (place, role, was_resuming) = (link.place, link.role, link.deadline.is_some());
        match (role, cause) {
            (
                Role::Next,
                Cause::Redirect {
                    permanent,
                    addresses,
                },
            ) => {
                self.redirected(id, permanent, &addresses, now);
            }
            (Role::Next, Cause::Reply(status)) => {
                let reason = format!("it refused the session with status {status}");
                self.attempt_failed(id, GatewayState::Rejected, reason, now);
            }
            (Role::Next, Cause::Aborted(reason)) => {
                let reason = format!("the Connect was aborted: {}", words(reason));
                self.attempt_failed(id, GatewayState::Unreachable, reason, now);
            }
            (Role::Next, Cause::Reason(reason)) => {
                let reason = format!("its answer to the Connect is none: {reason}");
                self.attempt_failed(id, GatewayState::Rejected, reason, now);
            }
            (Role::Current, _) if was_resuming => self.drop_link(id),
            (Role::Current, Cause::Reason(AbortReason::DISCONNECT)) => {
                self.note(place, NoteKind::Disconnected { by_server: true });
                self.lost(id, "the server ended the session", now);
            }
            (Role::Current, cause) => {
                let reason = format!("the session broke: {cause:?}");
                self.note(
                    place,
                    NoteKind::Failed {
                        reason: reason.clone(),
                    },
                );
                self.lost(id, &reason, now);
            }
            (Role::Old(_), _) => self.drop_link(id),
        }
    }

    /// A session ended that was not to end. Its server is asked for another one, after a back-off that grows where sessions do not last.
    fn lost(&mut self, id: LinkId, reason: &str, now: Duration) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let place = link.place;
        let stood = link
            .since
            .map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let lasted = link.pushes > 0 || stood >= self.settings.backoff_limit;
        self.drop_link(id);
        let is_started = self
            .places
            .get(&place)
            .is_some_and(|place| place.is_started(&self.wanted));
        if let Some(place) = self.places.get_mut(&place) {
            place.invited = None;
            if lasted {
                place.failures = 0;
            }
        }
        if is_started {
            self.failed(place, GatewayState::Unreachable, reason.to_owned(), now);
        }
    }

    /// The network, or the transaction layer, gave a session up.
    pub(super) fn broke(&mut self, id: LinkId, reason: String, now: Duration) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let place = link.place;
        match link.role {
            Role::Next => self.attempt_failed(id, GatewayState::Unreachable, reason, now),
            // What it was to be resumed on could not be opened.
            Role::Current if link.deadline.is_some() => self.close(id, now),
            Role::Current => {
                self.note(
                    place,
                    NoteKind::Failed {
                        reason: reason.clone(),
                    },
                );
                self.lost(id, &reason, now);
            }
            Role::Old(_) => self.drop_link(id),
        }
    }

    /// An attempt to open a session failed. Another address of the same redirect is tried at once.
    fn attempt_failed(&mut self, id: LinkId, state: GatewayState, reason: String, now: Duration) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let (place, redirects) = (link.place, link.redirects);
        let mut alternatives = std::mem::take(&mut link.alternatives);
        let profile = link.session.profile().clone();
        self.close(id, now);
        let what = match state {
            GatewayState::Rejected => NoteKind::Refused {
                reason: reason.clone(),
            },
            GatewayState::Requested | GatewayState::Confirmed | GatewayState::Unreachable => {
                NoteKind::Failed {
                    reason: reason.clone(),
                }
            }
        };
        self.note(place, what);
        if let Some(contact) = alternatives.pop_front() {
            self.redirect_to(place, contact, alternatives, redirects, profile, now);
        } else {
            self.failed(place, state, reason, now);
        }
    }

    /// The next attempt waits for a back-off; one that only a session initiation request asked for is perhaps the last.
    fn failed(&mut self, id: PlaceId, state: GatewayState, reason: String, now: Duration) {
        let most = self.settings.invited_attempts;
        let Some(place) = self.places.get_mut(&id) else {
            return;
        };
        place.failures = place.failures.saturating_add(1);
        place.moved = None;
        place.concluded = Some(state);
        place.reason = Some(reason);
        place.retry_at = Some(now + self.chance.after(place.failures));
        if !place.is_started(&self.wanted) && place.failures >= most {
            place.invited = None;
        }
    }

    /// The server has another one open the session.
    //= specs/wsp.md#redirect
    //# Flags of a Redirect that are not assigned MUST be ignored.
    //= specs/wsp.md#redirect
    //# The addresses of a permanent Redirect SHOULD be kept and used for all sessions with the server from then on.
    //= specs/wsp.md#redirect
    //# The addresses of a Redirect that is not permanent SHOULD NOT be used beyond the session that is being opened.
    fn redirected(&mut self, id: LinkId, permanent: bool, addresses: &[u8], now: Duration) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let (place, redirects) = (link.place, link.redirects);
        let profile = link.session.profile().clone();
        let mut contacts = self.redirect_contacts(link, addresses);
        let same_port = contacts
            .iter()
            .all(|contact| contact.port == link.contact.port);
        let first = contacts.pop_front();
        let reason = match (redirects, first) {
            (1.., Some(first)) => {
                if permanent
                    && same_port
                    && let Some(place) = self.places.get_mut(&place)
                {
                    place.moved = Some(first.clone());
                }
                self.note(place, NoteKind::Redirected { to: first.clone() });
                self.close(id, now);
                self.redirect_to(place, first, contacts, redirects - 1, profile, now);
                return;
            }
            (0, _) => "it redirected the session more often than the settings allow",
            (_, None) => "it redirected the session to nowhere that a session can be opened",
        };
        self.attempt_failed(id, GatewayState::Rejected, reason.to_owned(), now);
    }

    fn redirect_to(
        &mut self,
        place: PlaceId,
        contact: ContactPoint,
        alternatives: VecDeque<ContactPoint>,
        redirects: u8,
        profile: SessionProfile,
        now: Duration,
    ) {
        let link = self.open_at(place, contact, profile, now);
        if let Some(link) = self.links.get_mut(&link) {
            link.redirects = redirects;
            link.alternatives = alternatives;
        }
    }

    /// The addresses of a redirect that may be followed.
    //= specs/wsp.md#redirect
    //# A Redirect to another port than that of the Connect MUST lead to one of the dynamic or private ports.
    //= specs/wsp.md#redirect
    //# A redirected session MUST have the same protocol layers as the one that was asked for.
    fn redirect_contacts(&self, link: &Link, addresses: &[u8]) -> VecDeque<ContactPoint> {
        let (from, port) = (link.peer().map(|peer| peer.ip()), link.contact.port);
        let contact = |address: wap_wire::wsp::Address<'_>| {
            let to = address.port.unwrap_or(port);
            let may = to == port || REDIRECT_PORTS.contains(&to);
            let host = dialable(&address).filter(|host| !leads_inside(from, *host))?;
            let host = Host::Ip(host);
            may.then_some(ContactPoint { host, port: to })
        };
        let addresses = Addresses::new(addresses).into_iter().flatten();
        let contacts = addresses.filter_map(contact);
        contacts
            .take(self.settings.max_redirect_addresses)
            .collect()
    }

    /// A session is wanted no more, or another one stands in its place.
    pub(super) fn retire(&mut self, id: LinkId, now: Duration) {
        if let Some(link) = self.links.get_mut(&id) {
            link.role = Role::Old(now);
            link.deadline = None;
            link.resume_at = None;
        }
        self.end_if_due(id, now);
    }

    pub(super) fn end_if_due(&mut self, id: LinkId, now: Duration) {
        let is_old = |link: &&Link| matches!(link.role, Role::Old(_));
        let link = self.links.get(&id).filter(is_old);
        if link
            .and_then(|link| self.ends_at(link))
            .is_some_and(|at| at <= now)
        {
            self.close(id, now);
        }
    }

    /// When a session is to be ended as things stand: an old one once its pushes are answered and the answers have had time to
    /// arrive, one that only a session initiation request opened when it has been idle for long.
    //= specs/wsp.md#event-processing
    //# A client SHOULD be able to end sessions whose server is believed to have forgotten them.
    pub(super) fn ends_at(&self, link: &Link) -> Option<Duration> {
        let linger = self.settings.linger;
        match link.role {
            Role::Old(since) => {
                let has_pushes = link.session.pushes() > 0;
                // One that was in use of late is perhaps about to be: its gateway has not heard everything.
                let in_use = |active: &Duration| *active + linger > since;
                let active = link.active.filter(in_use);
                let settled = active.map_or(since, |active| since.max(active) + linger);
                let wanted = match (has_pushes, self.stopping) {
                    (false, Some(_)) => since,
                    (true, Some(at)) => at,
                    (false, None) => settled,
                    (true, None) => Duration::MAX,
                };
                Some(wanted.min(since + linger * 2))
            }
            Role::Current => {
                let place = self.places.get(&link.place)?;
                let is_idle = !place.is_started(&self.wanted) && link.session.pushes() == 0;
                let active = link.active.max(link.since)?;
                is_idle.then_some(active + self.settings.idle)
            }
            Role::Next => None,
        }
    }

    /// Does for a session what is due.
    pub(super) fn link_timeout(&mut self, id: LinkId, now: Duration) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.handle_timeout(now);
        if link.resume_at.take_if(|at| *at <= now).is_some() {
            link.deadline = Some(now + self.settings.resume_timeout);
            link.session.handle_event(&SessionEvent::Resume);
        }
        self.pump(id, UnixMillis::default(), now);
        self.end_if_due(id, now);
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        let (place, role) = (link.place, link.role);
        if is_due(link.deadline) {
            match role {
                Role::Next => {
                    let patience = self.settings.connect_timeout.as_secs();
                    let reason = format!("it did not answer within {patience} s");
                    self.attempt_failed(id, GatewayState::Unreachable, reason, now);
                }
                Role::Current | Role::Old(_) => self.close(id, now),
            }
        } else if role == Role::Current && is_due(self.ends_at(link)) {
            self.end_invitation(place);
        }
    }

    /// What a session initiation request asked for is done.
    pub(super) fn end_invitation(&mut self, place: PlaceId) {
        if let Some(place) = self.places.get_mut(&place) {
            place.invited = None;
        }
    }

    /// The network is about to go.
    pub(super) fn suspend(&mut self, now: Duration) {
        self.paused = true;
        let links: Vec<_> = self.links.keys().copied().collect();
        for id in links {
            let Some(link) = self.links.get_mut(&id) else {
                continue;
            };
            let options = link.session.negotiated().options;
            let can_resume = options.contains(ProtocolOptions::SESSION_RESUME);
            let stands = matches!(link.session.state(), State::Connected | State::Resuming);
            if link.role == Role::Current && can_resume && stands {
                link.deadline = None;
                link.resume_at = None;
                link.session.handle_event(&SessionEvent::Suspend);
                self.pump(id, UnixMillis::default(), now);
            } else if link.session.state() != State::Suspended {
                self.close(id, now);
            }
        }
    }

    /// The network is there again: sessions go on, from a socket of their own each.
    pub(super) fn resume(&mut self, now: Duration) {
        self.paused = false;
        let is_current = |link: &&Link| link.role == Role::Current && link.opening.is_none();
        let links = self.links.iter().filter(|(_, link)| is_current(link));
        let links: Vec<_> = links.map(|(id, _)| *id).collect();
        for id in links {
            let options = self
                .links
                .get(&id)
                .map(|link| link.session.negotiated().options);
            let can_resume =
                |options: ProtocolOptions| options.contains(ProtocolOptions::SESSION_RESUME);
            if !options.is_some_and(can_resume) {
                self.close(id, now);
                continue;
            }
            let socket = SocketId(self.number());
            if let Some(link) = self.links.get_mut(&id) {
                link.opening = Some(socket);
                link.deadline = Some(now + self.settings.resume_timeout);
                link.resume_at = None;
                let contact = link.contact.clone();
                self.sockets.insert(socket, id);
                self.outputs
                    .push_back(SessionsOutput::OpenSocket { socket, contact });
            }
        }
    }

    /// Ends a session in good order: whoever there is on the other side is told.
    pub(super) fn close(&mut self, id: LinkId, now: Duration) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let place = link.place;
        let stood = link.since.is_some();
        link.session.handle_event(&SessionEvent::Disconnect);
        link.pump(&mut self.outputs, now);
        self.drop_link(id);
        if stood {
            self.note(place, NoteKind::Disconnected { by_server: false });
        }
    }

    /// Forgets a session, and closes its sockets.
    fn drop_link(&mut self, id: LinkId) {
        self.links.remove(&id);
        self.close_sockets(id);
        self.link_gone(id);
    }
}

fn words(reason: wtp::AbortReason) -> String {
    match reason {
        wtp::AbortReason::Provider(reason) => format!("{reason} of the transaction layer"),
        wtp::AbortReason::User(reason) => format!("{reason} of the session layer"),
    }
}
