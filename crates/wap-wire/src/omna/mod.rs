//! Push application ids as the Open Mobile Naming Authority assigns them: numbers and URIs.

mod table;

use core::cmp::Ordering;

use crate::assigned::name_of;

/// The number of the application that takes any push (`x-wap-application:*`).
pub const ANY: u32 = 0;
/// The number of the Session Initiation Application.
pub const PUSH_SIA: u32 = 1;
/// A second number of the Session Initiation Application, only received.
const PUSH_SIA_DUPLICATE: u32 = 0x904B;
/// The number of the WML user agent, which is meant where a push names no application (WAP-235).
pub const WML_UA: u32 = 2;
/// The number of the MMS user agent.
pub const MMS_UA: u32 = 4;

/// The URI assigned to this number.
///
/// ```
/// assert_eq!(wap_wire::omna::application_uri(4), Some("x-wap-application:mms.ua"));
/// ```
#[must_use]
pub fn application_uri(number: u32) -> Option<&'static str> {
    name_of(&table::BY_NUMBER, number)
}

/// The number to send for this URI: letters compare without case, and `urn:` may stand in front.
///
/// `x-wap-application:push.sia` has two numbers; 1 is the one to send, `0x904B` is only received.
#[must_use]
pub fn application_number(uri: &str) -> Option<u32> {
    let uri = without_urn(uri);
    let index = table::BY_URI
        .binary_search_by(|&(key, _)| compare_without_case(key, uri))
        .ok()?;
    table::BY_URI.get(index).map(|&(_, number)| number)
}

/// The registry's own spelling of this URI.
#[must_use]
pub fn canonical_uri(uri: &str) -> Option<&'static str> {
    application_uri(application_number(uri)?)
}

/// The number to send for an application that came with this number: the same, except for the one duplicate.
#[must_use]
pub const fn canonical_number(number: u32) -> u32 {
    match number {
        PUSH_SIA_DUPLICATE => PUSH_SIA,
        other => other,
    }
}

/// Every assigned number and its URI, in number order, receive-only duplicates included.
pub fn applications() -> impl ExactSizeIterator<Item = (u32, &'static str)> {
    table::BY_NUMBER.iter().copied()
}

fn without_urn(uri: &str) -> &str {
    match uri.split_at_checked(4) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("urn:") => rest,
        _ => uri,
    }
}

fn compare_without_case(key: &str, uri: &str) -> Ordering {
    key.bytes()
        .cmp(uri.bytes().map(|octet| octet.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn every_assignment_is_found_by_number_and_by_uri() {
        assert_eq!(applications().len(), 155);
        for (number, uri) in applications() {
            assert_eq!(application_uri(number), Some(uri));
            let canonical = if number == 0x904B { PUSH_SIA } else { number };
            assert_eq!(application_number(uri), Some(canonical), "{uri}");
            assert_eq!(
                application_number(&uri.to_ascii_uppercase()),
                Some(canonical),
                "{uri}"
            );
            assert_eq!(
                application_number(&format!("urn:{uri}")),
                Some(canonical).filter(|_| !uri.starts_with("urn:"))
            );
            assert_eq!(canonical_uri(uri), Some(uri));
            assert_eq!(canonical_number(number), canonical);
        }
    }

    #[test]
    fn tables_are_sorted_for_the_search() {
        assert!(table::BY_NUMBER.is_sorted_by(|a, b| a.0 < b.0));
        assert!(table::BY_URI.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn what_is_not_assigned_has_no_other_name() {
        assert_eq!(application_uri(0x0B), None);
        assert_eq!(application_number("x-example:app"), None);
        assert_eq!(application_number(""), None);
        assert_eq!(application_number("urn:"), None);
        assert_eq!(application_number("urné"), None);
        assert_eq!(canonical_number(0xFFFF), 0xFFFF);
        assert_eq!(
            application_number("URN:oma:drms:org-lge:l650v"),
            Some(0x9040)
        );
        assert_eq!(application_number("oma:drms:org-LGE:L650V"), Some(0x9040));
    }
}
