//! Webhooks over TLS: whose word is taken, and for which name.

use std::{
    fs,
    io::{BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{self, Receiver as Channel},
    },
    thread,
};

use conformance::process::PATIENCE;
use push_lab::ppg::TestAuthority;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    receiver::{Request, read, status},
    stage::{MMS, Stage},
};

/// What came over a connection.
#[derive(Debug)]
enum Came {
    /// The name asked for (SNI), what is spoken, and a request.
    Request(Option<String>, Option<Vec<u8>>, Request),
    /// The client went away before there was a request.
    Nothing,
}

fn server(authority: &TestAuthority, name: &str) -> anyhow::Result<Arc<ServerConfig>> {
    let own = authority.certificate(&[name.to_owned()])?;
    let chain = vec![CertificateDer::from_pem_slice(
        own.certificate_pem.as_bytes(),
    )?];
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn listen(config: Arc<ServerConfig>) -> anyhow::Result<(SocketAddr, Channel<Came>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (sender, came) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let said = attend(stream, &config).unwrap_or(Came::Nothing);
            if sender.send(said).is_err() {
                break;
            }
        }
    });
    Ok((address, came))
}

fn attend(tcp: TcpStream, config: &Arc<ServerConfig>) -> anyhow::Result<Came> {
    tcp.set_read_timeout(Some(PATIENCE))?;
    let connection = ServerConnection::new(Arc::clone(config))?;
    let mut reader = BufReader::new(StreamOwned::new(connection, tcp));
    let Some(request) = read(&mut reader, 0)? else {
        return Ok(Came::Nothing);
    };
    let stream = reader.get_mut();
    let name = stream.conn.server_name().map(str::to_owned);
    let spoken = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
    stream.write_all(&status("204 No Content", "Connection: close\r\n"))?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(Came::Request(name, spoken, request))
}

/// Configuration that allows this machine, and trusts `file` beside an authority that vouches for nobody here.
fn trusting(stranger: &str, file: Option<&str>) -> String {
    let extra = file.map(|file| format!("extra_ca_file = \"{file}\"\n"));
    format!(
        "[handlers.webhooks]\nallow_networks = [\"127.0.0.0/8\", \"::1\"]\nca_file = \"{stranger}\"\n{}",
        extra.unwrap_or_default()
    )
}

#[test]
fn a_certificate_needs_the_right_name_and_a_trusted_authority() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let written = |name: &str, authority: &TestAuthority| -> anyhow::Result<String> {
        let path = directory.path().join(name);
        fs::write(&path, authority.pem())?;
        Ok(path.display().to_string())
    };
    let (own, other) = (TestAuthority::new("own")?, TestAuthority::new("other")?);
    let (own_file, other_file) = (written("own.pem", &own)?, written("other.pem", &other)?);
    let (wrong, refused) = listen(server(&own, "elsewhere.example")?)?;
    let (right, served) = listen(server(&own, "localhost")?)?;
    let url = |address: SocketAddr| format!("https://localhost:{}/push", address.port());

    let stage = Stage::set_up(&trusting(&other_file, None))?;
    stage.register(MMS, &url(right))?;
    stage.push(b"confidential")?;
    // Nobody vouches for it: it gets no request.
    assert!(matches!(served.recv_timeout(PATIENCE)?, Came::Nothing));

    let stage = stage.start_with(&trusting(&other_file, Some(&own_file)))?;
    let (name, spoken, request) = loop {
        if let Came::Request(name, spoken, request) = served.recv_timeout(PATIENCE)? {
            break (name, spoken, request);
        }
    };
    assert_eq!(request.content()?, b"confidential");
    assert_eq!(name.as_deref(), Some("localhost"));
    assert_eq!(spoken.as_deref(), Some(&b"http/1.1"[..]));
    let host = format!("localhost:{}", right.port());
    assert_eq!(request.header("host"), Some(&*host));

    stage.register(MMS, &url(wrong))?;
    stage.push(b"for another")?;
    assert!(matches!(refused.recv_timeout(PATIENCE)?, Came::Nothing));
    Ok(())
}

#[test]
fn authorities_that_are_not_there_are_named_at_registration() -> anyhow::Result<()> {
    let stage = Stage::set_up(&trusting("/nowhere/ca.pem", None))?;
    let refused = stage.refusal("https://127.0.0.1:2999/")?;
    assert_eq!(refused["reason"], "optionNotAvailable", "{refused}");
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("/nowhere/ca.pem"))
    );
    Ok(())
}
