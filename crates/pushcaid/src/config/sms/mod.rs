//! `[sms]` and the tables within: where short messages come from, and what they become.

mod modems;
mod smpp;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use push_client::modem::{ModemManagerSettings, OfonoSettings};
use push_client::short_messages::{ReassemblerSettings, ShortMessageSettings};
use push_client::smpp::SmppSettings;

use super::checks::{at_least_a_millisecond, at_least_one};
use super::section::section;
use super::value::{Octets, Span};
use super::wiring::Wrong;

section! {
    /// Pushes in short messages (WAP-259): the bearer GSM-SMS. It is there where a source is listed, or short messages are submitted.
    Sms, "sms" {
        /// Owners that may submit short messages beside administrators (`uid:1000`, `token:NAME`). They are believed as to who
        /// sent a message and which message centre took it, and so can write what any whitelist lets through.
        submitters: Vec<String> = Vec::new(),
        /// Offer the bearer GSM-SMS to applications though neither a source nor a submitter is listed: administrators submit short
        /// messages.
        submitted: bool = false,
        /// Short messages that wait for the engine, of all sources; when it is full, sources wait.
        queue: usize = ShortMessageSettings::default().queue,
        /// How long sources may take to end when the daemon ends.
        shutdown_timeout: Span = Span(ShortMessageSettings::default().stop_timeout),
        /// How long a message waits for its next segment before it is given up. A restart begins the wait anew, but of segments
        /// without time stamps no two are joined that came farther apart than this.
        reassembly_timeout: Span = Span(ReassemblerSettings::default().timeout),
        /// How far the time stamps of the segments of one message may lie apart.
        reassembly_spread: Span = Span(ReassemblerSettings::default().spread),
        /// How far the time stamps of a segment and of its repetition may lie apart; one farther apart is of a new message.
        repeated_spread: Span = Span(ReassemblerSettings::default().repeated_spread),
        /// Messages of one originator that wait for segments at a time.
        max_messages_per_originator: usize = ReassemblerSettings::default().max_messages_per_originator,
        /// Segments of one originator that are held at a time.
        max_segments_per_originator: usize = ReassemblerSettings::default().max_segments_per_originator,
        /// Octets of segments of one originator that are held at a time.
        max_octets_per_originator: Octets = Octets(ReassemblerSettings::default().max_octets_per_originator),
        /// Messages that wait for segments at a time.
        max_messages: usize = ReassemblerSettings::default().max_messages,
        /// Segments that are held at a time.
        max_segments: usize = ReassemblerSettings::default().max_segments,
        /// Octets of segments that are held at a time.
        max_octets: Octets = Octets(ReassemblerSettings::default().max_octets),
        /// Messages that were whole and of which late repetitions of segments are known; the oldest give way.
        max_remembered: usize = ReassemblerSettings::default().max_remembered,
        /// The first back-off before a message of several segments is offered again for which there was no room; it doubles.
        backoff_base: Span = Span(ReassemblerSettings::default().backoff_base),
        /// The greatest of these back-offs.
        backoff_limit: Span = Span(ReassemblerSettings::default().backoff_limit),
        /// The IMSI of the SIM in each modem, or of each link, by the name that it has in events: `{ left = "001010123456789" }`. Told to
        /// consumers of other push daemons that ask for it (docs/compatibility.md).
        subscriber_identities: BTreeMap<String, String> = BTreeMap::new(),
        /// Message centres to bind to as receiver, one table `[[sms.smpp]]` each.
        smpp: Vec<SmppLink> = Vec::new(),
        /// ModemManager.
        modem_manager: ModemManagerTable = ModemManagerTable::default(),
        /// oFono.
        ofono: OfonoTable = OfonoTable::default(),
    }
}

