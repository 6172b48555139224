//! From `[ota_wsp]` to the settings of the driver and of its sessions.

use push_client::session::SessionSettings;
use push_client::sessions::SessionsSettings;
use push_client::{DatagramLimits, OtaWspSettings, wtp};

use super::{OtaWsp, Version, gateway};
use crate::config::checks::{at_least_a_millisecond, at_least_one};
use crate::config::value::Octets;
use crate::config::wiring::{Wrong, wrong};

/// The least that a Client-SDU-Size may be: what a server may send without asking (WSP 8.3.3).
const LEAST_MESSAGE_LENGTH: usize = 1400;

/// The least that a datagram may have.
const LEAST_DATAGRAM: usize = 64;
/// The most packets of one message.
const MOST_PACKETS: usize = 256;

impl OtaWsp {
    /// The settings of the parts.
    pub(crate) fn settings(&self) -> Result<OtaWspSettings, Wrong> {
        let gateways = gateway::gateways(&self.ppg)?;
        let is_on = self.sessions || !gateways.is_empty();
        let sessions = is_on.then(|| self.sessions(gateways)).transpose()?;
        self.check_ports()?;
        Ok(OtaWspSettings {
            listen: self.listen.clone(),
            also_standard: self.also_standard.iter().copied().collect(),
            max_own_ports: self.max_own_ports,
            sessions,
            stop_timeout: self.shutdown_timeout.0,
        })
    }

    /// How much one push may hold.
    pub(crate) const fn limits(&self) -> DatagramLimits {
        DatagramLimits {
            datagram_length: self.max_datagram.0,
            headers_length: self.max_headers_length.0,
            headers: self.max_headers,
        }
    }

    fn sessions(
        &self,
        gateways: Vec<push_client::sessions::SessionGateway>,
    ) -> Result<SessionsSettings, Wrong> {
        self.check_sessions()?;
        Ok(SessionsSettings {
            gateways,
            session: self.session()?,
            wtp: self.wtp(),
            push_limits: DatagramLimits {
                datagram_length: self.max_message_length.0,
                ..self.limits()
            },
            connect_timeout: self.connect_timeout.0,
            resume_timeout: self.resume_timeout.0,
            announce_patience: self.announce_patience.0,
            backoff_base: self.backoff_base.0,
            backoff_limit: self.backoff_limit.0,
            invited_attempts: self.invited_attempts,
            idle: self.idle_timeout.0,
            end_on_last: self.end_on_last,
            linger: self.linger.0,
            max_sessions: self.max_sessions,
            max_sessions_per_gateway: self.max_sessions_per_gateway,
            max_pushes: self.max_pushes,
            max_push_octets: self.max_push_octets.0,
            unanswered_window: self.unanswered_window.0,
            max_unanswered: self.max_unanswered,
            max_redirects: self.max_redirects,
            max_redirect_addresses: self.max_redirect_addresses,
            max_announcements: self.max_announcements,
        })
    }

    /// Each session has a socket of its own, and so transactions of its own, all with one peer.
    fn wtp(&self) -> wtp::Settings {
        let defaults = wtp::Settings::default();
        wtp::Settings {
            timers: wtp::Timers {
                retry_base: self.wtp_retry_interval.0,
                acknowledgement_short_user: self.wtp_acknowledgement_interval.0,
                wait_timeout: self.wtp_wait_timeout.0,
                max_retransmissions: self.wtp_max_retransmissions,
                max_acknowledgement_expirations: self.wtp_max_acknowledgement_expirations,
                ..defaults.timers
            },
            max_datagram: self.wtp_max_datagram.0,
            max_received_message: defaults.max_received_message.max(self.max_message_length.0),
            max_packets: self.wtp_max_packets,
            max_held: self.wtp_max_held.0,
            max_held_of_peer: self.wtp_max_held.0,
            max_transactions: self.wtp_max_transactions,
            max_transactions_of_peer: self.wtp_max_transactions,
            verification: self.wtp_verification.into(),
            peer_patience: self.wtp_peer_patience.0,
            ..defaults
        }
    }

