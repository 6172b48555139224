//! `[imports]` and `[ofono_side]`: what exists for other push daemons.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use push_handlers::Scheme;
use push_handlers::imports::ImportSettings;
use push_handlers::ofono_side::{Agents, OfonoSideSettings};
use push_handlers::peers::{PeerScheme, PeerSettings};

use super::Config;
use super::checks::{at_least_a_millisecond, bus_address};
use super::section::section;
use super::value::{Octets, Span};
use super::wiring::{Wrong, wrong};

section! {
    /// Consumers that other push daemons are configured with, in drop-in files: each group of each file becomes a registration of its
    /// own, which takes copies and stands in nobody's way (docs/compatibility.md). Files are read again when they change, and on
    /// SIGHUP.
    Imports, "imports" {
        /// Directories of Sailfish's push forwarder: `["/etc/ofono/push_forwarder.d"]`.
        sailfish: Vec<PathBuf> = Vec::new(),
        /// Directories of Sailfish's push agent: `["/etc/push-agent"]`.
        push_agent: Vec<PathBuf> = Vec::new(),
        /// Directories of mmsd: `["/usr/lib/mms/push.d"]`.
        mmsd: Vec<PathBuf> = Vec::new(),
        /// The bus of consumers on the system bus: `system`, or an address such as `unix:path=/run/dbus/system_bus_socket`.
        bus: String = "system".to_owned(),
        /// The bus of consumers on the bus of a user, such as `unix:path=/run/user/1000/bus`, which lets in its own user and root
        /// alone; or `session`, where the daemon runs in that session. Absent: groups with such a consumer are refused.
        session_bus: Option<String> = None,
        /// How long a consumer or an agent may take to answer; no more than four fifths of `[handlers] event_timeout`, whatever stands here.
        reply_timeout: Span = Span(PeerSettings::default().reply_timeout),
        /// Files in one directory; one with more is not read.
        max_files: usize = ImportSettings::default().max_files,
        /// Octets of one file; a longer one is not read.
        max_file_octets: Octets = Octets(ImportSettings::default().max_file_octets),
        /// Groups in all; the others are not imported.
        max_groups: usize = ImportSettings::default().max_groups,
    }
}

section! {
    /// oFono's side for its push agents, on systems where no oFono runs: the name org.ofono on the bus, a modem, and any number of
    /// agents, each of which gets every push (docs/compatibility.md). Needs dbus/pushcai-ofono-side.conf.
    OfonoSideTable, "ofono_side" {
        /// Serve oFono's side. The name is never taken from an oFono that runs, and given to one that asks for it.
        enabled: bool = false,
        /// The bus: `system`, `session`, or an address such as `unix:path=/run/dbus/system_bus_socket`.
        bus: String = "system".to_owned(),
        /// The name of the modem whose agents get every push that is not of another modem here.
        modem: String = "pushcai".to_owned(),
        /// Further modems: their names, and what events call their devices: `{ left = "usb1-left" }`.
        modems: BTreeMap<String, String> = BTreeMap::new(),
        /// Agents at a time, those that left and may return included.
        max_agents: usize = OfonoSideSettings::default().max_agents,
        /// Agents of one user, those that left and may return included.
        max_agents_per_user: usize = OfonoSideSettings::default().max_agents_per_user,
        /// For how long pushes wait for an agent that has left the bus; then its registration ends.
        keep_absent: Span = Span(OfonoSideSettings::default().keep_absent),
        /// How long the bus may take to answer a call.
        call_timeout: Span = Span(OfonoSideSettings::default().call_timeout),
        /// The first pause before the bus is connected to again; it doubles.
        backoff_base: Span = Span(OfonoSideSettings::default().backoff_base),
        /// The greatest pause.
        backoff_limit: Span = Span(OfonoSideSettings::default().backoff_limit),
    }
}

/// What is made from these sections.
#[derive(Debug)]
pub struct PeersWiring {
    /// What is imported.
    pub imports: ImportSettings,
    /// oFono's side.
    pub ofono_side: OfonoSideSettings,
    /// Whether it is served.
    pub serves_ofono_side: bool,
    /// Its agents.
    pub agents: Arc<Agents>,
    /// How consumers and agents are reached.
    pub scheme: Arc<dyn Scheme>,
}

