//! Floods: whatever a stranger pours in, memory stays bounded and a good gateway is served in between.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

pub(crate) use conformance::memory::Memory;

use crate::{
    stage::{MMS, PUSH_PORT, Plan, SECURE_PUSH_PORT, Stage, write},
    wire::{Wire, entity, options, post, tcp},
};

/// Strangers that pour at the same time.
const STRANGERS: u8 = 4;

/// Lets strangers do `evil` again and again while a good gateway pushes `pushes` times and is answered each time; then
/// everything that it pushed has to be there, and memory within its bound.
fn withstand(
    stage: &Stage,
    pushes: u32,
    evil: impl Fn(Ipv4Addr, SocketAddrV4) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let before = Memory::of(&stage.daemon)?;
    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..STRANGERS {
            let (address, target) = (stage.plan.network.host(10 + number), stage.address());
            let (stop, rounds, evil) = (&stop, &rounds, &evil);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // It may be refused at any point, a connection too many already when it is opened.
                    drop(evil(address, target));
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let outcome = serve(stage, pushes, &rounds);
        stop.store(true, Ordering::Relaxed);
        outcome
    })?;
    before.assert_bounded(Memory::of(&stage.daemon)?);
    let expected: Vec<_> = (0..pushes)
        .map(|number| number.to_be_bytes().to_vec())
        .collect();
    let mut arrived = Vec::new();
    while arrived.len() < expected.len() {
        let contents = stage.contents()?;
        anyhow::ensure!(!contents.is_empty(), "{} of {pushes}", arrived.len());
        arrived.extend(contents);
    }
    assert_eq!(arrived, expected);
    Ok(())
}

/// Good pushes, each over the same connection, and at least one round of the strangers between the first and the last.
fn serve(stage: &Stage, pushes: u32, rounds: &AtomicUsize) -> anyhow::Result<()> {
    let mut wire = stage.connect()?;
    for number in 0..pushes {
        wire.push(MMS, &number.to_be_bytes(), &[])?.is(204, 400);
        // The strangers have to have their turns, too.
        let seen = rounds.load(Ordering::Relaxed);
        crate::wire::eventually("evil", || {
            let done = rounds.load(Ordering::Relaxed);
            Ok((done > seen || done >= 2 * usize::from(STRANGERS)).then_some(()))
        })?;
    }
    // A connection opened while all that goes on is served as well.
    stage.connect()?.register(&[])?.is(204, 501);
    Ok(())
}

fn stage() -> anyhow::Result<Stage> {
    let stage = Plan::new()?
        .keys("header_timeout = \"1s\"\nbody_timeout = \"1s\"\nhandshake_timeout = \"1s\"")
        .known_gateway("")
        .start()?;
    stage.register(MMS)?;
    Ok(stage)
}

/// Writes until the terminal has had enough, or `most` octets were written, and says how many it took.
fn pour(stream: &mut TcpStream, chunk: &[u8], most: usize) -> usize {
    let mut written = 0;
    while written < most {
        match stream.write(chunk) {
            Ok(0) | Err(_) => break,
            Ok(length) => written += length,
        }
    }
    written
}

