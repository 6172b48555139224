//! The way to a service on D-Bus, and its comings and goings.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use zbus::export::futures_core::Stream;
use zbus::fdo::NameOwnerChanged;
use zbus::message::{Message, Type};
use zbus::names::{BusName, OwnedUniqueName, WellKnownName};
use zbus::{Address, Connection, MatchRule, MessageStream, connection, fdo};

/// Signals that may wait to be looked at; more wait in the socket.
const MAX_QUEUED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

/// Where a bus is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BusAddress {
    /// The system bus.
    #[default]
    System,
    /// The bus of the user's session.
    Session,
    /// A bus at this address, as D-Bus writes it: `unix:path=/run/dbus/system_bus_socket`.
    At(String),
}

impl FromStr for BusAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "system" => Ok(Self::System),
            "session" => Ok(Self::Session),
            text => match Address::from_str(text) {
                Ok(_) => Ok(Self::At(text.to_owned())),
                Err(error) => Err(format!(
                    "{text:?} is no bus ({error}): \"system\", \"session\" or an address such as \"unix:path=/run/dbus/system_bus_socket\" works"
                )),
            },
        }
    }
}

impl fmt::Display for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Session => f.write_str("session"),
            Self::At(address) => f.write_str(address),
        }
    }
}

/// How a service on D-Bus is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusSettings {
    /// The bus.
    pub address: BusAddress,
    /// How long the service may take to answer a call.
    pub call_timeout: Duration,
    /// The first pause before something is tried again; it doubles.
    pub backoff_base: Duration,
    /// The greatest pause.
    pub backoff_limit: Duration,
}

impl Default for BusSettings {
    fn default() -> Self {
        Self {
            address: BusAddress::System,
            call_timeout: Duration::from_secs(30),
            backoff_base: Duration::from_secs(1),
            backoff_limit: Duration::from_mins(1),
        }
    }
}

impl BusSettings {
    /// Connects to the bus.
    pub(super) async fn connect(&self) -> zbus::Result<Connection> {
        let builder = match &self.address {
            BusAddress::System => connection::Builder::system(),
            BusAddress::Session => connection::Builder::session(),
            BusAddress::At(address) => connection::Builder::address(address.as_str()),
        };
        builder.method_timeout(self.call_timeout).build().await
    }
}

/// Who owns a service's name, and the news of it.
pub(super) struct Owner {
    changes: MessageStream,
}

impl Owner {
    /// Watches the owner of `name`; gives the present one as well. Starts nobody.
    pub(super) async fn watch(
        connection: &Connection,
        name: &WellKnownName<'static>,
    ) -> zbus::Result<(Self, Option<OwnedUniqueName>)> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .path("/org/freedesktop/DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .add_arg(name.as_str())
            .build()?;
        let changes = MessageStream::for_match_rule(rule, connection, Some(MAX_QUEUED)).await?;
        let bus = fdo::DBusProxy::new(connection).await?;
        let owner = match bus.get_name_owner(BusName::from(name.clone())).await {
            Ok(owner) => Some(owner),
            Err(fdo::Error::NameHasNoOwner(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok((Self { changes }, owner))
    }

    /// The next owner, `None` where the name has none; the outer one is `None` once the connection is lost.
    pub(super) async fn changed(&mut self) -> Option<Option<OwnedUniqueName>> {
        loop {
            let message = next(&mut self.changes).await?;
            // Anybody may send us such a signal; the bus alone is believed.
            let from_bus = message
                .header()
                .sender()
                .is_some_and(|name| name == "org.freedesktop.DBus");
            let Some(signal) = NameOwnerChanged::from_message(message).filter(|_| from_bus) else {
                continue;
            };
            if let Ok(arguments) = signal.args() {
                let owner = arguments.new_owner().as_ref();
                return Some(owner.map(|name| name.to_owned().into()));
            }
        }
    }
}

/// The messages that `rule` fits.
pub(super) async fn subscribe(
    connection: &Connection,
    rule: MatchRule<'_>,
) -> zbus::Result<MessageStream> {
    MessageStream::for_match_rule(rule.to_owned(), connection, Some(MAX_QUEUED)).await
}

/// The next message; `None` once the connection is lost. Safe to cancel.
pub(super) async fn next(stream: &mut MessageStream) -> Option<Message> {
    loop {
        match poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await {
            Some(Ok(message)) => return Some(message),
            // What cannot be read belongs to somebody who does not keep to D-Bus.
            Some(Err(error)) => tracing::debug!(%error, "a message on D-Bus cannot be read"),
            None => return None,
        }
    }
}
