//! Data on the standard output, talk on the standard error.

use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// Where the results of a command go.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    stderr: Stderr,
    json: bool,
    bold: bool,
    color: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            stdout: BufWriter::new(io::stdout()),
            stderr: io::stderr(),
            json,
            bold: wanted && io::stdout().is_terminal(),
            color: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether results are JSON, one value a line.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// One line of data.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.stdout, "{line}").map_err(|error| Failure::output(&error))
    }

    /// Data as it is.
    pub(crate) fn octets(&mut self, octets: &[u8]) -> Result<(), Failure> {
        self.stdout
            .write_all(octets)
            .map_err(|error| Failure::output(&error))
    }

    /// One JSON value on a line of its own.
    pub(crate) fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let line =
            serde_json::to_string(value).map_err(|error| Failure::Other(error.to_string()))?;
        self.line(&line)
    }

    /// A JSON document as it came, on a line of its own.
    pub(crate) fn document(&mut self, document: &RawValue) -> Result<(), Failure> {
        let text = document.get();
        if text.contains(['\n', '\r']) {
            let value: Value = serde_json::from_str(text).map_err(Failure::answer)?;
            return self.json(&value);
        }
        self.line(text)
    }

    /// Aligned columns below their headings.
    pub(crate) fn table<const N: usize>(
        &mut self,
        headings: [&str; N],
        rows: &[[String; N]],
    ) -> Result<(), Failure> {
        let mut lines = table(headings, rows).into_iter();
        if let Some(heading) = lines.next() {
            let line = if self.bold {
                format!("\x1b[1m{heading}\x1b[0m")
            } else {
                heading
            };
            self.line(&line)?;
        }
        lines.try_for_each(|line| self.line(&line))
    }

    /// Hands everything written so far to the system.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(|error| Failure::output(&error))
    }

    /// One line of talk.
    pub(crate) fn say(&self, line: &str) {
        // Nobody can be told that the standard error is closed.
        drop(writeln!(&self.stderr, "{line}"));
    }

    /// One line that says what went wrong.
    pub(crate) fn complain(&self, message: &str) {
        self.say(&format!("{} {message}", self.colored("31;1", "pushcai:")));
    }

    /// One line that says what would work.
    pub(crate) fn hint(&self, hint: &str) {
        self.say(&format!("{} {hint}", self.colored("36", "hint:")));
    }

    fn colored(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Text without anything that a terminal would obey: what came from outside must not steer it.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut all, character| {
            if character.is_control() || is_direction(character) {
                all.extend(character.escape_default());
            } else {
                all.push(character);
            }
            all
        })
}

/// Marks that change the direction of the text behind them.
const fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Octets in hexadecimal, without anything between.
pub(crate) fn hexadecimal(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(octet & 0x0f)])
        .collect()
}

/// Milliseconds since 1970 as a date and time of UTC.
pub(crate) fn time(milliseconds: u64) -> String {
    i64::try_from(milliseconds)
        .ok()
        .and_then(|milliseconds| jiff::Timestamp::from_millisecond(milliseconds).ok())
        .map_or_else(|| format!("{milliseconds} ms"), |time| format!("{time:.3}"))
}

fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let rows: Vec<[String; N]> = std::iter::once(headings.map(str::to_owned))
        .chain(
            rows.iter()
                .map(|row| row.each_ref().map(|cell| visible(cell))),
        )
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let padded = cells.map(|(cell, width)| format!("{cell:width$}  "));
        padded.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "long".to_owned()],
            ["über".to_owned(), String::new()],
        ];
        assert_eq!(table(["ID", "X"], &rows), ["ID    X", "a     long", "über"]);
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        assert_eq!(
            visible("a\x1b[31mb\n\u{202e}é"),
            "a\\u{1b}[31mb\\n\\u{202e}é"
        );
    }

    #[test]
    fn times_are_of_utc() {
        assert_eq!(time(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(time(u64::MAX), "18446744073709551615 ms");
    }
}
