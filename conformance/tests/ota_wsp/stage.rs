//! A session server of the lab and a daemon on loopback addresses of their own, and short words for what tests do with them.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    process::Command,
    time::Duration,
};

use anyhow::Context;
use conformance::{background::Background, loopback::Network, process::Running, pushcai::Daemon};
pub(crate) use conformance::{kannel::CONNECTIONLESS_PUSH, process::eventually, pushcai::content};
use push_lab::{
    ApplicationId, Push,
    ppg::{ContactPoint, SirBuilder},
    session::{
        Behaviour, Ending, Greeting, Manner, Outcome, SessionEvent, SessionServer, SessionSettings,
    },
};
use serde_json::Value;

pub(crate) const MMS: &str = "x-wap-application:mms.ua";
pub(crate) const WML: &str = "x-wap-application:wml.ua";
pub(crate) const DRM: &str = "x-wap-application:drm.ua";
pub(crate) const MMS_NUMBER: ApplicationId = ApplicationId::Number(4);
pub(crate) const WML_NUMBER: ApplicationId = ApplicationId::Number(2);
pub(crate) const DRM_NUMBER: ApplicationId = ApplicationId::Number(8);

/// The registered port for sessions (WDP appendix B).
pub(crate) const SESSION_PORT: u16 = 9201;
/// The identity of the first gateway.
pub(crate) const PPG_ID: &str = "ppg.example.net";

/// WSP's reasons to abort a push.
pub(crate) const USERREQ: u8 = 0xea;
pub(crate) const USERRFS: u8 = 0xeb;
pub(crate) const USERPND: u8 = 0xec;
pub(crate) const USERDCR: u8 = 0xed;
pub(crate) const USERDCU: u8 = 0xee;

/// Addresses of a test, and what stands in the daemon's configuration.
pub(crate) struct Plan {
    pub(crate) network: Network,
    /// Keys of `[ota_wsp]`.
    keys: String,
    /// Whole sections.
    sections: String,
}

impl Plan {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            network: Network::claim()?,
            keys: String::new(),
            sections: String::new(),
        })
    }

    /// The gateway's address.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        self.network.host(1)
    }

    /// The daemon's address.
    pub(crate) fn terminal(&self) -> Ipv4Addr {
        self.network.host(2)
    }

    /// Sets keys of `[ota_wsp]`.
    pub(crate) fn keys(mut self, keys: &str) -> Self {
        self.keys.push_str(keys);
        self.keys.push('\n');
        self
    }

    /// Follows session initiation requests however often they come.
    pub(crate) fn without_lockout(self) -> Self {
        self.section("[ota_http]\nsir_lockout = \"0s\"")
    }

    /// Adds whole sections.
    pub(crate) fn section(mut self, section: &str) -> Self {
        self.sections.push_str(section);
        self.sections.push('\n');
        self
    }

    /// Provisions a gateway with these keys beside its id and its address.
    pub(crate) fn ppg(self, id: &str, address: SocketAddr, keys: &str) -> Self {
        self.section(&format!(
            "[[ota_wsp.ppg]]\nid = {id:?}\naddress = \"{address}\"\n{keys}"
        ))
    }

    fn configuration(&self) -> String {
        // Sessions that were replaced end soon, so that a test sees it.
        format!("linger = \"500ms\"\n{}\n{}", self.keys, self.sections)
    }

    pub(crate) fn start(self) -> anyhow::Result<Stage> {
        self.start_as(|daemon| daemon)
    }

    /// Starts the daemon by another command, which becomes the daemon.
    pub(crate) fn start_as(self, wrap: impl FnOnce(Command) -> Command) -> anyhow::Result<Stage> {
        let state = tempfile::tempdir()?;
        let daemon = Daemon::start_as(state, self.terminal(), &self.configuration(), wrap)?;
        Ok(Stage { plan: self, daemon })
    }
}

/// A running daemon.
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) daemon: Daemon,
}