impl Config {
    /// What exists for other push daemons.
    pub(super) fn peers(&self) -> Result<PeersWiring, Wrong> {
        let imports = &self.imports;
        let session_bus = imports.session_bus.as_deref();
        let session_bus = session_bus.map(|text| bus_address("imports", "session_bus", text));
        let session_bus = session_bus.transpose()?;
        let ofono_side = self.ofono_side.settings(&self.sms.subscriber_identities)?;
        let settings = PeerSettings {
            system_bus: bus_address("imports", "bus", &imports.bus)?,
            session_bus,
            reply_timeout: imports
                .reply_timeout
                .0
                .min(self.handlers.event_timeout.0 / 5 * 4),
            subscriber_identities: self.sms.subscriber_identities.clone(),
        };
        let agents = Arc::new(Agents::new(&ofono_side));
        Ok(PeersWiring {
            imports: imports.settings()?,
            serves_ofono_side: self.ofono_side.enabled,
            scheme: Arc::new(PeerScheme::new(settings, Arc::clone(&agents))),
            ofono_side,
            agents,
        })
    }
}

impl Imports {
    fn settings(&self) -> Result<ImportSettings, Wrong> {
        at_least_a_millisecond("imports", [("reply_timeout", self.reply_timeout)])?;
        Ok(ImportSettings {
            sailfish: self.sailfish.clone(),
            push_agent: self.push_agent.clone(),
            mmsd: self.mmsd.clone(),
            session_bus: self.session_bus.is_some(),
            max_files: self.max_files,
            max_file_octets: self.max_file_octets.0,
            max_groups: self.max_groups,
        })
    }
}

const OFONO_SIDE: &str = "ofono_side";

impl OfonoSideTable {
    fn settings(&self, identities: &BTreeMap<String, String>) -> Result<OfonoSideSettings, Wrong> {
        let spans = [
            ("call_timeout", self.call_timeout),
            ("backoff_base", self.backoff_base),
            ("backoff_limit", self.backoff_limit),
        ];
        at_least_a_millisecond(OFONO_SIDE, spans)?;
        let further = self.modems.iter();
        let further = further.map(|(name, device)| Ok((path("modems", name)?, device.clone())));
        Ok(OfonoSideSettings {
            bus: bus_address(OFONO_SIDE, "bus", &self.bus)?,
            modem: path("modem", &self.modem)?,
            modems: further.collect::<Result<_, Wrong>>()?,
            subscriber_identities: identities.clone(),
            max_agents: self.max_agents,
            max_agents_per_user: self.max_agents_per_user,
            keep_absent: self.keep_absent.0,
            call_timeout: self.call_timeout.0,
            backoff_base: self.backoff_base.0,
            backoff_limit: self.backoff_limit.0,
        })
    }
}

/// The path of a modem.
fn path(key: &'static str, name: &str) -> Result<String, Wrong> {
    let is_element = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty() || !name.chars().all(is_element) {
        let message = format!("{name:?} is no name of a modem: letters, digits and _ are");
        return Err(wrong(OFONO_SIDE, key)(&message));
    }
    Ok(format!("/{name}"))
}

#[cfg(test)]
mod tests {
    use push_dbus::BusAddress;

    use super::*;

    fn wiring(text: &str) -> Result<PeersWiring, Wrong> {
        let config: Config = toml::from_str(text).unwrap();
        config.peers()
    }

    #[test]
    fn both_sections_are_read() {
        let text = "[imports]\nsailfish = [\"/a\"]\npush_agent = [\"/b\"]\nmmsd = [\"/c\"]\nsession_bus = \"unix:path=/s\"\n\
                    [ofono_side]\nenabled = true\nbus = \"unix:path=/x\"\nmodems = { left = \"usb1\" }\n\
                    [sms]\nsubscriber_identities = { usb1 = \"001010123456789\" }\n";
        let wiring = wiring(text).unwrap();
        assert!(wiring.serves_ofono_side && wiring.imports.session_bus);
        assert_eq!(wiring.imports.push_agent, [PathBuf::from("/b")]);
        assert_eq!(wiring.ofono_side.modem, "/pushcai");
        assert_eq!(wiring.ofono_side.modems["/left"], "usb1");
        assert_eq!(
            wiring.ofono_side.bus,
            BusAddress::At("unix:path=/x".to_owned())
        );
        assert_eq!(
            wiring.ofono_side.subscriber_identities["usb1"],
            "001010123456789"
        );
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (text, key) in [
            ("[imports]\nsession_bus = \"odd\"\n", "session_bus"),
            ("[imports]\nreply_timeout = \"0s\"\n", "reply_timeout"),
            ("[ofono_side]\nmodem = \"a/b\"\n", "modem"),
            ("[ofono_side]\nmodems = { \"\" = \"usb1\" }\n", "modems"),
            ("[ofono_side]\nbackoff_base = \"0s\"\n", "backoff_base"),
        ] {
            assert_eq!(wiring(text).unwrap_err().key, key);
        }
    }
}
