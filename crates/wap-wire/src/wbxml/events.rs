//! The content of a document, event by event.

use super::document::{Document, MAX_REFERENCED, StringTable};
use super::language::Language;
use crate::wsp::reader::Reader;
use crate::{DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// The most elements that may be open at a time.
pub const MAX_DEPTH: usize = 64;

// The global tokens (WBXML 7.1), which mean the same on every code page.
const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
const ENTITY: u8 = 0x02;
const STR_I: u8 = 0x03;
const LITERAL: u8 = 0x04;
const EXT_I_0: u8 = 0x40;
const EXT_I_2: u8 = 0x42;
const PI: u8 = 0x43;
const EXT_T_0: u8 = 0x80;
const EXT_T_2: u8 = 0x82;
const STR_T: u8 = 0x83;
const EXT_0: u8 = 0xC0;
const EXT_2: u8 = 0xC2;
const OPAQUE: u8 = 0xC3;
/// The first token of a code page's own.
const FIRST_OWN: u8 = 0x05;
/// The bits of a tag that say that attributes and content follow.
const HAS_ATTRIBUTES: u8 = 0x80;
const HAS_CONTENT: u8 = 0x40;

/// What comes next in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// An element begins. Its attributes come first, then its content, then its end.
    Element(Name<'a>),
    /// An attribute of the element that began last, or of an instruction. Pieces of its value follow, if it has more than a prefix.
    Attribute(Name<'a>),
    /// A piece of the value of the attribute that came last.
    Value(Piece<'a>),
    /// A piece of text in the innermost element that is open.
    Content(Piece<'a>),
    /// The innermost element that is open, or the instruction, ends.
    End,
    /// A processing instruction begins: one attribute with its value follows, then an end.
    Instruction,
}

/// The name of an element or an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// A number whose meaning is known.
    Known {
        /// The name.
        name: &'static str,
        /// How the value of the attribute begins; empty with elements.
        prefix: &'static str,
    },
    /// A number whose meaning is not known.
    Token {
        /// The code page.
        page: u8,
        /// The number, without the bits that tell of attributes and content.
        token: u8,
    },
    /// A name out of the string table.
    Literal(Text<'a>),
}

impl<'a> Name<'a> {
    /// The name, where it is known and valid UTF-8.
    #[must_use]
    pub const fn name(&self) -> Option<&'a str> {
        match self {
            Self::Known { name, .. } => Some(name),
            Self::Literal(text) => text.as_str(),
            Self::Token { .. } => None,
        }
    }

    /// How the value of the attribute begins.
    #[must_use]
    pub const fn prefix(&self) -> &'static str {
        match self {
            Self::Known { prefix, .. } => prefix,
            Self::Literal(_) | Self::Token { .. } => "",
        }
    }
}

/// Shows the name, or page and number as `#1:3A`.
impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { name, .. } => f.write_str(name),
            Self::Literal(text) => write!(f, "{text}"),
            Self::Token { page, token } => write_token(f, *page, *token),
        }
    }
}

fn write_token(f: &mut fmt::Formatter<'_>, page: u8, token: u8) -> fmt::Result {
    write!(f, "#{page}:{token:02X}")
}

/// A piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that stands in the document, here or in its string table.
    Text(Text<'a>),
    /// A piece of a value that a number stands for.
    Known(&'static str),
    /// A number whose meaning is not known.
    Token {
        /// The code page.
        page: u8,
        /// The number.
        token: u8,
    },
    /// A character by its number.
    Entity(char),
    /// Octets whose meaning is a matter of the attribute or the element.
    Opaque(&'a [u8]),
    /// What a document type makes of it; none that is known here does.
    Extension {
        /// Which of the three: 0 to 2.
        number: u8,
        /// What comes with it.
        value: Extension<'a>,
    },
}

/// What comes with an extension token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension<'a> {
    /// Nothing.
    None,
    /// A text.
    Text(Text<'a>),
    /// A number.
    Number(u32),
}

/// Shows text as it is, octets as `0x` and hexadecimal digits, what is unknown by its number.
impl fmt::Display for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text}"),
            Self::Known(text) => f.write_str(text),
            Self::Token { page, token } => write_token(f, *page, *token),
            Self::Entity(character) => write!(f, "{character}"),
            Self::Opaque(octets) => {
                f.write_str("0x")?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
            }
            Self::Extension { number, value } => match value {
                Extension::None => write!(f, "#ext{number}"),
                Extension::Text(text) => write!(f, "#ext{number}({text})"),
                Extension::Number(of) => write!(f, "#ext{number}({of})"),
            },
        }
    }
}

