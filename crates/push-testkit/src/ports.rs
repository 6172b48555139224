//! Ports that are opened and closed as a test says.

use std::collections::{BTreeSet, VecDeque};

use push_core::PersistTicket;
use push_message::{Bearer, Protocol};

/// A port of a protocol over a bearer.
pub type Port = (Protocol, Bearer, u16);

/// How the system answers whoever wants a port opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortsAnswer {
    /// It is open at once.
    #[default]
    Open,
    /// Another program has it.
    Taken,
    /// When [`Terminal::ports_say`](crate::Terminal::ports_say) says so.
    Late,
}

/// The ports of the terminal.
#[derive(Debug, Default)]
pub struct Ports {
    /// How the system answers.
    pub answer: PortsAnswer,
    /// Those that are open.
    pub open: BTreeSet<Port>,
    /// How often one was asked for.
    pub asked: usize,
    waiting: VecDeque<(PersistTicket, Port)>,
}

/// What the system says of one port.
pub(crate) type PortResult = (PersistTicket, Result<(), String>);

impl Ports {
    pub(crate) fn take(&mut self, ticket: PersistTicket, port: Port) -> Option<PortResult> {
        self.asked += 1;
        self.waiting.push_back((ticket, port));
        match self.answer {
            PortsAnswer::Open => self.say(true),
            PortsAnswer::Taken => self.say(false),
            PortsAnswer::Late => None,
        }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Answers whoever has waited longest.
    pub(crate) fn say(&mut self, open: bool) -> Option<PortResult> {
        let (ticket, port) = self.waiting.pop_front()?;
        if !open {
            return Some((ticket, Err("address already in use".to_owned())));
        }
        assert!(self.open.insert(port), "{port:?} is open already");
        Some((ticket, Ok(())))
    }

    pub(crate) fn close(&mut self, port: Port) {
        assert!(self.open.remove(&port), "{port:?} is closed already");
    }

    /// The process has ended, and with it every port.
    pub(crate) fn crash(&mut self) {
        self.open.clear();
        self.waiting.clear();
    }
}
