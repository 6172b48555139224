//! Who watches what goes on, and who may see what of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use push_api::{Caller, WatchQuery, Watched, WatchedKind};
use push_core::{RegistrationRecord, Selection, Selector};
use push_message::{
    Owner, PushApplicationId, Reason, ReceivedPush, Refusal, ShareBounds, ShareCounts,
};

use crate::settings::ClientSettings;
use crate::watch::{Entry, WatchQueue, Watching};

/// Everybody who watches. Of what nobody watches, nothing is made.
#[derive(Debug)]
pub(crate) struct Watchers {
    bounds: ShareBounds,
    queue: usize,
    queue_octets: usize,
    all: Vec<Watcher>,
    /// Things that happened and found no room with a watcher.
    missed: u64,
}

#[derive(Debug)]
struct Watcher {
    owner: Owner,
    administrator: bool,
    selection: Selection,
    kinds: BTreeSet<WatchedKind>,
    content: bool,
    queue: Arc<WatchQueue>,
}

/// Whom something concerns.
pub(crate) enum Concern<'a> {
    /// The owner of this registration.
    Registration(&'a RegistrationRecord),
    /// Whoever takes such pushes.
    Push {
        application: Option<&'a PushApplicationId>,
        may_see: &'a dyn Fn(&Owner) -> bool,
    },
    /// An owner, whatever its registrations.
    Owner(&'a Owner),
    /// Administrators alone.
    Nobody,
    /// All.
    Everybody,
}

/// One thing that happened, as far as it differs by who sees it.
#[derive(Debug)]
pub(crate) struct Told {
    /// What anybody sees who may see it.
    pub(crate) watched: Watched,
    /// What the owner of the registration sees in its place.
    pub(crate) to_owner: Option<Watched>,
    /// The push whose content goes to the owner of the registration, where it asks for content.
    pub(crate) push: Option<Arc<ReceivedPush>>,
}

impl From<Watched> for Told {
    fn from(watched: Watched) -> Self {
        Self {
            watched,
            to_owner: None,
            push: None,
        }
    }
}

impl Watchers {
    pub(crate) const fn new(settings: &ClientSettings) -> Self {
        Self {
            bounds: ShareBounds {
                all: settings.max_watchers,
                per_owner: settings.max_watchers_per_owner,
                per_user: settings.max_watchers_per_user,
            },
            queue: settings.watch_queue,
            queue_octets: settings.watch_octets,
            all: Vec::new(),
            missed: 0,
        }
    }

    /// Lets somebody watch from now.
    pub(crate) fn add(&mut self, caller: Caller, query: WatchQuery) -> Result<Watching, Refusal> {
        self.forget_abandoned();
        let selection = Selection::parse(&Selector {
            push_application_id: query.push_application_id,
            application_id: query.application_id,
            handler_of: None,
        })?;
        self.check_room(&caller.owner)?;
        let queue = WatchQueue::new(self.queue, self.queue_octets);
        let watching = queue.watching();
        self.all.push(Watcher {
            owner: caller.owner,
            administrator: caller.administrator,
            selection,
            kinds: query.kinds.into_iter().collect(),
            content: query.content,
            queue,
        });
        Ok(watching)
    }

    fn check_room(&self, owner: &Owner) -> Result<(), Refusal> {
        let mut counts = ShareCounts::default();
        for watcher in &self.all {
            counts.add(&watcher.owner);
        }
        counts.check(owner, self.bounds).map_err(|taken| {
            let watches = taken.describe("watches", "max_watchers");
            let detail =
                format!("there are {watches} already; end one, or have the bound raised in the configuration");
            Refusal::new(Reason::QuotaExceeded, detail)
        })
    }

    /// Whether anybody watches such things: else nothing has to be made of them.
    pub(crate) fn want(&self, kind: WatchedKind) -> bool {
        self.all.iter().any(|watcher| watcher.wants(kind))
    }

    /// How many watch.
    pub(crate) fn len(&self) -> usize {
        let watchers = self.all.iter();
        watchers
            .filter(|watcher| !watcher.queue.is_abandoned())
            .count()
    }

    /// Things that happened and found no room with a watcher.
    pub(crate) const fn missed(&self) -> u64 {
        self.missed
    }

    /// Tells whoever may see it. Nobody waits for room.
    pub(crate) fn tell(&mut self, concern: &Concern<'_>, told: Told) {
        self.forget_abandoned();
        let kind = told.watched.kind();
        let (watched, to_owner) = (Arc::new(told.watched), told.to_owner.map(Arc::new));
        for watcher in &self.all {
            if !watcher.wants(kind) || !watcher.sees(concern) {
                continue;
            }
            let is_its = watcher.owns(concern);
            let entry = Entry {
                watched: Arc::clone(to_owner.as_ref().filter(|_| is_its).unwrap_or(&watched)),
                push: told.push.clone().filter(|_| is_its && watcher.content),
            };
            if !watcher.queue.put(entry) {
                self.missed += 1;
            }
        }
    }

    fn forget_abandoned(&mut self) {
        self.all.retain(|watcher| !watcher.queue.is_abandoned());
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        for watcher in &self.all {
            watcher.queue.close();
        }
    }
}

impl Watcher {
    fn wants(&self, kind: WatchedKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn sees(&self, concern: &Concern<'_>) -> bool {
        let all = self.administrator;
        match concern {
            Concern::Registration(record) => {
                (all || self.owns(concern)) && self.selection.fits(record)
            }
            Concern::Push {
                application,
                may_see,
            } => (all || may_see(&self.owner)) && self.selection.fits_pushes_to(*application),
            Concern::Owner(owner) => (all || self.owner == **owner) && self.selection.is_any(),
            Concern::Nobody => all && self.selection.is_any(),
            Concern::Everybody => self.selection.is_any(),
        }
    }

    /// Whether it is the owner of the registration concerned.
    fn owns(&self, concern: &Concern<'_>) -> bool {
        match concern {
            Concern::Registration(record) => record.owner == self.owner,
            Concern::Push { .. } | Concern::Owner(_) | Concern::Nobody | Concern::Everybody => {
                false
            }
        }
    }
}
