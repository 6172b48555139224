//! Connections, and content that comes on them.

use push_message::ReceivedPush;
use std::sync::Arc;

use super::*;
use crate::sip::SipNote;

const PASSIVE: &str = "a=setup:active\r\n";
const PEER: &str = "msrp://192.0.2.9:2856/s1;tcp";

/// A chunk of a message: from the octet `first` (1 the first) of `total`; `flag` ends it.
pub(super) fn chunk(
    own: &str,
    id: &str,
    first: usize,
    total: usize,
    octets: &str,
    flag: char,
) -> String {
    let last = first + octets.len() - 1;
    format!(
        "MSRP t{first} SEND\r\nTo-Path: {own}\r\nFrom-Path: {PEER}\r\nMessage-ID: {id}\r\n\
         Byte-Range: {first}-{last}/{total}\r\nContent-Description: news\r\nContent-Type: text/plain;charset=utf-8\r\n\r\n\
         {octets}\r\n-------t{first}{flag}\r\n"
    )
}

/// A whole message.
pub(super) fn whole(own: &str, id: &str, octets: &str) -> String {
    chunk(own, id, 1, octets.len(), octets, '$')
}

/// The answer to the request that the terminal sent last.
fn answered(octets: &str, own: &str) -> String {
    let transaction = octets.split(' ').nth(1).unwrap();
    format!(
        "MSRP {transaction} 200 OK\r\nTo-Path: {own}\r\nFrom-Path: {PEER}\r\n-------{transaction}$\r\n"
    )
}

/// The terminal's path in its answer.
pub(super) fn path(response: &Response) -> String {
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    let path = body.lines().find_map(|line| line.strip_prefix("a=path:"));
    path.unwrap().to_owned()
}

fn transmitted(output: Option<&ServingOutput>) -> String {
    match output {
        Some(ServingOutput::StreamTransmit { octets, .. }) => {
            String::from_utf8(octets.to_vec()).unwrap()
        }
        other => panic!("nothing is transmitted: {other:?}"),
    }
}

pub(super) fn pushed(output: Option<&ServingOutput>) -> (SipPushTicket, Arc<ReceivedPush>) {
    match output {
        Some(ServingOutput::Push { ticket, push }) => (*ticket, Arc::clone(push)),
        other => panic!("no push: {other:?}"),
    }
}

fn closed(output: Option<&ServingOutput>) -> StreamId {
    match output {
        Some(ServingOutput::CloseStream { stream }) => *stream,
        other => panic!("nothing is closed: {other:?}"),
    }
}

impl Terminal {
    /// A session with its ACK: the terminal's tag and path.
    fn agreed(&mut self, call: u32, offer: &str) -> (String, String) {
        let (_, response) = self.invited(&invite(call, "Subject: one\r\n", offer));
        let tag = response.to_tag().unwrap().to_owned();
        self.ack(call, &tag, 4);
        (tag, path(&response))
    }

    pub(super) fn octets(&mut self, stream: u64, octets: &str) -> Vec<ServingOutput> {
        let received = push_message::UnixMillis(1_700_000_009_000);
        let stream = StreamId(stream);
        self.serving
            .stream_octets(stream, octets.as_bytes(), received, self.now);
        self.take()
    }

    fn accepted(&mut self, stream: u64) -> Vec<ServingOutput> {
        let peer = "192.0.2.9:40000".parse().unwrap();
        self.serving
            .stream_accepted(StreamId(stream), peer, self.now);
        self.take()
    }

    pub(super) fn opened(&mut self, stream: u64) -> Vec<ServingOutput> {
        self.serving.stream_opened(StreamId(stream), self.now);
        self.take()
    }

    pub(super) fn verdict(
        &mut self,
        ticket: SipPushTicket,
        outcome: PushOutcome,
    ) -> Vec<ServingOutput> {
        self.serving
            .judged(ticket, outcome, &self.announced, self.now);
        self.take()
    }
}

