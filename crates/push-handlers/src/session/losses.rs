//! What applications are still to hear from the helpers of their users: kept until a helper has answered.

use std::collections::{BTreeMap, VecDeque};

use push_api::{SessionApplication, SessionLoss, SessionTask};
use push_client::{ChangeCause, RegistrationId};

use crate::owner::Registrant;

/// A registration that is not what it was, and whose application has not heard so.
#[derive(Debug, Clone)]
pub(super) struct Loss {
    pub(super) uid: u32,
    pub(super) registrant: Registrant,
    pub(super) registration: RegistrationId,
    pub(super) application: SessionApplication,
    pub(super) cause: ChangeCause,
}

impl Loss {
    pub(super) fn order(&self, task: u64) -> SessionTask {
        SessionTask::lost(&SessionLoss {
            task,
            application: self.application.clone(),
            registration_id: self.registration.to_string(),
            cause: self.cause.as_str().to_owned(),
        })
    }
}

/// The task by which a helper was given a loss.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) connection: u64,
    pub(super) task: u64,
}

/// The last loss of each application, in order of their coming.
#[derive(Debug, Default)]
pub(super) struct Losses(VecDeque<(Loss, Option<Told>)>);

impl Losses {
    /// Keeps a loss, in place of what its application was to hear before. So many are kept; the oldest of the user with the most gives
    /// way, so that nobody's losses take the room of others.
    pub(super) fn keep(&mut self, loss: Loss, most: usize) {
        self.forget(&loss.registrant);
        self.0.push_back((loss, None));
        while self.0.len() > most {
            let uid = self.user_with_the_most();
            let oldest = self.0.iter().position(|(loss, _)| loss.uid == uid);
            oldest.and_then(|oldest| self.0.remove(oldest));
        }
    }

    /// What an application was to hear is told no more.
    pub(super) fn forget(&mut self, registrant: &Registrant) {
        self.0.retain(|(loss, _)| loss.registrant != *registrant);
    }

    /// A helper was given what an application is to hear.
    pub(super) fn told(&mut self, registrant: &Registrant, told: Told) {
        let kept = self
            .0
            .iter_mut()
            .find(|(loss, _)| loss.registrant == *registrant);
        if let Some((_, last)) = kept {
            *last = Some(told);
        }
    }

    /// A helper has answered.
    pub(super) fn answered(&mut self, task: u64) {
        self.0
            .retain(|(_, told)| told.is_none_or(|told| told.task != task));
    }

    /// What the helper of a user has not been given over this connection, the oldest first.
    pub(super) fn untold(&self, uid: u32, connection: u64) -> Option<Loss> {
        let is_told = |told: &Option<Told>| told.is_some_and(|told| told.connection == connection);
        let mut kept = self.0.iter();
        let untold = kept.find(|(loss, told)| loss.uid == uid && !is_told(told));
        untold.map(|(loss, _)| loss.clone())
    }

    fn user_with_the_most(&self) -> u32 {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for (loss, _) in &self.0 {
            *counts.entry(loss.uid).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(uid, _)| uid).unwrap_or_default()
    }
}
