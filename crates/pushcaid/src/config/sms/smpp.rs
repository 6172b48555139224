//! From a table `[[sms.smpp]]` to a message centre.

use std::net::{IpAddr, Ipv4Addr};

use push_client::http::{Host, Secret};
use push_client::smpp::{SmppSettings, SmppTls};
use push_message::Address;

use super::SmppLink;
use crate::config::contact::{check_host_name, host_and_port};
use crate::config::secret;
use crate::config::wiring::{Place, Wrong};

const SECTION: &str = "sms.smpp";
/// The most characters that SMPP has room for.
const MAX_SYSTEM_ID: usize = 15;
const MAX_PASSWORD: usize = 8;
const MAX_SYSTEM_TYPE: usize = 12;
const MAX_ADDRESS_RANGE: usize = 40;
/// The most characters of a link's name.
const MAX_ID: usize = 64;

/// The settings that are not said.
pub(super) fn defaults() -> SmppSettings {
    let nowhere = Host::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    SmppSettings::new("", nowhere, SmppSettings::PORT)
}

/// The message centres of these tables.
pub(super) fn links(tables: &[SmppLink]) -> Result<Vec<SmppSettings>, Wrong> {
    let mut links: Vec<SmppSettings> = Vec::with_capacity(tables.len());
    for (index, table) in tables.iter().enumerate() {
        let place = Place::new(SECTION, index);
        let link = link(table, place)?;
        if links.iter().any(|other| other.id == link.id) {
            let message = format!(
                "`{}` is the id of a message centre before this one",
                table.id
            );
            return Err(place.wrong("id")(&message));
        }
        links.push(link);
    }
    Ok(links)
}

fn link(table: &SmppLink, place: Place) -> Result<SmppSettings, Wrong> {
    check_id(&table.id).map_err(|message| place.wrong("id")(&message))?;
    let (host, port) =
        host_and_port(&table.address).map_err(|message| place.wrong("address")(&message))?;
    for (key, text, most) in [
        ("system_id", &table.system_id, MAX_SYSTEM_ID),
        ("system_type", &table.system_type, MAX_SYSTEM_TYPE),
        ("address_range", &table.address_range, MAX_ADDRESS_RANGE),
    ] {
        check_length(text, most).map_err(|message| place.wrong(key)(&message))?;
    }
    check_bounds(table, place)?;
    Ok(SmppSettings {
        tls: tls(table, place)?,
        system_id: table.system_id.as_str().into(),
        password: password(table, place)?,
        system_type: table.system_type.as_str().into(),
        address_range: table.address_range.as_str().into(),
        smsc: smsc(table, place)?,
        enquire_interval: table.enquire_interval.0,
        connect_timeout: table.connect_timeout.0,
        response_timeout: table.response_timeout.0,
        backoff_base: table.backoff_base.0,
        backoff_limit: table.backoff_limit.0,
        window: table.window,
        max_pdu: table.max_pdu.0,
        ..SmppSettings::new(table.id.as_str(), host, port.unwrap_or(SmppSettings::PORT))
    })
}

fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("a message centre needs an id: events carry it as their device".to_owned());
    }
    if id.len() > MAX_ID || !id.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(format!(
            "an id has {MAX_ID} printable ASCII characters at most, without spaces"
        ));
    }
    Ok(())
}

fn check_length(text: &str, most: usize) -> Result<(), String> {
    let fits = text
        .bytes()
        .all(|octet| octet.is_ascii_graphic() || octet == b' ');
    if fits && text.len() <= most {
        Ok(())
    } else {
        Err(format!(
            "SMPP has room for {most} printable ASCII characters here"
        ))
    }
}

fn check_bounds(table: &SmppLink, place: Place) -> Result<(), Wrong> {
    /// A short message in SMPP takes up to some 400 octets beside its payload.
    const LEAST_PDU: usize = 1024;
    for (key, span) in [
        ("enquire_interval", table.enquire_interval),
        ("connect_timeout", table.connect_timeout),
        ("response_timeout", table.response_timeout),
        ("backoff_base", table.backoff_base),
        ("backoff_limit", table.backoff_limit),
    ] {
        if span.0.is_zero() {
            return Err(place.wrong(key)(
                &"a link needs some time here; give 1s or more",
            ));
        }
    }
    if table.window == 0 {
        return Err(place.wrong("window")(
            &"nothing would be taken; give 1 or more",
        ));
    }
    if table.max_pdu.0 < LEAST_PDU {
        return Err(place.wrong("max_pdu")(
            &"a short message would not fit; give 1 KiB or more",
        ));
    }
    Ok(())
}

fn tls(table: &SmppLink, place: Place) -> Result<Option<SmppTls>, Wrong> {
    if !table.tls {
        let unused = match (&table.ca_file, &table.tls_name) {
            (Some(_), _) => Some("ca_file"),
            (None, Some(_)) => Some("tls_name"),
            (None, None) => None,
        };
        return match unused {
            Some(key) => Err(place.wrong(key)(&"it counts only with tls = true")),
            None => Ok(None),
        };
    }
    let Some(ca) = &table.ca_file else {
        let message =
            "TLS needs ca_file: the certificates of those who vouch for the message centre";
        return Err(place.wrong("tls")(&message));
    };
    secret::open(ca).map_err(|message| place.wrong("ca_file")(&message))?;
    if let Some(name) = &table.tls_name {
        check_host_name(name).map_err(|message| place.wrong("tls_name")(&message))?;
    }
    Ok(Some(SmppTls {
        ca: ca.clone(),
        name: table.tls_name.as_deref().map(Into::into),
    }))
}

