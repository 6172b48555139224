//! Loopback addresses and ports that no other test uses at the same time.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::Context;

/// The port that holds a network for its owner; nobody speaks on it.
const CLAIM_PORT: u16 = 2900;

/// A /24 of 127.0.0.0/8 that belongs to the one who holds this value.
#[derive(Debug)]
pub struct Network {
    prefix: [u8; 3],
    _claim: UdpSocket,
}

impl Network {
    /// Takes a network that no other test, in this process or another, holds.
    ///
    /// # Errors
    ///
    /// All 32,000 candidates are held.
    pub fn claim() -> anyhow::Result<Self> {
        let start = std::process::id() % 32_000;
        for step in 0..32_000 {
            let [_, _, second, third] = ((start + step) % 32_000).to_be_bytes();
            let prefix = [127, 64 + second, third];
            if let Ok(claim) = UdpSocket::bind((address(prefix, 254), CLAIM_PORT)) {
                return Ok(Self {
                    prefix,
                    _claim: claim,
                });
            }
        }
        anyhow::bail!(
            "no loopback network is free: every port {CLAIM_PORT} in 127.64.0.0/9 is taken"
        )
    }

    /// The address of host `number` in this network.
    #[must_use]
    pub fn host(&self, number: u8) -> Ipv4Addr {
        address(self.prefix, number)
    }
}

/// A TCP port that was free on every address a moment ago.
///
/// # Errors
///
/// The system has no port left.
pub fn free_tcp_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))
        .context("cannot get a TCP port from the system")?;
    Ok(listener.local_addr()?.port())
}

fn address([first, second, third]: [u8; 3], host: u8) -> Ipv4Addr {
    Ipv4Addr::new(first, second, third, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_claims_are_two_networks() {
        let (one, other) = (Network::claim().unwrap(), Network::claim().unwrap());
        assert_ne!(one.host(1), other.host(1));
        assert!(one.host(1).is_loopback() && other.host(254).is_loopback());
    }
}