fn connect(from: Ipv4Addr, to: SocketAddrV4) -> anyhow::Result<TcpStream> {
    let stream = tcp(from, to)?;
    stream.set_write_timeout(Some(Duration::from_millis(500)))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

#[test]
fn header_floods_are_cut_off() -> anyhow::Result<()> {
    let stage = stage()?;
    withstand(&stage, 30, |from, to| {
        let mut stream = connect(from, to)?;
        stream.write_all(b"OPTIONS /wappush HTTP/1.1\r\nHost:\r\n")?;
        let header = b"X-Flood: 0123456789012345678901234567890123456789\r\n".repeat(200);
        let written = pour(&mut stream, &header, 64 << 20);
        anyhow::ensure!(written < 64 << 20);
        Ok(())
    })?;
    // Said by an answer where it can be: too many headers, and one that is too long.
    let many = format!(
        "OPTIONS /wappush HTTP/1.1\r\nHost:\r\n{}\r\n",
        "X: y\r\n".repeat(1000)
    );
    let long = format!(
        "OPTIONS /wappush HTTP/1.1\r\nHost:\r\nX: {}\r\n\r\n",
        "y".repeat(100_000)
    );
    let target = format!("OPTIONS /{} HTTP/1.1\r\nHost:\r\n\r\n", "y".repeat(100_000));
    for request in [many, long, target] {
        let mut wire = stage.connect()?;
        // What is left of the request may hit a closed door.
        drop(wire.send(&request));
        let said = String::from_utf8_lossy(&wire.rest()?).into_owned();
        let status: u16 = said
            .get(9..12)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(400);
        assert!((400..500).contains(&status), "{said}");
    }
    Ok(())
}

#[test]
fn a_header_flood_inside_a_message_is_refused() -> anyhow::Result<()> {
    let stage = stage()?;
    let headers = "X-Flood: y\r\n".repeat(2000);
    let message = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{headers}\r\nx");
    let answer = stage.connect()?.ask(post(&[], message.as_bytes()))?;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(answer.push_status(), Some(235), "{answer:?}");
    assert!(stage.contents()?.is_empty());
    Ok(())
}

#[test]
fn a_gibibyte_announced_is_not_waited_for() -> anyhow::Result<()> {
    let stage = stage()?;
    withstand(&stage, 30, |from, to| {
        let mut stream = connect(from, to)?;
        stream.write_all(
            b"POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\nContent-Length: 1073741824\r\n\r\n",
        )?;
        pour(&mut stream, &vec![b'x'; 64 << 10], 1 << 30);
        Ok(())
    })?;
    let mut wire = stage.connect()?;
    let answer = wire.ask(
        "POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\nContent-Length: 1073741824\r\n\r\n",
    )?;
    answer.is(413, 235);
    Ok(())
}

#[test]
fn chunks_without_end_are_not_waited_for() -> anyhow::Result<()> {
    let stage = stage()?;
    withstand(&stage, 30, |from, to| {
        let mut stream = connect(from, to)?;
        stream.write_all(
            b"POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        let chunk = [b"8000\r\n".as_slice(), &vec![b'x'; 0x8000], b"\r\n"].concat();
        pour(&mut stream, &chunk, 1 << 30);
        Ok(())
    })
}

#[test]
fn tls_garbage_on_both_ports_is_dropped() -> anyhow::Result<()> {
    let authority = push_lab::ppg::TestAuthority::new("right")?;
    let plan = Plan::new()?;
    let file = write(plan.directory.path(), "ca.pem", authority.pem().as_bytes())?;
    let listen = SocketAddrV4::new(plan.terminal(), SECURE_PUSH_PORT);
    let keys =
        format!("ca_file = \"{file}\"\ntls_listen = [\"{listen}\"]\nhandshake_timeout = \"1s\"");
    let stage = plan.keys(&keys).known_gateway("").start()?;
    stage.register(MMS)?;
    let turn = AtomicUsize::new(0);
    withstand(&stage, 40, |from, to| {
        let port = if turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            PUSH_PORT
        } else {
            SECURE_PUSH_PORT
        };
        let mut stream = connect(from, SocketAddrV4::new(*to.ip(), port))?;
        // Handshake records of the greatest length, alerts, and plain noise.
        let record = [&[22, 3, 3, 0xFF, 0xFF][..], &vec![0xAA; 0xFFFF]].concat();
        pour(&mut stream, &record, 1 << 20);
        let mut stream = connect(from, SocketAddrV4::new(*to.ip(), port))?;
        stream.write_all(&[21, 3, 3, 0, 2, 2, 40])?;
        stream.write_all(&(0..=255).collect::<Vec<u8>>())?;
        stream.shutdown(Shutdown::Write)?;
        drop(stream.read_to_end(&mut Vec::new()));
        Ok(())
    })
}

#[test]
fn a_storm_of_connections_leaves_room_for_a_good_one() -> anyhow::Result<()> {
    let stage = stage()?;
    withstand(&stage, 50, |from, to| {
        let mut held = Vec::new();
        for number in 0..100 {
            let mut stream = connect(from, to)?;
            match number % 3 {
                // Left open without a word, half a request, and gone at once.
                0 => held.push(stream),
                1 => {
                    drop(stream.write_all(&options(&[])[..10]));
                    held.push(stream);
                }
                _ => drop(stream),
            }
        }
        Ok(())
    })
}

#[test]
fn a_flood_of_pipelined_requests_is_answered_as_it_is_read() -> anyhow::Result<()> {
    let stage = stage()?;
    withstand(&stage, 30, |from, to| {
        let mut stream = connect(from, to)?;
        // Nobody reads the answers.
        let requests = options(&[]).repeat(500);
        pour(&mut stream, &requests, 16 << 20);
        Ok(())
    })?;
    // A reader gets them all, in order.
    let mut wire = stage.connect()?;
    for _ in 0..20 {
        wire.send(options(&[]).repeat(50))?;
        for _ in 0..50 {
            wire.answer()?.is(204, 501);
        }
    }
    Ok(())
}

#[test]
fn requests_of_noise_are_refused() -> anyhow::Result<()> {
    let stage = stage()?;
    let turn = AtomicUsize::new(0);
    withstand(&stage, 40, |from, to| {
        let mut stream = connect(from, to)?;
        // Noise that is the same in every run.
        let mut state = turn.fetch_add(1, Ordering::Relaxed) as u64 * 2 + 1;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .take(4096)
        .collect();
        stream.write_all(&noise)?;
        stream.shutdown(Shutdown::Write)?;
        let mut said = Vec::new();
        drop(stream.read_to_end(&mut said));
        let head = String::from_utf8_lossy(&said).into_owned();
        assert!(
            said.is_empty() || head.starts_with("HTTP/1.1 4") || head.starts_with("HTTP/1.1 5"),
            "{head}"
        );
        Ok(())
    })
}

/// A message that is refused is refused without harm to the connection or to others.
#[test]
fn good_and_bad_pushes_may_take_turns() -> anyhow::Result<()> {
    let stage = stage()?;
    let mut wire = stage.connect()?;
    for number in 0..50_u8 {
        wire.push("x-wap-application:nobody.here", &[number], &[])?
            .is(204, 236);
        wire.ask(post(
            &[],
            &entity(&[("X-Wap-Application-Id", MMS)], &[number]),
        ))?
        .is(204, 400);
    }
    let expected: Vec<Vec<u8>> = (0..50).map(|number| vec![number]).collect();
    assert_eq!(stage.contents()?, expected);
    drop::<Wire>(wire);
    Ok(())
}
