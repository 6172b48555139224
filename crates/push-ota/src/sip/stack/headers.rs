//! Header lines by their places in the octets of a message: nothing is copied until somebody asks for it.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use sipx_sip::HeaderName;

use super::plain::is_token;

/// The names that decide how a message is judged and answered, and those that every push is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Via,
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    ContentType,
    ContentLength,
    ContentEncoding,
    Timestamp,
    AcceptContact,
    AssertedIdentity,
    Require,
    ProxyRequire,
    Other,
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        let is = |long: &[u8]| name.eq_ignore_ascii_case(long);
        match name.len() {
            1 => match name.first().map(u8::to_ascii_lowercase) {
                Some(b'v') => Self::Via,
                Some(b'f') => Self::From,
                Some(b't') => Self::To,
                Some(b'i') => Self::CallId,
                Some(b'c') => Self::ContentType,
                Some(b'l') => Self::ContentLength,
                Some(b'e') => Self::ContentEncoding,
                Some(b'a') => Self::AcceptContact,
                Some(_) | None => Self::Other,
            },
            2 if is(b"To") => Self::To,
            3 if is(b"Via") => Self::Via,
            4 if is(b"From") => Self::From,
            4 if is(b"CSeq") => Self::CSeq,
            7 if is(b"Call-ID") => Self::CallId,
            7 if is(b"Require") => Self::Require,
            9 if is(b"Timestamp") => Self::Timestamp,
            12 if is(b"Max-Forwards") => Self::MaxForwards,
            12 if is(b"Content-Type") => Self::ContentType,
            13 if is(b"Proxy-Require") => Self::ProxyRequire,
            14 if is(b"Content-Length") => Self::ContentLength,
            14 if is(b"Accept-Contact") => Self::AcceptContact,
            16 if is(b"Content-Encoding") => Self::ContentEncoding,
            19 if is(b"P-Asserted-Identity") => Self::AssertedIdentity,
            _ => Self::Other,
        }
    }

    /// The name in full, as the library spells it.
    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::To => "To",
            Self::CallId => "Call-ID",
            Self::CSeq => "CSeq",
            Self::MaxForwards => "Max-Forwards",
            Self::ContentType => "Content-Type",
            Self::ContentLength => "Content-Length",
            Self::ContentEncoding => "Content-Encoding",
            Self::Timestamp => "Timestamp",
            Self::AcceptContact => "Accept-Contact",
            Self::AssertedIdentity => "P-Asserted-Identity",
            Self::Require => "Require",
            Self::ProxyRequire => "Proxy-Require",
            Self::Other => return None,
        })
    }
}

/// Where a header line stands.
#[derive(Debug, Clone)]
struct Place {
    kind: Kind,
    /// The line without its end.
    line: Range<usize>,
    /// Where its name ends.
    name: usize,
    /// The value without white space about it, its line folds as they came.
    value: Range<usize>,
    is_folded: bool,
}

/// Header lines, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    octets: Bytes,
    places: Vec<Place>,
    /// The value of the first Via since the source of its request was written into it.
    via: Option<Box<[u8]>>,
}

/// A header line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'h> {
    place: &'h Place,
    octets: &'h [u8],
    /// What stands in place of the value.
    instead: Option<&'h [u8]>,
}

impl Headers {
    /// The lines of a head, which is all before the empty line; the end of its first line too. Absent where an end of a line is not CR
    /// and LF, where a line is no header, and where there are more than `most`.
    pub(super) fn read(head: &Bytes, most: usize) -> Option<(usize, Self)> {
        let mut places = Vec::with_capacity(16);
        let (mut first, mut begin, mut next, mut folds) = (None, 0, 0, 0);
        while begin < head.len() {
            let rest = head.get(next..)?;
            let end = memchr::memchr2(b'\r', b'\n', rest).map_or(head.len(), |at| next + at);
            next = end + 2;
            if end < head.len() && head.get(end..next) != Some(b"\r\n") {
                return None;
            }
            if matches!(head.get(next), Some(b' ' | b'\t')) {
                folds += 1;
                if folds > most {
                    return None;
                }
                continue;
            }
            if first.is_none() {
                first = Some(end);
            } else if places.len() < most {
                places.push(Place::read(head, begin..end, folds > 0)?);
            } else {
                return None;
            }
            (begin, folds) = (next, 0);
        }
        let octets = head.clone();
        let headers = Self {
            octets,
            places,
            via: None,
        };
        Some((first?, headers))
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        let mut via = self.via.as_deref();
        self.places.iter().map(move |place| Header {
            place,
            octets: &self.octets,
            instead: if place.kind == Kind::Via {
                via.take()
            } else {
                None
            },
        })
    }

    /// The lines of this name, which is the long one, in order; those of its compact form count.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = Header<'_>> {
        let kind = Kind::of(name.as_bytes());
        self.iter().filter(move |header| {
            header.kind() == kind && (kind != Kind::Other || header.is_named(name))
        })
    }

    /// Puts another value into the first Via.
    pub(super) fn set_first_via(&mut self, value: Vec<u8>) {
        self.via = Some(value.into());
    }

    /// Octets of all lines, about.
    pub(super) fn room(&self) -> usize {
        self.octets.len() + self.via.as_ref().map_or(0, |via| via.len())
    }

    /// Writes each line with its end.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        for header in self.iter() {
            header.write_to(out);
        }
    }
}

