//! What connections hear of their owners' registrations, whatever comes between.

use std::collections::HashMap;
use std::time::Duration;

use push_api::{Happening, Registration, RegistrationRequest, Watched, WatchedRegistration};
use push_dbus::{NAME, next_message, serve};
use push_testkit::Bus;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zbus::{Connection, MessageStream, OwnedVariant};

use crate::fake::{Fake, Script};
use crate::stage::{Options, call, settings, wait_for_name};

/// A Push Client that says what the test has it say, served on a bus, and an application.
struct Stage {
    script: Script,
    application: Connection,
    messages: MessageStream,
    /// Who the application is.
    owner: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _bus: Bus,
}

impl Stage {
    async fn start(refused_watches: u32) -> Option<Self> {
        let bus = Bus::start()?;
        let (fake, script) = Fake::new();
        script.said.lock().unwrap().refused_watches = refused_watches;
        let mut settings = settings(&bus);
        settings.backoff_base = Duration::from_millis(1);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            stopped.await.ok();
        };
        let serving = tokio::spawn(serve(fake, settings, shutdown));
        let application = bus.connect().await;
        soon(wait_for_name(&application, NAME)).await;
        Some(Self {
            script,
            messages: MessageStream::from(&application),
            application,
            owner: String::new(),
            stop,
            serving,
            _bus: bus,
        })
    }

    /// The application calls.
    fn calls(&self) -> JoinHandle<()> {
        let application = self.application.clone();
        tokio::spawn(async move {
            let listed = call(&application, "List", &(Options::new(),)).await;
            listed.unwrap();
        })
    }

    /// Waits until the Push Client is asked what changed.
    async fn asked(&mut self) {
        self.owner = soon(self.script.asked.recv()).await.unwrap();
    }

    fn says(&self, changes: &[(u8, &str)]) {
        let changes = changes.iter().map(|(id, cause)| self.change(*id, cause));
        self.script.said.lock().unwrap().changes = changes.collect();
    }

    fn stand(&self, ids: &[u8]) {
        let registrations = ids.iter().map(|id| Registration {
            registration_id: id.to_string(),
            owner: self.owner.clone(),
            request: RegistrationRequest::default(),
            state: "active".to_owned(),
            registered_at: 1,
            waiting_events: 0,
            unacknowledged_events: 0,
            connected: false,
            handler_state: None,
        });
        self.script.said.lock().unwrap().registrations = registrations.collect();
    }

    /// It happens that this becomes of a registration.
    fn happens(&self, id: u8, cause: &str) {
        let change = self.change(id, cause);
        self.script.happening.try_send(change).unwrap();
    }

    fn change(&self, id: u8, cause: &str) -> Watched {
        Watched {
            time: 1,
            what: Happening::RegistrationChanged {
                registration: WatchedRegistration {
                    registration_id: id.to_string(),
                    owner: self.owner.clone(),
                    ..WatchedRegistration::default()
                },
                cause: cause.to_owned(),
                detail: String::new(),
            },
        }
    }

    /// The next that the application hears of a registration.
    async fn hears(&mut self, id: u8, cause: &str) {
        let heard = async {
            loop {
                let message = next_message(&mut self.messages).await.unwrap();
                let header = message.header();
                if header
                    .member()
                    .is_some_and(|it| it == "RegistrationChanged")
                {
                    let body = message.body();
                    return body.deserialize::<(String, String, HashMap<String, OwnedVariant>)>();
                }
            }
        };
        let (heard_id, heard_cause, _) = soon(heard).await.unwrap();
        assert_eq!((heard_id, heard_cause.as_str()), (id.to_string(), cause));
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        soon(self.serving).await.unwrap();
    }
}

/// What is waited for comes; a bound for where it does not.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.unwrap()
}

#[tokio::test]
async fn what_a_newcomer_is_told_is_not_overtaken() {
    let Some(mut stage) = Stage::start(0).await else {
        return;
    };
    // It has begun to watch.
    soon(stage.script.watching.recv()).await.unwrap();
    stage.script.held.send_replace(true);
    stage.says(&[(1, "lost")]);
    let calling = stage.calls();
    // What is said is made up before it is whole again, and on its way afterwards.
    stage.asked().await;
    stage.happens(1, "restored");
    soon(stage.script.watching.recv()).await.unwrap();
    stage.script.held.send_replace(false);
    stage.hears(1, "lost").await;
    stage.hears(1, "restored").await;
    soon(calling).await.unwrap();
    stage.stop().await;
}

#[tokio::test]
async fn what_was_missed_is_told_as_far_as_it_differs() {
    let Some(mut stage) = Stage::start(0).await else {
        return;
    };
    stage.says(&[(1, "lost"), (2, "lost"), (3, "lost")]);
    let calling = stage.calls();
    stage.asked().await;
    for id in [1, 2, 3] {
        stage.hears(id, "lost").await;
    }
    soon(calling).await.unwrap();
    stage.happens(4, "lost");
    stage.hears(4, "lost").await;
    // 1 is whole again, 2 was deregistered.
    stage.says(&[(3, "revoked"), (4, "lost"), (5, "lost")]);
    stage.stand(&[1, 4, 5]);
    let missed = Watched {
        time: 1,
        what: Happening::Missed { count: 3 },
    };
    stage.script.happening.try_send(missed).unwrap();
    stage.hears(3, "revoked").await;
    stage.hears(5, "lost").await;
    stage.hears(1, "restored").await;
    stage.happens(5, "restored");
    stage.hears(5, "restored").await;
    stage.stop().await;
}

#[tokio::test]
async fn a_watch_that_is_refused_is_tried_again() {
    let Some(mut stage) = Stage::start(3).await else {
        return;
    };
    let calling = stage.calls();
    stage.asked().await;
    soon(calling).await.unwrap();
    stage.happens(1, "lost");
    stage.hears(1, "lost").await;
    stage.stop().await;
}
