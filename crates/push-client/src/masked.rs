//! Personal data in log lines.

use std::fmt;

/// Shows `value` in full where personal data may be shown, and otherwise only that something is there.
#[derive(Debug, Clone, Copy)]
pub struct Masked<T> {
    value: T,
    shown: bool,
}

impl<T> Masked<T> {
    /// `value`, shown where `shown` says so.
    pub const fn new(value: T, shown: bool) -> Self {
        Self { value, shown }
    }
}

impl<T: fmt::Display> fmt::Display for Masked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shown {
            self.value.fmt(f)
        } else {
            f.write_str("(masked)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_masked_value_is_shown() {
        assert_eq!(Masked::new("+4917099999", false).to_string(), "(masked)");
        assert_eq!(Masked::new("+4917099999", true).to_string(), "+4917099999");
    }
}
