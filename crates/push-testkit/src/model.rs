//! What a Push Client owes to whom, said as simply as it can be: lists, searched from end to end.
//!
//! The model knows rules, not mechanisms. Whether a write succeeded and what servers answered is told to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use push_core::{EventId, Fate, Outcome};
use push_message::{Protocol, Reason, ReceivedPush, ServerAddress};

/// What an application asks for of the ways in which its pushes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelProfile {
    /// No profile.
    Any,
    /// OTA-WSP on its standard ports and on sessions.
    Wsp,
    /// OTA-WSP on a port of its own.
    WspAt(u16),
    /// OTA-WSP on sessions alone, which it asks for.
    Sessions,
    /// OTA-SIP.
    Sip,
}

/// An application that is, or wants to be, registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelApplication {
    /// Its owner.
    pub owner: String,
    /// Its own name.
    pub name: Option<String>,
    /// The Push Application ID, in canonical form.
    pub id: String,
    /// How its pushes travel.
    pub profile: ModelProfile,
    /// The types it takes, `type/subtype` or `type/*`; empty: all.
    pub accept: Vec<String>,
    /// Servers that it lists.
    pub whitelist: Vec<IpAddr>,
    /// It takes copies beside others.
    pub observes: bool,
    /// Its event handler.
    pub handler: Option<String>,
}

/// The id of observers of any application.
pub const ANY: &str = "x-wap-application:*";

impl ModelApplication {
    /// Whether the two are one application registered for one id.
    pub fn is(&self, owner: &str, name: Option<&str>, id: &str) -> bool {
        self.owner == owner && self.name.as_deref() == name && self.id == id
    }

    /// Whether Push Servers are told of it.
    pub fn is_announced(&self) -> bool {
        self.is_announced_on(Protocol::OtaWsp) || self.is_announced_on(Protocol::OtaSip)
    }

    fn is_announced_on(&self, protocol: Protocol) -> bool {
        match self.profile {
            ModelProfile::Any => true,
            ModelProfile::Wsp | ModelProfile::Sessions => protocol == Protocol::OtaWsp,
            ModelProfile::Sip => protocol == Protocol::OtaSip,
            ModelProfile::WspAt(_) => false,
        }
    }

    fn is_told_from(&self, other: &Self) -> bool {
        match self.profile {
            ModelProfile::Any | ModelProfile::Wsp | ModelProfile::Sessions => false,
            ModelProfile::WspAt(_) => self.profile != other.profile,
            ModelProfile::Sip => self.name.is_some() && self.name != other.name,
        }
    }

    fn takes(&self, push: &ReceivedPush) -> bool {
        let port = push.origin.destination_port;
        let wsp = push.origin.protocol == Protocol::OtaWsp;
        let sip = push.origin.protocol == Protocol::OtaSip;
        let addressed = |instance: &str| self.name.as_deref() == Some(instance);
        let for_instance = push.origin.instance.as_deref().is_none_or(addressed);
        let standard = wsp && [None, Some(2948), Some(9209)].contains(&port);
        match self.profile {
            ModelProfile::Any => standard || (sip && for_instance),
            ModelProfile::Wsp => standard,
            ModelProfile::Sessions => wsp && port.is_none(),
            ModelProfile::WspAt(own) => wsp && port == Some(own),
            ModelProfile::Sip => sip && for_instance,
        }
    }

    fn accepts(&self, media_type: &str) -> bool {
        self.accept.is_empty()
            || self
                .accept
                .iter()
                .any(|range| match range.strip_suffix('*') {
                    Some(start) => media_type.starts_with(start),
                    None => range == media_type,
                })
    }
}

/// What is to become of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelVerdict {
    /// An event for the application with this place in the list.
    For(usize),
    /// Events for observers alone.
    Observed,
    /// An event for nobody yet.
    Held,
    /// It was taken before.
    Duplicate,
    /// The server is not welcome.
    ServerNotListed,
    /// Nobody is registered.
    NoSuchApplication,
    /// The type is not wanted.
    ContentType,
    /// Several could be meant.
    Ambiguous,
}

/// An event that is owed.
#[derive(Debug, Clone)]
pub struct Owed {
    /// The application that it is owed to: owner, name, id.
    pub to: (String, Option<String>, String),
    /// Its push.
    pub push: ReceivedPush,
    /// From when on it lives (milliseconds since 1970).
    pub since: u64,
    /// Whether it was rejected.
    pub dead: bool,
}

