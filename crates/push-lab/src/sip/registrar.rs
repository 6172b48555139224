//! Which contacts users have, for how long, and which of them a request goes to.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::events::SipFlow;
use super::feature::{Capabilities, Row};
use super::header::{Address, SipUri};
use super::message::SipMessage;
use super::settings::{SipBounds, SipCoreBehaviour};

/// A contact of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipBinding {
    /// The user, without port and parameters.
    pub user: String,
    /// The contact's URI.
    pub contact: String,
    /// The parameters of the contact, as they came.
    pub params: Vec<(String, Option<String>)>,
    /// What it takes.
    pub capabilities: Capabilities,
    /// Call-ID of the REGISTER that bound it last.
    pub call_id: String,
    /// Its `CSeq`.
    pub cseq: u32,
    /// The route to it (RFC 3327).
    pub path: Vec<String>,
    /// By what that REGISTER came.
    pub flow: SipFlow,
    /// Its public GRUU, where one was given.
    pub gruu: Option<String>,
    /// Until when.
    pub(super) until: Instant,
}

impl SipBinding {
    /// How long it has left.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// What a REGISTER changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Bound {
        binding: Box<SipBinding>,
        expires: u32,
        new: bool,
    },
    Unbound {
        contact: String,
    },
}

/// Why a REGISTER is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Less time is asked for than is granted.
    TooBrief,
    /// It is no good request.
    Bad,
    /// It is older than another one.
    OutOfOrder,
    /// There are too many.
    Full,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Registrar {
    users: BTreeMap<String, Vec<SipBinding>>,
}

impl Registrar {
    /// All bindings that have not lapsed.
    pub(super) fn bindings(&self, now: Instant) -> impl Iterator<Item = &SipBinding> {
        let all = self.users.values().flatten();
        all.filter(move |binding| binding.until > now)
    }

    /// Those of one user.
    pub(super) fn of(&self, user: &str, now: Instant) -> Vec<&SipBinding> {
        let found = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        found.iter().filter(|binding| binding.until > now).collect()
    }

    /// Forgets everything, as at a restart.
    pub(super) fn clear(&mut self) {
        self.users.clear();
    }

    /// Does what a REGISTER of a user asks for.
    pub(super) fn register(
        &mut self,
        user: &str,
        request: &SipMessage,
        flow: SipFlow,
        (behaviour, bounds): (&SipCoreBehaviour, SipBounds),
        now: Instant,
    ) -> Result<Vec<Change>, Fault> {
        for bindings in self.users.values_mut() {
            bindings.retain(|binding| binding.until > now);
        }
        self.users.retain(|_, bindings| !bindings.is_empty());
        let contacts: Vec<_> = request
            .values("Contact")
            .iter()
            .map(|value| Address::parse(value))
            .collect();
        let header = request.get("Expires").map(|value| value.trim().parse());
        let header: Option<u32> = header.transpose().map_err(|_| Fault::Bad)?;
        let (call_id, (cseq, _)) = (request.call_id(), request.cseq());
        let known = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        let is_old = |binding: &SipBinding| binding.call_id == call_id && binding.cseq >= cseq;
        if contacts.iter().any(|contact| contact.uri == "*") {
            if contacts.len() > 1 || header != Some(0) {
                return Err(Fault::Bad);
            }
            if known.iter().any(is_old) {
                return Err(Fault::OutOfOrder);
            }
            let gone = self.users.remove(user).unwrap_or_default();
            let change = |binding: SipBinding| Change::Unbound {
                contact: binding.contact,
            };
            return Ok(gone.into_iter().map(change).collect());
        }
        let mut changes = Vec::new();
        for contact in contacts {
            let own = known
                .iter()
                .find(|binding| is_same(&binding.contact, &contact.uri));
            if own.is_some_and(is_old) {
                return Err(Fault::OutOfOrder);
            }
            let expires = granted(&contact, header, behaviour)?;
            if expires == 0 {
                let contact = contact.uri;
                changes.push(Change::Unbound { contact });
                continue;
            }
            let binding = bound(user, contact, request, flow, behaviour);
            let until = now + Duration::from_secs(expires.into());
            changes.push(Change::Bound {
                binding: Box::new(SipBinding { until, ..binding }),
                expires,
                new: own.is_none(),
            });
        }
        let added = |change: &&Change| matches!(change, Change::Bound { new: true, .. });
        let grows = changes.iter().filter(added).count();
        let is_full = known.len() + grows > bounds.contacts
            || (known.is_empty() && self.users.len() >= bounds.users);
        if grows > 0 && is_full {
            return Err(Fault::Full);
        }
        self.apply(user, &changes);
        Ok(changes)
    }