section! {
    /// Pushes in the short messages that ModemManager stores. It does not show ports: a push is known by its form, and an
    /// application cannot have a port of its own. Every other short message is left alone. The daemon's user needs the right to
    /// delete messages (docs/mms.md).
    ModemManagerTable, "sms.modem_manager", ONCE {
        /// Take pushes from ModemManager.
        enabled: bool = false,
        /// The bus: `system`, `session`, or an address such as `unix:path=/run/dbus/system_bus_socket`.
        bus: String = modems::modem_manager().bus.address.to_string(),
        /// What becomes of a push in the modem's storage once it is in the journal: `delete`; `when-full`, deleted once the modem
        /// is nearly full, the oldest first; or `keep`. One that stays is remembered beside the store, by a digest, and not taken
        /// again. `delete` and `when-full` try three times where the modem fails, and leave it then.
        storage: StorageName = modems::modem_manager().storage.into(),
        /// From how many stored messages on, texts of people included, a modem counts as nearly full. ModemManager does not tell
        /// how many fit; many SIM cards hold 10 to 20.
        full_at: usize = modems::modem_manager().full_at,
        /// Content types of pushes that are left to another program that reads them from ModemManager, such as
        /// `application/vnd.wap.mms-message`. mmsd-tng deletes every push: rather have `pushcai relay mmsd` hand it the ones
        /// it wants.
        leave: Vec<String> = Vec::new(),
        /// What modems are called in events, by the Device that ModemManager shows:
        /// `{ "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2" = "left" }`. One that is not listed is called by its Device.
        names: BTreeMap<String, String> = BTreeMap::new(),
        /// Messages that stay in modems and are remembered; the oldest give way.
        max_remembered: usize = modems::modem_manager().max_remembered,
        /// Messages that wait to be looked at, of all modems; the others are looked for when these are done.
        max_waiting: usize = modems::modem_manager().max_waiting,
        /// How long ModemManager may take to answer a call.
        call_timeout: Span = Span(modems::modem_manager().bus.call_timeout),
        /// The first pause before something is tried again; it doubles.
        backoff_base: Span = Span(modems::modem_manager().bus.backoff_base),
        /// The greatest pause.
        backoff_limit: Span = Span(modems::modem_manager().bus.backoff_limit),
    }
}

section! {
    /// Pushes from oFono, as the push agent of each of its modems. oFono has room for one agent, passes on what came to port 2948
    /// alone, and offers a push once.
    OfonoTable, "sms.ofono", ONCE {
        /// Be oFono's push agent.
        enabled: bool = false,
        /// The bus: `system`, `session`, or an address such as `unix:path=/run/dbus/system_bus_socket`.
        bus: String = modems::ofono().bus.address.to_string(),
        /// What modems are called in events, by the end of the path that oFono gives them: `{ ril_1 = "spare" }`. One that is not
        /// listed is called by that.
        names: BTreeMap<String, String> = BTreeMap::new(),
        /// How long a push may take into the journal before oFono is answered nevertheless; it is held in memory and tried on.
        /// Less than 25 s, after which oFono waits no longer.
        answer_timeout: Span = Span(modems::ofono().answer_timeout),
        /// Pushes held that are on their way into the journal; more are lost, which is logged.
        max_waiting: usize = modems::ofono().max_waiting,
        /// How long oFono may take to answer a call.
        call_timeout: Span = Span(modems::ofono().bus.call_timeout),
        /// The first pause before something is tried again; it doubles.
        backoff_base: Span = Span(modems::ofono().bus.backoff_base),
        /// The greatest pause; while another program is the push agent, its place is asked for that often.
        backoff_limit: Span = Span(modems::ofono().bus.backoff_limit),
    }
}

