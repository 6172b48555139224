//! Floods and broken octets: the daemon stays alive, small, and at the service of good servers.

use std::{
    net::{SocketAddrV4, UdpSocket},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::Context;
use conformance::{memory::Memory, peer, pushcai::run};

use crate::{
    server::Server,
    stage::{MMS, Plan, STRANGER_PORT},
    terminal::Stage,
};

/// A daemon that takes the servers' address for its core, so that what they send is looked at closely.
fn set_up() -> anyhow::Result<Option<Stage>> {
    let plan = Plan::new()?;
    let servers = *plan.server(5092).ip();
    let Some(stage) = plan
        .keys(&format!("core_addresses = [\"{servers}\"]"))
        .start()?
    else {
        return Ok(None);
    };
    stage.register(MMS)?;
    Ok(Some(stage))
}

fn direct(stage: &Stage, port: u16) -> anyhow::Result<Server> {
    let mut server = stage.sip.server(port)?;
    server.target = stage.terminal();
    Ok(server)
}

/// It is alive, and the way through the core is open.
fn is_well(stage: &Stage) -> anyhow::Result<()> {
    stage.waiting()?;
    stage.sip.sipp_pushes("mms.ua", None, 3, 202)?;
    assert_eq!(stage.contents(3)?.len(), 3);
    Ok(())
}

/// The same numbers each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.0 >> 33).unwrap_or_default();
        high % bound.max(1)
    }
}

#[test]
fn mutated_datagrams_do_no_harm() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let before = Memory::of(&stage.daemon)?;
    let server = direct(&stage, 5093)?;
    let mut chance = Chance(7);
    for round in 0..6_000_u32 {
        let method = ["MESSAGE", "OPTIONS", "INVITE", "BYE", "CANCEL", "NOTIFY"];
        let method = method
            .get(chance.below(method.len()))
            .copied()
            .unwrap_or("MESSAGE");
        let request = server
            .push("mms.ua", b"mutated")
            .with(|request| request.method = method);
        let mut octets = request.octets(server.own())?;
        for _ in 0..=chance.below(8) {
            mutate(&mut octets, &mut chance);
        }
        server.send_octets(&octets)?;
        // The kernel would drop what comes faster than it is read.
        if round % 100 == 99 {
            let sign = server.request("OPTIONS");
            server.expect(&sign, 200)?;
        }
    }
    before.assert_bounded(Memory::of(&stage.daemon)?);
    is_well(&stage)
}

fn mutate(octets: &mut Vec<u8>, chance: &mut Chance) {
    let place = chance.below(octets.len());
    match chance.below(6) {
        0 => octets.truncate(place),
        1 => octets.insert(place, u8::try_from(chance.below(256)).unwrap_or_default()),
        2 => {
            let end = (place + chance.below(40)).min(octets.len());
            octets.drain(place..end);
        }
        3 => {
            let end = (place + chance.below(200)).min(octets.len());
            let piece = octets.get(place..end).unwrap_or_default().to_vec();
            let at = chance.below(octets.len());
            octets.splice(at..at, piece);
        }
        4 => {
            if let Some(octet) = octets.get_mut(place) {
                *octet = b":;,<>\"= \r\n\0@%"[chance.below(13)];
            }
        }
        _ => {
            if let Some(octet) = octets.get_mut(place) {
                *octet ^= 1 << chance.below(8);
            }
        }
    }
}

/// What is replaced in a push, by what, and the status that it gets, if it can be answered at all.
const BROKEN: &[(&str, &str, Option<u16>)] = &[
    ("CSeq: 1 MESSAGE", "CSeq: 1 INVITE", Some(400)),
    (
        "CSeq: 1 MESSAGE",
        "CSeq: 99999999999999999999 MESSAGE",
        Some(400),
    ),
    ("CSeq: 1 MESSAGE", "CSeq: MESSAGE", Some(400)),
    ("Call-ID: ", "X-Call-ID: ", None),
    ("Content-Length: 1", "Content-Length: 10", Some(400)),
    ("Content-Length: 1", "Content-Length: -1", Some(400)),
    ("Content-Length: 1", "Content-Length: one", Some(400)),
    (
        "Content-Length: 1",
        "Content-Length: 1\r\nContent-Length: 0",
        Some(400),
    ),
    ("Max-Forwards: 70", "Max-Forwards: many", Some(400)),
    ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", Some(505)),
    ("MESSAGE sip:", "MESSAGE nobody:", Some(416)),
    ("MESSAGE sip:", "MESSAGE  sip:", Some(400)),
    ("Max-Forwards: 70", "Max-Forwards: 256", Some(400)),
    ("Call-ID: ", "Call-ID: a\r\nCall-ID: ", Some(400)),
    ("From: <sip:", "From: sip:\"<", Some(400)),
    ("From: ", "X-From: ", None),
    ("To: <", "To: \"Mr. <", Some(400)),
];