/// What servers on one protocol are to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announced {
    /// The Push Application IDs.
    pub ids: BTreeSet<String>,
    /// The names of applications, where the protocol tells them apart.
    pub names: BTreeSet<String>,
    /// The types.
    pub types: BTreeSet<String>,
    /// Whether sessions are asked for.
    pub sessions_asked_for: bool,
}

/// The whole of what a Push Client has to know.
#[derive(Debug, Default)]
pub struct Model {
    /// Servers of the default whitelist.
    pub default_whitelist: Vec<IpAddr>,
    /// For how long an event is kept.
    pub event_lifetime: Duration,
    /// For how long an event is held that matched nobody.
    pub hold_unmatched: Duration,
    /// For how long a transmission is remembered.
    pub duplicate_window: Duration,
    /// Whether a push over OTA-SIP that could be for several goes to the one registered first.
    pub first_gets_ambiguous: bool,
    /// Whoever is registered, in order of first registration.
    pub registered: Vec<ModelApplication>,
    /// What is owed.
    pub owed: BTreeMap<EventId, Owed>,
    /// What is held for nobody.
    pub held: BTreeMap<EventId, ReceivedPush>,
    completed: BTreeMap<EventId, String>,
    remembered: Vec<(String, u64)>,
}

impl Model {
    /// The application's place in the list.
    pub fn find(&self, owner: &str, name: Option<&str>, id: &str) -> Option<usize> {
        self.registered
            .iter()
            .position(|application| application.is(owner, name, id))
    }

    /// Whether the rules let this application register.
    pub fn may_register(&self, new: &ModelApplication) -> Result<(), Reason> {
        if new.observes {
            return Ok(());
        }
        let port_is_taken = self.registered.iter().any(|other| {
            matches!(new.profile, ModelProfile::WspAt(_))
                && !other.observes
                && other.profile == new.profile
                && (&other.owner, &other.name) != (&new.owner, &new.name)
        });
        if port_is_taken {
            return Err(Reason::OptionNotAvailable);
        }
        let is_registered = self
            .find(&new.owner, new.name.as_deref(), &new.id)
            .is_some();
        let others = self.registered.iter().filter(|other| {
            !other.observes
                && other.id == new.id
                && !other.is(&new.owner, new.name.as_deref(), &new.id)
        });
        for other in others {
            let told_apart = new.is_told_from(other) || (is_registered && other.is_told_from(new));
            if !told_apart {
                return Err(Reason::AlreadyRegistered);
            }
        }
        Ok(())
    }

    /// The application is registered; whoever was held back for it comes to it.
    pub fn register(&mut self, new: ModelApplication) {
        match self.find(&new.owner, new.name.as_deref(), &new.id) {
            Some(place) => self.registered[place] = new,
            None => self.registered.push(new),
        }
        for (event, push) in std::mem::take(&mut self.held) {
            match self.judge_by_rules(&push) {
                ModelVerdict::For(place) => self.owe(event, place, push),
                ModelVerdict::Held
                | ModelVerdict::Observed
                | ModelVerdict::Duplicate
                | ModelVerdict::ServerNotListed
                | ModelVerdict::NoSuchApplication
                | ModelVerdict::ContentType
                | ModelVerdict::Ambiguous => {
                    self.held.insert(event, push);
                }
            }
        }
    }

    /// The application with this place is registered no more.
    pub fn deregister(&mut self, place: usize) {
        let gone = self.registered.remove(place);
        let to = (gone.owner, gone.name, gone.id);
        self.owed.retain(|_, owed| owed.to != to);
    }

    /// What servers on a protocol are to know.
    pub fn announced(&self, protocol: Protocol) -> Announced {
        let mut announced = Announced::default();
        let told = |one: &&ModelApplication| one.is_announced_on(protocol);
        for application in self.registered.iter().filter(told) {
            if application.id != ANY {
                announced.ids.insert(application.id.clone());
            }
            if protocol == Protocol::OtaSip && !application.observes {
                announced.names.extend(application.name.clone());
            }
            announced.types.extend(application.accept.iter().cloned());
            if application.accept.is_empty() {
                announced.types.insert("*/*".to_owned());
            }
            announced.sessions_asked_for |= application.profile == ModelProfile::Sessions;
        }
        announced
    }

    /// The ports that somebody has for itself.
    pub fn own_ports(&self) -> BTreeSet<u16> {
        let own = |one: &ModelApplication| match one.profile {
            ModelProfile::WspAt(port) => Some(port),
            ModelProfile::Any | ModelProfile::Wsp | ModelProfile::Sessions | ModelProfile::Sip => {
                None
            }
        };
        self.registered.iter().filter_map(own).collect()
    }

