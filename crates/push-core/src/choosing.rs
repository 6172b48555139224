//! Whom a push is for where the protocol knows no default application (OTA-SIP).
//!
//! A push that names an id is for the registration with that id, one that names an instance for a registration of that
//! instance, one that names both for a registration with both. One that names no id is for the only one of those left that
//! accepts its content type. What is left open then is refused, or goes to the one that registered first, by setting.

use std::sync::Arc;

use push_message::{MediaType, Origin, ReceivedPush};

use crate::client::PushClient;
use crate::dispatch::{Judgement, Steps, accepts, explain_listing};
use crate::journal::octets_of;
use crate::whitelist::Listing;
use crate::{Addressing, Ambiguous, PushRefusal, RegistrationRecord};

/// The registrations that a push may be for, whoever sent it.
#[derive(Debug)]
pub(crate) enum Chosen<'a> {
    /// None.
    Nobody,
    /// This one.
    One(&'a Arc<RegistrationRecord>),
    /// Several, and the push does not say which.
    Several(Vec<&'a Arc<RegistrationRecord>>),
    /// One of these, if it accepted the content type, but none does; the push names no id.
    Unaccepting(Vec<&'a Arc<RegistrationRecord>>),
}

impl<'a> Chosen<'a> {
    /// The one, where there is one alone.
    pub(crate) const fn one(&self) -> Option<&'a Arc<RegistrationRecord>> {
        match self {
            Self::One(record) => Some(record),
            Self::Nobody | Self::Several(_) | Self::Unaccepting(_) => None,
        }
    }
}

impl PushClient {
    /// Judges a push of a protocol that tells instances apart.
    pub(crate) fn judge_by_choice(
        &self,
        push: &ReceivedPush,
        ambiguous: Ambiguous,
        steps: &mut impl Steps,
    ) -> Judgement {
        let named = push.message.application.as_ref();
        let media_type = &push.message.content_type.media_type;
        let chosen = self.choose(push, ambiguous, steps);
        let judgement = match &chosen {
            Chosen::Nobody => self.judge_for(None, named, push, steps),
            Chosen::One(record) => {
                let application = Some(&record.push_application_id);
                self.judge_for(Some(record), application, push, steps)
            }
            Chosen::Several(records) => {
                let refusal = PushRefusal::Ambiguous;
                return self.refuse_if_listed(records, push, refusal, steps);
            }
            Chosen::Unaccepting(records) => {
                steps.step(|| format!("no application that it could be for accepts {media_type}"));
                self.refuse_if_listed(records, push, PushRefusal::ContentType, steps)
            }
        };
        self.unless_awaited(judgement, push, named, chosen.one(), steps)
    }

    /// The registrations that a push may be for.
    pub(crate) fn choose(
        &self,
        push: &ReceivedPush,
        ambiguous: Ambiguous,
        steps: &mut impl Steps,
    ) -> Chosen<'_> {
        explain_address(push, steps);
        let mut fitting = self.fitting_by_way(push);
        if push.message.application.is_none() {
            let media_type = &push.message.content_type.media_type;
            let accepting: Vec<_> = fitting
                .iter()
                .copied()
                .filter(|record| accepts(record, media_type))
                .collect();
            if accepting.is_empty() && !fitting.is_empty() {
                return Chosen::Unaccepting(fitting);
            }
            fitting = accepting;
        }
        let chosen = match (fitting.as_slice(), ambiguous) {
            ([], _) => Chosen::Nobody,
            ([record], _) | ([record, ..], Ambiguous::First) => Chosen::One(record),
            (_, Ambiguous::Refuse) => Chosen::Several(fitting.clone()),
        };
        steps.step(|| explain_choice(&chosen, fitting.len(), push));
        chosen
    }

    /// The registrations that take pushes to this id, or to any where none is named, that come this way and name this
    /// instance, or none; the earliest first.
    fn fitting_by_way(&self, push: &ReceivedPush) -> Vec<&Arc<RegistrationRecord>> {
        let fits = |record: &&Arc<RegistrationRecord>| self.way_fits(record, &push.origin);
        match &push.message.application {
            Some(named) => self.registry.taking(named).filter(fits).collect(),
            None => self.registry.all_taking().filter(fits).collect(),
        }
    }

    /// A refusal that only a server learns that one of these applications takes pushes from.
    fn refuse_if_listed(
        &self,
        records: &[&Arc<RegistrationRecord>],
        push: &ReceivedPush,
        refusal: PushRefusal,
        steps: &mut impl Steps,
    ) -> Judgement {
        let media_type = Some(&push.message.content_type.media_type);
        let listing = self.best_listing(records, &push.origin, media_type);
        explain_listing(listing, &push.origin, steps);
        Judgement::Refused(match listing {
            Listing::Unlisted => PushRefusal::ServerNotListed,
            Listing::Anyone | Listing::Default | Listing::Own => refusal,
        })
    }

    /// By whose word a server may push to one of these at least.
    fn best_listing(
        &self,
        records: &[&Arc<RegistrationRecord>],
        origin: &Origin,
        media_type: Option<&MediaType>,
    ) -> Listing {
        let mut listings = records.iter().map(|record| {
            let application = Some(&record.push_application_id);
            self.listing(Some(record), application, origin, media_type)
        });
        let listed = listings.find(|listing| *listing != Listing::Unlisted);
        listed.unwrap_or(Listing::Unlisted)
    }

    /// How a push would be judged whose content is not there yet, its content type left out; nothing is changed.
    ///
    /// What speaks against it speaks against it whatever it holds. Where several applications could be meant, but content of some
    /// type might be for one alone, nothing speaks against it yet.
    ///
    /// # Errors
    ///
    /// The refusal that it would meet.
    pub fn foresee(&self, announced: &ReceivedPush) -> Result<(), PushRefusal> {
        let origin = &announced.origin;
        let named = announced.message.application.as_ref();
        let mut possible = self.fitting_by_way(announced);
        let first_alone = match self.addressing(origin) {
            Addressing::ByContentType
            | Addressing::OnlyFitting {
                ambiguous: Ambiguous::First,
            } => true,
            Addressing::OnlyFitting {
                ambiguous: Ambiguous::Refuse,
            } => false,
        };
        if named.is_some() && first_alone {
            possible.truncate(1);
        }
        let refusal = match possible.as_slice() {
            [] if self.listing(None, named, origin, None) == Listing::Unlisted => {
                PushRefusal::ServerNotListed
            }
            [] => PushRefusal::NoSuchApplication,
            records if self.best_listing(records, origin, None) == Listing::Unlisted => {
                PushRefusal::ServerNotListed
            }
            [_, _, ..] if named.is_some() && self.has_observer_with_room(announced) => {
                return Ok(());
            }
            [_, _, ..] if named.is_some() => return Err(PushRefusal::Ambiguous),
            records => {
                let octets = octets_of(announced);
                let has_room =
                    |record: &&Arc<RegistrationRecord>| self.find_room(record, octets).is_ok();
                return if records.iter().any(has_room) {
                    Ok(())
                } else {
                    Err(PushRefusal::NoRoom)
                };
            }
        };
        if self.has_observer_with_room(announced) {
            return Ok(());
        }
        let fitting = match possible.as_slice() {
            [record] => Some(*record),
            [] | [_, ..] => None,
        };
        if self.is_awaited(announced, named, None, fitting) {
            Err(PushRefusal::NotYet)
        } else {
            Err(refusal)
        }
    }
}

