//! Reading an application's JSON, with errors that name what, where and what would work.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::{Problem, nearest};

/// Reads a request of an application from a JSON object.
///
/// What is wrong is said with its place (line and column from 1, and the option's path where there is one); an unknown
/// field names the nearest known one.
pub fn from_json<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Box<Problem>> {
    // Serde takes a list of values in the order of the fields as well; the contract does not.
    if octets.trim_ascii_start().starts_with(b"[") {
        return Err(
            Problem::invalid_request("the body is a list; one JSON object is expected").into(),
        );
    }
    read(octets)
}

/// Reads a list of requests from a JSON array, with the same errors as [`from_json`].
pub fn list_from_json<T: DeserializeOwned>(octets: &[u8]) -> Result<Vec<T>, Box<Problem>> {
    read(octets)
}

/// Reads a request of an application from a value that another notation than JSON was turned into, with the same errors as
/// [`from_json`], but for the place, which only text has.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Box<Problem>> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = Some(error.path().to_string()).filter(|path| path != ".");
        Box::new(misfit(error.into_inner().to_string(), path))
    })
}

fn read<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Box<Problem>> {
    // What is known to be UTF-8 as a whole is not looked at again string by string.
    let value = match std::str::from_utf8(octets) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(octets),
    };
    value.map_err(|error| {
        Box::new(match error.classify() {
            Category::Data => misfit(error.to_string(), path_of_fault::<T>(octets)),
            Category::Syntax | Category::Eof | Category::Io => no_json(octets, &error),
        })
    })
}

fn no_json(octets: &[u8], error: &serde_json::Error) -> Problem {
    if octets.trim_ascii().is_empty() {
        return Problem::invalid_request("the body is empty; a JSON document is expected");
    }
    Problem::invalid_request(format!("the body is no JSON document: {error}"))
}

/// The document is readable but not what is asked for: what serde says, and the path of the value at fault.
fn misfit(message: String, path: Option<String>) -> Problem {
    let unknown = quoted_after(&message, "unknown field ");
    let named = unknown
        .or_else(|| quoted_after(&message, "missing field "))
        .or_else(|| quoted_after(&message, "duplicate field "));
    let option = match named {
        Some(field) if path.as_deref().is_some_and(|path| ends_with(path, field)) => path,
        Some(field) => {
            Some(path.map_or_else(|| field.to_owned(), |path| format!("{path}.{field}")))
        }
        None => path,
    };
    let detail = unknown
        .and_then(|field| unknown_field(&message, field))
        .unwrap_or(message);
    Problem {
        option,
        ..Problem::invalid_request(detail)
    }
}

/// The document is read again for the path of the value at fault.
fn path_of_fault<T: DeserializeOwned>(octets: &[u8]) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_slice(octets);
    let error = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err()?;
    Some(error.path().to_string()).filter(|path| path != ".")
}

fn ends_with(path: &str, field: &str) -> bool {
    path.strip_suffix(field)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The sentence for an unknown field, from serde's: "unknown field `x`, expected one of `a`, `b` at line 1 column 2"; there may be no
/// place.
fn unknown_field(message: &str, field: &str) -> Option<String> {
    let (_, expected) = message.split_once("`, expected ")?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let place = message
        .rfind(" at line ")
        .and_then(|start| message.get(start..))
        .unwrap_or_default();
    let hint = nearest(field, known.iter().copied()).map_or_else(
        || format!("known are {}", list(&known)),
        |near| format!("did you mean `{near}`?"),
    );
    Some(format!("unknown field `{field}`{place}; {hint}"))
}

fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    let (word, _) = message
        .strip_prefix(start)?
        .strip_prefix('`')?
        .split_once('`')?;
    Some(word)
}

fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}
