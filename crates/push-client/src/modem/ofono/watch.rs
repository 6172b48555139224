//! One connection to the bus, for as long as it holds.

use std::collections::HashMap;

use tokio::time::Instant;
use zbus::message::{Message, Type};
use zbus::names::OwnedUniqueName;
use zbus::{Connection, MatchRule, ObjectPath, OwnedObjectPath, OwnedVariant, Variant};

use super::held::{Call, Held};
use super::modems::{Modems, agent_path, modem_of};
use super::news::{Answer, News, Said, Work};
use super::proxies::{
    AGENT, IN_PROGRESS, MANAGER, MODEM, ModemAdded, ModemRemoved, PUSH_NOTIFICATION, Properties,
    PropertyChanged, SERVICE,
};
use super::service;
use super::settings::OfonoSettings;
use crate::masked::Masked;
use crate::modem::bus::{Owner, subscribe};
use crate::modem::pause::{Pauses, until};
use crate::modem::time;
use crate::short_messages::{Content, Delivery, Intake, SourceState};

/// What was asked of oFono, answered.
enum Done {
    Found(zbus::Result<Vec<(OwnedObjectPath, Properties)>>),
    Registered(String, zbus::Result<()>),
}

/// The modems, and the call under way.
pub(super) struct Watch<'a> {
    settings: &'a OfonoSettings,
    connection: Connection,
    intake: &'a Intake,
    held: &'a mut Held,
    service: Option<OwnedUniqueName>,
    /// From when on the service may be asked which modems there are, where it has not said so yet.
    strange: Option<Instant>,
    modems: Modems,
    pauses: Pauses,
    work: Option<Work<Done>>,
}

/// The messages of the service that matter here.
async fn subscribe_to_all(connection: &Connection) -> zbus::Result<News<Done>> {
    let from_service = || MatchRule::builder().msg_type(Type::Signal).sender(SERVICE);
    let manager = from_service().interface(MANAGER).build()?;
    // Of all properties, this one alone: signal strength and the like shall wake nobody.
    let modems = from_service()
        .interface(MODEM)
        .member("PropertyChanged")
        .add_arg("Interfaces")
        .build()?;
    let calls = MatchRule::builder()
        .msg_type(Type::MethodCall)
        .interface(AGENT)
        .build()?;
    Ok(News::of([
        subscribe(connection, manager).await?,
        subscribe(connection, modems).await?,
        subscribe(connection, calls).await?,
    ]))
}

impl<'a> Watch<'a> {
    /// A watch on `connection`.
    pub(super) fn new(
        settings: &'a OfonoSettings,
        connection: Connection,
        intake: &'a Intake,
        held: &'a mut Held,
    ) -> Self {
        let bus = &settings.bus;
        Self {
            settings,
            connection,
            intake,
            held,
            service: None,
            strange: None,
            modems: Modems::new(bus, settings.names.clone()),
            pauses: Pauses::new(bus.backoff_base, bus.backoff_limit),
            work: None,
        }
    }

    /// Goes on until the connection is lost.
    pub(super) async fn run(mut self) -> zbus::Result<()> {
        let mut news = subscribe_to_all(&self.connection).await?;
        let (mut owner, present) = Owner::watch(&self.connection, &service()).await?;
        self.service_changed(present);
        loop {
            // An answer that has come and whose turn has not is still to change what there is to do.
            if !news.has_answer() {
                self.start_work();
            }
            let timeout = self.timeout();
            tokio::select! {
                changed = owner.changed() => match changed {
                    Some(service) => {
                        news.forget_answer();
                        self.service_changed(service);
                    }
                    None => return Ok(()),
                },
                said = news.next(&mut self.work) => match said {
                    Some(Said::Message(message)) => self.take(message).await,
                    Some(Said::Answer(done)) => self.finish(done),
                    None => return Ok(()),
                },
                () = until(timeout) => {}
                () = self.held.run() => {}
            }
        }
    }

    /// When there is something to do that nobody says; while a call is under way, its answer comes first.
    fn timeout(&self) -> Option<Instant> {
        if self.work.is_some() {
            return None;
        }
        let modems = self.modems.timeout();
        modems.into_iter().chain(self.strange).min()
    }

    /// The service has started, ended, or been replaced.
    fn service_changed(&mut self, service: Option<OwnedUniqueName>) {
        self.work = None;
        self.modems.clear();
        self.pauses.reset();
        self.strange = service.is_some().then(Instant::now);
        self.service = service;
        if self.service.is_none() {
            tracing::info!("oFono is not there; pushes are taken from it once it is");
            let state = SourceState::Failed("oFono is not there".to_owned());
            self.intake.state(state);
        }
    }

    fn start_work(&mut self) {
        let (None, Some(service)) = (&self.work, &self.service) else {
            return;
        };
        let (connection, service) = (self.connection.clone(), service.clone());
        let now = Instant::now();
        if let Some(from) = self.strange {
            if from <= now {
                self.work = Some(Box::pin(async move {
                    Answer::of(modems(&connection, service).await, |found| {
                        Done::Found(found.and_then(|message| message.body().deserialize()))
                    })
                }));
            }
            return;
        }
        if let Some(modem) = self.modems.wanted(now) {
            self.work = Some(Box::pin(async move {
                let registered = register(&connection, service, &modem).await;
                Answer::of(registered, |registered| {
                    Done::Registered(modem, registered.map(drop))
                })
            }));
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Found(Ok(modems)) => {
                tracing::info!(modems = modems.len(), "oFono is there");
                self.strange = None;
                self.pauses.reset();
                for (path, properties) in modems {
                    let pushes = properties
                        .get("Interfaces")
                        .is_some_and(|list| hands_over(list));
                    self.modems.set(&path, pushes);
                }
            }
            Done::Found(Err(error)) => {
                let pause = self.pauses.take();
                self.strange = Some(Instant::now() + pause);
                tracing::warn!(%error, "oFono does not say which modems there are; trying again in {pause:?}. May this user talk to it (D-Bus policy of org.ofono)?");
                self.intake.state(SourceState::Failed(error.to_string()));
                return;
            }
            Done::Registered(modem, Ok(())) => {
                if let Some(device) = self.modems.registered(&modem) {
                    tracing::info!(%device, "the push agent of a modem of oFono");
                }
            }
            Done::Registered(modem, Err(error)) => self.not_registered(&modem, &error),
        }
        self.tell();
    }