//= specs/ota-sip.md#requests
//= type=test
//# A request that is malformed MUST NOT be delivered.
//= specs/ota-sip.md#requests
//= type=test
//# Octets beyond Content-Length in a datagram MUST be left out, and a request whose body is shorter than that refused with 400.
#[test]
fn broken_messages_are_refused_and_not_delivered() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = direct(&stage, 5093)?;
    for (whole, broken, status) in BROKEN {
        let push = server.push("mms.ua", b"x");
        let text = String::from_utf8(push.octets(server.own())?)?;
        assert!(text.contains(whole), "{whole:?}");
        server.send_octets(text.replacen(whole, broken, 1).as_bytes())?;
        // What is not answered before the sign of life is not answered at all.
        let sign = server.request("OPTIONS");
        server.send(&sign)?;
        let mut answers = Vec::new();
        loop {
            let answer = server.next()?.context("no sign of life")?;
            if answer.header("Call-ID") == Some(&sign.call_id) {
                break;
            }
            answers.push(answer.status());
        }
        let wanted: Vec<_> = status.iter().copied().collect();
        assert_eq!(answers, wanted, "{broken:?}");
    }
    assert!(stage.waiting()?.is_empty());
    // What is odd and right: surplus octets, folded lines, compact names, odd white space and case.
    let push = server.push("mms.ua", b"x");
    let text = String::from_utf8(push.octets(server.own())?)?;
    let odd = text
        .replace("From: ", "f :   \r\n ")
        .replace("Call-ID:", "I:")
        .replace("Content-Type:", "c:")
        .replace("Content-Length:", "l  :")
        .replace(
            "Max-Forwards: 70",
            "mAX-fORWARDS: 0070\r\nX-Unknown: \"\\\"\u{7f}\u{fc}",
        );
    server.send_octets((odd + "surplus").as_bytes())?;
    let answer = server.next()?.map(|answer| answer.status());
    assert_eq!(answer, Some(202));
    assert_eq!(stage.contents(1)?, [b"x"]);
    is_well(&stage)
}

//= specs/ota-sip.md#requests
//= type=test
//# A request within a dialog that does not exist MUST be refused with 481.
#[test]
fn requests_within_no_dialog_and_keep_alives_do_no_harm() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let server = direct(&stage, 5093)?;
    for method in ["BYE", "MESSAGE", "INVITE"] {
        let request = server.push("mms.ua", b"x").with(|request| {
            request.method = method;
            "nobody".clone_into(&mut request.to_tag);
            request.more = "Contact: <sip:psa@127.0.0.1>\r\n".to_owned();
        });
        server.expect(&request, 481)?;
    }
    let cancel = server.request("CANCEL");
    server.expect(&cancel, 481)?;
    // An ACK to nothing and empty datagrams are not answered.
    let ack = server
        .request("ACK")
        .with(|request| "nobody".clone_into(&mut request.to_tag));
    server.send(&ack)?;
    server.send_octets(b"")?;
    server.send_octets(b"\r\n\r\n")?;
    let sign = server.request("OPTIONS");
    server.expect(&sign, 200)?;
    assert!(stage.waiting()?.is_empty());
    is_well(&stage)
}

/// Strangers pour requests and responses at the daemon's port while good pushes come through the core.
#[test]
fn a_flood_of_new_transactions_is_borne() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let before = Memory::of(&stage.daemon)?;
    let stop = AtomicBool::new(false);
    let transactions = std::thread::scope(|scope| {
        let mut strangers = Vec::new();
        for stranger in 0..2_u8 {
            let own = SocketAddrV4::new(stage.plan().network.host(10 + stranger), STRANGER_PORT);
            let (terminal, stop) = (stage.terminal(), &stop);
            strangers.push(scope.spawn(move || flood(own, terminal, stop)));
        }
        let outcome = (0..3).try_for_each(|_| stage.sip.sipp_pushes("mms.ua", None, 20, 202));
        stop.store(true, Ordering::Relaxed);
        let transactions = strangers.into_iter().map(|stranger| {
            let done = stranger.join();
            done.map_err(|_| anyhow::anyhow!("a stranger panicked"))?
        });
        let transactions: u64 = transactions.sum::<anyhow::Result<_>>()?;
        outcome.map(|()| transactions)
    })?;
    assert!(transactions > 200, "{transactions}");
    before.assert_bounded(Memory::of(&stage.daemon)?);
    assert_eq!(stage.contents(60)?.len(), 60);
    assert!(stage.waiting()?.is_empty());
    Ok(())
}

/// New transactions without end; where the daemon falls behind, so does the stranger, or the kernel would drop good and bad alike.
fn flood(own: SocketAddrV4, terminal: SocketAddrV4, stop: &AtomicBool) -> anyhow::Result<u64> {
    let server = Server::new(own, terminal)?;
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        for method in ["MESSAGE", "INVITE", "PUBLISH", "OPTIONS"] {
            for _ in 0..8 {
                let push = server.push("mms.ua", &[b'x'; 900]);
                server.send(&push.with(|push| push.method = method))?;
                number += 1;
            }
            server.send_octets(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKno\r\nCSeq: 1 REGISTER\r\n\r\n")?;
        }
        let last = server.request("OPTIONS");
        let answer = server.ask(&last)?;
        anyhow::ensure!(answer.status() == 403, "{answer:?}");
    }
    Ok(number)
}