//= specs/ota-sip.md#large-push
//= type=test
//# A terminal that takes the active role MUST connect and send a SEND at once.
#[test]
fn a_push_comes_in_chunks_on_a_connection_of_the_terminal() {
    let mut terminal = terminal();
    let (tag, own) = terminal.agreed(1, &offer(ACTPASS));
    let outputs = terminal.opened(1);
    let hello = transmitted(outputs.first());
    assert!(
        hello.starts_with("MSRP ") && hello.contains(" SEND\r\n"),
        "{hello}"
    );
    assert!(hello.contains(&format!("To-Path: {PEER}\r\nFrom-Path: {own}\r\n")));
    assert_eq!(outputs.len(), 1);
    assert!(terminal.octets(1, &answered(&hello, &own)).is_empty());
    let outputs = terminal.octets(1, &chunk(&own, "m1", 1, 10, "hello", '+'));
    assert!(transmitted(outputs.first()).starts_with("MSRP t1 200 OK\r\n"));
    assert_eq!(outputs.len(), 1);
    // The last chunk is answered only when the push has been judged.
    let outputs = terminal.octets(1, &chunk(&own, "m1", 6, 10, "world", '$'));
    assert_eq!(outputs.len(), 1);
    let (ticket, push) = pushed(outputs.first());
    assert_eq!(&*push.message.content, b"helloworld");
    assert_eq!(
        push.message.content_type.to_string(),
        "text/plain; charset=utf-8"
    );
    let headers: Vec<_> = push.message.headers.iter().collect();
    assert_eq!(
        headers,
        [("Content-Description", "news"), ("Subject", "one")]
    );
    assert_eq!(push.received.0, 1_700_000_009_000);
    assert_eq!(push.origin.destination_port, Some(5070));
    assert_eq!(
        &*push.origin.transaction,
        b"c1@example.net\0\0\0\0\x04\0p1\0m1"
    );
    let outputs = terminal.verdict(ticket, PushOutcome::Stored);
    assert!(transmitted(outputs.first()).starts_with("MSRP t6 200 OK\r\n"));
    assert!(terminal.verdict(ticket, PushOutcome::Stored).is_empty());
    let (id, mut outputs) = terminal.request(&within("BYE", 1, &tag, 5, "", ""));
    assert_eq!(closed(outputs.pop().as_ref()), StreamId(1));
    assert_eq!(responded(outputs.pop(), id).status(), 200);
    assert!(outputs.is_empty() && terminal.serving.is_idle());
}

#[test]
fn the_judgement_of_a_large_push_is_its_answer() {
    for (outcome, silent, status) in [
        (PushOutcome::Delivered, false, "200"),
        (PushOutcome::Duplicate, false, "200"),
        (PushOutcome::ContentType, false, "415"),
        (PushOutcome::ServerNotListed, false, "403"),
        (PushOutcome::ServerNotListed, true, "200"),
        (PushOutcome::NoRoom, false, "413"),
    ] {
        let mut terminal = with(|settings| settings.serving.silent_refusal = silent);
        let (_, own) = terminal.agreed(1, &offer(ACTPASS));
        terminal.opened(1);
        let outputs = terminal.octets(1, &whole(&own, "m1", "hello"));
        let (ticket, _) = pushed(outputs.first());
        let outputs = terminal.verdict(ticket, outcome);
        let answer = transmitted(outputs.first());
        assert!(
            answer.starts_with(&format!("MSRP t1 {status}")),
            "{outcome:?} {answer}"
        );
    }
}

#[test]
fn a_sender_that_falls_silent_behind_its_content_is_sent_bye() {
    let mut terminal = terminal();
    let (_, own) = terminal.agreed(1, &offer(ACTPASS));
    terminal.opened(1);
    let outputs = terminal.octets(1, &whole(&own, "m1", "hello"));
    let (ticket, _) = pushed(outputs.first());
    terminal.verdict(ticket, PushOutcome::Delivered);
    // Another message is another push.
    let outputs = terminal.octets(1, &whole(&own, "m2", "hello"));
    let (ticket, _) = pushed(outputs.first());
    terminal.verdict(ticket, PushOutcome::Delivered);
    let begin = terminal.now;
    let outputs = terminal.wake();
    assert_eq!(terminal.now.saturating_sub(begin), Duration::from_secs(30));
    assert_eq!(closed(outputs.first()), StreamId(1));
    assert_eq!(sent(outputs.get(1)).method().as_str(), "BYE");
    assert!(outputs.len() == 2 && terminal.serving.is_idle());
}

