//! Flows and streams: the UDP socket, and the connections.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_core::Now;
use push_ota::http::Host;
use push_ota::sip::{AgentInput, FlowId, Reach, StreamId, Transport};
use rustls::pki_types::ServerName;

use super::super::socket::Reading;
use super::outbox::Run;
use super::{Engine, Listener, OtaSip};
use crate::masked::Masked;
use crate::ota_sip::{Accepted, Carrier, Event, Report, Secure, local_of};

/// How long nothing is accepted after a failure such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The flow that the UDP socket is.
#[derive(Debug, Clone, Copy)]
pub(super) struct UdpFlow {
    id: FlowId,
    /// The terminal's end, as its Contact says.
    local: SocketAddr,
    /// The first hop.
    peer: SocketAddr,
}

impl UdpFlow {
    /// Whether the first hop is no longer reached from the terminal's end.
    fn has_moved(&self, bound: SocketAddr) -> bool {
        // Where there is no way at all, sending says so.
        local_of(bound, self.peer).is_ok_and(|local| local != self.local)
    }
}

/// Whether a message has the core keep where the terminal is reached, or keeps the way there open.
fn keeps_the_way(octets: &[u8]) -> bool {
    octets.starts_with(b"REGISTER ") || octets == b"\r\n\r\n"
}

/// A flow or a stream that is to be opened.
#[derive(Debug)]
pub(super) struct Opening {
    carrier: Carrier,
    port: u16,
    by: By,
}

#[derive(Debug)]
enum By {
    Datagrams,
    Connection,
    /// A connection to where a Push Server says.
    ConnectionWithin(Reach),
    /// The name that the other end has to prove; absent where no certificate could carry it.
    SecureConnection(Option<ServerName<'static>>),
}

impl Opening {
    pub(super) fn flow(flow: FlowId, transport: Transport, host: &Host, port: u16) -> Self {
        let by = match transport {
            Transport::Udp => By::Datagrams,
            Transport::Tcp => By::Connection,
            Transport::Tls => By::SecureConnection(name_of(host)),
        };
        Self {
            carrier: Carrier::Sip(flow),
            port,
            by,
        }
    }

    pub(super) const fn stream(stream: StreamId, port: u16, reach: Reach) -> Self {
        Self {
            carrier: Carrier::Msrp(stream),
            port,
            by: By::ConnectionWithin(reach),
        }
    }
}

/// The name that the certificate of a host has to carry.
fn name_of(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Ip(address) => Some(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(String::from(&**name)).ok(),
    }
}

impl OtaSip {
    /// These addresses, each attempt with another one first.
    fn in_turn(&mut self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let mut addresses = addresses.to_vec();
        let first = self.turn.checked_rem(addresses.len()).unwrap_or_default();
        self.turn = self.turn.wrapping_add(1);
        addresses.rotate_left(first);
        addresses
    }

    fn open(&mut self, opening: Opening, addresses: &[IpAddr], now: Now) {
        let Opening { carrier, port, by } = opening;
        let peers = addresses.iter().map(|address| (*address, port).into());
        let mut peers: Vec<SocketAddr> = peers.collect();
        if matches!(carrier, Carrier::Sip(_)) {
            self.core = self
                .core_addresses
                .iter()
                .chain(addresses)
                .copied()
                .collect();
        }
        let opened = match (by, carrier) {
            _ if peers.is_empty() => Err("its name could not be resolved".to_owned()),
            (By::Datagrams, Carrier::Sip(flow)) => self.open_udp(flow, &peers, now),
            (By::ConnectionWithin(reach), _) => {
                peers.retain(|peer| reach.allows(peer.ip()));
                if peers.is_empty() {
                    Err("its name leads to no address that the terminal connects to".to_owned())
                } else {
                    self.connections.dial(carrier, peers, None, now.monotonic);
                    Ok(())
                }
            }
            (By::Datagrams | By::Connection, _) => {
                self.connections.dial(carrier, peers, None, now.monotonic);
                Ok(())
            }
            (By::SecureConnection(name), _) => self.secure(name).map(|secure| {
                self.connections
                    .dial(carrier, peers, Some(secure), now.monotonic);
            }),
        };
        if let Err(reason) = opened {
            self.ended(carrier, reason, now);
        }
    }

