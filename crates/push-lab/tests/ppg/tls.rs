//! The gateway is the TLS server, whoever has opened the connection.

use std::net::SocketAddr;
use std::sync::Arc;

use push_lab::ppg::{
    ConnectionError, Direction, HttpPush, Outcome, Ppg, PpgEvent, PpgSettings, TestAuthority,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::terminal::{REGISTERED, Terminal, listen};

fn settings() -> PpgSettings {
    PpgSettings {
        tls_listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        ..PpgSettings::new("gw.lab.example")
    }
}

/// A terminal that trusts this authority, and perhaps has a certificate of it.
fn connector(authority: &TestAuthority, own: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if own {
        let own = authority.certificate(&["4100".to_owned()]).unwrap();
        let chain = CertificateDer::from_pem_slice(own.certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
        builder.with_client_auth_cert(vec![chain], key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    TlsConnector::from(Arc::new(config))
}

async fn secure(
    stream: TcpStream,
    authority: &TestAuthority,
    name: &str,
    own: bool,
) -> std::io::Result<Terminal<TlsStream<TcpStream>>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = connector(authority, own).connect(name, stream).await?;
    Ok(Terminal::new(stream))
}

#[tokio::test]
async fn a_terminal_that_calls_with_tls_is_served() {
    let ppg = Ppg::start(settings()).await.unwrap();
    for name in ["gw.lab.example", "localhost", "127.0.0.1"] {
        let stream = TcpStream::connect(ppg.tls_listening()[0]).await.unwrap();
        let mut terminal = secure(stream, ppg.authority(), name, false).await.unwrap();
        terminal.serve(REGISTERED).await;
        let connection = ppg.accepted().await.unwrap();
        assert!(connection.is_tls());
        let pushing = ppg.push("4100", HttpPush::new("text/plain", *b"x"));
        let serving = terminal.serve(&["X-Wap-Push-Status: 400"]);
        let (result, _) = tokio::join!(pushing, serving);
        assert_eq!(result.outcome, Outcome::Accepted);
    }
}

#[tokio::test]
async fn a_terminal_that_is_called_is_the_tls_client() {
    let authority = TestAuthority::new("An authority of a test").unwrap();
    // The gateway has another certificate of the same authority, as after a restart.
    let again = TestAuthority::with_key("An authority of a test", &authority.key_pem()).unwrap();
    let (listener, address) = listen().await;
    let ppg = Ppg::start(PpgSettings {
        authority: Some(again),
        ..settings()
    });
    let ppg = ppg.await.unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut terminal = secure(stream, &authority, "gw.lab.example", false)
            .await
            .unwrap();
        terminal.serve(REGISTERED).await;
    };
    let (connection, ()) = tokio::join!(ppg.connect(address, true), serving);
    let connection = connection.unwrap();
    assert_eq!(connection.direction(), Direction::PpgOriginated);
    assert!(connection.is_tls());
    assert_eq!(connection.terminal(), Some(("4100".to_owned(), Some(11))));
}

#[tokio::test]
async fn a_terminal_that_does_not_trust_the_gateway_ends_it() {
    let other = TestAuthority::new("Another authority").unwrap();
    let (listener, address) = listen().await;
    let ppg = Ppg::start(settings()).await.unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let refused = secure(stream, &other, "gw.lab.example", false).await;
        assert!(refused.is_err());
    };
    let (connection, ()) = tokio::join!(ppg.connect(address, true), serving);
    let error = connection.unwrap_err();
    assert!(matches!(error, ConnectionError::Tls { .. }), "{error}");
    let failed = ppg.once(|event| matches!(event, PpgEvent::TlsFailed { .. }).then_some(()));
    failed.await.unwrap();
}

#[tokio::test]
async fn a_gateway_may_want_a_certificate_as_well() {
    let ppg = Ppg::start(PpgSettings {
        ask_for_certificate: true,
        ..settings()
    });
    let ppg = ppg.await.unwrap();
    let dial = || TcpStream::connect(ppg.tls_listening()[0]);
    let own = secure(dial().await.unwrap(), ppg.authority(), "localhost", true).await;
    own.unwrap().serve(REGISTERED).await;
    // TLS 1.3 tells a client only afterwards that its certificate was missing.
    let without = secure(dial().await.unwrap(), ppg.authority(), "localhost", false).await;
    let failed = ppg.once(|event| {
        if let PpgEvent::TlsFailed { reason, .. } = event {
            return Some(reason);
        }
        None
    });
    let reason = failed.await.unwrap();
    assert!(reason.contains("certificate"), "{reason}");
    drop(without);
}
