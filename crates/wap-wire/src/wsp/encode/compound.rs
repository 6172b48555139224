//! Headers given as text whose values have several parts.

use super::Encoder;
use super::parameter::{textual_value, untyped_parameter};
use super::text::{parse_date, parse_decimal, split_outside_quotes};
use crate::text::{decode_base64, is_token};
use crate::wsp::header::{
    CACHE_DIRECTIVES, CacheDirective, ContentRange, CookieEntry, HeaderName, HeaderValue,
    ProfileWarning, Range, RetryAfter, Warning, WellKnownHeader,
};
use crate::wsp::token;
use crate::wsp::value::{Version, unquoted};
use crate::{Date, Text};
use alloc::vec::Vec;

impl Encoder {
    /// Writes the value of a field whose text has several parts; nothing where the compact form cannot say it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other headers have values of one part"
    )]
    pub(crate) fn compound_from_text(&mut self, field: WellKnownHeader, text: &str) -> Option<()> {
        use WellKnownHeader as H;
        match field {
            H::CacheControl => self.cache_control_from(text),
            H::ContentRange => self
                .typed_value(
                    &HeaderValue::ContentRange(content_range(text)?),
                    token::table_of(field),
                )
                .ok(),
            H::Range => self
                .typed_value(&HeaderValue::Range(range(text)?), &[])
                .ok(),
            H::RetryAfter => self
                .typed_value(&HeaderValue::RetryAfter(retry_after(text)?), &[])
                .ok(),
            H::Warning => self
                .typed_value(&HeaderValue::Warning(warning(text)?), &[])
                .ok(),
            H::ProfileWarning => self.profile_warning_from(text),
            H::ContentMd5 => {
                let digest = decode_base64(text).filter(|digest| digest.len() == 16)?;
                self.data(&digest).ok()
            }
            H::ProfileDiff | H::XWapLocInvocation | H::XWapLocDelivery => {
                self.data(&hexadecimal(text)?).ok()
            }
            H::Authorization | H::ProxyAuthorization => self.credentials_from(text),
            H::ProxyAuthenticate | H::WwwAuthenticate => self.challenge_from(text),
            H::ContentDisposition => self.disposition_from(text),
            H::Expect => self.expectation_from(text),
            H::Pragma => self.pragma_from(text),
            H::SetCookie => self.set_cookie_from(text),
            H::Cookie => self.cookie_from(text),
            _ => None,
        }
    }

    /// Runs a function that says with nothing that the compact form cannot be had.
    fn compact_length(&mut self, write: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let start = self.octets.len();
        write(self)?;
        self.insert_value_length(start).ok()
    }

    fn cache_control_from(&mut self, text: &str) -> Option<()> {
        let (name, argument) = text.split_once('=').map_or((text, None), |(name, value)| {
            (name, Some(value.trim_ascii()))
        });
        let name = name.trim_ascii();
        let number = CACHE_DIRECTIVES
            .iter()
            .position(|directive| directive.eq_ignore_ascii_case(name));
        let number = number.and_then(|number| u8::try_from(number).ok());
        let seconds = argument.and_then(parse_decimal);
        let directive = match (number, argument) {
            (Some(0 | 7), Some(fields)) => return self.cache_fields_from(number?, fields),
            (Some(2), _) => CacheDirective::MaxAge(seconds?),
            (Some(3), Some(_)) => CacheDirective::MaxStale(Some(seconds?)),
            (Some(4), _) => CacheDirective::MinFresh(seconds?),
            (Some(11), _) => CacheDirective::SMaxage(seconds?),
            (Some(number), None) => CacheDirective::from_number(number)?,
            (None, _) if is_token(name.as_bytes()) => {
                let value = argument.map(|text| untyped_parameter(Some(text)));
                CacheDirective::Extension {
                    name: name.into(),
                    value,
                }
            }
            _ => return None,
        };
        self.typed_value(&HeaderValue::CacheControl(directive), &[])
            .ok()
    }

    fn cache_fields_from(&mut self, number: u8, fields: &str) -> Option<()> {
        let fields = fields.strip_prefix('"')?.strip_suffix('"')?;
        self.compact_length(|encoder| {
            encoder.short_integer(number);
            fields.split(',').try_for_each(|name| {
                encoder
                    .field_name(HeaderName::from_text(name.trim_ascii()))
                    .ok()
            })
        })
    }

    fn profile_warning_from(&mut self, text: &str) -> Option<()> {
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        let code = ProfileWarning::code_from_http(code.parse().ok()?)?;
        if rest.is_empty() {
            self.short_integer(code);
            return Some(());
        }
        let (target, dates) = rest
            .split_once(" \"")
            .map_or((rest, None), |(target, dates)| (target, Some(dates)));
        self.compact_length(|encoder| {
            encoder.short_integer(code);
            encoder.text(target.trim_ascii().into()).ok()?;
            let Some(dates) = dates else { return Some(()) };
            dates
                .strip_suffix('"')?
                .split("\" \"")
                .try_for_each(|date| {
                    encoder.date(parse_date(date)?);
                    Some(())
                })
        })
    }

    fn credentials_from(&mut self, text: &str) -> Option<()> {
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = decode_base64(rest.trim_ascii())?;
            let colon = decoded.iter().position(|&octet| octet == b':')?;
            let (user, password) = decoded.split_at_checked(colon)?;
            return self.compact_length(|encoder| {
                encoder.short_integer(0);
                encoder.text(Text::new(user)).ok()?;
                encoder.text(Text::new(password.strip_prefix(b":")?)).ok()
            });
        }
        self.compact_length(|encoder| {
            encoder.scheme(scheme)?;
            encoder.parameters_from(rest, b',')
        })
    }

    fn challenge_from(&mut self, text: &str) -> Option<()> {
        let (scheme, rest) = text.split_once(' ')?;
        let (realms, others): (Vec<&str>, Vec<&str>) = split_outside_quotes(rest, b',')
            .partition(|parameter| parameter_named(parameter, "realm").is_some());
        let [realm] = realms.as_slice() else {
            return None;
        };
        let realm = parameter_named(realm, "realm")?;
        let realm = unquoted(realm.as_bytes()).map_or_else(|| realm.into(), Text::new);
        let is_basic = scheme.eq_ignore_ascii_case("basic");
        if realm.as_bytes().contains(&b'\\') || (is_basic && !others.is_empty()) {
            return None;
        }
        self.compact_length(|encoder| {
            if is_basic {
                encoder.short_integer(0);
            } else {
                encoder.scheme(scheme)?;
            }
            encoder.text(realm).ok()?;
            others
                .iter()
                .try_for_each(|parameter| encoder.textual_parameter(parameter, false).then_some(()))
        })
    }

    fn scheme(&mut self, scheme: &str) -> Option<()> {
        if is_token(scheme.as_bytes()) {
            self.text(scheme.into()).ok()
        } else {
            None
        }
    }

    fn parameters_from(&mut self, text: &str, separator: u8) -> Option<()> {
        split_outside_quotes(text, separator)
            .filter(|parameter| !parameter.is_empty())
            .try_for_each(|parameter| self.textual_parameter(parameter, false).then_some(()))
    }

    fn disposition_from(&mut self, text: &str) -> Option<()> {
        let (disposition, parameters) = text.split_once(';').unwrap_or((text, ""));
        let disposition = disposition.trim_ascii();
        self.compact_length(|encoder| {
            match token::number_of(&token::DISPOSITION, disposition) {
                Some(number) => encoder.short_integer(number),
                None => encoder.scheme(disposition)?,
            }
            encoder.parameters_from(parameters, b';')
        })
    }

    fn expectation_from(&mut self, text: &str) -> Option<()> {
        if let Some(number) = token::number_of(&token::EXPECT, text) {
            self.short_integer(number);
            return Some(());
        }
        let (expectation, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (name, value) = expectation.split_once('=')?;
        self.compact_length(|encoder| {
            encoder.scheme(name.trim_ascii())?;
            encoder
                .parameter_value(textual_value(value.trim_ascii()))
                .ok()?;
            encoder.parameters_from(parameters, b';')
        })
    }

    fn pragma_from(&mut self, text: &str) -> Option<()> {
        if let Some(number) = token::number_of(&token::PRAGMA, text) {
            self.short_integer(number);
            return Some(());
        }
        self.compact_length(|encoder| encoder.textual_parameter(text, false).then_some(()))
    }

    fn set_cookie_from(&mut self, text: &str) -> Option<()> {
        let mut parts = split_outside_quotes(text, b';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (versions, attributes): (Vec<&str>, Vec<&str>) = parts
            .filter(|attribute| !attribute.is_empty())
            .partition(|attribute| parameter_named(attribute, "version").is_some());
        let version = versions
            .first()
            .and_then(|version| parameter_named(version, "version"));
        self.compact_length(|encoder| {
            encoder.version(cookie_version(version)).ok()?;
            encoder.text(name.trim_ascii().into()).ok()?;
            encoder.text(value.trim_ascii().into()).ok()?;
            attributes
                .iter()
                .try_for_each(|attribute| encoder.textual_parameter(attribute, false).then_some(()))
        })
    }

    fn cookie_from(&mut self, text: &str) -> Option<()> {
        let mut parts: Vec<&str> = split_outside_quotes(text, b';')
            .filter(|part| !part.is_empty())
            .collect();
        let version = parts
            .first()
            .and_then(|first| parameter_named(first, "$version"));
        if version.is_some() {
            parts.remove(0);
        }
        self.compact_length(|encoder| {
            encoder.version(cookie_version(version)).ok()?;
            cookie_entries(&parts)?
                .iter()
                .try_for_each(|entry| encoder.cookie_entry(entry).ok())
        })
    }
}

/// The value of `name=value` where the name is this one.
fn parameter_named<'a>(parameter: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = parameter.split_once('=')?;
    key.trim_ascii()
        .eq_ignore_ascii_case(name)
        .then(|| value.trim_ascii())
}

