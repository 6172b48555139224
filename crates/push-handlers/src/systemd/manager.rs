//! The manager of systemd on a bus: units, and the jobs that change them.

use std::num::NonZeroUsize;
use std::time::Duration;

use push_dbus::{BusAddress, connect, next_message};
use serde::Serialize;
use zbus::message::Type;
use zbus::zvariant::DynamicType;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

use crate::bus::HeldConnection;

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(crate) const UNIT: &str = "org.freedesktop.systemd1.Unit";
pub(crate) const SERVICE: &str = "org.freedesktop.systemd1.Service";

/// Signals that may wait to be looked at; more wait in the socket.
const MAX_QUEUED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

/// What a job comes to where it did what it was to do.
pub(crate) const DONE: &str = "done";

/// The manager of systemd.
#[derive(Debug)]
pub struct Manager {
    address: BusAddress,
    call_timeout: Duration,
    connection: HeldConnection,
}

impl Manager {
    /// The manager on this bus, which is connected to when it is needed. Its answers may each take so long.
    pub fn new(address: BusAddress, call_timeout: Duration) -> Self {
        Self {
            address,
            call_timeout,
            connection: HeldConnection::default(),
        }
    }

    /// Whether systemd runs this system.
    pub fn is_here() -> bool {
        std::path::Path::new("/run/systemd/system").is_dir()
    }

    pub(crate) async fn session(&self) -> zbus::Result<Session> {
        let opening = async {
            let session = Session(connect(&self.address, self.call_timeout).await?);
            // Without it the manager tells nobody what becomes of jobs; that it tells us already is no error.
            session.ask("Subscribe", &()).await.ok();
            Ok(session.0)
        };
        self.connection.get(opening).await.map(Session)
    }
}

/// The manager, connected to.
#[derive(Debug, Clone)]
pub(crate) struct Session(Connection);

impl Session {
    /// Asks the manager.
    pub(crate) async fn ask<B>(&self, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: Serialize + DynamicType,
    {
        self.0
            .call_method(Some(NAME), PATH, Some(INTERFACE), method, body)
            .await
    }

    /// Has the manager make a job, and waits for what it comes to.
    pub(crate) async fn job<B>(&self, method: &str, body: &B) -> zbus::Result<String>
    where
        B: Serialize + DynamicType,
    {
        // Listened for before it can be over.
        let mut removed = self.signals(PATH, INTERFACE, "JobRemoved").await?;
        let answer = self.ask(method, body).await?;
        let job: OwnedObjectPath = answer.body().deserialize()?;
        while let Some(message) = next_message(&mut removed).await {
            let body = message.body();
            let read: zbus::Result<(u32, OwnedObjectPath, String, String)> = body.deserialize();
            if let Ok((_, path, _, result)) = read
                && path == job
            {
                return Ok(result);
            }
        }
        Err(zbus::Error::Failure(
            "the bus was lost before the job was done".to_owned(),
        ))
    }

    /// A property of a unit.
    pub(crate) async fn property<T>(
        &self,
        path: &str,
        interface: &str,
        name: &str,
    ) -> zbus::Result<T>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        let answer = self
            .0
            .call_method(
                Some(NAME),
                path,
                Some(PROPERTIES),
                "Get",
                &(interface, name),
            )
            .await?;
        let value: OwnedVariant = answer.body().deserialize()?;
        T::try_from(value).map_err(Into::into)
    }

    /// What changes in a unit.
    pub(crate) async fn changes(&self, path: &str) -> zbus::Result<MessageStream> {
        self.signals(path, PROPERTIES, "PropertiesChanged").await
    }

    async fn signals(
        &self,
        path: &str,
        interface: &str,
        member: &str,
    ) -> zbus::Result<MessageStream> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)
            .path(path)
            .interface(interface)
            .member(member)
            .build()?;
        MessageStream::for_match_rule(rule.to_owned(), &self.0, Some(MAX_QUEUED)).await
    }
}

/// Where the unit with a name is on the bus.
pub(crate) fn unit_path(name: &str) -> String {
    let mut path = format!("{PATH}/unit/");
    for (index, octet) in name.bytes().enumerate() {
        if octet.is_ascii_alphabetic() || (octet.is_ascii_digit() && index > 0) {
            path.push(char::from(octet));
        } else {
            path.extend([format!("_{octet:02x}")]);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        assert_eq!(
            unit_path("supl@1-a.service"),
            "/org/freedesktop/systemd1/unit/supl_401_2da_2eservice"
        );
        assert_eq!(unit_path("1a"), "/org/freedesktop/systemd1/unit/_31a");
    }
}
