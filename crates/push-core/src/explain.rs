//! How a push would be judged, in words.

use push_message::{Origin, Owner, PushApplicationId, ReceivedPush};

use crate::client::PushClient;
use crate::dispatch::{Judgement, Silent, Steps, addressee};
use crate::journal::octets_of;
use crate::{PushRefusal, RegistrationId};

/// How a push would be judged at present. Duplicates are left out, because they are a matter of what came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The judgement.
    pub verdict: ExplainedVerdict,
    /// How it came about, one sentence a step.
    pub steps: Vec<String>,
}

/// How a push would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainedVerdict {
    /// It would be journalled and delivered for this registration.
    Accepted(RegistrationId),
    /// It would be kept for an application that registers late.
    Held,
    /// It would be refused.
    Refused(PushRefusal),
}

impl ExplainedVerdict {
    /// A stable word: `accepted`, `held`, or the refusal's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Held => "held",
            Self::Refused(refusal) => refusal.as_str(),
        }
    }
}

#[derive(Default)]
struct Told(Vec<String>);

impl Steps for Told {
    fn step(&mut self, sentence: impl FnOnce() -> String) {
        self.0.push(sentence());
    }
}

impl PushClient {
    /// The Push Application ID that a push is meant for; one that names none is meant for the id of its content type.
    pub fn application_of(&self, push: &ReceivedPush) -> PushApplicationId {
        addressee(&self.settings.default_applications, push).clone()
    }

    /// Whether an owner has a registration for this id.
    pub fn holds_application(&self, owner: &Owner, application: &PushApplicationId) -> bool {
        let mut holders = self.registry.of_application(application);
        holders.any(|record| record.owner == *owner)
    }

    /// Whose registration takes pushes to this id by this way at present, whatever it makes of them.
    pub fn taker_of(&self, application: &PushApplicationId, origin: &Origin) -> Option<&Owner> {
        let record = self.fitting(application, origin, &mut Silent);
        record.map(|record| &record.owner)
    }

    /// How this push would be judged if it came now; nothing is changed.
    pub fn explain(&self, push: &ReceivedPush) -> Explanation {
        let mut told = Told::default();
        let verdict = match self.judge(push, &mut told) {
            Judgement::For(record) if !self.has_room(&record, octets_of(push)) => {
                told.step(|| "as many events wait for the application as there may be".to_owned());
                ExplainedVerdict::Refused(PushRefusal::NoRoom)
            }
            Judgement::For(record) => {
                told.step(|| "it would be journalled and delivered".to_owned());
                ExplainedVerdict::Accepted(record.id)
            }
            Judgement::Unmatched if self.holds(push) => {
                told.step(|| {
                    format!(
                        "it would be kept for {} s for an application that registers late",
                        self.settings.hold_unmatched.as_secs()
                    )
                });
                ExplainedVerdict::Held
            }
            Judgement::Unmatched => ExplainedVerdict::Refused(PushRefusal::NoSuchApplication),
            Judgement::Refused(refusal) => ExplainedVerdict::Refused(refusal),
        };
        Explanation {
            verdict,
            steps: told.0,
        }
    }
}