/// Where in the grammar of a document the next octet stands (WBXML 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside the outermost element, before it or behind it.
    Outside,
    /// Among the attributes of an element.
    Attributes { has_content: bool, begun: bool },
    /// An element without attributes and content has begun.
    Empty,
    /// In the content of an element.
    Content,
    /// In an instruction.
    Instruction { begun: bool },
    /// Nothing more comes.
    Over,
}

/// The content of a document.
#[derive(Debug, Clone)]
pub struct Events<'a> {
    reader: Reader<'a>,
    table: StringTable<'a>,
    language: Option<&'static Language>,
    place: Place,
    /// Whether the outermost element has begun.
    has_root: bool,
    /// How many elements are open whose content is being read.
    depth: usize,
    tag_page: u8,
    attribute_page: u8,
    /// How many octets references to the string table may still give.
    room: usize,
}

type Step<'a> = Result<Event<'a>, DecodeError>;

impl<'a> Events<'a> {
    pub(super) const fn new(document: &Document<'a>) -> Self {
        Self {
            reader: document.body,
            table: document.table,
            language: document.language,
            place: Place::Outside,
            has_root: false,
            depth: 0,
            tag_page: 0,
            attribute_page: 0,
            room: MAX_REFERENCED,
        }
    }

    fn step(&mut self) -> Step<'a> {
        loop {
            let start = self.reader;
            if self.place == Place::Empty {
                return Ok(self.end());
            }
            let token = self.reader.octet()?;
            if token == SWITCH_PAGE {
                self.switch_page()?;
                continue;
            }
            return match self.place {
                Place::Outside => self.outside(token, start),
                Place::Attributes { has_content, begun } => {
                    match self.attributes(token, has_content, begun, start)? {
                        Some(event) => Ok(event),
                        None => continue,
                    }
                }
                Place::Content => self.content(token, start),
                Place::Instruction { begun } => self.instruction(token, begun, start),
                Place::Empty | Place::Over => Err(unexpected(start)),
            };
        }
    }

    fn switch_page(&mut self) -> Result<(), DecodeError> {
        let page = self.reader.octet()?;
        match self.place {
            Place::Attributes { .. } | Place::Instruction { .. } => self.attribute_page = page,
            Place::Outside | Place::Content | Place::Empty | Place::Over => self.tag_page = page,
        }
        Ok(())
    }

    fn outside(&mut self, token: u8, start: Reader<'a>) -> Step<'a> {
        match token {
            PI => Ok(self.begin_instruction()),
            _ if !self.has_root && is_tag(token) => self.element(token, start),
            _ => Err(unexpected(start)),
        }
    }

    fn content(&mut self, token: u8, start: Reader<'a>) -> Step<'a> {
        match token {
            END => Ok(self.end_of_content()),
            PI => Ok(self.begin_instruction()),
            _ if is_tag(token) => self.element(token, start),
            _ => self.piece(token, start).map(Event::Content),
        }
    }

    fn element(&mut self, token: u8, start: Reader<'a>) -> Step<'a> {
        if self.depth >= MAX_DEPTH {
            return Err(start.error(DecodeErrorCode::DocumentTooDeep));
        }
        let own = token & !(HAS_ATTRIBUTES | HAS_CONTENT);
        let name = if own == LITERAL {
            Name::Literal(self.referenced(start)?)
        } else {
            let known = self
                .language
                .and_then(|known| known.tag(self.tag_page, own));
            known.unwrap_or(Name::Token {
                page: self.tag_page,
                token: own,
            })
        };
        self.has_root = true;
        let has_content = token & HAS_CONTENT != 0;
        self.place = match (token & HAS_ATTRIBUTES != 0, has_content) {
            (true, _) => Place::Attributes {
                has_content,
                begun: false,
            },
            (false, true) => self.open(),
            (false, false) => Place::Empty,
        };
        Ok(Event::Element(name))
    }

    const fn open(&mut self) -> Place {
        self.depth = self.depth.saturating_add(1);
        Place::Content
    }

    /// An element ends that has no content, or an instruction.
    const fn end(&mut self) -> Event<'a> {
        self.place = if self.depth == 0 {
            Place::Outside
        } else {
            Place::Content
        };
        Event::End
    }

    const fn end_of_content(&mut self) -> Event<'a> {
        self.depth = self.depth.saturating_sub(1);
        self.end()
    }

    fn attributes(
        &mut self,
        token: u8,
        has_content: bool,
        begun: bool,
        start: Reader<'a>,
    ) -> Result<Option<Event<'a>>, DecodeError> {
        if let Some(name) = self.attribute(token, start)? {
            self.place = Place::Attributes {
                has_content,
                begun: true,
            };
            return Ok(Some(Event::Attribute(name)));
        }
        match token {
            _ if !begun => Err(unexpected(start)),
            END if has_content => {
                self.place = self.open();
                Ok(None)
            }
            END => Ok(Some(self.end())),
            _ => self.value(token, start).map(Some),
        }
    }

    const fn begin_instruction(&mut self) -> Event<'a> {
        self.place = Place::Instruction { begun: false };
        Event::Instruction
    }

    fn instruction(&mut self, token: u8, begun: bool, start: Reader<'a>) -> Step<'a> {
        match token {
            END if begun => return Ok(self.end()),
            _ if begun => return self.value(token, start),
            _ => {}
        }
        let name = self.attribute(token, start)?;
        self.place = Place::Instruction { begun: true };
        name.map(Event::Attribute).ok_or_else(|| unexpected(start))
    }

    /// The attribute that this token begins, if it begins one.
    fn attribute(&mut self, token: u8, start: Reader<'a>) -> Result<Option<Name<'a>>, DecodeError> {
        match token {
            LITERAL => self.referenced(start).map(Name::Literal).map(Some),
            FIRST_OWN..EXT_I_0 | 0x45..0x80 => {
                let page = self.attribute_page;
                let known = self.language.and_then(|known| known.attribute(page, token));
                Ok(Some(known.unwrap_or(Name::Token { page, token })))
            }
            _ => Ok(None),
        }
    }

    fn value(&mut self, token: u8, start: Reader<'a>) -> Step<'a> {
        if !matches!(token, 0x85..EXT_0 | 0xC5..) {
            return self.piece(token, start).map(Event::Value);
        }
        let page = self.attribute_page;
        let known = self.language.and_then(|known| known.value(page, token));
        let piece = known.map_or(Piece::Token { page, token }, Piece::Known);
        Ok(Event::Value(piece))
    }

    fn piece(&mut self, token: u8, start: Reader<'a>) -> Result<Piece<'a>, DecodeError> {
        match token {
            STR_I => self.inline().map(Piece::Text),
            STR_T => self.referenced(start).map(Piece::Text),
            ENTITY => {
                let number = self.reader.uintvar()?;
                let character = char::from_u32(number).filter(|&character| character != '\0');
                let character =
                    character.ok_or_else(|| start.error(DecodeErrorCode::InvalidEntity))?;
                Ok(Piece::Entity(character))
            }
            OPAQUE => {
                let length = self.reader.uintvar()?;
                let octets = self
                    .reader
                    .take(length, DecodeErrorCode::ValueLengthOverrun);
                octets.map(Piece::Opaque)
            }
            _ => self.extension(token, start),
        }
    }

    fn extension(&mut self, token: u8, start: Reader<'a>) -> Result<Piece<'a>, DecodeError> {
        let value = match token {
            EXT_I_0..=EXT_I_2 => Extension::Text(self.inline()?),
            EXT_T_0..=EXT_T_2 => Extension::Number(self.reader.uintvar()?),
            EXT_0..=EXT_2 => Extension::None,
            _ => return Err(unexpected(start)),
        };
        Ok(Piece::Extension {
            number: token & 0x03,
            value,
        })
    }

    /// A text ended by a zero octet.
    fn inline(&mut self) -> Result<Text<'a>, DecodeError> {
        self.reader.until_zero().map(Text::new)
    }

    /// A text out of the string table, as long as there is room for more of them.
    fn referenced(&mut self, start: Reader<'a>) -> Result<Text<'a>, DecodeError> {
        let index = self.reader.uintvar()?;
        let text = self.table.text(index).map_err(|code| start.error(code))?;
        let taken = text.as_bytes().len().saturating_add(1);
        self.room = self
            .room
            .checked_sub(taken)
            .ok_or_else(|| start.error(DecodeErrorCode::ReferencesTooLong))?;
        Ok(text)
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_done = self.has_root && self.place == Place::Outside && self.reader.is_empty();
        if is_done || self.place == Place::Over {
            return None;
        }
        let event = self.step();
        if event.is_err() {
            self.place = Place::Over;
        }
        Some(event)
    }
}

/// Whether an element begins with this token.
const fn is_tag(token: u8) -> bool {
    token & !(HAS_ATTRIBUTES | HAS_CONTENT) >= LITERAL
}

const fn unexpected(start: Reader<'_>) -> DecodeError {
    start.error(DecodeErrorCode::UnexpectedToken)
}
