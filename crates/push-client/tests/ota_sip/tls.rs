//! A core that is reached over TLS.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use push_client::http::Host;
use push_client::sip::Transport;
use push_client::{BuildError, Builder, OtaSipSettings};
use push_message::Reason;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::bench::{Bench, MMS, next, settings, stream, within};
use crate::core::Core;

/// A core with a certificate for one name, and the terminal that is to reach it as `localhost`.
struct Secure {
    directory: TempDir,
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

/// Whom a core speaks with.
#[derive(Clone, Copy)]
enum With {
    Anybody,
    /// Terminals with a certificate by the authority that vouches for the core too.
    Certified,
}

impl Secure {
    async fn new(name: &str, with: With) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(parameters, key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        let own_key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["alice.example.test".to_owned()]).unwrap();
        let own = parameters.signed_by(&own_key, &issuer).unwrap();
        std::fs::write(directory.path().join("own.pem"), own.pem()).unwrap();
        let file = directory.path().join("own.key");
        std::fs::write(&file, own_key.serialize_pem()).unwrap();
        std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = match with {
            With::Anybody => WebPkiClientVerifier::no_client_auth(),
            With::Certified => verifier.build().unwrap(),
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self {
            directory,
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    fn settings(&self) -> OtaSipSettings {
        let mut settings = settings(self.listener.local_addr().unwrap(), Transport::Tls);
        settings.agent.account.host = Host::Name("localhost".into());
        settings.tls.ca = Some(self.directory.path().join("ca.pem"));
        settings
    }

    /// Settings of a terminal that has a certificate of its own.
    fn settings_with_certificate(&self) -> OtaSipSettings {
        let mut settings = self.settings();
        settings.tls.certificate = Some(self.directory.path().join("own.pem"));
        settings.tls.key = Some(self.directory.path().join("own.key"));
        settings
    }

    async fn accept(&self) -> Option<Core> {
        let (stream, address) = within(self.listener.accept()).await.unwrap();
        let stream = within(self.acceptor.accept(stream)).await.ok()?;
        Some(Core::on_connection("TLS", stream, address))
    }
}

#[tokio::test]
async fn pushes_come_over_the_secure_connection_that_the_terminal_is_bound_by() {
    let secure = Secure::new("localhost", With::Anybody).await;
    let bench = Bench::start(secure.settings());
    let registering = bench.registering(MMS);
    let mut core = secure.accept().await.unwrap();
    core.bind().await;
    core.learn().await;
    within(registering).await.unwrap().unwrap();
    let mut events = stream(&bench.application(MMS)).await;
    let answer = core.push("mms.ua", "text/plain", b"secret").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(next(&mut events).await.content(), b"secret");
    assert_eq!(bench.servers().await[0].secure, Some(true));
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_core_of_another_name_is_not_spoken_to() {
    let secure = Secure::new("other.example.test", With::Anybody).await;
    let mut settings = secure.settings();
    settings.agent.registration.announce_patience = std::time::Duration::from_millis(200);
    let bench = Bench::start(settings);
    let registering = bench.registering(MMS);
    assert!(secure.accept().await.is_none());
    let refusal = within(registering).await.unwrap().unwrap_err();
    assert_eq!(refusal.reason, Reason::ServerUnreachable);
    assert!(refusal.detail.contains("TLS"), "{refusal:?}");
    bench.stop().await;
}

#[tokio::test]
async fn a_core_that_wants_a_certificate_of_the_terminal_gets_it() {
    let secure = Secure::new("localhost", With::Certified).await;
    let bench = Bench::start(secure.settings_with_certificate());
    let registering = bench.registering(MMS);
    let mut core = secure.accept().await.unwrap();
    core.bind().await;
    core.learn().await;
    within(registering).await.unwrap().unwrap();
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_certificate_that_the_core_misses_is_named() {
    let secure = Secure::new("localhost", With::Certified).await;
    let bench = Bench::start(secure.settings());
    let registering = bench.registering(MMS);
    assert!(secure.accept().await.is_none());
    let refusal = within(registering).await.unwrap().unwrap_err();
    assert_eq!(refusal.reason, Reason::ServerUnreachable);
    assert!(refusal.detail.contains("certificate_file"), "{refusal:?}");
    bench.stop().await;
}

#[tokio::test]
async fn tls_without_authorities_is_refused_at_the_start() {
    let secure = Secure::new("localhost", With::Anybody).await;
    let mut settings = secure.settings();
    settings.tls.ca = None;
    let built = Builder::new().ota_sip(settings).build();
    assert!(matches!(built, Err(BuildError::SipTls(_))));
}
