//! A SIP network on loopback addresses of its own, without the daemon.

use std::net::SocketAddrV4;

use conformance::{
    kamailio::{self, Kamailio, PASSWORD, Settings},
    loopback::Network,
    peer,
    sipp::Sipp,
};
use tempfile::TempDir;

use crate::{scenarios, server::Server};

pub(crate) const MMS: &str = "x-wap-application:mms.ua";
pub(crate) const ULP: &str = "x-wap-application:ulp.ua";
pub(crate) const ONE: &str = "urn:urn-7:3gpp-application.ims.iari.test.one";
pub(crate) const TWO: &str = "urn:urn-7:3gpp-application.ims.iari.test.two";

/// The user that the daemon is.
pub(crate) const USER: &str = "alice";
/// Where the daemon takes SIP.
pub(crate) const TERMINAL_PORT: u16 = 5070;
/// Where the Push Sender Agent that is told the capabilities takes them.
pub(crate) const PSA_PORT: u16 = 5090;
/// A port of push servers that the core does not believe.
pub(crate) const STRANGER_PORT: u16 = 7_000;

/// What the Push Sender Agent does with capabilities.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Psa {
    /// It serves what it is told.
    Serves,
    /// It serves these Push Resource Identifiers alone, separated by commas.
    ServesOnly(&'static str),
    /// It answers with this status and phrase.
    Refuses(&'static str),
    /// There is none.
    Absent,
}

/// Addresses of a test, and how its core, its Push Sender Agent and its daemon are to be.
pub(crate) struct Plan {
    pub(crate) network: Network,
    pub(crate) directory: TempDir,
    pub(crate) core: Settings,
    pub(crate) psa: Psa,
    /// The daemon's user and password.
    pub(crate) account: (&'static str, &'static str),
    pub(crate) outbound: Option<String>,
    /// Keys of `[ota_sip]`.
    pub(crate) keys: String,
    /// Whole sections.
    pub(crate) sections: String,
}

impl Plan {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            network: Network::claim()?,
            directory: tempfile::tempdir()?,
            core: Settings::default(),
            psa: Psa::Serves,
            account: (USER, PASSWORD),
            outbound: None,
            keys: String::new(),
            sections: String::new(),
        })
    }

    /// The core's address.
    pub(crate) fn core_address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.network.host(1), kamailio::PORT)
    }

    /// Where the daemon takes SIP.
    pub(crate) fn terminal(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.network.host(2), TERMINAL_PORT)
    }

    /// An address of push servers. Ports 5090 to 5099 are believed by the core; the Push Sender Agent has the first.
    pub(crate) fn server(&self, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(self.network.host(3), port)
    }

    /// Sets how the core is.
    pub(crate) fn core(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.core);
        self
    }

    /// Sets how the Push Sender Agent is.
    pub(crate) fn psa(mut self, psa: Psa) -> Self {
        self.psa = psa;
        self
    }

    /// Starts the core and the Push Sender Agent alone.
    pub(crate) fn start_network(self) -> anyhow::Result<Option<Sip>> {
        if peer::find(["sipp"])?.is_none() {
            return Ok(None);
        }
        let (core, server) = (self.network.host(1), self.network.host(3));
        let Some(core) = Kamailio::start(core, server, &self.core)? else {
            return Ok(None);
        };
        let mut network = Sip {
            psa: None,
            core,
            plan: self,
        };
        network.become_psa(network.plan.psa)?;
        Ok(Some(network))
    }
}

/// A running core with its Push Sender Agent.
pub(crate) struct Sip {
    // Ends before the core does.
    psa: Option<Sipp>,
    pub(crate) core: Kamailio,
    pub(crate) plan: Plan,
}

impl Sip {
    /// Puts another Push Sender Agent in place of the one that is there.
    pub(crate) fn become_psa(&mut self, psa: Psa) -> anyhow::Result<()> {
        if let Some(former) = self.psa.take() {
            former.end()?;
        }
        if psa != Psa::Absent {
            let (own, scenario) = (self.plan.server(PSA_PORT), scenarios::psa(psa));
            self.psa = Some(Sipp::start(&scenario, own, None, 0, &[])?);
        }
        Ok(())
    }

    /// A push server at one of the ports that the core believes (5091 to 5099), or at another one.
    pub(crate) fn server(&self, port: u16) -> anyhow::Result<Server> {
        Server::new(self.plan.server(port), self.plan.core_address())
    }

    /// Lets SIPp push `number` times to `application`, and wants each answered with `status`.
    pub(crate) fn sipp_pushes(
        &self,
        application: &str,
        instance: Option<&str>,
        number: u32,
        status: u16,
    ) -> anyhow::Result<()> {
        let scenario = scenarios::message(application, instance, status);
        self.sipp(&scenario, 5095, number, &["-r", "200"])
    }

    /// Lets SIPp follow a scenario towards the core to its end.
    pub(crate) fn sipp(
        &self,
        scenario: &str,
        port: u16,
        calls: u32,
        arguments: &[&str],
    ) -> anyhow::Result<()> {
        let (own, core) = (self.plan.server(port), self.plan.core_address());
        let mut all = vec!["-s", USER];
        all.extend_from_slice(arguments);
        Sipp::start(scenario, own, Some(core), calls, &all)?.finish()
    }
}

/// An application instance as it stands in a feature tag.
pub(crate) fn instance(of: &str) -> String {
    of.replace(':', "%3A")
}
