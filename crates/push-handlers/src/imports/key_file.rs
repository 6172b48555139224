//! Key files, as `GLib` reads them: groups of keys with values, which other push daemons are configured by.

use std::fmt::{self, Write as _};

/// A key file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyFile {
    /// Its groups, in order; one whose name comes again goes on.
    pub groups: Vec<Group>,
}

/// The keys of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What stands between the brackets.
    pub name: String,
    /// Keys and their values as they are written; of a key that comes again the last value counts.
    keys: Vec<(String, String)>,
}

/// Why a text is no key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct KeyFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: &'static str,
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// The first line that is neither a group, nor a key with a value in one, nor a comment.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut file = Self::default();
        let mut current = None;
        for (index, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let line = line.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
            file.take(line, &mut current)
                .map_err(|fault| KeyFileError {
                    line: index + 1,
                    fault,
                })?;
        }
        Ok(file)
    }

    fn take(&mut self, line: &str, current: &mut Option<usize>) -> Result<(), &'static str> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(name) = group_line(line) {
            *current = Some(self.group(name?));
            return Ok(());
        }
        let Some((key, value)) = line.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err("it is no group in brackets, no `Key=value` and no comment");
        };
        let group = current.and_then(|index| self.groups.get_mut(index));
        let group = group.ok_or("a key stands before the first group in brackets")?;
        let key = key.trim_end_matches(|letter: char| letter.is_ascii_whitespace());
        if !is_key(key) {
            return Err("the name of the key has characters that no key may have");
        }
        let value = value.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        group.put(key, value);
        Ok(())
    }

    fn group(&mut self, name: &str) -> usize {
        let found = self.groups.iter().position(|group| group.name == name);
        found.unwrap_or_else(|| {
            self.groups.push(Group {
                name: name.to_owned(),
                keys: Vec::new(),
            });
            self.groups.len() - 1
        })
    }
}

/// The name of a group, if the line is one's.
fn group_line(line: &str) -> Option<Result<&str, &'static str>> {
    let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
    if rest.contains(|letter| !matches!(letter, ' ' | '\t')) {
        return None;
    }
    let is_name =
        !name.is_empty() && !name.contains(|letter: char| letter == '[' || letter.is_control());
    Some(if is_name {
        Ok(name)
    } else {
        Err("the name of the group is empty, or has characters that no group may have")
    })
}

/// Whether this may be a key: no brackets, but for a language at the end, and no spaces at the ends.
fn is_key(key: &str) -> bool {
    let (name, language) = match key.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']')),
        None => (key, Some("")),
    };
    let in_language =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '@');
    !name.is_empty()
        && !name.starts_with(' ')
        && !name.ends_with(' ')
        && !name.contains(']')
        && language.is_some_and(|language| language.chars().all(in_language))
}

/// Why a value means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidValue {
    /// An escape that there is not, or a character that cannot be read.
    Text,
    /// It is no number.
    Number,
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "it has an escape that there is not (those that are: \\s \\n \\t \\r \\\\), or is not UTF-8",
            Self::Number => "it is no decimal number",
        })
    }
}

impl Group {
    fn put(&mut self, key: &str, value: &str) {
        match self.keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => value.clone_into(known),
            None => self.keys.push((key.to_owned(), value.to_owned())),
        }
    }

    /// The names of its keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(key, _)| key.as_str())
    }

    /// A value with its escapes resolved.
    ///
    /// # Errors
    /// [`InvalidValue::Text`].
    pub fn text(&self, key: &str) -> Result<Option<String>, InvalidValue> {
        self.raw(key).map(unescaped).transpose()
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`InvalidValue::Number`].
    pub fn number(&self, key: &str) -> Result<Option<i32>, InvalidValue> {
        let Some(value) = self.raw(key) else {
            return Ok(None);
        };
        let end = |letter: char| letter.is_ascii_whitespace();
        let digits = value.split(end).next().unwrap_or_default();
        match digits.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(InvalidValue::Number),
        }
    }

    fn raw(&self, key: &str) -> Option<&str> {
        let found = self.keys.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }
}

fn unescaped(value: &str) -> Result<String, InvalidValue> {
    // What a file that is not UTF-8 is read with.
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err(InvalidValue::Text);
    }
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next() {
                Some('s') => ' ',
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('\\') => '\\',
                Some(_) | None => return Err(InvalidValue::Text),
            },
            other => other,
        };
        // Writing to a string does not fail.
        text.write_char(letter).ok();
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSUMER: &str = "# what the device manager wants\r\n\
        [Device Manager]\r\n  MatchContentType = application/vnd.syncml.notification\n\
        TargetPath=/com/example/dm\n\n[Device Manager] \nTargetPath=/com/example/dm2\n[Other]\nTargetBus[de]=session\n";

    #[test]
    fn groups_keys_and_comments_are_read() {
        let file = KeyFile::parse(CONSUMER).unwrap();
        let names: Vec<_> = file
            .groups
            .iter()
            .map(|group| group.name.as_str())
            .collect();
        assert_eq!(names, ["Device Manager", "Other"]);
        let group = &file.groups[0];
        assert_eq!(
            group.text("MatchContentType"),
            Ok(Some("application/vnd.syncml.notification".to_owned()))
        );
        assert_eq!(
            group.text("TargetPath"),
            Ok(Some("/com/example/dm2".to_owned()))
        );
        assert_eq!(group.text("TargetBus"), Ok(None));
        let keys: Vec<_> = group.keys().collect();
        assert_eq!(keys, ["MatchContentType", "TargetPath"]);
    }

    #[test]
    fn values_have_escapes_and_numbers_may_have_space_behind() {
        let text = "[a]\nspace=\\sone\\ttwo\\\\\nodd=\\x\nport=2948  \nworse=2948x\nempty=\n";
        let group = &KeyFile::parse(text).unwrap().groups[0];
        assert_eq!(group.text("space"), Ok(Some(" one\ttwo\\".to_owned())));
        assert_eq!(group.text("odd"), Err(InvalidValue::Text));
        assert_eq!(group.number("port"), Ok(Some(2948)));
        assert_eq!(group.number("worse"), Err(InvalidValue::Number));
        assert_eq!(group.number("empty"), Err(InvalidValue::Number));
        assert_eq!(group.number("none"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line) in [
            ("key=value\n", 1),
            ("[a]\nnonsense\n", 2),
            ("[a]\n=value\n", 2),
            ("[]\n", 1),
            ("# fine\n[a] x\n", 2),
            ("[a]\n\n[b[c]\n", 3),
            ("[a]\nk]=1\n", 2),
        ] {
            assert_eq!(KeyFile::parse(text).unwrap_err().line, line, "{text:?}");
        }
    }
}
