//! A core that is reached over TLS.

use std::sync::Arc;

use push_client::http::Host;
use push_client::sip::Transport;
use push_client::{BuildError, Builder, OtaSipSettings};
use push_message::Reason;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::bench::{Bench, MMS, next, settings, stream, within};
use crate::core::Core;

/// A core with a certificate for `name`, and the terminal that is to reach it as `localhost`.
struct Secure {
    directory: TempDir,
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Secure {
    async fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(parameters, key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
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

    async fn accept(&self) -> Option<Core> {
        let (stream, address) = within(self.listener.accept()).await.unwrap();
        let stream = within(self.acceptor.accept(stream)).await.ok()?;
        Some(Core::on_connection("TLS", stream, address))
    }
}

#[tokio::test]
async fn pushes_come_over_the_secure_connection_that_the_terminal_is_bound_by() {
    let secure = Secure::new("localhost").await;
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
    let secure = Secure::new("other.example.test").await;
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
async fn tls_without_authorities_is_refused_at_the_start() {
    let secure = Secure::new("localhost").await;
    let mut settings = secure.settings();
    settings.tls.ca = None;
    let built = Builder::new().ota_sip(settings).build();
    assert!(matches!(built, Err(BuildError::SipTls(_))));
}
