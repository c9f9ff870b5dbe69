//! Delivery guarantees: decode, handle, settle; retry, dead letters, stores.
