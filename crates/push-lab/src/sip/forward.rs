//! A request goes on to one contact or several, and the best answer comes back (RFC 3261 16).

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use super::core::{Core, Target};
use super::endpoint::ServerKey;
use super::events::SipEvent;
use super::exchange::Exchange;
use super::message::SipMessage;

/// Sends a request on, and answers it.
pub(super) async fn forward(
    core: &Arc<Core>,
    key: ServerKey,
    request: SipMessage,
    targets: Vec<Target>,
) {
    let is_invite = request.method() == "INVITE";
    if is_invite {
        let trying = request.reply(100, "");
        core.endpoint.respond(&key, trying).await;
    }
    core.endpoint.log.tell(SipEvent::Forwarded {
        method: request.method().to_owned(),
        to: targets.iter().map(|target| target.uri.clone()).collect(),
    });
    let id = (key.0.clone(), key.1.clone());
    let (sender, mut answers) = mpsc::channel(64);
    for target in targets {
        let cancelled = Arc::new(Notify::new());
        if is_invite {
            let mut state = core.state();
            let legs = state.invitations.entry(id.clone()).or_default();
            legs.push(Arc::clone(&cancelled));
        }
        let own = prepared(core, &request, &target);
        let leg = leg(Arc::clone(core), target, own, cancelled, sender.clone());
        core.endpoint.spawn(leg);
    }
    drop(sender);
    let mut best: Option<SipMessage> = None;
    let mut succeeded = false;
    while let Some(answer) = answers.recv().await {
        match answer.status() {
            0..=100 => {}
            101..=199 => core.endpoint.respond(&key, answer).await,
            200..=299 => {
                succeeded = true;
                core.endpoint.respond(&key, answer).await;
            }
            status => {
                let is_better = best
                    .as_ref()
                    .is_none_or(|best| is_better(status, best.status()));
                if is_better {
                    best = Some(answer);
                }
            }
        }
    }
    if is_invite {
        core.state().invitations.remove(&id);
    }
    if succeeded {
        return;
    }
    let answer = best.unwrap_or_else(|| request.reply(408, &core.endpoint.token()));
    core.endpoint.respond(&key, answer).await;
}

/// Answers of the sixth class come first, then the lower ones (RFC 3261 16.7).
const fn is_better(status: u16, than: u16) -> bool {
    match (status / 100, than / 100) {
        (_, 6) => false,
        (6, _) => true,
        (one, other) => one < other,
    }
}

/// The request as one contact gets it.
fn prepared(core: &Core, request: &SipMessage, target: &Target) -> SipMessage {
    let mut own = request.clone();
    if let super::message::StartLine::Request { uri, .. } = &mut own.start {
        uri.clone_from(&target.uri);
    }
    for route in target.route.iter().rev() {
        own.put_first("Route", route.as_str());
    }
    let is_new = request
        .address("To")
        .is_some_and(|to| to.param("tag").is_none());
    if request.method() == "INVITE" && is_new && core.state().behaviour.record_route {
        let route = format!("<sip:{};lr>", core.endpoint.address());
        own.put_first("Record-Route", route);
    }
    own
}

async fn leg(
    core: Arc<Core>,
    target: Target,
    request: SipMessage,
    cancelled: Arc<Notify>,
    answers: mpsc::Sender<SipMessage>,
) {
    let is_invite = request.method() == "INVITE";
    let mut exchange = Exchange::begin(&core.endpoint, target.flow, request, None).await;
    let mut is_over = false;
    loop {
        let answer = tokio::select! {
            biased;
            answer = exchange.next() => answer,
            () = cancelled.notified(), if !is_over => {
                exchange.cancel().await;
                continue;
            }
        };
        // Further answers of success to an invitation go on as well, until none is to be expected.
        let Some(mut answer) = answer else { return };
        is_over = answer.status() >= 200;
        let stays = is_invite && answer.status() < 300;
        answer.change_via(None);
        if answers.send(answer).await.is_err() || is_over && !stays {
            return;
        }
    }
}