    /// What is to become of a push at this time (milliseconds since 1970).
    pub fn judge(&self, push: &ReceivedPush, now: u64) -> ModelVerdict {
        let by_rules = self.judge_by_rules(push);
        let is_observed = !self.observers(push, None).is_empty();
        let verdict = if is_observed && !matches!(by_rules, ModelVerdict::For(_)) {
            ModelVerdict::Observed
        } else {
            by_rules
        };
        let is_taken = matches!(
            verdict,
            ModelVerdict::For(_) | ModelVerdict::Observed | ModelVerdict::Held
        );
        let key = transmission(push);
        let is_known = self
            .remembered
            .iter()
            .any(|(known, until)| *known == key && *until > now);
        if is_taken && is_known {
            ModelVerdict::Duplicate
        } else {
            verdict
        }
    }

    /// The places of whoever has an event of a push that is taken as judged, in the order of these events; none where nobody has.
    pub fn takers(&self, push: &ReceivedPush, verdict: &ModelVerdict) -> Vec<usize> {
        match verdict {
            ModelVerdict::For(place) => {
                let copies = self.observers(push, Some(*place));
                std::iter::once(*place).chain(copies).collect()
            }
            ModelVerdict::Observed => self.observers(push, None),
            ModelVerdict::Held
            | ModelVerdict::Duplicate
            | ModelVerdict::ServerNotListed
            | ModelVerdict::NoSuchApplication
            | ModelVerdict::ContentType
            | ModelVerdict::Ambiguous => Vec::new(),
        }
    }

    /// A push was taken as judged; these are its events, in the order of those who have them.
    pub fn take(&mut self, events: &[EventId], verdict: &ModelVerdict, push: &ReceivedPush) {
        let until = push.received.0 + millis(self.duplicate_window);
        self.remembered.push((transmission(push), until));
        let takers = self.takers(push, verdict);
        for (event, place) in events.iter().zip(&takers) {
            self.owe(*event, *place, push.clone());
        }
        if takers.is_empty() {
            self.held
                .extend(events.iter().map(|event| (*event, push.clone())));
        }
    }

    /// The observers that take copies of a push, which is for the application with this place, or for nobody.
    fn observers(&self, push: &ReceivedPush, meant: Option<usize>) -> Vec<usize> {
        let default = (push.origin.protocol == Protocol::OtaWsp)
            .then(|| "x-wap-application:wml.ua".to_owned());
        let named = push.message.application.as_ref().map(ToString::to_string);
        let meant = meant.map(|place| self.registered[place].id.clone());
        let id = meant.or(named).or(default);
        let media_type = push.message.content_type.media_type.as_str();
        let mut to_nobody_in_particular = push.clone();
        to_nobody_in_particular.origin.instance = None;
        let observes = |place: &usize| {
            let one = &self.registered[*place];
            one.observes
                && (one.id == ANY || Some(&one.id) == id.as_ref())
                && one.takes(&to_nobody_in_particular)
                && one.accepts(media_type)
                && self.is_welcome(Some(*place), push)
        };
        (0..self.registered.len()).filter(observes).collect()
    }

    /// Whether a dead letter may be settled by this owner, or by an administrator.
    pub fn may_settle(&self, owner: Option<&str>, event: EventId) -> bool {
        let letter = self.owed.get(&event).filter(|one| one.dead);
        letter.is_some_and(|one| owner.is_none_or(|owner| owner == one.to.0))
    }

    /// The letters of this owner, or of everybody.
    pub fn letters(&self, owner: Option<&str>) -> Vec<EventId> {
        let events = self.owed.keys().copied();
        events
            .filter(|event| self.may_settle(owner, *event))
            .collect()
    }

    /// A dead letter is dropped, or owed again from now on.
    pub fn settle(&mut self, event: EventId, fate: Fate, now: u64) {
        match fate {
            Fate::Dropped => {
                self.owed.remove(&event);
            }
            Fate::Replayed => {
                if let Some(letter) = self.owed.get_mut(&event) {
                    letter.dead = false;
                    letter.since = now;
                }
            }
        }
    }

    /// An application says something of an event; says whether it is heard.
    pub fn acknowledge(&mut self, owner: &str, event: EventId, outcome: Outcome) -> bool {
        if !self.may_acknowledge(owner, event, outcome) {
            return false;
        }
        match outcome {
            Outcome::Accepted => {
                self.owed.remove(&event);
                self.completed.insert(event, owner.to_owned());
            }
            Outcome::Rejected => {
                if let Some(owed) = self.owed.get_mut(&event) {
                    owed.dead = true;
                }
            }
            Outcome::Later => {}
        }
        true
    }