impl Place {
    fn read(octets: &[u8], line: Range<usize>, is_folded: bool) -> Option<Self> {
        let text = octets.get(line.clone())?;
        let end = text.iter().position(|octet| !is_token(*octet))?;
        let (name, rest) = text.split_at_checked(end)?;
        let space = rest
            .iter()
            .position(|octet| !matches!(octet, b' ' | b'\t'))?;
        let colon = end + space;
        let value = text.get(colon..)?.strip_prefix(b":")?;
        if name.is_empty() {
            return None;
        }
        let ends = |octet: &u8| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
        let begin = value.iter().position(ends).unwrap_or(value.len());
        let end = value.iter().rposition(ends).map_or(begin, |last| last + 1);
        let at = line.start + colon + 1;
        Some(Self {
            kind: Kind::of(name),
            name: line.start + name.len(),
            line,
            value: at + begin..at + end,
            is_folded,
        })
    }
}

impl<'h> Header<'h> {
    pub(super) const fn kind(&self) -> Kind {
        self.place.kind
    }

    fn name(&self) -> &'h [u8] {
        let name = self.place.line.start..self.place.name;
        self.octets.get(name).unwrap_or_default()
    }

    /// The name in full, as the library spells it where it knows it, if it is wanted, whatever its case.
    pub(super) fn full_name_where(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<Cow<'static, str>> {
        if let Some(name) = self.kind().name() {
            return wanted(name).then_some(Cow::Borrowed(name));
        }
        let own = self.name();
        let may_be = own.len() == 1 || wanted(str::from_utf8(own).ok()?);
        if !may_be {
            return None;
        }
        let full = HeaderName::parse(&Bytes::copy_from_slice(own));
        let full = str::from_utf8(full.canonical()).ok()?;
        wanted(full).then(|| Cow::Owned(full.to_owned()))
    }

    /// Whether this is its name in full, or its compact form.
    fn is_named(&self, name: &str) -> bool {
        let own = self.name();
        if own.len() == 1 {
            let full = HeaderName::parse(&Bytes::copy_from_slice(own));
            return full.canonical().eq_ignore_ascii_case(name.as_bytes());
        }
        own.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value, each fold of its lines and the white space that follows as one space.
    pub(super) fn value(&self) -> Cow<'h, [u8]> {
        if let Some(value) = self.instead {
            return Cow::Borrowed(value);
        }
        let value = self.octets.get(self.place.value.clone());
        let value = value.unwrap_or_default();
        if self.place.is_folded {
            Cow::Owned(unfolded(value))
        } else {
            Cow::Borrowed(value)
        }
    }

    /// The value as text; what is no UTF-8 in it is replaced, and loses nothing else.
    pub(super) fn text(&self) -> Cow<'h, str> {
        match self.value() {
            Cow::Borrowed(octets) => text(octets),
            Cow::Owned(octets) => Cow::Owned(text(&octets).into_owned()),
        }
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        if let Some(value) = self.instead {
            for part in [b"Via: ", value, b"\r\n"] {
                out.extend_from_slice(part);
            }
            return;
        }
        let line = self.octets.get(self.place.line.clone());
        out.extend_from_slice(line.unwrap_or_default());
        out.extend_from_slice(b"\r\n");
    }
}

/// Octets as text; what is no UTF-8 in them is replaced. Mostly there is no such thing, which is known sooner when it is asked first.
pub(super) fn text(octets: &[u8]) -> Cow<'_, str> {
    str::from_utf8(octets).map_or_else(|_| String::from_utf8_lossy(octets), Cow::Borrowed)
}

fn unfolded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let (line, next) = rest.split_at(end);
        out.extend_from_slice(line);
        out.push(b' ');
        let next = next.get(2..).unwrap_or_default();
        let text = next.iter().position(|octet| !matches!(octet, b' ' | b'\t'));
        rest = next.get(text.unwrap_or(next.len())..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Header lines that are being written.
#[derive(Debug, Clone, Default)]
pub(super) struct Writing {
    octets: Vec<u8>,
    places: Vec<Place>,
}

impl Writing {
    pub(super) fn with_room(octets: usize, lines: usize) -> Self {
        Self {
            octets: Vec::with_capacity(octets),
            places: Vec::with_capacity(lines),
        }
    }

    /// Takes a line over as it stands.
    pub(super) fn copy(&mut self, header: &Header<'_>) {
        if let Some(value) = header.instead {
            return self.push(b"Via", &[value]);
        }
        let begin = self.octets.len();
        header.write_to(&mut self.octets);
        let moved = |at: usize| begin + at - header.place.line.start;
        let Place { line, value, .. } = &header.place;
        self.places.push(Place {
            kind: header.place.kind,
            line: begin..moved(line.end),
            name: moved(header.place.name),
            value: moved(value.start)..moved(value.end),
            is_folded: header.place.is_folded,
        });
    }

    /// Adds a line of this name, which is a token, with the parts of its value one behind the other. What would end the line is written
    /// as a space.
    pub(super) fn push(&mut self, name: &[u8], value: &[&[u8]]) {
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return;
        }
        let begin = self.octets.len();
        self.octets.extend_from_slice(name);
        self.octets.extend_from_slice(b": ");
        let start = self.octets.len();
        for part in value {
            self.octets.extend_from_slice(part);
        }
        let written = self.octets.get_mut(start..).unwrap_or_default();
        for octet in written {
            if matches!(octet, b'\r' | b'\n' | b'\0') {
                *octet = b' ';
            }
        }
        let line = begin..self.octets.len();
        self.octets.extend_from_slice(b"\r\n");
        if let Some(place) = Place::read(&self.octets, line, false) {
            self.places.push(place);
        }
    }

    pub(super) fn finish(self) -> Headers {
        Headers {
            octets: self.octets.into(),
            places: self.places,
            via: None,
        }
    }
}
