//! What applications are still to hear from the helpers of their users: kept until a helper has answered.

use std::collections::{BTreeMap, VecDeque};

use push_api::{SessionApplication, SessionLoss, SessionTask};
use push_client::{ChangeCause, RegistrationId};
use tokio::sync::oneshot;

use super::tasks::Given;
use super::{SessionFault, State, Task, Waits};
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
    fn order(&self, task: u64) -> Given {
        let order = SessionTask::lost(&SessionLoss {
            task,
            application: self.application.clone(),
            registration_id: self.registration.to_string(),
            cause: self.cause.as_str().to_owned(),
        });
        Given::loss(task, order)
    }
}

/// The task by which a helper was given a loss.
#[derive(Debug, Clone, Copy)]
struct Told {
    connection: u64,
    task: u64,
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

    /// Whether what a helper is given by this task is still to be told.
    pub(super) fn is_told_by(&self, task: u64) -> bool {
        let mut told = self.0.iter().filter_map(|(_, told)| *told);
        told.any(|told| told.task == task)
    }

    /// A helper was given what an application is to hear.
    fn told(&mut self, registrant: &Registrant, told: Told) {
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
    fn untold(&self, uid: u32, connection: u64) -> Option<Loss> {
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

impl State {
    /// Gives what an application is to hear to the helper of its user; says by which task, and where the answer comes.
    pub(super) fn tell_loss(
        &mut self,
        loss: &Loss,
        most: usize,
    ) -> Result<(u64, oneshot::Receiver<Result<(), SessionFault>>), SessionFault> {
        let uid = loss.uid;
        let number = self.next_number();
        let helper = self.helpers.get(&uid);
        let helper = helper.ok_or(SessionFault::NoHelper(uid))?;
        let connection = helper.connection;
        let sent = if self.unanswered(uid) < most {
            helper.tasks.try_send(loss.order(number)).is_ok()
        } else {
            false
        };
        if !sent {
            return Err(SessionFault::Busy(uid));
        }
        let (sender, answer) = oneshot::channel();
        let task = Task {
            uid,
            connection,
            waits: Waits::Check(sender),
        };
        self.tasks.insert(number, task);
        let told = Told {
            connection,
            task: number,
        };
        self.losses.told(&loss.registrant, told);
        Ok((number, answer))
    }

    /// Gives what applications are still to be told to the helper of their user, as far as it takes it. Nobody waits for the answers.
    pub(super) fn tell_losses(&mut self, uid: u32, most: usize) {
        let Some(connection) = self.helpers.get(&uid).map(|helper| helper.connection) else {
            return;
        };
        while let Some(loss) = self.losses.untold(uid, connection) {
            if self.tell_loss(&loss, most).is_err() {
                return;
            }
        }
    }
}
