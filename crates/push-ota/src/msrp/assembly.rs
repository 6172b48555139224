//! The content of one message, put together from chunks that come in any order.

use std::collections::BTreeMap;

use super::budget::{Budget, Reservation};

/// The content of one message, as far as it has come.
#[derive(Debug)]
pub(super) struct Assembly {
    content: Vec<u8>,
    /// The octets that content may take; never less than its capacity.
    reservation: Reservation,
    /// The pieces that have come, by their start, with their end. They neither overlap nor touch.
    pieces: BTreeMap<usize, usize>,
    /// Octets in all pieces.
    received: usize,
    total: Option<usize>,
    /// The chunk with the end has come.
    ended: bool,
    max_content: usize,
    max_pieces: usize,
}

/// Why a chunk cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AssemblyError {
    /// The message is too long.
    #[error("the content is longer than the terminal takes")]
    TooLong,
    /// Other messages that are arriving have taken the room.
    #[error("too much content is arriving at present")]
    NoRoom,
    /// The chunks leave too many gaps.
    #[error("the chunks leave too many gaps")]
    TooManyPieces,
    /// What the chunks say of the length differs.
    #[error("the chunks contradict one another about the length of the content")]
    Contradiction,
}

impl Assembly {
    pub(super) fn new(budget: &Budget, max_content: usize, max_pieces: usize) -> Self {
        Self {
            content: Vec::new(),
            reservation: budget.reservation(),
            pieces: BTreeMap::new(),
            received: 0,
            total: None,
            ended: false,
            max_content,
            max_pieces,
        }
    }

    /// Octets that have come.
    pub(super) const fn received(&self) -> usize {
        self.received
    }

    /// The message is so long. Room for all of it is taken at once, so that content which begins to come can also end.
    pub(super) fn set_total(&mut self, total: usize) -> Result<(), AssemblyError> {
        if self.total.is_some_and(|known| known != total) || self.content.len() > total {
            return Err(AssemblyError::Contradiction);
        }
        if total > self.max_content {
            return Err(AssemblyError::TooLong);
        }
        if !self.reservation.grow(total) {
            return Err(AssemblyError::NoRoom);
        }
        self.total = Some(total);
        Ok(())
    }

    //= specs/ota-sip.md#large-push
    //# The chunks of a message MUST be put together by their byte ranges, in whatever order they come.
    /// Takes octets that begin at `start`. Where they were there already, these count (RFC 4975 7.3.1).
    pub(super) fn write(&mut self, start: usize, octets: &[u8]) -> Result<(), AssemblyError> {
        let end = start
            .checked_add(octets.len())
            .filter(|end| *end <= self.max_content)
            .ok_or(AssemblyError::TooLong)?;
        if self.total.is_some_and(|total| end > total) {
            return Err(AssemblyError::Contradiction);
        }
        if octets.is_empty() {
            return Ok(());
        }
        self.make_room(end)?;
        if self.content.len() < start {
            self.content.resize(start, 0);
        }
        let known = octets.len().min(self.content.len() - start);
        let (over, behind) = octets.split_at(known);
        if let Some(there) = self.content.get_mut(start..start + known) {
            there.copy_from_slice(over);
        }
        self.content.extend_from_slice(behind);
        self.note(start, end);
        let few = self.pieces.len() <= self.max_pieces;
        few.then_some(()).ok_or(AssemblyError::TooManyPieces)
    }

    /// The chunk with the end of the message has come, and ended there.
    pub(super) fn end(&mut self, total: usize) -> Result<(), AssemblyError> {
        self.set_total(total)?;
        self.ended = true;
        Ok(())
    }

    /// Whether all of it is there.
    pub(super) fn is_whole(&self) -> bool {
        self.ended && self.total == Some(self.received)
    }

    /// The content, and the room that it takes.
    pub(super) fn into_content(self) -> (Vec<u8>, Reservation) {
        (self.content, self.reservation)
    }

