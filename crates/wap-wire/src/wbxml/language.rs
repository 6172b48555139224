//! What the numbers of a document type stand for.

use super::tables::{CO, EMN, PROVISIONING, SI, SL};
use super::{Name, PublicId};

/// A document type, and what its numbers stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Language {
    /// The name of its outermost element.
    pub root: &'static str,
    /// Its public identifier.
    pub public_id: &'static str,
    /// The number of that (WBXML 7.2).
    pub number: u32,
    pub(super) tags: &'static [Meaning<&'static str>],
    /// Each with the name and how the value begins.
    pub(super) attributes: &'static [Meaning<(&'static str, &'static str)>],
    pub(super) values: &'static [Meaning<&'static str>],
}

/// A code page, a number on it, and what it stands for; tables are in that order.
pub(super) type Meaning<T> = (u8, u8, T);

impl Language {
    /// Service Indication 1.0 (WAP-167 8.3).
    pub const SI: Self = SI;
    /// Service Loading 1.0 (WAP-168 9.3).
    pub const SL: Self = SL;
    /// Cache Operation 1.0 (WAP-175 9.3).
    pub const CO: Self = CO;
    /// E-Mail Notification 1.0 (OMA).
    pub const EMN: Self = EMN;
    /// Provisioning 1.0 (WAP-183 8), and what version 1.1 adds on a second code page.
    pub const PROVISIONING: Self = PROVISIONING;

    /// Every document type that is known.
    pub const ALL: [&'static Self; 5] = [
        &Self::SI,
        &Self::SL,
        &Self::CO,
        &Self::EMN,
        &Self::PROVISIONING,
    ];

    /// The document type with this public identifier.
    #[must_use]
    pub fn of(public_id: PublicId<'_>) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|language| match public_id {
            PublicId::Number(number) => number == Some(language.number),
            PublicId::Text(text) => text == language.public_id,
        })
    }

    /// The document type of content with this media type.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<&'static Self> {
        match media_type {
            "application/vnd.wap.sic" => Some(&Self::SI),
            "application/vnd.wap.slc" => Some(&Self::SL),
            "application/vnd.wap.coc" => Some(&Self::CO),
            "application/vnd.wap.emn+wbxml" => Some(&Self::EMN),
            "application/vnd.wap.connectivity-wbxml" => Some(&Self::PROVISIONING),
            _ => None,
        }
    }

    pub(super) fn tag<'a>(&self, page: u8, token: u8) -> Option<Name<'a>> {
        let name = meaning(self.tags, page, token)?;
        Some(Name::Known { name, prefix: "" })
    }

    pub(super) fn attribute<'a>(&self, page: u8, token: u8) -> Option<Name<'a>> {
        let (name, prefix) = meaning(self.attributes, page, token)?;
        Some(Name::Known { name, prefix })
    }

    pub(super) fn value(&self, page: u8, token: u8) -> Option<&'static str> {
        meaning(self.values, page, token)
    }
}

fn meaning<T: Copy>(table: &[Meaning<T>], page: u8, token: u8) -> Option<T> {
    let at = table
        .binary_search_by_key(&(page, token), |&(page, token, _)| (page, token))
        .ok()?;
    table.get(at).map(|&(_, _, meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in_order<T>(table: &[Meaning<T>]) -> bool {
        table.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1))
    }

    #[test]
    fn tables_are_in_order_so_that_numbers_are_found() {
        for language in Language::ALL {
            assert!(is_in_order(language.tags), "{}", language.root);
            assert!(is_in_order(language.attributes), "{}", language.root);
            assert!(is_in_order(language.values), "{}", language.root);
            assert_eq!(meaning(language.tags, 0, 5), Some(language.root));
            let by_name = Language::of(PublicId::Text(language.public_id.into()));
            assert_eq!(by_name, Some(language));
        }
        assert_eq!(Language::of(PublicId::Number(None)), None);
    }
}
