//! `ottla serve` as a process that a test starts, kills and ends.

use std::{path::PathBuf, time::Duration};

use libtest_mimic::Failed;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    command,
    fixture::{
        child::{Child, Signal},
        ports,
    },
    harness::{Context, Outcome},
    http,
};

/// How long a service may take until it is ready, a rebalance included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long an orderly end may take: longer than the service's own grace.
const END_LIMIT: Duration = Duration::from_secs(30);

/// A service that runs, or can be started again at the same port. Dropping it kills it.
pub(crate) struct Served {
    port: u16,
    dir: PathBuf,
    args: Vec<String>,
    process: Option<Child>,
}

impl Served {
    /// `ottla serve SERVICE --store STORE` on the lane's cluster, with further arguments; it has not been started yet.
    pub(crate) fn new(cx: &Context, service: &str, store: &str, more: &[&str]) -> Result<Self, Failed> {
        let port = ports::free(1)?.pop().ok_or("no port")?;
        let dir = cx.fixture().dir(&format!("serve-{port}"))?;
        let (listen, bootstrap) = (format!("127.0.0.1:{port}"), cx.fixture().addresses().join(","));
        let args = ["serve", service, "--listen", &listen, "--store", store, "--bootstrap", &bootstrap];
        let args = args.into_iter().chain(more.iter().copied()).map(str::to_owned).collect();
        Ok(Self { port, dir, args, process: None })
    }

    /// The same, running and ready.
    pub(crate) async fn ready(cx: &Context, service: &str, store: &str, more: &[&str]) -> Result<Self, Failed> {
        let mut served = Self::new(cx, service, store, more)?;
        served.start()?;
        served.until_ready().await?;
        Ok(served)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn start(&mut self) -> Outcome {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.process = Some(command::start(&args, &self.dir, &self.dir.join("log"))?);
        Ok(())
    }

    pub(crate) async fn kill(&mut self) -> Outcome {
        let mut process = self.process.take().ok_or("the service does not run")?;
        if let Some(status) = process.ended()? {
            return Err(format!("the service ended by itself: {status}\n{}", process.tail(40)).into());
        }
        process.signal(Signal::Kill)?;
        process.wait().await?;
        Ok(())
    }

    /// Asks for an orderly end: it drains, commits and exits without a complaint.
    pub(crate) async fn end(&mut self) -> Outcome {
        let mut process = self.process.take().ok_or("the service does not run")?;
        process.signal(Signal::Term)?;
        let status = timeout(END_LIMIT, process.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("{status}\n{}", process.tail(40)).into()) }
    }

    pub(crate) async fn until_ready(&mut self) -> Outcome {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let answer = http::request(self.port, "GET", "/health/ready", None).await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            let ended = self.process.as_mut().map(Child::ended).transpose()?.flatten();
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("the service is not ready: {answer:?}, {ended:?}\n{}", self.tail()).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The last lines it wrote.
    pub(crate) fn tail(&self) -> String {
        self.process.as_ref().map(|process| process.tail(40)).unwrap_or_default()
    }
}
