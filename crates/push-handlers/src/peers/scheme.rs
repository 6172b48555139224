//! The way to consumers of other push daemons: one method call for each event.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use push_api::Caller;
use push_client::rewritten::{self, Rewritten};
use push_client::{Boxed, Event, Outcome, RegistrationRecord};
use push_dbus::{BusAddress, connect};
use push_message::{Reason, ReceivedPush, Refusal};
use tokio::time::timeout;
use zbus::names::BusName;
use zbus::{Connection, Message, fdo};

use super::arguments::{Times, device, port, sender};
use super::target::{Agent, Consumer, Form, Side, Target};
use crate::bus::HeldConnection;
use crate::host::refusal;
use crate::ofono_side::{AGENT_INTERFACE, Agents, RECEIVE};
use crate::{Answer, Answering, Handed, Handler, Opened, Scheme, Unreachable};

/// Characters of an error's text that are kept where it says that nobody is there.
const MOST_SAID: usize = 512;

/// How consumers of other push daemons are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// The bus of consumers on the system bus.
    pub system_bus: BusAddress,
    /// The bus of consumers on the bus of a user; absent: they cannot be reached.
    pub session_bus: Option<BusAddress>,
    /// How long a consumer may take to answer; one that is not expected to answer has taken the push then.
    pub reply_timeout: Duration,
    /// The IMSI of the SIM in each modem, by the name that the modem has in events.
    pub subscriber_identities: BTreeMap<String, String>,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            system_bus: BusAddress::System,
            session_bus: None,
            reply_timeout: Duration::from_secs(20),
            subscriber_identities: BTreeMap::new(),
        }
    }
}

/// The event handlers `sailfish:`, `mmsd:` and `ofono:`, which only this program names.
#[derive(Debug)]
pub struct PeerScheme {
    settings: Arc<PeerSettings>,
    system: Bus,
    session: Option<Bus>,
    agents: Arc<Agents>,
}

/// A bus that consumers are on.
#[derive(Debug)]
struct Bus {
    address: BusAddress,
    /// How long an answer is waited for on it.
    patience: Duration,
    connection: HeldConnection,
}

impl PeerScheme {
    /// Consumers that are reached so, and these agents.
    pub fn new(settings: PeerSettings, agents: Arc<Agents>) -> Self {
        let session = settings.session_bus.clone();
        // Longer than an answer is waited for, so that a late one finds nobody.
        let patience = settings
            .reply_timeout
            .saturating_add(Duration::from_secs(5));
        let bus = |address| Bus {
            address,
            patience,
            connection: HeldConnection::default(),
        };
        Self {
            system: bus(settings.system_bus.clone()),
            session: session.map(bus),
            settings: Arc::new(settings),
            agents,
        }
    }

    async fn reach(&self, record: &RegistrationRecord) -> Result<Opened, Unreachable> {
        let handler = record.event_handler.as_deref().unwrap_or_default();
        let target = Target::parse(handler).ok_or_else(|| {
            Unreachable::new(format!("`{handler}` was not written by this program"))
        })?;
        let (connection, destination) = match &target {
            Target::Consumer(consumer) => {
                let connection = self.bus(consumer.side)?.connected().await?;
                (connection, consumer.service.clone())
            }
            Target::Agent(agent) => {
                let destination = self.agent(agent)?;
                // Agents are called by the connection that serves them.
                let connection = self.agents.connection().ok_or_else(|| {
                    Unreachable::new("oFono's side is not served: its bus cannot be reached")
                })?;
                (connection, destination)
            }
        };
        Ok(Opened::Handler(Box::new(PeerHandler {
            call: Arc::new(Call {
                connection,
                destination,
                target,
                settings: Arc::clone(&self.settings),
                agents: Arc::clone(&self.agents),
            }),
        })))
    }

    fn bus(&self, side: Side) -> Result<&Bus, Unreachable> {
        match side {
            Side::System => Ok(&self.system),
            Side::Session => self.session.as_ref().ok_or_else(|| {
                Unreachable::new("it is on the bus of a user; set session_bus in [imports] to the address of that bus")
            }),
        }
    }

