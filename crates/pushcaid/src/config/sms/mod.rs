//! `[sms]` and the tables within: where short messages come from, and what they become.

mod smpp;

use std::path::PathBuf;

use push_client::smpp::SmppSettings;

use super::section::section;
use super::value::{Octets, Span};
use super::wiring::Wrong;

section! {
    /// Pushes in short messages (WAP-259): the bearer GSM-SMS.
    Sms, "sms" {
        /// Message centres to bind to as receiver, one table `[[sms.smpp]]` each.
        smpp: Vec<SmppLink> = Vec::new(),
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

impl Sms {
    /// The message centres to bind to.
    pub(super) fn message_centres(&self) -> Result<Vec<SmppSettings>, Wrong> {
        smpp::links(&self.smpp)
    }
}