fn password(table: &SmppLink, place: Place) -> Result<Secret, Wrong> {
    let Some(path) = &table.password_file else {
        return Ok(Secret(Box::default()));
    };
    let wrong = place.wrong("password_file");
    let password = secret::read(path).map_err(|message| wrong(&message))?;
    check_length(&password.0, MAX_PASSWORD).map_err(|message| wrong(&message))?;
    Ok(password)
}

fn smsc(table: &SmppLink, place: Place) -> Result<Option<Box<str>>, Wrong> {
    let Some(text) = &table.smsc else {
        return Ok(None);
    };
    match Address::parse(text) {
        Ok(Address::E164(number)) => Ok(Some(number)),
        _ => Err(place.wrong("smsc")(&format!(
            "`{text}` is no number of a message centre; write it with its country code: `+4917099999`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read(keys: &str) -> Result<Vec<SmppSettings>, String> {
        let text = format!("[[sms.smpp]]\nid = \"centre\"\naddress = \"192.0.2.9\"\n{keys}");
        let config = crate::config::Config::parse("test.toml", &text);
        let config = config.map_err(|error| error.to_string())?;
        let wiring = config.wiring().map_err(|wrong| wrong.to_string())?;
        Ok(wiring.message_centres)
    }

    #[test]
    fn a_message_centre_needs_little() {
        let expected = SmppSettings::new("centre", Host::Ip(IpAddr::from([192, 0, 2, 9])), 2775);
        assert_eq!(read(""), Ok(vec![expected]));
    }

    #[test]
    fn every_key_counts() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        let ca = file("ca.pem", "");
        let password = file("password", "secret\n");
        let keys = format!(
            "system_id = \"terminal\"\npassword_file = {password:?}\nsystem_type = \"WAP\"\naddress_range = \"^4\"\n\
             smsc = \"+49 170 99999\"\ntls = true\nca_file = {ca:?}\ntls_name = \"smsc.example.net\"\n\
             enquire_interval = \"2m\"\nconnect_timeout = 3\nresponse_timeout = \"4s\"\nbackoff_base = \"5s\"\n\
             backoff_limit = \"6s\"\nwindow = 7\nmax_pdu = \"8 KiB\"\n\
             [[sms.smpp]]\nid = \"second\"\naddress = \"smsc.example.net:2776\"\n"
        );
        let links = read(&keys).unwrap();
        let seconds = std::time::Duration::from_secs;
        let expected = SmppSettings {
            tls: Some(SmppTls {
                ca,
                name: Some("smsc.example.net".into()),
            }),
            system_id: "terminal".into(),
            password: Secret("secret".into()),
            system_type: "WAP".into(),
            address_range: "^4".into(),
            smsc: Some("+4917099999".into()),
            enquire_interval: seconds(120),
            connect_timeout: seconds(3),
            response_timeout: seconds(4),
            backoff_base: seconds(5),
            backoff_limit: seconds(6),
            window: 7,
            max_pdu: 8 << 10,
            ..SmppSettings::new("centre", Host::Ip(IpAddr::from([192, 0, 2, 9])), 2775)
        };
        assert_eq!(links[0], expected);
        assert_eq!(links[1].host, Host::Name("smsc.example.net".into()));
        assert_eq!(links[1].port, 2776);
    }

    #[test]
    fn mistakes_are_named_with_what_would_work() {
        for (keys, expected) in [
            (
                "system_id = \"sixteen-octets-!\"",
                "system_id: SMPP has room for 15",
            ),
            (
                "system_type = \"thirteen-long\"",
                "system_type: SMPP has room for 12",
            ),
            ("smsc = \"centre\"", "smsc: `centre` is no number"),
            ("tls = true", "tls: TLS needs ca_file"),
            (
                "ca_file = \"/nowhere\"",
                "ca_file: it counts only with tls = true",
            ),
            (
                "tls_name = \"a\"",
                "tls_name: it counts only with tls = true",
            ),
            (
                "tls = true\nca_file = \"/nowhere\"",
                "ca_file: /nowhere cannot be read",
            ),
            (
                "password_file = \"/nowhere\"",
                "password_file: /nowhere cannot be read",
            ),
            ("window = 0", "window: nothing would be taken"),
            ("max_pdu = 100", "max_pdu: a short message would not fit"),
            (
                "response_timeout = 0",
                "response_timeout: a link needs some time",
            ),
            ("sytem_id = \"a\"", "`system_id`"),
            (
                "[[sms.smpp]]\nid = \"centre\"\naddress = \"a\"",
                "is the id of a message centre before",
            ),
            (
                "[[sms.smpp]]\naddress = \"a\"",
                "number 2, id: a message centre needs an id",
            ),
            (
                "[[sms.smpp]]\nid = \"two words\"\naddress = \"a\"",
                "printable ASCII characters",
            ),
            ("[[sms.smpp]]\nid = \"b\"", "number 2, address: "),
        ] {
            let error = read(keys).unwrap_err();
            assert!(error.contains(expected), "{keys}: {error}");
        }
    }
}
