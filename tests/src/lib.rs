//! Suites that need a broker, and what they share.
