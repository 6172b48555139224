//! The name of oFono: taken while nobody has it, given away when it is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use push_api::{Caller, PushService as _};
use push_client::{Client, DeregistrationRequest, RegistrationRequest};
use push_dbus::{connect, next_owner, owner_changes};
use push_message::Owner;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio::time::{sleep, sleep_until};
use zbus::fdo::{DBusProxy, RequestNameFlags, RequestNameReply};
use zbus::message::Flags;
use zbus::names::{BusName, WellKnownName};
use zbus::{Connection, MessageStream, OwnedObjectPath};

use super::agents::Agents;
use super::interfaces::{Manager, Modem, OfonoError, PushNotification, SimManager};
use super::{AGENT_INTERFACE, NAME, OfonoSideSettings, RELEASE};
use crate::peers::{Agent, Target};

/// The owner that looks for registrations of earlier runs.
const OBSERVER: &str = "ofono_side";

/// Octets of an agent's path.
const MOST_PATH: usize = 255;

/// Pushes to any application.
const ANY: &str = "*";

/// oFono's side, for push agents.
#[derive(Debug)]
pub struct OfonoSide {
    registrar: Arc<Registrar>,
}

/// What registers agents.
#[derive(Debug)]
pub(super) struct Registrar {
    client: Client,
    settings: OfonoSideSettings,
    agents: Arc<Agents>,
    /// One at a time, so that each finds the place that it asked for.
    turn: Mutex<()>,
    /// Who calls and waits for a turn.
    waiting: Semaphore,
    /// By the name of a connection with agents: what waits for its end.
    watching: std::sync::Mutex<BTreeMap<String, AbortHandle>>,
}

impl OfonoSide {
    /// Serves `agents`, which register with the Push Client that `client` is a handle to.
    pub fn new(settings: OfonoSideSettings, client: Client, agents: Arc<Agents>) -> Self {
        Self {
            registrar: Arc::new(Registrar {
                waiting: Semaphore::new(settings.max_agents.clamp(1, Semaphore::MAX_PERMITS)),
                client,
                settings,
                agents,
                turn: Mutex::new(()),
                watching: std::sync::Mutex::default(),
            }),
        }
    }

    /// Ends what agents of an earlier run registered, where oFono's side is not served any more.
    pub async fn retire(self) {
        self.registrar.remember().await;
        for agent in self.registrar.agents.given_up(Duration::ZERO) {
            if let Err(error) = self.registrar.end(&agent).await {
                tracing::warn!(%error, "a push agent's registration cannot be ended");
            }
        }
    }

    /// Runs until `stop`; then agents are told that no push comes any more.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.go_on() => {}
        }
        if let Some(connection) = self.registrar.agents.connection() {
            release(&connection, &self.registrar.agents).await;
        }
    }

    async fn go_on(&self) {
        self.registrar.remember().await;
        let giving_up = self.registrar.give_up();
        let serving = self.serve();
        tokio::join!(giving_up, serving);
    }

    async fn serve(&self) {
        let settings = &self.registrar.settings;
        let mut pause = settings.backoff_base;
        loop {
            let ended = self.connected().await;
            // Agents come again by themselves, on the next connection.
            self.registrar.agents.serve_over(None);
            self.registrar.agents.dismiss();
            self.registrar.watch_those_there();
            match ended {
                Ok(()) => pause = settings.backoff_base,
                Err(error) => {
                    tracing::warn!(bus = ?settings.bus, %error, "oFono's side cannot be served on this bus; trying again by and by");
                }
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(settings.backoff_limit);
        }
    }

    /// Serves over one connection until it is lost.
    async fn connected(&self) -> zbus::Result<()> {
        let registrar = &self.registrar;
        let settings = &registrar.settings;
        let connection = connect(&settings.bus, settings.call_timeout).await?;
        registrar.agents.serve_over(Some(connection.clone()));
        offer(&connection, registrar).await?;
        let bus = DBusProxy::new(&connection).await?;
        let name = WellKnownName::from_static_str(NAME)?;
        let mut changes = owner_changes(&connection, NAME).await?;
        loop {
            let flags = RequestNameFlags::DO_NOT_QUEUE | RequestNameFlags::ALLOW_REPLACEMENT;
            let reply = bus.request_name(name.clone(), flags).await?;
            let is_ours = matches!(
                reply,
                RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner
            );
            if is_ours {
                tracing::info!("push agents find oFono's side here");
            } else {
                tracing::info!(
                    "oFono runs: its push agents are its own; its side is served here once it ends"
                );
            }
            loop {
                let Some(owner) = next_owner(&mut changes).await else {
                    return Ok(());
                };
                let ours = connection.unique_name().map(|name| name.as_str());
                if owner.is_empty() {
                    break;
                }
                if Some(owner.as_str()) != ours {
                    tracing::info!(
                        "oFono has taken its name: push agents are its own from here on"
                    );
                    release(&connection, &registrar.agents).await;
                }
            }
        }
    }
}

