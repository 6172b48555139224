//! Query parameters, read strictly: each known one at most once.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use push_api::nearest;

use crate::failure::{Failure, Fallible};

/// The parameters of a request.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// Reads `query`; a parameter that is not `known` is refused with the nearest known one.
    pub(crate) fn parse(query: Option<&str>, known: &'static [&'static str]) -> Fallible<Self> {
        let mut parameters: Vec<(&'static str, String)> = Vec::new();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            let name = known
                .iter()
                .find(|candidate| **candidate == name)
                .ok_or_else(|| unknown(&name, known))?;
            if parameters.iter().any(|(taken, _)| taken == name) {
                return Err(Failure::invalid_option(
                    name,
                    format!("the parameter `{name}` is given twice"),
                ));
            }
            parameters.push((name, decode(value)?));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter, which is then gone; empty ones are refused.
    pub(crate) fn text(&mut self, name: &'static str) -> Fallible<Option<String>> {
        let Some(index) = self.0.iter().position(|(candidate, _)| *candidate == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.swap_remove(index);
        if value.is_empty() {
            return Err(Failure::invalid_option(
                name,
                format!("the parameter `{name}` has no value"),
            ));
        }
        Ok(Some(value))
    }

    /// The value of a parameter that has to be there.
    pub(crate) fn required(&mut self, name: &'static str, example: &str) -> Fallible<String> {
        self.text(name)?.ok_or_else(|| {
            Failure::invalid_option(
                name,
                format!("the parameter `{name}` is missing; for example `?{name}={example}`"),
            )
        })
    }

    /// A number within `range`.
    pub(crate) fn number<N>(
        &mut self,
        name: &'static str,
        range: &RangeInclusive<N>,
    ) -> Fallible<Option<N>>
    where
        N: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Failure::invalid_option(
                name,
                format!("`{name}={text}`: a whole number from {least} to {most} is taken"),
            )
        })
    }

    /// `true` or `false`; absent: false.
    pub(crate) fn flag(&mut self, name: &'static str) -> Fallible<bool> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(Failure::invalid_option(
                name,
                format!("`{name}={text}`: `true` or `false` is taken"),
            )),
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> Box<Failure> {
    let hint = match (nearest(name, known.iter().copied()), known) {
        (_, []) => "none is taken here".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, _) => format!("known are `{}`", known.join("`, `")),
    };
    Failure::invalid_option(name, format!("unknown parameter `{name}`; {hint}"))
}

/// Undoes percent-encoding, where `+` stands for a space.
fn decode(text: &str) -> Fallible<String> {
    percent_decode(text)
        .and_then(|octets| String::from_utf8(octets).ok())
        .ok_or_else(|| {
            Failure::invalid(
                400,
                format!("`{text}` in the query is no percent-encoded UTF-8 text"),
            )
        })
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => hexadecimal(rest.next()?)? << 4 | hexadecimal(rest.next()?)?,
            other => other,
        });
    }
    Some(octets)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(query: &str, known: &'static [&'static str]) -> String {
        Parameters::parse(Some(query), known)
            .unwrap_err()
            .problem
            .detail
    }

    #[test]
    fn values_are_decoded() {
        let mut parameters =
            Parameters::parse(Some("a=x-wap-application%3Amms.ua&b=1+2%2B3"), &["a", "b"]).unwrap();
        assert_eq!(
            parameters.text("a").unwrap().unwrap(),
            "x-wap-application:mms.ua"
        );
        assert_eq!(parameters.text("b").unwrap().unwrap(), "1 2+3");
        assert_eq!(parameters.text("b").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_would_work() {
        assert_eq!(
            detail("fetsh=3", &["fetch", "wait"]),
            "unknown parameter `fetsh`; did you mean `fetch`?"
        );
        assert_eq!(
            detail("zzzzzz=3", &["fetch", "wait"]),
            "unknown parameter `zzzzzz`; known are `fetch`, `wait`"
        );
        assert_eq!(
            detail("a=1", &[]),
            "unknown parameter `a`; none is taken here"
        );
        assert_eq!(
            detail("a=1&a=2", &["a"]),
            "the parameter `a` is given twice"
        );
        assert_eq!(
            detail("a=%zz", &["a"]),
            "`%zz` in the query is no percent-encoded UTF-8 text"
        );
        assert_eq!(
            detail("a=%ff", &["a"]),
            "`%ff` in the query is no percent-encoded UTF-8 text"
        );
    }
}
