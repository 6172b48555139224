//! A message centre as a source of short messages.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use push_ota::Backoff;
use push_ota::http::Host;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::link::{Link, LinkError};
use super::settings::SmppSettings;
use crate::clock::Clock;
use crate::ota_http::{TlsError, TlsFiles, client_of, connect};
use crate::short_messages::{Intake, Source, SourceFuture, SourceState};

/// A message centre that short messages come from.
pub struct Smpp {
    settings: SmppSettings,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl std::fmt::Debug for Smpp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smpp")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why a message centre cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SmppError {
    /// A setting does not fit into the protocol.
    #[error(
        "{0} is too long for SMPP, or holds what is not ASCII; ask the centre's operator for a shorter one"
    )]
    Setting(&'static str),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The name that the centre's certificate has to carry is none.
    #[error("{0} is no name that a certificate could carry; give it a tls_name")]
    Name(Box<str>),
}

impl Smpp {
    /// A message centre that nothing was said to yet. Reads the file with the authorities, where TLS is wanted.
    pub fn new(settings: SmppSettings) -> Result<Self, SmppError> {
        super::commands::bind(&settings).map_err(SmppError::Setting)?;
        let tls = match &settings.tls {
            None => None,
            Some(tls) => {
                let host = match &settings.host {
                    Host::Ip(address) => address.to_string().into(),
                    Host::Name(name) => name.clone(),
                };
                let name = tls.name.clone().unwrap_or(host);
                let server = ServerName::try_from(String::from(&*name))
                    .map_err(|_| SmppError::Name(name))?;
                let files = TlsFiles {
                    ca: Some(tls.ca.clone()),
                    ..TlsFiles::default()
                };
                client_of(&files)?.map(|client| (TlsConnector::from(client), server))
            }
        };
        Ok(Self { settings, tls })
    }

    async fn feed(&self, intake: Intake) {
        let settings = &self.settings;
        let mut pauses = Backoff::new(settings.backoff_base, settings.backoff_limit, Clock::seed());
        let mut failures = 0_u32;
        loop {
            let opened = tokio::select! {
                () = intake.stopped() => return,
                opened = self.open() => opened,
            };
            let ended = match opened {
                Ok(Stream::Plain(stream)) => self.serve(stream, &intake, &mut failures).await,
                Ok(Stream::Tls(stream)) => self.serve(stream, &intake, &mut failures).await,
                Err(error) => Err(error),
            };
            let Err(error) = ended else { return };
            self.failed(&intake, &error, &mut failures);
            tokio::select! {
                () = intake.stopped() => return,
                () = sleep(pauses.after(failures)) => {}
            }
        }
    }

    async fn open(&self) -> Result<Stream, LinkError> {
        let settings = &self.settings;
        let limit = settings.connect_timeout;
        let opened = async {
            let stream = connect(&settings.host, settings.port, limit).await;
            let stream = stream.map_err(io::Error::other)?;
            stream.set_nodelay(true)?;
            Ok(match &self.tls {
                None => Stream::Plain(stream),
                Some((connector, name)) => {
                    Stream::Tls(Box::new(connector.connect(name.clone(), stream).await?))
                }
            })
        };
        let opened = timeout(limit, opened).await;
        opened.map_err(|_| LinkError::Silent {
            what: "to being connected to",
            limit,
        })?
    }

    /// Takes short messages until the client stops. Only a centre that said more than yes to the bind counts as one that works:
    /// some take every bind and end the connection, as where two clients have the same name.
    pub(super) async fn serve<S: AsyncRead + AsyncWrite>(
        &self,
        stream: S,
        intake: &Intake,
        failures: &mut u32,
    ) -> Result<(), LinkError> {
        let mut link = Link::bind(&self.settings, intake, stream).await?;
        tracing::info!(link = %self.settings.id, "bound to a message centre");
        let served = link.serve().await;
        if link.has_heard() {
            *failures = 0;
        }
        served
    }

    fn failed(&self, intake: &Intake, error: &LinkError, failures: &mut u32) {
        *failures = failures.saturating_add(1);
        let link = &self.settings.id;
        if *failures == 1 {
            tracing::warn!(%link, %error, "no connection to a message centre; it is tried again");
        } else {
            tracing::debug!(%link, %error, failures, "no connection to a message centre");
        }
        intake.state(SourceState::Failed(error.to_string()));
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Source for Smpp {
    fn uri(&self) -> String {
        let scheme = if self.tls.is_some() { "smpps" } else { "smpp" };
        let port = self.settings.port;
        match &self.settings.host {
            Host::Ip(IpAddr::V6(address)) => format!("{scheme}://[{address}]:{port}"),
            Host::Ip(address) => format!("{scheme}://{address}:{port}"),
            Host::Name(name) => format!("{scheme}://{name}:{port}"),
        }
    }

    fn shows_ports(&self) -> bool {
        true
    }

    fn run(self: Arc<Self>, intake: Intake) -> SourceFuture {
        Box::pin(async move { self.feed(intake).await })
    }
}
