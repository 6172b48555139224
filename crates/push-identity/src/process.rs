//! What a process belongs to: its user, and its systemd service, Flatpak application or snap.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use push_api::{Caller, Owner, Reason, Refusal, Share};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, openat, statx};
use rustix::io::Errno;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::lookups::Lookups;

/// The most octets of one of the kernel's files, or of a sandbox's description, that are read.
const MAX_FILE_OCTETS: u64 = 64 * 1024;
/// The most octets of the name of a unit or a Flatpak application.
const MAX_NAME_LENGTH: usize = 255;
/// How long a sandbox's file system may take: it belongs to the sandbox, and may not answer at all.
const SANDBOX_TIMEOUT: Duration = Duration::from_secs(2);

/// How much of a process's credentials names the owner of its applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Identity {
    /// The user alone: `uid:1000`. Flatpak applications, snaps and system services are not told apart from their user.
    User,
    /// The user, and what the process belongs to beside it: the Flatpak application (`uid:1000/flatpak:org.example.App`), the
    /// confined snap (`uid:1000/snap:meter`) or the systemd system service (`uid:0/unit:meter.service`).
    #[default]
    Unit,
}

/// What a transport proved of the process at its other end.
#[derive(Debug)]
pub struct Credentials {
    /// The effective user when it connected.
    pub uid: u32,
    /// The process, where it can be seen from here.
    pub pid: Option<i32>,
    /// A descriptor of the process (pidfd), where the transport has one: it shows whether the process still lives, so that no
    /// later one with its number is taken for it.
    pub process: Option<OwnedFd>,
}

/// The caller with these credentials: its owner is what the kernel says of the process, never what the process says.
///
/// Root and the user that runs this process are administrators, except from within a sandbox. `proc_path` is where the kernel
/// shows its processes. Sandboxes are looked into within the bounds of `lookups`.
///
/// # Errors
/// `notAuthorized` where the process is gone, hidden, or lives in a sandbox that cannot be told; `quotaExceeded` where as many
/// sandboxes are looked into as may be.
pub async fn caller_of(
    credentials: &Credentials,
    identity: Identity,
    proc_path: &Path,
    lookups: &Lookups,
) -> Result<Caller, Refusal> {
    let own = rustix::process::geteuid().as_raw();
    let unit = match identity {
        Identity::User => Unit::None,
        Identity::Unit => {
            let pid = credentials.pid.filter(|pid| *pid > 0).ok_or_else(|| {
                refused(
                    "the process that connected lives in another pid namespace, so its unit cannot be told; the \
                     setting `identity = \"user\"` does without",
                )
            })?;
            let process = Process::open(proc_path, pid, credentials.uid)?;
            let unit = process.unit(credentials.uid, lookups).await?;
            check_alive(credentials, pid)?;
            unit
        }
    };
    Ok(caller(credentials.uid, own, &unit))
}

/// A process that lives still had its number all the while.
fn check_alive(credentials: &Credentials, pid: i32) -> Result<(), Refusal> {
    let Some(process) = &credentials.process else {
        return Ok(());
    };
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    match poll(&mut ended, Some(&Timespec::default())) {
        Ok(0) => Ok(()),
        Ok(_) => Err(refused(format!("the process {pid} that connected is gone"))),
        Err(error) => Err(unseen(pid, &error.into())),
    }
}

/// What a process belongs to, beside its user.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    None,
    Service(String),
    Flatpak(String),
    Snap(String),
}

fn caller(uid: u32, own: u32, unit: &Unit) -> Caller {
    // A sandboxed application shares its user's number, but not the user's rights.
    let sandboxed = matches!(unit, Unit::Flatpak(_) | Unit::Snap(_));
    Caller {
        owner: Owner::proved(match unit {
            Unit::None => format!("uid:{uid}"),
            Unit::Service(name) => format!("uid:{uid}/unit:{name}"),
            Unit::Flatpak(name) => format!("uid:{uid}/flatpak:{name}"),
            Unit::Snap(name) => format!("uid:{uid}/snap:{name}"),
        }),
        administrator: !sandboxed && (uid == 0 || uid == own),
    }
}

/// The kernel's directory on one process. What is read through it is of that process and no later one with its number.
struct Process {
    pid: i32,
    directory: OwnedFd,
}

