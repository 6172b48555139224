//! From tables `[[handlers.exec]]` to commands.

use std::collections::BTreeMap;
use std::path::Path;

use push_handlers::exec::{Account, Exec, ExecCommand};

use crate::config::section::section;
use crate::config::value::{Octets, Span};
use crate::config::wiring::{Place, Wrong};

const SECTION: &str = "handlers.exec";
/// The most characters of a name.
const MAX_NAME: usize = 64;
/// The most octets of a variable's value: Linux takes no more than four times as many.
const MAX_VALUE: usize = 32 << 10;
/// Variables of events begin with it.
const OWN_VARIABLES: &str = "PUSHCAI_";

section! {
    /// A command that applications may name as event handler: `exec:NAME`. It gets the content on standard input and the rest in
    /// its environment; by its exit status it says what becomes of the event (docs/handlers.md). There may be several of these
    /// tables.
    ExecTable, "handlers.exec" {
        /// What registrations name it by: letters, digits, `.`, `-` and `_`. Needed, and unique.
        name: String = String::new(),
        /// The program, by its whole path, and what it is called with: `["/usr/bin/meter", "--event"]`. No shell reads it. Needed.
        command: Vec<String> = Vec::new(),
        /// The user that it runs as, by name or number; absent: the daemon's own, or `nobody` where that is root.
        user: Option<String> = None,
        /// The group that it runs as; absent: the user's. It counts only with `user`.
        group: Option<String> = None,
        /// How long it may take; then it is killed, and the event counts as `later`. At least 5 s less than `[delivery]
        /// acknowledgement_timeout`.
        timeout: Span = Span(defaults().timeout),
        /// Octets of what it writes that are kept for `pushcai explain`: the last ones. No more than `[handlers] kept_output` are.
        max_output: Octets = Octets(defaults().max_output),
        /// Octets of memory that it may use; absent: any.
        max_memory: Option<Octets> = None,
        /// Processes that it may have; absent: any. Without systemd all processes of its user count, and root is not bound by it.
        max_processes: Option<u64> = defaults().max_processes,
        /// Time of the processor that each of its processes may use, in whole seconds; absent: any.
        max_cpu: Option<Span> = None,
        /// How nice it is to other processes: from -20 (not at all) to 19.
        nice: i32 = defaults().nice,
        /// Variables that it finds in its environment beside those of the event: `{ LANG = "C.UTF-8" }`. Names are letters, digits and `_`, a
        /// digit not first; a value has at most 32 KiB.
        environment: BTreeMap<String, String> = BTreeMap::new(),
        /// Where it may write where it runs in a unit of systemd, by whole paths: `["/var/lib/meter"]`; `-` before one says that it may be
        /// missing. All else is for reading alone there, and `/home` not to be seen.
        writable: Vec<String> = Vec::new(),
        /// The owners that may name it (`uid:1000`, `uid:0/unit:meter.service`, `token:NAME`); absent: every owner.
        owners: Option<Vec<String>> = None,
    }
}

/// A command that nothing is said of.
fn defaults() -> ExecCommand {
    ExecCommand::new("", "")
}

/// The commands of these tables.
pub(super) fn commands(
    tables: &[ExecTable],
    acknowledgement_timeout: Span,
    kept_output: usize,
) -> Result<Vec<ExecCommand>, Wrong> {
    let mut commands: Vec<ExecCommand> = Vec::with_capacity(tables.len());
    for (index, table) in tables.iter().enumerate() {
        let place = Place::new(SECTION, index);
        let command = command(table, place, kept_output)?;
        if commands.iter().any(|other| other.name == command.name) {
            let message = format!("`{}` is the name of a command before this one", table.name);
            return Err(place.wrong("name")(&message));
        }
        let longest = Span(Exec::longest(command.timeout));
        if longest.0 >= acknowledgement_timeout.0 {
            let message = format!(
                "{} and the time that killing takes, {longest} together, are no less than [delivery] acknowledgement_timeout, \
                 {acknowledgement_timeout}: an event would be delivered again while the command is at work on it",
                table.timeout
            );
            return Err(place.wrong("timeout")(&message));
        }
        commands.push(command);
    }
    Ok(commands)
}

