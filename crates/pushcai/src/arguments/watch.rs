//! The arguments of `watch` and `dead`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use push_api::WatchedKind;

/// Show live what arrives and what becomes of it
///
/// One line for each thing that happens: when, what, the event, the application, and the rest. You see what concerns your own
/// applications; an administrator sees everything, but no content of others. Nothing is delayed or changed by being watched; a
/// reader that is too slow is told how much it missed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai watch                             all that you may see, for as long as it runs
  pushcai watch --app 4 --content           pushes for MMS, with their content
  pushcai watch --kind judged,died,handled
  pushcai watch --json | jq 'select(.kind == \"died\").id'

In a terminal lines are coloured, times are the time of day (UTC), `x-wap-application:` is left out, and what finds no room in
its width goes on a second line. Elsewhere lines are plain and whole, two spaces between their columns. `watching` on the
standard error says that the watch has begun. A lost connection is opened again with pauses of 0.1 to 5 seconds; what happened
meanwhile is not shown. Ctrl-C ends it.")]
pub(crate) struct Watch {
    /// Only what concerns this Push Application ID
    #[arg(long, value_name = "ID")]
    pub(crate) app: Option<String>,
    /// Only these kinds of things
    #[arg(long = "kind", value_name = "KIND,...", value_delimiter = ',', value_parser = kinds())]
    pub(crate) kinds: Vec<String>,
    /// Show the content of pushes to your own applications, and what their handlers wrote
    #[arg(long)]
    pub(crate) content: bool,
    /// Whether lines are coloured
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// When lines are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// In a terminal, unless the variable is set that asks for none (`NO_COLOR`)
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(WatchedKind::ALL.map(WatchedKind::as_str))
}

/// List dead letters, deliver them again, or drop them
///
/// A dead letter is an event that its application rejected, or did not accept however often it was tried. It is kept until you
/// replay or drop it, or its lifetime is over. `pushcai explain --event ID` shows what became of it so far.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai dead                              list them
  pushcai dead replay 0000000000000007      deliver this one again, as if for the first time
  pushcai dead replay --all --app 4         all of one application
  pushcai dead drop --all                   all of yours; as an administrator: of everybody

Nothing is asked back: what is dropped is gone.")]
pub(crate) struct Dead {
    #[command(subcommand)]
    pub(crate) action: Option<DeadAction>,
    /// Only those to this Push Application ID
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) app: Option<String>,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadAction {
    /// List them
    List,
    /// Deliver them again, as if for the first time
    #[command(override_usage = "pushcai dead replay EVENT... | --all [--app ID]")]
    Replay(Letters),
    /// Drop them for good
    #[command(override_usage = "pushcai dead drop EVENT... | --all [--app ID]")]
    Drop(Letters),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub(crate) struct Letters {
    /// The events' ids
    #[arg(
        value_name = "EVENT",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) ids: Vec<String>,
    /// All of them; with --app, all of that application
    #[arg(long)]
    pub(crate) all: bool,
}
