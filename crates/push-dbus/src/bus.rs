//! Connecting to a bus.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use zbus::export::futures_core::Stream as _;
use zbus::message::Type;
use zbus::{Address, Connection, MatchRule, Message, MessageStream, connection};

/// The bus itself, as a peer.
pub(crate) const BUS: &str = "org.freedesktop.DBus";
/// Where its object is.
pub(crate) const BUS_PATH: &str = "/org/freedesktop/DBus";

/// Which bus is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BusAddress {
    /// The system's: `DBUS_SYSTEM_BUS_ADDRESS`, else its usual place.
    #[default]
    System,
    /// The session's: `DBUS_SESSION_BUS_ADDRESS`, else its usual place.
    Session,
    /// The one at an address of D-Bus, such as `unix:path=/run/dbus/system_bus_socket`.
    At(String),
}

/// Connects to a bus, whose answers may each take so long.
///
/// # Errors
/// The address is none, or nobody answers there.
pub async fn connect(address: &BusAddress, call_timeout: Duration) -> zbus::Result<Connection> {
    let address = match address {
        BusAddress::System => Address::system()?,
        BusAddress::Session => Address::session()?,
        BusAddress::At(address) => address.parse()?,
    };
    let builder = connection::Builder::address(address);
    builder.method_timeout(call_timeout).build().await
}

/// The next message; `None` once the connection is lost. Safe to cancel.
pub async fn next_message(stream: &mut MessageStream) -> Option<Message> {
    loop {
        match poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await {
            Some(Ok(message)) => return Some(message),
            // What cannot be read belongs to somebody who does not keep to D-Bus.
            Some(Err(error)) => tracing::debug!(%error, "a message on D-Bus cannot be read"),
            None => return None,
        }
    }
}

/// Asks the bus itself.
pub(crate) async fn ask_bus<B>(
    connection: &Connection,
    method: &'static str,
    body: &B,
) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType,
{
    connection
        .call_method(Some(BUS), BUS_PATH, Some(BUS), method, body)
        .await
}

/// The news of who owns a name.
pub(crate) async fn owner_changes(
    connection: &Connection,
    name: &str,
) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(BUS)
        .path(BUS_PATH)
        .interface(BUS)
        .member("NameOwnerChanged")
        .add_arg(name)
        .build()?;
    MessageStream::for_match_rule(rule.to_owned(), connection, None).await
}

/// The new owner of a name by such news, empty where there is none. Anybody may send us such a signal; the bus alone is believed.
pub(crate) fn new_owner(message: &Message) -> Option<String> {
    let header = message.header();
    let from_bus = header.sender().is_some_and(|sender| *sender == BUS);
    let body = message.body();
    let arguments: Option<(&str, &str, &str)> = from_bus.then(|| body.deserialize().ok()).flatten();
    arguments.map(|(_, _, owner)| owner.to_owned())
}
