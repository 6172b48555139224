//! `unix:/path`: events as POST requests to a Unix socket of the application's own user.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use push_api::Caller;
use push_client::{Boxed, RegistrationId, RegistrationRecord};
use push_message::{Owner, Reason, Refusal};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::places::Places;
use super::post::{Octets, Road};
use super::settings::{PostSettings, UnixSocketSettings};
use super::webhooks::Secrets;
use crate::host::{not_allowed, not_available, refusal};
use crate::owner::is_sandbox;
use crate::{Opened, Scheme, Unreachable};

/// The most octets of a socket's path: the system's address has room for one more, a zero.
const MAX_PATH_LENGTH: usize = 107;

/// Unix sockets: events as POST requests to a socket that the application's user listens on.
#[derive(Debug, Clone)]
pub struct UnixSockets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: UnixSocketSettings,
    post: Arc<PostSettings>,
    secrets: Arc<Secrets>,
    lookups: Places,
}

/// The way to one socket.
#[derive(Debug, Clone)]
struct UnixRoad {
    shared: Arc<Shared>,
    owner: Owner,
    /// The user that has to listen there.
    user: u32,
    path: PathBuf,
}

/// Why a socket is not reached. Whether something that is not the owner's own lies at a path is nobody's business.
#[derive(Debug)]
enum Fault {
    /// There is no socket of a user who may listen there.
    Absent,
    /// It is the owner's, and nobody takes connections there.
    Silent(std::io::Error),
    /// It cannot be looked up.
    Unknown(String),
}

impl UnixSockets {
    /// Unix sockets under these settings.
    pub fn new(settings: UnixSocketSettings, secrets: Arc<Secrets>) -> Self {
        Self(Arc::new(Shared {
            post: Arc::new(settings.post.clone()),
            lookups: Places::new(settings.lookups()),
            settings,
            secrets,
        }))
    }

    fn road(&self, owner: &Owner, handler: &str) -> Result<UnixRoad, Refusal> {
        let path = socket_path(handler).map_err(|sentence| {
            let detail = format!("the socket cannot be used: {sentence}");
            refusal(Reason::InvalidRequest, detail)
        })?;
        let user = listening_user(owner).ok_or_else(|| {
            not_allowed(format!(
                "{owner} is no plain user or service, so that no socket can be told to be its own; leave eventHandler out, and \
                 take events over a connection"
            ))
        })?;
        let below =
            |directories: &Vec<PathBuf>| directories.iter().any(|one| path.starts_with(one));
        if !self.0.settings.directories.as_ref().is_none_or(below) {
            return Err(not_allowed(format!(
                "{} lies in none of the directories that the administrator lists: [handlers.unix] directories",
                path.display()
            )));
        }
        Ok(UnixRoad {
            shared: Arc::clone(&self.0),
            owner: owner.clone(),
            user,
            path,
        })
    }

    async fn check_now(&self, owner: &Owner, handler: &str) -> Result<(), Refusal> {
        let road = self.road(owner, handler)?;
        let limit = self.0.post.connect_timeout;
        let reached = timeout(limit, road.reach()).await;
        let reached =
            reached.unwrap_or_else(|_| Err(Fault::Unknown(format!("no answer within {limit:?}"))));
        reached.map_err(|fault| not_available(road.said(&fault)))?;
        self.0.secrets.prepare()
    }
}

impl UnixRoad {
    /// Connects, and makes sure who listens. The file is looked at and connected to by one descriptor, so that it cannot be exchanged
    /// in between; who listens is what the kernel says of the connection.
    async fn reach(&self) -> Result<UnixStream, Fault> {
        let (file, owner) = self.look_up().await?;
        if !self.may_listen(owner) {
            return Err(Fault::Absent);
        }
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let stream = UnixStream::connect(path).await.map_err(Fault::Silent)?;
        let peer = stream.peer_cred().map_err(Fault::Silent)?;
        if self.may_listen(peer.uid()) {
            Ok(stream)
        } else {
            Err(Fault::Absent)
        }
    }

