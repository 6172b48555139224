//! Which profiles the port of a `connectionProfile` gives (Push-CAI 5.1), or why it cannot be had.

use std::collections::BTreeMap;

use push_message::{Bearer, ConnectionProfile, Protocol, Reason, Refusal};

use crate::ports::SESSION_PORT;
use crate::{BearerSettings, OwnPorts, ProtocolSettings};

/// Ports of Push over WSP with WTLS (WAP-259 appendix B): without a session, and those of sessions.
const WTLS_PORTS: [u16; 2] = [2949, 9202];
const WTLS_SESSION_PORT: u16 = 9203;

/// The protocols and bearers that a profile may mean, with the ports that each listens on.
pub(crate) struct Places<'a>(Vec<Place<'a>>);

/// One protocol over one bearer.
#[derive(Clone, Copy)]
struct Place<'a> {
    protocol: Protocol,
    bearer: Bearer,
    offer: &'a BearerSettings,
    settings: &'a ProtocolSettings,
}

impl Place<'_> {
    fn is_standard(&self, port: u16) -> bool {
        !self.settings.any_port_is_standard && self.offer.is_standard(port)
    }

    fn is_open(&self, port: u16) -> bool {
        self.offer.ports.contains(&port)
    }

    /// Push sessions run over IP: no short message is sent from here.
    fn has_sessions_at(&self, port: u16) -> bool {
        self.settings.session_port == Some(port) && self.bearer == Bearer::Ip
    }
}

impl<'a> Places<'a> {
    pub(crate) fn new(
        places: &BTreeMap<&Protocol, &'a ProtocolSettings>,
        bearer: Option<Bearer>,
    ) -> Self {
        let all = places.iter().flat_map(|(protocol, place)| {
            let bearers = place.bearers.iter();
            bearers.map(|(bearer, offer)| Place {
                protocol: **protocol,
                bearer: *bearer,
                offer,
                settings: place,
            })
        });
        Self(
            all.filter(|place| bearer.is_none_or(|bearer| bearer == place.bearer))
                .collect(),
        )
    }

    /// The profiles that this port gives, or why it cannot be had.
    pub(crate) fn with_port(&self, port: u16) -> Result<Vec<ConnectionProfile>, Refusal> {
        let open = |place: &Place<'_>| place.is_open(port) || self.shows_beside(place, port);
        let given = [
            self.profiles(None, |place| place.is_standard(port)),
            self.profiles(Some(port), |place| place.has_sessions_at(port)),
        ];
        if let Some(given) = given.into_iter().find(|given| !given.is_empty()) {
            return Ok(given);
        }
        if self.has_wsp() && (WTLS_PORTS.contains(&port) || port == WTLS_SESSION_PORT) {
            return Err(self.is_for_wtls(port));
        }
        let open = self.profiles(Some(port), open);
        if !open.is_empty() {
            return Ok(open);
        }
        if self.has_wsp() && port == SESSION_PORT {
            return Err(self.has_no_sessions());
        }
        if port < 1024 {
            return Err(self.is_privileged(port));
        }
        let own = self.profiles(Some(port), |place| place.offer.own_ports != OwnPorts::No);
        if own.is_empty() {
            return Err(self.cannot_be_opened(port));
        }
        Ok(own)
    }

    /// Whether every port shows at a place of a protocol that has this one open elsewhere.
    fn shows_beside(&self, place: &Place<'_>, port: u16) -> bool {
        let open = |other: &Place<'_>| other.protocol == place.protocol && other.is_open(port);
        place.offer.own_ports == OwnPorts::Shown && self.0.iter().any(open)
    }

    fn has_wsp(&self) -> bool {
        let mut protocols = self.0.iter().map(|place| place.protocol);
        protocols.any(|protocol| protocol == Protocol::OtaWsp)
    }

    fn is_for_wtls(&self, port: u16) -> Refusal {
        let has_sessions = || {
            self.0
                .iter()
                .any(|place| place.has_sessions_at(SESSION_PORT))
        };
        let works = self.usable_ports();
        let works = if port == WTLS_SESSION_PORT && has_sessions() {
            format!("port {SESSION_PORT} asks for push sessions without it; otherwise, {works}")
        } else {
            works
        };
        refusal(
            Reason::UnsupportedOption,
            format!(
                "port {port} is for WTLS, which is not built because its ciphers are broken; {works}"
            ),
        )
    }

    fn has_no_sessions(&self) -> Refusal {
        let over_ip = self.0.iter().any(|place| place.bearer == Bearer::Ip);
        let cause = if over_ip {
            "push sessions are switched off here"
        } else {
            "push sessions run over IP alone; name that bearer, or none"
        };
        refusal(
            Reason::OptionNotAvailable,
            format!(
                "port {SESSION_PORT} asks for push sessions; {cause}; {}",
                self.usable_ports()
            ),
        )
    }

    fn is_privileged(&self, port: u16) -> Refusal {
        refusal(
            Reason::NotAuthorized,
            format!(
                "port {port} is privileged and the administrator has not opened it; {}",
                self.usable_ports()
            ),
        )
    }

    fn cannot_be_opened(&self, port: u16) -> Refusal {
        let over_ip = self.0.iter().any(|place| place.bearer == Bearer::Ip);
        let cause = if over_ip || self.0.is_empty() {
            "is not open and no further port can be opened here"
        } else {
            "cannot be had: what takes short messages here does not show their ports"
        };
        refusal(
            Reason::OptionNotAvailable,
            format!("port {port} {cause}; {}", self.usable_ports()),
        )
    }

    fn profiles(
        &self,
        port: Option<u16>,
        fits: impl Fn(&Place<'_>) -> bool,
    ) -> Vec<ConnectionProfile> {
        let fitting = self.0.iter().filter(|place| fits(place));
        fitting
            .map(|place| ConnectionProfile {
                protocol: Some(place.protocol),
                bearer: Some(place.bearer),
                port,
            })
            .collect()
    }

    fn usable_ports(&self) -> String {
        let usable: Vec<_> = self
            .0
            .iter()
            .filter_map(|place| {
                let port = place.offer.ports.first()?;
                Some(format!("{port} ({} over {})", place.protocol, place.bearer))
            })
            .collect();
        if usable.is_empty() {
            "leave the port out".to_owned()
        } else {
            format!("port {} works, as does leaving it out", usable.join(" or "))
        }
    }
}

pub(crate) fn refusal(reason: Reason, detail: String) -> Refusal {
    Refusal::of_option(reason, "connectionProfile.port", detail)
}
