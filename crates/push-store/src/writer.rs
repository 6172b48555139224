//! The thread that owns a store: a bounded queue in, one sync for all that waits, answers out.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use push_core::{Change, PersistTicket};
use push_message::UnixMillis;

use crate::{Store, StoreError};

/// What one [`Persist`](push_core::Output::Persist) asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Names the answer.
    pub ticket: PersistTicket,
    /// The wall clock when it was asked for.
    pub now: UnixMillis,
    /// What to write, all or none.
    pub changes: Vec<Change>,
}

/// The bounds of a [`Writer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterSettings {
    /// Transactions that wait.
    pub queue: usize,
    /// Transactions written with one sync.
    pub group: usize,
    /// Changes written with one sync; a single transaction may have more.
    pub group_changes: usize,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            queue: 1_024,
            group: 256,
            group_changes: 2_048,
        }
    }
}

/// Why transactions were not taken. They stay with the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// As many wait as the queue holds; take up again after the next answer.
    #[error("the store's queue is full")]
    Full,
    /// The thread has ended.
    #[error("the store's writer has ended")]
    Ended,
}

/// The answers to the transactions of one group, in order.
type Answers = Vec<(PersistTicket, Result<(), String>)>;

/// Owns the thread that owns the store. Dropped, it writes what waits and closes the store, as
/// [`shut_down`](Self::shut_down) does.
pub struct Writer {
    shared: Arc<Shared>,
    capacity: usize,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Writer {
    /// Starts the thread. `answer` is called on it once a group, with every ticket of the group in order.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        store: impl Store + 'static,
        settings: WriterSettings,
        answer: impl Fn(Vec<(PersistTicket, Result<(), String>)>) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_boxed(Box::new(store), settings, answer)
    }

    /// As [`start`](Self::start), for a store whose kind is chosen at run time.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start_boxed(
        store: Box<dyn Store>,
        settings: WriterSettings,
        answer: impl Fn(Vec<(PersistTicket, Result<(), String>)>) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let capacity = settings.queue;
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                let _ended = EndsQueue(&of_thread);
                run(store, &settings, &of_thread, &answer)
            })?;
        Ok(Self {
            shared,
            capacity,
            thread: Some(thread),
        })
    }

    /// Queues transactions from the front of `transactions`, and wakes the thread once for all of them. Those that find no
    /// room stay in `transactions`.
    ///
    /// # Errors
    /// Where some stayed.
    pub fn submit(&self, transactions: &mut Vec<Transaction>) -> Result<(), SubmitError> {
        if transactions.is_empty() {
            return Ok(());
        }
        let mut queue = self.shared.lock();
        if queue.ended {
            return Err(SubmitError::Ended);
        }
        let room = self.capacity.saturating_sub(queue.waiting.len());
        let taken = room.min(transactions.len());
        queue.waiting.extend(transactions.drain(..taken));
        let wakes = queue.asleep && taken > 0;
        drop(queue);
        if wakes {
            self.shared.changed.notify_one();
        }
        if transactions.is_empty() {
            Ok(())
        } else {
            Err(SubmitError::Full)
        }
    }

    /// Writes and answers everything that waits, closes the store, and ends the thread.
    ///
    /// # Errors
    /// Where the store could not be closed cleanly. What was answered as written is.
    pub fn shut_down(mut self) -> Result<(), StoreError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_one();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.thread.is_some() && !std::thread::panicking() {
            // There is nobody left to tell; the next start recovers.
            self.end().ok();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("waiting", &self.shared.lock().waiting.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Transaction>,
    /// The thread waits to be woken.
    asleep: bool,
    /// The thread is to end once nothing waits.
    stopping: bool,
    /// The thread has ended.
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for transactions and takes a group of them; nothing once the writer stops and none waits.
    fn next_group(&self, settings: &WriterSettings, group: &mut Vec<Transaction>) -> bool {
        let mut queue = self.lock();
        while queue.waiting.is_empty() {
            if queue.stopping {
                return false;
            }
            queue.asleep = true;
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.asleep = false;
        }
        let mut changes = 0;
        while let Some(next) = queue.waiting.front() {
            changes += next.changes.len();
            let fits = group.len() < settings.group && changes <= settings.group_changes;
            if !(fits || group.is_empty()) {
                break;
            }
            group.extend(queue.waiting.pop_front());
        }
        true
    }

    fn is_idle(&self) -> bool {
        self.lock().waiting.is_empty()
    }
}

/// Marks the queue as ended when the thread goes, by whatever way.
struct EndsQueue<'a>(&'a Shared);

impl Drop for EndsQueue<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
    }
}

fn run(
    mut store: Box<dyn Store>,
    settings: &WriterSettings,
    shared: &Shared,
    answer: &dyn Fn(Answers),
) -> Result<(), StoreError> {
    let mut group = Vec::new();
    while shared.next_group(settings, &mut group) {
        answer(write_group(store.as_mut(), &group));
        group.clear();
        // A failure here loses nothing and is met again: by the next commit, or when the store is closed.
        store.maintain(shared.is_idle()).ok();
        // Where the thread that submits shares this core, it gets a turn, and the next group is the larger for it.
        std::thread::yield_now();
    }
    store.close()
}

/// Writes the group as one. Where one transaction is at fault, the others are written without it; where there is no room for all,
/// each is tried alone, in order, so that those which make room are not held up by those that need it.
fn write_group(store: &mut dyn Store, group: &[Transaction]) -> Answers {
    let now = group
        .iter()
        .map(|transaction| transaction.now)
        .max()
        .unwrap_or_default();
    let mut all = group.iter().flat_map(|transaction| &transaction.changes);
    let results = match store.commit(now, &mut all) {
        Ok(()) => return answers(group, |_| Ok(())),
        Err(error) if error.is_change() => {
            let sets: Vec<&[Change]> = group
                .iter()
                .map(|transaction| transaction.changes.as_slice())
                .collect();
            store.commit_each(now, &sets)
        }
        Err(StoreError::Full { .. }) if group.len() > 1 => Ok(group
            .iter()
            .map(|transaction| store.commit(now, &mut transaction.changes.iter()))
            .collect()),
        Err(error) => Err(error),
    };
    match results {
        Ok(results) => group
            .iter()
            .zip(results)
            .map(|(transaction, result)| {
                (
                    transaction.ticket,
                    result.map_err(|error| error.to_string()),
                )
            })
            .collect(),
        Err(error) => {
            let reason = error.to_string();
            answers(group, |_| Err(reason.clone()))
        }
    }
}

fn answers(group: &[Transaction], result: impl Fn(PersistTicket) -> Result<(), String>) -> Answers {
    group
        .iter()
        .map(|transaction| (transaction.ticket, result(transaction.ticket)))
        .collect()
}
