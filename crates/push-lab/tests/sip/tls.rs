//! Connections, plain and secured.

use std::net::SocketAddr;
use std::sync::Arc;

use push_lab::sip::{
    SipCore, SipCoreBehaviour, SipCoreSettings, SipEvent, SipManner, SipMessage, SipPush,
    SipPushServer, SipPushServerSettings,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::terminal::{DOMAIN, PASSWORD, PATIENCE, SERVER, TIMERS, Terminal, server};

const ALICE: &str = "sip:alice@lab.example";

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> SipMessage {
    let mut octets = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let count = timeout(PATIENCE, stream.read(&mut piece)).await;
        let count = count.unwrap().unwrap();
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&octets));
        octets.extend_from_slice(&piece[..count]);
        if octets.windows(4).any(|window| window == b"\r\n\r\n")
            && let Ok(message) = SipMessage::parse(&octets)
        {
            return message;
        }
    }
}

/// Registers over a connection, and takes a push over it.
async fn converse<S>(
    stream: &mut S,
    terminal: &mut Terminal,
    server: &SipPushServer,
    transport: &str,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = terminal.register("");
    let contact = format!(
        "<{};transport={transport}>;+g.oma.pusheventapp=\"ulp.ua\"",
        terminal.contact()
    );
    request.set("Contact", contact);
    stream.write_all(&request.encode()).await.unwrap();
    assert_eq!(read(stream).await.status(), 200);
    let push = SipPush::new("text/plain", *b"hello").application("ulp.ua");
    let manner = SipManner::default();
    let taking = async {
        let request = read(stream).await;
        let via = request.via().unwrap();
        assert_eq!(via.transport, transport.to_uppercase());
        let answer = request.reply(200, "own");
        stream.write_all(&answer.encode()).await.unwrap();
    };
    let (result, ()) = tokio::join!(server.push(ALICE, &push, &manner), taking);
    assert_eq!(result.status, 200);
}

async fn open() -> SipCore {
    SipCore::start(SipCoreSettings {
        timers: TIMERS,
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        behaviour: SipCoreBehaviour {
            challenge_register: false,
            ..SipCoreBehaviour::default()
        },
        ..SipCoreSettings::new(DOMAIN, PASSWORD)
    })
    .await
    .unwrap()
}

fn connector(core: &SipCore) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let pem = core.authority().pem();
    let trusted = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn a_terminal_that_trusts_the_core_is_pushed_to_over_its_own_connection() {
    let core = open().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    for name in [DOMAIN, "localhost", "127.0.0.1"] {
        let stream = TcpStream::connect(core.tls_address().unwrap())
            .await
            .unwrap();
        let name = ServerName::try_from(name).unwrap();
        let mut stream = connector(&core).connect(name, stream).await.unwrap();
        converse(&mut stream, &mut terminal, &server, "tls").await;
    }
    let other = open().await;
    let stream = TcpStream::connect(core.tls_address().unwrap())
        .await
        .unwrap();
    let name = ServerName::try_from(DOMAIN).unwrap();
    assert!(connector(&other).connect(name, stream).await.is_err());
    let failed = core.once(|event| matches!(event, SipEvent::TlsFailed { .. }).then_some(()));
    failed.await.unwrap();
}

#[tokio::test]
async fn a_connection_is_used_while_it_is_open_and_dialled_when_it_is_not() {
    let core = open().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    let mut stream = TcpStream::connect(core.address()).await.unwrap();
    converse(&mut stream, &mut terminal, &server, "tcp").await;
    // Is it alive?
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(PATIENCE, stream.read_exact(&mut pong))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&pong, b"\r\n");
    core.hang_up().await;
    let mut rest = [0; 1];
    assert_eq!(stream.read(&mut rest).await.unwrap(), 0);
    let closed = core.once(|event| matches!(event, SipEvent::Closed { .. }).then_some(()));
    closed.await.unwrap();
    let listener = TcpListener::bind(terminal.address()).await.unwrap();
    let push = SipPush::new("text/plain", *b"hello").application("ulp.ua");
    let manner = SipManner::default();
    let taking = async {
        let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let request = read(&mut stream).await;
        let answer = request.reply(200, "own");
        stream.write_all(&answer.encode()).await.unwrap();
    };
    let (result, ()) = tokio::join!(server.push(ALICE, &push, &manner), taking);
    assert_eq!(result.status, 200);
}

#[tokio::test]
async fn a_push_server_reaches_the_core_over_a_connection_and_long_messages_take_one() {
    let core = open().await;
    let server = SipPushServer::start(SipPushServerSettings {
        timers: TIMERS,
        tcp: true,
        ..SipPushServerSettings::new(SERVER, Some(core.address()))
    })
    .await
    .unwrap();
    core.trust(SERVER, server.address());
    let mut terminal = Terminal::new(core.address(), "alice").await;
    let listener = TcpListener::bind(terminal.address()).await.unwrap();
    terminal.registered(";+g.oma.pusheventapp=\"ulp.ua\"").await;
    core.behave(SipCoreBehaviour {
        tcp_above: Some(1_300),
        ..SipCoreBehaviour::default()
    });
    let push = SipPush::new("text/plain", vec![b'x'; 2_000]).application("ulp.ua");
    let manner = SipManner::message();
    let taking = async {
        let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let request = read(&mut stream).await;
        let asserted = request.get("P-Asserted-Identity");
        assert_eq!(asserted, Some("<sip:push@lab.example>"));
        let answer = request.reply(200, "own");
        stream.write_all(&answer.encode()).await.unwrap();
    };
    let (result, ()) = tokio::join!(server.push(ALICE, &push, &manner), taking);
    assert_eq!(result.status, 200);
}
