//! Killed at any point, on either side: what was taken is delivered.

use std::{collections::BTreeSet, net::TcpStream, process::Command};

use anyhow::Context;
use conformance::{
    loopback, peer,
    process::{Running, eventually},
};

use crate::stage::{MMS, Stage};

/// Writes the number in each event and answers 204.
const RECEIVER: &str = r#"
import base64, json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *arguments):
        pass
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = int.from_bytes(base64.b64decode(event["content"]), "big")
        print(number, flush=True)
        self.send_response(204)
        self.end_headers()
ThreadingHTTPServer.allow_reuse_address = True
ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Receiver).serve_forever()
"#;

/// Pushes of each round, and rounds of kills; an event is delivered at most once in each, and 16 deliveries are allowed.
const BURST: u32 = 40;
const ROUNDS: u32 = 6;

fn receiver(host: &str, port: u16) -> anyhow::Result<Running> {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", RECEIVER, host, &port.to_string()]);
    let running = Running::start("receiver", &mut command)?;
    eventually("a listening receiver", || {
        Ok(TcpStream::connect((host, port)).ok())
    })?;
    Ok(running)
}

#[test]
fn nothing_is_lost_when_receiver_and_daemon_are_killed_under_load() -> anyhow::Result<()> {
    if peer::find(["python3"])?.is_none() {
        return Ok(());
    }
    let mut stage = Stage::set_up(crate::stage::LOOPBACK)?;
    let (host, port) = (stage.host().to_string(), loopback::free_tcp_port()?);
    stage.register(MMS, &format!("http://{host}:{port}/"))?;
    let mut seen = BTreeSet::new();
    let mut running = receiver(&host, port)?;
    for round in 0..ROUNDS {
        let sender = stage.sender()?;
        for number in round * BURST..(round + 1) * BURST {
            stage.push_from(&sender, &number.to_be_bytes())?;
        }
        // All of them are taken: from here on none may be lost.
        eventually("every push in the journal", || {
            let states = stage.daemon.pushcai_json(&["status", "--json"])?;
            let counters = &states.first().context("no status")?["counters"];
            let accepted = counters["pushes.accepted"].as_u64().unwrap_or_default();
            Ok((accepted >= u64::from(BURST)).then_some(()))
        })?;
        for _ in 0..5 {
            seen.insert(running.next_line()?.parse::<u32>()?);
        }
        let lines = running.kill_and_read_rest()?;
        for line in lines {
            seen.insert(line.parse()?);
        }
        if round % 2 == 1 {
            stage = stage.kill_and_start()?;
        }
        running = receiver(&host, port)?;
        if round % 2 == 0 {
            stage = stage.kill_and_start()?;
        }
    }
    let all: BTreeSet<u32> = (0..ROUNDS * BURST).collect();
    while seen != all {
        let line = running
            .next_line()
            .with_context(|| format!("lost: {:?}", all.difference(&seen).collect::<Vec<_>>()))?;
        seen.insert(line.parse()?);
    }
    stage.all_done()
}
