//! ModemManager as a source of short messages.
//!
//! Every stored message of every modem is looked at when the modem appears, and each one that is added afterwards. A push is
//! handed over, and cleared from the modem's storage as the settings say, once it is in the journal; until then the modem
//! keeps it, whatever happens here. Everything else is left where it is. ModemManager does not show ports.

mod message;
mod proxies;
mod settings;
mod waiting;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use zbus::names::WellKnownName;

use super::memory::Memory;
use super::pause::Pauses;
use super::tally::Tally;
use crate::short_messages::{Intake, Source, SourceFuture, SourceState};

pub use settings::{ModemManagerSettings, StoragePolicy};

/// Takes short messages from ModemManager.
#[derive(Debug)]
pub struct ModemManager {
    settings: Arc<ModemManagerSettings>,
    tally: Arc<Tally>,
}

impl ModemManager {
    /// The source with these settings.
    pub fn new(settings: ModemManagerSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            tally: Arc::default(),
        }
    }

    async fn go_on(&self, intake: Intake, under_way: UnderWay) {
        let memory = Arc::new(Mutex::new(self.open_memory().await));
        let bus = &self.settings.bus;
        let mut pauses = Pauses::new(bus.backoff_base, bus.backoff_limit);
        let mut told = false;
        loop {
            let failed = match bus.connect().await {
                Ok(connection) => {
                    told = false;
                    pauses.reset();
                    let watch = watch::Watch::new(self, connection, &intake, &memory, &under_way);
                    match watch.run().await {
                        Ok(()) => "the connection to the bus is lost".to_owned(),
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            if !told {
                told = true;
                tracing::warn!(bus = %bus.address, error = %failed, "ModemManager cannot be reached by D-Bus; trying again by and by");
            }
            intake.state(SourceState::Failed(failed));
            tokio::time::sleep(pauses.take()).await;
        }
    }

    async fn open_memory(&self) -> Memory {
        let settings = Arc::clone(&self.settings);
        let bound = settings.max_remembered;
        let opened = tokio::task::spawn_blocking(move || {
            let path = settings.memory.as_deref()?;
            match Memory::open(path, bound) {
                Ok(memory) => Some(memory),
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "which messages of modems were taken cannot be read: they may be taken again");
                    None
                }
            }
        });
        let opened = opened.await.ok().flatten();
        opened.unwrap_or_else(|| Memory::forgetful(bound))
    }
}

impl Source for ModemManager {
    fn uri(&self) -> String {
        "dbus:org.freedesktop.ModemManager1".to_owned()
    }

    fn shows_ports(&self) -> bool {
        false
    }

    fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.tally.counts()
    }

    fn run(self: Arc<Self>, intake: Intake) -> SourceFuture {
        Box::pin(async move {
            let stopped = intake.clone();
            let (under_way, mut ended) = mpsc::channel(1);
            tokio::select! {
                () = self.go_on(intake, under_way) => {}
                () = stopped.stopped() => {}
            }
            // A message that has got into the journal is remembered before the end; else the next process would take it again.
            ended.recv().await;
        })
    }
}

/// Held by whatever looks at messages, for as long as it does; nothing is ever sent.
type UnderWay = mpsc::Sender<()>;

/// The name of the service.
fn service() -> WellKnownName<'static> {
    WellKnownName::from_static_str_unchecked(proxies::SERVICE)
}
