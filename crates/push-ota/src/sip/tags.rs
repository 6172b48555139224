//! Media feature tags: the names that applications have in Contact and Accept-Contact (RFC 3840, RFC 3841).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use push_message::{ApplicationId, PushApplicationId};

use super::registration::Announced;
use super::stack::is_token;

/// The feature tag whose values are Push Resource Identifiers.
pub(super) const PUSH_TAG: &str = "+g.oma.pusheventapp";
/// The feature tag whose values are IARIs (3GPP TS 24.229); the same in networks that are not IMS (Push-CAI 5.1).
pub(super) const INSTANCE_TAG: &str = "+g.3gpp.iari-ref";

/// The most values of a tag that are looked at in one request.
const MAX_VALUES: usize = 64;

/// What stands before the name in ids of WAP and of OMA, and is left out on the wire.
const PREFIXES: [&str; 2] = ["x-wap-application:", "x-oma-application:"];

/// The Push Resource Identifier of a Push Application ID: the id without its prefix where that can be read again, else the
/// whole of it, percent-encoded where a token cannot hold it.
pub(super) fn push_resource_identifier(id: &PushApplicationId) -> String {
    let text = id.as_text();
    let name = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix));
    encode(name.filter(|name| is_name(name)).unwrap_or(&text))
}

//= specs/ota-sip.md#feature-tags
//# Push Resource Identifiers MUST be compared without regard to case.
/// The Push Application ID of a Push Resource Identifier: the one of `announced` that has it, else OMNA's, else WAP's.
pub(super) fn push_application_id(
    identifier: &str,
    announced: &BTreeSet<PushApplicationId>,
) -> Option<PushApplicationId> {
    let text = decode(identifier);
    if let Some(known) = announced_by_name(&text, announced) {
        return Some(known.clone());
    }
    if !is_name(&text) {
        return PushApplicationId::parse(&text).ok();
    }
    let candidates = PREFIXES
        .iter()
        .filter_map(|prefix| PushApplicationId::parse(&format!("{prefix}{text}")).ok());
    let candidates: Vec<_> = candidates.collect();
    let known = |id: &&PushApplicationId| announced.contains(*id);
    let found = candidates.iter().find(known);
    let found = found.or_else(|| candidates.iter().find(|id| id.is_registered_with_omna()));
    found.or_else(|| candidates.first()).cloned()
}

/// The announced id that a name stands for with the first prefix that gives one: what most pushes name, found without making ids.
fn announced_by_name<'a>(
    name: &str,
    announced: &'a BTreeSet<PushApplicationId>,
) -> Option<&'a PushApplicationId> {
    // What begins with a letter is no number, and what has no colon no URI.
    if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) || name.contains(':') {
        return None;
    }
    PREFIXES.iter().find_map(|prefix| {
        let named = |id: &&PushApplicationId| {
            let text = id.as_text();
            let rest = text.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.eq_ignore_ascii_case(name))
        };
        announced.iter().find(named)
    })
}

/// Whether a text is the name of an application without a prefix, rather than a URI or a number.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(':') && PushApplicationId::parse(text).is_err()
}

/// The value of an application instance in its feature tag.
pub(super) fn iari(instance: &ApplicationId) -> String {
    encode(instance.as_str())
}

/// The application instance of a value, in the spelling of `announced` where it is there: values compare without case.
pub(super) fn instance(value: &str, announced: &BTreeSet<ApplicationId>) -> Option<Box<str>> {
    let text = decode(value);
    let exact = |known: &&ApplicationId| known.as_str() == text;
    let alike = |known: &&ApplicationId| known.as_str().eq_ignore_ascii_case(&text);
    let known = announced.iter().find(exact);
    let known = known.or_else(|| announced.iter().find(alike));
    match known {
        Some(known) => Some(known.as_str().into()),
        None => ApplicationId::parse(&text)
            .ok()
            .map(|instance| instance.as_str().into()),
    }
}

