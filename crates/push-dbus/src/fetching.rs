//! Events taken once.

use std::time::Duration;

use push_api::{Caller, DeliveredEvent, FetchQuery, PushService, Reason, Registration};
use serde::ser::{Error as _, Serialize, SerializeSeq as _, Serializer};
use zbus::{Signature, Type};

use crate::callers::Admitted;
use crate::decoded::{self, decoded};
use crate::event_map::{EventMap, event_map_with};
use crate::failure::{Failure, Fallible};
use crate::interface::Shared;

/// The most descriptors in one message: what both buses let through by default.
const MAX_DESCRIPTORS: usize = 16;
/// What most events have at most beside their content: headers, and what the content says.
const MOST_BESIDE: usize = 64 * 1024 + decoded::MAX_OCTETS;

/// Events that were taken, written as `aa{sv}`.
#[derive(Debug)]
pub(crate) struct Fetched<E> {
    events: Vec<Told<E>>,
    inline: usize,
}

/// An event, and what its content says.
#[derive(Debug)]
struct Told<E> {
    event: E,
    decoded: Option<String>,
}

impl<E: DeliveredEvent> Told<E> {
    fn of(event: E) -> Self {
        let decoded = decoded(&event.view());
        Self { event, decoded }
    }

    /// What it takes of an answer, beside descriptors.
    fn octets(&self, inline: usize) -> usize {
        let view = self.event.view();
        let content = match view.content.len() {
            octets if octets > inline => 0,
            octets => octets,
        };
        content + view.headers.text_length() + self.decoded.as_ref().map_or(0, String::len)
    }

    fn has_descriptor(&self, inline: usize) -> bool {
        self.event.view().content.len() > inline
    }
}

impl<E> Type for Fetched<E> {
    const SIGNATURE: &'static Signature = <Vec<EventMap<'_>>>::SIGNATURE;
}

impl<E: DeliveredEvent> Serialize for Fetched<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut events = serializer.serialize_seq(Some(self.events.len()))?;
        for Told { event, decoded } in &self.events {
            let map = event_map_with(event.view(), decoded.clone(), self.inline);
            let map = map.map_err(S::Error::custom)?;
            events.serialize_element(&map)?;
        }
        events.end()
    }
}

/// Takes events for a caller, until it leaves: what it does not see is delivered again.
pub(crate) async fn fetch<S: PushService>(
    shared: &Shared<S>,
    mut admitted: Admitted,
    registration_id: &str,
    max: u32,
    wait_ms: u32,
) -> Fallible<Fetched<S::Event>> {
    let caller = admitted.caller.clone();
    let mut closing = shared.closing.clone();
    let fetching = async {
        let query = query(shared, &caller, registration_id, max, wait_ms).await?;
        take(shared, &caller, query).await
    };
    tokio::select! {
        biased;
        events = fetching => events,
        () = admitted.gone() => Err(Failure::new(Reason::NotAuthorized, None, "the caller has left the bus")),
        _ = closing.wait_for(|closing| *closing) => Ok(fetched(shared, Vec::new())),
    }
}

async fn query<S: PushService>(
    shared: &Shared<S>,
    caller: &Caller,
    registration_id: &str,
    max: u32,
    wait_ms: u32,
) -> Fallible<FetchQuery> {
    let most = shared.settings.max_fetch;
    if !(1..=most).contains(&max) {
        let detail = format!("{max} events are asked for; 1 to {most} may be");
        return Err(Failure::invalid("max", &detail));
    }
    let (wait, most) = (
        Duration::from_millis(wait_ms.into()),
        shared.settings.max_wait,
    );
    if wait > most {
        let detail = format!(
            "{wait_ms} ms is too long; up to {} is taken",
            most.as_millis()
        );
        return Err(Failure::invalid("wait_ms", &detail));
    }
    let query = FetchQuery {
        limit: max,
        wait,
        ..FetchQuery::default()
    };
    if registration_id.is_empty() {
        return Ok(query);
    }
    let all = shared.service.registrations(caller.clone()).await?;
    let own = |registration: &Registration| {
        registration.registration_id == registration_id
            && registration.owner == caller.owner.as_str()
    };
    let Some(registration) = all.into_iter().find(own) else {
        let shown: String = registration_id.chars().take(40).collect();
        let detail = format!("`{shown}` is no registration of the caller; `List` names them");
        return Err(Failure::new(
            Reason::NotRegistered,
            Some("registration_id"),
            &detail,
        ));
    };
    Ok(FetchQuery {
        push_application_id: Some(registration.request.push_application_id),
        application_id: registration.request.application_id,
        ..query
    })
}

/// Takes in small steps, so that neither the descriptors nor the octets of one message are too many for the bus: no more events at
/// once than fit into what is left of it, however much each has, and one where that is none.
async fn take<S: PushService>(
    shared: &Shared<S>,
    caller: &Caller,
    mut query: FetchQuery,
) -> Fallible<Fetched<S::Event>> {
    let (inline, most_octets) = (
        shared.settings.inline_content,
        shared.settings.max_answer_octets,
    );
    let wanted = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let (mut events, mut descriptors, mut octets) = (Vec::new(), 0, 0);
    while events.len() < wanted && descriptors < MAX_DESCRIPTORS && octets < most_octets {
        let fitting = ((most_octets - octets) / (inline + MOST_BESIDE)).max(1);
        let step = (wanted - events.len()).min(MAX_DESCRIPTORS - descriptors);
        let step = step.min(fitting);
        query.limit = u32::try_from(step).unwrap_or(u32::MAX);
        let taken = shared.service.fetch(caller.clone(), query.clone()).await?;
        let ended = taken.len() < step;
        for event in taken.into_iter().map(Told::of) {
            descriptors += usize::from(event.has_descriptor(inline));
            octets += event.octets(inline);
            events.push(event);
        }
        query.wait = Duration::ZERO;
        if ended {
            break;
        }
    }
    Ok(fetched(shared, events))
}

fn fetched<S: PushService>(shared: &Shared<S>, events: Vec<Told<S::Event>>) -> Fetched<S::Event> {
    Fetched {
        events,
        inline: shared.settings.inline_content,
    }
}
