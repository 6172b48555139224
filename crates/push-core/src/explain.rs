//! How a push would be judged, in words.

use std::sync::Arc;

use push_message::{Origin, Owner, PushApplicationId, ReceivedPush};

use crate::client::PushClient;
use crate::dispatch::{Judgement, Silent, Steps, addressee};
use crate::journal::octets_of;
use crate::{Addressing, Ambiguous, PushRefusal, RegistrationId, RegistrationRecord};

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

/// Whom a push is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient<'a> {
    /// The Push Application ID; absent where the push names none, and no one registration is meant.
    pub application: Option<PushApplicationId>,
    /// The owner of the registration that gets it, whatever it makes of it; absent where there is none, or not one alone.
    pub owner: Option<&'a Owner>,
}

#[derive(Default)]
struct Told(Vec<String>);

impl Steps for Told {
    fn step(&mut self, sentence: impl FnOnce() -> String) {
        self.0.push(sentence());
    }
}

impl PushClient {
    /// Whom a push is meant for, as far as it can be told.
    pub fn recipient_of(&self, push: &ReceivedPush) -> Recipient<'_> {
        if let Addressing::OnlyFitting { ambiguous } = self.addressing(&push.origin) {
            let chosen = self.choose(push, ambiguous, &mut Silent).one();
            let meant = chosen.map(|record| &record.push_application_id);
            Recipient {
                application: meant.or(push.message.application.as_ref()).cloned(),
                owner: chosen.map(|record| &record.owner),
            }
        } else {
            let application = addressee(&self.settings.default_applications, push);
            Recipient {
                owner: self.taker_of(application, &push.origin),
                application: Some(application.clone()),
            }
        }
    }

    /// Whether an owner has a registration for this id.
    pub fn holds_application(&self, owner: &Owner, application: &PushApplicationId) -> bool {
        let mut holders = self.registry.of_application(application);
        holders.any(|record| record.owner == *owner)
    }

    /// Whose registration takes pushes to this id by this way at present, whatever it makes of them. Nobody's, where they
    /// could be for several.
    pub fn taker_of(&self, application: &PushApplicationId, origin: &Origin) -> Option<&Owner> {
        let mut fitting = self
            .registry
            .taking(application)
            .filter(|record| self.way_fits(record, origin));
        let first = fitting.next()?;
        let refused = match self.addressing(origin) {
            Addressing::OnlyFitting {
                ambiguous: Ambiguous::Refuse,
            } => fitting.next().is_some(),
            Addressing::OnlyFitting {
                ambiguous: Ambiguous::First,
            }
            | Addressing::ByContentType => false,
        };
        (!refused).then_some(&first.owner)
    }

    /// The id that a push is meant for: the one that it names, else the one of its content type where the protocol has such.
    pub(crate) fn application_of<'a>(
        &'a self,
        push: &'a ReceivedPush,
    ) -> Option<&'a PushApplicationId> {
        match self.addressing(&push.origin) {
            Addressing::ByContentType => Some(addressee(&self.settings.default_applications, push)),
            Addressing::OnlyFitting { .. } => push.message.application.as_ref(),
        }
    }

    /// How this push would be judged if it came now; nothing is changed.
    pub fn explain(&self, push: &ReceivedPush) -> Explanation {
        let mut told = Told::default();
        let judgement = self.judge(push, &mut told);
        let observers = self.observers_beside(push, &judgement);
        explain_observers(&observers, &mut told);
        let octets = octets_of(push);
        let full = |record: &Arc<RegistrationRecord>| self.find_room(record, octets).err();
        let verdict = match judgement {
            Judgement::Unmatched | Judgement::Refused(_) if !observers.is_empty() => {
                let taking = observers.iter().find(|record| full(record).is_none());
                taking.map_or(ExplainedVerdict::Refused(PushRefusal::NoRoom), |record| {
                    ExplainedVerdict::Accepted(record.id)
                })
            }
            Judgement::For(record) => {
                if let Some(full) = full(&record) {
                    told.step(|| full.describe().to_owned());
                    ExplainedVerdict::Refused(PushRefusal::NoRoom)
                } else {
                    told.step(|| "it would be journalled and delivered".to_owned());
                    ExplainedVerdict::Accepted(record.id)
                }
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

fn explain_observers(observers: &[Arc<RegistrationRecord>], steps: &mut impl Steps) {
    for record in observers {
        steps.step(|| {
            format!(
                "registration {} of {} observes {} and gets a copy",
                record.id, record.owner, record.push_application_id
            )
        });
    }
}