fn explain_address(push: &ReceivedPush, steps: &mut impl Steps) {
    steps.step(|| {
        let instance = match &push.origin.instance {
            Some(instance) => format!(", and the instance {instance}"),
            None => ", and no instance".to_owned(),
        };
        match &push.message.application {
            Some(named) => format!("the push names {named}{instance}"),
            None => format!("the push names no application{instance}"),
        }
    });
}

fn explain_choice(chosen: &Chosen<'_>, fitting: usize, push: &ReceivedPush) -> String {
    let origin = &push.origin;
    let way = format!("over {} on {}", origin.protocol, origin.bearer);
    let of_type = match &push.message.application {
        Some(_) => String::new(),
        None => format!(
            " and accepts content of type {}",
            push.message.content_type.media_type
        ),
    };
    match chosen {
        Chosen::One(record) => {
            let why = if fitting > 1 {
                ", the first of several that it could be for"
            } else {
                ""
            };
            format!(
                "registration {} of {} takes {} {way}{of_type}{why}",
                record.id, record.owner, record.push_application_id
            )
        }
        Chosen::Several(_) => format!(
            "{fitting} registrations could be meant {way}, and nothing says which; the server has to name the instance \
             (IARI) of one, or the setting `ambiguous` has to give such pushes to the first"
        ),
        Chosen::Nobody | Chosen::Unaccepting(_) => match &push.message.application {
            Some(named) => format!("no application takes {named} {way} that the push could be for"),
            None => format!("no application takes pushes {way} that this one could be for"),
        },
    }
}
