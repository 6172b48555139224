//! What the tests have in common.

use push_api::PushService as _;
use push_client::{Builder, Client, Event, Events, ProfileRequest, RegistrationRequest};

pub(crate) use crate::common::{Bench, PATIENCE, administrator, next_change};

impl Bench {
    pub(crate) fn start(builder: Builder) -> Self {
        Self::start_with(builder)
    }
}

pub(crate) fn request(id: &str) -> RegistrationRequest {
    RegistrationRequest {
        push_application_id: id.to_owned(),
        ..RegistrationRequest::default()
    }
}

/// A request for this bearer and port of OTA-WSP.
pub(crate) fn request_on(
    id: &str,
    bearer: Option<&str>,
    port: Option<&str>,
) -> RegistrationRequest {
    let profile = ProfileRequest {
        protocol: Some("OTA-WSP".to_owned()),
        bearer_type: bearer.map(str::to_owned),
        port: port.map(str::to_owned),
    };
    RegistrationRequest {
        connection_profile: vec![profile],
        ..request(id)
    }
}

pub(crate) async fn next(events: &mut Events) -> Event {
    let next = tokio::time::timeout(PATIENCE, events.next_event());
    next.await.unwrap().unwrap()
}

/// The counters of the client, by name.
pub(crate) async fn counter(client: &Client, name: &str) -> u64 {
    let status = client.status(administrator()).await.unwrap();
    status.counters.get(name).copied().unwrap_or_default()
}

/// A Push PDU to OMNA number 4 with this body.
pub(crate) fn unit_push(transaction: u8, body: &[u8]) -> Vec<u8> {
    [&[transaction, 0x06, 0x03, 0xBE, 0xAF, 0x84], body].concat()
}
