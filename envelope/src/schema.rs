use std::{fmt, sync::Arc};

use jsonschema::Validator;
use serde::Serialize;
use serde_json::Value;

/// A compiled JSON Schema (draft 2020-12 unless it names another). Cloning shares it.
#[derive(Clone)]
pub struct Schema(Arc<Validator>);

/// One thing that is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    pointer: String,
    detail: String,
}

/// A schema that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Schema: {0}")]
pub struct InvalidSchema(String);

impl Schema {
    /// How many problems of one value are told.
    pub const MAX_PROBLEMS: usize = 50;

    /// Compiles a schema. References outside it are errors: nothing is ever fetched.
    ///
    /// # Errors
    /// The text is not JSON or not a schema.
    pub fn compile(text: &str) -> Result<Self, InvalidSchema> {
        let invalid = |error: &dyn fmt::Display| InvalidSchema(error.to_string());
        let schema: Value = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(&schema)
            .map_err(|error| invalid(&error))?;
        Ok(Self(Arc::new(validator)))
    }

    /// Checks `value` and lists everything that is wrong, up to [`MAX_PROBLEMS`](Self::MAX_PROBLEMS), in the order of
    /// their pointers.
    ///
    /// # Errors
    /// The problems.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Problem>> {
        let mut problems: Vec<_> =
            self.0.iter_errors(value).take(Self::MAX_PROBLEMS).map(|e| Problem::of(&e)).collect();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        Err(problems)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Problem {
    /// The longest detail in bytes; longer ones are cut.
    const MAX_DETAIL: usize = 300;

    /// A problem at a JSON Pointer (RFC 6901; the empty one is the whole value).
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > Self::MAX_DETAIL {
            let end = (0..=Self::MAX_DETAIL).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or(0);
            detail.truncate(end);
            detail.push('…');
        }
        Self { pointer: pointer.into(), detail }
    }

    /// The values themselves are left out of the text: they may be personal or long, and the pointer says where they are.
    fn of(error: &jsonschema::ValidationError<'_>) -> Self {
        Self::new(error.instance_path().as_str(), error.masked().to_string())
    }

    /// Where, as a JSON Pointer.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{place}: {}", self.detail)
    }
}

/// All problems in one line.
pub(crate) fn summary(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object",
        "required": ["id", "count"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "count": {"type": "integer", "minimum": 1, "maximum": 1000},
            "price": {"type": "number", "multipleOf": 0.01}
        }
    }"#;

    fn problems(value: &Value) -> Vec<String> {
        let schema = Schema::compile(SCHEMA).expect("a schema");
        schema.check(value).err().unwrap_or_default().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn all_problems_are_listed() {
        let id = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(problems(&json!({"id": id, "count": 1, "new": true})), Vec::<String>::new());
        assert_eq!(
            problems(&json!({"id": "x", "count": 2000})),
            ["/count: value is greater than the maximum of 1000", "/id: value is not a \"uuid\""]
        );
        assert_eq!(problems(&json!({})), ["/: \"count\" is a required property", "/: \"id\" is a required property"]);
        assert_eq!(problems(&json!([])), ["/: value is not of type \"object\""]);
    }

    #[test]
    fn problems_are_bounded() {
        let schema = Schema::compile(r#"{"items": {"type": "string"}}"#).expect("a schema");
        let many = Value::Array(vec![json!(1); 10_000]);
        assert_eq!(schema.check(&many).expect_err("wrong").len(), Schema::MAX_PROBLEMS);
        assert_eq!(Problem::new("", "é".repeat(300)).detail().chars().count(), 151);
    }

    #[test]
    fn every_amount_of_cents_is_a_multiple_of_a_cent() {
        let schema = Schema::compile(r#"{"multipleOf": 0.01}"#).expect("a schema");
        for cents in (0..100_000).chain(99_999_900..100_000_000) {
            let value = crate::parse_value(crate::Money::from_minor(cents).to_string().as_bytes()).expect("a number");
            assert!(schema.check(&value).is_ok(), "{cents}");
        }
        assert!(schema.check(&json!(1.005)).is_err());
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for text in ["", "[]", r#"{"type": "nothing"}"#, r#"{"$ref": "https://example.com/other.json"}"#] {
            assert!(Schema::compile(text).is_err(), "{text}");
        }
    }
}
