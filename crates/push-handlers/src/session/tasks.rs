//! What a session helper is given to do, as it takes it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use push_api::{SessionTask, SessionTasks};
use tokio::sync::mpsc;

use super::Table;

/// A task on its way to a helper.
#[derive(Debug)]
pub(super) struct Given {
    task: SessionTask,
    /// Its number, where it tells a loss: it may be withdrawn until it is taken.
    loss: Option<u64>,
}

impl Given {
    /// Tells a loss by the task of this number.
    pub(super) const fn loss(number: u64, task: SessionTask) -> Self {
        Self {
            task,
            loss: Some(number),
        }
    }
}

impl From<SessionTask> for Given {
    fn from(task: SessionTask) -> Self {
        Self { task, loss: None }
    }
}

/// What a connected helper takes its tasks from.
#[derive(Debug)]
pub(super) struct Tasks {
    table: Arc<Table>,
    uid: u32,
    connection: u64,
    receiver: mpsc::Receiver<Given>,
}

impl Tasks {
    /// Of this connection of the helper of this user.
    pub(super) const fn new(
        table: Arc<Table>,
        uid: u32,
        connection: u64,
        receiver: mpsc::Receiver<Given>,
    ) -> Self {
        Self {
            table,
            uid,
            connection,
            receiver,
        }
    }

    /// The helper has taken a task, so that there is room for another one.
    fn taken(&self) {
        let mut state = self.table.state();
        let helper = state.helpers.get_mut(&self.uid);
        if let Some(helper) = helper.filter(|helper| helper.connection == self.connection) {
            helper.tell_ends();
        }
    }

    /// Whether a task is still to be done. Where it is not, there is room for another one.
    fn is_wanted(&self, given: &Given) -> bool {
        let Some(number) = given.loss else {
            return true;
        };
        let mut state = self.table.state();
        let is_wanted = state.losses.is_told_by(number);
        if !is_wanted {
            state.tasks.remove(&number);
            state.tell_losses(self.uid, self.table.settings.max_tasks);
        }
        is_wanted
    }
}

impl SessionTasks for Tasks {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<SessionTask>> + Send + '_>> {
        Box::pin(async {
            loop {
                let given = self.receiver.recv().await?;
                self.taken();
                if self.is_wanted(&given) {
                    return Some(given.task);
                }
            }
        })
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.table.disconnect(self.uid, self.connection);
    }
}