impl Process {
    /// Opens the directory, and makes sure that it is on a process of the user that connected: where the process is gone
    /// and its number is in use again, another user's unit is not taken for it.
    fn open(proc_path: &Path, pid: i32, uid: u32) -> Result<Self, Refusal> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(proc_path.join(pid.to_string()), flags, Mode::empty())
            .map_err(|error| unseen(pid, &error.into()))?;
        let process = Self { pid, directory };
        let status = process.read("status")?;
        if effective_uid(&status) == Some(uid) {
            Ok(process)
        } else {
            Err(refused(format!(
                "the process {pid} that connected as user {uid} is gone or has changed its user"
            )))
        }
    }

    async fn unit(&self, uid: u32, lookups: &Lookups) -> Result<Unit, Refusal> {
        let cgroup = self.read("cgroup")?;
        if let Some(name) = self.flatpak(&cgroup, uid, lookups).await? {
            return Ok(Unit::Flatpak(checked(name)?));
        }
        if let Some(name) = self.security_label().as_deref().and_then(snap_of_label) {
            return Ok(Unit::Snap(checked(name.to_owned())?));
        }
        system_service(&cgroup).map_or(Ok(Unit::None), |name| {
            Ok(Unit::Service(checked(name.to_owned())?))
        })
    }

    /// The Flatpak application: by the description that the sandbox carries at its root, or, where that root is closed to
    /// us, by the scope that Flatpak runs it in.
    async fn flatpak(
        &self,
        cgroup: &str,
        uid: u32,
        lookups: &Lookups,
    ) -> Result<Option<String>, Refusal> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = match openat(&self.directory, "root", flags, Mode::empty()) {
            Ok(root) => root,
            Err(Errno::ACCESS | Errno::PERM) => return Ok(flatpak_scope(cgroup)),
            Err(error) => return Err(unseen(self.pid, &error.into())),
        };
        if is_own_root(&root) {
            return Ok(None);
        }
        match read_sandbox(root, lookups.take(uid)?).await {
            Ok(Some(description)) => application_name(&description).map(Some).ok_or_else(|| {
                refused("the sandbox's .flatpak-info has no `name` under [Application]")
            }),
            Ok(None) => Ok(None),
            Err(error) => Err(refused(format!("the sandbox cannot be told: {error}"))),
        }
    }

    /// What `AppArmor` confines the process by; `None` where it does not.
    fn security_label(&self) -> Option<String> {
        let labels = ["attr/apparmor/current", "attr/current"];
        labels.iter().find_map(|name| self.read(name).ok())
    }

    fn read(&self, name: &str) -> Result<String, Refusal> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.directory, name, flags, Mode::empty())
            .map_err(|error| unseen(self.pid, &error.into()))?;
        read_text(File::from(file)).map_err(|error| unseen(self.pid, &error))
    }
}

fn read_text(file: File) -> io::Result<String> {
    let mut octets = Vec::new();
    file.take(MAX_FILE_OCTETS).read_to_end(&mut octets)?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// Whether a process sees the same root as we do, without asking a file system that may not answer.
fn is_own_root(root: &OwnedFd) -> bool {
    let no_sync = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let asked = StatxFlags::INO;
    let theirs = statx(root, "", no_sync, asked);
    let ours = statx(rustix::fs::CWD, "/", AtFlags::STATX_DONT_SYNC, asked);
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => {
            (theirs.stx_dev_major, theirs.stx_dev_minor, theirs.stx_ino)
                == (ours.stx_dev_major, ours.stx_dev_minor, ours.stx_ino)
        }
        _ => false,
    }
}

/// Reads the description of the sandbox with this root, if there is one, on a thread of its own: the file system there is
/// the sandbox's, and an answer may never come. `share` is for the thread, for as long as it lasts.
async fn read_sandbox(root: OwnedFd, share: Share) -> io::Result<Option<String>> {
    let (sender, receiver) = oneshot::channel();
    let read = move || {
        let description = read_description(&root);
        drop(share);
        // Whoever asked may have given up.
        drop(sender.send(description));
    };
    thread::Builder::new()
        .name("sandbox".to_owned())
        .spawn(read)?;
    match timeout(SANDBOX_TIMEOUT, receiver).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) | Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn read_description(root: &OwnedFd) -> io::Result<Option<String>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    match openat(root, ".flatpak-info", flags, Mode::empty()) {
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(file) => {
            let file = File::from(file);
            if !file.metadata()?.is_file() {
                return Err(io::Error::other(".flatpak-info is no ordinary file"));
            }
            read_text(file).map(Some)
        }
    }
}

fn effective_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The path of the control group in systemd's hierarchy.
fn systemd_path(cgroup: &str) -> Option<&str> {
    let lines = || cgroup.lines();
    lines()
        .find_map(|line| line.strip_prefix("0::"))
        .filter(|path| *path != "/")
        .or_else(|| {
            lines().find_map(|line| line.split_once(":name=systemd:").map(|(_, path)| path))
        })
}

/// The system service that a process belongs to, if it does.
fn system_service(cgroup: &str) -> Option<&str> {
    let path = systemd_path(cgroup)?.strip_prefix("/system.slice/")?;
    path.split('/').find(|name| name.ends_with(".service"))
}

/// The snap of a label such as `snap.meter.daemon (enforce)`: one that is confined. What is not is whatever its user is.
fn snap_of_label(label: &str) -> Option<&str> {
    let (profile, mode) = label.trim_end_matches(['\n', '\0']).split_once(' ')?;
    let (name, _) = profile.strip_prefix("snap.")?.split_once('.')?;
    (mode == "(enforce)").then_some(name)
}

