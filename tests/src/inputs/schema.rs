//! Values of a JSON Schema, and values that break one of its rules.
//!
//! Known are the keywords that the services' schemas use; another one is an error, so that a schema that grows is not
//! tested by half.

use serde_json::{Map, Value, json};

use crate::seed::Seed;

/// A schema that this generator cannot follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the generator of bad inputs does not know {}", self.0)
    }
}

impl std::error::Error for Unknown {}

const KNOWN: [&str; 15] = [
    "$schema",
    "title",
    "type",
    "required",
    "additionalProperties",
    "properties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "format",
    "pattern",
    "minimum",
    "maximum",
];

/// The pattern of texts that any store can keep, and a person can read there: PostgreSQL's `text` has no NUL.
const NO_NUL: &str = "^[^\\x00]*$";

/// A value that `schema` allows.
///
/// # Errors
/// The schema has a keyword that is not known here.
pub fn valid(schema: &Value, seed: &mut Seed) -> Result<Value, Unknown> {
    let fields = schema.as_object().ok_or_else(|| Unknown(schema.to_string()))?;
    if let Some(other) = fields.keys().find(|key| !KNOWN.contains(&key.as_str()) && *key != "multipleOf") {
        return Err(Unknown(format!("the keyword {other}")));
    }
    match kind(schema) {
        "object" => {
            let mut object = Map::new();
            for (name, property) in properties(schema) {
                if is_required(schema, name) || seed.between(0..2) == 0 {
                    object.insert(name.clone(), valid(property, seed)?);
                }
            }
            Ok(Value::Object(object))
        }
        "array" => {
            let least = number(schema, "minItems").unwrap_or(0);
            let count = seed.between(least..number(schema, "maxItems").unwrap_or(4).min(least + 4) + 1);
            let items = schema.get("items").unwrap_or(&Value::Null);
            (0..count).map(|_| valid(items, seed)).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        "string" => string(schema, seed).map(Value::String),
        "integer" => Ok(seed.between(least(schema)..most(schema) + 1).into()),
        // Cents: what the schemas call a number is money.
        "number" => Ok(json!(seed.between(least(schema) * 100..most(schema) * 100 + 1) as f64 / 100.0)),
        other => Err(Unknown(format!("the type {other:?}"))),
    }
}

/// The value of `schema` with one rule broken, somewhere, and which.
///
/// # Errors
/// The schema has a keyword that is not known here.
pub fn broken(schema: &Value, seed: &mut Seed) -> Result<(Value, String), Unknown> {
    let mut value = valid(schema, seed)?;
    let mut places = Vec::new();
    walk(schema, &value, String::new(), &mut places);
    let (pointer, at) = pick(&places, seed);
    let ways = ways(&at, value.pointer(&pointer).unwrap_or(&Value::Null), seed);
    let (what, bad) = pick(&ways, seed);
    if let Some(place) = value.pointer_mut(&pointer) {
        *place = bad;
    }
    Ok((value, format!("{what} at '{pointer}'")))
}

/// Each place of `value` and the schema that rules there.
fn walk(schema: &Value, value: &Value, pointer: String, places: &mut Vec<(String, Value)>) {
    for (name, property) in properties(schema) {
        if let Some(inner) = value.get(name) {
            walk(property, inner, format!("{pointer}/{name}"), places);
        }
    }
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        walk(schema.get("items").unwrap_or(&Value::Null), inner, format!("{pointer}/{index}"), places);
    }
    places.push((pointer, schema.clone()));
}