    fn may_listen(&self, user: u32) -> bool {
        user == self.user || self.shared.settings.users.contains(&user)
    }

    /// The socket file, and whose it is. A file system may be the application's own, and never answer: what is asked of it
    /// takes a place until it is answered, whether anybody waits or not.
    async fn look_up(&self) -> Result<(OwnedFd, u32), Fault> {
        let place = self.shared.lookups.take(&self.owner).await;
        let path = self.path.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let found = socket_at(&path);
            drop(place);
            found
        });
        match looking.await {
            Ok(Ok(Some(found))) => Ok(found),
            Ok(Ok(None) | Err(_)) => Err(Fault::Absent),
            Err(error) => Err(Fault::Unknown(error.to_string())),
        }
    }

    fn said(&self, fault: &Fault) -> String {
        let (path, user) = (self.path.display(), self.user);
        match fault {
            Fault::Absent => format!(
                "no socket of user {user} is at {path}: start the program that listens there first, as that user, in directories \
                 that this Push Client may enter"
            ),
            Fault::Silent(error) => format!(
                "nobody takes connections at {path}: {error}; the program that listens there has to run, and let this Push Client \
                 write to the socket"
            ),
            Fault::Unknown(why) => format!("{path} cannot be looked up: {why}"),
        }
    }
}

impl Road for UnixRoad {
    fn connect(&self) -> Boxed<'_, Result<Box<dyn Octets>, Unreachable>> {
        Box::pin(async move {
            match self.reach().await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Octets>),
                Err(fault) => Err(Unreachable::new(self.said(&fault))),
            }
        })
    }

    fn host(&self) -> String {
        "localhost".to_owned()
    }

    fn path(&self) -> &'static str {
        "/"
    }
}

impl Scheme for UnixSockets {
    fn names(&self) -> &'static [&'static str] {
        &["unix"]
    }

    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        Box::pin(self.check_now(&caller.owner, handler))
    }

    fn secret(&self, registration: RegistrationId, handler: &str) -> Option<String> {
        self.0.secrets.shown(registration, handler)
    }

    fn open<'a>(
        &'a self,
        record: &'a Arc<RegistrationRecord>,
    ) -> Boxed<'a, Result<Opened, Unreachable>> {
        Box::pin(async move {
            let handler = record.event_handler.as_deref().unwrap_or_default();
            let road = self
                .road(&record.owner, handler)
                .map_err(|refusal| Unreachable::new(refusal.detail))?;
            let Shared { secrets, post, .. } = &*self.0;
            secrets.open_handler(record, road, post).await
        })
    }
}

/// The user of an owner that is a user, or a service of one. One in a sandbox shares its user's number, but is kept from that user's
/// sockets for a reason; the holder of a token has none.
fn listening_user(owner: &Owner) -> Option<u32> {
    let (user, beside) = owner.user()?;
    (!beside.is_some_and(is_sandbox)).then_some(user)
}

/// The path of a socket, or why it is none, in words for people.
fn socket_path(handler: &str) -> Result<PathBuf, &'static str> {
    let (_, text) = handler.split_once(':').unwrap_or_default();
    if !text.starts_with('/') || text.starts_with("//") {
        return Err("write unix:/PATH, with the whole path from one `/` on");
    }
    if text.len() > MAX_PATH_LENGTH {
        return Err("its path is longer than the 107 octets that a socket's may have");
    }
    if text.contains(['?', '#', '%']) || text.chars().any(char::is_control) {
        return Err(
            "its path has one of `?`, `#` and `%`, which are kept free, or a control character",
        );
    }
    let path = Path::new(text);
    let plain: PathBuf = path
        .components()
        .filter(|part| matches!(part, Component::RootDir | Component::Normal(_)))
        .collect();
    if plain.as_os_str() != path.as_os_str() || plain.file_name().is_none() {
        return Err("its path has `.`, `..`, or a `/` that says nothing; write it without");
    }
    Ok(plain)
}

