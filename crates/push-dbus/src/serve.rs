//! Serving on a bus, until the shutdown.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use push_api::{PushService, Reason};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{sleep, timeout};
use zbus::Connection;
use zbus::fdo::RequestNameFlags;
use zbus::message::Flags;

use crate::authority::Authority;
use crate::bus::open;
use crate::callers::Callers;
use crate::failure::Failure;
use crate::heard::Heard;
use crate::interface::{Client1, Shared};
use crate::socket::TooLarge;
use crate::watching::tell_of_changes;
use crate::{DbusSettings, NAME, PATH};

/// How often it is looked whether the last call has ended, once there is to be an end.
const IDLE_CHECK: Duration = Duration::from_millis(5);

/// Serves the contract on the bus of the settings until `shutdown` completes.
///
/// Where the bus is not there (at the first time: if the settings insist), or goes away, it is connected to again after a pause that doubles: a Push Client never ends of it.
pub async fn serve<S: PushService>(
    service: S,
    settings: DbusSettings,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut pause = settings.backoff_base;
    let mut insist = settings.insist;
    loop {
        let serving = async {
            let (link, refused) = open(
                &settings.address,
                settings.call_timeout,
                settings.max_message,
            )
            .await?;
            pause = settings.backoff_base;
            let (service, own) = (service.clone(), settings.clone());
            tokio::select! {
                ended = serve_on(link.connection(), service, own, shutdown.as_mut()) => ended,
                never = answer_refused(link.connection(), refused, settings.max_message) => match never {},
            }
        };
        match serving.await {
            Ok(Ended::ByShutdown) => return,
            Ok(Ended::BusLost) => {
                insist = true;
                tracing::warn!(
                    "the bus is gone; applications on D-Bus are not served until it is back"
                );
            }
            Err(error) if insist => tracing::warn!(%error, "D-Bus is not served"),
            Err(error) => {
                tracing::info!(%error, "D-Bus is not served, as it cannot be from the start");
                return shutdown.await;
            }
        }
        tokio::select! {
            () = shutdown.as_mut() => return,
            () = sleep(pause) => {}
        }
        pause = next_pause(pause, settings.backoff_limit);
    }
}

/// Tells callers that their calls are too large, for as long as this is polled.
async fn answer_refused(
    connection: &Connection,
    mut refused: mpsc::Receiver<TooLarge>,
    most: usize,
) -> Infallible {
    while let Some(TooLarge { call, octets }) = refused.recv().await {
        let header = call.header();
        if header.primary().flags().contains(Flags::NO_REPLY_EXPECTED) {
            continue;
        }
        let detail = format!("the call has {octets} octets; up to {most} are taken");
        let failure = Failure::new(Reason::InvalidRequest, None, &detail);
        // Whoever has left hears of nothing.
        connection.reply_dbus_error(&header, failure).await.ok();
    }
    pending().await
}

/// The pause after this one.
pub(crate) fn next_pause(pause: Duration, limit: Duration) -> Duration {
    pause.saturating_mul(2).min(limit)
}

/// Why serving on a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The connection is lost.
    BusLost,
    /// It was to end.
    ByShutdown,
}

/// Serves the contract on one connection until it is lost or `shutdown` completes. The address of the settings
/// counts for polkit alone, which is asked over a connection of its own.
///
/// # Errors
/// The bus does not give the name, and does not put this connection in its queue either.
pub async fn serve_on<S: PushService>(
    connection: &Connection,
    service: S,
    settings: DbusSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> zbus::Result<Ended> {
    let callers = Callers::new(settings.clone());
    let (closer, closing) = watch::channel(false);
    let shutdown_timeout = settings.shutdown_timeout;
    let authority = Authority::new(settings.address.clone(), settings.authorization_timeout);
    let heard = Mutex::new(Heard::new(settings.max_heard));
    let shared = Arc::new(Shared {
        service,
        settings,
        callers: Arc::clone(&callers),
        authority,
        closing,
        heard,
    });
    connection
        .object_server()
        .at(PATH, Client1(Arc::clone(&shared)))
        .await?;
    take_name(connection).await?;
    let ended = tokio::select! {
        () = shutdown => Ended::ByShutdown,
        () = connection.closed() => Ended::BusLost,
        () = tell_of_changes(connection, &shared) => Ended::BusLost,
    };
    closer.send_replace(true);
    if ended == Ended::ByShutdown {
        let leaving = async {
            connection.release_name(NAME).await?;
            connection
                .object_server()
                .remove::<Client1<S>, _>(PATH)
                .await?;
            while !callers.is_idle() {
                sleep(IDLE_CHECK).await;
            }
            Ok::<_, zbus::Error>(())
        };
        // Who does not let us go in time is left.
        timeout(shutdown_timeout, leaving).await.ok();
    }
    callers.clear();
    Ok(ended)
}

/// Asks for the name; where another has it, this connection is next.
async fn take_name(connection: &Connection) -> zbus::Result<()> {
    use zbus::fdo::RequestNameReply;
    match connection
        .request_name_with_flags(NAME, RequestNameFlags::empty())
        .await?
    {
        RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner => {
            tracing::info!(name = NAME, "serving on D-Bus");
        }
        RequestNameReply::InQueue | RequestNameReply::Exists => {
            tracing::warn!(
                name = NAME,
                "another process has the name on D-Bus; this one waits for it"
            );
        }
    }
    Ok(())
}
