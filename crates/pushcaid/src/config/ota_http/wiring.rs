//! From `[ota_http]` to the settings of the terminal, the registrar and the driver.

use push_client::http::{CpiSettings, RegistrarSettings, Terminal, TerminalId};
use push_client::sia::SiaSettings;
use push_client::{ConnectionSettings, OtaHttpSettings, TlsFiles};
use push_message::Address;

use super::{OtaHttp, gateway};
use crate::config::checks::{at_least_a_millisecond, at_least_one};
use crate::config::tls;
use crate::config::wiring::{Wrong, wrong};

/// The most headers of a request that can be asked for.
const MAX_REQUEST_HEADERS: usize = 100;

impl OtaHttp {
    /// The settings of the parts. `confirm` waits for gateways to register.
    pub(crate) fn settings(&self, confirm: bool) -> Result<OtaHttpSettings, Wrong> {
        self.check()?;
        let terminal_id = self
            .terminal_id
            .as_deref()
            .map_or(Ok(TerminalId::OfAddress), gateway::given)
            .map_err(|message| wrong("ota_http", "terminal_id")(&message))?;
        Ok(OtaHttpSettings {
            terminal: self.terminal(terminal_id)?,
            cpi: self.cpi_settings(),
            registrar: RegistrarSettings {
                confirm,
                announce_patience: self.announce_patience.0,
                backoff_base: self.backoff_base.0,
                backoff_limit: self.backoff_limit.0,
                max_contacts: self.max_contacts,
                max_announcements: self.max_announcements,
            },
            listen: self.listen.clone(),
            tls_listen: self.tls_listen.clone(),
            tls: TlsFiles {
                ca: self.ca_file.clone(),
                certificate: self.certificate_file.clone(),
                key: self.key_file.clone(),
            },
            connections: self.connection_settings(),
        })
    }

    /// Which session initiation requests are followed, those for sessions of OTA-WSP as well.
    pub(crate) fn sia_settings(&self) -> Result<SiaSettings, Wrong> {
        let wrong = wrong("ota_http", "sir_sources");
        let source = |text: &String| Address::parse(text).map_err(|error| wrong(&error));
        Ok(SiaSettings {
            sources: self
                .sir_sources
                .iter()
                .map(source)
                .collect::<Result<_, _>>()?,
            contacts: self.sir_contacts.into(),
            unknown_context: self.sir_unknown_context.into(),
            lockout: self.sir_lockout.0,
            max_deferred: self.sir_max_deferred,
            max_contacts: self.sir_max_contacts,
            preference: self.sir_preference.into(),
            malformed_contacts: self.sir_malformed_contacts,
            max_length: self.sir_max_length.0,
        })
    }

    fn connection_settings(&self) -> ConnectionSettings {
        ConnectionSettings {
            max_connections: self.max_connections,
            max_connections_per_address: self.max_connections_per_address,
            header_timeout: self.header_timeout.0,
            body_timeout: self.body_timeout.0,
            idle_timeout: self.idle_timeout.0,
            dialled_idle_timeout: self.dialled_idle_timeout.0,
            write_timeout: self.write_timeout.0,
            dial_timeout: self.dial_timeout.0,
            handshake_timeout: self.handshake_timeout.0,
            keep_alive_interval: self.keep_alive_interval.0,
            max_head_octets: self.max_head_octets.0,
            max_headers: self.max_request_headers,
            nodelay: self.nodelay,
            shutdown_timeout: self.shutdown_timeout.0,
            max_unanswered: self.max_unanswered,
        }
    }

    fn terminal(&self, terminal_id: TerminalId) -> Result<Terminal, Wrong> {
        Ok(Terminal {
            ppgs: gateway::gateways(&self.ppg, !self.tls_listen.is_empty())?,
            terminal_id,
            bearer: self.bearer.0,
            versions: self
                .versions
                .iter()
                .map(|version| (version.0, version.1))
                .collect(),
            version_required: self.version_required,
            accept_stale_tag: self.accept_stale_tag,
            accept_absent_tag: self.accept_absent_tag,
            identified_only: self.identified_only,
            max_message_length: self.max_message_length.0,
            max_headers: self.max_headers,
            max_headers_length: self.max_headers_length.0,
            max_authentication_failures: self.max_authentication_failures,
            nonce_lifetime: self.nonce_lifetime.0,
        })
    }