impl Stage {
    /// A well-behaved gateway at its usual place, and a daemon that opens sessions with it so.
    pub(crate) fn with_gateway(start: &str) -> anyhow::Result<(Lab, Self)> {
        Self::with_gateway_and(Plan::new()?, start)
    }

    /// The same with more of a plan.
    pub(crate) fn with_gateway_and(plan: Plan, start: &str) -> anyhow::Result<(Lab, Self)> {
        let lab = Lab::start(plan.gateway())?;
        let stage = plan
            .ppg(PPG_ID, lab.address(), &format!("start = {start:?}"))
            .start()?;
        Ok((lab, stage))
    }

    /// Where it takes connectionless pushes.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddrV4::new(self.plan.terminal(), CONNECTIONLESS_PUSH).into()
    }

    /// Registers for `id` over OTA-WSP, which has to succeed.
    pub(crate) fn register(&self, id: &str) -> anyhow::Result<Value> {
        self.register_with(id, &[])
    }

    /// As [`Stage::register`], with more arguments.
    pub(crate) fn register_with(&self, id: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [&["register", id, "--json"], arguments].concat();
        let answers = self.daemon.pushcai_json(&arguments)?;
        answers.into_iter().next().context("register wrote nothing")
    }

    /// Starts a registration and leaves it running.
    pub(crate) fn registering(&self, id: &str) -> anyhow::Result<Running> {
        self.daemon.follow(&["register", id, "--json"])
    }

    pub(crate) fn deregister(&self, id: &str) -> anyhow::Result<()> {
        self.daemon.pushcai_json(&["deregister", id, "--json"])?;
        Ok(())
    }

    /// The next `number` events, each acknowledged.
    pub(crate) fn events(&self, number: usize) -> anyhow::Result<Vec<Value>> {
        self.daemon.events(number)
    }

    /// The contents of all events that wait at this moment, acknowledged.
    pub(crate) fn contents(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut contents = Vec::new();
        loop {
            let events = self.daemon.waiting()?;
            if events.is_empty() {
                return Ok(contents);
            }
            for event in &events {
                contents.push(content(event)?);
            }
        }
    }

    /// What `pushcai servers` says of OTA-WSP.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<Value>> {
        let servers = self.daemon.pushcai_json(&["servers", "--json"])?;
        let of_wsp = |server: &Value| server["protocol"] == "OTA-WSP";
        Ok(servers.into_iter().filter(of_wsp).collect())
    }

    /// Waits until `pushcai metrics` has at least this value of the counter with this label.
    pub(crate) fn counted(
        &self,
        name: &str,
        (label, value): (&str, &str),
        number: f64,
    ) -> anyhow::Result<()> {
        eventually(&format!("{name} {value}"), || {
            let samples = self.daemon.pushcai_json(&["metrics", "--json"])?;
            let of_this =
                |sample: &&Value| sample["name"] == name && sample["labels"][label] == value;
            let found = samples.iter().find(of_this);
            let counted = found.and_then(|sample| sample["value"].as_f64());
            Ok((counted.unwrap_or_default() >= number).then_some(()))
        })
    }

    /// Ends the daemon with SIGKILL and starts it again on what it left.
    pub(crate) fn kill_and_restart(self) -> anyhow::Result<Self> {
        let Self { plan, daemon } = self;
        let state = daemon.kill()?;
        let daemon = Daemon::start_in(state, plan.terminal(), &plan.configuration())?;
        Ok(Self { plan, daemon })
    }
}

/// The lab's session server, which runs while a test waits for other things.
pub(crate) struct Lab {
    pub(crate) server: SessionServer,
    background: Background,
}

impl Lab {
    /// A server at the registered port of this address.
    pub(crate) fn start(address: Ipv4Addr) -> anyhow::Result<Self> {
        Self::start_with(settings((address, SESSION_PORT).into()))
    }

