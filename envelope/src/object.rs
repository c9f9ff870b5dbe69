use std::{
    fmt,
    hash::{BuildHasherDefault, DefaultHasher},
};

use indexmap::{IndexMap, map::Entry};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

use crate::{
    DecodeError, EncodeError,
    strict::{self, MAX_FIELDS},
};

/// A JSON object that keeps the order of its keys and the text of its values, so that nothing is lost or rounded
/// between reading and writing.
#[derive(Clone, Default)]
pub struct Object(IndexMap<String, Box<RawValue>, BuildHasherDefault<DefaultHasher>>);

impl Object {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one object, strictly at every level: see [`parse_value`](crate::parse_value).
    ///
    /// # Errors
    /// As [`parse_value`](crate::parse_value), or [`DecodeError::Shape`] for JSON that is no object.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::parse_with_value(bytes).map(|(object, _)| object)
    }

    /// The object, and the same as a value to validate.
    pub(crate) fn parse_with_value(bytes: &[u8]) -> Result<(Self, serde_json::Value), DecodeError> {
        let value = strict::value(bytes)?;
        if !value.is_object() {
            return Err(DecodeError::Shape("the JSON is no object".into()));
        }
        let object = serde_json::from_slice(bytes).map_err(strict::not_json)?;
        Ok((object, value))
    }

    /// The object that `value` is written as.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] for what is not written as a JSON object.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let shape = |error: serde_json::Error| EncodeError::Shape(error.to_string());
        let text = serde_json::to_string(value).map_err(shape)?;
        serde_json::from_str(&text).map_err(shape)
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The JSON text of a field.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|raw| raw.get())
    }

    /// A field as `T`; `None` if it is missing or null.
    ///
    /// # Errors
    /// [`DecodeError::Shape`] if it is something else.
    pub fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, DecodeError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        serde_json::from_str(text).map_err(|error| DecodeError::Shape(format!("{key}: {error}")))
    }

    /// Sets a field; a known key keeps its place.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] for what JSON cannot say.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), EncodeError> {
        let raw =
            serde_json::value::to_raw_value(value).map_err(|error| EncodeError::Shape(format!("{key}: {error}")))?;
        self.0.insert(key.to_owned(), raw);
        Ok(())
    }

    /// Takes a field out; the order of the others stays.
    pub fn take(&mut self, key: &str) -> Option<Box<RawValue>> {
        self.0.shift_remove(key)
    }

    /// Keys and JSON texts in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, raw)| (key.as_str(), raw.get()))
    }

    /// Adds the fields of `other` whose keys are not here.
    pub fn add_missing(&mut self, other: Self) {
        for (key, raw) in other.0 {
            self.0.entry(key).or_insert(raw);
        }
    }

    /// Splits off the fields for which `known` is false.
    pub(crate) fn partition(self, known: impl Fn(&str) -> bool) -> (Self, Self) {
        let (known, unknown) = self.0.into_iter().partition(|(key, _)| known(key));
        (Self(known), Self(unknown))
    }

    pub(crate) fn into_fields(self) -> impl Iterator<Item = (String, Box<RawValue>)> {
        self.0.into_iter()
    }
}

/// Keys only: values may be personal.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl PartialEq for Object {
    /// The same keys with the same JSON text, in any order.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, text)| other.get(key) == Some(text))
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, raw) in &self.0 {
            map.serialize_entry(key, raw)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Object, A::Error> {
                let mut object = Object::new();
                while let Some(key) = fields.next_key::<String>()? {
                    if object.len() == MAX_FIELDS {
                        return Err(A::Error::custom(format_args!("an object of more than {MAX_FIELDS} keys")));
                    }
                    match object.0.entry(key) {
                        Entry::Occupied(_) => return Err(A::Error::custom("a key twice in one object")),
                        Entry::Vacant(entry) => entry.insert(fields.next_value()?),
                    };
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_and_digits_survive() {
        let json = r#"{"z":1.10,"a":100000000000000000000.000000000001,"m":{"x":  1E+2},"é":null}"#;
        let object = Object::parse(json.as_bytes()).expect("reads");
        assert_eq!(serde_json::to_string(&object).expect("writes"), json);
    }

    #[test]
    fn a_set_key_keeps_its_place() {
        let mut object = Object::parse(br#"{"a": 1, "b": 2}"#).expect("reads");
        object.set("a", "new").expect("sets");
        assert_eq!(serde_json::to_string(&object).expect("writes"), r#"{"a":"new","b":2}"#);
        assert_eq!(object.take("a").map(|raw| raw.get().to_owned()).as_deref(), Some(r#""new""#));
    }

    proptest! {
        #[test]
        fn any_object_is_written_as_it_was_read(fields in prop::collection::btree_map(".{0,8}", any::<(i64, String)>(), 0..20)) {
            let object = Object::of(&fields).expect("an object");
            let text = serde_json::to_string(&object).expect("writes");
            prop_assert_eq!(&Object::parse(text.as_bytes()).expect("reads"), &object);
            prop_assert_eq!(text, serde_json::to_string(&fields).expect("writes"));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Object::parse(&bytes);
        }
    }
}
