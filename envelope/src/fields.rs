//! Reads a struct from an object's fields and leaves those which the struct does not name.
//!
//! `serde(flatten)` would do it through an untyped copy that rounds decimals; here each field is read from its text.

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use serde_json::{Error, value::RawValue};

use crate::Object;

/// The struct, and the fields it does not name. A map takes all fields.
pub(crate) fn take<T: DeserializeOwned>(object: Object) -> Result<(T, Object), Error> {
    let mut unknown = Object::new();
    let value = T::deserialize(Reader { object, unknown: &mut unknown })?;
    Ok((value, unknown))
}

struct Reader<'a> {
    object: Object,
    unknown: &'a mut Object,
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { rest: self.object.into_fields(), current: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        (self.object, *self.unknown) = self.object.partition(|key| fields.contains(&key));
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Fields<I> {
    rest: I,
    current: Option<(String, Box<RawValue>)>,
}

impl<'de, I: Iterator<Item = (String, Box<RawValue>)>> MapAccess<'de> for Fields<I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.rest.next();
        let Some((key, _)) = &self.current else { return Ok(None) };
        seed.deserialize(StrDeserializer::<Error>::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (key, raw) = self.current.take().ok_or_else(|| Error::custom("a value before its key"))?;
        // The text outlives no borrow of the data (`DeserializeOwned`), so reading through a reader is right.
        seed.deserialize(&mut serde_json::Deserializer::from_reader(raw.get().as_bytes()))
            .map_err(|error| Error::custom(format_args!("{key}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Data {
        id: String,
        #[serde(default)]
        #[serde(alias = "count")]
        number: Option<u32>,
    }

    fn object(json: &str) -> Object {
        Object::parse(json.as_bytes()).expect("an object")
    }

    #[test]
    fn a_struct_takes_its_fields_and_leaves_the_others() {
        let (data, left): (Data, _) = take(object(r#"{"new": 1.50, "id": "a", "count": 7}"#)).expect("reads");
        assert_eq!(data, Data { id: "a".into(), number: Some(7) });
        assert_eq!(left, object(r#"{"new": 1.50}"#));
    }

    #[test]
    fn a_map_takes_everything() {
        let (data, left): (BTreeMap<String, u32>, _) = take(object(r#"{"a": 1, "b": 2}"#)).expect("reads");
        assert_eq!((data.len(), left.len()), (2, 0));
    }

    #[test]
    fn an_error_names_its_field() {
        let error = take::<Data>(object(r#"{"id": 5}"#)).expect_err("refused").to_string();
        assert!(error.starts_with("id: invalid type"), "{error}");
        let error = take::<Data>(object("{}")).expect_err("refused").to_string();
        assert_eq!(error, "missing field `id`");
    }
}
