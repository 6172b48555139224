//! Lines of the lab's servers, for people and for programs.

use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Output, visible};

/// One line of output, in both forms.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Line {
    /// Writes it, and hands it to the system: who watches shall see it at once.
    pub(crate) fn write(&self, output: &mut Output) -> Result<(), Failure> {
        if output.is_json() {
            output.json(&self.json)?;
        } else {
            output.line(&visible(&self.text))?;
        }
        output.flush()
    }
}