    fn secure(&self, name: Option<ServerName<'static>>) -> Result<Secure, String> {
        let Some(client) = &self.tls else {
            return Err("it wants TLS, and no ca_file is set".to_owned());
        };
        let name = name.ok_or("it has no name for its certificate to carry")?;
        Ok((Arc::clone(client), name))
    }

    fn open_udp(&mut self, flow: FlowId, peers: &[SocketAddr], now: Now) -> Result<(), String> {
        let Some(udp) = &self.sockets.udp else {
            return Err("no UDP address is listened on".to_owned());
        };
        let bound = udp.address();
        let mut reason = format!("it has no address that is reached from {bound}");
        for peer in peers {
            if peer.is_ipv4() != bound.is_ipv4() {
                continue;
            }
            match local_of(bound, *peer) {
                Ok(local) => {
                    let (id, peer) = (flow, *peer);
                    self.udp_flow = Some(UdpFlow { id, local, peer });
                    self.input(AgentInput::FlowOpened { flow, local, peer }, now);
                    return Ok(());
                }
                Err(error) => reason = format!("it cannot be reached: {error}"),
            }
        }
        Err(reason)
    }

    /// Tells the user agent that a flow or a stream has ended, or could not be opened.
    fn ended(&mut self, carrier: Carrier, reason: String, now: Now) {
        let input = match carrier {
            Carrier::Sip(flow) => AgentInput::FlowEnded { flow, reason },
            Carrier::Msrp(stream) => AgentInput::StreamEnded { stream, reason },
        };
        self.input(input, now);
    }

    fn close(&mut self, carrier: Carrier) {
        if let Carrier::Sip(flow) = carrier
            && self.udp_flow.is_some_and(|udp| udp.id == flow)
        {
            self.udp_flow = None;
        }
        self.resolving.retain(|_, waiting| {
            waiting.retain(|opening| opening.carrier != carrier);
            !waiting.is_empty()
        });
        self.connections.close(carrier);
    }

    fn send_datagram(&mut self, destination: SocketAddr, octets: &[u8]) -> io::Result<bool> {
        match &self.sockets.udp {
            Some(udp) => udp.send(octets, destination),
            None => Ok(true),
        }
    }

    fn accept(&mut self, accepted: Accepted, now: Now) -> bool {
        let Ok(local) = accepted.stream.local_addr() else {
            return true;
        };
        let peer = accepted.peer;
        let admission = self.connections.accept(accepted, &self.core, now.monotonic);
        if let Some(carrier) = admission.gave_way {
            let reason = "it gave way to another connection".to_owned();
            self.ended(carrier, reason, now);
        }
        let input = match admission.carrier {
            None => return false,
            Some(Carrier::Sip(flow)) => AgentInput::FlowAccepted {
                flow,
                local,
                peer,
                transport: Transport::Tcp,
            },
            Some(Carrier::Msrp(stream)) => AgentInput::StreamAccepted { stream, peer },
        };
        self.input(input, now);
        true
    }

    fn take_report(&mut self, report: Report, now: Now) {
        let Report { carrier, event } = report;
        match event {
            Event::Opened { local, peer } => {
                if self.connections.opened(carrier, now.monotonic) {
                    let input = match carrier {
                        Carrier::Sip(flow) => AgentInput::FlowOpened { flow, local, peer },
                        Carrier::Msrp(stream) => AgentInput::StreamOpened { stream },
                    };
                    self.input(input, now);
                }
            }
            Event::Octets(octets) => {
                if self.connections.heard(carrier, now.monotonic) {
                    let received = now.unix;
                    let input = match carrier {
                        Carrier::Sip(flow) => AgentInput::Octets {
                            flow,
                            octets,
                            received,
                        },
                        Carrier::Msrp(stream) => AgentInput::StreamOctets {
                            stream,
                            octets,
                            received,
                        },
                    };
                    self.input(input, now);
                }
            }
            Event::Ended(reason) => {
                if self.connections.ended(carrier) {
                    self.ended(carrier, reason, now);
                }
            }
        }
    }