/// The version of cookies; 0 where none is given.
fn cookie_version(text: Option<&str>) -> Version<'_> {
    text.map_or(
        Version::Number {
            major: 0,
            minor: Some(0),
        },
        Version::parse,
    )
}

fn cookie_entries<'a>(parts: &[&'a str]) -> Option<Vec<CookieEntry<'a>>> {
    let mut entries: Vec<CookieEntry<'a>> = Vec::new();
    for part in parts {
        let (name, value) = part.split_once('=')?;
        match (
            parameter_named(part, "$path"),
            parameter_named(part, "$domain"),
            entries.last_mut(),
        ) {
            (Some(path), _, Some(entry)) => entry.path = Some(path.into()),
            (_, Some(domain), Some(entry)) => entry.domain = Some(domain.into()),
            (..) => entries.push(CookieEntry {
                name: name.trim_ascii().into(),
                value: value.trim_ascii().into(),
                path: None,
                domain: None,
            }),
        }
    }
    Some(entries)
}

/// `bytes 0-499/1025`, where the last position or the length may be `*`.
fn content_range(text: &str) -> Option<ContentRange> {
    let (positions, length) = text.strip_prefix("bytes")?.trim_ascii().split_once('/')?;
    let (first, last) = positions.split_once('-')?;
    (last == "*" || parse_decimal(last).is_some()).then_some(())?;
    let entity_length = if length == "*" {
        None
    } else {
        Some(length.parse().ok()?)
    };
    Some(ContentRange {
        first: first.parse().ok()?,
        entity_length,
    })
}

