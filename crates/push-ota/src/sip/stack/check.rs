//! What a message has to be, beyond its grammar, before anybody looks at it.

use bytes::Bytes;
use sipx_sip::error::{FramingError, LimitKind, ParseError};
use sipx_sip::headers::{CSeq, From, MaxForwards, To};
use sipx_sip::{Scheme, TypedHeader};

use super::Method;
use super::headers::{Header, Headers, Kind, text};
use super::message::{Facts, Request, RequestLine, Response, StatusLine};
use super::plain;
use super::via::TopVia;

/// Why a message is no good.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) status: u16,
    pub(super) word: &'static str,
    pub(super) detail: String,
}

impl Flaw {
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self {
            status: 400,
            word: "malformed",
            detail: detail.into(),
        }
    }

    pub(super) fn too_long(length: usize, limit: usize) -> Self {
        Self {
            status: 513,
            word: "size",
            detail: format!("{length} octets are more than {limit}"),
        }
    }

    pub(super) fn of_library(error: &ParseError) -> Self {
        let detail = error.to_string();
        match error {
            ParseError::Limit { limit, .. } => Self {
                #[expect(clippy::wildcard_enum_match_arm, reason = "the library may name more")]
                status: match limit {
                    LimitKind::MessageBytes | LimitKind::BodyBytes => 513,
                    _ => 400,
                },
                word: "size",
                detail,
            },
            ParseError::Framing(FramingError::NoHeaderTerminator) => {
                Self::malformed("no empty line behind the headers")
            }
            ParseError::StartLine(_)
            | ParseError::HeaderSyntax { .. }
            | ParseError::Framing(_)
            | ParseError::Incomplete
            | _ => Self::malformed(detail),
        }
    }
}

/// The lines that a message is judged by.
#[derive(Default)]
struct Lines<'h> {
    via: Option<Header<'h>>,
    vias: usize,
    from: Option<Header<'h>>,
    to: Option<Header<'h>>,
    call_id: Option<Header<'h>>,
    cseq: Option<Header<'h>>,
    max_forwards: Option<Header<'h>>,
    content_type: Option<Header<'h>>,
    /// A header that stands twice and may not.
    repeated: Option<&'static str>,
}

impl<'h> Lines<'h> {
    fn of(headers: &'h Headers) -> Self {
        let mut lines = Self::default();
        for header in headers.iter() {
            let (slot, name) = match header.kind() {
                Kind::Via => {
                    lines.vias += 1;
                    lines.via.get_or_insert(header);
                    continue;
                }
                Kind::From => (&mut lines.from, "From"),
                Kind::To => (&mut lines.to, "To"),
                Kind::CallId => (&mut lines.call_id, "Call-ID"),
                Kind::CSeq => (&mut lines.cseq, "CSeq"),
                Kind::MaxForwards => (&mut lines.max_forwards, "Max-Forwards"),
                Kind::ContentType => (&mut lines.content_type, "Content-Type"),
                Kind::ContentLength
                | Kind::ContentEncoding
                | Kind::Timestamp
                | Kind::AcceptContact
                | Kind::AssertedIdentity
                | Kind::Require
                | Kind::ProxyRequire
                | Kind::Other => continue,
            };
            if slot.replace(header).is_some() {
                lines.repeated = Some(name);
            }
        }
        lines
    }

