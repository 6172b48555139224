//! Short messages that `pushcai submit` hands over.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::Context as _;
use conformance::{
    loopback::Network,
    pushcai::{Daemon, Outcome, content},
};
use push_lab::short_message::{Order, ShortMessage};
use serde_json::{Value, json};

use crate::stage::MMS;

const SUBMITTED: &str = "[sms]\nsubmitted = true\n";
const CENTRE: &str = "+4917099999";
const SENDER: &str = "+15551234567";

/// A push to `mms.ua` with this content as short messages.
fn message(reference: u16, content: &[u8]) -> ShortMessage {
    let datagram = [b"\x01\x06\x03\xBE\xAF\x84", content].concat();
    let message = ShortMessage::new(datagram).reference(reference);
    message.sender(SENDER).centre(CENTRE)
}

/// A content of this length that no other seed has.
fn octets(seed: u8, length: usize) -> Vec<u8> {
    let octets = (0..=250_u8).map(|octet| octet.wrapping_mul(3).wrapping_add(seed));
    [seed]
        .into_iter()
        .chain(octets.cycle())
        .take(length)
        .collect()
}

fn hexadecimal(octets: &[u8]) -> String {
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 0x0F]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn words(messages: &[Vec<u8>]) -> Vec<String> {
    messages.iter().map(|octets| hexadecimal(octets)).collect()
}

/// What `pushcai submit` says of each item.
fn submit(daemon: &Daemon, arguments: &[&str], items: &[String]) -> anyhow::Result<Vec<String>> {
    let mut all = vec!["submit", "--json"];
    all.extend(arguments);
    all.extend(items.iter().map(String::as_str));
    verdicts(&daemon.pushcai(&all)?)
}

fn verdicts(outcome: &Outcome) -> anyhow::Result<Vec<String>> {
    let answer: Value =
        serde_json::from_str(&outcome.output).with_context(|| format!("{outcome:?}"))?;
    let results = answer["results"].as_array().context("no results")?;
    let verdict = |result: &Value| Some(result["verdict"].as_str()?.to_owned());
    results
        .iter()
        .map(|result| verdict(result).context("no verdict"))
        .collect()
}

#[test]
fn segments_in_any_order_and_again_are_one_push_though_the_daemon_is_killed_between_them()
-> anyhow::Result<()> {
    let network = Network::claim()?;
    let start = |directory| Daemon::start_in(directory, network.host(2), SUBMITTED);
    let mut daemon = start(tempfile::tempdir()?)?;
    daemon.pushcai_json(&["register", MMS, "--json"])?;
    let pushed = octets(1, 500);
    for order in [Order::Forward, Order::Backward, Order::Shuffled(3)] {
        let reference = match order {
            Order::Forward => 1,
            Order::Backward => 2,
            Order::Shuffled(_) => 3,
        };
        let segments = words(&message(reference, &pushed).order(order).tpdus());
        let (last, first) = segments.split_last().context("no segments")?;
        assert!(first.len() > 2, "{first:?}");
        for segment in first {
            for _ in 0..2 {
                let said = submit(&daemon, &[], std::slice::from_ref(segment))?;
                assert_eq!(said, ["kept"]);
            }
            daemon = start(daemon.kill()?)?;
        }
        assert_eq!(
            submit(&daemon, &[], std::slice::from_ref(last))?,
            ["accepted"]
        );
        daemon = start(daemon.kill()?)?;
        let event = daemon.events(1)?.remove(0);
        assert_eq!(content(&event)?, pushed);
        assert_eq!(event["bearer"], "GSM-SMS");
        assert_eq!(event["server"], CENTRE);
        assert_eq!(event["originator"], SENDER);
        assert_eq!(event["device"], "submit");
        assert_eq!(event["ports"], json!({"dest": 2948, "orig": 9200}));
        // Once more, as after an answer that was lost.
        let again = submit(&daemon, &[], &segments)?;
        let last = again.last().map(String::as_str);
        assert_eq!(last, Some("duplicate"), "{again:?}");
        assert_eq!(daemon.waiting()?, Vec::<Value>::new());
    }
    Ok(())
}

