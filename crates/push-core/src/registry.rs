//! Registrations in force, and those on their way there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use push_message::{ApplicationId, ConnectionProfile, Owner, PushApplicationId, ShareCounts};

use crate::{RegistrationId, RegistrationRecord, fingerprint};

/// A registration that is not in force yet.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) record: Arc<RegistrationRecord>,
    /// The registration in whose place it is to come.
    pub(crate) replaces: Option<RegistrationId>,
    /// Whether the Push Servers are being told of it.
    pub(crate) announced: bool,
}

/// How far a registration is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// The Push Servers are being told; it is in force until they know.
    Announced,
    /// Its removal is being written; it takes no more pushes.
    Removing,
}

/// Every registration. Indexes hold hashes rather than second copies of texts; each hit is checked against the record.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    active: BTreeMap<RegistrationId, Arc<RegistrationRecord>>,
    candidates: BTreeMap<RegistrationId, Candidate>,
    departures: BTreeMap<RegistrationId, Departure>,
    observers: BTreeSet<RegistrationId>,
    /// Candidates too.
    by_application: BTreeSet<(u64, RegistrationId)>,
    by_owner: BTreeSet<(u64, RegistrationId)>,
    /// Candidates too: a port is taken from the moment that somebody asks for it.
    by_port: BTreeSet<(u16, RegistrationId)>,
    /// How many there are, candidates that replace nothing included. The owners are the text that the records share.
    shares: ShareCounts,
}

impl Registry {
    /// How many registrations are in force.
    pub(crate) fn len(&self) -> usize {
        self.active.len()
    }

    /// How many there are or may be soon.
    pub(crate) fn claimed(&self) -> &ShareCounts {
        &self.shares
    }

    /// The owner as the records share it, or this one where there is none yet.
    pub(crate) fn shared(&self, owner: Owner) -> Owner {
        self.shares.counted(&owner).cloned().unwrap_or(owner)
    }

    pub(crate) fn get(&self, id: RegistrationId) -> Option<&Arc<RegistrationRecord>> {
        self.active.get(&id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        self.active.values()
    }

    pub(crate) fn of_owner(&self, owner: &Owner) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        let hash = fingerprint::of_text(owner.as_str());
        range_of(&self.by_owner, hash)
            .filter_map(|id| self.active.get(&id))
            .filter(move |record| record.owner == *owner)
    }