    /// The facts, as far as they can be read, and the method in CSeq; and the first thing that is wrong.
    fn judge(&self) -> (Facts, Option<Method>, Option<Flaw>) {
        let mut facts = Facts::default();
        let mut flaw = None;
        let mut note = |wrong: Result<(), Flaw>| {
            if let Err(wrong) = wrong {
                flaw.get_or_insert(wrong);
            }
        };
        let mut method = None;
        note(needed(self.via, "Via").and_then(|header| {
            let via = TopVia::read(&header.value(), self.vias)
                .map_err(|error| Flaw::malformed(format!("Via: {error}")))?;
            facts.via = Some(via);
            Ok(())
        }));
        note(needed(self.from, "From").and_then(|header| {
            let value = header.value();
            facts.from_tag = match plain::tag(&value) {
                Some(plain::Tag(plain)) => tag(plain),
                None => tag(typed::<From>(&value, "From")?.tag()),
            };
            Ok(())
        }));
        note(needed(self.to, "To").and_then(|header| {
            let value = header.value();
            facts.to_tag = match plain::tag(&value) {
                Some(plain::Tag(plain)) => tag(plain),
                None => tag(typed::<To>(&value, "To")?.tag()),
            };
            Ok(())
        }));
        note(needed(self.call_id, "Call-ID").and_then(|header| {
            facts.call_id = text(&header.value()).into();
            if facts.call_id.is_empty() {
                return Err(Flaw::malformed("Call-ID is empty"));
            }
            Ok(())
        }));
        note(needed(self.cseq, "CSeq").and_then(|header| {
            let value = header.value();
            if let Some((number, named)) = plain::cseq(&value) {
                facts.cseq = number;
                method = Some(Method::of_token(named));
            } else {
                let cseq = typed::<CSeq>(&value, "CSeq")?;
                facts.cseq = cseq.sequence;
                method = Some(Method::of_token(cseq.method.as_bytes()));
            }
            Ok(())
        }));
        if let Some(header) = self.max_forwards
            && let value = header.value()
            && !plain::is_max_forwards(&value)
        {
            note(typed::<MaxForwards>(&value, "Max-Forwards").map(|_| ()));
        }
        if let Some(name) = self.repeated {
            note(Err(Flaw::malformed(format!(
                "{name} stands more than once"
            ))));
        }
        (facts, method, flaw)
    }
}

fn needed<'h>(header: Option<Header<'h>>, name: &str) -> Result<Header<'h>, Flaw> {
    header.ok_or_else(|| Flaw::malformed(format!("{name} is missing")))
}

fn typed<H: TypedHeader>(value: &[u8], name: &str) -> Result<H, Flaw> {
    H::decode(value).map_err(|error| Flaw::malformed(format!("{name}: {error}")))
}

fn tag(tag: Option<&[u8]>) -> Option<Box<str>> {
    tag.filter(|tag| !tag.is_empty())
        .map(|tag| text(tag).into())
}

/// Judges a request. What can be read of one that is no good comes with its flaw, so that it can be answered.
pub(super) fn request(
    line: RequestLine,
    headers: Headers,
    body: Bytes,
    line_flaw: Option<Flaw>,
) -> (Request, Option<Flaw>) {
    let (facts, cseq_method, flaw) = Lines::of(&headers).judge();
    let mismatch = cseq_method.is_some_and(|named| named != line.method);
    let flaw = line_flaw.or(flaw).or_else(|| {
        mismatch.then(|| Flaw::malformed("the method in CSeq is another than that of the request"))
    });
    let request = Request {
        line,
        headers,
        body,
        facts,
    };
    (request, flaw)
}

/// What is wrong with the first line: nothing else counts then.
pub(super) fn line_flaw(request: &sipx_sip::Request) -> Option<Flaw> {
    if !request.version.is_supported() {
        return Some(Flaw {
            status: 505,
            word: "version",
            detail: "a version other than SIP/2.0".to_owned(),
        });
    }
    if !matches!(
        request.uri.scheme(),
        Scheme::Sip | Scheme::Sips | Scheme::Tel
    ) {
        return Some(Flaw {
            status: 416,
            word: "scheme",
            detail: "a Request-URI of an unknown scheme".to_owned(),
        });
    }
    request
        .uri
        .has_headers()
        .then(|| Flaw::malformed("a Request-URI with headers"))
}

/// Judges a response.
pub(super) fn response(response: sipx_sip::Response, headers: Headers) -> Result<Response, Flaw> {
    if !response.version.is_supported() {
        return Err(Flaw::malformed("a response of another version"));
    }
    let (facts, method, flaw) = Lines::of(&headers).judge();
    if let Some(flaw) = flaw {
        return Err(flaw);
    }
    let body = response.body().clone();
    let line = StatusLine {
        status: response.status.code(),
        reason: response.reason,
        method: method.ok_or_else(|| Flaw::malformed("CSeq without a method"))?,
    };
    Ok(Response {
        line,
        headers,
        body,
        facts,
    })
}

/// The facts of a message of ours, as far as its headers say.
pub(super) fn facts(headers: &Headers) -> (Facts, Option<Method>) {
    let (facts, method, _) = Lines::of(headers).judge();
    (facts, method)
}