#[test]
fn content_that_is_not_whole_is_dropped_and_noted() {
    // The sender says BYE, falls silent, or takes its time.
    let mut terminal = terminal();
    let (tag, own) = terminal.agreed(1, &offer(ACTPASS));
    terminal.opened(1);
    terminal.octets(1, &chunk(&own, "m1", 1, 10, "hello", '+'));
    let (_, outputs) = terminal.request(&within("BYE", 1, &tag, 5, "", ""));
    let noted = |outputs: &[ServingOutput]| {
        let noted = outputs.iter().find_map(|output| match output {
            ServingOutput::Noted(SipNote::SessionFailed { length, .. }) => Some(*length),
            ServingOutput::Noted(_)
            | ServingOutput::Respond { .. }
            | ServingOutput::Send { .. }
            | ServingOutput::Push { .. }
            | ServingOutput::Foresee { .. }
            | ServingOutput::OpenStream { .. }
            | ServingOutput::StreamTransmit { .. }
            | ServingOutput::CloseStream { .. } => None,
        });
        noted.unwrap()
    };
    assert_eq!(noted(&outputs), 5);
    let (_, own) = terminal.agreed(2, &offer(ACTPASS));
    terminal.opened(3);
    terminal.octets(3, &chunk(&own, "m1", 1, 10, "hello", '+'));
    let outputs = terminal.wake();
    assert_eq!(noted(&outputs), 5);
    assert!(terminal.serving.is_idle());
    let (_, own) = terminal.agreed(3, &offer(ACTPASS));
    terminal.opened(5);
    for octet in 1..=10 {
        terminal.now += Duration::from_secs(29);
        terminal.serving.handle_timeout(terminal.now);
        let outputs = terminal.octets(5, &chunk(&own, "m1", octet, 1_000, "h", '+'));
        assert_eq!(outputs.len(), 1);
    }
    let outputs = terminal.wake();
    assert_eq!(reason(outputs.first()), "it took too long");
    assert_eq!(noted(&outputs), 10);
    assert!(terminal.serving.is_idle());
}

#[test]
fn a_sender_that_closes_its_connection_has_a_while_to_say_bye() {
    let mut terminal = terminal();
    let (tag, own) = terminal.agreed(1, &offer(ACTPASS));
    terminal.opened(1);
    let outputs = terminal.octets(1, &whole(&own, "m1", "hello"));
    let (ticket, _) = pushed(outputs.first());
    terminal
        .serving
        .stream_ended(StreamId(1), "closed", terminal.now);
    assert!(terminal.take().is_empty());
    // Nobody is left to be told.
    assert!(terminal.verdict(ticket, PushOutcome::Delivered).is_empty());
    let (id, mut outputs) = terminal.request(&within("BYE", 1, &tag, 5, "", ""));
    assert_eq!(responded(outputs.pop(), id).status(), 200);
    assert!(outputs.is_empty() && terminal.serving.is_idle());
    let (_, own) = terminal.agreed(2, &offer(ACTPASS));
    terminal.opened(3);
    terminal.octets(3, &chunk(&own, "m1", 1, 10, "hello", '+'));
    terminal
        .serving
        .stream_ended(StreamId(3), "closed", terminal.now);
    assert_eq!(reason(terminal.take().first()), "closed");
    let outputs = terminal.wake();
    assert_eq!(sent(outputs.first()).method().as_str(), "BYE");
    assert!(outputs.len() == 1 && terminal.serving.is_idle());
}

//= specs/ota-sip.md#large-push
//= type=test
//# A connection MUST belong to the session that the To-Path of its first request names.
//= specs/ota-sip.md#large-push
//= type=test
//# Where the offer says nothing of roles the terminal MUST leave it to the offerer to connect.
#[test]
fn connections_of_senders_find_their_sessions() {
    let mut terminal = listening();
    let (first, response) = terminal.invited(&invite(1, "", &offer("")));
    let answer = String::from_utf8(response.body().to_vec()).unwrap();
    assert!(!answer.contains("a=setup"), "{answer}");
    assert!(answer.contains("m=message 2855 TCP/MSRP *"));
    let (_, second) = terminal.agreed(2, &offer(PASSIVE));
    assert!(terminal.accepted(2).is_empty() && terminal.accepted(4).is_empty());
    // The first octets come in pieces, the sessions in another order, and before the ACK.
    let message = whole(&second, "m2", "second");
    let (left, right) = message.split_at(40);
    assert!(terminal.octets(2, left).is_empty());
    let one = whole(&path(&response), "m1", "first");
    let outputs = terminal.octets(4, &one);
    let (ticket, push) = pushed(outputs.first());
    assert_eq!(&*push.message.content, b"first");
    let outputs = terminal.octets(2, right);
    let (_, push) = pushed(outputs.first());
    assert_eq!(&*push.message.content, b"second");
    let outputs = terminal.verdict(ticket, PushOutcome::Delivered);
    assert!(matches!(
        outputs.as_slice(),
        [ServingOutput::StreamTransmit {
            stream: StreamId(4),
            ..
        }]
    ));
    assert_eq!(terminal.ack(1, response.to_tag().unwrap(), 4).len(), 0);
    let _ = first;
}

