//! The documentation of the configuration, made from its definition.

use super::section::{Key, Section};
use super::{Config, ExecTable, Ppg, SECTIONS, SessionPpg, SmppLink};

const HEAD: &str = "# Configuration of pushcaid

`pushcaid --config FILE` reads a TOML document. Every key has a default, so an empty file is a configuration too; a key that does
not exist is refused. `pushcaid --check --config FILE` reads a file and says what is wrong with it, `pushcaid --print-config`
prints what is in force.

Spans of time are whole seconds or texts such as `\"500ms\"`, `\"30s\"`, `\"5m\"`, `\"1h\"`, `\"7d\"`. Numbers of octets are whole numbers or
texts such as `\"64 KiB\"`, `\"8 MiB\"`.

The daemon ends with status 0 when it was asked to end (SIGTERM, SIGINT), 1 when something failed (an address or the store is in
use, the store is damaged, ...), 2 when its command line is wrong and 78 when its configuration is wrong; each failure is one line on
standard error. SIGHUP has the files of `[imports]` read again; a new configuration needs a restart, which loses no event.

This file is made from the program (`cargo test -p pushcaid` compares them; `UPDATE_DOCS=1 cargo test -p pushcaid` writes it).
";

/// The text of `docs/configuration.md`.
pub fn reference() -> String {
    let defaults = defaults();
    let mut text = HEAD.to_owned();
    for section in &SECTIONS {
        write_section(&mut text, section, &defaults);
    }
    text
}

/// The defaults by section, those of a table of an array under its whole name.
fn defaults() -> toml::Table {
    let mut defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let arrays = [
        (Ppg::SECTION, toml::Table::try_from(Ppg::default())),
        (
            SessionPpg::SECTION,
            toml::Table::try_from(SessionPpg::default()),
        ),
        (
            SmppLink::SECTION,
            toml::Table::try_from(SmppLink::default()),
        ),
        (
            ExecTable::SECTION,
            toml::Table::try_from(ExecTable::default()),
        ),
    ];
    for (section, keys) in arrays {
        defaults.insert(section.name.to_owned(), keys.unwrap_or_default().into());
    }
    defaults
}

fn write_section(text: &mut String, section: &Section, defaults: &toml::Table) {
    let title = match section.name {
        "" => "The top of the file".to_owned(),
        _ => section.title(),
    };
    let inner = table_of(defaults, section.name);
    text.extend([format!(
        "\n## {title}\n\n{}\n",
        paragraph(section.documentation)
    )]);
    for key in section.keys {
        let within = format!("{}.{}", section.name, key.name);
        if SECTIONS
            .iter()
            .any(|section| section.once && section.name == within)
        {
            // It has a chapter of its own.
            continue;
        }
        write_key(text, key, inner.unwrap_or(defaults));
    }
}

/// The table with a name such as `store` or `sms.ofono`.
fn table_of<'a>(defaults: &'a toml::Table, name: &str) -> Option<&'a toml::Table> {
    let table = defaults.get(name).or_else(|| {
        let (section, key) = name.split_once('.')?;
        defaults.get(section)?.get(key)
    });
    table.and_then(toml::Value::as_table)
}

fn write_key(text: &mut String, key: &Key, defaults: &toml::Table) {
    let default = defaults
        .get(key.name)
        .map_or_else(|| "absent".to_owned(), |value| format!("`{value}`"));
    text.extend([format!(
        "\n- `{}` (default: {default}): {}\n",
        key.name,
        paragraph(key.documentation)
    )]);
}

fn paragraph(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_that_of_the_program() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == reference(),
            "docs/configuration.md is stale: run UPDATE_DOCS=1 cargo test -p pushcaid"
        );
    }

    #[test]
    fn every_key_that_is_read_is_documented() {
        let defaults = defaults();
        let documented: Vec<&str> = SECTIONS
            .iter()
            .flat_map(|section| section.keys.iter().map(|key| key.name))
            .collect();
        for (name, value) in &defaults {
            let Some(section) = value.as_table() else {
                assert!(documented.contains(&name.as_str()), "{name}");
                continue;
            };
            assert!(SECTIONS.iter().any(|known| known.name == name), "[{name}]");
            assert!(
                section.keys().all(|key| documented.contains(&key.as_str())),
                "[{name}]"
            );
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let printed = toml::to_string(&Config::default()).unwrap();
        assert_eq!(Config::parse("printed", &printed), Ok(Config::default()));
    }
}
