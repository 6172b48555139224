//! `cargo xtask layers`: the rules on who may depend on whom, and what sans-I/O crates may not name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::workspace::{Member, Workspace};

/// What one crate may name in its Cargo.toml, tests apart.
struct Rule {
    name: &'static str,
    /// Crates of this workspace.
    ours: &'static [&'static str],
    /// Crates of crates.io; `None` where it does not matter.
    others: Option<&'static [&'static str]>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "wap-wire",
        ours: &[],
        others: Some(&[]),
    },
    Rule {
        name: "push-message",
        ours: &["wap-wire"],
        others: Some(&["ipnet", "iri-string", "thiserror"]),
    },
    Rule {
        name: "push-content",
        ours: &["wap-wire"],
        others: Some(&["quick-xml", "serde", "thiserror"]),
    },
    Rule {
        name: "push-ota",
        ours: &["push-message", "wap-wire"],
        others: Some(&[
            "base64",
            "bytes",
            "hmac",
            "http",
            "md-5",
            "memchr",
            "sha1",
            "sipx-sip",
            "thiserror",
            "tracing",
        ]),
    },
    Rule {
        name: "push-core",
        ours: &["push-message"],
        others: Some(&["ipnet", "thiserror", "tracing"]),
    },
    Rule {
        name: "push-store",
        ours: &["push-core", "push-message"],
        others: Some(&[
            "deadpool-postgres",
            "jiff",
            "rusqlite",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
            "tokio-postgres",
            "tracing",
        ]),
    },
    Rule {
        name: "push-client",
        ours: &[
            "push-api",
            "push-core",
            "push-message",
            "push-ota",
            "push-store",
        ],
        others: Some(&[
            "base64",
            "bytes",
            "http-body-util",
            "hyper",
            "hyper-util",
            "jiff",
            "nix",
            "rusmpp",
            "rustix",
            "rustls",
            "sha1",
            "socket2",
            "thiserror",
            "tokio",
            "tokio-rustls",
            "tokio-util",
            "tracing",
            "zbus",
        ]),
    },
    Rule {
        name: "push-api",
        ours: &["push-message"],
        others: Some(&[
            "base64",
            "jiff",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "thiserror",
        ]),
    },
    Rule {
        name: "push-handlers",
        ours: &["push-api", "push-client", "push-dbus", "push-message"],
        others: Some(&[
            "base64",
            "bytes",
            "close_fds",
            "hmac",
            "http",
            "http-body-util",
            "httpdate",
            "hyper",
            "hyper-util",
            "ipnet",
            "jiff",
            "nix",
            "rustix",
            "rustls",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "tokio",
            "tokio-rustls",
            "tracing",
            "zbus",
        ]),
    },
    Rule {
        name: "push-dbus",
        ours: &["push-api", "push-content", "push-identity", "push-message"],
        others: Some(&[
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "zbus",
        ]),
    },
    Rule {
        name: "push-identity",
        ours: &["push-api"],
        others: Some(&["rustix", "tokio"]),
    },
    Rule {
        name: "push-http",
        ours: &["push-api", "push-identity"],
        others: Some(&[
            "base64",
            "bytes",
            "http",
            "http-body",
            "http-body-util",
            "hyper",
            "hyper-util",
            "rustix",
            "serde",
            "serde_json",
            "socket2",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
        ]),
    },
    Rule {
        name: "push-lab",
        ours: &["wap-wire"],
        others: None,
    },
    Rule {
        name: "push-testkit",
        ours: &["push-core", "push-message", "push-ota", "wap-wire"],
        others: None,
    },
    Rule {
        name: "pushcaid",
        ours: &[
            "push-api",
            "push-client",
            "push-core",
            "push-dbus",
            "push-handlers",
            "push-http",
            "push-message",
            "push-ota",
            "push-store",
        ],
        others: None,
    },
    Rule {
        name: "pushcai",
        ours: &[
            "push-api",
            "push-client",
            "push-content",
            "push-dbus",
            "push-handlers",
            "push-http",
            "push-lab",
            "wap-wire",
        ],
        others: None,
    },
    Rule {
        name: "conformance",
        ours: &["push-lab", "wap-wire"],
        others: None,
    },
    Rule {
        name: "xtask",
        ours: &["conformance", "push-lab", "wap-wire"],
        others: None,
    },
];

/// Machines: octets, time and chance come in, outputs go out.
const SANS_IO: &[&str] = &["wap-wire", "push-message", "push-ota", "push-core"];

/// Crates that a sans-I/O crate may not reach by any road.
const RUNTIMES: &[&str] = &[
    "async-executor",
    "async-io",
    "async-std",
    "futures-executor",
    "mio",
    "polling",
    "smol",
    "socket2",
    "tokio",
];

/// What the source of a sans-I/O crate may not name.
const FORBIDDEN: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixDatagram",
    "UnixListener",
    "UnixStream",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "tokio",
];

/// Libraries that one module alone may name, so that another can take their place: the crate, the library, and where in `src` it is
/// at home.
const AT_HOME: &[(&str, &str, &str)] = &[("push-ota", "sipx_sip", "sip/stack")];