/// The socket at a path, and whose file it is; `None` where something else is.
fn socket_at(path: &Path) -> rustix::io::Result<Option<(OwnedFd, u32)>> {
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let status = fstat(&file)?;
    let is_socket = FileType::from_raw_mode(status.st_mode) == FileType::Socket;
    Ok(is_socket.then_some((file, status.st_uid)))
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    fn sockets(settings: UnixSocketSettings) -> UnixSockets {
        UnixSockets::new(settings, Arc::new(Secrets::open(None).unwrap()))
    }

    fn own() -> Owner {
        Owner::proved(format!("uid:{}", rustix::process::geteuid().as_raw()))
    }

    #[test]
    fn a_path_has_one_form() {
        for good in ["/a", "/run/user/1000/push.sock", "/a/..b/.c", "/ä"] {
            assert_eq!(socket_path(&format!("unix:{good}")).ok(), Some(good.into()));
        }
        let long = format!("unix:/{}", "a".repeat(MAX_PATH_LENGTH - 1));
        assert!(socket_path(&long).is_ok() && socket_path(&format!("{long}a")).is_err());
        for bad in [
            "", "/", "a", "./a", "@a", "\u{0}a", "//a", "///a", "//host/a", "/a/", "/a//b",
            "/a/./b", "/a/../b", "/..", "/.", "/a/.", "/a?b", "/a#b", "/a%2fb", "/a\nb",
            "/a\u{7f}",
        ] {
            assert!(socket_path(&format!("unix:{bad}")).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_socket_can_be_the_own_one_of_users_and_services_alone() {
        for (owner, user) in [
            ("uid:0", Some(0)),
            ("uid:1000", Some(1000)),
            ("uid:7/unit:meter.service", Some(7)),
            ("uid:1000/flatpak:org.example.App", None),
            ("uid:1000/snap:example", None),
            ("token:lab", None),
            ("uid:", None),
            ("uid:-1", None),
            ("1000", None),
        ] {
            assert_eq!(listening_user(&Owner::proved(owner)), user, "{owner}");
        }
    }

    #[tokio::test]
    async fn a_socket_is_taken_where_its_own_user_listens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("push.sock");
        let handler = format!("unix:{}", path.display());
        let all = sockets(UnixSocketSettings::default());
        let check =
            async |sockets: &UnixSockets, owner: &Owner| sockets.check_now(owner, &handler).await;
        let absent = check(&all, &own()).await.unwrap_err();
        assert_eq!(absent.reason, Reason::OptionNotAvailable);
        assert!(absent.detail.contains("start the program"), "{absent}");
        let listener = UnixListener::bind(&path).unwrap();
        check(&all, &own()).await.unwrap();
        // What is there is not told to whom it does not belong.
        let other = Owner::proved("uid:4000000000");
        let refused = check(&all, &other).await.unwrap_err();
        let number = rustix::process::geteuid().as_raw().to_string();
        assert_eq!(refused.detail.replace("4000000000", &number), absent.detail);
        let trusted = UnixSocketSettings {
            users: vec![rustix::process::geteuid().as_raw()],
            ..UnixSocketSettings::default()
        };
        check(&sockets(trusted), &other).await.unwrap();
        let elsewhere = UnixSocketSettings {
            directories: Some(vec!["/run/push".into()]),
            ..UnixSocketSettings::default()
        };
        let refused = check(&sockets(elsewhere), &own()).await.unwrap_err();
        assert!(refused.detail.contains("directories"), "{refused}");
        drop(listener);
        let silent = check(&all, &own()).await.unwrap_err();
        assert!(
            silent.detail.contains("nobody takes connections"),
            "{silent}"
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "no socket").unwrap();
        assert_eq!(check(&all, &own()).await.unwrap_err().detail, absent.detail);
    }
}
