//! The headers of a push message, in the order in which they came.

use std::fmt;
use std::sync::Arc;

/// Header names and values as text, in order of arrival, repeated names kept apart.
///
/// One buffer holds them all, because every push carries some and each lives only as long as its message. A clone shares the
/// buffer: many pushes have the headers of the one before, and none takes much room.
#[derive(Clone, Default)]
pub struct Headers(Option<Arc<Block>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    text: String,
    ends: Vec<(u32, u32)>,
}

static EMPTY: Block = Block {
    text: String::new(),
    ends: Vec::new(),
};

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(None)
    }

    /// No headers, with room for so many octets of text.
    pub fn with_capacity(octets: usize) -> Self {
        Self(Some(Arc::new(Block {
            text: String::with_capacity(octets),
            ends: Vec::new(),
        })))
    }

    /// Adds a header behind the others, its name and value written by whatever can be displayed.
    ///
    /// Headers beyond 4 GiB of text are not taken; a bearer's own limits lie far below.
    pub fn push(&mut self, name: impl fmt::Display, value: impl fmt::Display) {
        use fmt::Write as _;
        let block = self.block_mut();
        let start = block.text.len();
        let name_written = write!(block.text, "{name}");
        let name_end = block.text.len();
        let value_written = write!(block.text, "{value}");
        if name_written.is_ok() && value_written.is_ok() {
            block.end_header(start, name_end);
        } else {
            block.text.truncate(start);
        }
    }

    /// Adds a header behind the others, as [`push`](Self::push) does, without the cost of a formatter.
    pub fn push_text(&mut self, name: &str, value: &str) {
        let block = self.block_mut();
        let start = block.text.len();
        block.text.reserve(name.len() + value.len());
        block.text.push_str(name);
        let name_end = block.text.len();
        block.text.push_str(value);
        block.end_header(start, name_end);
    }

    /// The headers as (name, value), in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let Block { text, ends } = self.block();
        let starts = std::iter::once(0).chain(ends.iter().map(|&(_, value_end)| value_end));
        ends.iter()
            .zip(starts)
            .filter_map(|(&(name_end, value_end), start)| {
                let (start, name_end, value_end) =
                    (start as usize, name_end as usize, value_end as usize);
                Some((text.get(start..name_end)?, text.get(name_end..value_end)?))
            })
    }

    /// The value of the first header with this name, compared without regard to case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.block().ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.block().ends.is_empty()
    }

    /// Octets of text held.
    pub fn text_length(&self) -> usize {
        self.block().text.len()
    }

    fn block(&self) -> &Block {
        self.0.as_deref().unwrap_or(&EMPTY)
    }

    fn block_mut(&mut self) -> &mut Block {
        Arc::make_mut(self.0.get_or_insert_with(|| Arc::new(EMPTY.clone())))
    }
}

impl Block {
    /// Notes the header whose name and value have been written, or takes them back where there is too much text.
    fn end_header(&mut self, start: usize, name_end: usize) {
        if let (Ok(name_end), Ok(value_end)) =
            (u32::try_from(name_end), u32::try_from(self.text.len()))
        {
            self.ends.push((name_end, value_end));
        } else {
            self.text.truncate(start);
        }
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.block() == other.block()
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: fmt::Display, V: fmt::Display> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self::new();
        for (name, value) in headers {
            all.push(name, value);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_are_found_without_regard_to_case_and_kept_apart() {
        let headers: Headers = [("Date", "one"), ("X-A", ""), ("date", "two")]
            .into_iter()
            .collect();
        assert_eq!(headers.get("DATE"), Some("one"));
        assert_eq!(headers.get("x-a"), Some(""));
        assert_eq!(headers.get("X-B"), None);
        assert_eq!(headers.len(), 3);
        assert_eq!(headers.text_length(), 4 + 3 + 3 + 4 + 3);
        assert!(Headers::new().is_empty());
        assert_eq!(
            format!("{headers:?}"),
            r#"{"Date": "one", "X-A": "", "date": "two"}"#
        );
    }

    #[test]
    fn a_clone_has_a_life_of_its_own() {
        let mut headers: Headers = [("Date", "one")].into_iter().collect();
        let before = headers.clone();
        headers.push_text("X-A", "two");
        assert_eq!(before.iter().collect::<Vec<_>>(), [("Date", "one")]);
        assert_eq!((before.len(), headers.len()), (1, 2));
        assert_eq!(Headers::with_capacity(9), Headers::new());
    }

    #[test]
    fn a_value_that_cannot_be_written_leaves_nothing() {
        struct Broken;
        impl fmt::Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                Err(fmt::Error)
            }
        }
        let mut headers = Headers::new();
        headers.push("X-A", "whole");
        headers.push("X-B", Broken);
        headers.push("X-C", 7);
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("X-A", "whole"), ("X-C", "7")]
        );
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(pairs in prop::collection::vec(("\\PC{0,12}", "\\PC{0,24}"), 0..12)) {
            let headers: Headers = pairs.iter().map(|(name, value)| (name, value)).collect();
            let mut as_text = Headers::new();
            for (name, value) in &pairs {
                as_text.push_text(name, value);
            }
            prop_assert_eq!(&as_text, &headers);
            let out: Vec<_> = headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            prop_assert_eq!(out, pairs);
        }
    }
}
