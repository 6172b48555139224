//! The map as serde has it, in any message of zbus.

use push_message::Headers;
use serde::ser::{
    Serialize, SerializeMap as _, SerializeSeq as _, SerializeStruct as _, Serializer,
};
use zbus::{Fd, Signature, Type};

use super::{EventMap, Value, carried, named_once};

impl Type for EventMap<'_> {
    const SIGNATURE: &'static Signature =
        &Signature::static_dict(&Signature::Str, &Signature::Variant);
}

impl Serialize for EventMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.each(|name, value| map.serialize_entry(name, &value))?;
        map.end()
    }
}

/// As a variant: a signature with a value of it. The signature need not be worked out each time.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut variant = serializer.serialize_struct("Variant", 2)?;
        variant.serialize_field("signature", self.signature())?;
        match *self {
            Value::Text(text) => variant.serialize_field("value", &carried(text))?,
            Value::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| carried(text)).collect();
                variant.serialize_field("value", &texts)?;
            }
            Value::Parameters(headers) => variant.serialize_field("value", &Named(headers))?,
            Value::Pairs(headers) => variant.serialize_field("value", &Pairs(headers))?,
            Value::Octets(octets) => variant.serialize_field("value", &Octets(octets))?,
            Value::File(file) => variant.serialize_field("value", &Fd::from(file))?,
            Value::Port(port) => variant.serialize_field("value", &port)?,
            Value::Number(number) => variant.serialize_field("value", &number)?,
            Value::Time(time) => variant.serialize_field("value", &time)?,
        }
        variant.end()
    }
}

/// Octets written as one piece.
struct Octets<'a>(&'a [u8]);

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Names with values in their order.
struct Pairs<'a>(&'a Headers);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = serializer.serialize_seq(None)?;
        for (name, value) in self.0.iter() {
            pairs.serialize_element(&(carried(name), carried(value)))?;
        }
        pairs.end()
    }
}

/// Names with a value each.
struct Named<'a>(&'a Headers);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in named_once(self.0) {
            map.serialize_entry(&carried(name), &carried(value))?;
        }
        map.end()
    }
}
