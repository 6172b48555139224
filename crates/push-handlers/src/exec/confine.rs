//! The moment before a command runs: this program, started anew, gives up what the command is not to have, and becomes it.
//!
//! Between the fork and the command there is no room for code that is safe. So the daemon starts itself with arguments that
//! say what to give up; nothing of the daemon is in that process but its open pipes.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::fs::Mode;
use rustix::process::{
    Gid, Pid, Resource, Rlimit, Signal, Uid, chdir, getppid, getrlimit, nice,
    set_parent_process_death_signal, setrlimit, setsid, umask,
};
use rustix::thread::{
    clear_ambient_capability_set, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::command::{Account, ExecCommand};

/// The first argument of a program that is to become a handler.
pub const RUN_HANDLER: &str = "--run-handler";
/// How it ends where it cannot; beside this, it writes the mark that it was given.
pub(super) const CANNOT_RUN: u8 = 203;

/// What is given up, as arguments.
pub(super) fn arguments(
    command: &ExecCommand,
    account: Option<&Account>,
    mark: &str,
) -> Vec<OsString> {
    let mut words = vec![
        RUN_HANDLER.to_owned(),
        mark.to_owned(),
        format!("parent={}", std::process::id()),
        format!("nice={}", command.nice),
    ];
    if let Some(Account {
        uid, gid, groups, ..
    }) = account
    {
        let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
        words.push(format!("groups={}", groups.join(",")));
        words.push(format!("gid={gid}"));
        words.push(format!("uid={uid}"));
    }
    let cpu = command.max_cpu.map(|time| time.as_secs().max(1));
    let limits = [
        ("memory", command.max_memory),
        ("processes", command.max_processes),
        ("cpu", cpu),
    ];
    for (name, limit) in limits {
        words.extend(limit.map(|limit| format!("{name}={limit}")));
    }
    words.push("--".to_owned());
    let mut words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    words.push(command.program.as_os_str().to_owned());
    words.extend(command.arguments.iter().map(OsString::from));
    words
}

/// Gives up what the arguments behind [`RUN_HANDLER`] name, and becomes the command behind `--`. Returns only where it cannot.
/// To be called before any thread is started.
pub fn run_handler(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let mark = arguments.next().unwrap_or_default();
    let error = match become_command(arguments) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    let line = format!("{}: {error}\n", mark.to_string_lossy());
    // There is nobody else to tell.
    io::stderr().write_all(line.as_bytes()).ok();
    ExitCode::from(CANNOT_RUN)
}

fn become_command(
    mut arguments: impl Iterator<Item = OsString>,
) -> io::Result<std::convert::Infallible> {
    close_fds::set_fds_cloexec(3, &[]);
    // A process that leads its group already has a session of its own, or needs none.
    setsid().ok();
    umask(Mode::from_raw_mode(0o077));
    chdir("/")?;
    limit(Resource::Core, 0)?;
    clear_ambient_capability_set().ok();
    let mut parent = None;
    for argument in arguments.by_ref().take_while(|word| word != "--") {
        let text = argument.to_str().and_then(|text| text.split_once('='));
        let (key, value) = text.ok_or(io::ErrorKind::InvalidInput)?;
        if key == "parent" {
            parent = Pid::from_raw(number(value)?);
        } else {
            give_up(key, value)
                .map_err(|error| io::Error::new(error.kind(), format!("{key}: {error}")))?;
        }
    }
    set_no_new_privs(true)?;
    // Behind the change of user, which would take it back.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != parent {
        return Err(io::Error::other("the daemon is gone"));
    }
    let program = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    let error = Command::new(&program).args(arguments).exec();
    let named = format!("{}: {error}", Path::new(&program).display());
    Err(io::Error::new(error.kind(), named))
}

fn give_up(key: &str, value: &str) -> io::Result<()> {
    match key {
        "nice" => match number(value)? {
            0 => Ok(()),
            increment => nice(increment).map(drop).map_err(Into::into),
        },
        "memory" => limit(Resource::As, number(value)?),
        "processes" => limit(Resource::Nproc, number(value)?),
        "cpu" => limit(Resource::Cpu, number(value)?),
        "groups" => {
            let groups = value.split(',').filter(|word| !word.is_empty());
            let groups: Vec<Gid> = groups
                .map(|word| number(word).map(Gid::from_raw))
                .collect::<io::Result<_>>()?;
            Ok(set_thread_groups(&groups)?)
        }
        "gid" => {
            let gid = Gid::from_raw(number(value)?);
            Ok(set_thread_res_gid(gid, gid, gid)?)
        }
        "uid" => {
            let uid = Uid::from_raw(number(value)?);
            Ok(set_thread_res_uid(uid, uid, uid)?)
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Lowers a limit for good; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource)
        .maximum
        .map_or(most, |now| now.min(most));
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}

fn number<N: std::str::FromStr>(text: &str) -> io::Result<N> {
    text.parse()
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}`")))
}
