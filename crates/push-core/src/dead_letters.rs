//! Dead letters: events that were rejected or tried too often, kept until somebody decides.

use push_message::{Owner, Reason, Refusal};

use crate::client::PushClient;
use crate::{Answer, DeadLetters, Fate, RequestTicket};

impl PushClient {
    /// Replays or drops dead letters.
    pub(crate) fn settle_dead_letters(
        &mut self,
        ticket: RequestTicket,
        _owner: Option<&Owner>,
        _letters: &DeadLetters,
        _fate: Fate,
    ) {
        let refusal = Refusal::new(
            Reason::UnsupportedOption,
            "dead letters cannot be settled yet",
        );
        self.answer(ticket, Answer::Refused(refusal));
    }
}