//= specs/ota-sip.md#feature-tags
//# A media feature tag MUST stand at most once in a Contact, all its values in one quoted list.
//= specs/ota-sip.md#feature-tags
//# An application instance MUST stand in the Contact header as a value of the media feature tag `+g.3gpp.iari-ref`, its colons percent-encoded,
//# whatever the network.
//= specs/ota-sip.md#feature-tags
//# A Push Resource Identifier MUST stand in the Contact header as a value of the media feature tag `+g.oma.pusheventapp`.
/// The feature tags of a Contact, each with the semicolon before it; each tag stands once, with one list (RFC 3840 9).
pub(super) fn contact_parameters(
    applications: &BTreeSet<PushApplicationId>,
    instances: &BTreeSet<ApplicationId>,
) -> String {
    let mut parameters = String::new();
    let identifiers: BTreeSet<_> = applications.iter().map(push_resource_identifier).collect();
    let instances: BTreeSet<_> = instances.iter().map(iari).collect();
    for (tag, values) in [(PUSH_TAG, identifiers), (INSTANCE_TAG, instances)] {
        if !values.is_empty() {
            let values: Vec<_> = values.into_iter().collect();
            parameters.push(';');
            parameters.push_str(tag);
            parameters.push_str("=\"");
            parameters.push_str(&values.join(","));
            parameters.push('"');
        }
    }
    parameters
}

/// Whom a push is for, by its Accept-Contact headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The Push Application IDs, in the order in which they are named.
    pub(super) applications: Vec<PushApplicationId>,
    /// The application instances, likewise.
    pub(super) instances: Vec<Box<str>>,
}

impl Wanted {
    /// Reads all Accept-Contact headers of a request. What is no id is left out, and what is negated, and what stands behind more
    /// values than anybody means: each is compared with everything that is announced.
    pub(super) fn read<T: AsRef<str>>(
        lines: impl IntoIterator<Item = T>,
        announced: &Announced,
    ) -> Self {
        let mut wanted = Self::default();
        let mut left = (MAX_VALUES, MAX_VALUES);
        let mut applications = |list: &str| {
            let read = |value: &str| push_application_id(value, &announced.applications);
            add(&mut wanted.applications, list, &mut left.0, read);
        };
        let mut instances = |list: &str| {
            let read = |value: &str| instance(value, &announced.instances);
            add(&mut wanted.instances, list, &mut left.1, read);
        };
        for line in lines {
            let line = line.as_ref();
            if let Some(parameters) = plain_parameters(line) {
                for (name, list) in parameters {
                    if name.eq_ignore_ascii_case(PUSH_TAG) {
                        applications(list);
                    } else if name.eq_ignore_ascii_case(INSTANCE_TAG) {
                        instances(list);
                    }
                }
                continue;
            }
            for row in Row::read(line) {
                row.lists(PUSH_TAG).for_each(&mut applications);
                row.lists(INSTANCE_TAG).for_each(&mut instances);
            }
        }
        wanted
    }
}

/// One value of a Contact or Accept-Contact header: whom it names, and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The URI without brackets, or `*`.
    pub(super) target: Box<str>,
    /// The URI stood in brackets: all of it is the URI's, and nothing of it the header's.
    pub(super) is_bracketed: bool,
    /// Names in lower case; values without the quotes around them.
    parameters: Vec<(Box<str>, Option<Box<str>>)>,
}

impl Row {
    /// Reads the values of one header line. What cannot be read gives what can.
    pub(super) fn read(line: &str) -> Vec<Self> {
        split(line, b',')
            .into_iter()
            .filter_map(Self::one)
            .collect()
    }

