//! A gateway for push sessions, octet by octet: nothing here comes from the code that is tested.

use std::net::SocketAddr;

use push_client::http::{Host, PpgId};
use push_client::sessions::{ContactPoint, SessionGateway, SessionsSettings, Start};
use push_client::{Builder, OtaWspSettings};
use tokio::net::UdpSocket;

use crate::bench::PATIENCE;

/// A PDU of WTP that a terminal sent, with the transaction as its beginner counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pdu {
    /// Class and message.
    Invoke(u16, u8, Vec<u8>),
    /// Whether it asks whether the gateway began the transaction.
    Ack(u16, bool),
    /// The reason.
    Abort(u16, u8),
}

/// A gateway that listens on loopback.
pub(crate) struct Gateway(UdpSocket);

/// A session that it has granted.
pub(crate) struct Session<'a> {
    gateway: &'a Gateway,
    pub(crate) terminal: SocketAddr,
    /// The Connect, as it came.
    pub(crate) connect: Vec<u8>,
    last_transaction: u16,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self(UdpSocket::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The next PDU, from whatever terminal.
    pub(crate) async fn read(&self) -> (SocketAddr, Pdu) {
        let mut buffer = [0; 2048];
        let received = tokio::time::timeout(PATIENCE, self.0.recv_from(&mut buffer));
        let (length, terminal) = received.await.unwrap().unwrap();
        let octets = &buffer[..length];
        let tid = u16::from_be_bytes([octets[1], octets[2]]) & 0x7FFF;
        let pdu = match octets[0] >> 3 & 0x0F {
            1 => Pdu::Invoke(tid, octets[3] & 3, octets[4..].to_vec()),
            3 => Pdu::Ack(tid, octets[0] & 4 != 0),
            4 => Pdu::Abort(tid, octets[3]),
            other => panic!("a terminal sends no PDU of type {other}: {octets:02X?}"),
        };
        (terminal, pdu)
    }

    pub(crate) async fn send(&self, terminal: SocketAddr, octets: &[u8]) {
        self.0.send_to(octets, terminal).await.unwrap();
    }

    /// Waits for a Connect, and answers it with this message.
    pub(crate) async fn answer(&self, message: &[u8]) -> (SocketAddr, Vec<u8>) {
        loop {
            if let (terminal, Pdu::Invoke(tid, 2, connect)) = self.read().await {
                assert_eq!(connect[0], 0x01, "{connect:02X?}");
                let [high, low] = (tid | 0x8000).to_be_bytes();
                let result = [&[0x16, high, low], message].concat();
                self.send(terminal, &result).await;
                return (terminal, connect);
            }
        }
    }

    /// Waits for a Connect, and grants the session with pushes of both kinds.
    pub(crate) async fn grant(&self, id: u8) -> Session<'_> {
        let reply = [0x02, id, 0x06, 0x00, 0x02, 0x82, 0xC0, 0x02, 0x84, 0x04];
        let (terminal, connect) = self.answer(&reply).await;
        Session {
            gateway: self,
            terminal,
            connect,
            last_transaction: 0,
        }
    }

    /// Waits for a Disconnect of the session with this id.
    pub(crate) async fn disconnected(&self, id: u8) {
        while !matches!(self.read().await.1, Pdu::Invoke(_, 0, message) if message == [0x05, id]) {}
    }
}

impl Session<'_> {
    /// Sends a confirmed push to an application with this number; gives its transaction.
    pub(crate) async fn push(&mut self, application: u8, body: &[u8]) -> u16 {
        self.last_transaction += 1;
        self.invoke(0x0E, self.last_transaction, application, body)
            .await;
        self.last_transaction
    }

    /// Sends one again whose answer did not come.
    pub(crate) async fn push_again(&self, tid: u16, application: u8, body: &[u8]) {
        self.invoke(0x0F, tid, application, body).await;
    }

    async fn invoke(&self, head: u8, tid: u16, application: u8, body: &[u8]) {
        let [high, low] = tid.to_be_bytes();
        let push = [&[0x07, 0x03, 0x83, 0xAF, 0x80 | application], body].concat();
        let invoke = [&[head, high, low, 0x11], &push[..]].concat();
        self.gateway.send(self.terminal, &invoke).await;
    }

    /// What the terminal says of a transaction: absent: it acknowledges; else the reason of its abort.
    pub(crate) async fn verdict(&self, tid: u16) -> Option<u8> {
        loop {
            match self.gateway.read().await {
                (_, Pdu::Ack(of, true)) => {
                    let [high, low] = of.to_be_bytes();
                    self.gateway.send(self.terminal, &[0x1C, high, low]).await;
                }
                (_, Pdu::Ack(of, false)) if of == tid => return None,
                (_, Pdu::Abort(of, reason)) if of == tid => return Some(reason),
                _ => {}
            }
        }
    }

    /// Sends a push that is not confirmed.
    pub(crate) async fn push_unconfirmed(&mut self, body: &[u8]) {
        self.last_transaction += 1;
        let [high, low] = self.last_transaction.to_be_bytes();
        let push = [&[0x06, 0x03, 0x83, 0xAF, 0x84], body].concat();
        let invoke = [&[0x0E, high, low, 0x10], &push[..]].concat();
        self.gateway.send(self.terminal, &invoke).await;
    }

    pub(crate) async fn send(&self, octets: &[u8]) {
        self.gateway.send(self.terminal, octets).await;
    }
}

/// A gateway as the terminal has it provisioned.
pub(crate) fn provisioned(gateway: &Gateway, start: Start) -> SessionGateway {
    let address = gateway.address();
    SessionGateway {
        id: PpgId(address.to_string().into()),
        contact: ContactPoint {
            host: Host::Ip(address.ip()),
            port: address.port(),
        },
        addresses: Vec::new(),
        start,
        bearer: None,
    }
}

/// A terminal with these settings of its sessions.
pub(crate) fn terminal(sessions: SessionsSettings) -> Builder {
    Builder::new().ota_wsp(OtaWspSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        sessions: Some(sessions),
        ..OtaWspSettings::default()
    })
}

/// A terminal that has sessions with one gateway.
pub(crate) fn terminal_of(gateway: &Gateway, start: Start) -> Builder {
    terminal(SessionsSettings {
        gateways: vec![provisioned(gateway, start)],
        ..SessionsSettings::default()
    })
}
