//! From a TOML document to a [`Config`], with the place of every mistake.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use push_client::TlsError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, SECTIONS, section::Section, wiring::Wrong};

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file, as it was named.
    file: String,
    /// Line and column, counted from 1; absent where the file could not be read.
    place: Option<(usize, usize)>,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The text of a configuration file, to name places in.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    file: &'a str,
    text: &'a str,
}

impl Config {
    /// Reads and checks the file at `path`.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            file: file.clone(),
            place: None,
            message: format!("cannot be read: {error}"),
        })?;
        Self::parse(&file, &text)
    }

    /// Parses and checks `text`; `file` names it in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let document = Document { file, text };
        let table = DeTable::parse(text).map_err(|error| document.syntax(&error))?;
        document.refuse_unknown(table.get_ref())?;
        let config: Self =
            toml::from_str(text).map_err(|error| document.misfit(table.get_ref(), &error))?;
        config
            .wiring()
            .map_err(|wrong| document.at_key(table.get_ref(), wrong))?;
        Ok(config)
    }

    /// Whether the certificates and keys that it names can be used. Reads the files.
    pub fn check_certificates(&self) -> Result<(), TlsError> {
        match self.wiring() {
            Ok(wiring) => {
                wiring.ota_http.check_certificates()?;
                let sip = wiring.ota_sip.map(|sip| sip.settings.check_certificates());
                sip.unwrap_or(Ok(()))
            }
            // A configuration that was read has been wired before.
            Err(_) => Ok(()),
        }
    }

    /// The whole configuration as a document.
    pub fn print(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

impl Document<'_> {
    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        // Of the standard library, which does not say what would do.
        let message = if error.message() == "invalid socket address syntax" {
            "this is no address with a port; write `0.0.0.0:PORT`, `192.0.2.7:PORT` or `[::]:PORT`"
                .to_owned()
        } else {
            error.message().trim_end().replace('\n', "; ")
        };
        self.at(error.span(), message)
    }

    fn at(&self, span: Option<Range<usize>>, message: String) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            place: span.map(|span| self.place(span.start)),
            message,
        }
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        (before.matches('\n').count() + 1, column + 1)
    }

    /// A value of the wrong type. Within a table of an array, the place is said in words too.
    fn misfit(&self, table: &DeTable<'_>, error: &toml::de::Error) -> ConfigError {
        let mut misfit = self.syntax(error);
        let place = error.span().and_then(|span| table_at(table, span.start));
        if let Some((section, index, key)) = place {
            misfit.message = format!(
                "{}, {key}: {}",
                numbered(section.name, index),
                misfit.message
            );
        }
        misfit
    }

    /// The error at a key's value, or at its table where the document leaves the key out.
    fn at_key(&self, table: &DeTable<'_>, wrong: Wrong) -> ConfigError {
        let Wrong {
            section,
            index,
            key,
            message,
        } = wrong;
        let Some(index) = index else {
            let inner = table.get(section).or_else(|| nested(table, section));
            let table = inner.and_then(keys_of).unwrap_or(table);
            return self.at(table.get(key).map(Spanned::span), message);
        };
        let element = elements(table, section).nth(index);
        let span = element.map(|element| {
            let value = keys_of(element).and_then(|keys| keys.get(key));
            value.map_or_else(|| element.span(), Spanned::span)
        });
        let message = format!("{}, {key}: {message}", numbered(section, index));
        self.at(span, message)
    }

    fn refuse_unknown(&self, table: &DeTable<'_>) -> Result<(), ConfigError> {
        let sections = || {
            SECTIONS
                .iter()
                .map(|section| section.name)
                .filter(|name| !name.is_empty() && !name.contains('.'))
        };
        let top = SECTIONS.iter().filter(|section| section.name.is_empty());
        let top: Vec<&str> = top.flat_map(key_names).chain(sections()).collect();
        for (name, value) in table {
            let Some(section) = SECTIONS
                .iter()
                .find(|section| section.name == name.get_ref())
            else {
                self.refuse_unless_known(name.get_ref(), name.span(), "", &top)?;
                continue;
            };
            self.refuse_unknown_in(section, value)?;
        }
        for section in SECTIONS.iter().filter(|section| section.is_within()) {
            match nested(table, section.name) {
                Some(value) if section.once => self.refuse_unknown_in(section, value)?,
                Some(_) | None => self.refuse_unknown_in_each(section, table)?,
            }
        }
        Ok(())
    }

    /// Refuses unknown keys in the tables of an array.
    fn refuse_unknown_in_each(
        &self,
        section: &Section,
        table: &DeTable<'_>,
    ) -> Result<(), ConfigError> {
        let no_list = |span| {
            let message = format!("`{0}` is a list of tables: write [[{0}]]", section.name);
            Err(self.at(Some(span), message))
        };
        match nested(table, section.name) {
            Some(value) if !matches!(value.get_ref(), DeValue::Array(_)) => {
                return no_list(value.span());
            }
            Some(_) | None => {}
        }
        let known: Vec<&str> = key_names(section).collect();
        for (index, element) in elements(table, section.name).enumerate() {
            let Some(keys) = keys_of(element) else {
                return no_list(element.span());
            };
            let place = numbered(section.name, index);
            for name in keys.keys() {
                self.refuse_unless_known(name.get_ref(), name.span(), &place, &known)?;
            }
        }
        Ok(())
    }

    fn refuse_unknown_in(
        &self,
        section: &Section,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let Some(table) = keys_of(value) else {
            let message = format!("`{}` is a section: write [{0}]", section.name);
            return Err(self.at(Some(value.span()), message));
        };
        let known: Vec<&str> = key_names(section).collect();
        for name in table.keys() {
            let place = format!("[{}]", section.name);
            self.refuse_unless_known(name.get_ref(), name.span(), &place, &known)?;
        }
        Ok(())
    }

    fn refuse_unless_known(
        &self,
        name: &str,
        span: Range<usize>,
        place: &str,
        known: &[&str],
    ) -> Result<(), ConfigError> {
        if known.contains(&name) {
            return Ok(());
        }
        let place = if place.is_empty() {
            String::new()
        } else {
            format!(" in {place}")
        };
        let hint = nearest(name, known)
            .or_else(|| elsewhere(name))
            .unwrap_or_else(|| format!("known are {}", known.join(", ")));
        Err(self.at(Some(span), format!("unknown key `{name}`{place}; {hint}")))
    }
}