    /// Connections are accepted again.
    pub(super) const fn resume_accepting(&mut self) {
        self.resume = None;
        if let Some(tcp) = &mut self.sockets.tcp {
            tcp.failed = false;
        }
        if let Some(msrp) = &mut self.sockets.msrp {
            msrp.failed = false;
        }
    }

    fn has_failed_to_accept(&self) -> bool {
        let mut acceptors = [&self.sockets.tcp, &self.sockets.msrp].into_iter();
        acceptors.any(|acceptor| acceptor.as_ref().is_some_and(|one| one.failed))
    }
}

impl Engine {
    pub(super) fn open(&mut self, opening: Opening, host: Host, now: Now) {
        let Some(sip) = &mut self.ota_sip else {
            return;
        };
        match host {
            Host::Ip(address) => sip.open(opening, &[address], now),
            Host::Name(name) => {
                sip.resolving.entry(name.clone()).or_default().push(opening);
                self.resolver.resolve(name);
            }
        }
    }

    /// A name was resolved that flows or streams may wait for.
    pub(in crate::engine) fn sip_host_resolved(
        &mut self,
        host: &str,
        addresses: &[IpAddr],
        now: Now,
    ) {
        let Some(sip) = &mut self.ota_sip else {
            return;
        };
        for opening in sip.resolving.remove(host).unwrap_or_default() {
            let addresses = sip.in_turn(addresses);
            sip.open(opening, &addresses, now);
        }
    }

    pub(super) fn close_carrier(&mut self, carrier: Carrier) {
        if let Some(sip) = &mut self.ota_sip {
            sip.close(carrier);
        }
    }

    pub(super) fn transmit_sip(
        &mut self,
        flow: FlowId,
        destination: SocketAddr,
        octets: Bytes,
        now: Now,
    ) {
        let Some(sip) = &mut self.ota_sip else {
            return;
        };
        let Some(udp) = sip.udp_flow.filter(|udp| udp.id == flow) else {
            self.transmit_on(Carrier::Sip(flow), octets, now);
            return;
        };
        let has_moved = |listener: &Listener| udp.has_moved(listener.address());
        if !self.stopping
            && destination == udp.peer
            && keeps_the_way(&octets)
            && sip.udp().is_some_and(has_moved)
        {
            // The core would answer, and send pushes to where nobody is.
            tracing::info!("the terminal reaches the SIP core from another address");
            return sip.input(AgentInput::NetworkChanged, now);
        }
        if sip.outbox.put(destination, octets) {
            self.send_datagrams(now);
        }
    }

    /// Sends the datagrams that wait, together where they can be.
    pub(super) fn send_datagrams(&mut self, now: Now) {
        let Some(sip) = &mut self.ota_sip else {
            return;
        };
        let outbox = std::mem::take(&mut sip.outbox);
        for run in outbox.runs() {
            if !self.send_together(run) {
                for octets in run.datagrams() {
                    self.send_datagram(run.destination, octets, now);
                }
            }
        }
        if let Some(sip) = &mut self.ota_sip {
            sip.outbox = outbox.emptied();
        }
    }

    /// Sends datagrams together; where they cannot be, says so, and none has gone.
    fn send_together(&mut self, run: Run<'_>) -> bool {
        let Some(sip) = &mut self.ota_sip else {
            return false;
        };
        let (Some(length), Some(udp)) = (run.length_together(), &mut sip.sockets.udp) else {
            return false;
        };
        let datagrams: Vec<_> = run.datagrams().map(|octets| IoSlice::new(octets)).collect();
        udp.send_together(&datagrams, length, run.destination)
    }

    fn send_datagram(&mut self, destination: SocketAddr, octets: &[u8], now: Now) {
        let Some(sip) = &mut self.ota_sip else {
            return;
        };
        match sip.send_datagram(destination, octets) {
            Ok(true) => {}
            // As good as lost on the way: what matters is repeated.
            Ok(false) => self.counters.sip_unsent += 1,
            Err(error) => {
                self.counters.sip_unsent += 1;
                let shown = self.settings.show_personal_data;
                let masked = Masked::new(destination, shown);
                tracing::debug!(destination = %masked, %error, "a datagram of SIP cannot be sent");
                // That somebody else cannot be answered says nothing of the way to the core.
                if let Some(udp) = sip.udp_flow
                    && destination == udp.peer
                    && has_lost_its_way(&error)
                {
                    sip.udp_flow = None;
                    let reason = format!("nothing can be sent to it: {error}");
                    sip.ended(Carrier::Sip(udp.id), reason, now);
                }
            }
        }
    }

