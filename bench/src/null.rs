use std::hint::black_box;

use crate::{
    Outcome,
    arguments::Arguments,
    payload::{Pool, fold, key},
    report::{Moment, Run},
};

/// The share of the measurement itself: records are made, and summed up for `consume`, and nothing else.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let pool = Pool::load(arguments)?;
    let records = arguments.records()?;
    let folds = arguments.word() == Some("consume");
    let start = Moment::now();
    let (mut bytes, mut sum) = (0, 0_u64);
    for i in 0..records {
        let (key, value) = (black_box(key(i)), black_box(pool.value(i)));
        bytes += (key.len() + value.len()) as u64;
        if folds {
            sum = sum.wrapping_add(fold(&key)).wrapping_add(fold(&value));
        }
    }
    let operation = if folds { "consume" } else { "produce" };
    Run { operation, start, records, bytes, errors: 0 }.report(&format!(",\"checksum\":\"{sum:016x}\""));
    Ok(())
}