/// What can be wrong at a place.
fn ways(schema: &Value, value: &Value, seed: &mut Seed) -> Vec<(String, Value)> {
    let other =
        [json!(null), json!(true), json!([]), json!({}), json!("1"), json!(-1.5), json!([value]), json!({"": value})];
    let mut ways: Vec<_> = other
        .into_iter()
        .filter(|other| !is_of(other, kind(schema)))
        .map(|bad| ("another type".to_owned(), bad))
        .collect();
    let mut add = |what: &str, bad: Value| ways.push((what.to_owned(), bad));
    match value {
        Value::Object(object) => {
            for name in object.keys().filter(|name| is_required(schema, name)) {
                add("a missing field", without(object, name));
                // A Cyrillic letter for a Latin one, or a letter too many: names are bytes.
                add("a field by another name", renamed(object, name, &name.replace('e', "е").replace('o', "о")));
                add("a field by another case", renamed(object, name, &name.to_uppercase()));
            }
            if schema.get("additionalProperties") == Some(&json!(false)) {
                let extra = ["extra", "", "__proto__", "constructor", "\u{0}", "🦀", " "];
                let mut object = object.clone();
                object.insert(pick(&extra, seed).to_owned(), json!({"deep": [[[[1]]]]}));
                add("a field too many", Value::Object(object));
            }
        }
        Value::Array(items) => {
            if let (Some(most), Some(first)) = (number(schema, "maxItems"), items.first()) {
                let count = usize::try_from(most + seed.between(1..50)).unwrap_or(usize::MAX);
                add("too many items", Value::Array(vec![first.clone(); count]));
            }
            if number(schema, "minItems").is_some_and(|least| least > 0) {
                add("no items", json!([]));
            }
        }
        Value::String(text) => wrong_text(schema, text, seed).into_iter().for_each(|(what, bad)| add(what, bad)),
        Value::Number(_) => wrong_number(schema, seed).into_iter().for_each(|(what, bad)| add(what, bad)),
        Value::Null | Value::Bool(_) => {}
    }
    ways
}

fn wrong_text(schema: &Value, text: &str, seed: &mut Seed) -> Vec<(&'static str, Value)> {
    let mut ways = Vec::new();
    let pattern = schema.get("pattern").and_then(Value::as_str);
    let country = pattern.is_some_and(|pattern| pattern != NO_NUL);
    if number(schema, "minLength").is_some_and(|least| least > 0) || country {
        ways.push(("an empty text", json!("")));
    }
    if let Some(most) = number(schema, "maxLength") {
        let letter = pick(&["a", "é", "🦀", "\u{0}", "\u{301}"], seed);
        let count = usize::try_from(most + seed.between(1..1_000)).unwrap_or(usize::MAX);
        ways.push(("a text too long", letter.repeat(count).into()));
    }
    match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => {
            let bad = ["", "order-1", "{550e8400-e29b-41d4-a716-446655440000}", "550e8400e29b41d4a716446655440000"];
            ways.extend(bad.map(|bad| ("no UUID", bad.into())));
            ways.push(("no UUID", format!("{text} ").into()));
        }
        Some("email") => {
            let bad = ["", "nowhere", "@example.com", "a@", "a b@example.com", "a@b@c.example"];
            ways.extend(bad.map(|bad| ("no mail address", bad.into())));
        }
        _ => {}
    }
    if pattern == Some(NO_NUL) {
        let most = usize::try_from(number(schema, "maxLength").unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let mut letters: Vec<char> = text.chars().take(most.saturating_sub(1)).collect();
        let at = seed.between(0..letters.len() as u64 + 1);
        letters.insert(usize::try_from(at).unwrap_or_default(), '\0');
        ways.push(("a NUL", letters.into_iter().collect::<String>().into()));
    }
    if country {
        let bad = ["fr", "F", "FRA", "ＦＲ", "FR\n", " FR", "ΑΒ"];
        ways.extend(bad.map(|bad| ("against the pattern", bad.into())));
    }
    ways
}

fn wrong_number(schema: &Value, seed: &mut Seed) -> Vec<(&'static str, Value)> {
    let by = seed.between(1..1_000_000);
    let mut ways = vec![
        ("too small a number", json!(-f64::from(u32::try_from(by).unwrap_or(1)))),
        ("too large a number", json!(most(schema).saturating_add(by))),
        ("too large a number", json!(u64::MAX)),
        ("too large a number", json!(1e300)),
        ("too small a number", json!(i64::MIN)),
    ];
    if kind(schema) == "integer" {
        ways.push(("a fraction", json!(1.5)));
    }
    if schema.get("multipleOf").is_some() {
        ways.push(("a third decimal", json!(9.995)));
    }
    ways
}