    pub(super) fn transmit_on(&mut self, carrier: Carrier, octets: Bytes, now: Now) {
        if let Some(sip) = &mut self.ota_sip
            && !sip.connections.send(carrier, octets)
        {
            self.counters.sip_overrun += 1;
            let reason = "the peer does not read what is sent to it".to_owned();
            sip.ended(carrier, reason, now);
        }
    }

    /// Takes what connections report, and datagrams; says whether more may wait.
    pub(in crate::engine) fn take_sip(&mut self, now: Now) -> bool {
        let Some(sip) = &mut self.ota_sip else {
            return false;
        };
        if sip.resume.is_none() && sip.has_failed_to_accept() {
            sip.resume = Some(now.monotonic + PAUSE);
        }
        for accepted in std::mem::take(&mut sip.accepted) {
            // Whoever stops serves nobody who comes.
            if !self.stopping && !sip.accept(accepted, now) {
                self.counters.sip_connections_refused += 1;
            }
        }
        let mut batch = std::mem::take(&mut sip.batch);
        for report in batch.drain(..) {
            sip.take_report(report, now);
        }
        sip.batch = batch;
        // After the order to stop as well: what is under way comes to its end.
        self.persistence.has_room() && self.take_sip_datagrams(now)
    }

    fn take_sip_datagrams(&mut self, now: Now) -> bool {
        let Some(OtaSip {
            agent,
            sockets,
            udp_flow,
            buffer,
            ..
        }) = &mut self.ota_sip
        else {
            return false;
        };
        let Some(udp) = &mut sockets.udp else {
            return false;
        };
        for _ in 0..self.settings.datagram_batch {
            if !udp.is_readable() {
                break;
            }
            match udp.read(buffer) {
                Reading::Datagram(length, source) => {
                    self.counters.sip_datagrams += 1;
                    let octets = buffer.get(..length).unwrap_or_default();
                    // Nobody but the core knows of the socket before there is a flow.
                    if let Some(UdpFlow { id: flow, .. }) = *udp_flow {
                        let input = AgentInput::Datagram {
                            flow,
                            source,
                            octets: Bytes::copy_from_slice(octets),
                            received: now.unix,
                        };
                        agent.handle_input(input, now.monotonic);
                    }
                }
                Reading::Empty => {}
                Reading::Failed(error) => {
                    self.counters.socket_errors += 1;
                    tracing::warn!(%error, "cannot read from the socket of OTA-SIP");
                }
            }
        }
        udp.is_readable()
    }
}

/// Whether an error in sending says that there is no way to the destination from the terminal's address.
fn has_lost_its_way(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidInput
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_has_another_address_is_known_to_have_moved() {
        let bound = SocketAddr::from(([0, 0, 0, 0], 5070));
        let here = SocketAddr::from(([127, 0, 0, 1], 5070));
        let before = SocketAddr::from(([192, 0, 2, 20], 5070));
        let peer = SocketAddr::from(([127, 0, 0, 1], 5060));
        let id = FlowId(1);
        let flow = |local| UdpFlow { id, local, peer };
        assert!(!flow(here).has_moved(bound));
        assert!(flow(before).has_moved(bound));
        assert!(!flow(before).has_moved(before), "it is bound to that one");
    }

    #[test]
    fn what_keeps_the_way_is_a_registration_or_empty_lines() {
        assert!(keeps_the_way(b"REGISTER sip:ims.example.test SIP/2.0\r\n"));
        assert!(keeps_the_way(b"\r\n\r\n"));
        for other in [&b"OPTIONS sip:a@b SIP/2.0"[..], b"\r\n", b"SIP/2.0 200 OK"] {
            assert!(!keeps_the_way(other));
        }
    }
}