/// SIPp as fast as it can, through the core: what is answered with success is there.
#[test]
fn a_storm_of_pushes_through_the_core_is_answered() -> anyhow::Result<()> {
    let plan = Plan::new()?.section("[queue]\nmax_queue_events = 500");
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let before = Memory::of(&stage.daemon)?;
    stage.sip.sipp(
        &crate::scenarios::message_or("mms.ua", 202, 486),
        5096,
        3_000,
        &["-r", "3000", "-l", "64"],
    )?;
    before.assert_bounded(Memory::of(&stage.daemon)?);
    let mut left = 500;
    while left > 0 {
        let some = stage.waiting()?.len();
        assert!((1..=left).contains(&some), "{some} of {left}");
        left -= some;
    }
    is_well(&stage)
}

#[test]
fn a_person_with_sipsak_is_answered_and_its_trash_does_no_harm() -> anyhow::Result<()> {
    let Some([program]) = peer::find(["sipsak"])? else {
        return Ok(());
    };
    let Some(stage) = Plan::new()?.keys("accept_from = \"anyone\"").start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let uri = format!("sip:{}@{}", crate::stage::USER, stage.terminal());
    let ping = run(Command::new(&program).args(["-v", "-s", &uri]))?;
    assert_eq!(ping.code, Some(0), "{ping:?}");
    // One that trashes characters ends as soon as one of its messages is not answered as it likes.
    for most in ["1", "20", "300"] {
        let mut trash = Command::new("timeout");
        trash
            .arg("2")
            .arg(&program)
            .args(["-R", "-t", most, "-s", &uri]);
        run(&mut trash)?;
    }
    let ping = run(Command::new(&program).args(["-s", &uri]))?;
    assert_eq!(ping.code, Some(0), "{ping:?}");
    is_well(&stage)
}

//= specs/ota-sip.md#requests
//= type=test
//# Empty lines before a message on a connection MUST be passed over.
#[test]
fn half_a_message_on_a_connection_holds_nobody_up() -> anyhow::Result<()> {
    use std::io::{Read, Write};
    let plan = Plan::new()?;
    let servers = *plan.server(5092).ip();
    let Some(stage) = plan
        .keys(&format!("core_addresses = [\"{servers}\"]"))
        .start()?
    else {
        return Ok(());
    };
    stage.register(MMS)?;
    let server = direct(&stage, 5093)?;
    // A push that comes in two pieces, after empty lines, on a connection to the terminal's port.
    let push = server.push("mms.ua", b"in pieces");
    let text = String::from_utf8(push.octets(server.own())?)?.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let mut stream = conformance_connect(&stage)?;
    let (one, two) = text.split_at(100);
    stream.write_all(b"\r\n\r\n")?;
    stream.write_all(one.as_bytes())?;
    let silent = conformance_connect(&stage)?;
    is_well(&stage)?;
    stream.write_all(two.as_bytes())?;
    let mut said = Vec::new();
    let mut buffer = [0; 2_048];
    while !said.windows(4).any(|window| window == b"\r\n\r\n") || said == b"\r\n" {
        let length = stream.read(&mut buffer)?;
        anyhow::ensure!(length > 0, "the terminal hung up");
        said.extend_from_slice(buffer.get(..length).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&said);
    assert!(text.trim_start().starts_with("SIP/2.0 202"), "{text}");
    drop(silent);
    assert_eq!(stage.contents(1)?, [b"in pieces"]);
    Ok(())
}

/// A connection from an address of the push servers to the terminal's SIP port.
fn conformance_connect(stage: &Stage) -> anyhow::Result<std::net::TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    let own = stage.plan().server(0);
    socket.bind(&std::net::SocketAddr::from(own).into())?;
    socket.connect(&std::net::SocketAddr::from(stage.terminal()).into())?;
    let stream = std::net::TcpStream::from(socket);
    stream.set_read_timeout(Some(conformance::process::PATIENCE))?;
    Ok(stream)
}

#[test]
fn a_response_to_nothing_is_ignored() -> anyhow::Result<()> {
    let Some(stage) = set_up()? else {
        return Ok(());
    };
    let socket = UdpSocket::bind(stage.plan().server(5093))?;
    for status in [
        "100 Trying",
        "200 OK",
        "401 Unauthorized",
        "999 What",
        "20 x",
    ] {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
             Call-ID: x\r\nCSeq: 1 REGISTER\r\nContact: *\r\nContent-Length: 0\r\n\r\n",
            stage.terminal()
        );
        socket.send_to(text.as_bytes(), stage.terminal())?;
    }
    assert_eq!(stage.bound()?, ["mms.ua"]);
    is_well(&stage)
}
