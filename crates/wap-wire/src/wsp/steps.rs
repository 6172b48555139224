//! Counts how many octets decoding looks at, so that a test can say that its work grows with the length alone.

extern crate std;

use core::cell::Cell;

std::thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// Counts this many octets.
pub(crate) fn count(octets: usize) {
    STEPS.set(STEPS.get() + octets);
}

/// How many octets the function looks at.
pub(crate) fn counted(work: impl FnOnce()) -> usize {
    STEPS.set(0);
    work();
    STEPS.get()
}
