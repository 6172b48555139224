//! TLS: the terminal is its client on every connection, whoever opened that (WAP-235 7.2.2).

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use push_ota::http::{Contact, Host, Ppg, Terminal};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::settings::TlsFiles;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{path}: {source}; name a PEM file that this user may read")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file holds nothing that serves.
    #[error("{path}: there is no {wanted} in it")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// TLS is asked for without authorities, or a certificate without its key.
    #[error("{0}")]
    Incomplete(&'static str),
    /// Certificate and key are no pair, or of a kind that is not used.
    #[error("{path}: {source}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Error,
    },
    /// The authorities cannot be used.
    #[error("the certificate authorities cannot be used: {0}")]
    Authorities(String),
    /// A gateway that is reached over TLS has no name that a certificate could carry.
    #[error("gateway {0} has no name for its certificate to carry; give it a tls_name")]
    Unnamed(String),
}

/// What TLS takes.
#[derive(Debug)]
pub(crate) struct Tls {
    /// For connections that the terminal opens: with SNI, and the one name that is expected.
    dialled: Arc<ClientConfig>,
    /// For those that gateways open: without SNI, because nobody knows yet who it is.
    accepted: Arc<ClientConfig>,
    names: Arc<[ServerName<'static>]>,
}

impl Tls {
    /// TLS as the files say; absent where no authorities are named.
    pub(crate) fn load(files: &TlsFiles, terminal: &Terminal) -> Result<Option<Self>, TlsError> {
        let Some(ca) = &files.ca else {
            return if files.certificate.is_some() || files.key.is_some() {
                Err(TlsError::Incomplete(
                    "a certificate of the terminal is of no use without ca_file, the authorities of the gateways",
                ))
            } else {
                Ok(None)
            };
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots(ca)?);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| TlsError::Authorities(error.to_string()))?;
        let names: Arc<[_]> = names(terminal)?.into();
        let any = AnyOf {
            roots,
            names: Arc::clone(&names),
            provider: Arc::clone(&provider),
            signatures: Arc::clone(&verifier),
        };
        let own = own_certificate(files)?;
        let dialled = config(&provider, verifier, own.as_ref())?;
        let mut accepted = config(&provider, Arc::new(any), own.as_ref())?;
        accepted.enable_sni = false;
        Ok(Some(Self {
            dialled: Arc::new(dialled),
            accepted: Arc::new(accepted),
            names,
        }))
    }

    /// Makes a connection that the terminal opened secure. The other end has to prove that it is `name`.
    pub(crate) async fn dialled(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::clone(&self.dialled));
        connector.connect(name, stream).await
    }

    /// Makes a connection that somebody opened secure; gives the name, of those provisioned, that the other end proved.
    pub(crate) async fn accepted(
        &self,
        stream: TcpStream,
        remote: IpAddr,
    ) -> std::io::Result<(TlsStream<TcpStream>, Option<Box<str>>)> {
        // The name stands for the session to resume, and is not sent.
        let session = ServerName::IpAddress(remote.into());
        let connector = TlsConnector::from(Arc::clone(&self.accepted));
        let stream = connector.connect(session, stream).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let fits = certificates
            .and_then(|certificates| certificates.first())
            .and_then(|certificate| fitting(certificate, &self.names).ok());
        let name = fits.map(|name| name.to_str().into());
        Ok((stream, name))
    }
}

/// What makes connections secure to servers whose certificates lead to the authorities in `ca`; absent where none are named.
pub(crate) fn client_of(files: &TlsFiles) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    let Some(ca) = &files.ca else {
        return if files.certificate.is_some() || files.key.is_some() {
            Err(TlsError::Incomplete(
                "a certificate of the terminal is of no use without ca_file, the authorities of the servers",
            ))
        } else {
            Ok(None)
        };
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots(ca)?), Arc::clone(&provider))
            .build()
            .map_err(|error| TlsError::Authorities(error.to_string()))?;
    let own = own_certificate(files)?;
    let config = config(&provider, verifier, own.as_ref())?;
    Ok(Some(Arc::new(config)))
}

/// The name that the certificate of a gateway has to carry: the one provisioned, else its host name, else its id.
pub(super) fn name_of(ppg: &Ppg) -> Option<ServerName<'static>> {
    let host = ppg.contact.as_ref().map(|contact| &contact.host);
    let host = host.and_then(|host| match host {
        Host::Name(name) => Some(&**name),
        Host::Ip(_) => None,
    });
    let name = ppg.tls_name.as_deref().or(host).unwrap_or(&ppg.id.0);
    ServerName::try_from(name.to_owned()).ok()
}

/// The name that the certificate of a contact point has to carry that is no provisioned gateway's.
pub(super) fn name_of_contact(contact: &Contact) -> Option<ServerName<'static>> {
    match &contact.host {
        Host::Ip(address) => Some(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(String::from(&**name)).ok(),
    }
}

fn names(terminal: &Terminal) -> Result<Vec<ServerName<'static>>, TlsError> {
    let mut names = Vec::new();
    for ppg in &terminal.ppgs {
        let secure = ppg.contact.as_ref().is_some_and(|contact| contact.secure);
        match name_of(ppg) {
            Some(name) if !names.contains(&name) => names.push(name),
            None if secure || ppg.tls_name.is_some() => {
                return Err(TlsError::Unnamed(ppg.id.to_string()));
            }
            Some(_) | None => {}
        }
    }
    Ok(names)
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Certificate {
                path: path.to_owned(),
                source,
            })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |source| TlsError::File {
        path: path.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(file)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(file)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
            wanted: "certificate",
        });
    }
    Ok(certificates)
}

/// The terminal's own certificate.
struct Own {
    path: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn own_certificate(files: &TlsFiles) -> Result<Option<Own>, TlsError> {
    match (&files.certificate, &files.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(Own {
            path: certificate.clone(),
            chain: certificates(certificate)?,
            key: PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::File {
                path: key.clone(),
                source,
            })?,
        })),
        (Some(_), None) | (None, Some(_)) => Err(TlsError::Incomplete(
            "certificate_file and key_file belong together: name both",
        )),
    }
}

//= specs/ota-http.md#tls
//# The terminal MUST take the part of the TLS client, whoever opened the TCP connection.
//= specs/ota-http.md#tls
//# The terminal MUST authenticate the TLS server.
//= specs/ota-http.md#tls
//# The terminal MUST support the resumption of TLS sessions.
fn config(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    own: Option<&Own>,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| TlsError::Authorities(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match own {
        None => Ok(builder.with_no_client_auth()),
        Some(own) => builder
            .with_client_auth_cert(own.chain.clone(), own.key.clone_key())
            .map_err(|source| TlsError::Certificate {
                path: own.path.clone(),
                source,
            }),
    }
}

/// The first of `names` that a certificate carries.
//= specs/ota-http.md#tls
//# The terminal MUST process the X.509 certificate of the TLS server.
fn fitting<'a>(
    certificate: &CertificateDer<'_>,
    names: &'a [ServerName<'static>],
) -> Result<&'a ServerName<'static>, Error> {
    let certificate = ParsedCertificate::try_from(certificate)?;
    let mut refused = Error::General("no gateway is provisioned".to_owned());
    for name in names {
        match verify_server_name(&certificate, name) {
            Ok(()) => return Ok(name),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Takes the certificate of any provisioned gateway: on a connection that somebody opened nobody knows yet which one it is.
#[derive(Debug)]
struct AnyOf {
    roots: Arc<RootCertStore>,
    names: Arc<[ServerName<'static>]>,
    provider: Arc<CryptoProvider>,
    signatures: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyOf {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        fitting(end_entity, &self.names)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}
