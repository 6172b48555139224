//! Connecting to a bus.

use std::ffi::OsString;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::mpsc;
use zbus::address::Transport;
use zbus::address::transport::UnixSocket;
use zbus::export::futures_core::Stream as _;
use zbus::message::Type;
use zbus::{Address, Connection, MatchRule, Message, MessageStream, connection};

use crate::replies::Link;
use crate::socket::{BoundedSocket, TooLarge};

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

/// The largest message, in octets, that a connection takes unless something else is said.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// Connects to a bus, whose answers may each take so long. Messages of more than [`MAX_MESSAGE`] octets are left out; of an answer
/// that is larger, the body is.
///
/// # Errors
/// The address is none, or no Unix socket's, or nobody answers there.
pub async fn connect(address: &BusAddress, call_timeout: Duration) -> zbus::Result<Connection> {
    connect_bounded(address, call_timeout, MAX_MESSAGE).await
}

/// [`connect`] with another bound on messages, in octets.
///
/// # Errors
/// As [`connect`].
pub async fn connect_bounded(
    address: &BusAddress,
    call_timeout: Duration,
    max_message: usize,
) -> zbus::Result<Connection> {
    let link = link(address, call_timeout, max_message).await?;
    Ok(link.connection().clone())
}

/// [`connect_bounded`] for one who calls peers often.
///
/// # Errors
/// As [`connect`].
pub async fn link(
    address: &BusAddress,
    call_timeout: Duration,
    max_message: usize,
) -> zbus::Result<Link> {
    let (link, _) = open(address, call_timeout, max_message).await?;
    Ok(link)
}

/// Connects to a bus, and says which calls were too large.
pub(crate) async fn open(
    address: &BusAddress,
    call_timeout: Duration,
    max_message: usize,
) -> zbus::Result<(Link, mpsc::Receiver<TooLarge>)> {
    let address = match address {
        BusAddress::System => Address::system()?,
        BusAddress::Session => Address::session()?,
        BusAddress::At(address) => address.parse()?,
    };
    let stream = dial(&address).await?;
    let (socket, refused) = BoundedSocket::new(stream, max_message);
    let (writer, replies) = (socket.writer(), socket.replies());
    let builder = connection::Builder::socket(socket);
    let connection = builder.method_timeout(call_timeout).build().await?;
    Ok((Link::new(connection, writer, replies), refused))
}

async fn dial(address: &Address) -> zbus::Result<UnixStream> {
    let no_socket = || {
        zbus::Error::Address(format!(
            "`{address}` is no Unix socket; `unix:path=` is taken"
        ))
    };
    let Transport::Unix(unix) = address.transport() else {
        return Err(no_socket());
    };
    let path = if let UnixSocket::File(path) = unix.path() {
        path.as_os_str().to_owned()
    } else if let UnixSocket::Abstract(name) = unix.path() {
        let mut path = OsString::from("\0");
        path.push(name);
        path
    } else {
        return Err(no_socket());
    };
    Ok(UnixStream::connect(path).await?)
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
///
/// # Errors
/// The connection is lost.
pub async fn owner_changes(connection: &Connection, name: &str) -> zbus::Result<MessageStream> {
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

/// The next owner of a name by such news, empty where there is none; `None` once the connection is lost. Safe to cancel.
pub async fn next_owner(changes: &mut MessageStream) -> Option<String> {
    loop {
        let change = next_message(changes).await?;
        if let Some(owner) = new_owner(&change) {
            return Some(owner);
        }
    }
}

/// Anybody may send us such a signal; the bus alone is believed.
fn new_owner(message: &Message) -> Option<String> {
    let header = message.header();
    let from_bus = header.sender().is_some_and(|sender| *sender == BUS);
    let body = message.body();
    let arguments: Option<(&str, &str, &str)> = from_bus.then(|| body.deserialize().ok()).flatten();
    arguments.map(|(_, _, owner)| owner.to_owned())
}
