//! What tests of all protocols have in common.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses a part"
)]

use std::time::Duration;

use push_api::{Caller, Happening, Owner, WatchStream as _};
use push_client::{BuildError, Builder, Client, EngineError, Watching};
use tokio::task::JoinHandle;

/// How long a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

pub(crate) fn administrator() -> Caller {
    Caller {
        owner: Owner::proved("test"),
        administrator: true,
    }
}

/// What is said of registrations next.
pub(crate) async fn next_change(watching: &mut Watching) -> String {
    loop {
        let watched = within(watching.next()).await.unwrap();
        if let Happening::RegistrationChanged { cause, .. } = watched.what {
            return cause;
        }
    }
}

/// A client that runs.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) engine: JoinHandle<Result<(), EngineError>>,
}

impl Bench {
    pub(crate) fn start_with(builder: Builder) -> Self {
        let (client, engine) = builder.build().unwrap();
        Self {
            client,
            engine: tokio::spawn(engine.run()),
        }
    }

    /// Ends the engine in the middle of what it does, and starts another one, with the same store as it may be.
    pub(crate) async fn killed_and_started(self, builder: impl Fn() -> Builder) -> Self {
        self.engine.abort();
        self.engine.await.unwrap_err();
        loop {
            match builder().build() {
                Ok((client, engine)) => {
                    return Self {
                        client,
                        engine: tokio::spawn(engine.run()),
                    };
                }
                // The thread of the store before has not let it go yet.
                Err(BuildError::Store(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.client.shut_down().await;
        within(self.engine).await.unwrap().unwrap();
    }
}
