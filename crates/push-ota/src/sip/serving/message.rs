//! A push in a MESSAGE (RFC 3428): what is made of it before anybody judges it.

use bytes::Bytes;
use push_message::{
    ContentType, Headers, InitiatorTrust, PushApplicationId, PushMessage, ReceivedPush,
};

use super::super::stack::Request;
use super::common::{Common, Context, Refusal};
use super::envelope::{ENVELOPE, Envelope};
use super::media::{content_type, undescribed};
use super::origin::{Addressed, origin};

/// The push that a MESSAGE carries.
pub(super) fn push(
    request: &Request,
    context: &Context<'_>,
    common: &Common,
) -> Result<ReceivedPush, Refusal> {
    check_encoding(request)?;
    let settings = &common.settings;
    let body = request.body();
    if body.len() > settings.max_content {
        let detail = format!("content of more than {} octets", settings.max_content);
        return Err(Refusal::new(413, "size", detail));
    }
    let (described, whole) = described(request)?;
    let mut headers = entity_headers(request, settings.max_headers)?;
    // One that is broken further on is kept as it came.
    if let Some(line) = request.header("Content-Type").filter(|_| !whole) {
        headers.push_text("Content-Type", &line);
    }
    let addressed = Addressed::read(request, context.announced, settings.other_instances);
    let named = addressed.application;
    Ok(ReceivedPush {
        message: opened(described, headers, body.clone(), named, common)?,
        origin: origin(request, addressed.instance, context, common),
        received: context.received,
    })
}

/// The push message, out of its envelope where it has one that is to be opened. One that stays shut is looked into for whom it
/// names, where nobody else is named.
pub(crate) fn opened(
    described: ContentType,
    headers: Headers,
    content: Bytes,
    named: Option<PushApplicationId>,
    common: &Common,
) -> Result<PushMessage, Refusal> {
    let settings = &common.settings;
    let is_envelope = described.media_type.as_str() == ENVELOPE;
    let message = |application, content_type, headers, content| PushMessage {
        application,
        content_type,
        headers,
        content,
        trust: InitiatorTrust::default(),
    };
    if !is_envelope {
        return Ok(message(named, described, headers, owned(content)));
    }
    let envelope = Envelope::read(&content, settings.max_headers);
    if !settings.unpack_envelope {
        let within = || envelope.ok()?.application;
        let named = named.or_else(within);
        return Ok(message(named, described, headers, owned(content)));
    }
    let envelope = envelope.map_err(|error| Refusal::new(400, "envelope", error.to_string()))?;
    let outer = headers.iter();
    let outer = outer.filter(|(name, _)| !starts_with(name, "content-"));
    let headers = outer.chain(envelope.headers.iter()).collect();
    let named = named.or(envelope.application);
    let content = envelope.content.into();
    Ok(message(named, envelope.content_type, headers, content))
}

/// Moved where nobody else has it.
fn owned(content: Bytes) -> Box<[u8]> {
    Vec::from(content).into()
}

/// The headers of a request that are of what it carries, in order, without its content type.
pub(crate) fn entity_headers(request: &Request, most: usize) -> Result<Headers, Refusal> {
    if request.header_count() > most {
        let detail = format!("more than {most} headers");
        return Err(Refusal::new(400, "size", detail));
    }
    let mut headers = Headers::new();
    for (name, value) in request.headers_where(is_of_entity) {
        headers.push_text(&name, &value);
    }
    Ok(headers)
}

/// The content type of a request, and whether it keeps the grammar as a whole.
//= specs/ota-sip.md#requests
//# A request that is malformed MUST NOT be delivered.
pub(crate) fn described(request: &Request) -> Result<(ContentType, bool), Refusal> {
    let wrong = |detail: &str| Refusal::new(400, "contentType", detail);
    let mut lines = request.headers("Content-Type");
    let Some(line) = lines.next() else {
        return if request.body().is_empty() {
            Ok((undescribed(), true))
        } else {
            Err(wrong("content without Content-Type"))
        };
    };
    if lines.next().is_some() {
        return Err(wrong("Content-Type stands twice"));
    }
    content_type(&line).ok_or_else(|| wrong("Content-Type is no media type"))
}

//= specs/ota-sip.md#requests
//# A request whose content encoding is not taken MUST be refused with 415 and Accept-Encoding.
pub(crate) fn check_encoding(request: &Request) -> Result<(), Refusal> {
    let is_plain =
        |value: &str| matches!(value.trim(), "") || value.trim().eq_ignore_ascii_case("identity");
    let mut values = request.values("Content-Encoding").into_iter();
    match values.find(|value| !is_plain(value)) {
        None => Ok(()),
        Some(_) => Err(
            Refusal::new(415, "encoding", "content in an encoding that is not taken")
                .with("Accept-Encoding", "identity"),
        ),
    }
}

/// Whether a header is of what is carried, rather than of how it got here.
fn is_of_entity(name: &str) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let known = match name.len() {
        4 => is("date"),
        7 => is("expires") || is("subject"),
        8 => is("priority") || is("reply-to"),
        9 => is("call-info"),
        11 => is("in-reply-to"),
        12 => is("mime-version") || is("organization"),
        _ => false,
    };
    known || (starts_with(name, "content-") && !is("content-type")) || starts_with(name, "x-")
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
