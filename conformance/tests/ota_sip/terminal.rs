//! The daemon in its network.

use std::{fmt::Write, net::SocketAddrV4};

use anyhow::Context;
use conformance::{
    kamailio::{self, DOMAIN, Kamailio, Seen},
    process::eventually,
    pushcai::{Daemon, Outcome, content},
    sip::Message,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{Plan, Sip, USER};

impl Plan {
    /// Sets keys of `[ota_sip]`.
    pub(crate) fn keys(mut self, keys: &str) -> Self {
        self.keys.push_str(keys);
        self.keys.push('\n');
        self
    }

    /// Adds whole sections.
    pub(crate) fn section(mut self, section: &str) -> Self {
        self.sections.push_str(section);
        self.sections.push('\n');
        self
    }

    /// The daemon is another user, or has another password.
    pub(crate) fn user(mut self, user: &'static str, password: &'static str) -> Self {
        self.account = (user, password);
        self
    }

    /// The daemon's outbound proxy, if it is not the core over UDP.
    pub(crate) fn outbound(mut self, uri: String) -> Self {
        self.outbound = Some(uri);
        self
    }

    /// Writes a file that only its owner may read, and says where it is.
    pub(crate) fn secret(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode)?;
        Ok(path.display().to_string())
    }

    pub(crate) fn configuration(&self) -> anyhow::Result<String> {
        let (user, password) = self.account;
        let password = self.secret("password", password)?;
        let outbound = match &self.outbound {
            Some(uri) => uri.clone(),
            None => format!("sip:{}", self.core_address()),
        };
        let mut text = "[ota_sip]\n".to_owned();
        writeln!(text, "registrar = \"sip:{DOMAIN}\"")?;
        writeln!(text, "user = \"sip:{user}@{DOMAIN}\"")?;
        writeln!(text, "password_file = {password:?}")?;
        writeln!(text, "outbound = {outbound:?}")?;
        let defaults = [
            ("psa", format!("[\"sip:psa@{DOMAIN}\"]")),
            ("listen", format!("\"{}\"", self.terminal())),
            ("announce_patience", "\"4s\"".to_owned()),
            ("backoff_base", "\"200ms\"".to_owned()),
            ("backoff_limit", "\"400ms\"".to_owned()),
        ];
        for (key, value) in defaults {
            let is_set = |line: &str| line.split('=').next().map(str::trim) == Some(key);
            if !self.keys.lines().any(is_set) {
                writeln!(text, "{key} = {value}")?;
            }
        }
        write!(text, "{}\n{}", self.keys, self.sections)?;
        Ok(text)
    }

    /// Starts the core and the Push Sender Agent, and the daemon with them; `None` where the programs are missing and may be.
    pub(crate) fn start(self) -> anyhow::Result<Option<Stage>> {
        let Some(network) = self.start_network()? else {
            return Ok(None);
        };
        network.start_daemon().map(Some)
    }
}

impl Sip {
    pub(crate) fn start_daemon(self) -> anyhow::Result<Stage> {
        self.start_daemon_in(tempfile::tempdir()?)
    }

    /// On the state that lies in a directory already.
    pub(crate) fn start_daemon_in(self, state: TempDir) -> anyhow::Result<Stage> {
        let extra = self.plan.configuration()?;
        let daemon = Daemon::start_in(state, *self.plan.terminal().ip(), &extra)?;
        Ok(Stage { daemon, sip: self })
    }
}

/// A daemon in its network.
pub(crate) struct Stage {
    // Dropped first: it says goodbye to a core that is there.
    pub(crate) daemon: Daemon,
    pub(crate) sip: Sip,
}

impl Stage {
    pub(crate) fn set_up() -> anyhow::Result<Option<Self>> {
        Plan::new()?.start()
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.sip.plan
    }

    pub(crate) fn core(&self) -> &Kamailio {
        &self.sip.core
    }

