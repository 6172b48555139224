//! What a service says of an event.

use std::fmt;
use std::time::Duration;

use push_client::Outcome;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use zbus::message::Message;
use zbus::{Signature, Type, Variant};

use crate::Handed;

/// What a service made of an event by its answer: a map with an `outcome`, and perhaps with `after` (seconds) and `detail`.
pub(super) fn handed(reply: &Message) -> Handed {
    let body = reply.body();
    let Ok(entries) = body.deserialize::<Entries<'_>>() else {
        if body.is_empty() {
            return Handed::new(
                Outcome::Later,
                "answered by nothing, or by more than is taken",
            );
        }
        let signature = body.signature();
        return Handed::new(
            Outcome::Later,
            format!("answered by `{signature}`, where a{{sv}} is asked for"),
        );
    };
    let outcome = match text(entries.outcome.as_ref()) {
        Some("accepted") => Outcome::Accepted,
        Some("later") => Outcome::Later,
        Some("rejected") => Outcome::Rejected,
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            let said =
                format!("answered `{shown}`; an outcome is `accepted`, `later` or `rejected`");
            return Handed::new(Outcome::Later, said);
        }
        None => return Handed::new(Outcome::Later, "answered without an `outcome`"),
    };
    let after = entries.after.as_ref();
    let after = after.and_then(|value| u32::try_from(value).ok());
    Handed {
        outcome,
        after: after.map(|seconds| Duration::from_secs(seconds.into())),
        said: format!(
            "outcome {}",
            text(entries.outcome.as_ref()).unwrap_or_default()
        ),
        output: text(entries.detail.as_ref()).unwrap_or_default().to_owned(),
    }
}

fn text<'a>(value: Option<&'a Variant<'_>>) -> Option<&'a str> {
    value.and_then(|value| value.try_into().ok())
}

/// The entries of an answer, `a{sv}`, that mean something; of one that stands twice, the last.
#[derive(Default)]
struct Entries<'m> {
    outcome: Option<Variant<'m>>,
    after: Option<Variant<'m>>,
    detail: Option<Variant<'m>>,
}

impl Type for Entries<'_> {
    const SIGNATURE: &'static Signature =
        &Signature::static_dict(&Signature::Str, &Signature::Variant);
}

impl<'de: 'm, 'm> Deserialize<'de> for Entries<'m> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Entries<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of names and variants")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Entries::default();
        while let Some(name) = map.next_key::<&str>()? {
            match name {
                "outcome" => entries.outcome = Some(map.next_value()?),
                "after" => entries.after = Some(map.next_value()?),
                "detail" => entries.detail = Some(map.next_value()?),
                _ => drop(map.next_value::<Variant<'_>>()?),
            }
        }
        Ok(entries)
    }
}

/// A service that answers by an error of its own: again later.
pub(super) fn refused(name: &str, reply: &Message) -> Handed {
    Handed {
        output: said(reply),
        ..Handed::new(Outcome::Later, name)
    }
}

pub(super) fn said(reply: &Message) -> String {
    let body = reply.body();
    body.deserialize::<&str>().unwrap_or_default().to_owned()
}