    fn not_registered(&mut self, modem: &str, error: &zbus::Error) {
        let busy =
            matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == IN_PROGRESS);
        let reason = if busy {
            "another program is the push agent; end it, or switch this source off".to_owned()
        } else {
            error.to_string()
        };
        if let Some((device, _)) = self.modems.refused(modem, reason.clone(), Instant::now()) {
            tracing::warn!(%device, %reason, "cannot be the push agent of a modem of oFono; trying again by and by");
        }
    }

    /// Tells operators how the source stands.
    fn tell(&self) {
        let trouble = self.modems.trouble();
        let state = trouble.map_or(SourceState::Connected, SourceState::Failed);
        self.intake.state(state);
    }

    async fn take(&mut self, message: Message) {
        let header = message.header();
        let from_service = self
            .service
            .as_ref()
            .is_some_and(|service| header.sender() == Some(service.inner()));
        if message.message_type() == Type::MethodCall {
            self.take_call(&message, from_service).await;
            return;
        }
        if !from_service {
            return;
        }
        if let Some(signal) = PropertyChanged::from_message(message.clone()) {
            if let (Ok(arguments), Some(path)) = (signal.args(), header.path()) {
                self.modems.set(path, hands_over(arguments.value()));
            }
        } else if let Some(signal) = ModemAdded::from_message(message.clone()) {
            if let Ok(arguments) = signal.args() {
                let interfaces = arguments.properties().get("Interfaces");
                let pushes = interfaces.is_some_and(hands_over);
                self.modems.set(arguments.path(), pushes);
            }
        } else if let Some(signal) = ModemRemoved::from_message(message.clone())
            && let Ok(arguments) = signal.args()
        {
            self.modems.remove(arguments.path());
        }
        self.tell();
    }

    async fn take_call(&mut self, message: &Message, from_service: bool) {
        let header = message.header();
        let member = header.member().map(zbus::names::MemberName::as_str);
        let modem = header.path().and_then(|path| modem_of(path));
        match (member, modem, from_service) {
            (Some("ReceiveNotification"), Some(modem), true) => {
                self.take_push(modem.to_owned(), message).await;
            }
            (Some("Release"), Some(modem), true) => {
                if let Some(device) = self.modems.released(modem, Instant::now()) {
                    tracing::info!(%device, "oFono let its push agent go; coming back");
                }
                self.tell();
            }
            _ => {
                let refusal = self.connection.reply_error(
                    &header,
                    "org.freedesktop.DBus.Error.AccessDenied",
                    &"this is for oFono alone",
                );
                // Whoever asked may be gone.
                refusal.await.ok();
            }
        }
    }

    async fn take_push(&mut self, modem: String, message: &Message) {
        let device = self.modems.name(&modem);
        let call = Call {
            connection: self.connection.clone(),
            message: message.clone(),
            deadline: Instant::now() + self.settings.answer_timeout,
        };
        let body = message.body();
        let (octets, mut details): (Vec<u8>, HashMap<String, OwnedVariant>) = match body
            .deserialize()
        {
            Ok(arguments) => arguments,
            Err(error) => {
                tracing::warn!(%device, %error, "oFono hands over something that is no push notification");
                return;
            }
        };
        let mut text = |name: &str| {
            let value = details.remove(name)?;
            let text = String::try_from(value).ok()?;
            (!text.is_empty()).then_some(text)
        };
        let (sender, sent) = (text("Sender"), text("SentTime"));
        let number = sender.clone().unwrap_or_default();
        let number = Masked::new(number, self.settings.show_personal_data);
        tracing::debug!(%device, %number, length = octets.len(), "a push from oFono");
        let delivery = Delivery {
            device,
            content: Content::Assembled {
                smsc: None,
                originator: sender.map(String::into_boxed_str),
                sent: sent.as_deref().and_then(time::sent),
                ports: None,
                octets: octets.into(),
            },
        };
        self.held.add(delivery, call).await;
    }
}

/// Whether a modem with these interfaces hands pushes to an agent.
fn hands_over(interfaces: &Variant<'_>) -> bool {
    let names: Result<Vec<String>, _> = interfaces.clone().try_into();
    names.is_ok_and(|names| names.iter().any(|name| name == PUSH_NOTIFICATION))
}

async fn modems(connection: &Connection, service: OwnedUniqueName) -> zbus::Result<Message> {
    connection
        .call_method(Some(service), "/", Some(MANAGER), "GetModems", &())
        .await
}

async fn register(
    connection: &Connection,
    service: OwnedUniqueName,
    modem: &str,
) -> zbus::Result<Message> {
    let agent = ObjectPath::try_from(agent_path(modem))?;
    let interface = Some(PUSH_NOTIFICATION);
    connection
        .call_method(Some(service), modem, interface, "RegisterAgent", &agent)
        .await
}