    /// Room for `end` octets: the capacity doubles, so that the work is linear, but never beyond what the message may have.
    fn make_room(&mut self, end: usize) -> Result<(), AssemblyError> {
        let capacity = self.content.capacity();
        if end <= capacity {
            return Ok(());
        }
        let limit = self.total.unwrap_or(self.max_content);
        let doubled = end.max(capacity.saturating_mul(2)).min(limit);
        let capacity = if self.reservation.grow(doubled) {
            doubled
        } else if self.reservation.grow(end) {
            end
        } else {
            return Err(AssemblyError::NoRoom);
        };
        self.content.reserve_exact(capacity - self.content.len());
        Ok(())
    }

    /// Notes a piece, and joins it with those that it overlaps or touches.
    fn note(&mut self, start: usize, end: usize) {
        let (mut first, mut last) = (start, end);
        while let Some((&other, &other_end)) = self.pieces.range(..=last).next_back() {
            if other_end < first {
                break;
            }
            self.pieces.remove(&other);
            self.received -= other_end - other;
            first = first.min(other);
            last = last.max(other_end);
        }
        self.pieces.insert(first, last);
        self.received += last - first;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bounds_come_before_the_memory() {
        let budget = Budget::new(100);
        let new = || Assembly::new(&budget, 60, 2);
        let mut one = new();
        assert_eq!(one.set_total(61), Err(AssemblyError::TooLong));
        assert_eq!(one.write(60, b"x"), Err(AssemblyError::TooLong));
        assert_eq!(one.write(usize::MAX, b"x"), Err(AssemblyError::TooLong));
        assert_eq!((budget.used(), one.content.capacity()), (0, 0));
        assert_eq!(one.set_total(50), Ok(()));
        assert_eq!((budget.used(), one.content.capacity()), (50, 0));
        assert_eq!(one.write(50, b"x"), Err(AssemblyError::Contradiction));
        assert_eq!(one.set_total(49), Err(AssemblyError::Contradiction));
        let mut other = new();
        assert_eq!(other.set_total(51), Err(AssemblyError::NoRoom));
        assert_eq!(other.write(50, b"x"), Err(AssemblyError::NoRoom));
        assert_eq!(other.write(49, b"x"), Ok(()), "it takes what is left");
        assert_eq!(other.end(49), Err(AssemblyError::Contradiction));
        assert_eq!(budget.used(), 100);
        drop(one);
        assert_eq!(other.write(40, b"x"), Ok(()));
        assert_eq!(other.write(0, b"x"), Err(AssemblyError::TooManyPieces));
        drop(other);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_empty_message_is_whole_with_its_end() {
        let budget = Budget::new(0);
        let mut empty = Assembly::new(&budget, 60, 2);
        assert_eq!(empty.write(0, b""), Ok(()));
        assert!(!empty.is_whole());
        assert_eq!(empty.end(0), Ok(()));
        assert!(empty.is_whole());
    }

    proptest! {
        #[test]
        fn pieces_in_any_order_are_what_a_slow_model_says(
            writes in prop::collection::vec((0_usize..40, prop::collection::vec(any::<u8>(), 0..12)), 0..20),
            total in 0_usize..40,
            known in any::<bool>(),
        ) {
            let budget = Budget::new(1_000);
            let mut assembly = Assembly::new(&budget, 40, 40);
            let mut model: Vec<Option<u8>> = vec![None; 40];
            if known {
                prop_assert_eq!(assembly.set_total(total), Ok(()));
            }
            let limit = if known { total } else { 40 };
            for (start, octets) in writes {
                let end = start + octets.len();
                let result = assembly.write(start, &octets);
                prop_assert_eq!(result.is_ok(), end <= limit);
                if result.is_ok() {
                    for (place, octet) in model[start..end].iter_mut().zip(octets) {
                        *place = Some(octet);
                    }
                }
                let received = model.iter().flatten().count();
                prop_assert_eq!(assembly.received(), received);
                prop_assert!(!assembly.is_whole());
                prop_assert!(assembly.content.capacity() <= budget.used());
            }
            let fits = model.iter().rposition(Option::is_some).is_none_or(|last| last < total);
            prop_assert_eq!(assembly.end(total).is_ok(), fits);
            let whole: Option<Vec<u8>> = model[..total].iter().copied().collect();
            prop_assert_eq!(assembly.is_whole(), fits && whole.is_some());
            if assembly.is_whole() {
                prop_assert_eq!(Some(assembly.into_content().0), whole);
            }
        }
    }
}