/// The elements of the array of tables with this name, such as `ota_http.ppg`.
fn elements<'t, 'a>(
    table: &'t DeTable<'a>,
    name: &str,
) -> impl Iterator<Item = &'t Spanned<DeValue<'a>>> + use<'t, 'a> {
    let array = match nested(table, name).map(Spanned::get_ref) {
        Some(DeValue::Array(array)) => Some(array),
        Some(_) | None => None,
    };
    array.into_iter().flat_map(|array| array.iter())
}

/// The value with a name such as `ota_http.ppg`.
fn nested<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> Option<&'t Spanned<DeValue<'a>>> {
    let (section, key) = name.split_once('.')?;
    table.get(section).and_then(keys_of)?.get(key)
}

fn keys_of<'t, 'a>(value: &'t Spanned<DeValue<'a>>) -> Option<&'t DeTable<'a>> {
    if let DeValue::Table(keys) = value.get_ref() {
        Some(keys)
    } else {
        None
    }
}

/// Which value of which table of which array stands at `offset`.
fn table_at<'t>(
    table: &'t DeTable<'_>,
    offset: usize,
) -> Option<(&'static Section, usize, &'t str)> {
    SECTIONS
        .iter()
        .filter(|section| section.is_list())
        .find_map(|section| {
            elements(table, section.name)
                .enumerate()
                .find_map(|(index, element)| {
                    let hit = keys_of(element)?
                        .iter()
                        .find(|(_, value)| value.span().contains(&offset));
                    hit.map(|(key, _)| (section, index, key.get_ref().as_ref()))
                })
        })
}

/// A table of an array as people count them.
fn numbered(section: &str, index: usize) -> String {
    format!("[[{section}]] number {}", index.saturating_add(1))
}

fn key_names(section: &Section) -> impl Iterator<Item = &'static str> + use<> {
    section.keys.iter().map(|key| key.name)
}

fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let ranked = known
        .iter()
        .map(|candidate| (distance(name, candidate), candidate));
    let (distance, candidate) = ranked.min()?;
    (distance <= 1 + name.len().max(candidate.len()) / 3)
        .then(|| format!("did you mean `{candidate}`?"))
}

/// A key of this very name in another section.
fn elsewhere(name: &str) -> Option<String> {
    let section = SECTIONS
        .iter()
        .find(|section| key_names(section).any(|key| key == name))?;
    Some(match section.name {
        "" => "it stands at the top, before any section".to_owned(),
        _ => format!("it stands in {}", section.title()),
    })
}

