//! The blobs that members send each other, as functions that fuzzers feed. Behind the feature `fuzzing`.

use ottla_kafka_core::fuzzing::Target;

use crate::protocol::{Assignment, Subscription};

/// All of this crate's.
pub fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "assignment",
            run: assignment,
            seeds: || vec![vec![0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
        },
        Target {
            name: "subscription",
            run: subscription,
            seeds: || vec![vec![0, 3, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b'r']],
        },
    ]
}

fn assignment(data: &[u8]) {
    if let Ok(read) = Assignment::decode(data) {
        assert_eq!(Assignment::decode(&read.encode()).ok().as_ref(), Some(&read), "what was read is written back");
        read.partitions();
    }
}

fn subscription(data: &[u8]) {
    let _ = Subscription::decode(data);
}
