//! What an administrator says of a command.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::{Gid, Group, User, getgrouplist};

/// A command that is an event handler, `exec:NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCommand {
    /// What registrations name it by.
    pub name: Box<str>,
    /// The program, by its whole path.
    pub program: PathBuf,
    /// What it is called with.
    pub arguments: Vec<String>,
    /// Whom it runs as; absent: a user without rights where this process may choose, else its own user.
    pub account: Option<Account>,
    /// How long it may take; then it is killed, and the event counts as `later`.
    pub timeout: Duration,
    /// Octets of what it writes that are kept: the last ones.
    pub max_output: usize,
    /// Octets of memory that it may use.
    pub max_memory: Option<u64>,
    /// Processes that it may have; without systemd, all those of its user count.
    pub max_processes: Option<u64>,
    /// Time of the processor that each of its processes may use, in whole seconds.
    pub max_cpu: Option<Duration>,
    /// How nice it is to others, from -20 to 19.
    pub nice: i32,
    /// Variables that it finds beside those of the event.
    pub environment: Vec<(String, String)>,
    /// Where it may write in a unit of systemd, beside a `/tmp` of its own.
    pub writable: Vec<String>,
    /// The owners that may name it; absent: any.
    pub owners: Option<Vec<String>>,
}

impl ExecCommand {
    /// A command with the bounds of those that none is said of.
    pub fn new(name: impl Into<Box<str>>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            arguments: Vec::new(),
            account: None,
            timeout: Duration::from_secs(20),
            max_output: 4 << 10,
            max_memory: None,
            max_processes: None,
            max_cpu: None,
            nice: 0,
            environment: Vec::new(),
            writable: Vec::new(),
            owners: None,
        }
    }

    /// Whether an owner may name it.
    pub fn is_open_to(&self, owner: &str) -> bool {
        is_open_to(self.owners.as_deref(), owner)
    }
}

/// Whether an owner is listed; absent: any is.
pub(crate) fn is_open_to(owners: Option<&[String]>, owner: &str) -> bool {
    owners.is_none_or(|owners| owners.iter().any(|listed| listed == owner))
}

/// A user of the system, with the groups it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// The name of its group.
    pub group: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// The numbers of all its groups.
    pub groups: Vec<u32>,
}

impl Account {
    /// The user with this name or number, in this group or else its own.
    ///
    /// # Errors
    /// There is no such user or group, or the system cannot say.
    pub fn look_up(user: &str, group: Option<&str>) -> io::Result<Self> {
        let missing = |what: &str, name: &str| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no {what} `{name}` on this system"),
            )
        };
        let found = find_user(user)?.ok_or_else(|| missing("user", user))?;
        let in_group = match group {
            Some(name) => find_group(name)?.ok_or_else(|| missing("group", name))?,
            None => Group::from_gid(found.gid)?.ok_or_else(|| missing("group of user", user))?,
        };
        let name = std::ffi::CString::new(found.name.as_str())?;
        let groups = getgrouplist(&name, in_group.gid)?;
        Ok(Self {
            user: found.name,
            group: in_group.name,
            uid: found.uid.as_raw(),
            gid: in_group.gid.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
        })
    }

    /// The user that has no rights.
    pub(super) fn nobody() -> Self {
        const NOBODY: u32 = 65_534;
        Self::look_up("nobody", None).unwrap_or_else(|_| Self {
            user: "nobody".to_owned(),
            group: "nobody".to_owned(),
            uid: NOBODY,
            gid: NOBODY,
            groups: vec![NOBODY],
        })
    }
}

fn find_user(name: &str) -> nix::Result<Option<User>> {
    match name.parse() {
        Ok(uid) => User::from_uid(nix::unistd::Uid::from_raw(uid)),
        Err(_) => User::from_name(name),
    }
}

fn find_group(name: &str) -> nix::Result<Option<Group>> {
    match name.parse() {
        Ok(gid) => Group::from_gid(Gid::from_raw(gid)),
        Err(_) => Group::from_name(name),
    }
}
