//! OTA-HTTP over TLS: the terminal is the TLS client, whoever opened the connection (WAP-235 7.2.2, 7.2.4.1).

use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
};

use anyhow::Context;
use conformance::process::PATIENCE;
use push_lab::ppg::TestAuthority;
use rustls::{
    HandshakeKind, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    stage::{MMS, PPG_ID, Plan, SECURE_PUSH_PORT, Stage, write},
    wire::{Answer, Gateway, Wire, options, tcp},
};

const FAST: &str = "announce_patience = \"2s\"\ndial_timeout = \"900ms\"\nhandshake_timeout = \"1s\"\nbackoff_base = \"20ms\"\nbackoff_limit = \"200ms\"";

/// The TLS side of a gateway: a certificate of `authority` for `name`.
pub(crate) fn server(authority: &TestAuthority, name: &str) -> anyhow::Result<Arc<ServerConfig>> {
    let own = authority.certificate(&[name.to_owned()])?;
    let chain = vec![CertificateDer::from_pem_slice(
        own.certificate_pem.as_bytes(),
    )?];
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// Does the handshake on a connection, as the server, and says whether it resumed a session.
fn secure(
    tcp: TcpStream,
    config: &Arc<ServerConfig>,
) -> anyhow::Result<(Wire, Option<HandshakeKind>)> {
    tcp.set_read_timeout(Some(PATIENCE))?;
    let mut connection = ServerConnection::new(Arc::clone(config))?;
    let mut below = tcp.try_clone()?;
    while connection.is_handshaking() {
        connection.complete_io(&mut below).context("handshake")?;
    }
    let kind = connection.handshake_kind();
    let stream = StreamOwned::new(connection, below);
    Ok((Wire::with(tcp, stream)?, kind))
}

/// A plan whose daemon trusts `authority` and listens for TLS as well.
fn trusting(authority: &TestAuthority) -> anyhow::Result<Plan> {
    let plan = Plan::new()?;
    let file = write(plan.directory.path(), "ca.pem", authority.pem().as_bytes())?;
    let listen = SocketAddrV4::new(plan.terminal(), SECURE_PUSH_PORT);
    Ok(plan.keys(&format!(
        "ca_file = \"{file}\"\ntls_listen = [\"{listen}\"]\n{FAST}"
    )))
}

/// Takes every connection that the terminal opens to `gateway` and does the handshake, until nobody wants them any more.
fn attend(gateway: Gateway, config: Arc<ServerConfig>) -> Receiver<(Wire, Option<HandshakeKind>)> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(tcp) = gateway.accept_tcp() {
            if let Ok(secured) = secure(tcp, &config)
                && sender.send(secured).is_err()
            {
                break;
            }
        }
    });
    receiver
}

/// The connection that the terminal did not retire, the answer to a registration on it, and whether its session was resumed.
fn current(
    secured: &Receiver<(Wire, Option<HandshakeKind>)>,
) -> anyhow::Result<(Wire, Answer, Option<HandshakeKind>)> {
    loop {
        let (mut wire, kind) = secured.recv_timeout(PATIENCE)?;
        if let Ok(answer) = wire.register(&[])
            && answer.header("Connection").is_none()
        {
            return Ok((wire, answer, kind));
        }
    }
}

fn secure_port(stage: &Stage, from: Ipv4Addr) -> anyhow::Result<TcpStream> {
    tcp(
        from,
        SocketAddrV4::new(stage.plan.terminal(), SECURE_PUSH_PORT),
    )
}

//= specs/ota-http.md#tls
//= type=test
//# On a connection that the terminal opened to a port that calls for TLS, a TLS session MUST be established before any push is accepted.
//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST process the X.509 certificate of the TLS server.
#[test]
fn ota_http_c_003_to_tcp_with_tls() -> anyhow::Result<()> {
    let authority = TestAuthority::new("right")?;
    let plan = trusting(&authority)?.without_listening();
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(
            PPG_ID,
            &format!("address = \"{address}\"\ntls = true\ntls_name = \"{PPG_ID}\""),
        )
        .start()?;
    // Before TLS it says nothing of HTTP and takes nothing: its first octets are a handshake.
    let registering = stage.registering(MMS)?;
    let opened = gateway.accept_tcp()?;
    let mut first = [0; 1];
    opened.peek(&mut first)?;
    assert_eq!(first, [22], "a TLS handshake record");
    drop(opened);
    let secured = attend(gateway, server(&authority, PPG_ID)?);
    registering.next_line()?;
    let (mut wire, answer, _) = current(&secured)?;
    answer.is(204, 501);
    wire.push(MMS, b"secret", &[("X-Wap-CPITag", &answer.tag()?)])?
        .is(204, 400);
    assert_eq!(stage.contents()?, [b"secret"]);
    Ok(())
}

