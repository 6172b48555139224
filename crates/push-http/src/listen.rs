//! Accepting connections, within their bound, until the shutdown.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use push_api::{Caller, Owner, PushService, Reason, Refusal, ShareBounds, ShareTaken, Shares};
use push_identity::{Credentials, Lookups, caller_of};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::closing::closing;
use crate::connection::{self, Proof, Shared};
use crate::failure::Failure;
use crate::limits::{Limit, Place};
use crate::{HttpSettings, Tokens};

/// Connections over the bound that are told so at one time; more are closed without a word.
const REFUSED_CONNECTIONS: usize = 16;
/// How long nothing is accepted after a failure such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// After this time without a sign the kernel asks whether a peer over TCP is still there.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Serves the contract on a Unix socket until `shutdown` completes and what was under way has ended.
///
/// The owner of an application is told by the credentials of the connection's other end, once for each connection:
/// see [`Identity`](crate::Identity). Root and the user that runs this process are administrators, except from within a
/// Flatpak sandbox. Fails only where the listener itself is broken.
pub async fn serve_unix<S: PushService>(
    listener: UnixListener,
    service: S,
    settings: HttpSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    serve(Peers(listener), service, settings, shutdown).await
}

/// Serves the contract over TCP until `shutdown` completes and what was under way has ended.
///
/// Every request has to carry one of `tokens` (`Authorization: Bearer TOKEN`) and to be addressed to a loopback name, the
/// listener's own address or one of [`HttpSettings::hosts`]. Fails only where the listener itself is broken.
pub async fn serve_tcp<S: PushService>(
    listener: TcpListener,
    tokens: Tokens,
    service: S,
    settings: HttpSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let bearers = Bearers {
        listener,
        tokens: Arc::new(tokens),
    };
    serve(bearers, service, settings, shutdown).await
}

/// A listener, and how its connections prove whose they are.
trait Listener: Send {
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    type Means: Clone + Send + Sync + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    fn means(&self) -> Self::Means;
    /// The user at the other end, where that shows before anything else of who it is.
    fn user(stream: &Self::Stream) -> Option<Owner>;
    fn prove<S: PushService>(
        means: Self::Means,
        stream: &Self::Stream,
        shared: &Shared<S>,
    ) -> impl Future<Output = Proof> + Send;
}

struct Peers(UnixListener);

impl Listener for Peers {
    type Stream = UnixStream;
    type Means = ();

    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.0.accept().await?.0)
    }

    fn means(&self) {}

    fn user(stream: &UnixStream) -> Option<Owner> {
        let credentials = stream.peer_cred().ok()?;
        Some(Owner::of_user(credentials.uid()))
    }

    async fn prove<S: PushService>((): (), stream: &UnixStream, shared: &Shared<S>) -> Proof {
        match of_peer(stream, &shared.settings, &shared.lookups).await {
            Ok(caller) => shared.admit(caller),
            Err(refusal) => Proof::Refused(refusal.into()),
        }
    }
}

/// The caller at the other end, by what the kernel says of the process that connected.
async fn of_peer(
    stream: &UnixStream,
    settings: &HttpSettings,
    lookups: &Lookups,
) -> Result<Caller, Refusal> {
    let credentials = stream.peer_cred().map_err(|error| {
        let detail = format!("the other end has no credentials: {error}");
        Refusal::new(Reason::NotAuthorized, detail)
    })?;
    let credentials = Credentials {
        uid: credentials.uid(),
        pid: credentials.pid(),
        process: None,
    };
    caller_of(
        &credentials,
        settings.identity,
        &settings.proc_path,
        lookups,
    )
    .await
}

struct Bearers {
    listener: TcpListener,
    tokens: Arc<Tokens>,
}

impl Listener for Bearers {
    type Stream = TcpStream;
    type Means = Arc<Tokens>;

    async fn accept(&self) -> io::Result<TcpStream> {
        Ok(self.listener.accept().await?.0)
    }