    /// The registrations in force with this id, the earliest first.
    pub(crate) fn of_application(
        &self,
        application: &PushApplicationId,
    ) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        let hash = hash_of_application(application);
        range_of(&self.by_application, hash)
            .filter_map(|id| self.active.get(&id))
            .filter(move |record| record.push_application_id == *application)
    }

    /// Every registration in force, then those on their way.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        let candidates = self.candidates.values();
        self.all()
            .chain(candidates.map(|candidate| &candidate.record))
    }

    /// The registrations for this id that are not in force yet.
    pub(crate) fn candidates_for(
        &self,
        application: &PushApplicationId,
    ) -> impl Iterator<Item = &Candidate> {
        let hash = hash_of_application(application);
        range_of(&self.by_application, hash)
            .filter_map(|id| self.candidates.get(&id))
            .filter(move |candidate| candidate.record.push_application_id == *application)
    }

    /// The registrations that are not in force yet.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.values()
    }

    /// Every registration that takes pushes, the earliest first; observers apart.
    pub(crate) fn all_taking(&self) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        self.all().filter(|record| self.takes(record))
    }

    /// Whether any registration in force observes.
    pub(crate) fn has_observers(&self) -> bool {
        !self.observers.is_empty()
    }

    /// Every observer that takes copies, the earliest first.
    pub(crate) fn observing(&self) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        let observers = self.observers.iter();
        observers
            .filter(|id| !self.is_ending(**id))
            .filter_map(|id| self.active.get(id))
    }

    fn takes(&self, record: &RegistrationRecord) -> bool {
        !record.observes && !self.is_ending(record.id)
    }

    /// Those of [`of_application`](Self::of_application) that take pushes.
    pub(crate) fn taking(
        &self,
        application: &PushApplicationId,
    ) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        self.of_application(application)
            .filter(|record| self.takes(record))
    }

    /// Whether the end of a registration is being written, and with it that of its events.
    pub(crate) fn is_ending(&self, id: RegistrationId) -> bool {
        self.departures.get(&id) == Some(&Departure::Removing)
    }

    /// The registration of one application for one id.
    pub(crate) fn find(
        &self,
        owner: &Owner,
        application_id: Option<&ApplicationId>,
        application: &PushApplicationId,
    ) -> Option<&Arc<RegistrationRecord>> {
        self.of_application(application).find(|record| {
            record.owner == *owner && record.application_id.as_ref() == application_id
        })
    }

    /// Whoever holds the port that a profile names, candidates included.
    pub(crate) fn holders_of_port<'a>(
        &'a self,
        profile: &'a ConnectionProfile,
    ) -> impl Iterator<Item = &'a Arc<RegistrationRecord>> {
        let port = profile.port.into_iter();
        port.flat_map(|port| range_of(&self.by_port, port))
            .filter_map(|id| {
                let candidate = || self.candidates.get(&id).map(|candidate| &candidate.record);
                self.active.get(&id).or_else(candidate)
            })
            .filter(move |record| record.profiles.contains(profile))
    }

    pub(crate) fn insert(&mut self, record: Arc<RegistrationRecord>) {
        let id = record.id;
        self.remove(id);
        self.by_application
            .insert((hash_of_application(&record.push_application_id), id));
        self.by_owner
            .insert((fingerprint::of_text(record.owner.as_str()), id));
        self.index_ports(&record);
        self.shares.add(&record.owner);
        if record.observes {
            self.observers.insert(id);
        }
        self.active.insert(id, record);
    }

    pub(crate) fn remove(&mut self, id: RegistrationId) -> Option<Arc<RegistrationRecord>> {
        let record = self.active.remove(&id)?;
        self.by_application
            .remove(&(hash_of_application(&record.push_application_id), id));
        self.by_owner
            .remove(&(fingerprint::of_text(record.owner.as_str()), id));
        self.departures.remove(&id);
        self.observers.remove(&id);
        self.forget_ports(&record);
        self.shares.remove(&record.owner);
        Some(record)
    }

    pub(crate) fn add_candidate(
        &mut self,
        record: Arc<RegistrationRecord>,
        replaces: Option<RegistrationId>,
    ) {
        self.by_application
            .insert((hash_of_application(&record.push_application_id), record.id));
        self.index_ports(&record);
        if replaces.is_none() {
            self.shares.add(&record.owner);
        }
        let candidate = Candidate {
            record,
            replaces,
            announced: false,
        };
        self.candidates.insert(candidate.record.id, candidate);
    }

    pub(crate) fn announce_candidate(&mut self, id: RegistrationId) {
        if let Some(candidate) = self.candidates.get_mut(&id) {
            candidate.announced = true;
        }
    }

    pub(crate) fn remove_candidate(&mut self, id: RegistrationId) {
        let Some(candidate) = self.candidates.remove(&id) else {
            return;
        };
        self.by_application.remove(&(
            hash_of_application(&candidate.record.push_application_id),
            id,
        ));
        self.forget_ports(&candidate.record);
        if candidate.replaces.is_none() {
            self.shares.remove(&candidate.record.owner);
        }
    }

    pub(crate) fn depart(&mut self, id: RegistrationId, departure: Departure) {
        self.departures.insert(id, departure);
    }

    pub(crate) fn stay(&mut self, id: RegistrationId) {
        self.departures.remove(&id);
    }

    /// What the Push Servers are to know of: in force or being announced, without what is being replaced or is leaving.
    pub(crate) fn announced(&self) -> impl Iterator<Item = &Arc<RegistrationRecord>> {
        let coming = || {
            self.candidates
                .values()
                .filter(|candidate| candidate.announced)
        };
        let replaced: BTreeSet<_> = coming()
            .filter_map(|candidate| candidate.replaces)
            .collect();
        let standing = self
            .active
            .values()
            .filter(move |record| !replaced.contains(&record.id))
            .filter(|record| !self.departures.contains_key(&record.id));
        standing.chain(coming().map(|candidate| &candidate.record))
    }

    fn index_ports(&mut self, record: &RegistrationRecord) {
        for port in record.profiles.iter().filter_map(|profile| profile.port) {
            self.by_port.insert((port, record.id));
        }
    }

    fn forget_ports(&mut self, record: &RegistrationRecord) {
        for port in record.profiles.iter().filter_map(|profile| profile.port) {
            self.by_port.remove(&(port, record.id));
        }
    }
}

fn hash_of_application(application: &PushApplicationId) -> u64 {
    application
        .number()
        .map_or_else(|| fingerprint::of_text(&application.as_text()), u64::from)
}

fn range_of<K: Copy + Ord>(
    index: &BTreeSet<(K, RegistrationId)>,
    key: K,
) -> impl Iterator<Item = RegistrationId> {
    index
        .range((key, RegistrationId(0))..=(key, RegistrationId(u64::MAX)))
        .map(|&(_, id)| id)
}