/// Puts the objects of all modems on the bus.
async fn offer(connection: &Connection, registrar: &Arc<Registrar>) -> zbus::Result<()> {
    let server = connection.object_server();
    let mut modems = Vec::new();
    for (path, device) in registrar.settings.modems() {
        let name = device.clone().unwrap_or_else(|| "Pushcai".to_owned());
        let identities = &registrar.settings.subscriber_identities;
        let subscriber = match &device {
            Some(device) => identities.get(device),
            None => identities.values().next().filter(|_| identities.len() == 1),
        };
        let sim = SimManager {
            subscriber: subscriber.cloned().unwrap_or_default(),
        };
        let push = PushNotification {
            modem: path.clone(),
            registrar: Arc::clone(registrar),
        };
        let object = OwnedObjectPath::try_from(path.as_str())?;
        server.at(&object, Modem { name: name.clone() }).await?;
        server.at(&object, sim).await?;
        server.at(&object, push).await?;
        modems.push((object, name));
    }
    server.at("/", Manager { modems }).await?;
    Ok(())
}

/// Tells all agents that no push comes any more, and waits for none.
async fn release(connection: &Connection, agents: &Agents) {
    for (name, agent) in agents.dismiss() {
        let call = zbus::Message::method_call(agent.path.as_str(), RELEASE)
            .destination(name.as_str())
            .interface(AGENT_INTERFACE)
            .with_flags(Flags::NO_REPLY_EXPECTED)
            .build(&());
        match call {
            // An agent that does not hear it finds the name gone.
            Ok(call) => drop(connection.send(&call).await),
            Err(error) => tracing::debug!(%error, "an agent cannot be released"),
        }
    }
}

impl Registrar {
    pub(super) async fn register(
        &self,
        connection: &Connection,
        modem: &str,
        path: &str,
        name: &str,
    ) -> Result<(), OfonoError> {
        if path.len() > MOST_PATH {
            return Err(OfonoError::InvalidArguments(format!(
                "the path has more than {MOST_PATH} octets"
            )));
        }
        let _place = self.place_to_wait()?;
        let _turn = self.turn.lock().await;
        let bus = DBusProxy::new(connection).await?;
        let caller = BusName::try_from(name)?;
        let user = bus.get_connection_unix_user(caller.clone()).await;
        let user = user.map_err(|error| OfonoError::Failed(error.to_string()))?;
        let agent = self.agents.place(user, modem, path, name);
        self.check_room(&agent)?;
        let request = RegistrationRequest {
            push_application_id: ANY.to_owned(),
            application_id: Some(application_id(&agent)),
            event_handler: Some(Target::Agent(agent.clone()).to_string()),
            observes: true,
            ..RegistrationRequest::default()
        };
        let was_known = self.agents.knows(&agent);
        let changes = owner_changes(connection, name).await?;
        // Before its events are offered, which may be at once.
        self.agents.enter(agent.clone(), name);
        let application = self.client.application(owner(user));
        if let Err(refusal) = application.register(request).await {
            if was_known {
                self.agents.left(name);
            } else {
                self.agents.forget(&agent);
            }
            return Err(OfonoError::Failed(refusal.to_string()));
        }
        self.watch(changes, name);
        // It may have left before anybody watched.
        if !bus.name_has_owner(caller).await.unwrap_or(false) {
            self.agents.left(name);
        }
        tracing::info!(user, modem, path, "a push agent registered");
        Ok(())
    }

    pub(super) async fn unregister(
        &self,
        modem: &str,
        path: &str,
        name: &str,
    ) -> Result<(), OfonoError> {
        let _place = self.place_to_wait()?;
        let _turn = self.turn.lock().await;
        let agent = self.agents.find(modem, path, name);
        let agent =
            agent.ok_or_else(|| OfonoError::Failed("no such agent is registered".to_owned()))?;
        self.end(&agent).await.map_err(OfonoError::Failed)
    }

