//! Events taken once, rather than over a connection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use push_message::Owner;

use crate::client::PushClient;
use crate::selection::Selection;
use crate::subscribers::WaitingFetch;
use crate::timers::Timer;
use crate::{
    Answer, Delivery, EventId, Now, RegistrationId, RegistrationRecord, RequestTicket, Selector,
    SubscriberId,
};

impl PushClient {
    pub(crate) fn fetch(
        &mut self,
        ticket: RequestTicket,
        owner: Owner,
        selector: &Selector,
        limit: u32,
        wait: Duration,
        now: Now,
    ) {
        let selection = match self.admit_subscriber(&owner, selector) {
            Ok(selection) => selection,
            Err(refusal) => return self.answer(ticket, Answer::Refused(refusal)),
        };
        let limit = limit.min(self.settings.max_window) as usize;
        let fetched = self.take(&owner, &selection, limit, now);
        if !fetched.is_empty() || wait.is_zero() || limit == 0 {
            self.answer(ticket, Answer::Fetched(fetched));
            return;
        }
        let deadline = now.monotonic + wait;
        self.timers.start(deadline, Timer::Fetch(ticket));
        let fetch = WaitingFetch {
            owner,
            selection,
            limit,
            deadline,
        };
        self.subscribers.add_fetch(ticket, fetch);
    }

    pub(crate) fn cancel_fetch(&mut self, ticket: RequestTicket) {
        if let Some(fetch) = self.subscribers.remove_fetch(ticket) {
            self.timers.stop(fetch.deadline, Timer::Fetch(ticket));
        }
    }

    /// A fetch has waited long enough.
    pub(crate) fn end_fetch(&mut self, ticket: RequestTicket) {
        if self.subscribers.remove_fetch(ticket).is_some() {
            self.answer(ticket, Answer::Fetched(Vec::new()));
        }
    }

    /// Gives what waits to the fetch that has waited longest; says whether there was one.
    pub(crate) fn serve_fetch(&mut self, record: &RegistrationRecord, now: Now) -> bool {
        let Some(ticket) = self.subscribers.fetch_for(record) else {
            return false;
        };
        let Some(fetch) = self.subscribers.remove_fetch(ticket) else {
            return false;
        };
        self.timers.stop(fetch.deadline, Timer::Fetch(ticket));
        let fetched = self.take(&fetch.owner, &fetch.selection, fetch.limit, now);
        self.answer(ticket, Answer::Fetched(fetched));
        true
    }

    /// Gives what waits to a fetch rather than to a connection that is an event handler's; says whether there was one.
    pub(crate) fn yields_to_fetch(
        &mut self,
        record: &RegistrationRecord,
        subscriber: SubscriberId,
        now: Now,
    ) -> bool {
        self.subscribers.waiting_fetches() > 0
            && self.subscribers.is_handlers(subscriber)
            && self.serve_fetch(record, now)
    }

    /// Takes what an owner may have by now, in order of arrival over its registrations.
    fn take(
        &mut self,
        owner: &Owner,
        selection: &Selection,
        limit: usize,
        now: Now,
    ) -> Vec<Delivery> {
        let registrations = self.journal.queued(owner).into_iter();
        let selected: Vec<_> = registrations
            .filter_map(|id| self.registry.get(id).map(Arc::clone))
            .filter(|record| record.owner == *owner && selection.fits(record))
            .collect();
        let ready = |client: &Self, id: RegistrationId| -> Option<(EventId, RegistrationId)> {
            let (event, not_before) = client.next_for(id)?;
            (not_before <= now.monotonic).then_some((event, id))
        };
        let heads = selected.iter().filter_map(|record| ready(self, record.id));
        let mut heads: BTreeSet<_> = heads.collect();
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some((event, registration)) = heads.pop_first()
        {
            let record = self.registry.get(registration).map(Arc::clone);
            taken.extend(record.and_then(|record| self.hand_over(event, &record, None, now)));
            heads.extend(ready(self, registration));
        }
        for record in selected {
            self.relent(record.id, now);
        }
        taken
    }
}
