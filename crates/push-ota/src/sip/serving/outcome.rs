//! What a judgement becomes on the wire.

use super::super::events::PushOutcome;
use super::super::registration::Announced;
use super::super::settings::ServingSettings;
use super::common::{Answer, accept};

/// The answer to a MESSAGE that was judged.
//= specs/ota-sip.md#push-by-message
//# A 2xx response to MESSAGE MUST NOT have a body.
//= specs/ota-sip.md#push-by-message
//# A 2xx response to MESSAGE MUST NOT have a Contact.
pub(super) fn answer(
    outcome: PushOutcome,
    settings: &ServingSettings,
    announced: &Announced,
) -> Answer {
    match outcome {
        PushOutcome::Delivered | PushOutcome::Duplicate => Answer::new(200),
        PushOutcome::Stored => Answer::new(settings.stored_status),
        PushOutcome::ServerNotListed if settings.silent_refusal => Answer::new(200),
        PushOutcome::ServerNotListed
        | PushOutcome::NoSuchApplication
        | PushOutcome::Ambiguous
        | PushOutcome::ContentType
        | PushOutcome::NoRoom
        | PushOutcome::NotYet => refusal(outcome, settings, announced),
    }
}

/// The answer to an INVITE that foresight speaks against. A silent refusal cannot be a session, so it is what an
/// application gets that nobody has.
pub(crate) fn foreseen(
    outcome: PushOutcome,
    settings: &ServingSettings,
    announced: &Announced,
) -> Option<Answer> {
    if outcome.is_accepted() {
        return None;
    }
    let silent = outcome == PushOutcome::ServerNotListed && settings.silent_refusal;
    Some(if silent {
        Answer::new(480)
    } else {
        refusal(outcome, settings, announced)
    })
}

//= specs/ota-sip.md#feature-tags
//# A push for a Push Resource Identifier that no application holds MUST be refused even though the core let it through.
//= specs/ota-sip.md#requests
//# A request whose content type is not taken MUST be refused with 415 and Accept.
fn refusal(outcome: PushOutcome, settings: &ServingSettings, announced: &Announced) -> Answer {
    match outcome {
        PushOutcome::Delivered | PushOutcome::Stored | PushOutcome::Duplicate => Answer::new(200),
        PushOutcome::NoSuchApplication | PushOutcome::Ambiguous => Answer::new(480),
        PushOutcome::ContentType => Answer::new(415).with("Accept", accept(announced)),
        PushOutcome::ServerNotListed => Answer::new(403),
        PushOutcome::NoRoom => Answer::new(486),
        PushOutcome::NotYet => {
            Answer::new(480).with("Retry-After", settings.retry_after.to_string())
        }
    }
}
