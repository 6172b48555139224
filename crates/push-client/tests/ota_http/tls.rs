//! TLS: the gateway is its server, whoever opened the connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use push_client::http::Host;
use push_client::{BuildError, Builder, OtaHttpSettings};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::bench::{
    Bench, Gateway, LOOPBACK, WML, next, options, post, ppg, request, stream, within,
};
use crate::timeouts::unreachable;

/// An authority, and where its certificate lies.
struct Authority {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(parameters, key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { directory, issuer }
    }

    fn certificate(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// The server side of a gateway with a certificate for `name`, which may ask for one of the terminal.
    fn acceptor(&self, name: &str, mutual: bool) -> TlsAcceptor {
        self.acceptor_with(self.certificate(name), mutual)
    }

    fn acceptor_with(
        &self,
        (certificate, key): (Certificate, KeyPair),
        mutual: bool,
    ) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A terminal that trusts this authority and knows one gateway at `address`.
    fn settings(&self, address: SocketAddr, name: &str) -> OtaHttpSettings {
        let mut settings = OtaHttpSettings::default();
        let mut gateway = ppg("one", address, true);
        gateway.tls_name = Some(name.into());
        settings.terminal.ppgs = vec![gateway];
        settings.tls.ca = Some(self.directory.path().join("ca.pem"));
        settings
    }
}

/// A terminal that is come to with TLS.
fn accepting(mut settings: OtaHttpSettings) -> OtaHttpSettings {
    settings.tls_listen = vec![LOOPBACK.parse().unwrap()];
    settings.terminal.ppgs[0].connect = push_client::http::Connect::Never;
    settings
}

async fn secure(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> std::io::Result<TlsStream<TcpStream>> {
    within(acceptor.accept(stream)).await
}

const NAME: &str = "ppg.example.net";

//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST take the part of the TLS client, whoever opened the TCP connection.
//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST support the resumption of TLS sessions.
#[tokio::test]
async fn a_gateway_that_comes_proves_its_name() {
    let authority = Authority::new();
    let elsewhere = "192.0.2.9:4036".parse().unwrap();
    let bench = Bench::start(accepting(authority.settings(elsewhere, NAME)));
    assert_eq!(bench.client.listening_tcp()[0].0, "OTA-HTTP-TLS");
    let application = bench.client.application("app");
    let registration = push_client::RegistrationRequest {
        whitelist: vec![NAME.to_owned()],
        ..request(WML)
    };
    application.register(registration).await.unwrap();
    let mut events = stream(&application).await;
    let acceptor = authority.acceptor(NAME, false);
    for text in ["first", "second"] {
        let stream = TcpStream::connect(bench.address()).await.unwrap();
        let stream = secure(&acceptor, stream).await.unwrap();
        let kind = if text == "first" {
            HandshakeKind::Full
        } else {
            HandshakeKind::Resumed
        };
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
        assert_eq!(stream.get_ref().1.server_name(), None);
        let mut gateway = Gateway::new(stream);
        assert_eq!(gateway.ask(options("")).await.http, 204);
        assert_eq!(gateway.ask(post(text)).await.statuses(), (204, "400"));
        let event = next(&mut events).await;
        assert_eq!(event.content(), text.as_bytes());
        assert_eq!(*event.push().origin.proved_names, [NAME.into()]);
    }
    bench.stop().await;
}

//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST authenticate the TLS server.
//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST process the X.509 certificate of the TLS server.
#[tokio::test]
async fn a_gateway_of_another_name_or_authority_is_not_spoken_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let elsewhere = "192.0.2.9:4036".parse().unwrap();
    let bench = Bench::start(accepting(authority.settings(elsewhere, NAME)));
    for acceptor in [
        authority.acceptor("other.example.net", false),
        stranger.acceptor(NAME, false),
    ] {
        let stream = TcpStream::connect(bench.address()).await.unwrap();
        let mut gateway = Gateway::new(match secure(&acceptor, stream).await {
            Ok(stream) => stream,
            Err(_) => continue,
        });
        gateway.ended().await;
    }
    let failed = |status: &push_api::Status| status.counters.get("httpTlsFailed") == Some(&2);
    bench.status_until(failed).await;
    bench.stop().await;
}

/// Of a gateway that comes no name is known beforehand, and everything else is asked of it all the same.
//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST process the X.509 certificate of the TLS server.
#[tokio::test]
async fn a_certificate_that_is_not_good_proves_nothing() {
    let authority = Authority::new();
    let elsewhere = "192.0.2.9:4036".parse().unwrap();
    let bench = Bench::start(accepting(authority.settings(elsewhere, NAME)));
    let of = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned());
        CertificateParams::new(names.collect::<Vec<_>>()).unwrap()
    };
    let key = || KeyPair::generate().unwrap();
    let signed = |parameters: CertificateParams| {
        let key = key();
        (parameters.signed_by(&key, &authority.issuer).unwrap(), key)
    };
    let mut expired = of(&[NAME]);
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let mut early = of(&[NAME]);
    early.not_before = rcgen::date_time_ymd(2999, 1, 1);
    early.not_after = rcgen::date_time_ymd(3000, 1, 1);
    let mut of_client = of(&[NAME]);
    of_client.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let own = key();
    let self_signed = (of(&[NAME]).self_signed(&own).unwrap(), own);
    // The subject alone is no name, however it reads.
    let mut nameless = of(&[]);
    nameless
        .distinguished_name
        .push(rcgen::DnType::CommonName, NAME);
    let wrong = [
        signed(expired),
        signed(early),
        signed(of_client),
        self_signed,
        signed(nameless),
        signed(of(&["127.0.0.1"])),
        signed(of(&["*.example.net.example"])),
    ];
    let count = wrong.len() as u64;
    for certificate in wrong {
        let acceptor = authority.acceptor_with(certificate, false);
        let stream = TcpStream::connect(bench.address()).await.unwrap();
        if let Ok(stream) = secure(&acceptor, stream).await {
            Gateway::new(stream).ended().await;
        }
    }
    let failed = |status: &push_api::Status| status.counters.get("httpTlsFailed") == Some(&count);
    bench.status_until(failed).await;
    let acceptor = authority.acceptor_with(signed(of(&["a.example", NAME])), false);
    let stream = TcpStream::connect(bench.address()).await.unwrap();
    let mut gateway = Gateway::new(secure(&acceptor, stream).await.unwrap());
    assert_eq!(gateway.ask(options("")).await.http, 204);
    bench.stop().await;
}

