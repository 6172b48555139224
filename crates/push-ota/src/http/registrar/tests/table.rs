//! Every state of a gateway with every input, as a snapshot to be read.

use std::fmt::Write as _;

use super::*;

type Script = (&'static str, fn(&mut Bench));

/// Roads to each state. Tag 1 is the present one, or 2 where it has changed.
const STATES: &[Script] = &[
    ("new", |_| ()),
    ("dialling", |bench| {
        bench.announce(1, true);
    }),
    ("backing off", |bench| {
        bench.announce(1, true);
        bench.failed(0);
    }),
    ("unreachable", |bench| {
        bench.announce(1, true);
        bench.failed(0);
        while bench.state(0) != PpgState::Unreachable {
            if let [RegistrarOutput::Dial { dial, .. }] = bench.wake()[..] {
                bench.failed(dial.0);
            }
        }
    }),
    ("open", |bench| {
        bench.announce(1, true);
        bench.connected(0);
    }),
    ("confirmed", |bench| {
        bench.announce(1, true);
        bench.connected(0);
        bench.knows(0, 1);
    }),
    ("confirmed, closed", |bench| {
        bench.announce(1, true);
        bench.connected(0);
        bench.knows(0, 1);
        bench.closed(0);
    }),
    ("dialling afresh", |bench| {
        bench.announce(1, true);
        bench.connected(0);
        bench.announce(2, true);
    }),
    ("rejected", |bench| {
        bench.announce(1, true);
        bench.connected(0);
        bench.unbelieved(0, false);
    }),
    ("rejected, closed", |bench| {
        bench.announce(1, true);
        bench.connected(0);
        bench.unbelieved(0, false);
        bench.closed(0);
    }),
    ("not needed, closed", |bench| {
        bench.announce(1, true);
        bench.connected(0);
        bench.announce(1, false);
        bench.closed(0);
    }),
];

type Input = (&'static str, fn(&mut Bench) -> Vec<RegistrarOutput>);

const INPUTS: &[Input] = &[
    ("announce, the same", |bench| {
        let tag = present(bench);
        bench.announce(tag, true)
    }),
    ("announce, another", |bench| bench.announce(5, true)),
    ("announce, not needed", |bench| {
        let tag = present(bench);
        bench.announce(tag, false)
    }),
    ("invited", |bench| bench.invited(own(0))),
    ("invited elsewhere", |bench| bench.invited(contact(0, 9000))),
    ("connected", |bench| bench.connected(latest(bench))),
    ("dial failed", |bench| bench.failed(latest(bench))),
    ("closed", |bench| bench.closed(latest(bench))),
    ("asks", |bench| bench.exchanged(0, None)),
    ("knows", |bench| {
        let tag = present(bench);
        bench.knows(0, tag)
    }),
    ("knows another", |bench| bench.knows(0, 8)),
    ("does not believe", |bench| bench.unbelieved(0, false)),
    ("does not yet believe", |bench| bench.unbelieved(0, true)),
    ("time passes", Bench::wake),
];

fn present(bench: &Bench) -> u8 {
    bench.registrar.tag.map_or(1, |tag| tag.0[0])
}

fn latest(bench: &Bench) -> u64 {
    bench.registrar.next_dial.saturating_sub(1)
}

fn shown(output: &RegistrarOutput) -> String {
    match output {
        RegistrarOutput::Dial { dial, contact, .. } => {
            format!("dial {} to {}", dial.0, contact.port)
        }
        RegistrarOutput::Retire { dial } => format!("retire {}", dial.0),
        RegistrarOutput::Announced { ticket, reports } => {
            let states: Vec<_> = reports.iter().map(|report| report.state).collect();
            format!("answer {} {states:?}", ticket.0)
        }
    }
}

fn table(connect: Connect, announce_on: AnnounceOn) -> String {
    let mut text = String::new();
    for (state, script) in STATES {
        for (name, input) in INPUTS {
            let mut bench = Bench::announcing(&[connect], announce_on, false);
            script(&mut bench);
            let outputs: Vec<_> = input(&mut bench).iter().map(shown).collect();
            let outputs = outputs.join(", ");
            let wake = bench.registrar.poll_timeout().map_or_else(
                || "sleeps".to_owned(),
                |at| {
                    format!(
                        "wakes in {:.1} s",
                        (at.saturating_sub(bench.now)).as_secs_f64()
                    )
                },
            );
            let after = bench.state(0);
            writeln!(
                text,
                "{state:18} | {name:20} | {outputs:36} | {after:?}, {wake}"
            )
            .unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn a_gateway_that_is_always_connected() {
    insta::assert_snapshot!(table(Connect::Always, AnnounceOn::NewConnection));
}

#[test]
fn a_gateway_that_is_connected_when_needed() {
    insta::assert_snapshot!(table(Connect::WhenNeeded, AnnounceOn::NewConnection));
}

#[test]
fn a_gateway_that_is_told_on_the_connection_that_is_open() {
    insta::assert_snapshot!(table(Connect::Always, AnnounceOn::OpenConnection));
}