section! {
    /// A message centre that short messages come from by SMPP 3.4. There may be several of these tables.
    SmppLink, "sms.smpp" {
        /// The name of the link, which events carry as their device. Needed, and unique.
        id: String = String::new(),
        /// Where the message centre is: `HOST[:PORT]`, an IPv6 address in brackets; the port is 2775. Needed.
        address: String = String::new(),
        /// The name to bind with, at most 15 characters.
        system_id: String = String::new(),
        /// A file whose first line is the password to bind with, at most 8 characters. The file must be closed to other users.
        /// Absent: an empty password.
        password_file: Option<PathBuf> = None,
        /// The kind of system, at most 12 characters; most message centres want none.
        system_type: String = String::new(),
        /// The addresses whose short messages are wanted, as the message centre writes patterns; most want none.
        address_range: String = String::new(),
        /// The message centre's own number, such as `+4917099999`: SMPP does not show it, and a whitelist names message centres
        /// by it. Absent: a push counts as coming from the originator of its short message.
        smsc: Option<String> = None,
        /// Speak TLS. Needs `ca_file`.
        tls: bool = false,
        /// Certificates, in PEM, of those whose word for the message centre's certificate is taken.
        ca_file: Option<PathBuf> = None,
        /// The name that its certificate has to carry; absent: its host.
        tls_name: Option<String> = None,
        /// How long the link may be silent before the message centre is asked whether it is alive.
        enquire_interval: Span = Span(smpp::defaults().enquire_interval),
        /// How long it may take to connect, with TLS.
        connect_timeout: Span = Span(smpp::defaults().connect_timeout),
        /// How long the message centre may take to answer, and to take what is written.
        response_timeout: Span = Span(smpp::defaults().response_timeout),
        /// The first pause before the message centre is connected to again; it doubles, with some chance on it.
        backoff_base: Span = Span(smpp::defaults().backoff_base),
        /// The greatest pause.
        backoff_limit: Span = Span(smpp::defaults().backoff_limit),
        /// Short messages that wait to be written down at a time; more wait in the socket.
        window: usize = smpp::defaults().window,
        /// Octets of one PDU; the link ends at a longer one.
        max_pdu: Octets = Octets(smpp::defaults().max_pdu),
    }
}

pub use modems::StorageName;

impl Sms {
    /// How pushes are taken from ModemManager, where they are.
    pub(super) fn modem_manager(&self) -> Result<Option<ModemManagerSettings>, Wrong> {
        let table = &self.modem_manager;
        let settings = modems::modem_manager_settings(table)?;
        Ok(table.enabled.then_some(settings))
    }

    /// How pushes are taken from oFono, where they are.
    pub(super) fn ofono(&self) -> Result<Option<OfonoSettings>, Wrong> {
        let settings = modems::ofono_settings(&self.ofono)?;
        Ok(self.ofono.enabled.then_some(settings))
    }

    /// The bounds of short messages.
    pub(super) fn settings(&self) -> Result<ShortMessageSettings, Wrong> {
        self.check()?;
        Ok(ShortMessageSettings {
            submitted: self.submitted || !self.submitters.is_empty(),
            submitters: self.submitters.clone(),
            queue: self.queue,
            reassembly: ReassemblerSettings {
                timeout: self.reassembly_timeout.0,
                spread: self.reassembly_spread.0,
                repeated_spread: self.repeated_spread.0,
                max_messages_per_originator: self.max_messages_per_originator,
                max_segments_per_originator: self.max_segments_per_originator,
                max_octets_per_originator: self.max_octets_per_originator.0,
                max_messages: self.max_messages,
                max_segments: self.max_segments,
                max_octets: self.max_octets.0,
                max_remembered: self.max_remembered,
                backoff_base: self.backoff_base.0,
                backoff_limit: self.backoff_limit.0,
            },
            stop_timeout: self.shutdown_timeout.0,
        })
    }

    fn check(&self) -> Result<(), Wrong> {
        let spans = [
            ("reassembly_timeout", self.reassembly_timeout),
            ("backoff_base", self.backoff_base),
        ];
        at_least_a_millisecond("sms", spans)?;
        let counts = [
            ("queue", self.queue),
            (
                "max_messages_per_originator",
                self.max_messages_per_originator,
            ),
            (
                "max_segments_per_originator",
                self.max_segments_per_originator,
            ),
            (
                "max_octets_per_originator",
                self.max_octets_per_originator.0,
            ),
            ("max_messages", self.max_messages),
            ("max_segments", self.max_segments),
            ("max_octets", self.max_octets.0),
        ];
        at_least_one("sms", counts)
    }

    /// The message centres to bind to.
    pub(super) fn message_centres(&self) -> Result<Vec<SmppSettings>, Wrong> {
        smpp::links(&self.smpp)
    }
}
