//! An in-process Kafka-protocol broker for demos and tests.
