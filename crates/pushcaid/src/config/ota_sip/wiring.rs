//! From `[ota_sip]` to the settings of the user agent and the driver.

use std::path::PathBuf;

use push_client::sip::{
    Account, AgentSettings, LargePushSettings, RegistrationSettings, ServingSettings,
    TransactionSettings, Transport,
};
use push_client::{OtaSipSettings, SipConnectionSettings, TlsFiles};

use super::OtaSip;
use super::uri::SipUri;
use crate::config::checks::{at_least_a_millisecond, at_least_one};
use crate::config::secret;
use crate::config::tls;
use crate::config::value::Span;
use crate::config::wiring::{Wrong, wrong};

const SECTION: &str = "ota_sip";
/// The least lifetime of a binding that is asked for, in seconds.
const LEAST_EXPIRES: u64 = 60;
/// The least octets that a request over UDP may have: every host takes a datagram of this length.
const LEAST_DATAGRAM: usize = 512;
/// The most octets of a datagram.
const MOST_DATAGRAM: usize = 65_507;
/// The least octets that a message may have.
const LEAST_MESSAGE: usize = 1_024;

/// OTA-SIP as it was configured.
#[derive(Debug, Clone)]
pub struct SipWiring {
    /// Its settings; the name of the terminal's instance is empty unless it was given.
    pub settings: OtaSipSettings,
    /// Where that name comes from.
    pub instance: Instance,
}

/// Where the name of the terminal's instance comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instance {
    /// The configuration.
    Given,
    /// This file, which is made once.
    Kept(PathBuf),
    /// Chance, at each start.
    Anew,
}