    pub(crate) fn start_with(settings: SessionSettings) -> anyhow::Result<Self> {
        let background = Background::start()?;
        let server = background.wait(SessionServer::start(settings))??;
        Ok(Self { server, background })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits until `what` has come about.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> anyhow::Result<T> {
        self.background.wait(what)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.server.behave(behaviour);
    }

    /// The newest session that stands, once there is one.
    pub(crate) fn session(&self) -> anyhow::Result<u32> {
        self.wait(self.server.connected())
    }

    /// The session with a number greater than this that stands for exactly these applications, whatever their order.
    pub(crate) fn session_for(
        &self,
        mut applications: Vec<ApplicationId>,
        after: u32,
    ) -> anyhow::Result<u32> {
        applications.sort_by_key(ToString::to_string);
        eventually("a session for these applications", || {
            let found = self.server.sessions().into_iter().find(|session| {
                let mut named = named(&session.greeting);
                named.sort_by_key(ToString::to_string);
                session.acknowledged && session.id > after && named == applications
            });
            Ok(found.map(|session| session.id))
        })
    }

    /// What the terminal said of itself when it opened this session.
    pub(crate) fn greeting(&self, session: u32) -> anyhow::Result<Greeting> {
        let mut sessions = self.server.sessions().into_iter();
        let found = sessions.find(|known| known.id == session);
        Ok(found.context("the session has ended")?.greeting)
    }

    /// Waits until this session has ended, and says why.
    pub(crate) fn ended(&self, number: u32) -> anyhow::Result<Ending> {
        let ended = self.server.once(|event| {
            if let SessionEvent::Ended { session, reason } = event {
                return (session == number).then_some(reason);
            }
            None
        });
        self.wait(ended)?.context("the server has ended")
    }

    /// Pushes, and says how that ended.
    pub(crate) fn push(
        &self,
        session: u32,
        push: &Push,
        manner: &Manner,
    ) -> anyhow::Result<Outcome> {
        self.wait(self.server.push(session, push, manner))
    }

    /// Pushes a text to an application, which the terminal has to acknowledge.
    pub(crate) fn confirm(
        &self,
        session: u32,
        application: ApplicationId,
        content: &[u8],
    ) -> anyhow::Result<()> {
        let push = text(content).application(application);
        let outcome = self.push(session, &push, &Manner::confirmed())?;
        anyhow::ensure!(outcome == Outcome::Acknowledged, "{outcome:?}");
        Ok(())
    }

    /// Sends a session initiation request.
    pub(crate) fn invite(&self, stage: &Stage, request: &SirBuilder) -> anyhow::Result<()> {
        self.wait(self.server.invite(stage.address(), request))??;
        Ok(())
    }

    /// How many terminals have wanted a session so far.
    pub(crate) fn asked(&self) -> usize {
        let events = self.server.events().drain();
        let asked = |event: &&SessionEvent| matches!(event, SessionEvent::Asked { .. });
        events.iter().filter(asked).count()
    }
}

/// The applications that a session is for, beside the daemon's own, which takes session initiation requests.
pub(crate) fn named(greeting: &Greeting) -> Vec<ApplicationId> {
    let applications = greeting.applications.iter();
    applications
        .filter(|application| **application != ApplicationId::Number(1))
        .cloned()
        .collect()
}

/// Settings of a server that does not wait for long.
pub(crate) fn settings(listen: SocketAddr) -> SessionSettings {
    SessionSettings {
        retry_interval: Duration::from_millis(300),
        retries: 40,
        ..SessionSettings::new(listen)
    }
}

/// A push of text to no application in particular.
pub(crate) fn text(content: &[u8]) -> Push {
    Push::new("text/plain", content.to_vec())
}

/// A session initiation request of version 0 that names these applications and this place.
pub(crate) fn request(applications: &[ApplicationId], place: SocketAddr) -> SirBuilder {
    let request = SirBuilder::new()
        .version(0)
        .contact_wsp(ContactPoint::new(place));
    applications
        .iter()
        .cloned()
        .fold(request, SirBuilder::application)
}

pub(crate) const fn aborted(reason: u8) -> Outcome {
    Outcome::Aborted {
        by_user: true,
        reason,
    }
}
