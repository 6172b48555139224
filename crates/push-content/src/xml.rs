//! Documents in XML as trees. Entities of a document's own are left as they stand, and nothing outside of it is looked at.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::element::{Builder, Element};

/// The document, where it is well-formed as far as it is looked at, and not too large.
pub(crate) fn element(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut builder = Builder::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => begin(&mut builder, &start)?,
            Event::Empty(start) => {
                begin(&mut builder, &start)?;
                builder.end();
            }
            Event::End(_) => builder.end(),
            Event::Text(text) => builder.text(std::str::from_utf8(&text).ok()?).ok()?,
            Event::CData(text) => builder.text(std::str::from_utf8(&text).ok()?).ok()?,
            Event::GeneralRef(name) => {
                let reference = format!("&{};", std::str::from_utf8(&name).ok()?);
                builder.text(resolved(&reference)).ok()?;
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => return builder.finish(),
        }
        // What follows the outermost element is nothing that is shown.
        if builder.is_over() {
            return builder.finish();
        }
    }
}

fn begin(builder: &mut Builder, start: &BytesStart<'_>) -> Option<()> {
    builder
        .begin(std::str::from_utf8(start.name().as_ref()).ok()?)
        .ok()?;
    // Looking for names that come twice would take the square of their number.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.ok()?;
        let name = std::str::from_utf8(attribute.key.as_ref()).ok()?;
        let value = std::str::from_utf8(&attribute.value).ok()?;
        builder.attribute(name, &resolved(value)).ok()?;
    }
    Some(())
}

/// The text with the references of XML itself and those to characters resolved; as it stands where it has others.
fn resolved(text: &str) -> String {
    unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}