    fn one(text: &str) -> Option<Self> {
        let mut pieces = split(text, b';').into_iter();
        let name = pieces.next()?;
        // A bracket within the quotes of a display name begins no URI.
        let bracket = marks(name, b'<').find(|(_, octet, quoted)| *octet == b'<' && !quoted);
        let target = match bracket.and_then(|(start, ..)| name.get(start + 1..)) {
            Some(rest) => rest.split_once('>')?.0,
            None => name,
        };
        let is_bracketed = bracket.is_some();
        let target = target.trim();
        let parameters = pieces.filter_map(|piece| {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name, Some(unquote(value.trim()).into())),
                None => (piece, None),
            };
            let name = name.trim().to_ascii_lowercase();
            (!name.is_empty()).then(|| (name.into(), value))
        });
        (!target.is_empty()).then(|| Self {
            target: target.into(),
            is_bracketed,
            parameters: parameters.collect(),
        })
    }

    /// The first parameter of this name (in lower case), without its quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let named = |(other, _): &&(Box<str>, Option<Box<str>>)| **other == *name;
        let value = self.parameters.iter().find(named)?;
        Some(value.1.as_deref().unwrap_or_default())
    }

    /// Whether a parameter of this name (in lower case) is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(other, _)| **other == *name)
    }

    /// The lists of a feature tag, one for each time it is there.
    fn lists(&self, tag: &str) -> impl Iterator<Item = &str> {
        let named = move |(name, _): &&(Box<str>, Option<Box<str>>)| **name == *tag;
        let lists = self.parameters.iter().filter(named);
        lists.filter_map(|(_, value)| value.as_deref())
    }

    /// The Push Application IDs that it names.
    pub(super) fn applications(
        &self,
        announced: &BTreeSet<PushApplicationId>,
    ) -> BTreeSet<PushApplicationId> {
        self.lists(PUSH_TAG)
            .flat_map(values)
            .filter_map(|value| push_application_id(value, announced))
            .collect()
    }
}

/// Adds what stands in the list of a feature tag and is not there yet, as long as values are left to be looked at.
fn add<T: PartialEq>(
    all: &mut Vec<T>,
    list: &str,
    left: &mut usize,
    read: impl Fn(&str) -> Option<T>,
) {
    for value in values(list).take(*left) {
        *left -= 1;
        if let Some(one) = read(value).filter(|one| !all.contains(one)) {
            all.push(one);
        }
    }
}

/// The values of the list of a feature tag, without those that are negated.
fn values(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter_map(|value| {
        let value = match value.strip_prefix('<') {
            // A string that compares with case; ids do not.
            Some(string) => string.strip_suffix('>')?.trim(),
            None => value,
        };
        let usable = !value.is_empty() && !value.starts_with(['!', '#']);
        usable.then_some(value)
    })
}

/// The parameters that have values of an Accept-Contact for anybody, if it is a plain one: nothing in it but names, tokens and quoted
/// lists of tokens.
fn plain_parameters(line: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
    let parameters = line.strip_prefix("*;")?;
    let parameter = |piece| -> Option<(&str, &str)> {
        let (name, value) = str::split_once(piece, '=')?;
        let list = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        Some((name, list.unwrap_or(value)))
    };
    let is_plain = |piece: &str| match str::split_once(piece, '=') {
        None => piece.bytes().all(is_token),
        Some((name, value)) => {
            let list = value.strip_prefix('"').map(|rest| rest.strip_suffix('"'));
            let is_listed = |octet| is_token(octet) || octet == b',';
            name.bytes().all(is_token)
                && match list {
                    None => value.bytes().all(is_token),
                    Some(list) => list.is_some_and(|list| list.bytes().all(is_listed)),
                }
        }
    };
    let plain = parameters.split(';').all(is_plain);
    plain.then(|| parameters.split(';').filter_map(parameter))
}

/// Splits at a separator that stands neither in quotes nor in brackets.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut bracket = false;
    for (at, octet, quoted) in marks(text, separator) {
        match octet {
            _ if quoted => {}
            b'<' => bracket = true,
            b'>' => bracket = false,
            _ if octet == separator && !bracket => {
                pieces.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.extend(text.get(start..));
    pieces
}

/// The quotes, brackets and separators of a text, with where they stand and whether within quotes. Quotes mean nothing within brackets.
fn marks(text: &str, separator: u8) -> impl Iterator<Item = (usize, u8, bool)> {
    let (mut quoted, mut escaped, mut bracket) = (false, false, false);
    text.bytes().enumerate().filter_map(move |(at, octet)| {
        if escaped {
            escaped = false;
            return None;
        }
        let within = quoted;
        match octet {
            b'\\' if quoted => escaped = true,
            b'"' if quoted || !bracket => quoted = !quoted,
            b'<' if !quoted => bracket = true,
            b'>' if !quoted => bracket = false,
            _ => {}
        }
        let is_mark = matches!(octet, b'<' | b'>') || octet == separator;
        is_mark.then_some((at, octet, within))
    })
}

/// A value without the quotes around it, and without the backslashes that they call for.
fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

/// A text as a token without exclamation mark (RFC 3840 9): what does not fit is percent-encoded, as 24.229 does for URNs.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._*+'`~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            // Writing to a string cannot fail.
            write!(encoded, "%{octet:02X}").unwrap_or_default();
        }
    }
    encoded
}

