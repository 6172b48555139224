//! How an application wants its pushes to travel (Push-CAI 5.1 `connectionProfile`).

use std::fmt;

/// A Push OTA protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Push over WSP (WAP-235 6).
    OtaWsp,
    /// Push over HTTP (WAP-235 7).
    OtaHttp,
    /// Push using SIP.
    OtaSip,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::OtaWsp, Self::OtaHttp, Self::OtaSip];

    /// The name in Push-CAI 5.1.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtaWsp => "OTA-WSP",
            Self::OtaHttp => "OTA-HTTP",
            Self::OtaSip => "OTA-SIP",
        }
    }

    /// The protocol with this name, compared without regard to case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A bearer, by the names of client provisioning (WAP-183 BEARER), and `IP` for any packet bearer with UDP or TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bearer {
    /// UDP or TCP over IP, whatever carries it.
    Ip,
    /// SMS on GSM and its successors.
    GsmSms,
    /// USSD on GSM.
    GsmUssd,
    /// SMS on IS-95 and cdma2000.
    Is95CdmaSms,
}

impl Bearer {
    /// Every bearer.
    pub const ALL: [Self; 4] = [Self::Ip, Self::GsmSms, Self::GsmUssd, Self::Is95CdmaSms];

    /// The canonical name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "IP",
            Self::GsmSms => "GSM-SMS",
            Self::GsmUssd => "GSM-USSD",
            Self::Is95CdmaSms => "IS-95-CDMA-SMS",
        }
    }

    /// The bearer with this name or alias (`UDP`, `TCP`, `GSM-GPRS`, `SMS`, ...), compared without regard to case.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALIASES: [(&str, Bearer); 8] = [
            ("UDP", Bearer::Ip),
            ("TCP", Bearer::Ip),
            ("GSM-GPRS", Bearer::Ip),
            ("GSM-CSD", Bearer::Ip),
            ("IPV4", Bearer::Ip),
            ("IPV6", Bearer::Ip),
            ("SMS", Bearer::GsmSms),
            ("USSD", Bearer::GsmUssd),
        ];
        let canonical = Self::ALL
            .into_iter()
            .map(|bearer| (bearer.as_str(), bearer));
        canonical
            .chain(ALIASES)
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, bearer)| bearer)
    }
}

impl fmt::Display for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One set of options for event delivery (Push-CAI 5.1 `connectionProfile`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionProfile {
    /// The protocol; absent: whichever is supported by default.
    pub protocol: Option<Protocol>,
    /// The bearer; absent: any bearer of the protocol.
    pub bearer: Option<Bearer>,
    /// The terminal's port; absent: the standard port.
    pub port: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_without_regard_to_case() {
        for protocol in Protocol::ALL {
            let name = protocol.to_string();
            assert_eq!(
                Protocol::from_name(&name.to_ascii_lowercase()),
                Some(protocol)
            );
        }
        for bearer in Bearer::ALL {
            let name = bearer.to_string();
            assert_eq!(Bearer::from_name(&name.to_ascii_lowercase()), Some(bearer));
        }
        assert_eq!(Protocol::from_name("OTA"), None);
        assert_eq!(Bearer::from_name(""), None);
    }

    #[test]
    fn usual_names_of_bearers_are_known() {
        for (name, bearer) in [
            ("udp", Bearer::Ip),
            ("gsm-gprs", Bearer::Ip),
            ("SMS", Bearer::GsmSms),
            ("ussd", Bearer::GsmUssd),
        ] {
            assert_eq!(Bearer::from_name(name), Some(bearer));
        }
    }
}
