//! A push event as a map of D-Bus.

mod marshalled;
mod serialised;

use std::borrow::Cow;
use std::io;
use std::os::fd::OwnedFd;

use push_api::{PushEventView, id_digits};
use push_message::Headers;

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
    let decoded = decoded(&view);
    event_map_with(view, decoded, inline)
}

/// [`event_map`] of an event of which it is known what its content says.
pub(crate) fn event_map_with(
    view: PushEventView<'_>,
    decoded: Option<String>,
    inline: usize,
) -> io::Result<EventMap<'_>> {
    let content = (view.content.len() > inline)
        .then(|| sealed_file(view.content))
        .transpose()?;
    Ok(EventMap {
        view,
        content,
        decoded,
    })
}

/// What an entry of the map says.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    /// `s`
    Text(&'a str),
    /// `as`
    Texts(&'a [Box<str>]),
    /// `a{ss}`; of a name that stands twice, the first value.
    Parameters(&'a Headers),
    /// `a(ss)`
    Pairs(&'a Headers),
    /// `ay`
    Octets(&'a [u8]),
    /// `h`
    File(&'a OwnedFd),
    /// `q`
    Port(u16),
    /// `u`
    Number(u32),
    /// `t`
    Time(u64),
}

impl Value<'_> {
    const fn signature(&self) -> &'static str {
        match self {
            Self::Text(_) => "s",
            Self::Texts(_) => "as",
            Self::Parameters(_) => "a{ss}",
            Self::Pairs(_) => "a(ss)",
            Self::Octets(_) => "ay",
            Self::File(_) => "h",
            Self::Port(_) => "q",
            Self::Number(_) => "u",
            Self::Time(_) => "t",
        }
    }
}

impl EventMap<'_> {
    /// Whether the content goes by descriptor.
    pub const fn has_descriptor(&self) -> bool {
        self.content.is_some()
    }

    /// Puts each entry, in order.
    fn each<E>(
        &self,
        mut put: impl FnMut(&'static str, Value<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self {
            view,
            content,
            decoded,
        } = self;
        put("id", Value::Text(&digits(view.id)))?;
        put("registrationID", Value::Text(&digits(view.registration_id)))?;
        put("pushApplicationID", Value::Text(&view.push_application_id))?;
        if let Some(id) = view.application_id {
            put("applicationID", Value::Text(id))?;
        }
        put("contentType", Value::Text(view.content_type))?;
        put("parameters", Value::Parameters(view.parameters))?;
        match content {
            None => put("content", Value::Octets(view.content))?,
            Some(file) => put("contentFd", Value::File(file))?,
        }
        put("headers", Value::Pairs(view.headers))?;
        put("protocol", Value::Text(view.protocol))?;
        put("bearer", Value::Text(view.bearer))?;
        let server = view.server.to_string();
        put("server", Value::Text(&server))?;
        put("sender", Value::Text(view.originator.unwrap_or(&server)))?;
        if !view.server_names.is_empty() {
            put("serverNames", Value::Texts(view.server_names))?;
        }
        if let Some(device) = view.device {
            put("profile", Value::Text(device))?;
        }
        if let Some(port) = view.ports.dest {
            put("dstPort", Value::Port(port))?;
        }
        if let Some(port) = view.ports.orig {
            put("srcPort", Value::Port(port))?;
        }
        put("received", Value::Time(view.received_at))?;
        put("attempt", Value::Number(view.attempt))?;
        put("trust", Value::Text(trust(view)))?;
        if let Some(decoded) = decoded {
            put("decoded", Value::Text(decoded))?;
        }
        Ok(())
    }
}

const fn trust(view: &PushEventView<'_>) -> &'static str {
    match (view.trusted, view.authenticated) {
        (true, _) => "trusted",
        (false, true) => "authenticated",
        (false, false) => "none",
    }
}

/// A list of headers as a map: each name once, with its first value.
fn named_once(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
    let is_first = |index: usize, name: &str| {
        let mut before = headers.iter().take(index);
        before.all(|(other, _)| other != name)
    };
    let headers = headers.iter().enumerate();
    headers.filter_map(move |(index, (name, value))| is_first(index, name).then_some((name, value)))
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

#[cfg(test)]
pub(crate) mod tests;
