//! oFono as a source of pushes: this client is the push agent of every modem that hands pushes to one.
//!
//! oFono passes on what came to the port of connectionless pushes, put together, and nothing else.

mod held;
mod modems;
mod news;
mod proxies;
mod settings;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use zbus::names::WellKnownName;

use super::pause::Pauses;
use super::tally::Tally;
use crate::short_messages::{Intake, Source, SourceFuture, SourceState};
use held::Held;

pub use settings::OfonoSettings;

/// Takes pushes from oFono.
#[derive(Debug)]
pub struct Ofono {
    settings: Arc<OfonoSettings>,
    tally: Arc<Tally>,
}

impl Ofono {
    /// The source with these settings.
    pub fn new(settings: OfonoSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            tally: Arc::default(),
        }
    }

    async fn go_on(&self, intake: &Intake, held: &mut Held) {
        let bus = &self.settings.bus;
        let mut pauses = Pauses::new(bus.backoff_base, bus.backoff_limit);
        let mut told = false;
        loop {
            let failed = match bus.connect().await {
                Ok(connection) => {
                    told = false;
                    pauses.reset();
                    let watch = watch::Watch::new(&self.settings, connection, intake, held);
                    match watch.run().await {
                        Ok(()) => "the connection to the bus is lost".to_owned(),
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            if !told {
                told = true;
                tracing::warn!(bus = %bus.address, error = %failed, "oFono cannot be reached by D-Bus; trying again by and by");
            }
            intake.state(SourceState::Failed(failed));
            tokio::select! {
                () = tokio::time::sleep(pauses.take()) => {}
                () = held.run() => {}
            }
        }
    }
}

impl Source for Ofono {
    fn uri(&self) -> String {
        "dbus:org.ofono".to_owned()
    }

    fn shows_ports(&self) -> bool {
        false
    }

    fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.tally.counts()
    }

    fn run(self: Arc<Self>, intake: Intake) -> SourceFuture {
        Box::pin(async move {
            let tally = Arc::clone(&self.tally);
            let mut held = Held::new(Arc::clone(&self.settings), intake.clone(), tally);
            tokio::select! {
                () = self.go_on(&intake, &mut held) => {}
                () = intake.stopped() => {}
            }
            let count = held.len();
            if count > 0 {
                tracing::error!(
                    count,
                    "pushes are lost: oFono offers them once, and the client ends before they are in the journal"
                );
            }
        })
    }
}

/// The name of the service.
fn service() -> WellKnownName<'static> {
    WellKnownName::from_static_str_unchecked(proxies::SERVICE)
}