    fn agent(&self, agent: &Agent) -> Result<String, Unreachable> {
        self.agents.present(agent).ok_or_else(|| {
            Unreachable::new("the agent has left the bus; its pushes wait for it to register again")
        })
    }
}

impl Bus {
    async fn connected(&self) -> Result<Connection, Unreachable> {
        let Self {
            address,
            patience,
            connection,
        } = self;
        let connected = connection.get(connect(address, *patience)).await;
        connected.map_err(|error| {
            Unreachable::new(format!("the bus {address:?} cannot be reached: {error}"))
        })
    }
}

impl Scheme for PeerScheme {
    fn names(&self) -> &'static [&'static str] {
        &["sailfish", "mmsd", "ofono"]
    }

    fn is_public(&self) -> bool {
        false
    }

    fn check<'a>(&'a self, _: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        let known = Target::parse(handler).is_some();
        Box::pin(async move {
            known.then_some(()).ok_or_else(|| {
                let detail = format!("`{handler}` is no handler of this program's own");
                refusal(Reason::InvalidRequest, detail)
            })
        })
    }

    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>> {
        Box::pin(self.reach(record))
    }
}

/// A consumer that is called.
#[derive(Debug)]
struct PeerHandler {
    call: Arc<Call>,
}

impl Handler for PeerHandler {
    fn take(&mut self, event: Event, answering: Answering) -> Boxed<'_, Result<(), Unreachable>> {
        let call = Arc::clone(&self.call);
        // One event at a time is under way, so that they keep their order.
        tokio::spawn(async move { answering.give(call.deliver(event.push()).await) });
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Call {
    connection: Connection,
    destination: String,
    target: Target,
    settings: Arc<PeerSettings>,
    agents: Arc<Agents>,
}

impl Call {
    async fn deliver(&self, push: &ReceivedPush) -> Answer {
        let fits = match &self.target {
            Target::Consumer(consumer) => consumer.fits(&push.origin),
            Target::Agent(agent) => self.agents.serves(&agent.modem, device(push)),
        };
        if !fits {
            return Ok(Handed::new(
                Outcome::Accepted,
                "not for this consumer: it came by another port or modem",
            ));
        }
        let transaction = push.origin.transaction.first().copied().unwrap_or_default();
        let written = match rewritten::unit_push(&push.message, transaction) {
            Ok(written) => written,
            Err(error) => {
                let said = format!("it cannot be written as a push over WSP: {error}");
                return Ok(Handed::new(Outcome::Rejected, said));
            }
        };
        let calling = async {
            match &self.target {
                Target::Consumer(consumer) => self.notify(consumer, push, &written).await,
                Target::Agent(agent) => self.receive(agent, push, &written).await,
            }
        };
        match timeout(self.settings.reply_timeout, calling).await {
            Ok(Ok(_)) => Ok(Handed::new(Outcome::Accepted, "taken")),
            Ok(Err(error)) => self.failed(error).await,
            Err(_) => self.silent().await,
        }
    }

    async fn notify(
        &self,
        consumer: &Consumer,
        push: &ReceivedPush,
        written: &Rewritten,
    ) -> zbus::Result<Message> {
        let content_type = push.message.content_type.media_type.as_str();
        let content = &*push.message.content;
        match consumer.form {
            Form::Forwarder => {
                let seconds = Times::of(push).seconds();
                let (destination, source) = (push.origin.destination_port, push.origin.origin_port);
                let body = (
                    self.subscriber(push),
                    sender(push),
                    seconds,
                    seconds,
                    port(destination),
                    port(source),
                    content_type,
                    content,
                );
                self.call(consumer, &body).await
            }
            Form::Agent => {
                self.call(consumer, &(self.subscriber(push), content_type, content))
                    .await
            }
            Form::Consumer => self.call(consumer, &(written.headers(), content)).await,
        }
    }

    async fn call<B>(&self, consumer: &Consumer, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        self.connection
            .call_method(
                Some(self.destination.as_str()),
                consumer.path.as_str(),
                Some(consumer.interface.as_str()),
                consumer.method.as_str(),
                body,
            )
            .await
    }