/// Whether this is the name of an instance: a UUID as a URN (RFC 4122 3).
pub fn is_instance_id(text: &str) -> bool {
    let Some((urn, uuid)) = text.split_at_checked("urn:uuid:".len()) else {
        return false;
    };
    let lengths = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = uuid.split('-').collect();
    let fits = |(group, length): (&&str, usize)| {
        group.len() == length && group.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    urn.eq_ignore_ascii_case("urn:uuid:")
        && groups.len() == lengths.len()
        && groups.iter().zip(lengths).all(fits)
}

impl OtaSip {
    /// The settings of the parts; none where it is off. The instance is kept in this file, where there is to be one.
    pub(crate) fn settings(&self, kept: Option<PathBuf>) -> Result<Option<SipWiring>, Wrong> {
        if self.registrar.is_none() {
            return if *self == Self::default() {
                Ok(None)
            } else {
                Err(wrong(SECTION, "registrar")(
                    &"push over SIP needs a registrar: `sip:ims.example.net`; leave the whole section out for none of it",
                ))
            };
        }
        self.check()?;
        let account = self.account()?;
        self.check_tls(account.transport)?;
        let instance = match (&self.instance_id, kept) {
            (Some(_), _) => Instance::Given,
            (None, Some(path)) => Instance::Kept(path),
            (None, None) => Instance::Anew,
        };
        let settings = OtaSipSettings {
            listen: self.listen,
            msrp_listen: self.msrp_listen,
            ambiguous: self.ambiguous.into(),
            tls: TlsFiles {
                ca: self.ca_file.clone(),
                certificate: self.certificate_file.clone(),
                key: self.key_file.clone(),
            },
            receive_buffer: self.receive_buffer.0,
            send_buffer: self.send_buffer.0,
            connections: self.connections(),
            stop_timeout: self.shutdown_timeout.0,
            ..OtaSipSettings::new(AgentSettings {
                account,
                push_sender_agents: self.push_sender_agents()?,
                registration: self.registration()?,
                serving: self.serving()?,
                transactions: self.transactions(),
                sessions: self.large_pushes(),
            })
        };
        Ok(Some(SipWiring { settings, instance }))
    }

    fn account(&self) -> Result<Account, Wrong> {
        let registrar = self.registrar.as_deref().unwrap_or_default();
        let target = uri("registrar", registrar)?;
        if target.user.is_some() {
            let message =
                format!("`{registrar}` has a user; a registrar is a host: `sip:ims.example.net`");
            return Err(wrong(SECTION, "registrar")(&message));
        }
        let first = match self.outbound.as_deref() {
            Some(text) => uri("outbound", text)?,
            None => target,
        };
        if first.user.is_some() {
            let message = "a proxy is a host, without a user: `sip:192.0.2.9:5060;transport=tcp`";
            return Err(wrong(SECTION, "outbound")(&message));
        }
        let (user, name) = self.user()?;
        let auth_user = match self.auth_user.as_deref() {
            Some(text) => checked_auth_user(text)?.to_owned(),
            None => name,
        };
        let password = self.password_file.as_deref().map(secret::read).transpose();
        let password = password.map_err(|message| wrong(SECTION, "password_file")(&message))?;
        let hop = first.hop();
        Ok(Account {
            user: user.into(),
            auth_user: auth_user.into(),
            password: password.map_or_else(Box::default, |secret| secret.0),
            registrar: registrar.into(),
            outbound: self.outbound.is_some().then(|| first.route().into()),
            transport: hop.transport,
            host: hop.host,
            port: hop.port,
            instance: self.instance()?.into(),
            user_agent: self.user_agent()?.into(),
        })
    }

    /// The address of record, and the name of its user.
    fn user(&self) -> Result<(&str, String), Wrong> {
        let refused = |message: &str| Err(wrong(SECTION, "user")(&message));
        let Some(text) = self.user.as_deref() else {
            return refused("the terminal needs an address of record: `sip:alice@ims.example.net`");
        };
        let user = uri("user", text)?;
        if user.has_parameters {
            return refused("an address of record has no parameters: `sip:alice@ims.example.net`");
        }
        match (user.user, user.user_name()) {
            (None, _) => refused("an address of record has a user: `sip:alice@ims.example.net`"),
            (Some(_), None) => refused(
                "what stands encoded before the `@` is no text; write it as `%` and two hexadecimal digits an octet",
            ),
            (Some(_), Some(name)) => Ok((text, name)),
        }
    }

    fn instance(&self) -> Result<String, Wrong> {
        match self.instance_id.as_deref() {
            None => Ok(String::new()),
            Some(text) if is_instance_id(text) => Ok(text.to_ascii_lowercase()),
            Some(text) => {
                let message = format!(
                    "`{text}` is no UUID as a URN: `urn:uuid:` and 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12; leave the \
                     key out for one that is made once and kept"
                );
                Err(wrong(SECTION, "instance_id")(&message))
            }
        }
    }

    fn user_agent(&self) -> Result<String, Wrong> {
        const DEFAULT: &str = concat!("push-client/OMA1.0 pushcai/", env!("CARGO_PKG_VERSION"));
        let text = self.user_agent.as_deref().unwrap_or(DEFAULT);
        let fits = |octet: u8| octet.is_ascii_graphic() || octet == b' ';
        if text.trim() != text || text.is_empty() || !text.bytes().all(fits) {
            let message = "one line of printable ASCII characters is taken, such as `push-client/OMA1.0 vendor/model`";
            return Err(wrong(SECTION, "user_agent")(&message));
        }
        Ok(text.to_owned())
    }

    fn push_sender_agents(&self) -> Result<Vec<Box<str>>, Wrong> {
        let mut agents: Vec<Box<str>> = Vec::with_capacity(self.psa.len());
        for text in &self.psa {
            uri("psa", text)?;
            if agents.iter().any(|other| other.eq_ignore_ascii_case(text)) {
                let message = format!("`{text}` stands there twice");
                return Err(wrong(SECTION, "psa")(&message));
            }
            agents.push(text.as_str().into());
        }
        Ok(agents)
    }

    fn registration(&self) -> Result<RegistrationSettings, Wrong> {
        let seconds = whole_seconds("expires", self.expires)?;
        if u64::from(seconds) < LEAST_EXPIRES {
            let message = format!("at least {LEAST_EXPIRES} s are taken");
            return Err(wrong(SECTION, "expires")(&message));
        }
        Ok(RegistrationSettings {
            expires: self.expires.0,
            grace: self.grace.0,
            announce_patience: self.announce_patience.0,
            backoff_base: self.backoff_base.0,
            backoff_limit: self.backoff_limit.0,
            preferred_identity: self.preferred_identity,
            psa_must_echo: self.psa_must_echo,
            max_announcements: self.max_announcements,
            max_datagram: self.max_datagram.0,
            keep_alive: self.keep_alive.0,
            max_challenges: self.max_challenges,
        })
    }

    fn serving(&self) -> Result<ServingSettings, Wrong> {
        Ok(ServingSettings {
            accept_from: self.accept_from.into(),
            core_addresses: self.core_addresses.clone(),
            trust_core: self.trust_core,
            stored_status: self.stored_status,
            silent_refusal: self.silent_refusal,
            other_instances: self.other_instances.into(),
            unpack_envelope: self.unpack_envelope,
            max_content: self.max_content.0,
            max_headers: self.max_headers,
            retry_after: whole_seconds("retry_after", self.retry_after)?,
        })
    }

    const fn transactions(&self) -> TransactionSettings {
        TransactionSettings {
            t1: self.t1.0,
            t2: self.t2.0,
            t4: self.t4.0,
            max_unanswered: self.max_unanswered,
            max_answered: self.max_answered,
            max_answered_octets: self.max_answered_octets.0,
            max_requests: self.max_requests,
            max_message: self.max_message.0,
        }
    }

    const fn large_pushes(&self) -> LargePushSettings {
        LargePushSettings {
            enabled: self.large_pushes,
            listening: self.msrp_address,
            max_content: self.max_large_content.0,
            max_octets: self.max_large_octets.0,
            max_sessions: self.max_sessions,
            idle_timeout: self.session_idle_timeout.0,
            timeout: self.session_timeout.0,
            max_unbound: self.max_unbound,
            connect_anywhere: self.connect_anywhere,
        }
    }

    const fn connections(&self) -> SipConnectionSettings {
        SipConnectionSettings {
            max_connections: self.max_connections,
            max_connections_per_address: self.max_connections_per_address,
            idle_timeout: self.idle_timeout.0,
            dial_timeout: self.dial_timeout.0,
            handshake_timeout: self.handshake_timeout.0,
            write_timeout: self.write_timeout.0,
            max_unsent: self.max_unsent.0,
            keep_alive_interval: self.keep_alive_interval.0,
        }
    }

    /// What is reached over TLS needs certificates to trust, and what is not has no use for them.
    fn check_tls(&self, transport: Transport) -> Result<(), Wrong> {
        let secure = transport == Transport::Tls;
        match (secure, &self.ca_file) {
            (true, None) => Err(wrong(SECTION, "ca_file")(
                &"the core is reached over TLS, which needs ca_file: without certificates to trust, it can be told from nobody",
            )),
            (false, Some(_)) => Err(wrong(SECTION, "ca_file")(
                &"certificates are for TLS, and the core is reached without: write `sips:` or `;transport=tls` in outbound, or \
                  leave the key out",
            )),
            (true, Some(_)) | (false, None) => tls::check_files(
                SECTION,
                self.ca_file.as_deref(),
                self.certificate_file.as_deref(),
                self.key_file.as_deref(),
            ),
        }
    }

    /// What keys say of each other, and values that mean nothing.
    fn check(&self) -> Result<(), Wrong> {
        let at = |key| wrong(SECTION, key);
        if ![200, 202].contains(&self.stored_status) {
            return Err(at("stored_status")(
                &"a push that is stored is answered 200 or 202",
            ));
        }
        if self.t2.0 < self.t1.0 {
            return Err(at("t2")(&format!(
                "{} is less than t1, {}",
                self.t2, self.t1
            )));
        }
        if !(LEAST_DATAGRAM..=MOST_DATAGRAM).contains(&self.max_datagram.0) {
            let message = format!("from {LEAST_DATAGRAM} to {MOST_DATAGRAM} octets are taken");
            return Err(at("max_datagram")(&message));
        }
        if self.max_message.0 < LEAST_MESSAGE {
            return Err(at("max_message")(&format!(
                "at least {LEAST_MESSAGE} octets are taken"
            )));
        }
        if self.max_content.0 > self.max_message.0 {
            return Err(at("max_content")(&format!(
                "{} is more than a whole message may have (max_message), {}",
                self.max_content, self.max_message
            )));
        }
        if self.max_large_content.0 > self.max_large_octets.0 {
            return Err(at("max_large_content")(&format!(
                "{} is more than all large pushes together may have (max_large_octets), {}",
                self.max_large_content, self.max_large_octets
            )));
        }
        if self.msrp_listen.is_some() && !self.large_pushes {
            return Err(at("msrp_listen")(
                &"large pushes are off: set large_pushes, or leave the key out",
            ));
        }
        if self.msrp_address.is_some() && self.msrp_listen.is_none() {
            return Err(at("msrp_address")(
                &"nothing listens for large pushes: give msrp_listen, or leave the key out",
            ));
        }
        self.refuse_nothing()
    }

    fn refuse_nothing(&self) -> Result<(), Wrong> {
        let spans = [
            ("announce_patience", self.announce_patience),
            ("backoff_base", self.backoff_base),
            ("backoff_limit", self.backoff_limit),
            ("retry_after", self.retry_after),
            ("t1", self.t1),
            ("t4", self.t4),
            ("session_idle_timeout", self.session_idle_timeout),
            ("session_timeout", self.session_timeout),
            ("idle_timeout", self.idle_timeout),
            ("dial_timeout", self.dial_timeout),
            ("handshake_timeout", self.handshake_timeout),
            ("write_timeout", self.write_timeout),
        ];
        at_least_a_millisecond(SECTION, spans)?;
        let numbers = [
            ("max_announcements", self.max_announcements),
            ("max_challenges", self.max_challenges as usize),
            ("max_content", self.max_content.0),
            ("max_headers", self.max_headers),
            ("max_unanswered", self.max_unanswered),
            ("max_answered", self.max_answered),
            ("max_answered_octets", self.max_answered_octets.0),
            ("max_requests", self.max_requests),
            ("max_large_content", self.max_large_content.0),
            ("max_sessions", self.max_sessions),
            ("max_unbound", self.max_unbound),
            ("max_connections", self.max_connections),
            (
                "max_connections_per_address",
                self.max_connections_per_address,
            ),
            ("max_unsent", self.max_unsent.0),
        ];
        at_least_one(SECTION, numbers)
    }
}

fn uri<'a>(key: &'static str, text: &'a str) -> Result<SipUri<'a>, Wrong> {
    SipUri::parse(text).map_err(|message| wrong(SECTION, key)(&message))
}

/// It stands between quotes in answers to challenges.
fn checked_auth_user(text: &str) -> Result<&str, Wrong> {
    if text.is_empty() || text.chars().any(char::is_control) {
        let message = "a name without control characters is taken; leave the key out for the user part of `user`";
        return Err(wrong(SECTION, "auth_user")(&message));
    }
    Ok(text)
}

fn whole_seconds(key: &'static str, span: Span) -> Result<u32, Wrong> {
    let whole = span.0.subsec_nanos() == 0;
    let seconds = u32::try_from(span.0.as_secs()).ok();
    seconds.filter(|_| whole).ok_or_else(|| {
        wrong(SECTION, key)(&format!(
            "`{span}` is no whole number of seconds that SIP can say"
        ))
    })
}
