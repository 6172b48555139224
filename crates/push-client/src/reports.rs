//! What event handlers made of the last events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use push_api::HandlerAttempt;
use push_core::{EventId, RegistrationId};
use push_message::{Owner, UnixMillis};

use crate::handlers::HandlerReport;

/// What is kept in place of more words, for counters.
const OTHER: &str = "other";

/// How many outcomes are counted apart.
const MAX_OUTCOMES: usize = 64;

/// A bounded memory of what handlers reported. Where it is full, the registration with the most reports loses its oldest: one that
/// fails all the time takes nothing from the others.
#[derive(Debug)]
pub(crate) struct Reports {
    most: usize,
    most_octets: usize,
    kept: usize,
    by_registration: BTreeMap<RegistrationId, VecDeque<Kept>>,
    /// How many reports each registration has, the most last.
    counts: BTreeSet<(usize, RegistrationId)>,
}

#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) time: UnixMillis,
    /// Whose registration it was, where it was in force.
    pub(crate) owner: Option<Owner>,
    pub(crate) report: HandlerReport,
}

impl Reports {
    /// A memory of so many reports, each with so many octets of what its handler said.
    pub(crate) const fn new(most: usize, most_octets: usize) -> Self {
        Self {
            most,
            most_octets,
            kept: 0,
            by_registration: BTreeMap::new(),
            counts: BTreeSet::new(),
        }
    }

    /// Cuts what a handler said to what is kept of it.
    pub(crate) fn shorten(&self, report: &mut HandlerReport) {
        let output = &report.output;
        if output.len() > self.most_octets {
            let end = output.floor_char_boundary(self.most_octets);
            report.output = output.get(..end).unwrap_or_default().into();
        }
    }

    /// Remembers a report.
    pub(crate) fn remember(&mut self, kept: Kept) {
        if self.most == 0 {
            return;
        }
        if self.kept >= self.most {
            self.forget_one();
        }
        self.kept += 1;
        let registration = kept.report.registration;
        let reports = self.by_registration.entry(registration).or_default();
        self.counts.remove(&(reports.len(), registration));
        reports.push_back(kept);
        self.counts.insert((reports.len(), registration));
    }

    /// What is kept on an event, the earliest first.
    pub(crate) fn of(&self, event: EventId) -> impl DoubleEndedIterator<Item = &Kept> {
        let all = self.by_registration.values().flatten();
        all.filter(move |kept| kept.report.event == event)
    }

    /// What a handler made of an event of this registration the last time.
    pub(crate) fn last(
        &self,
        registration: RegistrationId,
        event: EventId,
    ) -> Option<&HandlerReport> {
        let reports = self.by_registration.get(&registration)?;
        let mut reports = reports.iter().rev().map(|kept| &kept.report);
        reports.find(|report| report.event == event)
    }

    /// Forgets the oldest report of the registration with the most.
    fn forget_one(&mut self) {
        let Some((count, registration)) = self.counts.pop_last() else {
            return;
        };
        self.kept -= 1;
        if count == 1 {
            self.by_registration.remove(&registration);
        } else if let Some(reports) = self.by_registration.get_mut(&registration) {
            reports.pop_front();
            self.counts.insert((reports.len(), registration));
        }
    }
}

impl Kept {
    /// One attempt, as it is shown; what the handler said only to whom it concerns.
    pub(crate) fn attempt(&self, with_output: bool) -> HandlerAttempt {
        let report = &self.report;
        HandlerAttempt {
            time: self.time.0,
            attempt: report.attempt,
            scheme: report.scheme.to_string(),
            outcome: report.outcome.to_string(),
            output: said(report, with_output),
            took: took(report),
        }
    }
}

/// What the handler said, where whoever asks may see it.
pub(crate) fn said(report: &HandlerReport, may_see: bool) -> String {
    let output = Some(&report.output).filter(|_| may_see);
    output.map(ToString::to_string).unwrap_or_default()
}

