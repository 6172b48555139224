//! Whether somebody may do what is an administrator's: asked of polkit, where it is on the bus.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use push_api::{Caller, Reason};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use zbus::message::{Flags, Header};
use zbus::names::UniqueName;
use zbus::{Connection, Message, Variant, fdo};

use crate::BusAddress;
use crate::bus::connect;
use crate::callers::Admitted;
use crate::failure::{Failure, Fallible};

const NAME: &str = "org.freedesktop.PolicyKit1";
const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";
/// The flag by which polkit may ask the user for a password.
const ALLOW_USER_INTERACTION: u32 = 1;
/// How much later than the question itself the connection gives it up.
const GRACE: Duration = Duration::from_secs(1);

/// What is an administrator's. The ids are those of packaging/polkit/org.pushcai.policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// To see the registrations of all owners.
    ListRegistrations,
    /// To register and deregister for other owners.
    ManageRegistrations,
    /// To see, replay and drop the dead letters of all owners.
    ManageDeadLetters,
}

impl Action {
    const fn id(self) -> &'static str {
        match self {
            Self::ListRegistrations => "org.pushcai.list-registrations",
            Self::ManageRegistrations => "org.pushcai.manage-registrations",
            Self::ManageDeadLetters => "org.pushcai.manage-dead-letters",
        }
    }
}

/// polkit, as it is asked here: over a connection of its own, because people who are asked for a password take their time.
#[derive(Debug)]
pub(crate) struct Authority {
    address: BusAddress,
    /// How long an answer may take; `None` where nobody is asked.
    patience: Option<Duration>,
    connection: Mutex<Option<Connection>>,
    questions: AtomicU64,
}

impl Authority {
    pub(crate) fn new(address: BusAddress, patience: Duration) -> Self {
        Self {
            address,
            patience: Some(patience).filter(|patience| !patience.is_zero()),
            connection: Mutex::default(),
            questions: AtomicU64::new(0),
        }
    }

    /// Takes the caller of a call as an administrator for one action, where it is one or polkit says that it may.
    pub(crate) async fn administrator(
        &self,
        admitted: &mut Admitted,
        header: &Header<'_>,
        action: Action,
    ) -> Fallible<Caller> {
        if !admitted.caller.administrator {
            self.ask(admitted, header, action).await?;
        }
        Ok(Caller {
            administrator: true,
            ..admitted.caller.clone()
        })
    }

    async fn ask(
        &self,
        admitted: &mut Admitted,
        header: &Header<'_>,
        action: Action,
    ) -> Fallible<()> {
        let caller = admitted.caller.clone();
        let refuse = |why: &str| Err(refused(&caller, action, why));
        if caller.owner.is_sandboxed() {
            return refuse("an application in a sandbox may not");
        }
        let (Some(patience), Some(sender)) = (self.patience, header.sender()) else {
            return refuse("only root and the daemon's own user may, as polkit is not asked here");
        };
        let began = Instant::now();
        let Ok(connection) = self.connect(patience).await else {
            return refuse(&format!(
                "polkit cannot be asked: the bus does not answer within {patience:?}"
            ));
        };
        let left = patience.saturating_sub(began.elapsed());
        let number = self.questions.fetch_add(1, Ordering::Relaxed);
        let question = Question {
            sender: sender.to_owned(),
            action,
            may_interact: header
                .primary()
                .flags()
                .contains(Flags::ALLOW_INTERACTIVE_AUTH),
            cancellation: format!("pushcai-{number}"),
        };
        let verdict = tokio::select! {
            verdict = question.ask(&connection) => verdict,
            why = given_up(left, admitted) => {
                question.cancel(&connection).await;
                return refuse(&why.unwrap_or_else(|| format!("polkit has not answered within {patience:?}")));
            }
        };
        match verdict {
            Ok(Verdict {
                is_authorized: true,
                ..
            }) => Ok(()),
            Ok(Verdict {
                is_challenge: true, ..
            }) => refuse(
                "polkit wants a password first; let the call allow interactive authorization, as those of `busctl` do, where an \
                 agent of polkit runs",
            ),
            Ok(_) => refuse("polkit does not allow it"),
            Err(error) if is_absent(&error) => {
                refuse("only root and the daemon's own user may, as there is no polkit on the bus")
            }
            Err(error) => refuse(&format!("polkit does not say: {error}")),
        }
    }

