//! A message centre, a gateway that submits to it, and a daemon that it delivers to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Context as _;
use conformance::background::Background;
use conformance::kannel::Kannel;
use conformance::loopback::Network;
use conformance::pap::{Client, Delivery, Submission};
use conformance::pushcai::Daemon;
use push_lab::smsc::{Account, Mode, Smsc, SmscEvent, SmscFault, SmscSettings};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const MMS: &str = "x-wap-application:mms.ua";
pub(crate) const MMS_TYPE: &str = "application/vnd.wap.mms-message";
/// The number that Kannel writes as originator.
pub(crate) const GATEWAY: &str = "+4917000001";
/// The number of the message centre, as the daemon's configuration says.
pub(crate) const CENTRE: &str = "+4917099999";
const TERMINAL: &str = "+15551234567";

/// A message centre.
pub(crate) struct Centre {
    pub(crate) smsc: Smsc,
    background: Background,
}

impl Centre {
    pub(crate) fn start(faults: Vec<SmscFault>) -> anyhow::Result<Self> {
        let background = Background::start()?;
        let mut settings = SmscSettings::new("127.0.0.1:0".parse()?);
        settings.account = Some(Account {
            system_id: "peer".to_owned(),
            password: "secret".to_owned(),
        });
        settings.faults = faults;
        let smsc = background.run(Smsc::start(settings))?;
        Ok(Self { smsc, background })
    }

    /// Waits until the centre has told so many events that are `wanted`, from its start on.
    pub(crate) fn wait_for(
        &self,
        count: usize,
        wanted: impl Fn(&SmscEvent) -> bool,
    ) -> anyhow::Result<()> {
        let mut events = self.smsc.events();
        let waited = self.background.wait(async {
            for _ in 0..count {
                events.until(|event| wanted(&event).then_some(())).await;
            }
        });
        waited.with_context(|| format!("the message centre saw {:?}", self.smsc.events().drain()))
    }

    /// Waits until so many short messages were answered with success.
    pub(crate) fn wait_for_answers(&self, count: usize) -> anyhow::Result<()> {
        self.wait_for(count, |event| {
            matches!(event, SmscEvent::Answered { status: 0, .. })
        })
    }

    /// The configuration of a daemon that is bound to this centre.
    pub(crate) fn daemon_configuration(&self, directory: &TempDir) -> anyhow::Result<String> {
        let password = directory.path().join("smpp-password");
        fs::write(&password, "secret\n")?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
        let address = self.smsc.address();
        Ok(format!(
            "[[sms.smpp]]\nid = \"centre-1\"\naddress = \"{address}\"\nsystem_id = \"peer\"\n\
             password_file = \"{}\"\nsmsc = \"{CENTRE}\"\nbackoff_base = \"50ms\"\nbackoff_limit = \"200ms\"\n",
            password.display()
        ))
    }

    fn kannel_configuration(&self) -> String {
        let address = self.smsc.address();
        let sender = GATEWAY.trim_start_matches('+');
        format!(
            "group = smsc\nsmsc = smpp\nsmsc-id = CENTRE\nhost = {}\nport = {}\nsmsc-username = peer\n\
             smsc-password = secret\nsystem-type = \"VMA\"\ntransceiver-mode = false\nreceive-port = 0\n\
             interface-version = 34\nsource-addr-ton = 1\nsource-addr-npi = 1\ndest-addr-ton = 1\ndest-addr-npi = 1\n\
             reconnect-delay = 1\n\n\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsmsbox-id = none\nsendsms-port = 0\nglobal-sender = {sender}\n",
            address.ip(),
            address.port(),
        )
    }
}

/// All three.
pub(crate) struct Stage {
    pub(crate) centre: Centre,
    pub(crate) kannel: Kannel,
    daemon: Option<Daemon>,
    configuration: String,
    network: Network,
}

impl Stage {
    /// Starts them; `None` if Kannel is missing and may be skipped.
    pub(crate) fn set_up(faults: Vec<SmscFault>, extra: &str) -> anyhow::Result<Option<Self>> {
        let centre = Centre::start(faults)?;
        let Some(kannel) = Kannel::start_with(&centre.kannel_configuration())? else {
            return Ok(None);
        };
        let network = Network::claim()?;
        let directory = tempfile::tempdir()?;
        let configuration = centre.daemon_configuration(&directory)? + extra;
        let daemon = Daemon::start_in(directory, network.host(2), &configuration)?;
        centre.wait_for(
            1,
            |event| matches!(event, SmscEvent::Bound { mode, .. } if mode.receives()),
        )?;
        centre.wait_for(1, |event| {
            matches!(
                event,
                SmscEvent::Bound {
                    mode: Mode::Transmitter,
                    ..
                }
            )
        })?;
        Ok(Some(Self {
            centre,
            kannel,
            daemon: Some(daemon),
            configuration,
            network,
        }))
    }

    pub(crate) fn daemon(&self) -> anyhow::Result<&Daemon> {
        self.daemon.as_ref().context("it runs")
    }

    /// Ends the daemon with SIGKILL and starts it again on what it left.
    pub(crate) fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        let directory = self.daemon.take().context("it runs")?.kill()?;
        let address = self.network.host(2);
        self.daemon = Some(Daemon::start_in(directory, address, &self.configuration)?);
        Ok(())
    }

    pub(crate) fn register(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [&["register", MMS, "--json"], arguments].concat();
        let answers = self.daemon()?.pushcai_json(&arguments)?;
        answers.into_iter().next().context("register wrote nothing")
    }

    /// Has Kannel push `content` to the terminal's number.
    pub(crate) fn push(&self, content: &[u8]) -> anyhow::Result<()> {
        self.kannel.submit(&Submission {
            client: Client::Number(TERMINAL),
            delivery: Delivery::Unconfirmed,
            content_type: MMS_TYPE,
            part_headers: &[("X-Wap-Application-Id", MMS)],
            http_headers: &[("X-Kannel-From", GATEWAY)],
            content,
        })
    }
}
