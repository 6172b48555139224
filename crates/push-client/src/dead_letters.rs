//! Dead letters, as bindings name them.

use push_api::{SettleAnswer, SettleDeadLetters};
use push_core::{DeadLetters, Fate, Selector};
use push_message::{Reason, Refusal};

use crate::service::{event_id, refused};

/// What is to become of which dead letters; ids that are none go into the answer.
pub(crate) fn chosen(
    request: SettleDeadLetters,
    answer: &mut SettleAnswer,
) -> Result<(Fate, DeadLetters), Refusal> {
    let SettleDeadLetters {
        fate,
        ids,
        all,
        push_application_id,
        application_id,
    } = request;
    let fate = match fate {
        push_api::Fate::Replay => Fate::Replayed,
        push_api::Fate::Drop => Fate::Dropped,
    };
    let selected = all || push_application_id.is_some() || application_id.is_some();
    match (ids.is_empty(), selected) {
        (true, false) => Err(unclear(
            "which dead letters are meant is not said; give `ids`, `pushApplicationID`, or `all`",
        )),
        (false, true) => Err(unclear(
            "`ids` stands beside `all` or an application; give one of them, so that it is clear which are meant",
        )),
        (true, true) => Ok((
            fate,
            DeadLetters::Selected(Selector {
                push_application_id,
                application_id,
                handler_of: None,
            }),
        )),
        (false, false) => Ok((fate, DeadLetters::Events(events(ids, answer)))),
    }
}

fn events(ids: Vec<String>, answer: &mut SettleAnswer) -> Vec<push_core::EventId> {
    let mut known = Vec::with_capacity(ids.len());
    for id in ids {
        match event_id(&id, "ids") {
            Ok(event) => known.push(event),
            Err(refusal) => answer.refused.push(refused(id, refusal)),
        }
    }
    known
}

fn unclear(detail: &str) -> Refusal {
    Refusal::of_option(Reason::InvalidRequest, "ids", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(ids: &[&str], all: bool, application: Option<&str>) -> SettleDeadLetters {
        SettleDeadLetters {
            fate: push_api::Fate::Drop,
            ids: ids.iter().map(|&id| id.to_owned()).collect(),
            all,
            push_application_id: application.map(str::to_owned),
            application_id: None,
        }
    }

    #[test]
    fn nobody_means_one_and_settles_all() {
        for (ids, all, application) in [
            (&[][..], false, None),
            (&["0000000000000001"], true, None),
            (&["0000000000000001"], false, Some("4")),
        ] {
            let mut answer = SettleAnswer::default();
            let refusal = chosen(request(ids, all, application), &mut answer).unwrap_err();
            assert_eq!(refusal.reason, Reason::InvalidRequest);
            assert_eq!(refusal.option, Some("ids"));
        }
    }

    #[test]
    fn what_is_no_id_is_refused_beside_those_that_are() {
        let mut answer = SettleAnswer::default();
        let asked = request(&["x", "000000000000000a"], false, None);
        let (fate, letters) = chosen(asked, &mut answer).unwrap();
        assert_eq!(fate, Fate::Dropped);
        assert_eq!(letters, DeadLetters::Events(vec![push_core::EventId(10)]));
        assert_eq!(answer.refused.len(), 1);
    }
}