/// The text of a token; what is no percent-encoding stands for itself.
fn decode(value: &str) -> String {
    let digit = |octet: Option<&u8>| octet.and_then(|octet| char::from(*octet).to_digit(16));
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((octet, after)) = rest.split_first() {
        let digits = digit(after.first()).zip(digit(after.get(1)));
        let number = digits.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let (octet, after) = match number.filter(|_| *octet == b'%') {
            Some(number) => (number, after.get(2..).unwrap_or_default()),
            None => (*octet, after),
        };
        decoded.push(octet);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> PushApplicationId {
        PushApplicationId::parse(text).unwrap()
    }

    fn name(text: &str) -> ApplicationId {
        ApplicationId::parse(text).unwrap()
    }

    //= specs/ota-sip.md#feature-tags
    //= type=test
    //# Push Resource Identifiers MUST be compared without regard to case.
    #[test]
    fn ids_have_the_names_that_cores_know() {
        for (text, identifier) in [
            ("x-wap-application:mms.ua", "mms.ua"),
            ("4", "mms.ua"),
            ("x-oma-application:ulp.ua", "ulp.ua"),
            ("0x10", "ulp.ua"),
            ("urn:x-wap-application:Private.ua", "private.ua"),
            ("x-oma-application:private.ua", "private.ua"),
            ("x-wap-application:*", "*"),
            ("0x1267ab", "0x1267ab"),
            ("https://example.net/app", "https%3A%2F%2Fexample.net%2Fapp"),
            ("urn:example:a", "urn%3Aexample%3Aa"),
            // What could be taken for a URI or a number stays whole.
            ("x-wap-application:a:b", "x-wap-application%3Aa%3Ab"),
            ("x-wap-application:12", "x-wap-application%3A12"),
            ("x-wap-application:a%21", "a%2521"),
            ("x-wap-application:a!", "a%21"),
        ] {
            assert_eq!(push_resource_identifier(&id(text)), identifier, "{text}");
            let known = BTreeSet::from([id(text)]);
            let read = push_application_id(&identifier.to_ascii_uppercase(), &known);
            assert_eq!(read, Some(id(text)), "{text}");
        }
        // Nobody announced it: OMNA's first, else WAP's.
        let nobody = BTreeSet::new();
        for (identifier, text) in [
            ("ulp.ua", "x-oma-application:ulp.ua"),
            ("other.ua", "x-wap-application:other.ua"),
            ("4", "x-wap-application:mms.ua"),
        ] {
            let read = push_application_id(identifier, &nobody);
            assert_eq!(read, Some(id(text)), "{identifier}");
        }
        for nothing in ["", "%", "a b", "%FF%FE", "4294967296 "] {
            let read = push_application_id(nothing, &nobody);
            assert_eq!(read.filter(|_| nothing.is_empty()), None, "{nothing}");
        }
    }

    #[test]
    fn a_contact_has_each_tag_once() {
        let applications = BTreeSet::from([id("4"), id("x-oma-application:ulp.ua")]);
        let instances = BTreeSet::from([
            name("urn:urn-7:3gpp-application.ims.iari.x"),
            name("https://example.net/b"),
        ]);
        assert_eq!(
            contact_parameters(&applications, &instances),
            ";+g.oma.pusheventapp=\"mms.ua,ulp.ua\";+g.3gpp.iari-ref=\"https%3A%2F%2Fexample.net%2Fb,\
             urn%3Aurn-7%3A3gpp-application.ims.iari.x\""
        );
        assert_eq!(contact_parameters(&BTreeSet::new(), &BTreeSet::new()), "");
    }

    fn wanted(lines: &[&str]) -> (Vec<String>, Vec<String>) {
        let wanted = Wanted::read(lines, &Announced::default());
        let applications = wanted.applications.iter().map(ToString::to_string);
        let instances = wanted.instances.iter().map(ToString::to_string);
        (applications.collect(), instances.collect())
    }

    #[test]
    fn accept_contact_is_read_in_every_form() {
        for lines in [
            &["*;+g.oma.pusheventapp=\"mms.ua,ulp.ua\";require;explicit"][..],
            &["*;+g.oma.pusheventapp=\"mms.ua\";+g.oma.pusheventapp=\"ulp.ua\""],
            &["*;+G.OMA.PushEventApp=\"MMS.UA\";explicit, *;+g.oma.pusheventapp=\"<ulp.ua>\""],
            &[
                "*;+g.oma.pusheventapp=mms.ua",
                " * ; +g.oma.pusheventapp = \" mms.ua , ulp.ua \" ;q=0.5",
            ],
            &["*;+g.oma.pusheventapp=\"mms.ua,!loc.ua,#=4,,ulp.ua\";require"],
            &[
                "\"a, <b>;+g.oma.pusheventapp=\\\"c.ua\\\"\" <sip:x;+g.oma.pusheventapp=d.ua>;+g.oma.pusheventapp=\"mms\\.ua\"",
                "*;audio;+g.oma.pusheventapp=\"ulp.ua\"",
            ],
        ] {
            let (applications, instances) = wanted(lines);
            assert_eq!(
                applications,
                ["x-wap-application:mms.ua", "x-oma-application:ulp.ua"],
                "{lines:?}"
            );
            assert!(instances.is_empty());
        }
        let (applications, instances) = wanted(&[
            "*;+g.oma.pusheventapp=\"ulp.ua\";require;explicit",
            "*;+g.3gpp.iari-ref=\"urn%3Aurn-7%3A3gpp-application.ims.iari.two,!a\"",
        ]);
        assert_eq!(applications, ["x-oma-application:ulp.ua"]);
        assert_eq!(instances, ["urn:urn-7:3gpp-application.ims.iari.two"]);
    }

    #[test]
    fn so_many_values_are_looked_at_and_no_more() {
        let names: Vec<_> = (0..100).map(|number| format!("a{number}.ua")).collect();
        let lines = names.chunks(7).map(|names| {
            let list = names.join(",");
            format!("*;+g.oma.pusheventapp=\"{list}\";+g.3gpp.iari-ref=\"{list}\"")
        });
        let wanted = Wanted::read(lines, &Announced::default());
        let last = wanted.applications.last().unwrap().to_string();
        assert_eq!(last, "x-wap-application:a63.ua");
        assert_eq!(wanted.applications.len(), MAX_VALUES);
        assert_eq!(wanted.instances.len(), MAX_VALUES);
    }

    #[test]
    fn what_is_no_feature_tag_names_nobody() {
        for line in [
            "",
            "*",
            "*;",
            "*;+g.oma.pusheventapp",
            "*;+g.oma.pusheventapp=\"",
            ";;,;,",
            "*;audio",
            "\"",
        ] {
            assert_eq!(wanted(&[line]), (vec![], vec![]), "{line:?}");
        }
    }

    #[test]
    fn values_compare_with_what_was_announced() {
        let announced = Announced {
            applications: BTreeSet::from([id("x-oma-application:mine.ua")]),
            instances: BTreeSet::from([name("urn:Mine:One")]),
            accept: BTreeSet::new(),
        };
        let line =
            "*;+g.oma.pusheventapp=\"Mine.UA\";+g.3gpp.iari-ref=\"URN%3amine%3aone,urn%3Aother\"";
        let wanted = Wanted::read([line], &announced);
        assert_eq!(wanted.applications, [id("x-oma-application:mine.ua")]);
        assert_eq!(
            wanted.instances,
            ["urn:Mine:One".into(), "urn:other".into()]
        );
    }

    #[test]
    fn contacts_are_read_with_their_parameters() {
        let line = "\"One, \\\"<two>\" <sip:a@192.0.2.1;transport=tcp>;Expires=60;+sip.instance=\"<urn:uuid:1>\", \
                    sip:b@192.0.2.2;expires=7;+g.oma.pusheventapp=\"mms.ua\"";
        let rows = Row::read(line);
        assert_eq!(rows.len(), 2);
        assert_eq!(&*rows[0].target, "sip:a@192.0.2.1;transport=tcp");
        assert_eq!(rows[0].parameter("expires"), Some("60"));
        assert_eq!(rows[0].parameter("+sip.instance"), Some("<urn:uuid:1>"));
        assert_eq!(rows[0].parameter("q"), None);
        assert_eq!(&*rows[1].target, "sip:b@192.0.2.2");
        assert_eq!(rows[1].parameter("expires"), Some("7"));
        assert_eq!(
            rows[1].applications(&BTreeSet::new()),
            BTreeSet::from([id("4")])
        );
        assert!(rows[1].has("+g.oma.pusheventapp") && !rows[0].has("+g.oma.pusheventapp"));
    }

    proptest! {
        #[test]
        fn plain_parameters_are_those_of_the_row(
            line in "[*];([+]g.oma.Pushe|[a-c+=,;\\\\ <]){0,4}(;[a-c]{1,2}(=(\"[a-c,!]{0,4}\"|[a-c]{0,2}))?){0,3}",
        ) {
            if let Some(parameters) = plain_parameters(&line) {
                let parameters: Vec<_> = parameters.collect();
                let rows = Row::read(&line);
                prop_assert_eq!(rows.len(), 1);
                let named = |(name, value): &(Box<str>, Option<Box<str>>)| {
                    Some((name.to_string(), value.clone()?.into_string()))
                };
                let of_row: Vec<_> = rows[0].parameters.iter().filter_map(named).collect();
                let lower = |(name, value): (&str, &str)| (name.to_ascii_lowercase(), value.to_owned());
                let of_line: Vec<_> = parameters.into_iter().map(lower).filter(|(name, _)| !name.is_empty()).collect();
                prop_assert_eq!(of_line, of_row);
            }
        }
    }

    proptest! {
        #[test]
        fn every_id_can_be_read_again(
            number in any::<u32>(),
            path in "[A-Za-z0-9.:/%!#?x*-]{1,20}",
            scheme in "(x-wap-application|x-oma-application|x-example|https)",
        ) {
            let private = PushApplicationId::parse(&format!("{scheme}:{path}"));
            for id in private.into_iter().chain([PushApplicationId::from_number(number), PushApplicationId::from_number(number % 32)]) {
                let identifier = push_resource_identifier(&id);
                prop_assert!(identifier.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._*+'`~%".contains(&octet)));
                let known = BTreeSet::from([id.clone()]);
                prop_assert_eq!(push_application_id(&identifier, &known), Some(id.clone()));
                let line = format!("*{};require", contact_parameters(&known, &BTreeSet::new()));
                let announced = Announced { applications: known, ..Announced::default() };
                prop_assert_eq!(Wanted::read([line], &announced).applications, vec![id]);
            }
        }

        #[test]
        fn every_instance_can_be_read_again(text in "\\PC{1,40}") {
            if let Ok(given) = ApplicationId::parse(&text) {
                let line = format!("*{}", contact_parameters(&BTreeSet::new(), &BTreeSet::from([given.clone()])));
                let read = Wanted::read([line], &Announced::default());
                prop_assert_eq!(read.instances, vec![given.as_str().into()]);
            }
        }

        #[test]
        fn reading_never_panics(line in "\\PC{0,80}", tokens in "[<>\"\\\\,;=* %a+]{0,40}") {
            for line in [line, tokens] {
                Row::read(&line);
                Wanted::read([format!("*;+g.oma.pusheventapp={line}")], &Announced::default());
                push_application_id(&line, &BTreeSet::new());
            }
        }
    }
}