/// How many letters have to be changed, added or left out to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (above, candidate) in row.iter_mut().skip(1).zip(&other) {
            let changed = diagonal + usize::from(letter != *candidate);
            diagonal = *above;
            left = changed.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (one, other, letters) in [
            ("", "", 0),
            ("listen", "listen", 0),
            ("listn", "listen", 1),
            ("kitten", "sitting", 3),
            ("", "abc", 3),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
            assert_eq!(distance(other, one), letters, "{other} {one}");
        }
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        let cases = [
            (
                "state_dri = \"/x\"",
                "f:1:1: unknown key `state_dri`; did you mean `state_dir`?",
            ),
            (
                "[ota_wsp]\nlistn = []",
                "f:2:1: unknown key `listn` in [ota_wsp]; did you mean `listen`?",
            ),
            (
                "[ota_wps]\n",
                "f:1:2: unknown key `ota_wps`; did you mean `ota_wsp`?",
            ),
            (
                "[api]\nstate_dir = \"/x\"",
                "f:2:1: unknown key `state_dir` in [api]; it stands at the top, before any section",
            ),
            (
                "[api]\ndurability = \"none\"",
                "f:2:1: unknown key `durability` in [api]; it stands in [store]",
            ),
            ("api = 3", "f:1:7: `api` is a section: write [api]"),
            (
                "[ota_http]\nlistn = []",
                "f:2:1: unknown key `listn` in [ota_http]; did you mean `listen`?",
            ),
            (
                "[ota_sip]\nregistar = \"sip:x\"",
                "f:2:1: unknown key `registar` in [ota_sip]; did you mean `registrar`?",
            ),
            (
                "[delivery]\nmax_attempts = \"many\"",
                "f:2:16: invalid type: string \"many\", expected u32",
            ),
            (
                "[delivery]\nbackoff_base = \"1 week\"",
                "f:2:16: invalid value: string \"1 week\", expected a span of time",
            ),
            (
                "[queue]\nmax_queue_octets = -1",
                "f:2:20: invalid value: integer `-1`, expected a number of octets",
            ),
            (
                "[ota_wsp]\nlisten = [\"2948\"]",
                "f:2:11: this is no address with a port; write `0.0.0.0:PORT`, `192.0.2.7:PORT` or `[::]:PORT`",
            ),
            (
                "[store]\ndurability = \"strong\"",
                "f:2:14: unknown variant `strong`, expected one of `power-loss`, `process`, `none`",
            ),
            (
                "[whitelist]\ndefault = [\"300.1.2.3\"]",
                "f:2:11: `300.1.2.3` is no address of a Push Server",
            ),
            (
                "[whitelist]\ndefault = [{ adress = \"192.0.2.1\" }]",
                "f:2:14: unknown field `adress`, expected one of `address`, `applications`, `accept`",
            ),
            (
                "[api]\nsocket_mode = \"rw\"",
                "f:2:15: `rw` is no file mode",
            ),
            (
                "[api]\ntcp = \"127.0.0.1:8035\"",
                "f:2:7: HTTP over TCP needs token_file",
            ),
            (
                "[delivery]\nevent_lifetime = 0",
                "f:2:18: at least 1 ms is taken",
            ),
            (
                "[delivery]\nacknowledgement_timeout = \"0s\"",
                "f:2:27: at least 1 ms is taken",
            ),
            (
                "[delivery]\nbackoff_base = 0",
                "f:2:16: at least 1 ms is taken",
            ),
            ("[delivery]\nmax_window = 0", "f:2:14: at least 1 is taken"),
            ("[http]\nmax_connections = 0", "f:2:19: at least 1 is taken"),
            ("[http]\nidle_timeout = 0", "f:2:16: at least 1 ms is taken"),
            (
                "[log]\nlevel = \"loud\"",
                "f:2:9: `loud` is no level; write",
            ),
            ("[log]\nlevel = \"loud=maybe\"", "f:2:9: "),
            ("[api", "f:1:5: "),
        ];
        for (text, expected) in cases {
            let error = Config::parse("f", text).unwrap_err().to_string();
            assert!(
                error.starts_with(expected),
                "{text:?} gives {error:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn a_document_may_leave_everything_out() {
        assert_eq!(Config::parse("f", ""), Ok(Config::default()));
        assert_eq!(
            Config::parse("f", "[ota_http]\n[ota_sip]\n"),
            Ok(Config::default())
        );
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let error = Config::read(Path::new("/nowhere/pushcaid.toml")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/nowhere/pushcaid.toml: cannot be read: "),
            "{error}"
        );
    }
}