//= specs/ota-http.md#tls
//= type=test
//# On a connection that a gateway opened to a port that calls for TLS, a TLS session MUST be established before any push is accepted.
#[tokio::test]
async fn garbage_instead_of_tls_ends_the_connection() {
    let authority = Authority::new();
    let elsewhere = "192.0.2.9:4036".parse().unwrap();
    let bench = Bench::start(accepting(authority.settings(elsewhere, NAME)));
    let mut gateway = bench.gateway().await;
    gateway.send(post("in clear")).await;
    gateway.closed().await;
    let failed = |status: &push_api::Status| status.counters.get("httpTlsFailed") == Some(&1);
    bench.status_until(failed).await;
    bench.stop().await;
}

//= specs/ota-http.md#tls
//= type=test
//# On a connection that the terminal opened to a port that calls for TLS, a TLS session MUST be established before any push is accepted.
#[tokio::test]
async fn a_gateway_is_dialled_with_tls_and_has_to_have_its_name() {
    let authority = Authority::new();
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let mut settings = authority.settings(listener.local_addr().unwrap(), NAME);
    settings.registrar.announce_patience = Duration::from_millis(200);
    settings.registrar.backoff_base = Duration::from_millis(10);
    // The terminal has a certificate too, for a gateway that asks.
    let (certificate, key) = authority.certificate("terminal.example.net");
    let file = |name: &str, text: String| {
        let path = authority.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    settings.tls.certificate = file("terminal.pem", certificate.pem());
    settings.tls.key = file("terminal.key", key.serialize_pem());
    let bench = Bench::start(settings);
    let right = authority.acceptor(NAME, true);
    let stream = within(listener.accept()).await.unwrap().0;
    let stream = secure(&right, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.server_name(), Some(NAME));
    assert!(stream.get_ref().1.peer_certificates().is_some());
    let mut gateway = Gateway::new(stream);
    assert_eq!(gateway.ask(options("")).await.statuses(), (204, "501"));
    let application = bench.client.application("app");
    let registered = tokio::spawn(async move { application.register(request(WML)).await });
    let wrong = authority.acceptor("other.example.net", true);
    let impostor = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            secure(&wrong, stream).await.ok();
        }
    });
    let refusal = within(registered).await.unwrap().unwrap_err();
    impostor.abort();
    assert_eq!(refusal.reason, push_api::Reason::ServerUnreachable);
    let server = bench.servers().await.remove(0);
    assert!(server.uri.starts_with("https://"), "{}", server.uri);
    assert!(server.reason.unwrap().starts_with("TLS"));
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_that_says_nothing_of_tls_is_given_up() {
    let authority = Authority::new();
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let mut settings = authority.settings(listener.local_addr().unwrap(), NAME);
    settings.connections.handshake_timeout = Duration::from_millis(50);
    let bench = Bench::start(settings);
    let _silent = within(listener.accept()).await.unwrap();
    unreachable(&bench, "TLS was not set up within 0.05 s").await;
    bench.stop().await;
}

