//! Sending over UDP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A push server's socket.
#[derive(Debug)]
pub struct Sender {
    socket: UdpSocket,
}

impl Sender {
    /// Sends from this address from then on; port 0 lets the system choose one.
    pub async fn bind(source: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(source).await?;
        Ok(Self { socket })
    }

    /// The address that it sends from.
    pub fn source(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends one datagram. Nothing tells whether it arrives.
    pub async fn send(&self, destination: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let sent = self.socket.send_to(datagram, destination).await?;
        if sent == datagram.len() {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "{sent} of {} octets were sent",
                datagram.len()
            )))
        }
    }

    /// Sends datagrams one after another, at most `rate` a second where one is given, and says how many.
    pub async fn send_all(
        &self,
        destination: SocketAddr,
        datagrams: impl IntoIterator<Item = Vec<u8>>,
        rate: Option<u32>,
    ) -> io::Result<u64> {
        let mut pace = rate.and_then(pace);
        let mut count = 0;
        for datagram in datagrams {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            self.send(destination, &datagram).await?;
            count += 1;
        }
        Ok(count)
    }
}

fn pace(rate: u32) -> Option<Interval> {
    let period = Duration::from_secs(1).checked_div(rate)?;
    let mut pace = interval(period.max(Duration::from_nanos(1)));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    Some(pace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Push;

    async fn receiver() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    #[tokio::test]
    async fn datagrams_arrive_in_order_from_the_address_given() {
        let (socket, destination) = receiver().await;
        let sender = Sender::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let pushes = (0..20).map(|tid| Push::new("text/plain", *b"x").tid(tid).encode().unwrap());
        let sent = sender
            .send_all(destination, pushes, Some(10_000))
            .await
            .unwrap();
        assert_eq!(sent, 20);
        let mut buffer = [0; 64];
        for tid in 0..20 {
            let (length, source) = socket.recv_from(&mut buffer).await.unwrap();
            assert_eq!((length, buffer[0]), (5, tid));
            assert_eq!(source, sender.source().unwrap());
        }
    }

    #[tokio::test]
    async fn what_no_datagram_can_hold_is_an_error() {
        let (_socket, destination) = receiver().await;
        let sender = Sender::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert!(sender.send(destination, &vec![0; 70_000]).await.is_err());
    }
}
