//! The figures as tables and one plot.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::answers;
use super::dbus;
use super::decode::Decode;
use super::delivery::{Comparison, Figures};
use super::footprint::{Footprint, Idle};

/// Everything that one call of the benchmarks measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Instructions per push.
    pub(crate) decode: Option<Decode>,
    /// The floor and the daemon, durable and not.
    pub(crate) delivery: Vec<Comparison>,
    /// Pushes over OTA-HTTP, durable and not.
    pub(crate) http: Vec<answers::Comparison>,
    /// Pushes over OTA-SIP, durable and not.
    pub(crate) sip: Vec<answers::Comparison>,
    /// Events on D-Bus, by kind of bus.
    pub(crate) dbus: Vec<dbus::Comparison>,
    /// Start-up and memory.
    pub(crate) footprint: Option<Footprint>,
}

/// One bar of the plot: a ratio, and the ratio that is aimed at.
struct Bar {
    label: String,
    ratio: f64,
    aim: f64,
    /// Whether more is better.
    more: bool,
}

impl Report {
    /// Nothing measured.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The tables, as Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(decode) = self.decode {
            text += &decode_table(decode);
        }
        if !self.delivery.is_empty() {
            text += &delivery_table(&self.delivery);
        }
        if !self.http.is_empty() {
            text += &http_table(&self.http);
        }
        if !self.sip.is_empty() {
            text += &sip_table(&self.sip);
        }
        if !self.dbus.is_empty() {
            text += &dbus_table(&self.dbus);
        }
        if let Some(footprint) = &self.footprint {
            text += &footprint_table(footprint);
        }
        text
    }

    /// Writes docs/benchmarks.md and its plot.
    pub(crate) fn write(&self, root: &Path) -> anyhow::Result<()> {
        let docs = root.join("docs");
        let page = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench --write`. Machine: {}. The daemon, the relay and oFono run on core 0, the \
             sender and the application on core 1. Rounds of the floor and of the daemon are interleaved; only ratios within one \
             run mean something, absolute times are the machine's.\n\n![Ratios](benchmarks.svg)\n\n{}",
            machine()?,
            self.text()
        );
        fs::write(
            docs.join("benchmarks.md"),
            page.trim_end().to_owned() + "\n",
        )?;
        fs::write(docs.join("benchmarks.svg"), plot(&self.bars())).context("cannot write the plot")
    }

    fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for comparison in &self.delivery {
            let word = comparison.durability;
            let ratios = ratios(&comparison.ours, &comparison.floor);
            bars.push(Bar {
                label: format!("rate at 64, {word}"),
                ratio: ratios.rate,
                aim: 0.5,
                more: true,
            });
            bars.push(Bar {
                label: format!("p50 at 1, {word}"),
                ratio: ratios.p50,
                aim: 1.5,
                more: false,
            });
        }
        let answers = [
            ("POST", &self.http, http_aim as fn(&str) -> f64),
            ("MESSAGE", &self.sip, sip_aim),
        ];
        for (method, comparisons, aim) in answers {
            for comparison in comparisons {
                let word = comparison.durability;
                bars.push(Bar {
                    label: format!("{method} rate at 64, {word}"),
                    ratio: ratios(&comparison.queued, &comparison.floor).rate,
                    aim: aim(word),
                    more: true,
                });
            }
        }
        for comparison in &self.dbus {
            bars.extend(dbus_bars(comparison));
        }
        if let Some(footprint) = &self.footprint
            && let Some(ofono) = footprint.ofono
        {
            let memory = ratio(footprint.ours.resident, ofono.resident);
            bars.push(Bar {
                label: "idle memory / oFono".to_owned(),
                ratio: memory,
                aim: 1.0,
                more: false,
            });
            let start = footprint.ours.ready.as_secs_f64() / ofono.ready.as_secs_f64();
            bars.push(Bar {
                label: "start-up / oFono".to_owned(),
                ratio: start,
                aim: 1.0,
                more: false,
            });
        }
        bars
    }
}

/// The daemon's figures over the floor's, medians of the rounds.
struct Ratios {
    p50: f64,
    rate: f64,
}

/// The median of the ratios of each round, because floor and daemon ran next to each other in it.
fn ratios(ours: &[Figures], floor: &[Figures]) -> Ratios {
    let rounds = || ours.iter().zip(floor);
    Ratios {
        p50: median(rounds().map(|(ours, floor)| ours.p50.as_secs_f64() / floor.p50.as_secs_f64())),
        rate: median(rounds().map(|(ours, floor)| ours.rate / floor.rate)),
    }
}

/// What the rate of POSTs is to reach, of the floor's.
const fn http_aim(durability: &str) -> f64 {
    if matches!(durability.as_bytes(), b"none") {
        0.8
    } else {
        0.5
    }
}

/// What the rate of MESSAGEs is to reach: of Kamailio's where nothing is synced, of the floor's where everything is.
const fn sip_aim(durability: &str) -> f64 {
    if matches!(durability.as_bytes(), b"none") {
        2.5
    } else {
        0.5
    }
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "figures are far below 2^52")]
fn ratio(ours: u64, theirs: u64) -> f64 {
    ours as f64 / theirs as f64
}

fn decode_table(decode: Decode) -> String {
    format!(
        "## Decoding\n\nEvery header of 1,000 varied pushes to a typed name and value, counted by callgrind (difference of two runs).\n\n\
         | | instructions per push | limit |\n| --- | ---: | ---: |\n| wap-wire | {} | 2,200 |\n\n",
        decode.instructions
    )
}

fn delivery_table(comparisons: &[Comparison]) -> String {
    let mut text = String::from(
        "## Delivery\n\nFrom handing a datagram to the kernel to having the event at the application, over the Unix socket (server-sent \
         events, every event acknowledged). The floor is a relay that receives, appends and syncs all that waits at once, and sends; it \
         decodes nothing, keeps nothing and is acknowledged by nobody. Medians of the rounds; the ratio is the median of each round's.\n\n\
         | durability | | p50 at 1 | p99 at 1 | events/s at 64 |\n| --- | --- | ---: | ---: | ---: |\n",
    );
    for comparison in comparisons {
        let ratios = ratios(&comparison.ours, &comparison.floor);
        text += &delivery_row(comparison.durability, "floor", &comparison.floor);
        text += &delivery_row(comparison.durability, "pushcaid", &comparison.ours);
        let _infallible = writeln!(
            text,
            "| {} | **ratio** (aim) | **{:.2}** (at most 1.5) | | **{:.2}** (at least 0.5) |",
            comparison.durability, ratios.p50, ratios.rate
        );
    }
    text + "\n"
}

fn http_table(comparisons: &[answers::Comparison]) -> String {
    answers_table(
        "## OTA-HTTP\n\nFrom sending a POST with 200 octets of content to having its 204. The floor is a bare hyper server on one thread that \
         reads the body and answers; where it is durable it appends and syncs all that waits at once before it answers. Once with the \
         application away (its events wait), once with it reading and acknowledging every event meanwhile, from the other core.\n\n",
        comparisons,
        http_aim,
    )
}

fn sip_table(comparisons: &[answers::Comparison]) -> String {
    answers_table(
        "## OTA-SIP\n\nFrom sending a MESSAGE with 200 octets of content over UDP to having its final answer. Where nothing is synced: beside \
         Kamailio with one worker, which answers 200 statelessly and looks at nothing else (all its processes on core 0). Where it is durable: beside an \
         answerer that appends and syncs all that waits at once and answers by the first lines of the request as they came. Once with the \
         application away (its events wait), once with it reading and acknowledging every event meanwhile, from the other core.\n\n",
        comparisons,
        sip_aim,
    )
}

fn dbus_table(comparisons: &[dbus::Comparison]) -> String {
    let window = dbus::WINDOW;
    let mut text = format!(
        "## D-Bus\n\nEvents per second at an application that was registered as `dbus:NAME` and answers each, {window} under way (`[dbus] window`), \
         pushes of 60 to 187 octets over UDP, nothing synced; beside calls of sd-bus with a map of the same entries to the same application on \
         the same bus, {window} under way. The bus is on core 1 with the application and nobody else; whoever calls is on core 0, and so is what sends the \
         pushes. Then the time until the application is called, one short \
         message at a time: from submitting it to the daemon over its API; and from the modem's +CMT to oFono (on core 0), whose push agent the \
         application is.\n\n| bus | | events/s at {window} | p50 at 1 | p99 at 1 |\n| --- | --- | ---: | ---: | ---: |\n",
    );
    for comparison in comparisons {
        let dbus::Comparison {
            bus,
            raw,
            rates,
            ofono,
            times,
        } = comparison;
        let _infallible = write!(
            text,
            "| {bus} | sd-bus | {:.0} | | |\n{}| {bus} | pushcaid | {:.0} | {} |\n| {bus} | **ratio** (aim) | **{:.2}** (at least {}) | {} | |\n",
            median(raw.iter().copied()),
            if ofono.is_empty() {
                String::new()
            } else {
                format!("| {bus} | oFono | | {} |\n", percentiles(ofono))
            },
            median(rates.iter().copied()),
            percentiles(times),
            comparison.rate(),
            dbus::RATE_AIM,
            comparison.time().map_or_else(String::new, |time| format!(
                "**{time:.2}** (at most {})",
                dbus::TIME_AIM
            ))
        );
    }
    text + "\n"
}

fn percentiles(rounds: &[dbus::Times]) -> String {
    format!(
        "{:.0} us | {:.0} us",
        median(rounds.iter().map(|times| times.p50.as_secs_f64() * 1e6)),
        median(rounds.iter().map(|times| times.p99.as_secs_f64() * 1e6))
    )
}

fn dbus_bars(comparison: &dbus::Comparison) -> impl Iterator<Item = Bar> {
    let rate = Bar {
        label: format!("rate, {} / sd-bus", comparison.bus),
        ratio: comparison.rate(),
        aim: dbus::RATE_AIM,
        more: true,
    };
    let time = comparison.time().map(|ratio| Bar {
        label: format!("p50, {} / oFono", comparison.bus),
        ratio,
        aim: dbus::TIME_AIM,
        more: false,
    });
    std::iter::once(rate).chain(time)
}

/// Pushes until their answer, and the rate that is to be reached, by durability.
fn answers_table(
    introduction: &str,
    comparisons: &[answers::Comparison],
    aim: fn(&str) -> f64,
) -> String {
    let mut text = format!(
        "{introduction}| durability | | p50 at 1 | p99 at 1 | answers/s at 64 |\n| --- | --- | ---: | ---: | ---: |\n"
    );
    for comparison in comparisons {
        let word = comparison.durability;
        text += &delivery_row(word, comparison.other, &comparison.floor);
        text += &delivery_row(word, "pushcaid, application away", &comparison.queued);
        text += &delivery_row(word, "pushcaid, application there", &comparison.delivered);
        let queued = ratios(&comparison.queued, &comparison.floor);
        let delivered = ratios(&comparison.delivered, &comparison.floor);
        let _infallible = writeln!(
            text,
            "| {word} | **ratio** (aim), away / there | **{:.2}** / {:.2} | | **{:.2}** / {:.2} (at least {}) |",
            queued.p50,
            delivered.p50,
            queued.rate,
            delivered.rate,
            aim(word)
        );
    }
    text + "\n"
}

fn delivery_row(durability: &str, who: &str, rounds: &[Figures]) -> String {
    let time = |figure: fn(&Figures) -> Duration| {
        median(rounds.iter().map(|round| figure(round).as_secs_f64() * 1e6))
    };
    format!(
        "| {durability} | {who} | {:.0} us | {:.0} us | {:.0} |\n",
        time(|round| round.p50),
        time(|round| round.p99),
        median(rounds.iter().map(|round| round.rate))
    )
}

fn footprint_table(footprint: &Footprint) -> String {
    let mut text = String::from(
        "## Footprint\n\nMedians of five starts. Ready is READY=1 by sd_notify for pushcaid, the owned bus name for oFono; memory is read two \
         seconds later, and wake-ups are counted over the two seconds after that.\n\n\
         | | ready | resident | proportional | wake-ups in 2 s |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    text += &idle_row("pushcaid", footprint.ours);
    if let Some(ofono) = footprint.ofono {
        text += &idle_row("ofonod", ofono);
    }
    let _infallible = writeln!(
        text,
        "\nWith 10,000 registrations: {} KiB after making them, {} KiB after a restart that took {:.1} ms ({} KiB more than with none). \
         The program's file has {} KiB.\n",
        footprint.registered,
        footprint.restarted,
        footprint.restart.as_secs_f64() * 1e3,
        footprint
            .registered
            .max(footprint.restarted)
            .saturating_sub(footprint.ours.resident),
        footprint.binary / 1_024
    );
    text
}

fn idle_row(who: &str, idle: Idle) -> String {
    format!(
        "| {who} | {:.1} ms | {} KiB | {} KiB | {} |\n",
        idle.ready.as_secs_f64() * 1e3,
        idle.resident,
        idle.proportional,
        idle.wakeups
    )
}

/// Processor, cores, memory, kernel and compiler.
fn machine() -> anyhow::Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let models = || {
        processors
            .lines()
            .filter_map(|line| line.strip_prefix("model name")?.split_once(": "))
    };
    let model = models()
        .next()
        .map_or("unknown processor", |(_, model)| model);
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .unwrap_or_default()
        .trim()
        .to_owned();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let rustc = crate::command::output(std::process::Command::new("rustc").arg("--version"))?;
    Ok(format!(
        "{} x {model}, {memory}, Linux {}, {}",
        models().count(),
        kernel.trim(),
        rustc.trim()
    ))
}

/// Bars of ratios, each with a mark at its aim.
fn plot(bars: &[Bar]) -> String {
    const ROW: usize = 34;
    const LEFT: f64 = 210.0;
    const UNIT: f64 = 180.0;
    let height = ROW * bars.len() + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-weight=\"bold\">Ratio to the floor (or to oFono); the mark is the aim</text>\n"
    );
    for (index, bar) in bars.iter().enumerate() {
        let top = 34 + ROW * index;
        let met = if bar.more {
            bar.ratio >= bar.aim
        } else {
            bar.ratio <= bar.aim
        };
        let (length, aim) = (bar.ratio.min(2.8) * UNIT, LEFT + bar.aim * UNIT);
        let colour = if met { "#3a7d44" } else { "#b5523b" };
        let sense = if bar.more { "at least" } else { "at most" };
        let _infallible = write!(
            svg,
            "<text x=\"10\" y=\"{text}\">{}</text>\n<rect x=\"{LEFT}\" y=\"{top}\" width=\"{length:.0}\" height=\"20\" fill=\"{colour}\"/>\n\
             <line x1=\"{aim:.0}\" x2=\"{aim:.0}\" y1=\"{top}\" y2=\"{bottom}\" stroke=\"black\" stroke-width=\"2\"/>\n\
             <text x=\"{label:.0}\" y=\"{text}\">{:.2} ({sense} {})</text>\n",
            bar.label,
            bar.ratio,
            bar.aim,
            text = top + 15,
            bottom = top + 20,
            label = LEFT + length.max(bar.aim * UNIT) + 8.0,
        );
    }
    svg + "</svg>\n"
}