    fn means(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    fn user(_: &TcpStream) -> Option<Owner> {
        None
    }

    async fn prove<S: PushService>(
        tokens: Arc<Tokens>,
        stream: &TcpStream,
        _shared: &Shared<S>,
    ) -> Proof {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        let set = stream
            .set_nodelay(true)
            .and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
        match set.and_then(|()| stream.local_addr()) {
            Ok(local) => Proof::Token {
                tokens,
                local: local.ip(),
                place: Mutex::default(),
            },
            Err(error) => Proof::Refused(
                Refusal::new(
                    Reason::NotAuthorized,
                    format!("the connection cannot be used: {error}"),
                )
                .into(),
            ),
        }
    }
}

async fn serve<L: Listener, S: PushService>(
    listener: L,
    service: S,
    settings: HttpSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let (closer, closing) = closing();
    let shutdown_timeout = settings.shutdown_timeout;
    let shared = Arc::new(Shared {
        waits: Limit::new(settings.max_waits),
        owners: Shares::new(connections_of(&settings)),
        unproved: Shares::new(unproved_of(&settings)),
        lookups: Lookups::new(
            settings.max_sandbox_lookups,
            settings.max_sandbox_lookups_per_user,
        ),
        service,
        settings,
        closing,
    });
    let mut connections = JoinSet::new();
    let ended = tokio::select! {
        biased;
        () = shutdown => Ok(()),
        error = accept_all(&listener, &shared, &mut connections) => Err(error),
    };
    drop(listener);
    closer.begin();
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(shutdown_timeout, all).await.is_err() {
        tracing::warn!(
            left = connections.len(),
            "connections are cut off by the shutdown"
        );
    }
    connections.shutdown().await;
    ended
}

/// All together are bounded where they are accepted.
fn connections_of(settings: &HttpSettings) -> ShareBounds {
    ShareBounds {
        all: usize::MAX,
        per_owner: settings.max_connections_per_owner,
        per_user: settings.max_connections_per_user,
    }
}

/// Whose a connection is shows when its process has been looked at; until then it counts for its user, for whom a quarter of all is
/// left to such ones beside its share.
fn unproved_of(settings: &HttpSettings) -> ShareBounds {
    let quarter = (settings.max_connections / 4).max(1);
    ShareBounds {
        all: usize::MAX,
        per_owner: quarter,
        per_user: quarter,
    }
}

async fn accept_all<L: Listener, S: PushService>(
    listener: &L,
    shared: &Arc<Shared<S>>,
    connections: &mut JoinSet<()>,
) -> io::Error {
    let places = Limit::new(shared.settings.max_connections);
    let refusals = Limit::new(REFUSED_CONNECTIONS);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) if is_fatal(&error) => return error,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let user = L::user(&stream);
        let unproved = user.map(|user| shared.unproved.take(&user)).transpose();
        let place = places.take();
        let refused = match (unproved, place) {
            (Ok(unproved), Some(place)) => {
                let (shared, means) = (Arc::clone(shared), listener.means());
                let refusals = Arc::clone(&refusals);
                connections.spawn(async move {
                    let proof = L::prove(means, &stream, &shared).await;
                    drop(unproved);
                    let Some(place) = place_of(&proof, place, &refusals) else {
                        return;
                    };
                    connection::serve(shared, stream, proof).await;
                    drop(place);
                });
                continue;
            }
            (Ok(_), None) => full(&shared.settings),
            (Err(taken), _) => too_many_unproved(&taken),
        };
        if let Some(place) = refusals.take() {
            let shared = Arc::clone(shared);
            connections.spawn(async move {
                connection::serve(shared, stream, refused).await;
                drop(place);
            });
        }
    }
}

/// The place that a connection keeps: one that is refused takes none from those who are let in, so that no owner can
/// shut out the others with connections over its own bound.
fn place_of(proof: &Proof, place: Place, refusals: &Arc<Limit>) -> Option<Place> {
    if matches!(proof, Proof::Refused(_)) {
        drop(place);
        refusals.take()
    } else {
        Some(place)
    }
}

fn full(settings: &HttpSettings) -> Proof {
    let most = settings.max_connections;
    let detail = format!(
        "{most} connections (`max_connections`) are open already; try again when one has been closed"
    );
    Proof::Refused(Failure::bound(503, detail))
}

fn too_many_unproved(taken: &ShareTaken) -> Proof {
    let most = taken.most;
    let detail = format!(
        "{most} connections of your user are being looked at already, to tell whose they are; try again later"
    );
    Proof::Refused(Failure::bound(429, detail))
}

/// Whether the listener will never accept again (`EBADF`, `EINVAL`, `ENOTSOCK`, `EOPNOTSUPP`), rather than not at present.
fn is_fatal(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let fatal = [Errno::BADF, Errno::INVAL, Errno::NOTSOCK, Errno::OPNOTSUPP];
    fatal
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