/// The application of a scope such as `app-flatpak-org.example.App-1234.scope`.
fn flatpak_scope(cgroup: &str) -> Option<String> {
    let scope = systemd_path(cgroup)?
        .rsplit('/')
        .find_map(|name| name.strip_prefix("app-flatpak-")?.strip_suffix(".scope"))?;
    let (name, _) = scope.rsplit_once('-')?;
    Some(name.replace("\\x2d", "-"))
}

fn application_name(description: &str) -> Option<String> {
    let mut lines = description.lines().map(str::trim);
    lines.by_ref().find(|line| *line == "[Application]")?;
    lines
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("name=").map(str::to_owned))
}

fn checked(name: String) -> Result<String, Refusal> {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b":-_.\\@".contains(&octet);
    if (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.bytes().all(fits) {
        Ok(name)
    } else {
        Err(refused(
            "the process that connected belongs to a unit or sandbox with a name that is none",
        ))
    }
}

fn unseen(pid: i32, error: &io::Error) -> Refusal {
    refused(format!(
        "the process {pid} that connected cannot be looked at ({error}): it is gone, or hidden (hidepid, \
         ProtectProc=); the setting `identity = \"user\"` does without"
    ))
}

fn refused(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::NotAuthorized, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_services_are_told_from_sessions_and_user_services() {
        for (cgroup, service) in [
            ("0::/system.slice/meter.service\n", Some("meter.service")),
            (
                "0::/system.slice/system-getty.slice/getty@tty1.service\n",
                Some("getty@tty1.service"),
            ),
            (
                "0::/system.slice/meter.service/payload\n",
                Some("meter.service"),
            ),
            (
                "12:cpu:/\n1:name=systemd:/system.slice/meter.service\n0::/\n",
                Some("meter.service"),
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n",
                None,
            ),
            ("0::/user.slice/user-0.slice/session-1.scope\n", None),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(system_service(cgroup), service, "{cgroup}");
        }
    }

    #[test]
    fn the_scope_of_a_flatpak_application_names_it() {
        let within = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/";
        let scope = format!("{within}app-flatpak-org.example.My\\x2dApp-1234.scope\n");
        assert_eq!(flatpak_scope(&scope).as_deref(), Some("org.example.My-App"));
        assert_eq!(
            flatpak_scope(&format!("{within}app-gnome-foo-12.scope\n")),
            None
        );
    }

    #[test]
    fn the_label_of_a_confined_snap_names_it() {
        for (label, snap) in [
            ("snap.meter.daemon (enforce)\n", Some("meter")),
            ("snap.meter.daemon (enforce)\0", Some("meter")),
            ("snap.code.code (complain)\n", None),
            ("unconfined\n", None),
            ("/usr/bin/firefox (enforce)", None),
            ("snap.meter (enforce)", None),
            ("", None),
        ] {
            assert_eq!(snap_of_label(label), snap, "{label}");
        }
    }

    #[tokio::test]
    async fn a_process_that_has_ended_is_nobody() {
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let flags = rustix::process::PidfdFlags::empty();
        let process = rustix::process::Pid::from_raw(pid).unwrap();
        let credentials = Credentials {
            uid: rustix::process::geteuid().as_raw(),
            pid: Some(pid),
            process: Some(rustix::process::pidfd_open(process, flags).unwrap()),
        };
        assert!(check_alive(&credentials, pid).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(check_alive(&credentials, pid).is_err());
        let refused = caller_of(
            &credentials,
            Identity::Unit,
            Path::new("/proc"),
            &Lookups::default(),
        )
        .await;
        assert_eq!(refused.unwrap_err().reason, Reason::NotAuthorized);
    }

    #[test]
    fn the_description_of_a_sandbox_names_its_application() {
        let text = "[Instance]\nname=x\n[Application]\nname=org.example.App\nruntime=r\n";
        assert_eq!(application_name(text).as_deref(), Some("org.example.App"));
        assert_eq!(application_name("[Application]\n[Other]\nname=x\n"), None);
        assert_eq!(application_name("name=x\n"), None);
    }

    #[test]
    fn root_and_the_daemons_user_administer_but_a_sandbox_does_not() {
        assert!(caller(0, 7, &Unit::None).administrator);
        assert!(caller(7, 7, &Unit::None).administrator);
        assert!(!caller(8, 7, &Unit::None).administrator);
        let sandboxed = caller(7, 7, &Unit::Flatpak("org.example.App".to_owned()));
        assert!(!sandboxed.administrator);
        assert_eq!(sandboxed.owner.as_str(), "uid:7/flatpak:org.example.App");
    }

    #[test]
    fn a_name_that_could_be_mistaken_is_refused() {
        assert!(checked("meter.service".to_owned()).is_ok());
        for name in ["", "a/b", "a b", "a\n"] {
            assert!(checked(name.to_owned()).is_err(), "{name:?}");
        }
    }
}
