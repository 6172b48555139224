//! Pushes on their way from oFono into the journal.
//!
//! oFono drops an agent that answers with an error, gives up waiting for an answer after 25 seconds, and offers no push a
//! second time. So each one is answered with success once it is in the journal, or when that takes too long; and it is held
//! here, and tried, until it is in the journal.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;
use zbus::Connection;
use zbus::message::Message;

use super::settings::OfonoSettings;
use crate::modem::pause::{Pauses, until};
use crate::modem::tally::{self, Tally};
use crate::short_messages::{Delivery, Intake, Settled};

/// A call that has not been answered.
pub(super) struct Call {
    pub(super) connection: Connection,
    pub(super) message: Message,
    pub(super) deadline: Instant,
}

struct Push {
    delivery: Delivery,
    call: Option<Call>,
}

/// Pushes in the order of their arrival.
pub(super) struct Held {
    settings: Arc<OfonoSettings>,
    intake: Intake,
    tally: Arc<Tally>,
    pushes: VecDeque<Push>,
    /// The first of them is being settled.
    under_way: Option<Pin<Box<dyn Future<Output = Settled> + Send>>>,
    pauses: Pauses,
    paused_until: Option<Instant>,
}

/// What happened.
enum Event {
    Settled(Settled),
    Rested,
    /// The call of the push at this place has waited long enough.
    Overdue(usize),
}

impl Held {
    /// None yet.
    pub(super) fn new(settings: Arc<OfonoSettings>, intake: Intake, tally: Arc<Tally>) -> Self {
        let bus = &settings.bus;
        Self {
            pauses: Pauses::new(bus.backoff_base, bus.backoff_limit),
            settings,
            intake,
            tally,
            pushes: VecDeque::new(),
            under_way: None,
            paused_until: None,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.pushes.len()
    }

    /// Takes one more.
    pub(super) async fn add(&mut self, delivery: Delivery, call: Call) {
        if self.pushes.len() >= self.settings.max_waiting {
            self.tally.count("lost");
            tracing::error!(device = %delivery.device, "a push is lost: oFono offers it once, and as many pushes as may wait have not found room in the store");
            answer(call).await;
            return;
        }
        self.pushes.push_back(Push {
            delivery,
            call: Some(call),
        });
    }

    /// Goes on with what is to be done, forever. Safe to cancel.
    pub(super) async fn run(&mut self) {
        loop {
            self.start();
            match self.next().await {
                Event::Settled(settled) => self.settled(settled).await,
                Event::Rested => self.paused_until = None,
                Event::Overdue(place) => self.overdue(place).await,
            }
        }
    }

    fn start(&mut self) {
        if self.under_way.is_some() || self.paused_until.is_some() {
            return;
        }
        if let Some(push) = self.pushes.front() {
            let (intake, delivery) = (self.intake.clone(), push.delivery.clone());
            self.under_way = Some(Box::pin(async move { intake.deliver(delivery).await }));
        }
    }

    async fn next(&mut self) -> Event {
        let calls = self.pushes.iter().enumerate();
        let overdue = calls
            .filter_map(|(place, push)| Some((push.call.as_ref()?.deadline, place)))
            .min();
        let under_way = &mut self.under_way;
        tokio::select! {
            settled = async {
                match under_way {
                    Some(settling) => settling.await,
                    None => pending().await,
                }
            } => Event::Settled(settled),
            () = until(self.paused_until) => Event::Rested,
            () = until(overdue.map(|(deadline, _)| deadline)) => {
                Event::Overdue(overdue.map_or(0, |(_, place)| place))
            }
        }
    }

    async fn settled(&mut self, settled: Settled) {
        self.under_way = None;
        self.tally.count(tally::word(&settled));
        if settled == Settled::NotNow {
            self.paused_until = Some(Instant::now() + self.pauses.take());
            return;
        }
        self.pauses.reset();
        let Some(push) = self.pushes.pop_front() else {
            return;
        };
        let device = push.delivery.device;
        match settled {
            Settled::NotAPush { detail } => {
                tracing::info!(%device, %detail, "what oFono handed over as a push is none");
            }
            Settled::Durable(_)
            | Settled::Kept
            | Settled::Followed
            | Settled::Refused { .. }
            | Settled::NotNow => {
                tracing::debug!(%device, settled = tally::word(&settled), "a push");
            }
        }
        if let Some(call) = push.call {
            answer(call).await;
        }
    }

    async fn overdue(&mut self, place: usize) {
        let Some(push) = self.pushes.get_mut(place) else {
            return;
        };
        tracing::warn!(device = %push.delivery.device, "a push from oFono is not in the journal yet; oFono is answered, and the push is held in memory until the store has room");
        self.tally.count("answered-early");
        if let Some(call) = push.call.take() {
            answer(call).await;
        }
    }
}

/// Answers with success: oFono takes nothing else well.
async fn answer(call: Call) {
    let header = call.message.header();
    if let Err(error) = call.connection.reply(&header, &()).await {
        tracing::debug!(%error, "oFono has gone before it was answered");
    }
}
