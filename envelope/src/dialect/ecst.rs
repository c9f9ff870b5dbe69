use super::{Dialect, Parts, Payload};
use crate::{DecodeError, EncodeError, Metadata, Object};

/// The orders system's dialect, for event-carried state transfer: the data's fields at the top level, and an object
/// `metadata` with names in snake case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ecst;

const METADATA: &str = "metadata";

impl Dialect for Ecst {
    fn split(&self, topic: &str, mut object: Object) -> Result<Parts, DecodeError> {
        let raw = object.take(METADATA).ok_or_else(|| DecodeError::Shape("no object `metadata`".into()))?;
        let fields = serde_json::from_str(raw.get()).map_err(|e| DecodeError::Shape(format!("{METADATA}: {e}")))?;
        let metadata = read(topic, fields)?;
        Ok(Parts { metadata, payload: Payload::Inline(object), unknown: Object::new() })
    }

    fn join(&self, parts: Parts) -> Result<Object, EncodeError> {
        let Payload::Inline(mut object) = parts.payload else {
            return Err(EncodeError::Shape("this dialect's data is an object at the top level".into()));
        };
        if object.get(METADATA).is_some() {
            return Err(EncodeError::Shape(format!("the data has a field `{METADATA}` itself")));
        }
        object.add_missing(parts.unknown);
        object.set(METADATA, &write(parts.metadata)?)?;
        Ok(object)
    }

    fn is_inline(&self) -> bool {
        true
    }
}

fn read(topic: &str, mut fields: Object) -> Result<Metadata, DecodeError> {
    let mut assumed = Vec::new();
    let mut text = |fields: &mut Object, key: &'static str, default: &str| -> Result<String, DecodeError> {
        let read = fields.read(key)?;
        fields.take(key);
        Ok(read.unwrap_or_else(|| {
            assumed.push(key);
            default.to_owned()
        }))
    };
    let optional = |fields: &mut Object, key| -> Result<Option<String>, DecodeError> {
        let read = fields.read(key)?;
        fields.take(key);
        Ok(read)
    };
    let event_id = optional(&mut fields, "event_id")?.ok_or_else(|| missing("event_id"))?;
    let timestamp = fields.read("timestamp")?.ok_or_else(|| missing("timestamp"))?;
    fields.take("timestamp");
    Ok(Metadata {
        event_type: text(&mut fields, "event_type", topic)?,
        timestamp,
        version: text(&mut fields, "version", Metadata::DEFAULT_VERSION)?,
        source: text(&mut fields, "source", Metadata::UNKNOWN_SOURCE)?,
        // A redelivered record gets the same one, which a random id would not give.
        correlation_id: text(&mut fields, "correlation_id", &event_id)?,
        causation_id: optional(&mut fields, "causation_id")?,
        trace_id: optional(&mut fields, "trace_id")?,
        span_id: optional(&mut fields, "span_id")?,
        event_id,
        more: fields,
        assumed,
    })
}

fn missing(key: &str) -> DecodeError {
    DecodeError::Shape(format!("{METADATA}: no {key}"))
}

fn write(metadata: Metadata) -> Result<Object, EncodeError> {
    let mut fields = Object::new();
    fields.set("event_id", &metadata.event_id)?;
    fields.set("event_type", &metadata.event_type)?;
    fields.set("timestamp", &metadata.timestamp)?;
    fields.set("version", &metadata.version)?;
    fields.set("source", &metadata.source)?;
    fields.set("correlation_id", &metadata.correlation_id)?;
    let optional =
        [("causation_id", metadata.causation_id), ("trace_id", metadata.trace_id), ("span_id", metadata.span_id)];
    for (key, value) in optional {
        if let Some(value) = value {
            fields.set(key, &value)?;
        }
    }
    fields.add_missing(metadata.more);
    Ok(fields)
}