//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST take the part of the TLS client, whoever opened the TCP connection.
//= specs/ota-http.md#tls
//= type=test
//# On a connection that a gateway opened to a port that calls for TLS, a TLS session MUST be established before any push is accepted.
#[test]
fn ota_http_c_004_po_tcp_with_tls() -> anyhow::Result<()> {
    let authority = TestAuthority::new("right")?;
    let stage = trusting(&authority)?
        .known_gateway(&format!("tls_name = \"{PPG_ID}\""))
        .start()?;
    stage.register(MMS)?;
    let config = server(&authority, PPG_ID)?;
    let connection = secure_port(&stage, stage.plan.gateway())?;
    // The gateway opened it, and yet the terminal speaks first: it is the client.
    let mut first = [0; 1];
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.peek(&mut first)?;
    assert_eq!(first, [22], "a TLS handshake record");
    let (mut wire, _) = secure(connection, &config)?;
    wire.register(&[])?.is(204, 501);
    wire.push(MMS, b"secret", &[])?.is(204, 400);
    assert_eq!(stage.contents()?, [b"secret"]);
    // A request in clear on that port is answered by nobody.
    let mut plain = Wire::over(secure_port(&stage, stage.plan.gateway())?)?;
    plain.send(options(&[]))?;
    let said = plain.rest()?;
    assert!(!said.windows(4).any(|four| four == b"HTTP"), "{said:02x?}");
    Ok(())
}

//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST authenticate the TLS server.
#[test]
fn a_certificate_of_another_authority_or_for_another_name_is_refused() -> anyhow::Result<()> {
    let (right, wrong) = (TestAuthority::new("right")?, TestAuthority::new("wrong")?);
    let stage = trusting(&right)?
        .known_gateway(&format!("tls_name = \"{PPG_ID}\""))
        .start()?;
    stage.register(MMS)?;
    let address = stage.plan.gateway();
    for (authority, name) in [
        (&wrong, PPG_ID),
        (&right, "other.example.net"),
        (&right, "192.0.2.1"),
        (&wrong, "other.example.net"),
    ] {
        let spoken = secure(secure_port(&stage, address)?, &server(authority, name)?)
            .and_then(|(mut wire, _)| wire.push(MMS, name.as_bytes(), &[]));
        assert!(spoken.is_err(), "{name}: {spoken:?}");
    }
    let config = server(&right, PPG_ID)?;
    let (mut wire, _) = secure(secure_port(&stage, address)?, &config)?;
    wire.push(MMS, b"right", &[])?.is(204, 400);
    assert_eq!(stage.contents()?, [b"right"]);
    Ok(())
}

#[test]
fn a_gateway_that_is_dialled_and_has_the_wrong_certificate_is_unreachable() -> anyhow::Result<()> {
    let (right, wrong) = (TestAuthority::new("right")?, TestAuthority::new("wrong")?);
    for (authority, name) in [(&wrong, PPG_ID), (&right, "other.example.net")] {
        let plan = trusting(&right)?;
        let gateway = Gateway::open(plan.gateway())?;
        let address = gateway.address()?;
        let stage = plan
            .ppg(
                PPG_ID,
                &format!("address = \"{address}\"\ntls = true\ntls_name = \"{PPG_ID}\""),
            )
            .start()?;
        let registering = stage.registering(MMS)?;
        let config = server(authority, name)?;
        let spoken =
            secure(gateway.accept_tcp()?, &config).and_then(|(mut wire, _)| wire.register(&[]));
        assert!(spoken.is_err(), "{name}: {spoken:?}");
        drop(gateway);
        assert_eq!(
            registering.wait()?.code(),
            Some(18),
            "{name}: serverUnreachable"
        );
        let servers = stage.servers()?;
        let reason = servers.first().and_then(|server| server["reason"].as_str());
        assert!(
            reason.is_some_and(|reason| !reason.is_empty()),
            "{servers:?}"
        );
    }
    Ok(())
}

//= specs/ota-http.md#tls
//= type=test
//# The terminal MUST support the resumption of TLS sessions.
#[test]
fn a_session_is_resumed_on_the_next_connection() -> anyhow::Result<()> {
    let authority = TestAuthority::new("right")?;
    let plan = trusting(&authority)?.without_listening();
    let gateway = Gateway::open(plan.gateway())?;
    let address = gateway.address()?;
    let stage = plan
        .ppg(
            PPG_ID,
            &format!("address = \"{address}\"\ntls = true\ntls_name = \"{PPG_ID}\""),
        )
        .start()?;
    let secured = attend(gateway, server(&authority, PPG_ID)?);
    stage.register(MMS)?;
    let (wire, answer, _) = current(&secured)?;
    answer.is(204, 501);
    drop(wire);
    let (_, answer, kind) = current(&secured)?;
    answer.is(204, 501);
    assert_eq!(kind, Some(HandshakeKind::Resumed));
    Ok(())
}

/// The name that TLS proved counts on a whitelist.
#[test]
fn a_proved_name_is_on_the_whitelist_where_the_address_is_not() -> anyhow::Result<()> {
    let authority = TestAuthority::new("right")?;
    let stage = trusting(&authority)?
        .known_gateway(&format!("tls_name = \"{PPG_ID}\""))
        .section(&format!("[whitelist]\ndefault = [\"{PPG_ID}\"]"))
        .start()?;
    stage.register(MMS)?;
    stage.connect()?.push(MMS, b"unproved", &[])?.is(204, 235);
    let config = server(&authority, PPG_ID)?;
    let (mut wire, _) = secure(secure_port(&stage, stage.plan.gateway())?, &config)?;
    wire.push(MMS, b"proved", &[])?.is(204, 400);
    assert_eq!(stage.contents()?, [b"proved"]);
    Ok(())
}
