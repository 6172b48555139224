//! What one gateway wrote last, with what it means: a gateway writes the same ids and types push after push, and to know them again
//! costs far less than to parse them. What is parsed once is also held once, however many events share it.

use std::fmt;

use push_message::{MediaType, PushApplicationId};

use super::entity::Head;
use super::push::Carries;

/// The most octets that are remembered of a value; none that means anything has more.
const MAX_LENGTH: usize = 300;

/// The values of one connection.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    pub(super) application: Latest<PushApplicationId>,
    pub(super) media_type: Latest<MediaType>,
    /// X-Wap-Push-OTA-Version, and the version chosen by it.
    pub(super) version: Latest<Option<(u32, u32)>>,
    pub(super) head: LatestHead,
    /// The content type of a request.
    pub(super) carries: Latest<Carries>,
}

/// The last value that was written well.
#[derive(Debug)]
pub(super) struct Latest<T>(Option<(Box<str>, T)>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone> Latest<T> {
    /// What the text means: what it meant the last time, or else what `parse` makes of it.
    pub(super) fn read(&mut self, text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if let Some((known, value)) = &self.0
            && **known == *text
        {
            return Some(value.clone());
        }
        let value = parse(text)?;
        if text.len() <= MAX_LENGTH {
            self.0 = Some((text.into(), value.clone()));
        }
        Some(value)
    }
}

/// The most octets that are remembered of a head.
const MAX_HEAD_LENGTH: usize = 1_024;

/// The last head of an entity that was written well: that of the next one is often the same, octet for octet.
#[derive(Default)]
pub(super) struct LatestHead {
    octets: Vec<u8>,
    head: Option<Head>,
}

impl LatestHead {
    /// The head that these octets begin with, if it is the one that was written last. Where a head ends is found in itself, so
    /// that what begins with it can have no other.
    pub(super) fn of(&self, octets: &[u8]) -> Option<&Head> {
        let head = self.head.as_ref()?;
        octets.starts_with(&self.octets).then_some(head)
    }

    /// Remembers a head, which these octets are.
    pub(super) fn note(&mut self, octets: &[u8], head: &Head) {
        if octets.len() <= MAX_HEAD_LENGTH {
            self.octets.clear();
            self.octets.extend_from_slice(octets);
            self.head = Some(head.clone());
        }
    }
}

impl fmt::Debug for LatestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values are personal data.
        f.debug_struct("LatestHead").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_known_and_nothing_else() {
        let mut latest = Latest::default();
        let mut parsed = Vec::new();
        for text in ["one", "one", "two", "", "two", "one"] {
            let value = latest.read(text, |text| {
                parsed.push(text.to_owned());
                (!text.is_empty()).then(|| text.to_owned())
            });
            assert_eq!(value.unwrap_or_default(), text);
        }
        assert_eq!(parsed, ["one", "two", "", "one"]);
    }

    #[test]
    fn a_long_text_is_not_kept() {
        let mut latest = Latest::default();
        let long = "a".repeat(MAX_LENGTH + 1);
        assert_eq!(latest.read(&long, |_| Some(1)), Some(1));
        assert_eq!(latest.read(&long, |_| Some(2)), Some(2));
    }
}