#[test]
fn user_data_by_word_file_and_standard_input_reaches_the_application() -> anyhow::Result<()> {
    let network = Network::claim()?;
    let daemon = Daemon::start(network.host(2), SUBMITTED)?;
    daemon.pushcai_json(&["register", MMS, "--json"])?;
    let arguments = [
        "--kind",
        "user-data",
        "--sender",
        SENDER,
        "--device",
        "modem-7",
    ];
    let shown = |pushed: &[u8]| -> anyhow::Result<()> {
        let event = daemon.events(1)?.remove(0);
        assert_eq!(content(&event)?, pushed);
        assert_eq!(event["originator"], SENDER);
        assert_eq!(event["device"], "modem-7");
        Ok(())
    };

    let whole = octets(1, 100);
    let said = submit(&daemon, &arguments, &words(&message(1, &whole).segments()))?;
    assert_eq!(said, ["accepted"]);
    shown(&whole)?;

    let long = octets(2, 300);
    let mut segments = message(2, &long).segments();
    segments.reverse();
    let directory = tempfile::tempdir()?;
    let mut in_files = arguments.map(str::to_owned).to_vec();
    for (index, segment) in segments.iter().enumerate() {
        let path = directory.path().join(index.to_string());
        std::fs::write(&path, segment)?;
        in_files.extend(["--file".to_owned(), path.display().to_string()]);
    }
    let in_files: Vec<&str> = in_files.iter().map(String::as_str).collect();
    assert_eq!(
        submit(&daemon, &in_files, &[])?,
        ["kept", "kept", "accepted"]
    );
    shown(&long)?;

    let long = octets(3, 300);
    let lines = words(&message(3, &long).segments()).join("\n");
    let mut command = daemon.command(&[&["submit", "--json"], &arguments[..]].concat())?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().context("no standard input")?;
    input.write_all(lines.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(answer["results"][2]["verdict"], "accepted", "{answer}");
    shown(&long)
}

/// Messages of the test below, and segments that are handed over at a time.
const MESSAGES: u8 = 16;
const AT_A_TIME: usize = 4;

#[test]
fn a_daemon_killed_while_segments_are_handed_over_loses_none_and_doubles_none() -> anyhow::Result<()>
{
    let network = Network::claim()?;
    let start = |directory| Daemon::start_in(directory, network.host(2), SUBMITTED);
    let mut daemon = start(tempfile::tempdir()?)?;
    daemon.pushcai_json(&["register", MMS, "--json"])?;
    let mut expected = BTreeMap::new();
    let mut segments = Vec::new();
    for number in 0..MESSAGES {
        let pushed = octets(number, 300);
        let order = Order::Shuffled(number.into());
        let tpdus = message(number.into(), &pushed).order(order).tpdus();
        segments.extend(words(&tpdus).into_iter().enumerate());
        expected.insert(pushed, 1_usize);
    }
    // Segments of different messages alternate, so that each kill finds several messages on their way.
    segments.sort_by_key(|(place, _)| *place);
    for (round, batch) in segments.chunks(AT_A_TIME).enumerate() {
        let mut submitting = Vec::new();
        for (_, segment) in batch {
            submitting.push((segment, daemon.follow(&["submit", segment])?));
        }
        // One of them is through; the others are anywhere.
        let (segment, first) = submitting.swap_remove(round % batch.len());
        let mut left = Vec::new();
        if !first.wait()?.success() {
            left.push(segment);
        }
        daemon = start(daemon.kill()?)?;
        for (segment, other) in submitting {
            if !other.wait()?.success() {
                left.push(segment);
            }
        }
        for segment in left {
            let said = submit(&daemon, &[], std::slice::from_ref(segment))?;
            assert!(said == ["kept"] || said == ["accepted"], "{said:?}");
        }
    }
    let mut arrived = BTreeMap::new();
    for event in daemon.waiting()? {
        *arrived.entry(content(&event)?).or_default() += 1;
    }
    assert_eq!(arrived, expected);
    Ok(())
}
