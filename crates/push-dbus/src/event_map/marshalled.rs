//! The map as octets of D-Bus: the same that zbus makes of it, at a fraction of the work.

use std::convert::Infallible;

use super::{EventMap, Value, carried, named_once};
use crate::marshal::Marshal;

/// More than the names, numbers and short texts of an event take.
const ROUND_LENGTH: usize = 1024;

impl EventMap<'_> {
    /// Writes the map behind a head; the content's descriptor, if any, is the message's first.
    pub(crate) fn marshal(&self, message: &mut Marshal) {
        message.array(8, |map| {
            let Ok(()) = self.each(|name, value| {
                map.align(8);
                map.text(name);
                map.signature(value.signature());
                value.marshal(map);
                Ok::<(), Infallible>(())
            });
        });
    }

    /// How many octets it takes, roughly, and rather more than less.
    pub(crate) fn round_length(&self) -> usize {
        let Self {
            view,
            content,
            decoded,
        } = self;
        let content = if content.is_some() {
            0
        } else {
            view.content.len()
        };
        ROUND_LENGTH
            + content
            + view.headers.text_length()
            + decoded.as_ref().map_or(0, String::len)
    }
}

impl Value<'_> {
    fn marshal(self, message: &mut Marshal) {
        match self {
            Value::Text(text) => message.text(&carried(text)),
            Value::Texts(texts) => message.array(4, |message| {
                for text in texts {
                    message.text(&carried(text));
                }
            }),
            Value::Parameters(headers) => pairs(message, named_once(headers)),
            Value::Pairs(headers) => pairs(message, headers.iter()),
            Value::Octets(octets) => message.octets(octets),
            Value::File(_) => message.number(0),
            Value::Port(port) => message.short(port),
            Value::Number(number) => message.number(number),
            Value::Time(time) => message.long(time),
        }
    }
}

/// `a{ss}` and `a(ss)`, which differ in nothing but their signatures.
fn pairs<'a>(message: &mut Marshal, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    message.array(8, |message| {
        for (name, value) in pairs {
            message.align(8);
            message.text(&carried(name));
            message.text(&carried(value));
        }
    });
}