    /// Where the daemon takes SIP.
    pub(crate) fn terminal(&self) -> SocketAddrV4 {
        self.plan().terminal()
    }

    /// Registers for `id` over OTA-SIP, which has to succeed.
    pub(crate) fn register(&self, id: &str) -> anyhow::Result<Value> {
        self.register_with(id, &[])
    }

    /// As [`Stage::register`], with more arguments.
    pub(crate) fn register_with(&self, id: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [&register_arguments(id)[..], arguments].concat();
        let answers = self.daemon.pushcai_json(&arguments)?;
        answers.into_iter().next().context("register wrote nothing")
    }

    /// As [`Stage::register_with`], whatever comes of it.
    pub(crate) fn try_register(&self, id: &str, arguments: &[&str]) -> anyhow::Result<Outcome> {
        let arguments = [&register_arguments(id)[..], arguments].concat();
        self.daemon.pushcai(&arguments)
    }

    /// Deregisters, which has to succeed.
    pub(crate) fn deregister(&self, id: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let arguments = [&["deregister", id, "--json"], arguments].concat();
        self.daemon.pushcai_json(&arguments).map(drop)
    }

    /// The contents of the next `number` events, each acknowledged.
    pub(crate) fn contents(&self, number: usize) -> anyhow::Result<Vec<Vec<u8>>> {
        self.daemon.events(number)?.iter().map(content).collect()
    }

    /// The contents of the events that wait at this moment, acknowledged.
    pub(crate) fn waiting(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        self.daemon.waiting()?.iter().map(content).collect()
    }

    /// The registrations that the daemon has.
    pub(crate) fn applications(&self) -> anyhow::Result<Vec<Value>> {
        self.daemon.pushcai_json(&["apps", "--json"])
    }

    /// What `pushcai servers` says.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<Value>> {
        self.daemon.pushcai_json(&["servers", "--json"])
    }

    /// The Push Resource Identifiers in the last binding that the core took.
    pub(crate) fn bound(&self) -> anyhow::Result<Vec<String>> {
        Ok(kamailio::applications(&self.core().seen()?, USER))
    }

    /// Waits until the core has taken a binding with these Push Resource Identifiers and no others.
    pub(crate) fn until_bound(&self, wanted: &[&str]) -> anyhow::Result<()> {
        self.core().until(|seen| {
            kamailio::last_contact(seen, USER)?;
            (kamailio::applications(seen, USER) == wanted).then_some(())
        })
    }

    /// The capabilities that the core carried last from the terminal to its Push Sender Agent.
    pub(crate) fn told(&self) -> anyhow::Result<Message> {
        let all = self.core().requests("OPTIONS")?.into_iter();
        let mut told = all.filter(|request| request.start.contains("sip:psa"));
        told.next_back()
            .context("the Push Sender Agent was told nothing")
    }

    /// Waits until `pushcai servers` says something that `check` is content with.
    pub(crate) fn until_servers<T>(
        &self,
        check: impl Fn(&[Value]) -> Option<T>,
    ) -> anyhow::Result<T> {
        let found = eventually("the servers as wanted", || Ok(check(&self.servers()?)));
        found.with_context(|| format!("{:?}", self.servers()))
    }

    /// Ends the daemon with SIGKILL and starts it again on what it left.
    pub(crate) fn kill_and_restart(self) -> anyhow::Result<Self> {
        let Self { sip, daemon } = self;
        sip.start_daemon_in(daemon.kill()?)
    }
}

/// How often the core asked for a password with `status`.
pub(crate) fn challenges(seen: &[Seen], status: u16) -> usize {
    let of_status = |seen: &&Seen| matches!(seen, Seen::Challenge(of, _) if *of == status);
    seen.iter().filter(of_status).count()
}

fn register_arguments(id: &str) -> [&str; 5] {
    ["register", id, "--profile", "OTA-SIP", "--json"]
}
