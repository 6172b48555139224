//! A connection profile as one word: `PROTOCOL[/BEARER][:PORT]`.

use push_api::ConnectionProfile;

/// Splits the word; whether its parts are supported is for the daemon to say.
pub(crate) fn parse(text: &str) -> Result<ConnectionProfile, String> {
    let (rest, port) = match text.rsplit_once(':') {
        Some((rest, port)) => (rest, Some(port)),
        None => (text, None),
    };
    let (protocol, bearer) = match rest.split_once('/') {
        Some((protocol, bearer)) => (protocol, Some(bearer)),
        None => (rest, None),
    };
    if protocol.is_empty() || bearer == Some("") || port == Some("") {
        return Err(
            "a profile is PROTOCOL[/BEARER][:PORT], such as OTA-WSP, OTA-WSP/IP or OTA-WSP/IP:2948"
                .to_owned(),
        );
    }
    Ok(ConnectionProfile {
        protocol: Some(protocol.to_owned()),
        bearer_type: bearer.map(str::to_owned),
        port: port.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, Option<String>, Option<String>)> {
        let profile = parse(text).ok()?;
        Some((profile.protocol?, profile.bearer_type, profile.port))
    }

    #[test]
    fn bearer_and_port_may_be_left_out() {
        let some = |text: &str| Some(text.to_owned());
        let protocol = || "OTA-WSP".to_owned();
        assert_eq!(parts("OTA-WSP"), Some((protocol(), None, None)));
        assert_eq!(parts("OTA-WSP/IP"), Some((protocol(), some("IP"), None)));
        assert_eq!(
            parts("OTA-WSP:2948"),
            Some((protocol(), None, some("2948")))
        );
        assert_eq!(
            parts("OTA-WSP/IP:2948"),
            Some((protocol(), some("IP"), some("2948")))
        );
    }

    #[test]
    fn empty_parts_are_refused() {
        for text in ["", "/IP", ":1", "OTA-WSP/", "OTA-WSP:", "OTA-WSP/:1"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