#[tokio::test]
async fn a_gateway_that_comes_may_ask_for_the_terminals_certificate() {
    let authority = Authority::new();
    let elsewhere = "192.0.2.9:4036".parse().unwrap();
    let mut settings = accepting(authority.settings(elsewhere, NAME));
    let asking = authority.acceptor(NAME, true);
    // Without one it is not spoken to.
    let bench = Bench::start(settings.clone());
    let stream = TcpStream::connect(bench.address()).await.unwrap();
    assert!(secure(&asking, stream).await.is_err());
    bench.stop().await;
    let (certificate, key) = authority.certificate("terminal.example.net");
    let file = |name: &str, text: String| {
        let path = authority.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    settings.tls.certificate = file("terminal.pem", certificate.pem());
    settings.tls.key = file("terminal.key", key.serialize_pem());
    let bench = Bench::start(settings);
    let stream = TcpStream::connect(bench.address()).await.unwrap();
    let stream = secure(&asking, stream).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap();
    assert_eq!(shown[0], *certificate.der());
    let mut gateway = Gateway::new(stream);
    assert_eq!(gateway.ask(options("")).await.http, 204);
    bench.stop().await;
}

#[test]
fn tls_wants_authorities_and_names() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let authority = Authority::new();
    let address = "192.0.2.9:4036".parse().unwrap();
    let build = |settings: OtaHttpSettings| match Builder::new().ota_http(settings).build() {
        Err(error @ BuildError::Tls(_)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let mut bare = authority.settings(address, NAME);
    bare.tls.ca = None;
    assert!(build(bare).contains("ca_file"));
    let mut lost = authority.settings(address, NAME);
    lost.tls.ca = Some(authority.directory.path().join("none.pem"));
    assert!(build(lost).contains("none.pem"));
    let mut empty = authority.settings(address, NAME);
    std::fs::write(authority.directory.path().join("empty.pem"), "").unwrap();
    empty.tls.ca = Some(authority.directory.path().join("empty.pem"));
    assert!(build(empty).contains("no certificate"));
    let mut half = authority.settings(address, NAME);
    half.tls.certificate = Some(authority.directory.path().join("ca.pem"));
    assert!(build(half).contains("key_file"));
    let mut unnamed = authority.settings(address, "no name");
    unnamed.terminal.ppgs[0].contact.as_mut().unwrap().host = Host::Name("no host".into());
    assert!(build(unnamed).contains("tls_name"));
}
