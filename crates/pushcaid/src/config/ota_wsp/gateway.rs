//! From a table `[[ota_wsp.ppg]]` to a gateway.

use push_client::http::PpgId;
use push_client::sessions::{ContactPoint, SessionGateway};

use super::SessionPpg;
use crate::config::contact::{check_identity, host_and_port};
use crate::config::wiring::{Place, Wrong};

const SECTION: &str = "ota_wsp.ppg";
/// The registered ports of WTLS.
const SECURE_PORTS: [u16; 3] = [2949, 9202, ContactPoint::SECURE_PORT];

/// The gateways of these tables.
pub(super) fn gateways(tables: &[SessionPpg]) -> Result<Vec<SessionGateway>, Wrong> {
    let mut gateways: Vec<SessionGateway> = Vec::with_capacity(tables.len());
    for (index, table) in tables.iter().enumerate() {
        let place = Place::new(SECTION, index);
        let gateway = gateway(table, place)?;
        if gateways.iter().any(|other| other.id == gateway.id) {
            let message = format!("`{}` is the id of a gateway before this one", table.id);
            return Err(place.wrong("id")(&message));
        }
        gateways.push(gateway);
    }
    Ok(gateways)
}

fn gateway(table: &SessionPpg, place: Place) -> Result<SessionGateway, Wrong> {
    let SessionPpg {
        id,
        address,
        addresses,
        start,
        bearer,
    } = table;
    if id.is_empty() {
        let message = "a gateway needs an id: the identity that it is known by";
        return Err(place.wrong("id")(&message));
    }
    check_identity(id, "an id").map_err(|message| place.wrong("id")(&message))?;
    if address.is_empty() {
        let message = "a gateway needs an address: where its sessions are opened, such as `192.0.2.7` or \
                       `ppg.example.net:9201`";
        return Err(place.wrong("address")(&message));
    }
    let (host, port) =
        host_and_port(address).map_err(|message| place.wrong("address")(&message))?;
    let port = port.unwrap_or(ContactPoint::PORT);
    if SECURE_PORTS.contains(&port) {
        let message = format!(
            "port {port} is one of WTLS, which is not spoken; the port of sessions without it is {}",
            ContactPoint::PORT
        );
        return Err(place.wrong("address")(&message));
    }
    Ok(SessionGateway {
        id: PpgId(id.as_str().into()),
        contact: ContactPoint { host, port },
        addresses: addresses.clone(),
        start: (*start).into(),
        bearer: bearer.map(|bearer| bearer.0),
    })
}
