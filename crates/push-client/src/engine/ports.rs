//! Ports that applications have for themselves (Push-CAI 5.1, the second exception).

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

use push_core::{Input, Now, PersistTicket};
use push_message::{Bearer, Protocol};

use super::{Engine, Listener, kernel};

/// Where ports of applications are opened.
#[derive(Debug)]
pub(super) struct OwnPorts {
    hosts: BTreeSet<IpAddr>,
    open: BTreeSet<u16>,
    most: usize,
}

impl OwnPorts {
    /// On the hosts of these listeners, at most `most` at a time.
    pub(super) fn new(listeners: &[Listener], most: usize) -> Self {
        Self {
            hosts: listeners
                .iter()
                .map(|listener| listener.address().ip())
                .collect(),
            open: BTreeSet::new(),
            most,
        }
    }

    /// Opens a port on every host, or says why that cannot be, and what would work.
    fn open(&mut self, port: u16, receive_buffer: usize) -> Result<Vec<Listener>, String> {
        if self.hosts.is_empty() {
            return Err("no UDP address is listened on; leave the port out".to_owned());
        }
        if self.open.len() >= self.most {
            let most = self.most;
            return Err(format!(
                "applications have {most} ports of their own open, which is the most that is allowed; leave the port out"
            ));
        }
        let bind = |&host: &IpAddr| {
            let address = SocketAddr::new(host, port);
            Listener::bind(address, receive_buffer).map_err(|error| failure(address, &error))
        };
        let sockets = self.hosts.iter().map(bind).collect::<Result<_, _>>()?;
        self.open.insert(port);
        Ok(sockets)
    }
}

fn failure(address: SocketAddr, error: &io::Error) -> String {
    let (host, port) = (address.ip(), address.port());
    if error.kind() == io::ErrorKind::AddrInUse {
        match kernel::holder(port) {
            Some(user) => format!(
                "a program of the user with the number {user} holds it on {host}; stop that program, or name another port"
            ),
            None => format!("another program holds it on {host}; name another port"),
        }
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        format!(
            "the system lets nobody but privileged programs have it on {host}; name a port from 1024 up"
        )
    } else {
        format!("the system does not open it on {host}: {error}; name another port")
    }
}

impl Engine {
    /// Opens a port, and tells the machine what became of it.
    pub(super) fn open_port(
        &mut self,
        ticket: PersistTicket,
        (protocol, bearer, port): (Protocol, Bearer, u16),
        now: Now,
    ) {
        let result = if (protocol, bearer) == (Protocol::OtaWsp, Bearer::Ip) {
            self.own_ports.open(port, self.settings.receive_buffer)
        } else {
            Err(format!(
                "{protocol} over {bearer} opens no ports; leave the port out"
            ))
        };
        let result = result.map(|sockets| self.listeners.extend(sockets));
        match &result {
            Ok(()) => tracing::info!(port, "a port of an application is open"),
            Err(reason) => {
                tracing::info!(port, %reason, "a port of an application cannot be opened");
            }
        }
        self.core
            .handle_input(Input::PortOpened { ticket, result }, now);
    }

    /// Closes a port that no application has any more.
    pub(super) fn close_port(&mut self, port: u16) {
        if self.own_ports.open.remove(&port) {
            self.listeners
                .retain(|listener| listener.address().port() != port);
            tracing::info!(port, "a port of an application is closed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_would_work() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let words = |kind: io::ErrorKind| failure(address, &io::Error::from(kind));
        assert!(words(io::ErrorKind::PermissionDenied).ends_with("name a port from 1024 up"));
        assert!(words(io::ErrorKind::AddrInUse).contains("name another port"));
        assert!(words(io::ErrorKind::AddrNotAvailable).contains("name another port"));
    }
}
