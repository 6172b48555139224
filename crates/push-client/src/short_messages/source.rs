//! Sources of short messages that run beside the engine.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::task::{Id, JoinSet};

use super::Intake;

/// The run of a [`Source`].
pub type SourceFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A source of short messages: the engine starts it and tells it when to stop.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// A name for operators, as a URI: `smpp://smsc.example.net:2775`.
    fn uri(&self) -> String;

    /// Whether it shows the ports of short messages. Where no source does, an application cannot have a port of its own.
    fn shows_ports(&self) -> bool;

    /// What became of the short messages that it saw, by word, since the start.
    fn counts(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    /// Runs until [`Intake::stopped`] returns; comes back by itself from whatever ends its connection. A source that returns
    /// earlier is not started again, and is shown as [`SourceState::Failed`].
    fn run(self: Arc<Self>, intake: Intake) -> SourceFuture;
}

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceState {
    /// It is being connected.
    #[default]
    Connecting,
    /// It can deliver.
    Connected,
    /// It cannot, for this reason, and tries again by itself.
    Failed(String),
}

impl SourceState {
    /// A stable word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Failed(_) => "unreachable",
        }
    }
}

/// How all sources stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct States(Arc<Mutex<Vec<SourceState>>>);

impl States {
    pub(super) fn set(&self, source: usize, state: SourceState) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = states.get_mut(source) {
            *slot = state;
        }
    }

    fn of(&self, source: usize) -> SourceState {
        let states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(source).cloned().unwrap_or_default()
    }
}

/// The sources that run beside an engine.
#[derive(Debug)]
pub(crate) struct Running {
    sources: Vec<Arc<dyn Source>>,
    intake: Intake,
    states: States,
    tasks: JoinSet<()>,
    /// The number of the source that each task runs.
    numbers: BTreeMap<Id, usize>,
}

impl Running {
    /// Sources that have not been started.
    pub(crate) fn new(sources: Vec<Arc<dyn Source>>, intake: Intake, states: States) -> Self {
        states
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .resize(sources.len(), SourceState::Connecting);
        Self {
            sources,
            intake,
            states,
            tasks: JoinSet::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Starts every source.
    pub(crate) fn start(&mut self) {
        for (number, source) in self.sources.iter().enumerate() {
            let intake = self.intake.of_source(number);
            let task = self.tasks.spawn(Arc::clone(source).run(intake));
            self.numbers.insert(task.id(), number);
        }
    }

    /// Forgets those that have ended, and says whether there were any; `context` is woken when the next one ends. Where they were
    /// `told` to end, that is as it should be.
    pub(crate) fn poll_ended(&mut self, told: bool, context: &mut Context<'_>) -> bool {
        let before = self.tasks.len();
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next_with_id(context) {
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            if let Some(number) = self.numbers.remove(&id)
                && !told
            {
                self.ended_by_itself(number);
            }
        }
        self.tasks.len() < before
    }

    /// Nothing comes from this source any more, and nobody else would say so.
    fn ended_by_itself(&self, number: usize) {
        let uri = self.sources.get(number).map(|source| source.uri());
        let uri = uri.unwrap_or_default();
        tracing::error!(%uri, "a source of short messages ended by itself; nothing comes from it until the next start");
        let reason = "it ended by itself; start the client again to have it back";
        self.states
            .set(number, SourceState::Failed(reason.to_owned()));
    }

    /// How many still run.
    pub(crate) fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Ends those that still run.
    pub(crate) fn abort(&mut self) {
        self.tasks.abort_all();
    }

    /// Each source's name and its counts.
    pub(crate) fn counts(&self) -> Vec<(String, BTreeMap<&'static str, u64>)> {
        let sources = self.sources.iter();
        sources
            .map(|source| (source.uri(), source.counts()))
            .collect()
    }

    /// Each source's name and how it stands.
    pub(crate) fn view(&self) -> impl Iterator<Item = (String, SourceState)> {
        let sources = self.sources.iter().enumerate();
        sources.map(|(number, source)| (source.uri(), self.states.of(number)))
    }
}
