//! Which gateway the peer of a connection is, and which provisioning context counts (WAP-235 7.2.5.4, 7.2.6).

use super::authentication::{Credentials, Demand};
use super::connection::{Peer, Way};
use super::{Host, Ppg};

/// What of a connection tells who its peer is, whatever it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Its certificate names it.
    Tls,
    /// The terminal dialled it.
    Dialled,
    /// It has the address.
    Address,
}

/// What a peer is known by to be `ppg`. Where TLS proved a name, the address says nothing.
//= specs/ota-http.md#identification
//# The terminal SHOULD identify the gateway, so that pushes from unwanted ones can be refused.
pub(super) fn evidence(peer: &Peer, ppg: &Ppg) -> Option<Evidence> {
    let dialled = match &peer.way {
        Way::Dialled { ppg, .. } => ppg.as_ref(),
        Way::Accepted => None,
    };
    if dialled.is_some_and(|id| *id != ppg.id) {
        return None;
    }
    let certified = |name: &str| ppg.certified_name().eq_ignore_ascii_case(name);
    if peer.tls_name.as_deref().is_some_and(certified) {
        return Some(Evidence::Tls);
    }
    if dialled.is_some() {
        return Some(Evidence::Dialled);
    }
    let address = peer.remote.ip().to_canonical();
    let contact = ppg.contact.as_ref().map(|contact| &contact.host);
    let known = ppg
        .addresses
        .iter()
        .any(|known| known.to_canonical() == address)
        || matches!(contact, Some(Host::Ip(known)) if known.to_canonical() == address);
    (known && peer.tls_name.is_none()).then_some(Evidence::Address)
}

/// What there is to choose a context by.
pub(super) struct Clues<'a> {
    pub(super) peer: &'a Peer,
    /// The ProvURL that the connection is bound to.
    pub(super) prov_url: Option<&'a str>,
    /// The gateway that authenticated itself on this connection before.
    pub(super) authenticated: Option<usize>,
    pub(super) credentials: Option<&'a Credentials<'a>>,
    pub(super) demand: Option<&'a Demand>,
}

/// No provisioning context has the ProvURL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoContext;

/// The gateway, as an index, whose context counts: among those of the ProvURL, if there is one, the one that was dialled or
/// that TLS proved, that it claims to be, or that has its address; else the first of the ProvURL.
///
/// What a peer merely claims counts only where it will have to prove it, or where nothing else is known of the peer: a gateway
/// that has to authenticate itself does not get around it by calling itself another.
//= specs/ota-http.md#provurl
//# The provisioning context whose ProvURL equals that of the request MUST be the one that is used.
//= specs/ota-http.md#provurl
//# A request whose ProvURL is that of no provisioning context MUST be refused, with status 257 if it is a push and 302 if it is a registration.
//= specs/ota-http.md#provurl
//# A request with an empty ProvURL MUST be refused, with status 257 if it is a push and 302 if it is a registration, when no provisioning context has an empty one.
pub(super) fn choose(ppgs: &[Ppg], clues: &Clues<'_>) -> Result<Option<usize>, NoContext> {
    let fits = |index: usize| {
        clues.prov_url.is_none_or(|url| {
            ppgs.get(index)
                .is_some_and(|ppg| ppg.prov_url.as_deref() == Some(url))
        })
    };
    let known: Vec<Option<Evidence>> = ppgs.iter().map(|ppg| evidence(clues.peer, ppg)).collect();
    let nobody = known.iter().all(Option::is_none);
    let by_evidence = |wanted: Evidence| {
        let at = |&index: &usize| known.get(index) == Some(&Some(wanted)) && fits(index);
        (0..ppgs.len()).find(at)
    };
    let by_claim = |claims: &dyn Fn(&Ppg) -> bool| {
        ppgs.iter().enumerate().position(|(index, ppg)| {
            let proved_later = ppg.authentication != super::Authentication::None;
            let at_hand = known.get(index).is_some_and(Option::is_some);
            fits(index) && claims(ppg) && (nobody || proved_later || at_hand)
        })
    };
    // On a connection that was dialled nothing is known of any other gateway.
    let chosen = by_evidence(Evidence::Dialled)
        .or_else(|| by_evidence(Evidence::Tls))
        .or_else(|| {
            let credentials = clues.credentials?;
            by_claim(&|ppg| credentials.claim(ppg))
        })
        .or_else(|| clues.authenticated.filter(|&index| fits(index)))
        .or_else(|| {
            let demand = clues.demand?;
            by_claim(&|ppg| demand.claims(ppg))
        })
        .or_else(|| by_evidence(Evidence::Address));
    if chosen.is_some() || clues.prov_url.is_none() {
        return Ok(chosen);
    }
    let first = (0..ppgs.len())
        .find(|&index| fits(index))
        .ok_or(NoContext)?;
    // A gateway known to be another, which has to prove it and has not, does not get rid of that by a context of others.
    let evades = ppgs
        .iter()
        .zip(&known)
        .enumerate()
        .any(|(index, (ppg, known))| {
            known.is_some()
                && ppg.authentication != super::Authentication::None
                && clues.authenticated != Some(index)
        });
    if evades {
        Err(NoContext)
    } else {
        Ok(Some(first))
    }
}