    fn session(&self) -> Result<SessionSettings, Wrong> {
        let size = u32::try_from(self.max_message_length.0)
            .map_err(|_| wrong("ota_wsp", "max_message_length")(&"less than 4 GiB is taken"))?;
        let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
        let user_agent = self.user_agent.as_str();
        Ok(SessionSettings {
            push: self.offer_push,
            confirmed_push: self.offer_confirmed_push,
            session_resume: self.offer_resume,
            unnegotiated_pushes: self.unnegotiated_pushes,
            client_sdu_size: size,
            client_message_size: size,
            push_mor: self.max_confirmed_pushes,
            accept_charset: texts(&self.charsets),
            accept_language: texts(&self.languages),
            user_agent: (!user_agent.is_empty()).then(|| user_agent.into()),
            encoding_version: encoding_version(self.encoding_version)?,
            bearer: self.bearer.0,
            max_connect: self.max_connect_length.0,
            ..SessionSettings::default()
        })
    }

    fn check_ports(&self) -> Result<(), Wrong> {
        if self.also_standard.contains(&0) {
            return Err(wrong("ota_wsp", "also_standard")(
                &"0 is no port: a number from 1 to 65535 is",
            ));
        }
        Ok(())
    }

    fn check_sessions(&self) -> Result<(), Wrong> {
        let at = |key| wrong("ota_wsp", key);
        if self.max_message_length.0 < LEAST_MESSAGE_LENGTH {
            let message = format!(
                "a server may send {LEAST_MESSAGE_LENGTH} octets without asking; give that or more"
            );
            return Err(at("max_message_length")(&message));
        }
        if !self.offer_push && !self.offer_confirmed_push {
            let message = "a push session needs offer_push or offer_confirmed_push";
            return Err(at("offer_push")(&message));
        }
        let spans = [
            ("connect_timeout", self.connect_timeout),
            ("resume_timeout", self.resume_timeout),
            ("announce_patience", self.announce_patience),
            ("backoff_base", self.backoff_base),
            ("idle_timeout", self.idle_timeout),
            ("wtp_retry_interval", self.wtp_retry_interval),
            (
                "wtp_acknowledgement_interval",
                self.wtp_acknowledgement_interval,
            ),
            ("wtp_wait_timeout", self.wtp_wait_timeout),
            ("wtp_peer_patience", self.wtp_peer_patience),
        ];
        at_least_a_millisecond("ota_wsp", spans)?;
        let counts = [
            ("max_confirmed_pushes", self.max_confirmed_pushes.into()),
            ("max_sessions", self.max_sessions),
            ("max_sessions_per_gateway", self.max_sessions_per_gateway),
            ("max_pushes", self.max_pushes),
            ("max_announcements", self.max_announcements),
            ("max_redirect_addresses", self.max_redirect_addresses),
            ("wtp_max_transactions", self.wtp_max_transactions),
        ];
        at_least_one("ota_wsp", counts)?;
        if self.wtp_max_datagram.0 < LEAST_DATAGRAM {
            let message = format!("{LEAST_DATAGRAM} octets are the least that serves");
            return Err(at("wtp_max_datagram")(&message));
        }
        if !(1..=MOST_PACKETS).contains(&self.wtp_max_packets) {
            let message =
                format!("from 1 to {MOST_PACKETS} are taken: WTP counts them in one octet");
            return Err(at("wtp_max_packets")(&message));
        }
        if self.wtp_max_held.0 < self.max_message_length.0 {
            let message = format!(
                "a push of max_message_length, {}, has to fit in",
                Octets(self.max_message_length.0)
            );
            return Err(at("wtp_max_held")(&message));
        }
        if self.max_push_octets.0 < self.max_message_length.0 {
            let message = format!(
                "a push of max_message_length, {}, has to fit in",
                Octets(self.max_message_length.0)
            );
            return Err(at("max_push_octets")(&message));
        }
        Ok(())
    }
}

/// WSP has room for a major number from 1 to 7 and a minor one up to 14.
fn encoding_version(version: Version) -> Result<(u8, u8), Wrong> {
    let part = |number: u32, range: std::ops::RangeInclusive<u8>| {
        u8::try_from(number)
            .ok()
            .filter(|number| range.contains(number))
    };
    let fitting = part(version.0, 1..=7).zip(part(version.1, 0..=14));
    fitting.ok_or_else(|| {
        wrong("ota_wsp", "encoding_version")(
            &"WSP knows versions from 1.0 to 7.14; the numbers of this client are those of 1.3",
        )
    })
}