fn command(table: &ExecTable, place: Place, kept_output: usize) -> Result<ExecCommand, Wrong> {
    let ExecTable {
        name,
        command,
        timeout,
        max_output,
        max_memory,
        max_processes,
        max_cpu,
        nice,
        environment,
        writable,
        owners,
        ..
    } = table;
    check_name(name, place)?;
    let (program, arguments) = program(command, place)?;
    if timeout.0.is_zero() {
        return Err(place.wrong("timeout")(&"at least 1 ms is taken"));
    }
    if !(-20..=19).contains(nice) {
        return Err(place.wrong("nice")(&"-20 to 19 are taken"));
    }
    check_environment(environment, place)?;
    check_writable(writable, place)?;
    check_owners(owners.as_deref().unwrap_or_default(), place)?;
    Ok(ExecCommand {
        arguments: arguments.to_vec(),
        account: account(table, place)?,
        timeout: timeout.0,
        max_output: max_output.0.min(kept_output),
        max_memory: max_memory.map(|octets| octets.0 as u64),
        max_processes: *max_processes,
        max_cpu: max_cpu.map(|span| span.0),
        nice: *nice,
        environment: environment.clone().into_iter().collect(),
        writable: writable.clone(),
        owners: owners.clone(),
        ..ExecCommand::new(name.as_str(), program)
    })
}

fn check_name(name: &str, place: Place) -> Result<(), Wrong> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_taken) {
        let message = format!(
            "a command needs a name of 1 to {MAX_NAME} letters, digits, `.`, `-` and `_`, by which registrations name it"
        );
        return Err(place.wrong("name")(&message));
    }
    Ok(())
}

fn program(command: &[String], place: Place) -> Result<(&str, &[String]), Wrong> {
    let wrong = place.wrong("command");
    let Some((program, arguments)) = command.split_first() else {
        return Err(wrong(
            &"the program is needed, by its whole path: [\"/usr/bin/meter\"]",
        ));
    };
    if !Path::new(program).is_absolute() {
        let message = format!("`{program}` is no whole path, such as \"/usr/bin/meter\"");
        return Err(wrong(&message));
    }
    if command.iter().any(|word| word.contains('\0')) {
        return Err(wrong(&"no word of a command may hold NUL"));
    }
    Ok((program, arguments))
}

fn account(table: &ExecTable, place: Place) -> Result<Option<Account>, Wrong> {
    let Some(user) = &table.user else {
        return match table.group {
            None => Ok(None),
            Some(_) => Err(place.wrong("group")(&"it counts only with user")),
        };
    };
    let account = Account::look_up(user, table.group.as_deref());
    account
        .map(Some)
        .map_err(|error| place.wrong("user")(&error))
}

fn check_environment(environment: &BTreeMap<String, String>, place: Place) -> Result<(), Wrong> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_wrong = |(name, value): &(&String, &String)| {
        name.is_empty()
            || name.starts_with(OWN_VARIABLES)
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(is_taken)
            || value.contains('\0')
            || value.len() > MAX_VALUE
    };
    match environment.iter().find(is_wrong) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!(
                "`{name}` is not taken: a variable has a name of letters, digits and `_` that begins neither with a digit nor with \
                 {OWN_VARIABLES}, and a value without NUL of at most {MAX_VALUE} octets"
            );
            Err(place.wrong("environment")(&message))
        }
    }
}

fn check_writable(writable: &[String], place: Place) -> Result<(), Wrong> {
    let is_wrong = |text: &&String| {
        // As systemd reads it.
        let path = text.strip_prefix('-').unwrap_or(text);
        let path = path.strip_prefix('+').unwrap_or(path);
        !Path::new(path).is_absolute() || path.contains('\0')
    };
    match writable.iter().find(is_wrong) {
        None => Ok(()),
        Some(path) => {
            let message = format!("`{path}` is no whole path, such as \"/var/lib/meter\"");
            Err(place.wrong("writable")(&message))
        }
    }
}

fn check_owners(owners: &[String], place: Place) -> Result<(), Wrong> {
    match owners.iter().find(|owner| !is_owner(owner)) {
        None => Ok(()),
        Some(owner) => {
            let message = format!(
                "nobody is `{owner}`; owners are `uid:1000`, `uid:0/unit:meter.service`, `uid:1000/flatpak:org.example.App`, \
                 `uid:1000/snap:meter` and `token:NAME`"
            );
            Err(place.wrong("owners")(&message))
        }
    }
}

/// Whether an application may have such an owner.
fn is_owner(text: &str) -> bool {
    if let Some(name) = text.strip_prefix("token:") {
        return !name.is_empty();
    }
    let Some(user) = text.strip_prefix("uid:") else {
        return false;
    };
    let (uid, beside) = match user.split_once('/') {
        Some((uid, beside)) => (uid, Some(beside)),
        None => (user, None),
    };
    let is_known = |beside: &str| {
        let (kind, name) = beside.split_once(':').unwrap_or_default();
        ["unit", "flatpak", "snap"].contains(&kind) && !name.is_empty()
    };
    // As it is written of an owner: without a sign, or zeros in front.
    let is_number = uid
        .parse()
        .is_ok_and(|number: u32| number.to_string() == uid);
    is_number && beside.is_none_or(is_known)
}