    /// As oFono calls its agents.
    async fn receive(
        &self,
        agent: &Agent,
        push: &ReceivedPush,
        written: &Rewritten,
    ) -> zbus::Result<Message> {
        let times = Times::of(push);
        let info: BTreeMap<&str, zbus::Variant<'_>> = BTreeMap::from([
            ("LocalSentTime", times.local().into()),
            ("SentTime", times.remote().into()),
            ("Sender", sender(push).into()),
        ]);
        self.connection
            .call_method(
                Some(self.destination.as_str()),
                agent.path.as_str(),
                Some(AGENT_INTERFACE),
                RECEIVE,
                &(written.octets(), info),
            )
            .await
    }

    fn subscriber(&self, push: &ReceivedPush) -> &str {
        let known = device(push).and_then(|device| self.settings.subscriber_identities.get(device));
        known.map_or("", String::as_str)
    }

    async fn failed(&self, error: zbus::Error) -> Answer {
        let zbus::Error::MethodError(name, detail, _) = &error else {
            if matches!(&error, zbus::Error::InputOutput(error) if error.kind() == ErrorKind::TimedOut)
            {
                return self.silent().await;
            }
            return Err(Unreachable::new(error.to_string()));
        };
        let detail = detail.as_deref().unwrap_or_default();
        if is_unreachable(name.as_str()) {
            // Anybody may answer so, at any length.
            let detail: String = detail.chars().take(MOST_SAID).collect();
            let said = format!("{name}: {detail}");
            return Err(Unreachable::new(with_what_works(name.as_str(), said)));
        }
        // An error removes nobody: the push comes again.
        Ok(Handed {
            output: detail.to_owned(),
            ..Handed::new(Outcome::Later, name.as_str())
        })
    }

    /// The consumer did not answer.
    async fn silent(&self) -> Answer {
        let patience = self.settings.reply_timeout;
        let asks_for_none =
            matches!(&self.target, Target::Consumer(consumer) if consumer.form == Form::Forwarder);
        if asks_for_none && self.is_there().await {
            let said = format!("given; no answer within {patience:?}, and its peers ask for none");
            return Ok(Handed::new(Outcome::Accepted, said));
        }
        let said = format!("no answer within {patience:?}");
        Ok(Handed::new(Outcome::Later, said))
    }

    async fn is_there(&self) -> bool {
        let asking = async {
            let name = BusName::try_from(self.destination.as_str())?;
            let bus = fdo::DBusProxy::new(&self.connection).await?;
            Ok::<_, zbus::Error>(bus.name_has_owner(name).await?)
        };
        let answered = timeout(Duration::from_secs(1), asking).await;
        matches!(answered, Ok(Ok(true)))
    }
}

fn with_what_works(error: &str, said: String) -> String {
    let works = match error {
        "org.freedesktop.DBus.Error.AccessDenied" => {
            "its policy has to let this program's user call it"
        }
        "org.freedesktop.DBus.Error.ServiceUnknown"
        | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
            "it has to run, or to have a service file by which the bus starts it"
        }
        _ => return said,
    };
    format!("{said}; {works}")
}

/// Whether an error says that nobody was there to take the push, rather than what became of it.
fn is_unreachable(error: &str) -> bool {
    const OF_THE_BUS: &str = "org.freedesktop.DBus.Error.";
    error.strip_prefix(OF_THE_BUS).is_some_and(|error| {
        error.starts_with("Spawn.")
            || matches!(
                error,
                "ServiceUnknown"
                    | "NameHasNoOwner"
                    | "AccessDenied"
                    | "UnknownObject"
                    | "UnknownInterface"
                    | "UnknownMethod"
                    | "Disconnected"
                    | "NoServer"
                    | "TimedOut"
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_application_is_no_absence() {
        assert!(is_unreachable("org.freedesktop.DBus.Error.ServiceUnknown"));
        assert!(is_unreachable(
            "org.freedesktop.DBus.Error.Spawn.ChildExited"
        ));
        assert!(!is_unreachable("org.freedesktop.DBus.Error.NoReply"));
        assert!(!is_unreachable("org.freedesktop.DBus.Error.Failed"));
        assert!(!is_unreachable("com.example.Error.Odd"));
    }
}
