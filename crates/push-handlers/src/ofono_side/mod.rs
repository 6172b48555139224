//! The side of oFono that its push agents see, on systems where no oFono runs: any number of agents, each of which observes every
//! push, and none of which is dropped for an error.

mod agents;
mod interfaces;
mod serve;
mod settings;

pub use agents::Agents;
pub use serve::OfonoSide;
pub use settings::OfonoSideSettings;

/// What agents implement.
pub(crate) const AGENT_INTERFACE: &str = "org.ofono.PushNotificationAgent";
/// The method that is called for each push.
pub(crate) const RECEIVE: &str = "ReceiveNotification";
/// The method that says that no push comes any more.
const RELEASE: &str = "Release";
/// The name of oFono.
const NAME: &str = "org.ofono";
