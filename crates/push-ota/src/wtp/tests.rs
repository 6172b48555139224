mod initiator;
mod limits;
mod responder;
mod segmentation;
mod simulation;
mod table;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use wap_wire::wsp::AbortReason as UserAbortReason;

use super::{Class, Output, Settings, TransactionHandle, Wtp};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9201);
const OTHER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 9201);
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A `Wtp`, a clock, and what it does in words.
struct Stage {
    wtp: Wtp,
    now: Duration,
}

impl Stage {
    /// One that has listened for longer than a datagram lives, so that it believes strangers.
    fn new(settings: Settings) -> Self {
        let mut stage = Self::fresh(settings);
        stage.wtp.handle_datagram(PEER, &[], stage.now);
        stage.now += stage.wtp.settings.max_packet_lifetime;
        stage
    }

    /// One that has just begun.
    fn fresh(settings: Settings) -> Self {
        Self {
            wtp: Wtp::new(settings, 1),
            now: Duration::from_secs(1000),
        }
    }

    fn receive(&mut self, octets: &[u8]) -> String {
        self.receive_from(PEER, octets)
    }

    fn receive_from(&mut self, peer: SocketAddr, octets: &[u8]) -> String {
        self.wtp.handle_datagram(peer, octets, self.now);
        self.outputs()
    }

    fn invoke(&mut self, class: Class, user: bool, data: &[u8]) -> (TransactionHandle, String) {
        let handle = self
            .wtp
            .invoke(PEER, class, user, data.into(), self.now)
            .unwrap();
        (handle, self.outputs())
    }

    fn respond(&mut self, handle: u64) -> String {
        self.wtp.respond(TransactionHandle(handle), self.now);
        self.outputs()
    }

    fn abort(&mut self, handle: u64, reason: UserAbortReason) -> String {
        self.wtp.abort(TransactionHandle(handle), reason, self.now);
        self.outputs()
    }

    /// Lets time pass; what happens stands behind the milliseconds since the call.
    fn wait(&mut self, duration: Duration) -> String {
        let (start, end) = (self.now, self.now + duration);
        let mut all = String::new();
        while let Some(at) = self.wtp.poll_timeout().filter(|&at| at <= end) {
            self.now = at.max(self.now);
            self.wtp.handle_timeout(self.now);
            for line in self.outputs().lines() {
                writeln!(
                    all,
                    "{} ms: {line}",
                    self.now.saturating_sub(start).as_millis()
                )
                .unwrap();
            }
        }
        self.now = end;
        all
    }

    fn outputs(&mut self) -> String {
        let mut all = String::new();
        while let Some(output) = self.wtp.poll_output() {
            let line = described(&output);
            writeln!(all, "{line}").unwrap();
        }
        all
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02X}").unwrap();
        text
    })
}

fn described(output: &Output) -> String {
    match output {
        Output::Transmit { peer, octets } if *peer == PEER => {
            format!("send {}", hexadecimal(octets))
        }
        Output::Transmit { peer, octets } => format!("send {} to {peer}", hexadecimal(octets)),
        Output::Invoked {
            handle,
            class,
            user_acknowledgement,
            data,
            ..
        } => {
            let user = if *user_acknowledgement { " user" } else { "" };
            let data = String::from_utf8_lossy(data);
            format!(
                "invoked {} class {}{user}: {data}",
                handle.0,
                class.number()
            )
        }
        Output::InvokeConfirmed { handle } => format!("confirmed {}", handle.0),
        Output::ResultIndicated { handle, data } => {
            format!("result {}: {}", handle.0, String::from_utf8_lossy(data))
        }
        Output::Aborted { handle, reason, by } => {
            format!("aborted {} by {by:?}: {reason:?}", handle.0)
        }
    }
}
