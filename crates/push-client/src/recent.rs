//! The last pushes that reached nobody.

use std::collections::VecDeque;
use std::net::SocketAddr;

use push_api::Refused;
use push_core::{Decision, PushRefusal, Verdict};
use push_message::{Protocol, ServerAddress, UnixMillis};
use push_ota::wsp::connectionless;

use crate::counters::verdict_word;

/// A bounded memory of refusals; the oldest give way.
#[derive(Debug)]
pub(crate) struct Recent {
    most: usize,
    refusals: VecDeque<Refusal>,
}

/// A push, or what was to be one, that reached nobody.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It was judged.
    Judged(Box<Decision>),
    /// The datagram gave no push.
    Malformed {
        received: UnixMillis,
        source: SocketAddr,
        length: usize,
        refusal: connectionless::Refusal,
    },
    /// It was refused without a judgement.
    Unjudged(Unjudged),
}

/// A push or a request that was refused without a judgement, or octets that were none.
#[derive(Debug, Clone)]
pub(crate) struct Unjudged {
    pub(crate) received: UnixMillis,
    pub(crate) protocol: Protocol,
    pub(crate) source: ServerAddress,
    /// A stable word.
    pub(crate) word: &'static str,
    pub(crate) length: usize,
    pub(crate) detail: String,
}

impl Recent {
    /// A memory of the `most` last refusals.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            refusals: VecDeque::new(),
        }
    }

    /// Remembers a push that was judged, unless it was accepted or is a repetition.
    pub(crate) fn judged(&mut self, decision: Decision) {
        if matches!(decision.verdict, Verdict::Held { .. } | Verdict::Refused(_)) {
            self.remember(Refusal::Judged(Box::new(decision)));
        }
    }

    /// Remembers a datagram that gave no push.
    pub(crate) fn malformed(
        &mut self,
        received: UnixMillis,
        source: SocketAddr,
        length: usize,
        refusal: connectionless::Refusal,
    ) {
        self.remember(Refusal::Malformed {
            received,
            source,
            length,
            refusal,
        });
    }

    /// Remembers what was refused without a judgement.
    pub(crate) fn unjudged(&mut self, unjudged: Unjudged) {
        self.remember(Refusal::Unjudged(unjudged));
    }

    /// What is remembered, newest first, as far as it may be seen.
    pub(crate) fn view(&self, may_see: impl Fn(&Refusal) -> bool) -> Vec<Refused> {
        let visible = self.refusals.iter().rev();
        let visible = visible.filter(|refusal| may_see(refusal));
        visible.map(Refusal::view).collect()
    }

    fn remember(&mut self, refusal: Refusal) {
        if self.refusals.len() >= self.most {
            self.refusals.pop_front();
        }
        if self.most > 0 {
            self.refusals.push_back(refusal);
        }
    }
}

impl Refusal {
    fn view(&self) -> Refused {
        match self {
            Self::Judged(decision) => Refused {
                received_at: decision.received.0,
                verdict: verdict_word(&decision.verdict).to_owned(),
                push_application_id: decision.application.as_ref().map(ToString::to_string),
                content_type: Some(decision.media_type.to_string()),
                protocol: decision.protocol.to_string(),
                server: decision.server.to_string(),
                length: decision.content_length,
                detail: detail(decision),
            },
            Self::Malformed {
                received,
                source,
                length,
                refusal,
            } => malformed(*received, *source, *length, refusal),
            Self::Unjudged(refused) => unjudged(refused.clone()),
        }
    }
}

/// A datagram that gave no push.
pub(crate) fn malformed(
    received: UnixMillis,
    source: SocketAddr,
    length: usize,
    refusal: &connectionless::Refusal,
) -> Refused {
    Refused {
        received_at: received.0,
        verdict: refusal.as_str().to_owned(),
        push_application_id: None,
        content_type: None,
        protocol: Protocol::OtaWsp.to_string(),
        server: source.ip().to_string(),
        length,
        detail: refusal.to_string(),
    }
}

/// What was refused without a judgement.
pub(crate) fn unjudged(refused: Unjudged) -> Refused {
    Refused {
        received_at: refused.received.0,
        verdict: refused.word.to_owned(),
        push_application_id: None,
        content_type: None,
        protocol: refused.protocol.to_string(),
        server: refused.source.to_string(),
        length: refused.length,
        detail: refused.detail,
    }
}

/// The application that a push was for, in words.
fn application_of(decision: &Decision) -> String {
    let application = decision.application.as_ref();
    let application = application.map_or_else(
        || "a push that names no application".to_owned(),
        ToString::to_string,
    );
    match &decision.instance {
        Some(instance) => format!("{application} at the instance {instance}"),
        None => application,
    }
}

/// Why a push reached nobody, for people.
pub(crate) fn detail(decision: &Decision) -> String {
    let Decision {
        media_type,
        server,
        protocol,
        verdict,
        full,
        ..
    } = decision;
    let application = &application_of(decision);
    let named = if decision.application_named || decision.application.is_none() {
        ""
    } else {
        ", which is meant where a push names none"
    };
    match verdict {
        Verdict::Accepted { .. } => "accepted".to_owned(),
        Verdict::Duplicate => "the same transmission again".to_owned(),
        Verdict::Held { .. } => format!(
            "no application is registered for {application}{named} on {protocol}; the push waits for one that registers in time"
        ),
        Verdict::Refused(PushRefusal::NoSuchApplication) => {
            format!("no application is registered for {application}{named} on {protocol}; register one")
        }
        Verdict::Refused(PushRefusal::Ambiguous) => {
            format!(
                "several registrations for {application} could be meant on {protocol}; the server has to name the instance of one, \
                 or the setting `ambiguous` has to give such pushes to the first"
            )
        }
        Verdict::Refused(PushRefusal::ContentType) => {
            format!("no registration for {application} accepts {media_type}; name the type in Accept, or leave Accept out")
        }
        Verdict::Refused(PushRefusal::ServerNotListed) => {
            format!("{server} is on no whitelist that counts for {application}; list it there, or by default")
        }
        Verdict::Refused(PushRefusal::NoRoom) => match full {
            Some(full) => format!("{}; acknowledge events that wait", full.describe()),
            None => "the store cannot write at present, or what is the same is being written; see the status".to_owned(),
        },
        Verdict::Refused(PushRefusal::NotYet) => {
            format!("an application for {application}{named} was being registered at that moment; the server may send it again")
        }
    }
}
