//! JSON as strictly as a record from outside deserves: bounded depth and size of objects, no key twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::DecodeError;

/// Levels of objects and arrays that are read; deeper JSON is refused.
pub const MAX_DEPTH: usize = 64;

/// Keys in one object that are read; an object of more is refused.
pub const MAX_FIELDS: usize = 10_000;

/// Reads one JSON value and nothing after it. Its numbers may be rounded to `f64`: it is meant for validation.
///
/// # Errors
/// Not UTF-8, not JSON, a key twice in one object, or beyond [`MAX_DEPTH`] or [`MAX_FIELDS`].
pub fn value(bytes: &[u8]) -> Result<Value, DecodeError> {
    let text = text(bytes)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: MAX_DEPTH }.deserialize(&mut json).map_err(not_json)?;
    json.end().map_err(not_json)?;
    Ok(value)
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|error| DecodeError::NotUtf8(error.valid_up_to()))
}

pub(crate) fn not_json(error: serde_json::Error) -> DecodeError {
    DecodeError::NotJson(error.to_string())
}

/// Reads a value that may hold `depth` more levels.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom(format_args!("deeper than {MAX_DEPTH} levels")));
        Ok(Self { depth: depth? })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(seed)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if object.len() == MAX_FIELDS {
                return Err(A::Error::custom(format_args!("an object of more than {MAX_FIELDS} keys")));
            }
            if object.contains_key(&key) {
                let shown: String = key.chars().take(100).collect();
                return Err(A::Error::custom(format_args!("the key {shown:?} twice in one object")));
            }
            let value = fields.next_value_seed(seed)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_json_is_refused_with_its_reason() {
        let deep = format!("{}1{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
        let check = |json: &[u8], why: &str| {
            let error = value(json).expect_err("refused").to_string();
            assert!(error.contains(why), "{error}");
        };
        check(b"{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}", "the key \"c\" twice");
        check(b"{\"a\": 1, \"\\u0061\": 2}", "the key \"a\" twice");
        check(deep.as_bytes(), "deeper than 64 levels");
        check("[".repeat(1_000_000).as_bytes(), "deeper than 64 levels");
        check(b"{\"a\": \"\xff\"}", "not UTF-8 from byte 7");
        check(b"{} {}", "trailing characters");
        check(b"", "EOF");
        check(b"{\"a\": 1e999}", "out of range");
        check(b"NaN", "expected");
    }

    #[test]
    fn the_deepest_json_allowed_is_read() {
        let deep = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(value(deep.as_bytes()).is_ok());
    }
}
