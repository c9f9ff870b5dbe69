//! Event envelopes: dialects, schemas, nothing else.
