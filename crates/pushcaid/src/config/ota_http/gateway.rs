//! From a table `[[ota_http.ppg]]` to a gateway.

use std::path::Path;

use push_client::http::{Contact, Ppg as Gateway, PpgId, Secret, TerminalId};

use super::{AuthenticationName, Ppg};
use crate::config::contact::{check_host_name, check_identity, host_and_port};
use crate::config::secret;
use crate::config::wiring::{Place, Wrong};

const PORT: u16 = 4035;
const SECURE_PORT: u16 = 4036;

const SECTION: &str = "ota_http.ppg";

/// The gateways of these tables.
pub(super) fn gateways(tables: &[Ppg], comes_by_tls: bool) -> Result<Vec<Gateway>, Wrong> {
    let mut gateways: Vec<Gateway> = Vec::with_capacity(tables.len());
    for (index, table) in tables.iter().enumerate() {
        let gateway = gateway(table, Place::new(SECTION, index), comes_by_tls)?;
        if gateways.iter().any(|other| other.id == gateway.id) {
            let message = format!("`{}` is the id of a gateway before this one", table.id);
            return Err(Place::new(SECTION, index).wrong("id")(&message));
        }
        gateways.push(gateway);
    }
    Ok(gateways)
}

fn gateway(table: &Ppg, place: Place, comes_by_tls: bool) -> Result<Gateway, Wrong> {
    let Ppg {
        id,
        address,
        tls,
        tls_name,
        addresses,
        prov_url,
        terminal_id,
        password_file,
        basic_in_clear,
        authentication,
        ppg_password_file,
        bearer,
        connect,
        announce_on,
    } = table;
    check_id(table).map_err(|message| place.wrong("id")(&message))?;
    let contact = address
        .as_deref()
        .map(|text| contact(text, *tls))
        .transpose()
        .map_err(|message| place.wrong("address")(&message))?;
    if *tls && contact.is_none() {
        let message = "tls says how to dial, and nothing is dialled without an address; give one, or leave tls out";
        return Err(place.wrong("tls")(&message));
    }
    if let Some(name) = tls_name {
        check_host_name(name).map_err(|message| place.wrong("tls_name")(&message))?;
    }
    let unknown = contact.is_none() && addresses.is_empty();
    if unknown && *authentication == AuthenticationName::None && !comes_by_tls {
        let message = "nothing tells this gateway from others: give its address or its addresses, ask for its \
                       authentication, or listen for it with TLS (tls_listen)";
        return Err(place.wrong("id")(&message));
    }
    if let Some(url) = prov_url {
        let printable = url.bytes().all(|octet| octet.is_ascii_graphic());
        if !printable {
            let message = "a URL has printable ASCII characters alone, without spaces";
            return Err(place.wrong("prov_url")(&message));
        }
    }
    let terminal_id = terminal_id
        .as_deref()
        .map(given)
        .transpose()
        .map_err(|message| place.wrong("terminal_id")(&message))?;
    if *authentication != AuthenticationName::None && ppg_password_file.is_none() {
        let message = "a gateway that has to prove who it is needs ppg_password_file, or authentication = \"none\"";
        return Err(place.wrong("authentication")(&message));
    }
    Ok(Gateway {
        id: PpgId(id.as_str().into()),
        contact,
        addresses: addresses.clone(),
        tls_name: tls_name.as_deref().map(Into::into),
        prov_url: prov_url.as_deref().map(Into::into),
        terminal_id,
        terminal_secret: secret_of(password_file.as_deref(), place, "password_file")?,
        basic_in_clear: *basic_in_clear,
        authentication: (*authentication).into(),
        ppg_secret: secret_of(ppg_password_file.as_deref(), place, "ppg_password_file")?,
        bearer: bearer.map(|bearer| bearer.0),
        connect: (*connect).into(),
        announce_on: (*announce_on).into(),
    })
}

fn secret_of(
    path: Option<&Path>,
    place: Place,
    key: &'static str,
) -> Result<Option<Secret>, Wrong> {
    path.map(secret::read)
        .transpose()
        .map_err(|message| place.wrong(key)(&message))
}

/// The identity stands between quotes in challenges, and before the colon in Basic.
fn check_id(table: &Ppg) -> Result<(), String> {
    let Ppg {
        id, authentication, ..
    } = table;
    if id.is_empty() {
        return Err("a gateway needs an id: the identity that it names itself by".to_owned());
    }
    check_identity(id, "an id")?;
    let by_basic = match authentication {
        AuthenticationName::Basic | AuthenticationName::Any => true,
        AuthenticationName::None | AuthenticationName::Digest => false,
    };
    if by_basic && id.contains(':') {
        return Err(format!(
            "`{id}` has a colon, which a user name of Basic cannot hold; ask for digest"
        ));
    }
    Ok(())
}

/// The Terminal-ID in `text`.
pub(super) fn given(text: &str) -> Result<TerminalId, String> {
    if text.is_empty() {
        return Err(
            "a Terminal-ID has a character at least; leave the key out for one made of the address"
                .to_owned(),
        );
    }
    check_identity(text, "a Terminal-ID")?;
    if text.contains(':') {
        return Err(format!(
            "`{text}` has a colon, which a user name of Basic cannot hold"
        ));
    }
    Ok(TerminalId::Given(text.into()))
}

/// Reads `HOST[:PORT]`.
fn contact(text: &str, secure: bool) -> Result<Contact, String> {
    let (host, port) = host_and_port(text)?;
    let standard = if secure { SECURE_PORT } else { PORT };
    let port = port.unwrap_or(standard);
    Ok(Contact { host, port, secure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_have_a_port_of_their_own_or_the_standard_one() {
        for (text, secure, port) in [
            ("192.0.2.7", false, 4035),
            ("192.0.2.7", true, 4036),
            ("192.0.2.7:99", true, 99),
        ] {
            let contact = contact(text, secure).map(|contact| contact.port);
            assert_eq!(contact, Ok(port), "{text}");
        }
    }

    #[test]
    fn terminal_ids_fit_into_every_scheme() {
        for text in ["4447700900123", "6192000002007", "1user@example.net"] {
            assert_eq!(given(text), Ok(TerminalId::Given(text.into())));
        }
        for text in ["", "a:b", "a b", "a\"b", "a\\b", "a\n", "ü"] {
            assert!(given(text).is_err(), "{text}");
        }
        assert!(given(&"1".repeat(256)).is_err());
    }
}