    /// Whether an application that says something of an event is heard.
    pub fn may_acknowledge(&self, owner: &str, event: EventId, outcome: Outcome) -> bool {
        match self.owed.get(&event) {
            Some(owed) => owed.to.0 == owner && !(owed.dead && outcome == Outcome::Later),
            None => self.completed.get(&event).is_some_and(|of| of == owner),
        }
    }

    /// Time has passed.
    pub fn expire(&mut self, now: u64) {
        let (kept, held) = (millis(self.event_lifetime), millis(self.hold_unmatched));
        self.owed.retain(|_, owed| owed.since + kept > now);
        self.held.retain(|_, push| push.received.0 + held > now);
    }

    /// The Push Client was ended and started.
    pub fn restart(&mut self) {
        self.completed.clear();
    }

    fn owe(&mut self, event: EventId, place: usize, push: ReceivedPush) {
        let application = &self.registered[place];
        let to = (
            application.owner.clone(),
            application.name.clone(),
            application.id.clone(),
        );
        self.owed.insert(
            event,
            Owed {
                to,
                since: push.received.0,
                push,
                dead: false,
            },
        );
    }

    fn judge_by_rules(&self, push: &ReceivedPush) -> ModelVerdict {
        if push.origin.protocol == Protocol::OtaSip {
            return self.judge_over_sip(push);
        }
        let id = push.message.application.as_ref().map_or_else(
            || "x-wap-application:wml.ua".to_owned(),
            ToString::to_string,
        );
        let place = self.registered.iter().position(|application| {
            !application.observes && application.id == id && application.takes(push)
        });
        self.judge_at(place, push)
    }

    /// Whom nothing in the push tells from the others: it names ids and instances, or leaves them out.
    fn judge_over_sip(&self, push: &ReceivedPush) -> ModelVerdict {
        let id = push.message.application.as_ref().map(ToString::to_string);
        let media_type = push.message.content_type.media_type.as_str();
        let places = 0..self.registered.len();
        let fitting: Vec<_> = places
            .filter(|&place| {
                let application = &self.registered[place];
                !application.observes
                    && id.as_ref().is_none_or(|id| *id == application.id)
                    && application.takes(push)
            })
            .collect();
        let meant: Vec<_> = fitting
            .iter()
            .copied()
            .filter(|&place| id.is_some() || self.registered[place].accepts(media_type))
            .collect();
        let welcome_at_one = |places: &[usize]| {
            let mut places = places.iter();
            places.any(|&place| self.is_welcome(Some(place), push))
        };
        match (meant.as_slice(), fitting.as_slice()) {
            ([], []) => self.judge_at(None, push),
            ([], others) if welcome_at_one(others) => ModelVerdict::ContentType,
            ([one], _) => self.judge_at(Some(*one), push),
            ([first, ..], _) if self.first_gets_ambiguous => self.judge_at(Some(*first), push),
            ([_, ..], _) if welcome_at_one(&meant) => ModelVerdict::Ambiguous,
            ([] | [_, ..], _) => ModelVerdict::ServerNotListed,
        }
    }

    fn is_welcome(&self, place: Option<usize>, push: &ReceivedPush) -> bool {
        let mut listed = self.default_whitelist.clone();
        if let Some(place) = place {
            listed.extend(&self.registered[place].whitelist);
        }
        listed.is_empty()
            || match &push.origin.server {
                ServerAddress::Ip(server) => listed.contains(server),
                ServerAddress::E164(_)
                | ServerAddress::Alphanumeric(_)
                | ServerAddress::Sip(_)
                | ServerAddress::Unknown => false,
            }
    }

    /// What the application with this place makes of a push that is for it, or what becomes of one that is for nobody.
    fn judge_at(&self, place: Option<usize>, push: &ReceivedPush) -> ModelVerdict {
        let media_type = push.message.content_type.media_type.as_str();
        match place {
            _ if !self.is_welcome(place, push) => ModelVerdict::ServerNotListed,
            None if push.origin.answerable => ModelVerdict::NoSuchApplication,
            None => ModelVerdict::Held,
            Some(place) if self.registered[place].accepts(media_type) => ModelVerdict::For(place),
            Some(_) => ModelVerdict::ContentType,
        }
    }
}

/// Everything that makes a transmission the same one.
fn transmission(push: &ReceivedPush) -> String {
    let (message, origin) = (&push.message, &push.origin);
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        origin.server,
        origin.protocol,
        origin.destination_port,
        origin.transaction,
        message.application,
        message.content_type,
        message.content
    )
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