    /// Whoever calls faster than it is answered keeps nobody's memory.
    fn place_to_wait(&self) -> Result<SemaphorePermit<'_>, OfonoError> {
        let place = self.waiting.try_acquire();
        place.map_err(|_| OfonoError::InUse("too many agents call at a time; try again".to_owned()))
    }

    fn check_room(&self, agent: &Agent) -> Result<(), OfonoError> {
        if self.agents.knows(agent) {
            return Ok(());
        }
        let (all, own) = self.agents.count(agent.user);
        let settings = &self.settings;
        if all >= settings.max_agents {
            let most = settings.max_agents;
            return Err(OfonoError::InUse(format!(
                "there are {most} agents already"
            )));
        }
        if own >= settings.max_agents_per_user {
            let most = settings.max_agents_per_user;
            return Err(OfonoError::InUse(format!(
                "there are {most} agents of this user already"
            )));
        }
        Ok(())
    }

    /// Waits for the end of a connection, once for all its agents, and no longer than it has any.
    fn watch(&self, changes: MessageStream, name: &str) {
        self.watch_those_there();
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.entry(name.to_owned()).or_insert_with(|| {
            let agents = Arc::downgrade(&self.agents);
            tokio::spawn(watch(agents, changes, name.to_owned())).abort_handle()
        });
    }

    /// Watches connections no longer that have no agents.
    fn watch_those_there(&self) {
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.retain(|name, task| {
            let has_agents = self.agents.has(name);
            if !has_agents {
                task.abort();
            }
            has_agents
        });
    }

    /// Ends the registration of an agent.
    async fn end(&self, agent: &Agent) -> Result<(), String> {
        let request = DeregistrationRequest {
            push_application_id: ANY.to_owned(),
            application_id: Some(application_id(agent)),
            revoked: false,
            force: true,
        };
        let application = self.client.application(owner(agent.user));
        match application.deregister(request).await {
            Ok(_) => {}
            // Its owner may have done so.
            Err(refusal) if refusal.reason == push_message::Reason::NotRegistered => {}
            Err(refusal) => return Err(refusal.to_string()),
        }
        self.agents.forget(agent);
        self.watch_those_there();
        Ok(())
    }

    /// Takes up the registrations of an earlier run: their agents may return.
    async fn remember(&self) {
        let caller = Caller {
            owner: Owner::proved(OBSERVER),
            administrator: true,
        };
        let registrations = match self.client.registrations(caller).await {
            Ok(registrations) => registrations,
            Err(refusal) => {
                tracing::warn!(%refusal, "the agents of an earlier run are not known");
                return;
            }
        };
        for registration in registrations {
            let handler = registration.request.event_handler.unwrap_or_default();
            if let Some(Target::Agent(agent)) = Target::parse(&handler) {
                self.agents.remember(agent);
            }
        }
    }

    /// Ends the registrations of agents that stay away.
    async fn give_up(&self) {
        let keep = self.settings.keep_absent;
        loop {
            for agent in self.agents.given_up(keep) {
                let turn = self.turn.lock().await;
                if self.agents.present(&agent).is_some() {
                    continue;
                }
                let ended = self.end(&agent).await;
                drop(turn);
                match ended {
                    Ok(()) => {
                        tracing::info!(path = %agent.path, "a push agent did not return: its registration has ended");
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a push agent's registration cannot be ended; trying again");
                        sleep(self.settings.backoff_limit.max(Duration::from_secs(1))).await;
                    }
                }
            }
            let next = self.agents.next_end(keep);
            tokio::select! {
                () = self.agents.changed.notified() => {}
                () = async { match next { Some(end) => sleep_until(end).await, None => std::future::pending().await } } => {}
            }
        }
    }
}

/// Notes when the connection of an agent leaves the bus.
async fn watch(agents: Weak<Agents>, mut changes: MessageStream, name: String) {
    // The connection of ours that is lost takes all agents with it.
    while next_owner(&mut changes)
        .await
        .is_some_and(|owner| !owner.is_empty())
    {}
    if let Some(agents) = agents.upgrade() {
        agents.left(&name);
    }
}

/// The owner of an agent: its user.
fn owner(user: u32) -> String {
    format!("uid:{user}")
}

/// The name of an agent's application.
fn application_id(agent: &Agent) -> String {
    let Agent {
        modem,
        path,
        number,
        ..
    } = agent;
    let name = format!("ofono:{modem}:{path}");
    if *number == 1 {
        name
    } else {
        format!("{name}#{number}")
    }
}