    fn cpi_settings(&self) -> CpiSettings {
        CpiSettings {
            charsets: self.charsets.clone(),
            encodings: self.encodings.clone(),
            languages: self.languages.clone(),
            max_message_length: self.max_message_length.0,
            max_push_requests: self.max_push_requests,
            max_value_length: self.max_value_length.0,
        }
    }

    /// What keys say of each other, and values that mean nothing.
    fn check(&self) -> Result<(), Wrong> {
        let at = |key| wrong("ota_http", key);
        if self.ca_file.is_none() {
            if !self.tls_listen.is_empty() {
                return Err(at("tls_listen")(
                    &"TLS needs ca_file: without certificates to trust, no gateway can be told from another",
                ));
            }
            if let Some(index) = self.ppg.iter().position(|ppg| ppg.tls) {
                return Err(Wrong {
                    section: "ota_http.ppg",
                    index: Some(index),
                    key: "tls",
                    message: "TLS needs [ota_http] ca_file: without certificates to trust, no gateway can be told from \
                              another"
                        .to_owned(),
                });
            }
        }
        tls::check_files(
            "ota_http",
            self.ca_file.as_deref(),
            self.certificate_file.as_deref(),
            self.key_file.as_deref(),
        )?;
        if self.versions.is_empty() {
            return Err(at("versions")(
                &"at least one version has to be spoken: \"1.0\"",
            ));
        }
        let proves = self.ppg.iter().any(|ppg| ppg.ppg_password_file.is_some());
        if self.identified_only && !proves && (self.ca_file.is_none() || self.ppg.is_empty()) {
            return Err(at("identified_only")(
                &"nobody could prove anything: give a [[ota_http.ppg]] its ppg_password_file, or use TLS",
            ));
        }
        self.check_lists()?;
        self.refuse_nothing()
    }

    fn check_lists(&self) -> Result<(), Wrong> {
        let lists = [
            ("charsets", &self.charsets),
            ("encodings", &self.encodings),
            ("languages", &self.languages),
        ];
        for (key, list) in lists {
            if let Some(word) = list.iter().find(|word| !is_token(word)) {
                let message = format!("`{word}` is no token; write one name an entry");
                return Err(wrong("ota_http", key)(&message));
            }
        }
        Ok(())
    }

    fn refuse_nothing(&self) -> Result<(), Wrong> {
        let spans = [
            ("nonce_lifetime", self.nonce_lifetime),
            ("announce_patience", self.announce_patience),
            ("backoff_base", self.backoff_base),
            ("backoff_limit", self.backoff_limit),
            ("header_timeout", self.header_timeout),
            ("body_timeout", self.body_timeout),
            ("idle_timeout", self.idle_timeout),
            ("write_timeout", self.write_timeout),
            ("dial_timeout", self.dial_timeout),
            ("handshake_timeout", self.handshake_timeout),
        ];
        at_least_a_millisecond("ota_http", spans)?;
        let numbers = [
            ("max_message_length", self.max_message_length.0),
            ("max_headers", self.max_headers),
            ("max_headers_length", self.max_headers_length.0),
            ("max_push_requests", self.max_push_requests as usize),
            ("max_value_length", self.max_value_length.0),
            (
                "max_authentication_failures",
                self.max_authentication_failures as usize,
            ),
            ("max_contacts", self.max_contacts),
            ("max_announcements", self.max_announcements),
            ("sir_max_contacts", self.sir_max_contacts),
            ("sir_max_length", self.sir_max_length.0),
            ("max_connections", self.max_connections),
            (
                "max_connections_per_address",
                self.max_connections_per_address,
            ),
            ("max_head_octets", self.max_head_octets.0),
            ("max_request_headers", self.max_request_headers),
        ];
        if self.max_request_headers > MAX_REQUEST_HEADERS {
            let message = format!("at most {MAX_REQUEST_HEADERS} are taken");
            return Err(wrong("ota_http", "max_request_headers")(&message));
        }
        at_least_one("ota_http", numbers)
    }
}

/// A token of HTTP, or `*`.
fn is_token(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    !text.is_empty() && text.bytes().all(fits)
}