/// `bytes=0-499`, `bytes=500-` or `bytes=-500`.
fn range(text: &str) -> Option<Range> {
    match text.strip_prefix("bytes=")?.split_once('-')? {
        ("", length) => Some(Range::Suffix(length.parse().ok()?)),
        (first, "") => Some(Range::Bytes {
            first: first.parse().ok()?,
            last: None,
        }),
        (first, last) => Some(Range::Bytes {
            first: first.parse().ok()?,
            last: Some(last.parse().ok()?),
        }),
    }
}

fn retry_after(text: &str) -> Option<RetryAfter> {
    parse_decimal(text)
        .map(RetryAfter::DeltaSeconds)
        .or_else(|| Date::parse(text).map(RetryAfter::Date))
}

/// `110 agent "text"`, or the code alone.
fn warning(text: &str) -> Option<Warning<'_>> {
    let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
    let code = Warning::code_from_http(code.parse().ok()?)?;
    let (agent, words) = rest.split_once(' ').unwrap_or((rest, "\""));
    let words = unquoted(words.trim_ascii().as_bytes()).filter(|words| !words.contains(&b'\\'))?;
    Some(Warning {
        code,
        agent: agent.into(),
        text: Text::new(words),
    })
}

/// `0x` and two hexadecimal digits an octet.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let octet = |pair: &[u8; 2]| {
        let digits = core::str::from_utf8(pair)
            .ok()
            .filter(|digits| !digits.starts_with('+'))?;
        u8::from_str_radix(digits, 16).ok()
    };
    if rest.is_empty() {
        pairs.iter().map(octet).collect()
    } else {
        None
    }
}
