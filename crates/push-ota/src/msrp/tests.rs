//! Sessions, octet for octet, and against a slow model.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::sip::PushOutcome;

const OWN: &str = "msrp://192.0.2.7:9/q7;tcp";
const PEER: &str = "msrp://192.0.2.9:2856/s1;tcp";
const START: Duration = Duration::from_secs(100);

fn settings() -> ReceiverSettings {
    ReceiverSettings {
        max_content: 1_000,
        max_messages: 3,
        max_remembered: 3,
        max_pieces: 20,
        max_waiting: 2,
        max_head: 600,
        idle_timeout: Duration::from_secs(30),
    }
}

fn receiver(active: bool, budget: &Budget) -> Receiver {
    let [own, peer] = [OWN, PEER].map(|text| Uri::parse(text).unwrap());
    Receiver::new(settings(), own, &[peer], active, budget, 7, START)
}

/// One session, and what has come out of it in short words.
struct Bench {
    receiver: Receiver,
    budget: Budget,
}

impl Bench {
    fn new() -> Self {
        let budget = Budget::new(2_000);
        let receiver = receiver(false, &budget);
        Self { receiver, budget }
    }

    /// What octets lead to.
    fn give(&mut self, octets: &[u8]) -> Vec<String> {
        self.receiver.handle_octets(octets, START);
        self.outputs()
    }

