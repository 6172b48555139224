//! Where log lines go.

use std::io::{self, IsTerminal as _};
use std::os::unix::fs::MetadataExt as _;

use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Starts to log: to the journal where standard error is connected to it, else to standard error.
///
/// # Errors
/// The journal cannot be reached, or logging has started already.
pub fn start_logging(log: &Log, targets: &Targets) -> io::Result<()> {
    let registry = tracing_subscriber::registry();
    let layer = layer(log)?.with_filter(targets.clone());
    registry.with(layer).try_init().map_err(io::Error::other)
}

fn layer(log: &Log) -> io::Result<Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>> {
    if log.format == LogFormat::Json {
        return Ok(fmt::layer().json().with_writer(io::stderr).boxed());
    }
    if is_journal() {
        return Ok(tracing_journald::layer()?.with_field_prefix(None).boxed());
    }
    let terminal = io::stderr().is_terminal();
    Ok(fmt::layer()
        .with_ansi(terminal)
        .with_writer(io::stderr)
        .boxed())
}

/// Whether standard error is the journal's stream: `JOURNAL_STREAM` names its device and inode.
fn is_journal() -> bool {
    let Some((device, inode)) = std::env::var("JOURNAL_STREAM").ok().and_then(|stream| {
        stream
            .split_once(':')
            .map(|(device, inode)| (device.to_owned(), inode.to_owned()))
    }) else {
        return false;
    };
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|stream| stream.dev().to_string() == device && stream.ino().to_string() == inode)
}
