//! A request of ours and its answers (RFC 3261 17.1).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::endpoint::{ClientKey, Endpoint};
use super::events::{SipEvent, SipFlow};
use super::message::SipMessage;

/// A request under way.
#[derive(Debug)]
pub(super) struct Exchange {
    endpoint: Arc<Endpoint>,
    /// As it was sent.
    pub(super) request: SipMessage,
    pub(super) flow: SipFlow,
    octets: Vec<u8>,
    key: ClientKey,
    answers: mpsc::Receiver<SipMessage>,
    interval: Duration,
    again: Option<Instant>,
    until: Instant,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.endpoint.await_no_more(&self.key);
    }
}

impl Exchange {
    /// Sends a request that has no Via of ours yet, with this branch or a new one.
    pub(super) async fn begin(
        endpoint: &Arc<Endpoint>,
        flow: SipFlow,
        mut request: SipMessage,
        branch: Option<String>,
    ) -> Self {
        let branch = branch.unwrap_or_else(|| format!("z9hG4bK{}", endpoint.token()));
        request.put_first("Via", endpoint.via(flow, &branch));
        let key = (branch, request.method().to_owned());
        let octets = request.encode();
        let answers = endpoint.await_answers(key.clone());
        endpoint.send(flow, octets.clone()).await;
        let now = Instant::now();
        let interval = endpoint.timers.t1;
        Self {
            endpoint: Arc::clone(endpoint),
            again: matches!(flow, SipFlow::Udp(_)).then_some(now + interval),
            until: now + endpoint.timers.patience,
            request,
            flow,
            octets,
            key,
            answers,
            interval,
        }
    }

    fn is_invite(&self) -> bool {
        self.key.1 == "INVITE"
    }

    /// The next answer; nothing once none is awaited any more. What is not answered is sent again where it may be lost, and an
    /// answer that refuses an invitation is acknowledged.
    pub(super) async fn next(&mut self) -> Option<SipMessage> {
        loop {
            let again = self.again.unwrap_or(self.until);
            tokio::select! {
                biased;
                answer = self.answers.recv() => {
                    let answer = answer?;
                    self.answered(&answer).await;
                    return Some(answer);
                }
                () = sleep_until(self.until) => return None,
                () = sleep_until(again) => self.repeat().await,
            }
        }
    }

    /// The answer that ends it.
    pub(super) async fn last(&mut self) -> Option<SipMessage> {
        loop {
            let answer = self.next().await?;
            if answer.status() >= 200 {
                return Some(answer);
            }
        }
    }

    async fn repeat(&mut self) {
        self.interval *= 2;
        if !self.is_invite() {
            self.interval = self.interval.min(self.endpoint.timers.t2);
        }
        self.again = Some(Instant::now() + self.interval);
        self.endpoint.log.tell(SipEvent::Again {
            flow: self.flow,
            method: self.key.1.clone(),
        });
        self.endpoint.send(self.flow, self.octets.clone()).await;
    }

    async fn answered(&mut self, answer: &SipMessage) {
        if answer.status() < 200 {
            if self.is_invite() {
                self.again = None;
                self.until = Instant::now() + self.endpoint.timers.patience;
            }
            return;
        }
        self.again = None;
        if self.is_invite() && answer.status() >= 300 {
            let ack = self.follow("ACK", answer.get("To"));
            let key = self.key.clone();
            self.endpoint.remember_ack(key, self.flow, &ack);
            self.endpoint.send(self.flow, ack.encode()).await;
        }
    }

    /// The CANCEL or the ACK that goes with this request.
    pub(super) fn follow(&self, method: &str, to: Option<&str>) -> SipMessage {
        let mut message = SipMessage::request(method, self.request.uri());
        if let Some(via) = self.request.get("Via") {
            message = message.with("Via", via);
        }
        for name in ["Max-Forwards", "Route", "From", "Call-ID"] {
            for value in self.request.all(name) {
                message = message.with(name, value);
            }
        }
        let to = to.or_else(|| self.request.get("To")).unwrap_or_default();
        let (number, _) = self.request.cseq();
        message
            .with("To", to)
            .with("CSeq", format!("{number} {method}"))
    }

    /// Takes an invitation back. The answer to CANCEL itself does not matter.
    pub(super) async fn cancel(&self) {
        let octets = self.follow("CANCEL", None).encode();
        let key = (self.key.0.clone(), "CANCEL".to_owned());
        let mut answers = self.endpoint.await_answers(key.clone());
        let endpoint = Arc::clone(&self.endpoint);
        let flow = self.flow;
        endpoint.send(flow, octets.clone()).await;
        self.endpoint.spawn(async move {
            let mut interval = endpoint.timers.t1;
            let mut left = endpoint.timers.patience;
            while left > Duration::ZERO && matches!(flow, SipFlow::Udp(_)) {
                if tokio::time::timeout(interval, answers.recv()).await.is_ok() {
                    break;
                }
                endpoint.send(flow, octets.clone()).await;
                left = left.saturating_sub(interval);
                interval = (interval * 2).min(endpoint.timers.t2);
            }
            endpoint.await_no_more(&key);
        });
    }
}
