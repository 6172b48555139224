//! A Push Client that says of registrations what the test has it say.

use std::sync::{Arc, Mutex};

use push_api::{
    BatchAcknowledgeAnswer, BatchAcknowledgement, Caller, DeadLetter, DeadLetterQuery,
    DeregistrationAnswer, DeregistrationQuery, ExplainAnswer, ExplainRequest, FetchQuery,
    PushService, Reason, Refusal, Registration, RegistrationAnswer, RegistrationRequest, Server,
    SettleAnswer, SettleDeadLetters, Status, SubmitAnswer, SubmitRequest, SubscribeQuery,
    WatchQuery, WatchStream, Watched,
};
use push_client::{Event, Events};
use tokio::sync::{mpsc, watch};

/// What is said of registrations.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) changes: Vec<Watched>,
    pub(crate) registrations: Vec<Registration>,
    /// So many watches are refused.
    pub(crate) refused_watches: u32,
    happening: Option<mpsc::Receiver<Watched>>,
}

/// The end that the test has of it.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) said: Arc<Mutex<Said>>,
    /// What those who watch are told next.
    pub(crate) happening: mpsc::Sender<Watched>,
    /// Who watches waits for what happens, or has taken something.
    pub(crate) watching: mpsc::Receiver<()>,
    /// An owner is being told of changes.
    pub(crate) asked: mpsc::Receiver<String>,
    /// Whether answers on changes are held back.
    pub(crate) held: watch::Sender<bool>,
}

/// The Push Client.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    said: Arc<Mutex<Said>>,
    watching: mpsc::Sender<()>,
    asked: mpsc::Sender<String>,
    held: watch::Receiver<bool>,
}

impl Fake {
    pub(crate) fn new() -> (Self, Script) {
        let (happening, happened) = mpsc::channel(64);
        let (watching, watches) = mpsc::channel(64);
        let (asked, asks) = mpsc::channel(64);
        let (holds, held) = watch::channel(false);
        let said = Arc::new(Mutex::new(Said {
            happening: Some(happened),
            ..Said::default()
        }));
        let script = Script {
            said: Arc::clone(&said),
            happening,
            watching: watches,
            asked: asks,
            held: holds,
        };
        let fake = Self {
            said,
            watching,
            asked,
            held,
        };
        (fake, script)
    }
}

/// What goes on.
#[derive(Debug)]
pub(crate) struct Watching {
    happening: mpsc::Receiver<Watched>,
    watching: mpsc::Sender<()>,
}

impl WatchStream for Watching {
    async fn next(&mut self) -> Option<Watched> {
        self.watching.try_send(()).ok();
        let next = self.happening.recv().await;
        self.watching.try_send(()).ok();
        next
    }
}

fn not_here<T>() -> Result<T, Refusal> {
    Err(Refusal::new(Reason::UnsupportedOption, "not in this test"))
}

impl PushService for Fake {
    type Event = Event;
    type Events = Events;
    type Watching = Watching;

    async fn registrations(&self, _: Caller) -> Result<Vec<Registration>, Refusal> {
        Ok(self.said.lock().unwrap().registrations.clone())
    }

    async fn watch(&self, _: Caller, _: WatchQuery) -> Result<Watching, Refusal> {
        let mut said = self.said.lock().unwrap();
        if said.refused_watches > 0 {
            said.refused_watches -= 1;
            return Err(Refusal::new(Reason::QuotaExceeded, "too many watch"));
        }
        let Some(happening) = said.happening.take() else {
            return not_here();
        };
        Ok(Watching {
            happening,
            watching: self.watching.clone(),
        })
    }

    async fn registration_changes(&self, caller: Caller) -> Result<Vec<Watched>, Refusal> {
        let changes = self.said.lock().unwrap().changes.clone();
        self.asked.try_send(caller.owner.to_string()).ok();
        self.held.clone().wait_for(|held| !held).await.ok();
        Ok(changes)
    }

    async fn register(
        &self,
        _: Caller,
        _: RegistrationRequest,
    ) -> Result<RegistrationAnswer, Refusal> {
        not_here()
    }

    async fn deregister(
        &self,
        _: Caller,
        _: DeregistrationQuery,
    ) -> Result<DeregistrationAnswer, Refusal> {
        not_here()
    }

    async fn subscribe(&self, _: Caller, _: SubscribeQuery) -> Result<Events, Refusal> {
        not_here()
    }

    async fn fetch(&self, _: Caller, _: FetchQuery) -> Result<Vec<Event>, Refusal> {
        not_here()
    }

    async fn acknowledge(
        &self,
        _: Caller,
        _: Vec<BatchAcknowledgement>,
    ) -> Result<BatchAcknowledgeAnswer, Refusal> {
        not_here()
    }

    async fn dead_letters(
        &self,
        _: Caller,
        _: DeadLetterQuery,
    ) -> Result<Vec<DeadLetter>, Refusal> {
        not_here()
    }

    async fn settle_dead_letters(
        &self,
        _: Caller,
        _: SettleDeadLetters,
    ) -> Result<SettleAnswer, Refusal> {
        not_here()
    }

    async fn status(&self, _: Caller) -> Result<Status, Refusal> {
        not_here()
    }

    async fn servers(&self, _: Caller) -> Result<Vec<Server>, Refusal> {
        not_here()
    }

    async fn explain(&self, _: Caller, _: ExplainRequest) -> Result<ExplainAnswer, Refusal> {
        not_here()
    }

    async fn submit(&self, _: Caller, _: SubmitRequest) -> Result<SubmitAnswer, Refusal> {
        not_here()
    }

    async fn metrics(&self) -> String {
        String::new()
    }
}
