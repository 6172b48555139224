//! Media feature tags (RFC 3840) in Contact, and what Accept-Contact asks of them (RFC 3841).

use super::header::{Address, params, split};

/// The tag for Push Resource Identifiers.
pub(super) const APPLICATIONS: &str = "+g.oma.pusheventapp";
/// The tag for application instances.
pub(super) const INSTANCES: &str = "+g.3gpp.iari-ref";

/// The Push Resource Identifier of an application: its id without `x-wap-application:`, other odd characters as percent codes.
pub fn push_resource_identifier(application: &str) -> String {
    const PREFIX: &str = "x-wap-application:";
    let has_prefix = application
        .get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let rest = if has_prefix {
        application.get(PREFIX.len()..).unwrap_or_default()
    } else {
        application
    };
    percent(rest)
}

/// An application instance (IARI) as it stands in a tag: colons as percent codes.
pub fn instance_reference(instance: &str) -> String {
    percent(instance)
}

/// Characters that are none of a token get a percent code.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-.*_+`'~%".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded = format!("{encoded}%{octet:02X}");
        }
    }
    encoded
}

/// The same without percent codes.
pub fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(code) = code {
            octets.push(code);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            octets.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// What a terminal, or a push server, says that it can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Push Resource Identifiers, in order.
    pub applications: Vec<String>,
    /// Application instances, decoded, in order.
    pub instances: Vec<String>,
}

impl Capabilities {
    /// Those in the parameters of a Contact; lists and repeated tags are one.
    pub fn of(contact: &Address) -> Self {
        Self {
            applications: tag(&contact.params, APPLICATIONS),
            instances: tag(&contact.params, INSTANCES)
                .iter()
                .map(|value| decoded(value))
                .collect(),
        }
    }

    /// As parameters, each with a semicolon in front; nothing for what is empty.
    pub fn parameters(&self) -> String {
        let instances: Vec<_> = self
            .instances
            .iter()
            .map(|instance| instance_reference(instance))
            .collect();
        [(APPLICATIONS, &self.applications), (INSTANCES, &instances)]
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(tag, values)| format!(";{tag}=\"{}\"", values.join(",")))
            .collect::<Vec<_>>()
            .concat()
    }
}

/// The values of a tag, from lists and repetitions.
fn tag(params: &[(String, Option<String>)], name: &str) -> Vec<String> {
    params
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .filter_map(|(_, value)| value.as_deref())
        .flat_map(|value| split(value, ','))
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect()
}

/// One row of Accept-Contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    features: Vec<(String, Vec<String>)>,
    require: bool,
    explicit: bool,
}

impl Row {
    pub(super) fn parse(text: &str) -> Self {
        let all = params(split(text, ';').skip(1));
        let has = |name: &str| {
            all.iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let mut features: Vec<(String, Vec<String>)> = Vec::new();
        for (name, _) in &all {
            let known = features
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name));
            let is_word = ["require", "explicit"]
                .iter()
                .any(|word| name.eq_ignore_ascii_case(word));
            if !known && !is_word {
                features.push((name.clone(), tag(&all, name)));
            }
        }
        Self {
            require: has("require"),
            explicit: has("explicit"),
            features,
        }
    }

    /// Takes a row to be meant strictly, whatever it says.
    pub(super) const fn strictly(mut self) -> Self {
        self.require = true;
        self.explicit = true;
        self
    }

    /// Whether a contact stays, and how well it fits; nothing where it is to be left out (RFC 3841 7.2.4).
    pub(super) fn score(&self, contact: &[(String, Option<String>)]) -> Option<usize> {
        let mut matched = 0;
        for (name, wanted) in &self.features {
            let stated = tag(contact, name);
            let fits = fits(wanted, &stated);
            if fits && !stated.is_empty() {
                matched += 1;
            }
            let is_out = if stated.is_empty() {
                self.explicit
            } else {
                !fits
            };
            if is_out && self.require {
                return None;
            }
        }
        Some(matched)
    }
}

/// Whether one of the wanted values is stated, or one that must not be is missing.
fn fits(wanted: &[String], stated: &[String]) -> bool {
    wanted.is_empty()
        || wanted.iter().any(|value| match value.strip_prefix('!') {
            Some(unwanted) => !stated.iter().any(|known| same(known, unwanted)),
            None => stated.iter().any(|known| same(known, value)),
        })
}

/// Tokens are compared without case, strings in brackets with it.
fn same(one: &str, other: &str) -> bool {
    if one.starts_with('<') || other.starts_with('<') {
        return one == other;
    }
    decoded(one).eq_ignore_ascii_case(&decoded(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(row: &str, contact: &str) -> Option<usize> {
        Row::parse(row).score(&Address::parse(contact).params)
    }

    #[test]
    fn ids_and_instances_are_written_as_tokens() {
        assert_eq!(
            push_resource_identifier("X-Wap-Application:ulp.ua"),
            "ulp.ua"
        );
        assert_eq!(
            push_resource_identifier("x-example.net:meter"),
            "x-example.net%3Ameter"
        );
        assert_eq!(instance_reference("urn:urn-7:a"), "urn%3Aurn-7%3Aa");
        assert_eq!(decoded("urn%3Aurn-7%3aa%"), "urn:urn-7:a%");
    }

    #[test]
    fn lists_and_repetitions_are_one() {
        let contact = Address::parse(
            "<sip:a@b>;+g.oma.pusheventapp=\"a,b\";+G.OMA.PushEventApp=\"c\";+g.3gpp.iari-ref=\"urn%3Ax\"",
        );
        let found = Capabilities::of(&contact);
        assert_eq!(found.applications, ["a", "b", "c"]);
        assert_eq!(found.instances, ["urn:x"]);
        let written = Address::parse(&format!("<sip:a@b>{}", found.parameters()));
        assert_eq!(Capabilities::of(&written), found);
    }

    #[test]
    fn rows_choose_as_they_say() {
        const MMS: &str = "<sip:a@b>;+g.oma.pusheventapp=\"mms.ua,ULP.ua\"";
        const NONE: &str = "<sip:a@b>";
        let strict = "*;+g.oma.pusheventapp=\"ulp.ua\";require;explicit";
        assert_eq!(score(strict, MMS), Some(1));
        assert_eq!(score(strict, NONE), None);
        let other = "*;+g.oma.pusheventapp=\"x\";require";
        assert_eq!(score(other, MMS), None);
        assert_eq!(score(other, NONE), Some(0));
        let loose = "*;+g.oma.pusheventapp=\"x\"";
        assert_eq!(score(loose, MMS), Some(0));
        let negated = "*;+g.oma.pusheventapp=\"!mms.ua\";require";
        assert_eq!(score(negated, MMS), None);
        assert_eq!(score("*", MMS), Some(0));
        let row = Row::parse(loose).strictly();
        assert_eq!(row.score(&Address::parse(NONE).params), None);
    }
}