//= specs/ota-sip.md#large-push
//= type=test
//# A request for a session that does not exist MUST be answered with 481.
#[test]
fn connections_for_no_session_are_turned_away() {
    let mut terminal = listening();
    let (_, own) = terminal.agreed(1, &offer(PASSIVE));
    let (_, active) = terminal.agreed(2, &offer(ACTPASS));
    let other = own.replace("2855/", "2855/x");
    for (stream, octets, status) in [
        (2, whole(&other, "m1", "hello"), Some("481")),
        (4, whole(&active, "m1", "hello"), Some("481")),
        (6, "GET / HTTP/1.1\r\n\r\n".to_owned(), None),
    ] {
        terminal.accepted(stream);
        let mut outputs = terminal.octets(stream, &octets);
        let Some(ServingOutput::Noted(SipNote::Refused { word, length, .. })) = outputs.pop()
        else {
            panic!("nothing is noted");
        };
        assert_eq!((word, length), ("stream", octets.len()));
        assert_eq!(closed(outputs.pop().as_ref()), StreamId(stream));
        if let Some(status) = status {
            let answer = transmitted(outputs.pop().as_ref());
            assert!(answer.starts_with(&format!("MSRP t1 {status}")), "{answer}");
        }
        assert!(outputs.is_empty());
    }
    terminal.accepted(8);
    assert_eq!(terminal.octets(8, &whole(&own, "m1", "hello")).len(), 1);
    terminal.accepted(10);
    let outputs = terminal.octets(10, &whole(&own, "m2", "hello"));
    assert!(transmitted(outputs.first()).starts_with("MSRP t1 506"));
    assert_eq!(closed(outputs.get(1)), StreamId(10));
    // Where nobody is waited for, there are none.
    let mut terminal = with(|settings| settings.sessions.enabled = false);
    assert_eq!(closed(terminal.accepted(2).first()), StreamId(2));
}

#[test]
fn strangers_are_bounded_and_do_not_stay() {
    let mut terminal = with(|settings| settings.sessions.max_unbound = 2);
    assert!(terminal.accepted(2).is_empty());
    terminal.now += Duration::from_secs(1);
    assert!(terminal.accepted(4).is_empty());
    assert_eq!(closed(terminal.accepted(6).first()), StreamId(2));
    assert!(terminal.octets(2, "MSRP").is_empty());
    assert!(terminal.octets(6, "MSRP").is_empty());
    terminal
        .serving
        .stream_ended(StreamId(6), "gone", terminal.now);
    assert!(terminal.take().is_empty());
    assert_eq!(closed(terminal.wake().first()), StreamId(4));
    assert!(terminal.serving.is_idle());
    terminal.accepted(8);
    terminal.serving.stop();
    assert_eq!(closed(terminal.take().first()), StreamId(8));
    assert_eq!(closed(terminal.accepted(10).first()), StreamId(10));
    assert!(terminal.serving.is_idle());
}

#[test]
fn content_is_bounded_in_one_push_and_in_all() {
    let mut terminal = with(|settings| {
        settings.sessions.max_content = 8;
        settings.sessions.max_octets = 12;
    });
    let (_, first) = terminal.agreed(1, &offer(ACTPASS));
    let (_, second) = terminal.agreed(2, &offer(ACTPASS));
    terminal.opened(1);
    terminal.opened(3);
    let outputs = terminal.octets(1, &whole(&first, "m1", "too long!"));
    reason(outputs.first());
    assert!(transmitted(outputs.get(1)).starts_with("MSRP t1 413"));
    let outputs = terminal.octets(1, &chunk(&first, "m2", 1, 8, "seven..", '+'));
    assert!(transmitted(outputs.first()).starts_with("MSRP t1 200"));
    let outputs = terminal.octets(3, &chunk(&second, "m1", 1, 8, "seven..", '+'));
    reason(outputs.first());
    assert!(transmitted(outputs.get(1)).starts_with("MSRP t1 413"));
}

