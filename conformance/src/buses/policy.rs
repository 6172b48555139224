//! The policy of a bus's configuration in the form that dbus-broker takes it in: for each user who is named, and for all others, a
//! list of rules with priorities.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, bail};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::Scope;

/// The rules of a user go before those that hold for everybody.
const OF_A_USER: u64 = 1 << 32;
/// The user who stands for all who are not named.
const EVERYBODY: u32 = u32::MAX;

/// allowed, priority, is a prefix, name
type Own = (bool, u64, bool, String);
/// allowed, priority, name, path, interface, member, type, is a broadcast, fewest and most file descriptors
type Transmit = (
    bool,
    u64,
    String,
    String,
    String,
    String,
    u32,
    u32,
    u64,
    u64,
);
/// may connect, with which priority; owning, sending, receiving
type Batch = (bool, u64, Vec<Own>, Vec<Transmit>, Vec<Transmit>);
/// by user; by ranges of users and groups; labels of `SELinux`; whether `AppArmor` is on; the type of the bus
pub(super) type Policy = (
    Vec<(u32, Batch)>,
    Vec<(bool, u32, u32, Batch)>,
    Vec<(String, String)>,
    bool,
    String,
);

/// Reads the policy of a configuration, and of the files that it includes.
pub(super) fn read(configuration: &Path, scope: Scope, owner: u32) -> anyhow::Result<Policy> {
    let mut rules = Rules::default();
    rules.read(configuration)?;
    let mut named: BTreeMap<u32, Batch> = rules.of_users;
    named.entry(owner).or_default();
    for (user, batch) in &mut named {
        let common = rules.common.clone();
        batch.0 |= common.0 || *user == owner;
        batch.1 = batch.1.max(common.1).max(1);
        batch.2.extend(common.2);
        batch.3.extend(common.3);
        batch.4.extend(common.4);
    }
    named.insert(EVERYBODY, rules.common);
    let batches = named.into_iter().collect();
    let kind = scope.word().to_owned();
    Ok((batches, Vec::new(), Vec::new(), false, kind))
}

#[derive(Debug, Default)]
struct Rules {
    common: Batch,
    of_users: BTreeMap<u32, Batch>,
    priority: u64,
}

impl Rules {
    fn read(&mut self, file: &Path) -> anyhow::Result<()> {
        let text = fs::read_to_string(file)?;
        let mut reader = Reader::from_str(&text);
        let mut context = None;
        let mut includes = false;
        loop {
            match reader.read_event()? {
                Event::Start(element) if element.name().as_ref() == b"policy" => {
                    context = Some(user_of(&element)?);
                }
                Event::End(element) if element.name().as_ref() == b"policy" => context = None,
                Event::Start(element) => includes = element.name().as_ref() == b"include",
                Event::Text(path) if includes => {
                    self.read(Path::new(path.decode()?.as_ref()))?;
                    includes = false;
                }
                Event::Empty(element) => {
                    let user = context.context("a rule outside a policy")?;
                    self.add(user, &element)
                        .with_context(|| format!("{}", file.display()))?;
                }
                Event::Eof => return Ok(()),
                Event::End(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_)
                | Event::GeneralRef(_) => {}
            }
        }
    }

    fn add(&mut self, user: Option<u32>, element: &BytesStart<'_>) -> anyhow::Result<()> {
        let allowed = match element.name().as_ref() {
            b"allow" => true,
            b"deny" => false,
            other => bail!("no rule: {}", String::from_utf8_lossy(other)),
        };
        self.priority += 1;
        let priority = self.priority + user.map_or(0, |_| OF_A_USER);
        let batch = match user {
            Some(user) => self.of_users.entry(user).or_default(),
            None => &mut self.common,
        };
        let attributes = attributes_of(element)?;
        let Some((first, value)) = attributes.first_key_value() else {
            bail!("a rule about nothing");
        };
        if first == "user" {
            (batch.0, batch.1) = (allowed, priority);
        } else if first == "own" || first == "own_prefix" {
            let is_prefix = first == "own_prefix" || value == "*";
            batch
                .2
                .push((allowed, priority, is_prefix, without_star(value)));
        } else if first.starts_with("send_") {
            // dbus-broker lets answers through by itself, and asks no policy.
            batch.3.extend(transmit(
                allowed,
                priority,
                "send_",
                "destination",
                &attributes,
            )?);
        } else {
            batch.4.extend(transmit(
                allowed,
                priority,
                "receive_",
                "sender",
                &attributes,
            )?);
        }
        Ok(())
    }
}

/// Whom a policy is for; `None` is everybody.
fn user_of(element: &BytesStart<'_>) -> anyhow::Result<Option<u32>> {
    let attributes = attributes_of(element)?;
    match attributes.get("user") {
        Some(user) => Ok(Some(uid_of(user)?)),
        None if attributes.get("context").is_some_and(|it| it == "default") => Ok(None),
        None => bail!("a policy for {attributes:?}, which the tests' controller does not know"),
    }
}

fn uid_of(user: &str) -> anyhow::Result<u32> {
    if let Ok(number) = user.parse() {
        return Ok(number);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let mut entries = users.lines().map(|line| line.split(':'));
    let number = entries.find_map(|mut entry| {
        (entry.next()? == user)
            .then(|| entry.nth(1))
            .flatten()?
            .parse()
            .ok()
    });
    // A user who does not exist connects to no bus.
    Ok(number.unwrap_or(EVERYBODY - 1))
}

fn transmit(
    allowed: bool,
    priority: u64,
    way: &str,
    peer: &str,
    attributes: &BTreeMap<String, String>,
) -> anyhow::Result<Option<Transmit>> {
    let mut rule = Transmit::default();
    (rule.0, rule.1, rule.9) = (allowed, priority, u64::MAX);
    for (name, value) in attributes {
        let value = without_star(value);
        match name.strip_prefix(way) {
            Some(name) if name == peer => rule.2 = value,
            Some("path") => rule.3 = value,
            Some("interface") => rule.4 = value,
            Some("member") => rule.5 = value,
            Some("type") => match value.as_str() {
                "method_call" => rule.6 = 1,
                "signal" => rule.6 = 4,
                _ => return Ok(None),
            },
            Some("requested_reply") => return Ok(None),
            _ => bail!("a rule on {name}, which the tests' controller does not know"),
        }
    }
    Ok(Some(rule))
}

fn attributes_of(element: &BytesStart<'_>) -> anyhow::Result<BTreeMap<String, String>> {
    element
        .attributes()
        .map(|attribute| {
            let attribute = attribute?;
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            let value = String::from_utf8_lossy(&attribute.value).into_owned();
            Ok((name, value))
        })
        .collect()
}

fn without_star(value: &str) -> String {
    if value == "*" {
        String::new()
    } else {
        value.to_owned()
    }
}
