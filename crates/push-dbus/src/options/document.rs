//! A map of D-Bus read as a document of the contract, with a bound on how many values it may have.
//!
//! It is read off the message piece by piece: an array of octets, each of which would be a value of its own, never becomes one.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};
use zbus::{Signature, Type};

use crate::failure::{Failure, Fallible};

/// The most values that a map may have, those within values included.
const MAX_VALUES: usize = 4096;

/// A map of options, `a{sv}`, or why it cannot be one.
#[derive(Debug, Clone)]
pub(crate) struct Document(Fallible<Map<String, Value>>);

impl Document {
    /// The members.
    pub(crate) fn members(&self) -> Fallible<Map<String, Value>> {
        self.0.clone()
    }
}

impl Type for Document {
    const SIGNATURE: &'static Signature =
        &Signature::static_dict(&Signature::Str, &Signature::Variant);
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reading = Reading {
            left: Cell::new(MAX_VALUES),
            ..Reading::default()
        };
        let members = deserializer.deserialize_map(Members(&reading))?;
        Ok(Self(reading.fault.into_inner().map_or(Ok(members), Err)))
    }
}

/// How far the reading is. After a fault the rest is read past: another argument may follow.
#[derive(Debug, Default)]
struct Reading {
    /// How many more values there may be.
    left: Cell<usize>,
    /// The option that is read.
    name: RefCell<String>,
    fault: RefCell<Option<Failure>>,
}

impl Reading {
    fn is_fine(&self) -> bool {
        self.fault.borrow().is_none()
    }

    fn refuse(&self, detail: &str) {
        let failure = Failure::invalid(&self.name.borrow(), detail);
        self.fault.borrow_mut().get_or_insert(failure);
    }

    /// Counts a value of this type, and says what is wrong with it.
    fn meet(&self, signature: &Signature) {
        if let Some(kind) = meaningless(signature) {
            self.refuse(&format!("{kind} cannot be an option's value"));
        }
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => self.refuse(&format!("there are more than {MAX_VALUES} values")),
        }
    }
}

/// What a value of this type is, where it cannot mean anything.
fn meaningless(signature: &Signature) -> Option<&'static str> {
    let has_other_keys = |key: &Signature| *key != Signature::Str;
    if matches!(signature, Signature::Structure(_)) {
        Some("a structure")
    } else if matches!(signature, Signature::Fd) {
        Some("a file descriptor")
    } else if matches!(signature, Signature::Dict { key, .. } if has_other_keys(key.signature())) {
        Some("a map whose keys are no strings")
    } else {
        None
    }
}

/// The map itself.
#[derive(Debug)]
struct Members<'r>(&'r Reading);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of options")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let reading = self.0;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<&str>()? {
            if reading.is_fine() {
                name.clone_into(&mut reading.name.borrow_mut());
            }
            let value = map.next_value_seed(Piece(reading, &Signature::Variant))?;
            if reading.is_fine() {
                members.insert(name.to_owned(), value);
            }
        }
        Ok(members)
    }
}

/// A value of a type.
#[derive(Debug)]
struct Piece<'r>(&'r Reading, &'r Signature);

impl<'de> DeserializeSeed<'de> for Piece<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.meet(self.1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Piece<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a value of the type `{}`", self.1)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(if self.0.is_fine() {
            text.into()
        } else {
            Value::Null
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let Self(reading, signature) = self;
        if let Signature::Structure(fields) = signature {
            for field in fields.iter() {
                sequence.next_element_seed(Piece(reading, field))?;
            }
            return Ok(Value::Null);
        }
        let Signature::Array(child) = signature else {
            let missing = || A::Error::custom("a variant without a value");
            let inner: Signature = sequence.next_element()?.ok_or_else(missing)?;
            let value = sequence.next_element_seed(Piece(reading, &inner))?;
            return value.ok_or_else(missing);
        };
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(Piece(reading, child.signature()))? {
            if reading.is_fine() {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Self(reading, signature) = self;
        let Signature::Dict { key, value } = signature else {
            return Err(A::Error::custom("no type of a map"));
        };
        let mut members = Map::new();
        while let Some(name) = map.next_key_seed(Piece(reading, key.signature()))? {
            let member = map.next_value_seed(Piece(reading, value.signature()))?;
            if let (true, Value::String(name)) = (reading.is_fine(), name) {
                members.insert(name, member);
            }
        }
        Ok(Value::Object(members))
    }
}
