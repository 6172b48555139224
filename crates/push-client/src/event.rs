//! Push events on their way to an application of this process or to a binding.

use std::sync::Arc;

use push_api::{DeliveredEvent, EventPorts, EventStream, PushEventView};
use push_core::{Delivery, EventId, RegistrationId, SubscriberId};
use push_message::{ApplicationId, PushApplicationId, ReceivedPush};
use tokio::sync::mpsc;

use crate::mailbox::{Mailbox, Notice};

/// A push event (Push-CAI 5.3), under way to its application until it is acknowledged.
#[derive(Debug, Clone)]
pub struct Event {
    delivery: Delivery,
}

impl Event {
    pub(crate) const fn new(delivery: Delivery) -> Self {
        Self { delivery }
    }

    /// The event, by which it is acknowledged.
    pub const fn id(&self) -> EventId {
        self.delivery.event
    }

    /// 1 for the first delivery.
    pub const fn attempt(&self) -> u32 {
        self.delivery.attempt
    }

    /// The registration that it is for.
    pub const fn registration(&self) -> RegistrationId {
        self.delivery.registration
    }

    /// The Push Application ID registered.
    pub const fn push_application_id(&self) -> &PushApplicationId {
        &self.delivery.push_application_id
    }

    /// The application's own name.
    pub const fn application_id(&self) -> Option<&ApplicationId> {
        self.delivery.application_id.as_ref()
    }

    /// The content, octet for octet.
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the content that the Push Server sent.
    pub fn content(&self) -> &[u8] {
        &self.delivery.push.message.content
    }

    /// The MIME type of the content, without parameters.
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the MIME type of its content.
    pub fn content_type(&self) -> &str {
        self.delivery.push.message.content_type.media_type.as_str()
    }

    /// The push as it was received.
    pub const fn push(&self) -> &Arc<ReceivedPush> {
        &self.delivery.push
    }
}

impl DeliveredEvent for Event {
    fn view(&self) -> PushEventView<'_> {
        let Delivery {
            event,
            attempt,
            registration,
            push_application_id,
            application_id,
            push,
        } = &self.delivery;
        let (message, origin) = (&push.message, &push.origin);
        PushEventView {
            id: event.0,
            registration_id: registration.0,
            push_application_id: push_application_id.as_text(),
            application_id: application_id.as_ref().map(ApplicationId::as_str),
            content_type: message.content_type.media_type.as_str(),
            parameters: &message.content_type.parameters,
            content: &message.content,
            headers: &message.headers,
            protocol: origin.protocol.as_str(),
            bearer: origin.bearer.as_str(),
            server: &origin.server,
            server_names: &origin.proved_names,
            originator: origin.originator(),
            device: origin.short_message.as_deref().map(|sms| &*sms.device),
            ports: EventPorts {
                dest: origin.destination_port,
                orig: origin.origin_port,
            },
            received_at: push.received.0,
            attempt: *attempt,
            authenticated: message.trust.authenticated,
            trusted: message.trust.trusted,
        }
    }
}

/// The events of one subscription, in order. Dropping it ends the subscription; what was not acknowledged is delivered again.
#[derive(Debug)]
pub struct Events {
    deliveries: mpsc::Receiver<Delivery>,
    taken: Vec<Delivery>,
    subscriber: SubscriberId,
    mailbox: Arc<Mailbox>,
}

impl Events {
    pub(crate) const fn new(
        deliveries: mpsc::Receiver<Delivery>,
        subscriber: SubscriberId,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        Self {
            deliveries,
            taken: Vec::new(),
            subscriber,
            mailbox,
        }
    }

    /// How many events have come and were not taken; none once the subscription has ended.
    pub fn waiting(&self) -> usize {
        if self.deliveries.is_closed() {
            0
        } else {
            self.deliveries.len()
        }
    }

    /// Waits for the next event; `None` when the subscription has ended. Safe to cancel: no event is lost.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.deliveries.recv().await.map(Event::new)
    }
}

impl EventStream for Events {
    type Event = Event;

    async fn next(&mut self, events: &mut Vec<Event>, limit: usize) -> usize {
        let count = self.deliveries.recv_many(&mut self.taken, limit).await;
        events.extend(self.taken.drain(..).map(Event::new));
        count
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.mailbox.post([Notice::Unsubscribed(self.subscriber)]);
    }
}