    fn apply(&mut self, user: &str, changes: &[Change]) {
        let bindings = self.users.entry(user.to_owned()).or_default();
        for change in changes {
            match change {
                Change::Bound { binding, .. } => {
                    bindings.retain(|known| !is_same(&known.contact, &binding.contact));
                    bindings.push((**binding).clone());
                }
                Change::Unbound { contact } => {
                    bindings.retain(|known| !is_same(&known.contact, contact));
                }
            }
        }
        if bindings.is_empty() {
            self.users.remove(user);
        }
    }

    /// The contacts that a request to this URI goes to (RFC 3841 7.2), the newest first.
    pub(super) fn route(
        &self,
        uri: &SipUri,
        accept_contact: &[String],
        strict: bool,
        now: Instant,
    ) -> Vec<SipBinding> {
        let rows: Vec<_> = accept_contact
            .iter()
            .map(|row| Row::parse(row))
            .map(|row| if strict { row.strictly() } else { row })
            .collect();
        let gruu = uri.param("gr");
        let mut scored: Vec<(usize, &SipBinding)> = self
            .of(&uri.of_record(), now)
            .into_iter()
            .filter(|binding| {
                let instance = super::header::find(&binding.params, "+sip.instance");
                let instance = instance.map(|instance| instance.trim_matches(['<', '>']));
                gruu.is_none_or(|gruu| instance == Some(gruu))
            })
            .filter_map(|binding| {
                let scores = rows.iter().map(|row| row.score(&binding.params));
                Some((scores.sum::<Option<usize>>()?, binding))
            })
            .collect();
        let best = scored.iter().map(|(score, _)| *score).max();
        scored.retain(|(score, _)| Some(*score) == best);
        scored
            .into_iter()
            .rev()
            .map(|(_, binding)| binding.clone())
            .collect()
    }
}

/// How long a contact is bound.
fn granted(
    contact: &Address,
    header: Option<u32>,
    behaviour: &SipCoreBehaviour,
) -> Result<u32, Fault> {
    let own = contact.param("expires").map(str::parse);
    let own: Option<u32> = own.transpose().map_err(|_| Fault::Bad)?;
    let wanted = own.or(header).unwrap_or(behaviour.longest);
    if wanted != 0 && wanted < behaviour.shortest {
        return Err(Fault::TooBrief);
    }
    Ok(wanted.min(behaviour.longest))
}

fn bound(
    user: &str,
    contact: Address,
    request: &SipMessage,
    flow: SipFlow,
    behaviour: &SipCoreBehaviour,
) -> SipBinding {
    let supports = request
        .values("Supported")
        .iter()
        .any(|tag| tag.eq_ignore_ascii_case("gruu"));
    let instance = contact
        .param("+sip.instance")
        .filter(|_| supports && behaviour.gruu);
    let gruu = instance.map(|instance| format!("{user};gr={}", instance.trim_matches(['<', '>'])));
    SipBinding {
        user: user.to_owned(),
        capabilities: Capabilities::of(&contact),
        call_id: request.call_id().to_owned(),
        cseq: request.cseq().0,
        path: request.values("Path"),
        flow,
        gruu,
        until: Instant::now(),
        contact: contact.uri,
        params: contact.params,
    }
}

/// Whether two URIs name the same contact; the order and the case of their parameters do not matter.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    match (SipUri::parse(one), SipUri::parse(other)) {
        (Some(mut one), Some(mut other)) => {
            for uri in [&mut one, &mut other] {
                for (name, value) in &mut uri.params {
                    name.make_ascii_lowercase();
                    if let Some(value) = value {
                        value.make_ascii_lowercase();
                    }
                }
                uri.params.sort();
            }
            one == other
        }
        (None, None) => one == other,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
