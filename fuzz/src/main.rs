//! Feeds every reader of a broker's bytes with inputs that take new ways through it, each for a bounded time.
//!
//! `cargo run --release -- [SECONDS [TARGET]]` in this directory, one second each by default. A reader may refuse its
//! input in any way but one: it never panics. What panics is printed as hexadecimal digits, with the seed.

mod coverage;
mod mutation;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use coverage::Coverage;
use mutation::{Random, mutated};
use ottla_kafka_core::fuzzing::Target;

/// How long reading one input may take, on a busy machine.
const SLOW: Duration = Duration::from_secs(2);
/// Beyond this a corpus costs more than it brings.
const CORPUS_MAX: usize = 4096;

/// What became of one reader.
struct Fed {
    inputs: u64,
    /// Inputs that took a new way.
    kept: usize,
    /// Edges that honest input takes, and that all input took.
    honest: usize,
    taken: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds: f64 = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let only = arguments.get(1);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| u64::from(now.subsec_nanos()));
    let edges = Coverage::new().edges();
    println!("{edges} edges, seed {seed}");
    if edges == 0 {
        println!("nothing is instrumented: run this in fuzz/, where .cargo/config.toml is");
        return ExitCode::FAILURE;
    }
    // Each panic is caught and told once.
    std::panic::set_hook(Box::new(|_| {}));
    let targets = [ottla_kafka_core::fuzzing::targets(), ottla_consumer_group::fuzzing::targets()].concat();
    let (mut readers, mut inputs, mut failed) = (0, 0, false);
    for target in targets.iter().filter(|target| only.is_none_or(|only| target.name == only)) {
        match feed(*target, Random(seed), Duration::from_secs_f64(seconds)) {
            Ok(Fed { inputs: fed, kept, honest, taken }) => {
                println!("{}: {fed} inputs, {kept} kept, {honest} edges by honest input, {taken} by all", target.name);
                inputs += fed;
            }
            Err(failure) => {
                println!("{}: {failure}", target.name);
                failed = true;
            }
        }
        readers += 1;
    }
    println!("{readers} readers, {inputs} inputs, {seconds} s each{}", if failed { ", FAILED" } else { ", no panic" });
    if failed || readers == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Feeds one reader for this long.
fn feed(target: Target, mut random: Random, time: Duration) -> Result<Fed, String> {
    let mut coverage = Coverage::new();
    let mut corpus: Vec<Vec<u8>> = Vec::new();
    for seed in (target.seeds)().into_iter().chain([Vec::new()]) {
        if read(target, &seed, &mut coverage)? {
            corpus.push(seed);
        }
    }
    let (honest, begun, mut inputs) = (coverage.taken(), Instant::now(), 0);
    while begun.elapsed() < time {
        let input = mutated(&corpus, &mut random);
        if read(target, &input, &mut coverage)? && corpus.len() < CORPUS_MAX {
            corpus.push(input);
        }
        inputs += 1;
    }
    Ok(Fed { inputs, kept: corpus.len(), honest, taken: coverage.taken() })
}

/// Reads one input; whether it took a new way.
fn read(target: Target, input: &[u8], coverage: &mut Coverage) -> Result<bool, String> {
    let (begun, mut panicked) = (Instant::now(), false);
    let is_new = coverage.of(|| panicked = catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err());
    let hex = || input.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if panicked {
        return Err(format!("panics on {}", hex()));
    }
    if begun.elapsed() > SLOW {
        return Err(format!("takes {:?} for {}", begun.elapsed(), hex()));
    }
    Ok(is_new)
}
