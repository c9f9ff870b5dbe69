//! Runs the tests on one lane, counts what it could not run, and leaves nothing behind.

use std::{future::Future, process::ExitCode, sync::Arc, time::Duration};

use libtest_mimic::{Arguments, Failed, Trial};
use ottla_kafka_core::{BoxFuture, Env};
use ottla_tests::{
    lane::{Lane, Needs, Offers, most_ignored},
    seed::Seed,
    size::Size,
};
use tokio::{runtime::Handle, sync::RwLock, time::timeout};

use crate::fixture::Fixture;

/// What a test gives: nothing, or why it failed.
pub(crate) type Outcome = Result<(), Failed>;

const ALLOWED_IGNORED: &str = include_str!("ignored.txt");

type Body = Box<dyn FnOnce(Context) -> BoxFuture<'static, Outcome> + Send>;

struct Test {
    name: &'static str,
    needs: Needs,
    limit: Duration,
    body: Body,
}

/// The tests of this binary.
#[derive(Default)]
pub(crate) struct Suite(Vec<Test>);

impl Suite {
    /// Adds a test, named `suite::behaviour`, that must end within a minute.
    pub(crate) fn test<F, Fut>(&mut self, name: &'static str, needs: Needs, body: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.long_test(name, needs, Duration::from_secs(60), body);
    }

    /// Adds a test that must end within `limit`.
    pub(crate) fn long_test<F, Fut>(&mut self, name: &'static str, needs: Needs, limit: Duration, body: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let body: Body = Box::new(move |context| Box::pin(body(context)));
        self.0.push(Test { name, needs, limit, body });
    }
}

/// What a test works with.
#[derive(Clone)]
pub(crate) struct Context {
    name: &'static str,
    fixture: Arc<Fixture>,
    seed: Seed,
    size: Size,
    env: Env,
}

impl Context {
    /// The broker.
    pub(crate) fn fixture(&self) -> &Fixture {
        &self.fixture
    }

    /// Time, randomness and tasks.
    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    /// The test's own random decisions.
    pub(crate) fn seed(&self) -> Seed {
        self.seed.clone()
    }

    /// How large the run is.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// Says what was measured: `cargo xtask soak` keeps these lines.
    pub(crate) fn figure(&self, text: &str) {
        eprintln!("figure {} on {}: {text}", self.name, self.fixture.lane());
    }

    /// A name that no other test and no other run on this cluster uses, for a topic or a group.
    pub(crate) fn unique(&self, what: &str) -> String {
        let test = self.name.rsplit("::").next().unwrap_or(self.name);
        let test: String = test.chars().take(40).collect();
        format!("{what}-{test}-{:08x}", self.env.random_u64() >> 32)
    }
}

/// Runs the tests that `arguments` choose.
pub(crate) fn run(arguments: &Arguments, suite: Suite) -> Result<ExitCode, String> {
    if arguments.list {
        let trials = suite.0.into_iter().map(|test| Trial::test(test.name, || Ok(()))).collect();
        return Ok(libtest_mimic::run(arguments, trials).exit_code());
    }
    let asked = match std::env::var("OTTLA_TEST_BROKER") {
        Ok(text) => Some(text.parse::<Lane>().map_err(|error| format!("OTTLA_TEST_BROKER: {error}"))?),
        Err(_) => None,
    };
    let (seed, size) = (seed()?, size()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let fixture = Arc::new(runtime.block_on(Fixture::start(asked)).map_err(|error| error.to_string())?);
    eprintln!("lane {}: {}; OTTLA_TEST_SEED={seed}", fixture.lane(), fixture.describe());
    let offers = fixture.offers();
    let ignored: Vec<(&str, String)> =
        suite.0.iter().filter_map(|test| Some((test.name, test.needs.unmet(offers)?))).collect();
    let turns = Arc::new(RwLock::new(()));
    let trials = suite.0.into_iter().map(|test| {
        let context = Context {
            name: test.name,
            fixture: Arc::clone(&fixture),
            seed: Seed::new(seed).fork(test.name),
            size,
            env: Env::system(),
        };
        trial(test, offers, context, runtime.handle().clone(), Arc::clone(&turns))
    });
    let conclusion = libtest_mimic::run(arguments, trials.collect());
    if conclusion.has_failed()
        && let Some(tail) = fixture.tail()
    {
        eprintln!("{tail}");
    }
    let lane = fixture.lane().clone();
    runtime.block_on(fixture.stop());
    // A test that ran out of time may have left tasks; they end before the directory they use.
    drop(runtime);
    drop(fixture);
    let run = conclusion.num_passed + conclusion.num_failed;
    eprintln!("lane {lane}: {run} run, {} ignored", conclusion.num_ignored);
    for (name, reason) in &ignored {
        eprintln!("  ignored {name}: needs {reason}");
    }
    if conclusion.has_failed() || too_many_ignored(&lane, offers.is_equipped(), conclusion.num_ignored) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn trial(test: Test, offers: Offers, context: Context, runtime: Handle, turns: Arc<RwLock<()>>) -> Trial {
    let Test { name, needs, limit, body } = test;
    let unmet = needs.unmet(offers);
    let ignored = unmet.is_some();
    let body = move || {
        if let Some(unmet) = unmet {
            return Err(format!("this lane lacks {unmet}").into());
        }
        runtime.block_on(async {
            // Who disturbs the cluster has it alone.
            let (_shared, _alone);
            if needs.is_alone() {
                _alone = turns.write().await;
            } else {
                _shared = turns.read().await;
            }
            match timeout(limit, body(context)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("not done within {limit:?}").into()),
            }
        })
    };
    Trial::test(name, body).with_ignored_flag(ignored)
}

fn seed() -> Result<u64, String> {
    match std::env::var("OTTLA_TEST_SEED") {
        Ok(text) => text.parse().map_err(|error| format!("OTTLA_TEST_SEED: {error}")),
        Err(_) => Ok(Env::system().random_u64() >> 32),
    }
}

fn size() -> Result<Size, String> {
    match std::env::var("OTTLA_TEST_SIZE") {
        Ok(text) => text.parse().map_err(|error| format!("OTTLA_TEST_SIZE: {error}")),
        Err(_) => Ok(Size::default()),
    }
}

/// A lane may not lose tests unnoticed: the number it may ignore is committed beside the tests.
fn too_many_ignored(lane: &Lane, equipped: bool, ignored: u64) -> bool {
    let allowed = most_ignored(ALLOWED_IGNORED, &lane.family(), equipped).unwrap_or(0);
    let too_many = usize::try_from(ignored).is_ok_and(|ignored| ignored > allowed);
    if too_many {
        eprintln!("lane {lane} may ignore {allowed} tests (tests/suite/ignored.txt)");
    }
    too_many
}
