//! TLS: the gateway is the server, whoever opened the connection (WAP-235 7.2.2).

use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// A certificate authority for tests, made at run time and trusted by nobody else.
#[derive(Clone)]
pub struct TestAuthority {
    issuer: Arc<Issuer<'static, KeyPair>>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl std::fmt::Debug for TestAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestAuthority").finish_non_exhaustive()
    }
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub struct TestCertificate {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl std::fmt::Debug for TestCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestCertificate").finish_non_exhaustive()
    }
}

/// Why a certificate could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It could not be made.
    #[error("a test certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// It cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

impl TestAuthority {
    /// A new authority with a name of its own.
    pub fn new(name: &str) -> Result<Self, TlsError> {
        Self::of(name, KeyPair::generate()?)
    }

    /// The authority that has this name and this key, as [`TestAuthority::key_pem`] gave it: who trusted it before trusts it again.
    pub fn with_key(name: &str, key_pem: &str) -> Result<Self, TlsError> {
        Self::of(name, KeyPair::from_pem(key_pem)?)
    }

    /// The authority's private key.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    fn of(name: &str, key: KeyPair) -> Result<Self, TlsError> {
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = parameters.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Arc::new(Issuer::new(parameters, key)),
        })
    }

    /// The authority's own certificate, for whoever shall trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes that certificate into a file.
    pub fn write_pem(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, &self.pem)
    }

    /// A certificate for these names (host names and IP addresses).
    pub fn certificate(&self, names: &[String]) -> Result<TestCertificate, TlsError> {
        let mut parameters = CertificateParams::new(names.to_vec())?;
        if let Some(name) = names.first() {
            parameters
                .distinguished_name
                .push(DnType::CommonName, name.as_str());
        }
        parameters.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(TestCertificate {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        })
    }

    /// What takes TLS connections with a certificate for these names.
    pub(crate) fn acceptor(
        &self,
        names: &[String],
        ask_for_certificate: bool,
    ) -> Result<TlsAcceptor, TlsError> {
        let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
        let own = self.certificate(names)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(&error))?;
        let builder = if ask_for_certificate {
            let mut roots = RootCertStore::empty();
            roots
                .add(self.certificate.clone())
                .map_err(|error| setup(&error))?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| setup(&error))?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.key));
        let chain = vec![own.certificate, self.certificate.clone()];
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| setup(&error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
