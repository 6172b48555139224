//! A client that is pushed to by datagrams.

use std::net::{SocketAddr, UdpSocket};

use push_client::{Builder, Client, EngineError};
use tokio::task::JoinHandle;

/// A client that runs, and a gateway that pushes to it.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) engine: JoinHandle<Result<(), EngineError>>,
    pub(crate) gateway: UdpSocket,
}

impl Bench {
    pub(crate) fn start(builder: Builder) -> Self {
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (client, engine) = builder.listen(loopback).build().unwrap();
        Self {
            client,
            engine: tokio::spawn(engine.run()),
            gateway: UdpSocket::bind(loopback).unwrap(),
        }
    }

    /// Sends a push to OMNA number 4 with this transaction and body.
    pub(crate) fn push(&self, transaction: u8, body: &[u8]) {
        self.push_to(4, transaction, body);
    }

    pub(crate) fn push_to(&self, application: u8, transaction: u8, body: &[u8]) {
        let head = [transaction, 0x06, 0x03, 0xBE, 0xAF, 0x80 | application];
        let octets = [&head[..], body].concat();
        self.gateway
            .send_to(&octets, self.client.listening()[0])
            .unwrap();
    }

    pub(crate) async fn stop(self) {
        self.client.shut_down().await;
        self.engine.await.unwrap().unwrap();
    }
}
