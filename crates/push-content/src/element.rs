//! A document as a tree, and how it is built within bounds.

use std::fmt::{self, Write as _};

use serde::Serialize;
use wap_wire::wbxml::MAX_DEPTH;

/// The most elements of a document.
pub const MAX_ELEMENTS: usize = 1_000;

/// The most octets of names and texts of a document, all together.
pub const MAX_TEXT: usize = 16 * 1024;

/// An element with what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Element {
    /// Its name; where it has none that is known, its code page and number.
    pub name: String,
    /// Names and values, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, String)>,
    /// The text between its elements, put together.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The elements in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Self>,
}

impl Element {
    /// The value of the first attribute with this name.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let mut named = self.attributes.iter().filter(|(of, _)| of == name);
        named.next().map(|(_, value)| value.clone())
    }

    /// Its text without white space around it, unless there is none.
    pub(crate) fn trimmed(&self) -> Option<String> {
        let text = self.text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The elements in it that have this name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// A document has more elements, depth or text than is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the document has more than {MAX_ELEMENTS} elements, {MAX_DEPTH} levels or {MAX_TEXT} octets of text"
)]
pub struct TooLarge;

/// Builds a tree from what comes one after the other.
#[derive(Debug)]
pub(crate) struct Builder {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    room: usize,
}

impl Builder {
    pub(crate) const fn new() -> Self {
        Self {
            open: Vec::new(),
            root: None,
            elements: MAX_ELEMENTS,
            room: MAX_TEXT,
        }
    }

    /// Whether the outermost element has ended.
    pub(crate) const fn is_over(&self) -> bool {
        self.root.is_some()
    }

    pub(crate) fn begin(&mut self, name: impl fmt::Display) -> Result<(), TooLarge> {
        self.elements = self.elements.checked_sub(1).ok_or(TooLarge)?;
        if self.open.len() > MAX_DEPTH {
            return Err(TooLarge);
        }
        let mut element = Element::default();
        append(&mut element.name, &mut self.room, name)?;
        self.open.push(element);
        Ok(())
    }

    pub(crate) fn attribute(
        &mut self,
        name: impl fmt::Display,
        value: &str,
    ) -> Result<(), TooLarge> {
        let Some(element) = self.open.last_mut() else {
            return Ok(());
        };
        let mut attribute = (String::new(), String::new());
        // An attribute without name and value takes room, too.
        self.room = self.room.checked_sub(1).ok_or(TooLarge)?;
        append(&mut attribute.0, &mut self.room, name)?;
        append(&mut attribute.1, &mut self.room, value)?;
        element.attributes.push(attribute);
        Ok(())
    }

    /// The name of the attribute that came last.
    pub(crate) fn last_attribute(&self) -> Option<&str> {
        let (name, _) = self.open.last()?.attributes.last()?;
        Some(name)
    }

    /// More of the value of the attribute that came last.
    pub(crate) fn value(&mut self, piece: impl fmt::Display) -> Result<(), TooLarge> {
        let last = self.open.last_mut();
        match last.and_then(|element| element.attributes.last_mut()) {
            Some((_, value)) => append(value, &mut self.room, piece),
            None => Ok(()),
        }
    }

    pub(crate) fn text(&mut self, piece: impl fmt::Display) -> Result<(), TooLarge> {
        match self.open.last_mut() {
            Some(element) => append(&mut element.text, &mut self.room, piece),
            None => Ok(()),
        }
    }

    pub(crate) fn end(&mut self) {
        let Some(element) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(outer) => outer.children.push(element),
            None => self.root = self.root.take().or(Some(element)),
        }
    }

    /// The outermost element, if it has ended.
    pub(crate) fn finish(self) -> Option<Element> {
        self.root.filter(|_| self.open.is_empty())
    }
}

/// Appends as long as there is room.
fn append(text: &mut String, room: &mut usize, piece: impl fmt::Display) -> Result<(), TooLarge> {
    write!(Bounded { text, room }, "{piece}").map_err(|_| TooLarge)
}

struct Bounded<'a> {
    text: &'a mut String,
    room: &'a mut usize,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        *self.room = self.room.checked_sub(piece.len()).ok_or(fmt::Error)?;
        self.text.push_str(piece);
        Ok(())
    }
}
