//! Requests as they come over D-Bus: liberal in types, strict in names.
//!
//! A map is turned into a document of the contract and read as one, so that its names, its refusals and their sentences are those of
//! every binding.

use push_api::{DeregistrationQuery, Registration, RegistrationRequest, from_value};
use push_message::PushApplicationId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::{Failure, Fallible};

mod document;

pub(crate) use document::Document;

/// Which registrations to list.
#[expect(clippy::struct_field_names, reason = "the names of Push-CAI")]
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    #[serde(rename = "pushApplicationID")]
    pub(crate) push_application_id: Option<String>,
    #[serde(rename = "applicationID")]
    pub(crate) application_id: Option<String>,
    #[serde(rename = "registrationID")]
    pub(crate) registration_id: Option<String>,
}

impl Filter {
    pub(crate) fn fits(&self, registration: &Registration) -> bool {
        let Registration {
            registration_id,
            request,
            ..
        } = registration;
        let same = |wanted: &Option<String>, value: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == value
        };
        let application = request.application_id.as_deref();
        let wanted = self.push_application_id.as_deref();
        same(&self.registration_id, Some(registration_id))
            && same(&self.application_id, application)
            && wanted.is_none_or(|id| is_same_application(id, &request.push_application_id))
    }
}

/// Whether what was asked for means what is registered, whatever its spelling.
fn is_same_application(asked: &str, registered: &str) -> bool {
    let parse = |id| PushApplicationId::parse(id).ok();
    asked == registered || parse(asked).is_some_and(|id| Some(id) == parse(registered))
}

/// Options of a registration beside the request itself; there are none so far.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// Reads a registration: its request and its options.
pub(crate) fn registration(
    request: &Document,
    options: &Document,
) -> Fallible<RegistrationRequest> {
    let NoOptions {} = read(options.members()?)?;
    let mut request = request.members()?;
    put(&mut request, "pushApplicationID", text_of_number);
    put(&mut request, "Accept", |types| joined(types, ", "));
    put(&mut request, "whitelist", addresses);
    put(&mut request, "connectionProfile", |profiles| {
        if profiles.is_object() {
            Value::Array(vec![profiles])
        } else {
            profiles
        }
    });
    read(request)
}

/// Reads a deregistration: the application, and its options.
pub(crate) fn deregistration(
    push_application_id: String,
    options: &Document,
) -> Fallible<DeregistrationQuery> {
    let mut query = options.members()?;
    if query.contains_key("pushApplicationID") {
        let detail = "it is the first argument, and no option";
        return Err(Failure::invalid("pushApplicationID", detail));
    }
    query.insert("pushApplicationID".to_owned(), push_application_id.into());
    read(query)
}

/// Reads a filter.
pub(crate) fn filter(filter: &Document) -> Fallible<Filter> {
    let mut filter = filter.members()?;
    put(&mut filter, "pushApplicationID", text_of_number);
    read(filter)
}

fn read<T: DeserializeOwned>(document: Map<String, Value>) -> Fallible<T> {
    Ok(from_value(Value::Object(document))?)
}

fn put(document: &mut Map<String, Value>, name: &str, change: impl FnOnce(Value) -> Value) {
    if let Some(value) = document.get_mut(name) {
        *value = change(value.take());
    }
}

/// A number, where the contract has the text of one (an OMNA number).
fn text_of_number(value: Value) -> Value {
    if value.is_number() {
        Value::String(value.to_string())
    } else {
        value
    }
}

/// A list of strings, where the contract has one string.
fn joined(value: Value, separator: &str) -> Value {
    let Value::Array(items) = &value else {
        return value;
    };
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    let joined = texts.map(|texts| texts.join(separator));
    joined.map_or(value, Value::from)
}

/// A list of addresses: as strings, in one string with commas, or each in a map as its `address`.
fn addresses(value: Value) -> Value {
    if let Value::String(text) = &value {
        text.split(',').map(str::trim).collect()
    } else if let Value::Array(items) = value {
        items.into_iter().map(address).collect()
    } else {
        value
    }
}

fn address(value: Value) -> Value {
    let only = value.as_object().filter(|entry| entry.len() == 1);
    let address = only.and_then(|entry| entry.get("address").cloned());
    address.unwrap_or(value)
}

#[cfg(test)]
mod tests;