    /// The connection to the bus, which may take as long as an answer to come about, the wait for others who connect included.
    async fn connect(&self, patience: Duration) -> zbus::Result<Connection> {
        let connecting = async {
            let mut connection = self.connection.lock().await;
            if let Some(connection) = connection.as_ref().filter(|open| !open.is_closed()) {
                return Ok(connection.clone());
            }
            let connected = connect(&self.address, patience + GRACE).await?;
            Ok(connection.insert(connected).clone())
        };
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        timeout(patience, connecting).await.unwrap_or_else(late)
    }
}

/// One question to polkit.
struct Question {
    sender: UniqueName<'static>,
    action: Action,
    may_interact: bool,
    cancellation: String,
}

/// What polkit says.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    is_authorized: bool,
    /// It would be, if somebody gave a password.
    is_challenge: bool,
}

impl Question {
    async fn ask(&self, connection: &Connection) -> zbus::Result<Verdict> {
        let name = HashMap::from([("name", Variant::new(self.sender.as_str()))]);
        let flags = if self.may_interact {
            ALLOW_USER_INTERACTION
        } else {
            0
        };
        let body = (
            ("system-bus-name", name),
            self.action.id(),
            HashMap::<&str, &str>::new(),
            flags,
            self.cancellation.as_str(),
        );
        let answer = connection
            .call_method(
                Some(NAME),
                PATH,
                Some(INTERFACE),
                "CheckAuthorization",
                &body,
            )
            .await?;
        let (is_authorized, is_challenge, _): (bool, bool, HashMap<String, String>) =
            answer.body().deserialize()?;
        Ok(Verdict {
            is_authorized,
            is_challenge,
        })
    }

    /// Nobody waits for the answer any more.
    async fn cancel(&self, connection: &Connection) {
        let cancel = Message::method_call(PATH, "CancelCheckAuthorization")
            .destination(NAME)
            .interface(INTERFACE)
            .with_flags(Flags::NO_REPLY_EXPECTED)
            .build(&self.cancellation);
        if let Ok(cancel) = cancel {
            // Where it cannot be told, it answers in vain.
            connection.send(&cancel).await.ok();
        }
    }
}

/// Waits until there is no use in an answer any more, and says why, where it is not for the time.
async fn given_up(left: Duration, admitted: &mut Admitted) -> Option<String> {
    let gone = timeout(left, admitted.gone()).await;
    gone.ok().map(|()| "the caller has left the bus".to_owned())
}

/// Whether nobody is there who could be asked.
fn is_absent(error: &zbus::Error) -> bool {
    if let zbus::Error::FDO(error) = error {
        return matches!(
            **error,
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_)
        );
    }
    let absent = ["ServiceUnknown", "NameHasNoOwner"];
    if let zbus::Error::MethodError(name, ..) = error
        && let Some(word) = name.strip_prefix("org.freedesktop.DBus.Error.")
    {
        return absent.contains(&word);
    }
    false
}

fn refused(caller: &Caller, action: Action, why: &str) -> Failure {
    let (owner, id) = (&caller.owner, action.id());
    let detail = format!("{owner} is not authorized for `{id}`: {why}");
    Failure::new(Reason::NotAuthorized, None, &detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bus_that_does_not_answer_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bus");
        // It takes connections, and says nothing.
        let _bus = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let patience = Duration::from_millis(50);
        let address = BusAddress::At(format!("unix:path={}", path.display()));
        let authority = Authority::new(address, patience);
        let (first, second) =
            tokio::join!(authority.connect(patience), authority.connect(patience));
        assert!(first.is_err() && second.is_err());
    }
}
