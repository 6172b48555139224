//! Requests as they come over D-Bus: liberal in types, strict in names.
//!
//! A map is turned into a document of the contract and read as one, so that its names, its refusals and their sentences are those of
//! every binding.

use push_api::{
    DeadLetterQuery, DeregistrationQuery, Fate, Owner, Registration, RegistrationRequest,
    SettleDeadLetters, from_value,
};
use push_message::PushApplicationId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::{Failure, Fallible};

mod document;

pub(crate) use document::Document;

/// Which registrations to list.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    #[serde(rename = "pushApplicationID")]
    pub(crate) push_application_id: Option<String>,
    #[serde(rename = "applicationID")]
    pub(crate) application_id: Option<String>,
    #[serde(rename = "registrationID")]
    pub(crate) registration_id: Option<String>,
    /// Those of all owners, for whom may see them.
    #[serde(rename = "allOwners", default)]
    pub(crate) all_owners: bool,
}

/// Which dead letters to list.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct LetterFilter {
    #[serde(rename = "pushApplicationID")]
    push_application_id: Option<String>,
    #[serde(rename = "applicationID")]
    application_id: Option<String>,
    after: Option<String>,
    pub(crate) limit: Option<u32>,
    /// Those of all owners, for whom may see them.
    #[serde(default)]
    pub(crate) all_owners: bool,
}

/// Which dead letters are meant, where they are not named by their ids.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct LetterChoice {
    #[serde(rename = "pushApplicationID")]
    push_application_id: Option<String>,
    #[serde(rename = "applicationID")]
    application_id: Option<String>,
    #[serde(default)]
    all: bool,
    /// Those of all owners, for whom may settle them.
    #[serde(default)]
    pub(crate) all_owners: bool,
}

impl LetterFilter {
    /// The query for so many at most.
    pub(crate) fn query(self, limit: u32) -> DeadLetterQuery {
        DeadLetterQuery {
            push_application_id: self.push_application_id,
            application_id: self.application_id,
            after: self.after,
            limit,
        }
    }
}

impl LetterChoice {
    /// What is to become of these, or of those with these ids.
    pub(crate) fn request(self, fate: Fate, ids: Vec<String>) -> SettleDeadLetters {
        SettleDeadLetters {
            fate,
            ids,
            all: self.all,
            push_application_id: self.push_application_id,
            application_id: self.application_id,
        }
    }
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

/// Options of a registration beside the request itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistrationOptions {
    /// Whose the application is to be, where it is not the caller's.
    owner: Option<String>,
}

/// The longest name of an owner that is taken, in octets.
const MAX_OWNER: usize = 400;

/// The owner that a caller names.
fn owner(text: Option<String>) -> Fallible<Option<Owner>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let is_fine = |octet: u8| octet.is_ascii_graphic();
    if text.contains(':') && text.len() <= MAX_OWNER && text.bytes().all(is_fine) {
        return Ok(Some(Owner::proved(text)));
    }
    let detail = "it is no owner; one looks like `uid:1000`, as `List` shows them";
    Err(Failure::invalid("owner", detail))
}

/// Reads a registration: its request, and whose it is to be if not the caller's.
pub(crate) fn registration(
    request: &Document,
    options: &Document,
) -> Fallible<(RegistrationRequest, Option<Owner>)> {
    let options: RegistrationOptions = read(options.members()?)?;
    let owner = owner(options.owner)?;
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
    Ok((read(request)?, owner))
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
    let query: DeregistrationQuery = read(query)?;
    owner(query.owner.clone())?;
    Ok(query)
}

/// Reads which dead letters to list.
pub(crate) fn letter_filter(filter: &Document) -> Fallible<LetterFilter> {
    let mut filter = filter.members()?;
    put(&mut filter, "pushApplicationID", text_of_number);
    read(filter)
}

/// Reads which dead letters are meant.
pub(crate) fn letter_choice(choice: &Document) -> Fallible<LetterChoice> {
    let mut choice = choice.members()?;
    put(&mut choice, "pushApplicationID", text_of_number);
    read(choice)
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
