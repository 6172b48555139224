//! The programs of other people that tests run against, and how they get onto the machine.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::bail;

use crate::command;

/// A program that tests need, and the Debian package that has it.
struct Peer {
    /// Its name; or what it loads, below the system's directories of libraries.
    program: &'static str,
    package: &'static str,
    used_for: &'static str,
}

const PEERS: &[Peer] = &[
    Peer {
        program: "bearerbox",
        package: "kannel",
        used_for: "conformance with Kannel's PPG",
    },
    Peer {
        program: "wapbox",
        package: "kannel",
        used_for: "conformance with Kannel's PPG",
    },
    Peer {
        program: "tshark",
        package: "tshark",
        used_for: "conformance with Wireshark's decoder",
    },
    Peer {
        program: "curl",
        package: "curl",
        used_for: "conformance with a person's HTTP client",
    },
    Peer {
        program: "openssl",
        package: "openssl",
        used_for: "conformance with OpenSSL as a TLS gateway",
    },
    Peer {
        program: "dbus-daemon",
        package: "dbus-daemon",
        used_for: "sources of short messages on D-Bus",
    },
    Peer {
        program: "dbus-broker",
        package: "dbus-broker",
        used_for: "conformance with the other message bus",
    },
    Peer {
        program: "busctl",
        package: "systemd",
        used_for: "the documented examples of D-Bus",
    },
    Peer {
        program: "gdbus",
        package: "libglib2.0-bin",
        used_for: "the documented examples of D-Bus",
    },
    Peer {
        program: "python3/dist-packages/dbus/__init__.py",
        package: "python3-dbus",
        used_for: "applications in Python on D-Bus",
    },
    Peer {
        program: "python3/dist-packages/gi/__init__.py",
        package: "python3-gi",
        used_for: "applications in Python on D-Bus",
    },
    Peer {
        program: "ofonod",
        package: "ofono",
        used_for: "conformance with oFono",
    },
    Peer {
        program: "ModemManager",
        package: "modemmanager",
        used_for: "conformance with ModemManager",
    },
    Peer {
        program: "mmsdtng",
        package: "mmsd-tng",
        used_for: "conformance with mmsd-tng as a push application",
    },
    Peer {
        program: "kamailio",
        package: "kamailio",
        used_for: "conformance with Kamailio as the SIP core",
    },
    Peer {
        program: "kamailio/modules/tls.so",
        package: "kamailio-tls-modules",
        used_for: "conformance with Kamailio over TLS",
    },
    Peer {
        program: "sipp",
        package: "sip-tester",
        used_for: "conformance with SIPp as push server and terminal",
    },
    Peer {
        program: "sipsak",
        package: "sipsak",
        used_for: "conformance with a person's SIP tool",
    },
    Peer {
        program: "pkg-config",
        package: "pkg-config",
        used_for: "the floor of the benchmark on D-Bus",
    },
    Peer {
        program: "pkgconfig/libsystemd.pc",
        package: "libsystemd-dev",
        used_for: "the floor of the benchmark on D-Bus",
    },
    Peer {
        program: "valgrind",
        package: "valgrind",
        used_for: "instruction counts",
    },
];

/// Installs what is missing where that is possible, and says what stays missing; with CI=true that is an error.
pub(crate) fn provide() -> anyhow::Result<()> {
    if missing().is_empty() {
        println!("==> peers: all here");
        return Ok(());
    }
    let trouble = install_missing();
    let still = missing();
    if still.is_empty() {
        return Ok(());
    }
    let reason = trouble.err().map_or_else(
        || "the packages did not bring them".to_owned(),
        |error| error.to_string(),
    );
    let lines: Vec<String> = still
        .iter()
        .map(|peer| {
            format!(
                "{} (Debian package {}): {}",
                peer.program, peer.package, peer.used_for
            )
        })
        .collect();
    let list = lines.join("\n  ");
    if command::is_ci() {
        bail!("missing, and CI=true skips nothing ({reason}):\n  {list}");
    }
    println!("==> peers: missing, what needs them is SKIPPED ({reason}):\n  {list}");
    Ok(())
}

fn missing() -> Vec<&'static Peer> {
    PEERS.iter().filter(|peer| !is_here(peer.program)).collect()
}

fn is_here(program: &str) -> bool {
    if !program.contains('/') {
        return command::find_program(program).is_some();
    }
    let libraries = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(Path::new);
    let triplets = libraries
        .iter()
        .flat_map(|library| fs::read_dir(library).into_iter().flatten());
    let triplets = triplets.filter_map(|entry| Some(entry.ok()?.path()));
    let mut directories = libraries
        .iter()
        .map(|library| library.to_path_buf())
        .chain(triplets);
    directories.any(|directory| directory.join(program).is_file())
}

fn install_missing() -> anyhow::Result<()> {
    if command::find_program("apt-get").is_none() {
        bail!("this machine has no apt-get");
    }
    if !is_root() {
        bail!("only root may install packages");
    }
    let mut packages: Vec<&str> = missing().iter().map(|peer| peer.package).collect();
    packages.dedup();
    let mut update = apt_get();
    command::step("package lists", update.args(["--quiet", "update"]))?;
    let _quiet = NoServices::hold()?;
    let mut install = apt_get();
    install.args(["--quiet", "--yes", "--no-install-recommends", "install"]);
    command::step("peers from Debian", install.args(packages))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}

/// While this is held, a package that is installed does not start its services (Debian's policy-rc.d).
struct NoServices {
    is_ours: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn hold() -> anyhow::Result<Self> {
        let is_ours = !Path::new(Self::POLICY).exists();
        if is_ours {
            fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(Self::POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            drop(fs::remove_file(Self::POLICY));
        }
    }
}

/// Whether this process runs with the effective user id 0.
fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    match ids {
        Some(ids) => ids.split_whitespace().nth(1) == Some("0"),
        None => env::var("USER").is_ok_and(|user| user == "root"),
    }
}
