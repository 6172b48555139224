//! Measures events a second through the store: each is inserted, remembered, and removed again some commits later. Beside
//! it, in the same run, a floor: the same octets appended to a file that is there already, and synced.
//!
//! `cargo run --profile bench -p push-store --example store_rate [DIRECTORY [SECONDS [CHECKPOINT_FRAMES]]]`

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use push_core::{Change, EventId, EventRecord, EventState, Fingerprint, RegistrationId};
use push_message::{
    Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol, PushApplicationId,
    PushMessage, ReceivedPush, ServerAddress, UnixMillis,
};
use push_store::{Durability, SqliteStore, Store as _, StoreSettings};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Octets that one event is in the journal, about.
const EVENT_OCTETS: usize = 320;

/// Events that wait for their acknowledgement.
const OUTSTANDING: u64 = 256;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments.next().unwrap_or_else(|| ".".to_owned());
    let seconds = arguments.next().map_or(Ok(2.0), |text| text.parse())?;
    let duration = Duration::from_secs_f64(seconds);
    let mut settings = StoreSettings::default();
    if let Some(frames) = arguments.next() {
        settings.checkpoint_frames = frames.parse()?;
    }
    let directory = tempfile::tempdir_in(base)?;
    for durability in [Durability::Process, Durability::PowerLoss] {
        for batch in [1, 8, 64] {
            let synced = durability == Durability::PowerLoss;
            let floor = append_rate(directory.path(), batch, synced, duration)?;
            settings.durability = durability;
            let store = store_rate(directory.path(), &settings, batch, duration)?;
            report(durability, batch, &floor, &store)?;
        }
    }
    Ok(())
}

fn report(durability: Durability, batch: u64, floor: &Rate, store: &Rate) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{durability:?} batch {batch:2}: floor {:8.0}/s p50 {:5} us, store {:8.0}/s p50 {:5} us p99 {:6} us max {:6} us, \
         ratio {:.2}",
        floor.events_a_second,
        floor.quantile(0.5),
        store.events_a_second,
        store.quantile(0.5),
        store.quantile(0.99),
        store.quantile(1.0),
        store.events_a_second / floor.events_a_second,
    )?;
    Ok(())
}

struct Rate {
    events_a_second: f64,
    /// Of each commit, in order of length.
    latencies: Vec<Duration>,
}

impl Rate {
    fn measure(
        batch: u64,
        duration: Duration,
        mut commit: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        let mut latencies = Vec::new();
        let start = Instant::now();
        let mut before = start;
        while before - start < duration {
            commit()?;
            let after = Instant::now();
            latencies.push(after - before);
            before = after;
        }
        latencies.sort_unstable();
        let commits = u32::try_from(latencies.len())?;
        Ok(Self {
            events_a_second: f64::from(commits) * f64::from(u32::try_from(batch)?)
                / (before - start).as_secs_f64(),
            latencies,
        })
    }

    fn quantile(&self, part: f64) -> u128 {
        let last = self.latencies.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index for people"
        )]
        let index = (last as f64 * part) as usize;
        self.latencies.get(index).map_or(0, Duration::as_micros)
    }
}

/// The floor: as many octets behind each other in a file of 64 MiB, from its start again when it is full.
fn append_rate(directory: &Path, batch: u64, synced: bool, duration: Duration) -> Result<Rate> {
    const LENGTH: u64 = 64 << 20;
    let path = directory.join("floor");
    let file = preallocated(&path, LENGTH)?;
    let octets = vec![0x5a; EVENT_OCTETS * usize::try_from(batch)?];
    let mut offset = 0;
    let rate = Rate::measure(batch, duration, || {
        file.write_all_at(&octets, offset)?;
        if synced {
            file.sync_data()?;
        }
        offset = (offset + octets.len() as u64) % (LENGTH - octets.len() as u64);
        Ok(())
    })?;
    std::fs::remove_file(path)?;
    Ok(rate)
}

fn preallocated(path: &Path, length: u64) -> Result<File> {
    let mut file = OpenOptions::new().create_new(true).write(true).open(path)?;
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()?;
    Ok(file)
}

fn store_rate(
    directory: &Path,
    settings: &StoreSettings,
    batch: u64,
    duration: Duration,
) -> Result<Rate> {
    let path = directory
        .join(format!("{:?}-{batch}", settings.durability))
        .join("pushcai.db");
    std::fs::create_dir_all(path.parent().ok_or("no parent")?)?;
    let before = resident_kibibytes()?;
    let (mut store, _) = SqliteStore::open(&path, settings)?;
    store.maintain(true)?;
    let push = Arc::new(push()?);
    let mut next = 1;
    let mut changes = Vec::new();
    let rate = Rate::measure(batch, duration, || {
        changes.clear();
        for number in next..next + batch {
            changes.extend(changes_of(number, &push));
        }
        next += batch;
        store.commit(UnixMillis(next), &mut changes.iter())?;
        store.maintain(false)?;
        Ok(())
    })?;
    let added = resident_kibibytes()? - before;
    writeln!(
        io::stdout(),
        "resident memory added since before opening: {added} KiB"
    )?;
    Box::new(store).close()?;
    std::fs::remove_dir_all(path.parent().ok_or("no parent")?)?;
    Ok(rate)
}

/// `VmRSS` of this process.
fn resident_kibibytes() -> Result<i64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmRSS")?.parse()?)
}

/// One event comes, one goes.
fn changes_of(number: u64, push: &Arc<ReceivedPush>) -> impl Iterator<Item = Change> {
    let insert = Change::InsertEvent(EventRecord {
        id: EventId(number),
        registration: Some(RegistrationId(1)),
        push: Arc::clone(push),
        state: EventState {
            attempts: 0,
            not_before: UnixMillis(0),
            dead: false,
        },
    });
    let remember = Change::Remember {
        fingerprint: Fingerprint(u128::from(number)),
        until: UnixMillis(number + 300_000),
    };
    let remove = number
        .checked_sub(OUTSTANDING)
        .map(|number| Change::RemoveEvent(EventId(number)));
    [insert, remember].into_iter().chain(remove)
}

/// A notification of a multimedia message, as gateways send them.
fn push() -> Result<ReceivedPush> {
    let headers = [
        ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
        ("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ];
    let content_type = ContentType {
        media_type: MediaType::parse("application/vnd.wap.mms-message")?,
        parameters: Headers::new(),
    };
    Ok(ReceivedPush {
        message: PushMessage {
            application: Some(PushApplicationId::from_number(4)),
            content_type,
            headers: headers.into_iter().collect(),
            content: vec![0x8c; 150].into(),
            trust: InitiatorTrust::default(),
        },
        origin: Origin {
            protocol: Protocol::OtaWsp,
            bearer: Bearer::Ip,
            server: ServerAddress::Ip([192, 0, 2, 7].into()),
            destination_port: Some(2948),
            origin_port: Some(9200),
            transaction: [7].into(),
            proved_names: Box::default(),
            instance: None,
            short_message: None,
            answerable: false,
        },
        received: UnixMillis(1_700_000_000_000),
    })
}
