//! Session helpers: processes of users that reach applications on the buses of their sessions (`pushcai session-helper`).

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use push_api::{
    Caller, SessionAnswer, SessionAnswered, SessionApplication, SessionCheck, SessionOutcome,
    SessionTask,
};
use push_client::{ConnectedHelper, Outcome, RegistrationId, SessionHelpers};
use push_message::{Owner, Reason, Refusal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::owner::is_sandbox;
use crate::{Answering, Handed, Handler, Unreachable};

mod handler;
mod losses;
mod missed;
mod settings;
mod tasks;

use handler::SessionHandler;
use losses::{Loss, Losses};
use missed::Missed;
pub use settings::{SessionFault, SessionSettings};
use tasks::{Given, Tasks};

/// Every session helper that is connected, and what each has to do. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionHelperTable(Arc<Table>);

#[derive(Debug)]
struct Table {
    settings: SessionSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    helpers: BTreeMap<u32, Connected>,
    tasks: BTreeMap<u64, Task>,
    missed: Missed,
    /// What applications are told when their user's helper is there.
    losses: Losses,
    /// The number of the last task, opening or connection.
    last: u64,
}

#[derive(Debug)]
struct Connected {
    connection: u64,
    tasks: mpsc::Sender<Given>,
    /// Openings that have ended, and of which it is told so once it has room for that.
    ended: VecDeque<u64>,
}

/// A task that is not answered.
#[derive(Debug)]
struct Task {
    uid: u32,
    connection: u64,
    waits: Waits,
}

#[derive(Debug)]
enum Waits {
    Check(oneshot::Sender<Result<(), SessionFault>>),
    Event {
        registration: RegistrationId,
        opening: u64,
        answering: Answering,
    },
}

/// One opening of the way to an application: it ends with the helper that it goes by, so that what did not reach the application by
/// this helper comes to it before what is behind it.
#[derive(Debug, Clone, Copy)]
struct Opening {
    uid: u32,
    connection: u64,
    number: u64,
}

impl SessionHelperTable {
    /// Nobody is connected.
    pub fn new(settings: SessionSettings) -> Self {
        Self(Arc::new(Table {
            settings,
            state: Mutex::new(State {
                last: first_number(),
                ..State::default()
            }),
        }))
    }

    /// Asks the helper of a user whether an application is there or would be started.
    ///
    /// # Errors
    /// It is not, or nobody could say.
    pub async fn check_application(
        &self,
        uid: u32,
        application: &SessionApplication,
    ) -> Result<(), SessionFault> {
        let application = application.clone();
        let check = |task| SessionTask::check(&SessionCheck { task, application });
        self.ask(uid, check).await
    }

    /// Has the helper of a user tell an application of its registration; where it does not, the next one, or this one once it has less
    /// to do.
    async fn tell_application(&self, loss: Loss) -> Result<(), SessionFault> {
        let (task, answer) = {
            let settings = &self.0.settings;
            let mut state = self.0.state();
            state.losses.keep(loss.clone(), settings.max_missed);
            state.tell_loss(&loss, settings.max_tasks)?
        };
        let answered = timeout(self.0.settings.check_timeout, answer).await;
        let Ok(answered) = answered else {
            self.0.state().tasks.remove(&task);
            return Err(SessionFault::Silent(loss.uid));
        };
        answered.unwrap_or(Err(SessionFault::Gone(loss.uid)))
    }

    /// Has the helper of a user do something, and waits for what it came to.
    async fn ask(
        &self,
        uid: u32,
        order: impl FnOnce(u64) -> SessionTask,
    ) -> Result<(), SessionFault> {
        let (sender, answer) = oneshot::channel();
        let (tasks, task) = self.0.begin(uid, None, Waits::Check(sender))?;
        let order = order(task);
        let asked = async {
            let sent = tasks.send(order.into()).await;
            sent.map_err(|_| SessionFault::Gone(uid))?;
            answer.await.unwrap_or(Err(SessionFault::Gone(uid)))
        };
        let answered = timeout(self.0.settings.check_timeout, asked).await;
        answered.unwrap_or_else(|_| {
            self.0.state().tasks.remove(&task);
            Err(SessionFault::Silent(uid))
        })
    }

    /// The way to an application of a user, for the events of a registration. Whether the application is there shows with the
    /// first event.
    ///
    /// # Errors
    /// No helper of the user is connected. The registration is tried again when one connects.
    pub fn open_application(
        &self,
        uid: u32,
        registration: RegistrationId,
        application: SessionApplication,
    ) -> Result<Box<dyn Handler>, Unreachable> {
        let mut state = self.0.state();
        if let Some(helper) = state.helpers.get(&uid) {
            let connection = helper.connection;
            state.missed.forget(registration, uid);
            let opening = Opening {
                uid,
                connection,
                number: state.next_number(),
            };
            let table = self.clone();
            return Ok(Box::new(SessionHandler::new(
                table,
                opening,
                registration,
                application,
            )));
        }
        state
            .missed
            .note(registration, uid, self.0.settings.max_missed);
        Err(Unreachable::new(SessionFault::NoHelper(uid).to_string()))
    }
}

impl SessionHelpers for SessionHelperTable {
    fn connect(&self, caller: &Caller) -> Result<ConnectedHelper, Refusal> {
        let uid = helper_user(&caller.owner)?;
        let settings = &self.0.settings;
        let mut state = self.0.state();
        if !state.helpers.contains_key(&uid) && state.helpers.len() >= settings.max_helpers {
            let most = settings.max_helpers;
            return Err(Refusal::new(
                Reason::QuotaExceeded,
                format!("{most} users have a session helper already"),
            ));
        }
        let connection = state.next_number();
        let (sender, receiver) = mpsc::channel(settings.max_tasks.max(1));
        let connected = Connected {
            connection,
            tasks: sender,
            ended: VecDeque::new(),
        };
        if let Some(former) = state.helpers.insert(uid, connected) {
            // It ends anyhow: its channel does.
            former.tasks.try_send(SessionTask::replaced().into()).ok();
        }
        let missed = state.missed.take(uid);
        let ended = state.end_tasks(|task| task.uid == uid);
        state.tell_losses(uid, settings.max_tasks);
        drop(state);
        tell_gone(ended);
        tracing::info!(uid, "a session helper is connected");
        Ok(ConnectedHelper {
            tasks: Box::new(Tasks::new(Arc::clone(&self.0), uid, connection, receiver)),
            missed,
        })
    }

    fn answer(
        &self,
        caller: &Caller,
        answers: Vec<SessionAnswer>,
    ) -> Result<SessionAnswered, Refusal> {
        let uid = helper_user(&caller.owner)?;
        let mut taken = 0;
        for answer in answers {
            let task = {
                let mut state = self.0.state();
                let is_ours = state
                    .tasks
                    .get(&answer.task)
                    .is_some_and(|it| it.uid == uid);
                let task = is_ours.then(|| state.tasks.remove(&answer.task)).flatten();
                if task.is_some() {
                    state.losses.answered(answer.task);
                }
                task
            };
            if let Some(task) = task {
                taken += 1;
                task.waits.settle(answer);
            }
        }
        // There is room for what it was not given yet.
        self.0.state().tell_losses(uid, self.0.settings.max_tasks);
        Ok(SessionAnswered { taken })
    }
}

/// The user that a caller may be the helper of.
fn helper_user(owner: &Owner) -> Result<u32, Refusal> {
    let refused = |detail: String| Err(Refusal::new(Reason::NotAuthorized, detail));
    match owner.user() {
        None => refused(format!(
            "{owner} is no user of this machine; a session helper connects to the daemon's socket as its user"
        )),
        Some((_, Some(sandbox))) if is_sandbox(sandbox) => refused(format!(
            "{owner} lives in a sandbox; the session helper of its user is for all of the user's applications"
        )),
        Some((uid, _)) => Ok(uid),
    }
}

impl Table {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a task, for this helper alone where one is named, and says where it goes.
    fn begin(
        &self,
        uid: u32,
        wanted: Option<u64>,
        waits: Waits,
    ) -> Result<(mpsc::Sender<Given>, u64), SessionFault> {
        let mut state = self.state();
        let Some(helper) = state.helpers.get(&uid) else {
            return Err(SessionFault::NoHelper(uid));
        };
        if wanted.is_some_and(|wanted| wanted != helper.connection) {
            return Err(SessionFault::Gone(uid));
        }
        let (connection, tasks) = (helper.connection, helper.tasks.clone());
        if state.unanswered(uid) >= self.settings.max_tasks {
            return Err(SessionFault::Busy(uid));
        }
        let number = state.next_number();
        let task = Task {
            uid,
            connection,
            waits,
        };
        state.tasks.insert(number, task);
        Ok((tasks, number))
    }

    /// Ends an opening: what is not answered will not be.
    fn close(&self, opening: Opening) {
        let Opening {
            uid,
            connection,
            number,
        } = opening;
        let mut state = self.state();
        let ended = state.end_tasks(
            |task| matches!(task.waits, Waits::Event { opening, .. } if opening == number),
        );
        let helper = state.helpers.get_mut(&uid);
        if let Some(helper) = helper.filter(|helper| helper.connection == connection) {
            helper.ended.push_back(number);
            helper.tell_ends();
            if helper.ended.len() > self.settings.max_tasks {
                // A helper that has so much to do ends the oldest openings by itself.
                helper.ended.pop_front();
            }
        }
        drop(state);
        drop(ended);
    }

    fn disconnect(&self, uid: u32, connection: u64) {
        let mut state = self.state();
        let is_current = |helper: &Connected| helper.connection == connection;
        if state.helpers.get(&uid).is_some_and(is_current) {
            state.helpers.remove(&uid);
            tracing::info!(uid, "a session helper is gone");
        }
        let ended = state.end_tasks(|task| task.connection == connection);
        for task in &ended {
            if let Waits::Event { registration, .. } = task.waits {
                state
                    .missed
                    .note(registration, uid, self.settings.max_missed);
            }
        }
        drop(state);
        tell_gone(ended);
    }
}

impl Connected {
    /// Tells the helper of openings that have ended, behind what it was given before, as far as it has room.
    fn tell_ends(&mut self) {
        while let Some(&number) = self.ended.front() {
            let close = SessionTask::close(number).into();
            if self.tasks.try_send(close).is_err() {
                return;
            }
            self.ended.pop_front();
        }
    }
}

impl State {
    const fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn unanswered(&self, uid: u32) -> usize {
        self.tasks.values().filter(|task| task.uid == uid).count()
    }

    fn end_tasks(&mut self, which: impl Fn(&Task) -> bool) -> Vec<Task> {
        let ended = self.tasks.extract_if(.., |_, task| which(task));
        ended.map(|(_, task)| task).collect()
    }
}

/// A number that nobody guesses, so that an answer for a Push Client that has ended is none to a task of the next. JSON carries it
/// as it is.
fn first_number() -> u64 {
    RandomState::new().build_hasher().finish() >> 12
}

fn tell_gone(tasks: Vec<Task>) {
    for Task { uid, waits, .. } in tasks {
        let gone = SessionFault::Gone(uid);
        match waits {
            // Who asked may have gone.
            Waits::Check(answer) => drop(answer.send(Err(gone))),
            Waits::Event { answering, .. } => {
                answering.give(Err(Unreachable::new(gone.to_string())));
            }
        }
    }
}

impl Waits {
    fn settle(self, answer: SessionAnswer) {
        let SessionAnswer {
            outcome,
            detail,
            after,
            ..
        } = answer;
        let after = after.map(|seconds| Duration::from_secs(seconds.into()));
        match self {
            Self::Check(sender) => {
                let answer = match outcome {
                    SessionOutcome::Available => Ok(()),
                    SessionOutcome::Missing
                    | SessionOutcome::Accepted
                    | SessionOutcome::Later
                    | SessionOutcome::Rejected
                    | SessionOutcome::Unreachable => Err(SessionFault::Missing(detail)),
                };
                // Who asked may have gone.
                drop(sender.send(answer));
            }
            Self::Event { answering, .. } => answering.give(match outcome {
                SessionOutcome::Accepted => {
                    Ok(Handed::new(Outcome::Accepted, said(detail, "accepted")))
                }
                SessionOutcome::Rejected => {
                    Ok(Handed::new(Outcome::Rejected, said(detail, "rejected")))
                }
                SessionOutcome::Later | SessionOutcome::Available => Ok(Handed {
                    after,
                    ..Handed::new(Outcome::Later, said(detail, "later"))
                }),
                SessionOutcome::Unreachable | SessionOutcome::Missing => Err(Unreachable::new(
                    said(detail, "it is not on the bus of the session"),
                )),
            }),
        }
    }
}

fn said(detail: String, otherwise: &str) -> String {
    if detail.is_empty() {
        otherwise.to_owned()
    } else {
        detail
    }
}

#[cfg(test)]
mod tests;
