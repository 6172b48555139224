//! A push event as a map of D-Bus.

use std::borrow::Cow;
use std::io;

use push_api::{PushEventView, id_digits};
use push_message::Headers;
use serde::ser::{
    Serialize, SerializeMap as _, SerializeSeq as _, SerializeStruct as _, Serializer,
};
use zbus::{OwnedFd, Signature, Type};

use crate::decoded::decoded;
use crate::sealed::sealed_file;

/// A push event as `a{sv}`, written without copying it first.
///
/// | key | type | |
/// | --- | --- | --- |
/// | `id`, `registrationID` | `s` | 16 hexadecimal digits each |
/// | `pushApplicationID`, `applicationID` | `s` | in canonical form; the second where there is one |
/// | `contentType`, `parameters` | `s`, `a{ss}` | a name that stands twice has its first value |
/// | `content` | `ay` | up to a size |
/// | `contentFd` | `h` | above it: a sealed file in memory, to be read from its beginning to its end |
/// | `headers` | `a(ss)` | in order of arrival: they repeat, so they are no map |
/// | `protocol`, `bearer` | `s` | |
/// | `server`, `serverNames` | `s`, `as` | as the bearer showed it; what it proved, if anything |
/// | `sender` | `s` | who sent the short message; on other bearers the server |
/// | `profile` | `s` | the modem or link that it came by, where there is one |
/// | `dstPort`, `srcPort` | `q` | where the bearer has them |
/// | `received` | `t` | milliseconds since 1970 |
/// | `attempt` | `u` | 1 for the first delivery |
/// | `trust` | `s` | `trusted`, `authenticated` or `none`, as the gateway says |
/// | `decoded` | `s` | what the content says, as JSON, where its type is known; at most 16 KiB |
///
/// A string with NUL, which D-Bus cannot carry, has U+FFFD in its place.
#[derive(Debug)]
pub struct EventMap<'a> {
    view: PushEventView<'a>,
    content: Option<OwnedFd>,
    decoded: Option<String>,
}

/// A push event as a map; content of more than `inline` octets goes by descriptor.
///
/// # Errors
/// The kernel gives no file in memory.
pub fn event_map(view: PushEventView<'_>, inline: usize) -> io::Result<EventMap<'_>> {
    let content = (view.content.len() > inline)
        .then(|| sealed_file(view.content))
        .transpose()?;
    let decoded = decoded(&view);
    Ok(EventMap {
        view,
        content: content.map(OwnedFd::from),
        decoded,
    })
}

impl EventMap<'_> {
    /// Whether the content goes by descriptor.
    pub const fn has_descriptor(&self) -> bool {
        self.content.is_some()
    }
}

impl Type for EventMap<'_> {
    const SIGNATURE: &'static Signature =
        &Signature::static_dict(&Signature::Str, &Signature::Variant);
}

impl Serialize for EventMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            view,
            content,
            decoded,
        } = self;
        let mut map = Entries(serializer.serialize_map(None)?);
        map.put("id", "s", &digits(view.id))?;
        map.put("registrationID", "s", &digits(view.registration_id))?;
        map.put(
            "pushApplicationID",
            "s",
            &carried(&view.push_application_id),
        )?;
        map.put_some("applicationID", view.application_id)?;
        map.put("contentType", "s", &carried(view.content_type))?;
        map.put("parameters", "a{ss}", &Parameters(view.parameters))?;
        match content {
            None => map.put("content", "ay", &Octets(view.content))?,
            Some(file) => map.put("contentFd", "h", file)?,
        }
        map.put("headers", "a(ss)", &Pairs(view.headers))?;
        map.put("protocol", "s", &view.protocol)?;
        map.put("bearer", "s", &view.bearer)?;
        let server = view.server.to_string();
        map.put("server", "s", &carried(&server))?;
        map.put("sender", "s", &carried(view.originator.unwrap_or(&server)))?;
        if !view.server_names.is_empty() {
            let names: Vec<_> = view.server_names.iter().map(|name| carried(name)).collect();
            map.put("serverNames", "as", &names)?;
        }
        map.put_some("profile", view.device)?;
        if let Some(port) = &view.ports.dest {
            map.put("dstPort", "q", port)?;
        }
        if let Some(port) = &view.ports.orig {
            map.put("srcPort", "q", port)?;
        }
        map.put("received", "t", &view.received_at)?;
        map.put("attempt", "u", &view.attempt)?;
        map.put("trust", "s", &trust(view))?;
        map.put_some("decoded", decoded.as_deref())?;
        map.0.end()
    }
}

const fn trust(view: &PushEventView<'_>) -> &'static str {
    match (view.trusted, view.authenticated) {
        (true, _) => "trusted",
        (false, true) => "authenticated",
        (false, false) => "none",
    }
}

fn digits(id: u64) -> String {
    id_digits(id).iter().copied().map(char::from).collect()
}

/// The string as D-Bus can carry it.
fn carried(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A map whose values are variants.
struct Entries<M>(M);

impl<M: serde::ser::SerializeMap> Entries<M> {
    fn put<T: Type + Serialize>(
        &mut self,
        name: &str,
        signature: &'static str,
        value: &T,
    ) -> Result<(), M::Error> {
        debug_assert_eq!(*T::SIGNATURE, signature, "{name}");
        self.0.serialize_entry(name, &Signed(signature, value))
    }

    fn put_some(&mut self, name: &str, text: Option<&str>) -> Result<(), M::Error> {
        text.map_or(Ok(()), |text| self.put(name, "s", &carried(text)))
    }
}

/// A variant: a signature with a value of it. The signature need not be written out each time.
struct Signed<'a, T>(&'static str, &'a T);

impl<T: Serialize> Serialize for Signed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut variant = serializer.serialize_struct("Variant", 2)?;
        variant.serialize_field("signature", self.0)?;
        variant.serialize_field("value", self.1)?;
        variant.end()
    }
}

/// Octets, `ay`, written as one piece.
struct Octets<'a>(&'a [u8]);

impl Type for Octets<'_> {
    const SIGNATURE: &'static Signature = &Signature::static_array(&Signature::U8);
}

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Names with values in their order, `a(ss)`.
struct Pairs<'a>(&'a Headers);

impl Type for Pairs<'_> {
    const SIGNATURE: &'static Signature = <Vec<(&str, &str)>>::SIGNATURE;
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = serializer.serialize_seq(None)?;
        for (name, value) in self.0.iter() {
            pairs.serialize_element(&(carried(name), carried(value)))?;
        }
        pairs.end()
    }
}

/// Names with a value each, `a{ss}`.
struct Parameters<'a>(&'a Headers);

impl Type for Parameters<'_> {
    const SIGNATURE: &'static Signature = &Signature::static_dict(&Signature::Str, &Signature::Str);
}

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (index, (name, value)) in self.0.iter().enumerate() {
            let stands_before = self.0.iter().take(index).any(|(other, _)| other == name);
            if !stands_before {
                map.serialize_entry(&carried(name), &carried(value))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
pub(crate) mod tests;