/// How long it took, in milliseconds.
pub(crate) fn took(report: &HandlerReport) -> u64 {
    u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX)
}

/// Counts by scheme and outcome. Outcomes are words for people, so their number is bounded: what is beyond counts as `other`.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(BTreeMap<(Box<str>, Box<str>), u64>);

impl Outcomes {
    pub(crate) fn count(&mut self, scheme: &str, outcome: &str) {
        if let Some(count) = self.find(scheme, outcome) {
            *count += 1;
            return;
        }
        let key = if self.0.len() < MAX_OUTCOMES {
            (scheme.into(), outcome.into())
        } else {
            (OTHER.into(), OTHER.into())
        };
        *self.0.entry(key).or_default() += 1;
    }

    fn find(&mut self, scheme: &str, outcome: &str) -> Option<&mut u64> {
        let mut all = self.0.iter_mut();
        let found = all.find(|((of, what), _)| **of == *scheme && **what == *outcome);
        found.map(|(_, count)| count)
    }

    /// Scheme, outcome, count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let all = self.0.iter();
        all.map(|((scheme, outcome), count)| (&**scheme, &**outcome, *count))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn kept(registration: u64, event: u64, attempt: u32) -> Kept {
        Kept {
            time: UnixMillis(0),
            owner: None,
            report: HandlerReport {
                event: EventId(event),
                registration: RegistrationId(registration),
                attempt,
                scheme: "exec".into(),
                outcome: "exit status 75".into(),
                output: "übel".into(),
                took: Duration::from_millis(5),
            },
        }
    }

    #[test]
    fn the_busiest_registration_gives_way() {
        let mut reports = Reports::new(3, 100);
        reports.remember(kept(1, 10, 1));
        for attempt in 1..=5 {
            reports.remember(kept(2, 20, attempt));
        }
        assert_eq!(reports.of(EventId(10)).count(), 1);
        let attempts: Vec<_> = reports
            .of(EventId(20))
            .map(|kept| kept.report.attempt)
            .collect();
        assert_eq!(attempts, [4, 5]);
        let last = reports.last(RegistrationId(2), EventId(20)).unwrap();
        assert_eq!(last.attempt, 5);
        assert!(reports.last(RegistrationId(1), EventId(20)).is_none());
    }

    #[test]
    fn as_many_are_kept_as_may_be_and_no_registration_without_any() {
        let mut reports = Reports::new(4, 100);
        for number in 0..100 {
            reports.remember(kept(number % 7, number, 1));
            let lengths = reports.by_registration.iter();
            let counts: BTreeSet<_> = lengths
                .map(|(registration, reports)| (reports.len(), *registration))
                .collect();
            assert_eq!(reports.counts, counts);
            let all: usize = counts.iter().map(|(count, _)| count).sum();
            assert_eq!((all, reports.kept), (all.min(4), all));
            assert!(counts.iter().all(|(count, _)| *count > 0));
            assert_eq!(reports.of(EventId(number)).count(), 1);
        }
    }

    #[test]
    fn what_was_said_is_cut_between_characters() {
        let reports = Reports::new(1, 1);
        let mut report = kept(1, 1, 1).report;
        reports.shorten(&mut report);
        assert_eq!(&*report.output, "");
        let mut whole = kept(1, 1, 1).report;
        Reports::new(1, 5).shorten(&mut whole);
        assert_eq!(&*whole.output, "übel");
    }

    #[test]
    fn no_handler_makes_counters_without_bound() {
        let mut outcomes = Outcomes::default();
        for number in 0..1000 {
            outcomes.count("exec", &format!("said {number}"));
        }
        assert_eq!(outcomes.iter().count(), MAX_OUTCOMES + 1);
        let other = outcomes.iter().find(|(scheme, ..)| *scheme == OTHER);
        assert_eq!(other, Some((OTHER, OTHER, 1000 - MAX_OUTCOMES as u64)));
    }
}
