//! Event envelopes: what surrounds the data of an event on a topic, and how it is written as JSON.
//!
//! This crate does no I/O: ids and times are arguments. An [`Event<T>`] is [`Metadata`] and data; a [`Dialect`]
//! says where both stand in the JSON of a topic; a [`Codec`] joins a dialect with a JSON [`Schema`].

mod codec;
mod dialect;
mod error;
mod event;
mod fields;
mod metadata;
mod money;
mod object;
mod schema;
mod strict;
mod timestamp;
mod trace;

pub use codec::Codec;
pub use dialect::{Dialect, Ecst, Parts, Payload};
pub use error::{DecodeError, EncodeError};
pub use event::Event;
pub use metadata::Metadata;
pub use money::{Money, ParseMoneyError};
pub use object::Object;
pub use schema::{InvalidSchema, Problem, Schema};
pub use strict::{MAX_DEPTH, MAX_FIELDS, value as parse_value};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use trace::{ParseTraceError, SpanId, TraceContext, TraceId};
