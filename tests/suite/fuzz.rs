//! Every reader of a broker's bytes is fed mutations of honest input for a bounded time: it may refuse them, and nothing
//! else. Steered by chance, as what runs with every other test is built without counters; `fuzz/` at the root feeds the same
//! readers by coverage.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use libtest_mimic::Failed;
use ottla_kafka_core::{Env, fuzzing::Target};
use ottla_tests::{lane::Needs, seed::Seed};
use tokio::time::Instant;

use crate::harness::{Context, Outcome, Suite};

/// No input is longer; all are short enough that reading one takes no time to speak of.
const INPUT_BYTES_MAX: usize = 1 << 16;
/// How long reading one input may take, on a busy machine.
const SLOW: Duration = Duration::from_secs(2);
/// Values that are limits somewhere.
const EDGES: [u8; 8] = [0, 1, 2, 0x10, 0x7f, 0x80, 0xfe, 0xff];

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(3 * 60 * 60);
    suite.long_test("fuzz::no_reader_of_hostile_bytes_panics", Needs::ANY, limit, no_reader_of_hostile_bytes_panics);
}

async fn no_reader_of_hostile_bytes_panics(cx: Context) -> Outcome {
    let each = cx.size().of(Duration::from_millis(400), Duration::from_secs(120));
    let targets = [ottla_kafka_core::fuzzing::targets(), ottla_consumer_group::fuzzing::targets()].concat();
    let mut inputs = 0;
    for target in &targets {
        let (target, seed) = (*target, cx.seed().fork(target.name));
        let fed = Env::system().run_blocking(move || feed(target, seed, each)).await.ok_or("the fuzzer panicked")??;
        eprintln!("fuzz {}: {fed} inputs", target.name);
        inputs += fed;
    }
    cx.figure(&format!("{} readers, {inputs} inputs, {} s each", targets.len(), each.as_secs_f64()));
    Ok(())
}

/// Feeds one reader; the number of inputs.
fn feed(target: Target, mut random: Seed, time: Duration) -> Result<u64, Failed> {
    let mut corpus = (target.seeds)();
    corpus.push(Vec::new());
    let end = Instant::now() + time;
    let mut fed = 0;
    while Instant::now() < end {
        let chosen = usize::try_from(random.next_u64() >> 33)? % corpus.len();
        let input = mutated(&corpus, chosen, &mut random);
        let begun = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            return Err(format!("{} panics on {}", target.name, hex(&input)).into());
        }
        if begun.elapsed() > SLOW {
            return Err(format!("{} takes {:?} for {}", target.name, begun.elapsed(), hex(&input)).into());
        }
        fed += 1;
        // A walk from the honest inputs: some mutations are mutated further.
        if fed % 64 == 0 && corpus.len() < 256 {
            corpus.push(input);
        }
    }
    Ok(fed)
}

fn mutated(corpus: &[Vec<u8>], chosen: usize, random: &mut Seed) -> Vec<u8> {
    let mut input = corpus.get(chosen).cloned().unwrap_or_default();
    for _ in 0..1 + random.between(0..6) {
        let at = usize::try_from(random.between(0..u64::try_from(input.len() + 1).unwrap_or(1))).unwrap_or_default();
        let edge = EDGES[usize::try_from(random.between(0..8)).unwrap_or_default()];
        match random.between(0..8) {
            0 | 1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = edge),
            2 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (edge & 7)),
            3 => input.iter_mut().skip(at).take(4).for_each(|byte| *byte = edge),
            4 => input.insert(at, edge),
            5 => input.truncate(at),
            6 => drop(input.splice(at..at, std::iter::repeat_n(edge, usize::from(edge)))),
            _ => {
                let other = usize::try_from(random.next_u64() >> 33).unwrap_or_default() % corpus.len().max(1);
                let tail = corpus.get(other).map(|other| other.get(at..).unwrap_or_default());
                input.truncate(at);
                input.extend_from_slice(tail.unwrap_or_default());
            }
        }
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