/// Checks the workspace and fails with every breach named.
pub(crate) fn run() -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    let mut breaches = Vec::new();
    for (name, member) in &workspace.members {
        match RULES.iter().find(|rule| rule.name == name) {
            Some(rule) => check_named(rule, member, &workspace, &mut breaches),
            None => breaches.push(format!(
                "{name} has no rule: say in xtask/src/layers.rs what it may depend on"
            )),
        }
    }
    for name in SANS_IO {
        if let Some(member) = workspace.members.get(*name) {
            check_reached(name, member, &workspace, &mut breaches);
            check_sources(name, &member.directory.join("src"), &mut breaches)?;
        }
    }
    for (name, library, home) in AT_HOME {
        if let Some(member) = workspace.members.get(*name) {
            let source = member.directory.join("src");
            for path in sources(name, &source)? {
                let text = read(&path)?;
                let place = path.strip_prefix(&source).unwrap_or(&path);
                let away = away_from_home(place, &text, library, home);
                breaches.extend(away.map(|line| {
                    format!(
                        "{name}: {}:{line} names {library}, which {home} alone may name",
                        path.display()
                    )
                }));
            }
        }
    }
    if breaches.is_empty() {
        println!(
            "layers: {} crates keep the rules, {} of them name no clock, socket or runtime",
            workspace.members.len(),
            SANS_IO.len()
        );
        return Ok(());
    }
    bail!("the layers are broken:\n  {}", breaches.join("\n  "))
}

fn check_named(rule: &Rule, member: &Member, workspace: &Workspace, breaches: &mut Vec<String>) {
    let ours = |name: &&String| workspace.members.contains_key(*name);
    for name in member.dependencies.iter().filter(ours) {
        if !rule.ours.contains(&name.as_str()) {
            breaches.push(format!(
                "{} may not depend on {name}; of ours it may name {:?}",
                rule.name, rule.ours
            ));
        }
    }
    let Some(allowed) = rule.others else { return };
    for name in member.dependencies.iter().filter(|name| !ours(name)) {
        if !allowed.contains(&name.as_str()) {
            breaches.push(format!(
                "{} may not depend on {name}; of crates.io it may name {allowed:?}",
                rule.name
            ));
        }
    }
    if member.dependencies.contains("push-testkit") {
        breaches.push(format!(
            "{} may name push-testkit under [dev-dependencies] only",
            rule.name
        ));
    }
}

fn check_reached(name: &str, member: &Member, workspace: &Workspace, breaches: &mut Vec<String>) {
    let runtimes: BTreeSet<&str> = RUNTIMES.iter().copied().collect();
    for runtime in workspace.reachable(member).intersection(&runtimes) {
        breaches.push(format!(
            "{name} reaches {runtime}; `cargo tree -p {name} -i {runtime}` shows by which road"
        ));
    }
}

fn check_sources(name: &str, directory: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for path in sources(name, directory)? {
        let text = read(&path)?;
        let shown = format!("{name}: {}", path.display());
        breaches.extend(forbidden_names(&text).map(|(line, word)| {
            format!("{shown}:{line} names {word}; a machine is told such things")
        }));
    }
    Ok(())
}

/// Every source file in a folder and those below it.
fn sources(name: &str, directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("cannot read the sources of {name}: {}", directory.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(name, &path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The lines (from 1) of a source file at `place` that name `library`, unless that is its home; tests count, comments do not.
fn away_from_home<'s>(
    place: &Path,
    source: &'s str,
    library: &'s str,
    home: &str,
) -> impl Iterator<Item = usize> + 's {
    let code = if place.starts_with(home) { "" } else { source };
    let code = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let named = code
        .enumerate()
        .filter(move |(_, line)| names(line, library));
    named.map(|(index, _)| index + 1)
}

/// The forbidden names in `source` with the lines (from 1) they stand on; comments and the tests at the end do not count.
fn forbidden_names(source: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let end = source.find("#[cfg(test)]\nmod tests {");
    let code = source.get(..end.unwrap_or(source.len())).unwrap_or(source);
    let code = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.enumerate().flat_map(|(index, line)| {
        FORBIDDEN
            .iter()
            .filter(move |word| names(line, word))
            .map(move |word| (index + 1, *word))
    })
}

/// Whether `line` names `word`, and not something that begins alike.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let rest = line.get(at + word.len()..).unwrap_or_default();
        !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_reads_a_clock_or_opens_a_socket_is_found() {
        let source = "fn f() {\n    let now = Instant::now();\n    UdpSocket::bind(a);\n}\n";
        let found: Vec<_> = forbidden_names(source).collect();
        assert_eq!(found, [(2, "Instant::now"), (3, "UdpSocket")]);
    }

    #[test]
    fn what_begins_alike_is_something_else() {
        assert_eq!(forbidden_names("std::thread_local! {}\n").next(), None);
        assert_eq!(forbidden_names("use std::thread;\n").count(), 1);
    }

    #[test]
    fn comments_and_tests_may_name_what_code_may_not() {
        let source =
            "// never Instant::now\nfn f() {}\n#[cfg(test)]\nmod tests { use std::fs::File; }\n";
        assert_eq!(forbidden_names(source).next(), None);
    }

    #[test]
    fn a_library_is_named_at_home_alone() {
        let lines = |place: &str, source: &str| {
            away_from_home(Path::new(place), source, "sipx_sip", "sip/stack").collect::<Vec<_>>()
        };
        let source = "use bytes::Bytes;\nuse sipx_sip::Uri;\n// sipx_sip reads it\nfn f() { sipx_sip::parse() }\n";
        assert_eq!(lines("sip/agent.rs", source), [2, 4]);
        assert_eq!(lines("sip/stacked.rs", source), [2, 4]);
        assert!(lines("sip/stack/mod.rs", source).is_empty());
        assert!(lines("sip/stack/tests/mod.rs", source).is_empty());
        assert!(lines("sip/agent.rs", "use sipx_sip_like::Uri;").is_empty());
    }

    #[test]
    fn each_crate_has_one_rule() {
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
    }
}