    fn judge(&mut self, ticket: u64, outcome: PushOutcome) -> Vec<String> {
        self.receiver.judged(MessageTicket(ticket), outcome, START);
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<String> {
        let outputs = std::iter::from_fn(|| self.receiver.poll_output());
        outputs.map(|output| words(&output)).collect()
    }
}

fn words(output: &ReceiverOutput) -> String {
    match output {
        ReceiverOutput::Transmit(octets) => {
            let text = String::from_utf8(octets.to_vec()).unwrap();
            let mut words = text.lines().next().unwrap().split(' ');
            words.next();
            words.take(2).collect::<Vec<_>>().join(" ")
        }
        ReceiverOutput::Message {
            ticket,
            message_id,
            content_type,
            headers,
            content,
        } => {
            let content = content.escape_ascii();
            format!(
                "message {} {message_id} {content_type} {} {content}",
                ticket.0,
                headers.len()
            )
        }
        ReceiverOutput::Failed {
            message_id,
            length,
            reason,
        } => format!("failed {message_id} {length}: {reason}"),
        ReceiverOutput::Ended { length, reason } => format!("ended {length}: {reason}"),
    }
}

/// A request without content.
fn bare(name: &str, method: &str, lines: &str) -> Vec<u8> {
    format!(
        "MSRP {name} {method}\r\nTo-Path: {OWN}\r\nFrom-Path: {PEER}\r\n{lines}-------{name}$\r\n"
    )
    .into()
}

/// A chunk of the message `m`.
fn chunk(name: &str, lines: &str, data: &[u8], flag: char) -> Vec<u8> {
    chunk_of("m", name, lines, data, flag)
}

fn chunk_of(id: &str, name: &str, lines: &str, data: &[u8], flag: char) -> Vec<u8> {
    let head = format!(
        "MSRP {name} SEND\r\nTo-Path: {OWN}\r\nFrom-Path: {PEER}\r\nMessage-ID: {id}\r\n{lines}\r\n"
    );
    let end = format!("\r\n-------{name}{flag}\r\n");
    [head.as_bytes(), data, end.as_bytes()].concat()
}

const TYPE: &str = "Content-Type: text/plain;charset=UTF-8\r\n";

fn range(text: &str) -> String {
    format!("Byte-Range: {text}\r\n{TYPE}")
}

#[test]
fn a_push_in_two_chunks_octet_for_octet() {
    let budget = Budget::new(1_000);
    let mut receiver = receiver(true, &budget);
    let sent = |receiver: &mut Receiver| match receiver.poll_output() {
        Some(ReceiverOutput::Transmit(octets)) => String::from_utf8(octets.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    let hello = sent(&mut receiver);
    let name = &hello[5..21];
    let id = hello.split("Message-ID: ").nth(1).unwrap()[..16].to_owned();
    assert_eq!(
        hello,
        format!(
            "MSRP {name} SEND\r\nTo-Path: {PEER}\r\nFrom-Path: {OWN}\r\nMessage-ID: {id}\r\n\
             Byte-Range: 1-0/0\r\n-------{name}$\r\n"
        )
    );
    let answer =
        format!("MSRP {name} 200 OK\r\nTo-Path: {OWN}\r\nFrom-Path: {PEER}\r\n-------{name}$\r\n");
    receiver.handle_octets(answer.as_bytes(), START);
    assert_eq!(receiver.poll_output(), None);

    let relay = "msrp://relay.example.net/r;tcp";
    let request = |name: &str, range: &str, content: &str, flag: char| {
        format!(
            "MSRP {name} SEND\r\nTo-Path: {OWN}\r\nFrom-Path: {relay} {PEER}\r\nMessage-ID: m1\r\nSuccess-Report: yes\r\n\
             Byte-Range: {range}\r\nContent-ID: <1@example.net>\r\nContent-Type: text/plain\r\n\r\n{content}\r\n-------{name}{flag}\r\n"
        )
    };
    receiver.handle_octets(request("c1", "1-5/10", "Hello", '+').as_bytes(), START);
    let answer = |name: &str| {
        format!("MSRP {name} 200 OK\r\nTo-Path: {relay}\r\nFrom-Path: {OWN}\r\n-------{name}$\r\n")
    };
    assert_eq!(sent(&mut receiver), answer("c1"));
    assert_eq!((receiver.unfinished(), budget.used()), (5, 10));
    receiver.handle_octets(request("c2", "6-10/10", "World", '$').as_bytes(), START);
    assert_eq!(
        receiver.poll_output(),
        Some(ReceiverOutput::Message {
            ticket: MessageTicket(1),
            message_id: "m1".into(),
            content_type: "text/plain".into(),
            headers: vec![("Content-ID".into(), "<1@example.net>".into())],
            content: "HelloWorld".into(),
        })
    );
    assert_eq!(receiver.poll_output(), None, "nothing before the judgement");
    assert_eq!((receiver.unfinished(), budget.used()), (0, 10));
    receiver.judged(MessageTicket(1), PushOutcome::Stored, START);
    assert_eq!(sent(&mut receiver), answer("c2"));
    let report = sent(&mut receiver);
    let name = &report[5..21];
    assert_eq!(
        report,
        format!(
            "MSRP {name} REPORT\r\nTo-Path: {relay} {PEER}\r\nFrom-Path: {OWN}\r\nMessage-ID: m1\r\n\
             Byte-Range: 1-10/10\r\nStatus: 000 200 OK\r\n-------{name}$\r\n"
        )
    );
    assert_eq!(receiver.poll_output(), None);
    assert_eq!(budget.used(), 0);
}

#[test]
fn every_outcome_has_its_answer_and_only_success_is_reported() {
    for (outcome, expected) in [
        (PushOutcome::Delivered, "a 200"),
        (PushOutcome::Stored, "a 200"),
        (PushOutcome::Duplicate, "a 200"),
        (PushOutcome::NoSuchApplication, "a 403"),
        (PushOutcome::Ambiguous, "a 403"),
        (PushOutcome::ServerNotListed, "a 403"),
        (PushOutcome::ContentType, "a 415"),
        (PushOutcome::NoRoom, "a 413"),
        (PushOutcome::NotYet, "a 413"),
    ] {
        for (wish, answered) in [
            ("", true),
            ("Failure-Report: yes\r\n", true),
            ("Failure-Report: partial\r\n", !outcome.is_accepted()),
            ("Failure-Report: no\r\n", false),
        ] {
            let mut bench = Bench::new();
            let lines = format!("Success-Report: yes\r\n{wish}{TYPE}");
            let message = bench.give(&chunk("a", &lines, b"x", '$'));
            assert_eq!(message, ["message 1 m text/plain;charset=UTF-8 0 x"]);
            let mut answers = bench.judge(1, outcome);
            if outcome.is_accepted() {
                assert!(answers.pop().unwrap().ends_with(" REPORT"));
            }
            let expected: &[&str] = if answered { &[expected] } else { &[] };
            assert_eq!(answers, expected, "{outcome:?} {wish}");
            assert!(bench.judge(1, outcome).is_empty(), "once");
            // The same chunk again is known.
            let again = bench.give(&chunk("a", &lines, b"x", '$'));
            assert_eq!(again, expected);
        }
    }
}

#[test]
fn chunks_come_in_any_order_and_more_than_once() {
    let mut bench = Bench::new();
    let give = |bench: &mut Bench, name: &str, text: &str, data: &str, flag: char| {
        bench.give(&chunk(name, &range(text), data.as_bytes(), flag))
    };
    assert_eq!(give(&mut bench, "a", "5-6/6", "ef", '$'), ["a 200"]);
    assert_eq!(give(&mut bench, "b", "1-2/6", "AB", '+'), ["b 200"]);
    assert_eq!(give(&mut bench, "c", "1-2/6", "ab", '+'), ["c 200"]);
    assert_eq!(give(&mut bench, "d", "5-6/6", "ef", '$'), ["d 200"]);
    assert_eq!(bench.receiver.unfinished(), 4);
    assert_eq!(
        give(&mut bench, "e", "2-5/6", "bcdE", '+'),
        ["message 1 m text/plain;charset=UTF-8 0 abcdEf"]
    );
    // They wait with the one that made it whole.
    assert!(give(&mut bench, "f", "1-2/6", "ab", '+').is_empty());
    assert_eq!(
        bench.judge(1, PushOutcome::Delivered),
        ["e 200", "f 200"],
        "the latest first where chunks overlap"
    );
    assert_eq!(give(&mut bench, "g", "1-2/6", "ab", '+'), ["g 200"]);
}

#[test]
fn too_many_repetitions_before_the_judgement_end_the_session() {
    let mut bench = Bench::new();
    let whole = chunk("a", TYPE, b"x", '$');
    assert_eq!(bench.give(&whole).len(), 1);
    assert!(bench.give(&whole).is_empty());
    let end = "ended 0: too many requests for a message that is being judged";
    assert_eq!(bench.give(&whole), [end]);
    assert!(bench.judge(1, PushOutcome::Delivered).is_empty());
    assert!(bench.give(&whole).is_empty());
    assert_eq!(bench.budget.used(), 0);
}

#[test]
fn messages_may_be_interleaved_within_bounds() {
    let mut bench = Bench::new();
    let part = |id: &str, data: &str, place: &str, flag: char| {
        chunk_of(id, "a", &range(place), data.as_bytes(), flag)
    };
    for id in ["m1", "m2", "m3"] {
        assert_eq!(bench.give(&part(id, id, "1-2/*", '+')), ["a 200"]);
    }
    let many = "failed m4 0: too many messages at a time";
    assert_eq!(bench.give(&part("m4", "xx", "1-2/*", '+')), [many, "a 413"]);
    assert_eq!(bench.give(&part("m4", "xx", "3-4/*", '+')), ["a 413"]);
    let whole =
        |ticket: u32, id: &str| format!("message {ticket} {id} text/plain;charset=UTF-8 0 {id}-");
    assert_eq!(bench.give(&part("m2", "-", "3-3/3", '$')), [whole(1, "m2")]);
    let given_up = "failed m1 3: the peer gave the message up";
    assert_eq!(
        bench.give(&part("m1", "-", "3-*/*", '#')),
        [given_up, "a 200"]
    );
    assert_eq!(bench.give(&part("m3", "-", "3-3/3", '$')), [whole(2, "m3")]);
    assert_eq!(bench.judge(2, PushOutcome::Delivered), ["a 200"]);
    assert_eq!(bench.judge(1, PushOutcome::NoRoom), ["a 413"]);
    assert_eq!(bench.budget.used(), 0);
    // What was given up may come again.
    assert_eq!(
        bench.give(&part("m1", "m1-", "1-3/3", '$')),
        [whole(3, "m1")]
    );
}

#[test]
fn the_length_may_be_unknown_until_the_end() {
    for (first, second) in [
        ("", "Byte-Range: 4-*/*\r\n"),
        ("Byte-Range: 1-*/*\r\n", "Byte-Range: 4-6/6\r\n"),
        ("Byte-Range: 1-100/*\r\n", "Byte-Range: 4-*/6\r\n"),
    ] {
        let mut bench = Bench::new();
        // Only the first chunk has a type.
        let lines = format!("{first}{TYPE}");
        assert_eq!(bench.give(&chunk("a", &lines, b"abc", '+')), ["a 200"]);
        assert_eq!(
            bench.give(&chunk("b", second, b"def", '$')),
            ["message 1 m text/plain;charset=UTF-8 0 abcdef"]
        );
    }
    // The end may come by itself, in a request without content.
    let mut bench = Bench::new();
    assert_eq!(bench.give(&chunk("a", TYPE, b"abc", '+')), ["a 200"]);
    let end = bare("b", "SEND", "Message-ID: m\r\nByte-Range: 4-3/3\r\n");
    assert_eq!(
        bench.give(&end),
        ["message 1 m text/plain;charset=UTF-8 0 abc"]
    );
}

#[test]
fn an_empty_message_is_one_where_it_has_a_type() {
    let mut bench = Bench::new();
    let lines = range("1-0/0");
    let message = ["message 1 m text/plain;charset=UTF-8 0 "];
    assert_eq!(bench.give(&chunk("a", &lines, b"", '$')), message);
    let hello = bare("b", "SEND", "Message-ID: h\r\nByte-Range: 1-0/0\r\n");
    assert_eq!(bench.give(&hello), ["b 200"]);
    let silent = "Message-ID: h\r\nFailure-Report: partial\r\n";
    assert!(bench.give(&bare("b", "SEND", silent)).is_empty());
}

#[test]
fn what_is_too_long_is_stopped_before_it_has_come() {
    let long = "failed m 0: the content is longer than the terminal takes";
    for text in [
        "1-*/1001",
        "1-1001/*",
        "1002-1001/*",
        "1-*/99999999999999999999",
    ] {
        let mut bench = Bench::new();
        let request = chunk("a", &range(text), b"abc", '#');
        let head = request.len() - 16;
        assert_eq!(bench.give(&request[..head]), [long, "a 413"], "{text}");
        assert!(bench.give(&request[head..]).is_empty());
        assert_eq!(bench.budget.used(), 0);
        let next = chunk("b", &range("4-5/*"), b"de", '+');
        assert_eq!(bench.give(&next), ["b 413"]);
    }
    // Where nobody said so before: at the octet that is one too many.
    let mut bench = Bench::new();
    let request = chunk("a", TYPE, &[b'x'; 1_500], '$');
    assert!(bench.give(&request[..1_100]).is_empty());
    let long = "failed m 980: the content is longer than the terminal takes";
    let outputs = bench.give(&request[1_100..]);
    assert!(outputs.len() == 2 && outputs[1] == "a 413", "{outputs:?}");
    assert!(outputs[0].ends_with(&long[13..]), "{outputs:?}");
}

#[test]
fn the_budget_of_all_sessions_is_kept() {
    let mut bench = Bench::new();
    let mut other = receiver(false, &bench.budget);
    for id in ["m1", "m2"] {
        let octets = chunk_of(id, "a", &range("1-3/900"), b"abc", '+');
        other.handle_octets(&octets, START);
    }
    assert_eq!(bench.budget.used(), 1_800);
    let refused = "failed m 0: too much content is arriving at present";
    let octets = chunk("a", &range("1-3/300"), b"abc", '+');
    assert_eq!(bench.give(&octets), [refused, "a 413"]);
    let fits = chunk_of("n", "a", &range("1-3/200"), b"abc", '+');
    assert_eq!(bench.give(&fits), ["a 200"]);
    drop(other);
    assert_eq!(bench.budget.used(), 200);
}

#[test]
fn contradictions_are_refused() {
    for (first, second, reason) in [
        (
            "1-3/6",
            "4-6/7",
            "the chunks contradict one another about the length of the content",
        ),
        (
            "1-3/6",
            "5-6/6",
            "more octets in a chunk than its Byte-Range says",
        ),
        (
            "1-3/*",
            "4-8/*",
            "fewer octets in the last chunk than its Byte-Range says",
        ),
        ("1-3/*", "3-4", "a malformed Byte-Range"),
        (
            "1-3/6",
            "4-*/5",
            "the chunks contradict one another about the length of the content",
        ),
        (
            "1-3/7",
            "4-*/7",
            "the chunks contradict one another about the length of the content",
        ),
        (
            "1-3/5",
            "4-*/*",
            "the chunks contradict one another about the length of the content",
        ),
    ] {
        let mut bench = Bench::new();
        assert_eq!(
            bench.give(&chunk("a", &range(first), b"abc", '+')),
            ["a 200"]
        );
        let outputs = bench.give(&chunk("b", &range(second), b"def", '$'));
        let failed = format!(": {reason}");
        assert!(outputs[0].ends_with(&failed), "{second} {outputs:?}");
        assert_eq!(outputs[1..], ["b 400"]);
        assert_eq!(bench.budget.used(), 0);
    }
    let mut bench = Bench::new();
    let untyped = bench.give(&chunk("a", "", b"abc", '$'));
    assert_eq!(
        untyped,
        ["failed m 3: no Content-Type in any chunk", "a 400"]
    );
}

#[test]
fn too_many_gaps_are_refused() {
    let mut bench = Bench::new();
    for piece in 0..20 {
        let at = format!("{0}-{0}/*", piece * 2 + 1);
        assert_eq!(bench.give(&chunk("a", &range(&at), b"x", '+')), ["a 200"]);
    }
    let outputs = bench.give(&chunk("a", &range("900-900/*"), b"x", '+'));
    assert_eq!(
        outputs,
        ["failed m 21: the chunks leave too many gaps", "a 413"]
    );
}

#[test]
fn what_is_not_for_the_session_is_refused() {
    let mut bench = Bench::new();
    let request =
        |lines: &str, method: &str| format!("MSRP a {method}\r\n{lines}-------a$\r\n").into_bytes();
    let other = format!("To-Path: msrp://192.0.2.7:9/Q7;tcp\r\nFrom-Path: {PEER}\r\n");
    let two = format!("To-Path: {OWN} {PEER}\r\nFrom-Path: {PEER}\r\n");
    let nonsense = format!("To-Path: x\r\nFrom-Path: {PEER}\r\n");
    let right = format!("To-Path: {OWN}\r\nFrom-Path: {PEER}\r\n");
    for lines in [&other, &two, &nonsense] {
        assert_eq!(bench.give(&request(lines, "SEND")), ["a 481"]);
        assert_eq!(bench.give(&request(lines, "AUTH")), ["a 481"]);
        assert!(bench.give(&request(lines, "REPORT")).is_empty());
    }
    assert_eq!(bench.give(&request(&right, "AUTH")), ["a 501"]);
    assert!(bench.give(&request(&right, "REPORT")).is_empty());
    assert!(bench.give(&request(&right, "200")).is_empty());
    assert_eq!(bench.give(&request(&right, "SEND")), ["a 400"]);
    let long = format!("{right}Message-ID: {}\r\n", "m".repeat(65));
    assert_eq!(bench.give(&request(&long, "SEND")), ["a 400"]);
    // The content of what is refused is nothing to anybody.
    let content = format!("MSRP a AUTH\r\n{right}\r\nabc\r\n-------a$\r\n");
    assert_eq!(bench.give(content.as_bytes()), ["a 501"]);
    let content = format!("MSRP a REPORT\r\n{right}\r\nabc\r\n-------a$\r\n");
    assert!(bench.give(content.as_bytes()).is_empty());
    let lost = request(&format!("To-Path: {OWN}\r\n"), "SEND");
    let end = "ended 0: a request without To-Path and From-Path";
    assert_eq!(bench.give(&lost), [end]);
}

#[test]
fn octets_that_are_no_msrp_end_the_session() {
    let mut bench = Bench::new();
    bench.give(&chunk("a", &range("1-3/6"), b"abc", '+'));
    let end = "ended 3: no first line of MSRP";
    assert_eq!(bench.give(b"GET / HTTP/1.1\r\n"), [end]);
    assert!(bench.give(&chunk("a", TYPE, b"abc", '$')).is_empty());
    assert_eq!(bench.receiver.poll_timeout(), None);
    assert_eq!(bench.budget.used(), 0);
}

#[test]
fn a_peer_that_refuses_the_connection_ends_the_session() {
    let budget = Budget::new(0);
    let mut receiver = receiver(true, &budget);
    let Some(ReceiverOutput::Transmit(hello)) = receiver.poll_output() else {
        panic!("nothing sent");
    };
    let name = std::str::from_utf8(&hello[5..21]).unwrap();
    let stray = b"MSRP other 481 No\r\n-------other$\r\n";
    receiver.handle_octets(stray, START);
    assert_eq!(receiver.poll_output(), None);
    let refusal = format!("MSRP {name} 481 No\r\n-------{name}$\r\n");
    receiver.handle_octets(refusal.as_bytes(), START);
    let reason = "the peer refused the connection with 481".to_owned();
    let ended = ReceiverOutput::Ended { length: 0, reason };
    assert_eq!(receiver.poll_output(), Some(ended));
}

#[test]
fn silence_ends_the_session_but_not_while_a_message_is_judged() {
    let mut bench = Bench::new();
    let idle = Duration::from_secs(30);
    assert_eq!(bench.receiver.poll_timeout(), Some(START + idle));
    let later = START + Duration::from_secs(20);
    let whole = chunk("a", TYPE, b"x", '$');
    bench.receiver.handle_octets(&whole[..10], later);
    assert_eq!(bench.receiver.poll_timeout(), Some(later + idle));
    bench.receiver.handle_octets(&whole[10..], later);
    assert_eq!(bench.receiver.poll_timeout(), None);
    bench.receiver.handle_timeout(later + idle);
    assert_eq!(bench.outputs().len(), 1);
    let judged = later + Duration::from_mins(1);
    let accepted = PushOutcome::Delivered;
    bench.receiver.judged(MessageTicket(1), accepted, judged);
    assert_eq!(bench.outputs(), ["a 200"]);
    assert_eq!(bench.receiver.poll_timeout(), Some(judged + idle));
    bench.receiver.handle_timeout(judged + idle / 2);
    assert!(bench.outputs().is_empty());
    bench.receiver.handle_timeout(judged + idle);
    assert_eq!(
        bench.outputs(),
        ["ended 0: the peer was silent for too long"]
    );
    bench.receiver.handle_timeout(judged + idle * 2);
    assert!(bench.outputs().is_empty());
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut bench = Bench::new();
    for ticket in 1..=5 {
        let id = format!("m{ticket}");
        let octets = chunk_of(&id, "a", TYPE, b"x", '$');
        assert_eq!(bench.give(&octets).len(), 1);
        assert_eq!(bench.judge(ticket, PushOutcome::Delivered), ["a 200"]);
    }
    let again = |bench: &mut Bench, id: &str| bench.give(&chunk_of(id, "a", TYPE, b"x", '$'));
    assert_eq!(again(&mut bench, "m3"), ["a 200"]);
    assert!(again(&mut bench, "m2")[0].starts_with("message 6 m2"));
}

#[test]
fn octets_may_be_split_anywhere() {
    let octets: Vec<u8> = [
        chunk("a", &range("1-3/9"), b"ab\r", '+'),
        bare("b", "SEND", "Message-ID: h\r\n"),
        chunk_of("n", "c", TYPE, b"\r\n-------", '#'),
        chunk("d", &range("4-9/9"), b"\n-----", '$'),
    ]
    .concat();
    let expected = Bench::new().give(&octets);
    assert_eq!(expected.len(), 5, "{expected:?}");
    for middle in 0..octets.len() {
        let mut bench = Bench::new();
        let (left, right) = octets.split_at(middle);
        let outputs = [bench.give(left), bench.give(right)].concat();
        assert_eq!(outputs, expected, "split at {middle}");
    }
}

/// A mebibyte in chunks of 64 octets, given octet by octet in part: work in proportion to its length, or this takes minutes.
#[test]
fn a_mebibyte_in_small_chunks_is_taken() {
    let content: Vec<u8> = (0..1_u32 << 20).map(|at| (at % 251) as u8).collect();
    let budget = Budget::new(1 << 20);
    let [own, peer] = [OWN, PEER].map(|text| Uri::parse(text).unwrap());
    let settings = ReceiverSettings::default();
    let mut receiver = Receiver::new(settings, own, &[peer], false, &budget, 7, START);
    let chunks = content.chunks(64).enumerate();
    let mut answers = 0;
    for (index, data) in chunks {
        let last = (index + 1) * 64 == content.len();
        let lines = range(&format!("{}-*/*", index * 64 + 1));
        let octets = chunk("abcd", &lines, data, if last { '$' } else { '+' });
        let (whole, single) = octets.split_at(if index % 16 == 0 { 0 } else { octets.len() });
        receiver.handle_octets(whole, START);
        single
            .chunks(1)
            .for_each(|octet| receiver.handle_octets(octet, START));
        match receiver.poll_output() {
            Some(ReceiverOutput::Transmit(_)) => answers += 1,
            Some(ReceiverOutput::Message { content: taken, .. }) => {
                assert!(last && taken == content);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(receiver.poll_output(), None);
    }
    assert_eq!(answers, (1 << 14) - 1);
}

/// A message cut into chunks: where each begins, and its octets.
fn cut(content: &[u8], sizes: &[usize]) -> Vec<(usize, Vec<u8>)> {
    let mut chunks = Vec::new();
    let mut start = 0;
    for size in sizes.iter().chain(std::iter::repeat(&7)) {
        let end = (start + size).min(content.len());
        chunks.push((start, content[start..end].to_vec()));
        start = end;
        if start == content.len() {
            return chunks;
        }
    }
    chunks
}

proptest! {
    /// Any cutting, order, repetition, overlap, interleaving and splitting: each message comes once, when it is whole, and every
    /// request is answered once.
    #[test]
    fn any_chunks_are_what_was_sent(
        contents in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 1..60), 1..3),
        sizes in prop::collection::vec(1_usize..20, 0..8),
        overlap in 0_usize..5,
        order in any::<prop::sample::Index>(),
        shuffle in any::<u64>(),
        repeated in 0_usize..3,
        known in any::<bool>(),
        splits in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let mut requests = Vec::new();
        for (index, content) in contents.iter().enumerate() {
            let chunks = cut(content, &sizes);
            let again: Vec<_> = (0..repeated).map(|_| order.get(&chunks).clone()).collect();
            for (start, mut data) in chunks.into_iter().chain(again) {
                let from = start.saturating_sub(overlap);
                data.splice(..0, content[from..start].iter().copied());
                let end = from + data.len();
                let total = if known { content.len().to_string() } else { "*".into() };
                let lines = range(&format!("{}-{end}/{total}", from + 1));
                let flag = if end == content.len() { '$' } else { '+' };
                requests.push(chunk_of(&format!("m{index}"), "ab", &lines, &data, flag));
            }
        }
        // Some order.
        let mut word = shuffle;
        for place in (1..requests.len()).rev() {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            requests.swap(place, usize::try_from(word >> 33).unwrap() % (place + 1));
        }
        let octets = requests.concat();
        let budget = Budget::new(2_000);
        let mut receiver = receiver(false, &budget);
        let mut rest = octets.as_slice();
        let mut sizes = splits.iter().cycle();
        let (mut answers, mut taken) = (0, vec![0; contents.len()]);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            rest = behind;
            receiver.handle_octets(piece, START);
            while let Some(output) = receiver.poll_output() {
                match output {
                    ReceiverOutput::Transmit(octets) => {
                        prop_assert!(octets.starts_with(b"MSRP ab 200 OK\r\n"));
                        answers += 1;
                    }
                    ReceiverOutput::Message { ticket, message_id, content, .. } => {
                        let index: usize = message_id[1..].parse().unwrap();
                        prop_assert_eq!(&content, &contents[index]);
                        taken[index] += 1;
                        receiver.judged(ticket, PushOutcome::Delivered, START);
                    }
                    ReceiverOutput::Failed { reason, .. } | ReceiverOutput::Ended { reason, .. } => {
                        prop_assert!(false, "{}", reason);
                    }
                }
            }
        }
        prop_assert_eq!(answers, requests.len());
        prop_assert!(taken.iter().all(|times| *times == 1));
        prop_assert_eq!(budget.used(), 0);
    }
}