fn string(schema: &Value, seed: &mut Seed) -> Result<String, Unknown> {
    let random = seed.next_u64();
    match (schema.get("format").and_then(Value::as_str), schema.get("pattern").and_then(Value::as_str)) {
        (Some("uuid"), None) => {
            let low = seed.next_u64();
            Ok(format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                random >> 32,
                random >> 16 & 0xffff,
                random & 0xfff,
                low >> 52,
                low & 0xffff_ffff_ffff
            ))
        }
        (Some("email"), None) => Ok(format!("customer{random:x}@example.com")),
        (None, Some("^[A-Z]{2}$")) => Ok(pick(&["FR", "DE", "US"], seed).to_owned()),
        (None, None | Some(NO_NUL)) => {
            let least = number(schema, "minLength").unwrap_or(0);
            let most = number(schema, "maxLength").unwrap_or(64).min(least + 40);
            let letters = ['a', 'Z', '7', ' ', 'é', '日', '🦀', '"', '\\', '/', '\'', '<', '%', '\u{301}'];
            Ok((0..seed.between(least..most + 1)).map(|_| pick(&letters, seed)).collect())
        }
        (format, pattern) => Err(Unknown(format!("the format {format:?} with the pattern {pattern:?}"))),
    }
}

fn kind(schema: &Value) -> &str {
    schema.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|other| other == name))
}

fn number(schema: &Value, keyword: &str) -> Option<u64> {
    schema.get(keyword).and_then(Value::as_u64)
}

fn least(schema: &Value) -> u64 {
    number(schema, "minimum").unwrap_or(0)
}

fn most(schema: &Value) -> u64 {
    number(schema, "maximum").unwrap_or(1_000)
}

/// Whether JSON calls `value` so.
fn is_of(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        // A number of the wrong size is another mistake.
        Value::Number(_) => kind == "number" || kind == "integer",
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

fn without(object: &Map<String, Value>, name: &str) -> Value {
    let mut object = object.clone();
    object.remove(name);
    Value::Object(object)
}

fn renamed(object: &Map<String, Value>, name: &str, new: &str) -> Value {
    let mut object = object.clone();
    if let Some(value) = object.remove(name) {
        // A name without those letters becomes longer.
        object.insert(if new == name { format!("{name}_") } else { new.to_owned() }, value);
    }
    Value::Object(object)
}

/// One of `choices`, of which there must be some.
pub fn pick<T: Clone>(choices: &[T], seed: &mut Seed) -> T {
    let at = seed.between(0..choices.len() as u64);
    choices[usize::try_from(at).unwrap_or_default()].clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMAS: [&str; 3] = [
        include_str!("../../../services/schemas/requests/order.json"),
        include_str!("../../../services/schemas/requests/user.json"),
        include_str!("../../../services/schemas/requests/inventory.json"),
    ];

    #[test]
    fn the_validator_agrees_on_what_is_valid_and_what_is_not() {
        for text in SCHEMAS {
            let schema: Value = serde_json::from_str(text).expect("JSON");
            let validator = ottla_envelope::Schema::compile(text).expect("a schema");
            let mut seed = Seed::new(7);
            for _ in 0..2_000 {
                let good = valid(&schema, &mut seed).expect("known");
                assert_eq!(validator.check(&good), Ok(()), "{good}");
                let (bad, what) = broken(&schema, &mut seed).expect("known");
                assert!(validator.check(&bad).is_err(), "{what}: {bad}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        let told = |schema: Value| valid(&schema, &mut Seed::new(1)).map_err(|error| error.to_string());
        assert!(told(json!({"type": "string", "const": "a"})).is_err_and(|error| error.contains("const")));
        assert!(told(json!({"type": "string", "format": "ipv6"})).is_err_and(|error| error.contains("ipv6")));
    }
}
