//! W3C Trace Context: <https://www.w3.org/TR/trace-context/>.

use std::{
    fmt,
    num::{NonZeroU64, NonZeroU128},
    str::FromStr,
};

/// The id of a trace: 16 bytes, not all zero, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span: 8 bytes, not all zero, written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// What the header `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
}

/// Not an id or a `traceparent` as W3C Trace Context writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not as W3C Trace Context writes it")]
pub struct ParseTraceError;

/// The flag of a recorded trace.
const SAMPLED: u8 = 1;

impl TraceId {
    /// An id of this number.
    pub fn new(id: NonZeroU128) -> Self {
        Self(id.get().to_be_bytes())
    }

    /// An id of these bytes; `None` if all are zero.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }
}

impl SpanId {
    /// An id of this number.
    pub fn new(id: NonZeroU64) -> Self {
        Self(id.get().to_be_bytes())
    }

    /// An id of these bytes; `None` if all are zero.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }
}

impl TraceContext {
    /// A sampled span of a trace.
    pub fn new(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { trace_id, span_id, flags: SAMPLED }
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span that caused what carries this.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same trace and flags with the span of the caller's own work.
    #[must_use]
    pub fn child(self, span_id: SpanId) -> Self {
        Self { span_id, ..self }
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl FromStr for TraceId {
    type Err = ParseTraceError;

    fn from_str(text: &str) -> Result<Self, ParseTraceError> {
        hex(text).and_then(Self::from_bytes).ok_or(ParseTraceError)
    }
}

impl FromStr for SpanId {
    type Err = ParseTraceError;

    fn from_str(text: &str) -> Result<Self, ParseTraceError> {
        hex(text).and_then(Self::from_bytes).ok_or(ParseTraceError)
    }
}

impl FromStr for TraceContext {
    type Err = ParseTraceError;

    fn from_str(text: &str) -> Result<Self, ParseTraceError> {
        let mut parts = text.splitn(5, '-');
        let mut part = || parts.next().ok_or(ParseTraceError);
        let [version] = hex::<1>(part()?).ok_or(ParseTraceError)?;
        let (trace_id, span_id) = (part()?.parse()?, part()?.parse()?);
        let [flags] = hex::<1>(part()?).ok_or(ParseTraceError)?;
        // Later versions may add parts; version 255 is not allowed.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return Err(ParseTraceError);
        }
        Ok(Self { trace_id, span_id, flags })
    }
}

/// Exactly `N` bytes as lower-case digits, as the recommendation demands.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let mut pairs = text.as_bytes().chunks(2);
    for byte in &mut bytes {
        let [high, low] = pairs.next()? else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    pairs.next().is_none().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_recommendations_example_is_read() {
        let context: TraceContext = EXAMPLE.parse().expect("reads");
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), EXAMPLE);
    }

    #[test]
    fn versions_and_wrong_texts() {
        let check = |text: &str, fine: bool| assert_eq!(text.parse::<TraceContext>().is_ok(), fine, "{text}");
        check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", true);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false);
        check("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01", false);
        check("", false);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>()) {
            prop_assume!(trace != [0; 16] && span != [0; 8]);
            let context = TraceContext::new(TraceId(trace), SpanId(span));
            prop_assert_eq!(context.to_string().parse(), Ok(context));
        }
    }
}