#[test]
fn a_push_without_type_has_none_and_one_without_sense_is_refused() {
    let mut terminal = terminal();
    let (_, own) = terminal.agreed(1, &offer(ACTPASS));
    terminal.opened(1);
    let broken = whole(&own, "m1", "hello").replace("text/plain;charset=utf-8", "none");
    let outputs = terminal.octets(1, &broken);
    assert_eq!(reason(outputs.first()), "Content-Type is no media type");
    assert!(transmitted(outputs.get(1)).starts_with("MSRP t1 415"));
    let half = whole(&own, "m2", "hello").replace(";charset=utf-8", ";charset");
    let outputs = terminal.octets(1, &half);
    let (_, push) = pushed(outputs.first());
    assert_eq!(
        push.message.headers.get("Content-Type"),
        Some("text/plain;charset")
    );
}

#[test]
fn encoded_content_is_refused_before_it_has_come() {
    let mut terminal = terminal();
    let (_, own) = terminal.agreed(1, &offer(ACTPASS));
    terminal.opened(1);
    let described = "Content-Description: news";
    for (id, encoding) in [("m1", "gzip"), ("m2", "identity, deflate")] {
        let encoded = format!("Content-Encoding: {encoding}");
        let outputs = terminal.octets(1, &whole(&own, id, "hello").replace(described, &encoded));
        assert_eq!(
            reason(outputs.first()),
            "content in an encoding that is not taken"
        );
        assert!(transmitted(outputs.get(1)).starts_with("MSRP t1 415"));
        assert_eq!(outputs.len(), 2);
    }
    let plain = whole(&own, "m3", "hello").replace(described, "Content-Encoding: Identity");
    pushed(terminal.octets(1, &plain).first());
}

/// The name of a request is what this generator makes of its state, and tells it.
#[test]
fn what_a_sender_sees_does_not_give_away_the_chance_of_others() {
    let mut terminal = terminal();
    terminal.agreed(1, &offer(ACTPASS));
    let hello = transmitted(terminal.opened(1).first());
    let name = hello.split(' ').nth(1).unwrap();
    for near in 0..64_u64 {
        // The terminal's chance is 7.
        let mut known = crate::Backoff::new(Duration::ZERO, Duration::ZERO, 7 + near);
        assert_ne!(format!("{:016x}", known.next()), name);
    }
}

#[test]
fn an_envelope_in_a_session_is_opened_likewise() {
    let mut terminal = with(|settings| settings.serving.unpack_envelope = true);
    let (_, own) = terminal.agreed(1, &offer(ACTPASS));
    terminal.opened(1);
    let body = "Content-Type: text/vnd.wap.si\r\nX-Wap-Application-Id: 4\r\n\r\nhello";
    let octets =
        whole(&own, "m1", body).replace("text/plain;charset=utf-8", "application/vnd.oma.push");
    let outputs = terminal.octets(1, &octets);
    let (_, push) = pushed(outputs.first());
    assert_eq!(push.message.content_type.to_string(), "text/vnd.wap.si");
    assert_eq!(&*push.message.content, b"hello");
    assert!(push.message.application.is_some());
    let headers: Vec<_> = push.message.headers.iter().collect();
    assert_eq!(headers, [("Subject", "one"), ("X-Wap-Application-Id", "4")]);
}

#[test]
fn pushes_that_nobody_has_judged_yet_are_bounded() {
    let mut terminal = with(|settings| settings.transactions.max_unanswered = 1);
    let (_, first) = terminal.agreed(1, &offer(ACTPASS));
    let (_, second) = terminal.agreed(2, &offer(ACTPASS));
    terminal.opened(1);
    terminal.opened(3);
    let outputs = terminal.octets(1, &whole(&first, "m1", "hello"));
    let (ticket, _) = pushed(outputs.first());
    let outputs = terminal.octets(3, &whole(&second, "m1", "hello"));
    assert_eq!(reason(outputs.first()), "too many pushes are being judged");
    assert!(matches!(
        outputs.get(1),
        Some(ServingOutput::StreamTransmit { .. })
    ));
    assert_eq!(terminal.verdict(ticket, PushOutcome::Delivered).len(), 1);
    let outputs = terminal.octets(3, &whole(&second, "m2", "hello"));
    pushed(outputs.first());
}
