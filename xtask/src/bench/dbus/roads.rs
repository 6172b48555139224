//! The roads to an application on D-Bus: from sd-bus, from the daemon, from oFono.

use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conformance::buses::Bus;
use conformance::modem::at::Modem;
use conformance::modem::bus::wait_for;
use conformance::modem::ofono::{Leftovers, Ofono};
use conformance::modem::tpdu;
use wap_wire::wsp::encode_unit_push;

use super::Times;
use super::program::{Program, Receiver, moment};
use crate::bench::app::post;
use crate::bench::process::{Daemon, on_server_core};
use crate::bench::{Programs, corpus};

/// Calls under way in a rate run: what the daemon's `[dbus] window` is where nothing is said.
pub(crate) const WINDOW: u32 = 32;
/// Calls of one rate run.
const RATE_COUNT: u32 = 32_000;
/// The application tells of every call of this number.
const STRIDE: u32 = 32;
/// Pushes that are on their way: always more than the window, so that no call waits for a push.
const AHEAD: u32 = 4 * STRIDE;
/// Short messages of one run of times, and those before it that nobody measures.
const TIMES_COUNT: u32 = 500;
const WARM_UP_COUNT: u32 = 50;
/// Between short messages: what the last one brought about is over.
const PAUSE: Duration = Duration::from_millis(2);
const APPLICATION: &str = "x-bench:meter.reading";
/// Every fourth push of the corpus is for this application.
const EVERY: u32 = 4;

/// Calls of sd-bus in a second.
pub(crate) fn raw_rate(program: &Program, bus: &Bus) -> anyhow::Result<f64> {
    let mut receiver = program.receive("receive", bus.address(), STRIDE)?;
    let mut caller = program.call(bus.address(), RATE_COUNT, WINDOW)?;
    let rate = on_server_core(|| rate_of(&mut receiver, || Ok(())))?;
    anyhow::ensure!(caller.wait()?.success(), "a call was refused");
    Ok(rate)
}

/// Events of the daemon in a second.
pub(crate) fn rate(
    programs: &Programs,
    program: &Program,
    bus: &Bus,
    place: &Path,
) -> anyhow::Result<f64> {
    let mut receiver = program.receive("receive", bus.address(), STRIDE)?;
    let daemon = daemon(programs, bus, place)?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(&daemon.listen)?;
    let numbers = (0..RATE_COUNT).map(|number| number * EVERY + EVERY - 1);
    let datagrams: Vec<_> = numbers.map(corpus::datagram).collect::<Result<_, _>>()?;
    let mut waiting = datagrams.iter();
    let mut send = |count: u32| -> anyhow::Result<()> {
        for datagram in waiting.by_ref().take(usize::try_from(count)?) {
            sender.send(datagram)?;
        }
        Ok(())
    };
    on_server_core(|| {
        send(AHEAD)?;
        rate_of(&mut receiver, || send(STRIDE))
    })
}

/// The rate by what the application tells, from the first time on; `more` is done each time. Run on the core of whoever calls: the bus
/// and the application have theirs to themselves, whether there is anything to be sent or not.
fn rate_of(
    receiver: &mut Receiver,
    mut more: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let first = receiver.next()?;
    let mut last = first;
    for _ in 1..RATE_COUNT / STRIDE {
        more()?;
        last = receiver.next()?;
    }
    Ok(f64::from(RATE_COUNT - STRIDE) / last.saturating_sub(first).as_secs_f64())
}

/// From submitting a short message to the call of the application.
pub(crate) fn times(
    programs: &Programs,
    program: &Program,
    bus: &Bus,
    place: &Path,
) -> anyhow::Result<Times> {
    let receiver = program.receive("receive", bus.address(), 1)?;
    let daemon = daemon(programs, bus, place)?;
    let mut requests = UnixStream::connect(&daemon.socket)?;
    times_of(receiver, |number| {
        let content = STANDARD.encode(octets(&short_message(number)?)?);
        let body = format!(r#"{{"kind":"tpdu","content":["{content}"]}}"#);
        let sent = moment()?;
        let answer = post(&mut requests, "/v1/submit", body.as_bytes())?;
        anyhow::ensure!(answer.contains("accepted"), "not taken: {answer}");
        Ok(sent)
    })
}

/// From the modem's `+CMT` to the call of the application as oFono's push agent; `None` if oFono is not installed.
pub(crate) fn times_of_ofono(program: &Program, bus: &Bus) -> anyhow::Result<Option<Times>> {
    let (modem, address) = Modem::on_tcp()?;
    let _leftovers = Leftovers::of(&modem);
    let started = on_server_core(|| Ofono::start(bus, address))?;
    let Some(ofono) = started else {
        return Ok(None);
    };
    ofono.bring_up(bus).with_context(|| modem.complaints())?;
    let receiver = program.receive("agent", bus.address(), 1)?;
    let times = times_of(receiver, |number| {
        let taken = || Ok((modem.unacknowledged() == 0).then_some(()));
        wait_for("the last short message acknowledged", taken)?;
        let message = short_message(number)?;
        let sent = moment()?;
        modem.hand_over(&message);
        Ok(sent)
    })?;
    ofono.kill()?;
    Ok(Some(times))
}

/// One short message at a time; `send` says when it was sent.
fn times_of(
    mut receiver: Receiver,
    mut send: impl FnMut(u32) -> anyhow::Result<Duration>,
) -> anyhow::Result<Times> {
    let mut times = Vec::new();
    for number in 0..WARM_UP_COUNT + TIMES_COUNT {
        let sent = send(number)?;
        let called = receiver.next()?;
        if number >= WARM_UP_COUNT {
            times.push(called.saturating_sub(sent));
        }
        std::thread::sleep(PAUSE);
    }
    times.sort_unstable();
    Ok(Times {
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
    })
}

fn daemon(programs: &Programs, bus: &Bus, place: &Path) -> anyhow::Result<Daemon> {
    let settings = format!(
        "[dbus]\nenabled = \"always\"\naddress = \"{}\"\nwindow = {WINDOW}\n",
        bus.address()
    );
    let daemon = Daemon::start_with(programs, place, "none", &settings)?;
    let body = format!(
        r#"{{"pushApplicationID":"{APPLICATION}","eventHandler":"dbus:org.example.Bench"}}"#
    );
    let mut requests = UnixStream::connect(&daemon.socket)?;
    let answer = post(&mut requests, "/v1/registrations", body.as_bytes())?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 201"), "refused: {answer}");
    Ok(daemon)
}

/// A push in one short message that differs from those before it, as hexadecimal digits.
fn short_message(number: u32) -> anyhow::Result<String> {
    let headers = [("X-Wap-Application-Id", APPLICATION), ("Push-Flag", "1")];
    let body = format!("{number:08x} and what a meter says, which is not much");
    let tid = number.to_le_bytes()[0];
    let push = encode_unit_push(tid, "text/plain; charset=utf-8", &headers, body.as_bytes())
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut segments = tpdu::push(&push, 0, u8::try_from(number % 60)?);
    anyhow::ensure!(segments.len() == 1, "it does not fit into one");
    segments.pop().context("no short message")
}

fn octets(digits: &str) -> anyhow::Result<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect()
}
