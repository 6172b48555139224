//! TLS to the receivers of webhooks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, version};
use tokio_rustls::TlsConnector;

use super::settings::WebhookSettings;
use super::target::{Target, TargetHost};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("{path}: {source}; name a PEM file that this Push Client may read")]
    File { path: PathBuf, source: pem::Error },
    #[error("{path}: there is no certificate of an authority in it")]
    Empty { path: PathBuf },
    #[error("{path}: {source}")]
    Certificate {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("TLS cannot be had: {0}")]
    Unusable(rustls::Error),
}

/// TLS, once it was needed: most never need it, and the authorities of a platform are many.
#[derive(Debug, Default)]
pub(super) struct Tls(OnceLock<Arc<ClientConfig>>);

impl Tls {
    /// What makes connections secure.
    pub(super) fn connector(&self, settings: &WebhookSettings) -> Result<TlsConnector, TlsError> {
        if let Some(config) = self.0.get() {
            return Ok(Arc::clone(config).into());
        }
        let config = Arc::new(load(settings)?);
        Ok(Arc::clone(self.0.get_or_init(|| config)).into())
    }
}

/// The name that a receiver's certificate has to carry.
pub(super) fn server_name(target: &Target) -> Option<ServerName<'static>> {
    match &target.host {
        TargetHost::Name(name) => ServerName::try_from(name.to_string()).ok(),
        TargetHost::Ip(address) => Some(ServerName::IpAddress((*address).into())),
    }
}

fn load(settings: &WebhookSettings) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    let files = [Some(&settings.ca_file), settings.extra_ca_file.as_ref()];
    for path in files.into_iter().flatten() {
        // A platform's collection may hold one that nothing here can use.
        let (taken, _) = roots.add_parsable_certificates(certificates(path)?);
        if taken == 0 {
            return Err(TlsError::Empty { path: path.clone() });
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(TlsError::Unusable)?
        .with_root_certificates(roots);
    let mut config = match &settings.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|source| TlsError::Certificate {
                path: certificate.clone(),
                source,
            })?,
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| file(path, source))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| file(path, source))
}

fn file(path: &Path, source: pem::Error) -> TlsError {
    let path = path.to_owned();
    TlsError::File { path, source }
}
