//! The tokens by which owners are told over TCP.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use push_api::{Caller, Owner};

use crate::failure::{Failure, Fallible};

/// The most octets that a file of tokens may have.
const MAX_FILE_OCTETS: u64 = 1024 * 1024;
/// The fewest characters of a token.
const MIN_TOKEN_LENGTH: usize = 16;
/// The most characters of a token.
const MAX_TOKEN_LENGTH: usize = 512;
/// The most characters of a name.
const MAX_NAME_LENGTH: usize = 64;

/// The tokens that are taken, each with the name of its owner.
#[derive(Clone, Default)]
pub struct Tokens(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    name: Box<str>,
    token: Box<str>,
    administrator: bool,
}

impl Tokens {
    /// Reads a file of lines `name token [admin]`, where `#` starts a comment.
    ///
    /// The file must not be open to others nor be writable by its group. A name has 1 to 64 of the characters
    /// `A-Z a-z 0-9 . _ -`, a token 16 to 512 of those and `~ + / =`.
    pub fn read(path: &Path) -> Result<Self, InvalidTokens> {
        let unreadable = |source| InvalidTokens::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
        if mode & 0o027 != 0 {
            return Err(InvalidTokens::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = String::new();
        file.take(MAX_FILE_OCTETS)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        Self::parse(&text)
    }

    /// Reads the lines of such a file.
    pub fn parse(text: &str) -> Result<Self, InvalidTokens> {
        let mut entries = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let content = line.split('#').next().unwrap_or_default();
            if let Some(entry) = parse_line(content, number)? {
                entries.push(entry);
            }
        }
        let names: BTreeSet<&str> = entries.iter().map(|entry| &*entry.name).collect();
        let tokens: BTreeSet<&str> = entries.iter().map(|entry| &*entry.token).collect();
        if names.len() < entries.len() || tokens.len() < entries.len() {
            return Err(InvalidTokens::Repeated);
        }
        Ok(Self(entries))
    }

    /// Whether there is none, so that nobody gets in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who asks, by the token of the request.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Fallible<Caller> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Failure::unauthorized(
                "a token is needed: send the one header `Authorization: Bearer TOKEN`",
            ));
        };
        let token = value.to_str().ok().and_then(bearer).ok_or_else(|| {
            Failure::unauthorized(
                "the header `Authorization` is not understood; `Authorization: Bearer TOKEN` is",
            )
        })?;
        self.find(token)
            .ok_or_else(|| Failure::unauthorized("this token is not known"))
    }

    fn find(&self, token: &str) -> Option<Caller> {
        // Every entry is compared in full, so that time tells nothing of how near a guess was.
        let mut found = None;
        for entry in &self.0 {
            if equal(&entry.token, token) {
                found = Some(entry);
            }
        }
        found.map(|entry| Caller {
            owner: Owner::proved(format!("token:{}", entry.name)),
            administrator: entry.administrator,
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|entry| &entry.name);
        f.debug_list().entries(names).finish()
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn equal(left: &str, right: &str) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let differing = left
        .bytes()
        .zip(right.bytes())
        .fold(0, |differing, (left, right)| {
            black_box(differing | (left ^ right))
        });
    differing == 0
}

fn parse_line(content: &str, line: usize) -> Result<Option<Entry>, InvalidTokens> {
    let mut words = content.split_whitespace();
    let Some(name) = words.next() else {
        return Ok(None);
    };
    let (Some(token), flag, None) = (words.next(), words.next(), words.next()) else {
        return Err(InvalidTokens::Words { line });
    };
    let administrator = match flag {
        None => false,
        Some("admin") => true,
        Some(_) => return Err(InvalidTokens::Words { line }),
    };
    if !(1..=MAX_NAME_LENGTH).contains(&name.len()) || !name.bytes().all(is_name_octet) {
        return Err(InvalidTokens::Name { line });
    }
    let lengths = MIN_TOKEN_LENGTH..=MAX_TOKEN_LENGTH;
    let fits = |octet| is_name_octet(octet) || b"~+/=".contains(&octet);
    if !lengths.contains(&token.len()) || !token.bytes().all(fits) {
        return Err(InvalidTokens::Token { line });
    }
    Ok(Some(Entry {
        name: name.into(),
        token: token.into(),
        administrator,
    }))
}

fn is_name_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"._-".contains(&octet)
}

/// Why tokens are not taken. Names no token.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTokens {
    /// The file cannot be read.
    #[error("the token file {path} cannot be read: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is open to others.
    #[error(
        "the token file {path} is open to others (mode {mode:03o}); make it 600, or 640 for a group that may read it",
        path = path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not the words of a line.
    #[error("line {line} of the tokens: `name token`, or `name token admin`, is expected")]
    Words {
        /// The line, from 1.
        line: usize,
    },
    /// Not a name.
    #[error("line {line} of the tokens: a name has 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    Name {
        /// The line, from 1.
        line: usize,
    },
    /// Not a token.
    #[error(
        "line {line} of the tokens: a token has 16 to 512 of the characters A-Z a-z 0-9 . _ - ~ + / ="
    )]
    Token {
        /// The line, from 1.
        line: usize,
    },
    /// A name or a token stands there twice.
    #[error("a name or a token stands twice among the tokens; each has to be unique")]
    Repeated,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# lab\nlab 0123456789abcdef\n\nroot fedcba9876543210 admin # all\n";

    #[test]
    fn a_token_names_its_owner() {
        let tokens = Tokens::parse(TEXT).unwrap();
        let lab = tokens.find("0123456789abcdef").unwrap();
        assert_eq!(
            (lab.owner.as_str(), lab.administrator),
            ("token:lab", false)
        );
        assert!(tokens.find("fedcba9876543210").unwrap().administrator);
        assert!(tokens.find("0123456789abcdeF").is_none());
        assert!(tokens.find("0123456789abcde").is_none());
        assert!(tokens.find("").is_none());
        assert_eq!(format!("{tokens:?}"), r#"["lab", "root"]"#);
    }

    #[test]
    fn a_wrong_line_is_named_without_its_token() {
        for (text, message) in [
            ("lab", "line 1 of the tokens: `name token`"),
            (
                "\nlab 0123456789abcdef boss",
                "line 2 of the tokens: `name token`",
            ),
            ("l/b 0123456789abcdef", "line 1 of the tokens: a name"),
            ("lab short", "line 1 of the tokens: a token"),
            (
                "a 0123456789abcdef\nb 0123456789abcdef",
                "a name or a token",
            ),
            (
                "a 0123456789abcdef\na 0123456789abcdeg",
                "a name or a token",
            ),
        ] {
            let error = Tokens::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
            assert!(!error.contains("0123456789"), "{error}");
        }
    }
}
