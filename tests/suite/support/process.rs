//! `ottla serve pubsub…` as a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use libtest_mimic::Failed;
use ottla::{
    Env,
    delivery::{RedbStore, Store},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    command,
    fixture::{
        child::{Child, Signal},
        ports,
    },
    harness::{Context, Outcome},
    http, kills,
};

const START_LIMIT: Duration = Duration::from_secs(60);
const STORE: &str = "orders.redb";
const END_LIMIT: Duration = Duration::from_secs(30);

/// A service that runs, or will. Dropping it kills it.
pub(crate) struct Process {
    port: u16,
    dir: PathBuf,
    args: Vec<String>,
    descriptors: Option<usize>,
    process: Option<Child>,
}

impl Process {
    /// `ottla serve SERVICE --store STORE` on the lane's brokers.
    pub(crate) fn serving(cx: &Context, service: &str, store: &str) -> Result<Self, Failed> {
        let port = free_port()?;
        let dir = cx.fixture().dir(&format!("{service}-{port}"))?;
        Ok(Self::new(dir, port, service, store, &cx.fixture().addresses().join(",")))
    }

    /// Producer and consumer in two processes on a PostgreSQL database of their own, ready.
    pub(crate) async fn apart(cx: &Context) -> Result<[Self; 2], Failed> {
        let url = crate::store::database(cx).await?;
        let mut services = [Self::serving(cx, "pubsub.producer", &url)?, Self::serving(cx, "pubsub.consumer", &url)?];
        for service in &mut services {
            service.up().await?;
        }
        Ok(services)
    }

    /// The whole system in one process on the lane's brokers, its rows in a redb file of its own.
    pub(crate) fn together(cx: &Context, name: &str) -> Result<Self, Failed> {
        Self::together_on(cx, name, &cx.fixture().addresses().join(","))
    }

    /// The same on other brokers.
    pub(crate) fn together_on(cx: &Context, name: &str, brokers: &str) -> Result<Self, Failed> {
        let dir = cx.fixture().dir(name)?;
        let store = format!("redb:{}", dir.join(STORE).display());
        Ok(Self::new(dir, free_port()?, "pubsub", &store, brokers))
    }

    /// The same with its rows in memory: it leaves its groups when it ends, and forgets.
    pub(crate) fn in_memory(cx: &Context, name: &str) -> Result<Self, Failed> {
        Self::in_memory_on(cx, name, &cx.fixture().addresses().join(","))
    }

    /// The same on other brokers.
    pub(crate) fn in_memory_on(cx: &Context, name: &str, brokers: &str) -> Result<Self, Failed> {
        Ok(Self::new(cx.fixture().dir(name)?, free_port()?, "pubsub", "memory", brokers))
    }

    fn new(dir: PathBuf, port: u16, service: &str, store: &str, brokers: &str) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let args = ["serve", service, "--listen", &listen, "--store", store, "--bootstrap", brokers];
        Self { port, dir, args: args.map(str::to_owned).into(), descriptors: None, process: None }
    }

    /// The same with further arguments.
    pub(crate) fn arguments(mut self, more: &[&str]) -> Self {
        self.args.extend(more.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Has it have so many files open at most, from its next start on.
    pub(crate) fn limit_descriptors(&mut self, most: usize) {
        self.descriptors = Some(most);
    }

    /// Where it serves HTTP.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, and does not wait.
    pub(crate) fn start(&mut self) -> Outcome {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.process = Some(command::start_limited(&args, self.descriptors, &self.dir, &self.dir.join("log"))?);
        Ok(())
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn up(&mut self) -> Outcome {
        self.start()?;
        self.ready().await
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&mut self) -> Outcome {
        self.until("/health/ready", |answer| answer.status == 200).await
    }

    /// Asks until the answer is as wanted, within the time that a start may take.
    pub(crate) async fn until(&mut self, path: &str, wanted: impl Fn(&http::Answer) -> bool) -> Outcome {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let answer = http::request(self.port, "GET", path, None).await;
            if answer.as_ref().is_ok_and(&wanted) {
                return Ok(());
            }
            let ended = self.process.as_mut().map(Child::ended).transpose()?.flatten();
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("{path} answers {answer:?}, {ended:?}\n{}", self.tail()).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: Signal) -> Outcome {
        Ok(self.process.as_mut().ok_or("the service does not run")?.signal(signal)?)
    }

    /// Asks for an orderly end: it drains, commits and exits without a complaint.
    pub(crate) async fn end(&mut self) -> Outcome {
        self.signal(Signal::Term)?;
        match self.ended(END_LIMIT).await? {
            Some(0) => Ok(()),
            code => Err(format!("it ends with {code:?}\n{}", self.tail()).into()),
        }
    }

    /// Kills it; that it has ended by itself is a failure.
    pub(crate) async fn kill(&mut self) -> Outcome {
        let mut process = self.process.take().ok_or("the service does not run")?;
        if let Some(status) = process.ended()? {
            return Err(format!("the service ended by itself: {status}\n{}", self.tail()).into());
        }
        process.signal(Signal::Kill)?;
        process.wait().await?;
        Ok(())
    }

    /// Waits at most `limit` for its end; its exit code, in a shell's spelling.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Result<Option<i32>, Failed> {
        let mut process = self.process.take().ok_or("the service does not run")?;
        let status = timeout(limit, process.wait()).await;
        let status = status.map_err(|_| format!("not ended within {limit:?}\n{}", process.tail(40)))??;
        Ok(status.code())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Result<u32, Failed> {
        Ok(self.process.as_ref().ok_or("the service does not run")?.pid())
    }

    /// The time that it has been on a processor, in clock ticks of 10 ms.
    pub(crate) fn cpu_ticks(&self) -> Result<u64, Failed> {
        let stat = self.proc("stat")?;
        // After the name, which is in parentheses and may hold anything: state is field 3, utime 14, stime 15.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        Ok(fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?)
    }

    /// How many files it has open.
    pub(crate) fn open_descriptors(&self) -> Result<usize, Failed> {
        Ok(fs::read_dir(self.proc_dir()?.join("fd"))?.count())
    }

    fn proc(&self, file: &str) -> Result<String, Failed> {
        Ok(fs::read_to_string(self.proc_dir()?.join(file))?)
    }

    fn proc_dir(&self) -> Result<PathBuf, Failed> {
        let process = self.process.as_ref().ok_or("the service does not run")?;
        Ok(Path::new("/proc").join(process.pid().to_string()))
    }

    /// Takes the service, which must have ended, out of its groups, or the next test's would wait for its session's end.
    pub(crate) async fn forget(&self, cx: &Context) -> Outcome {
        let member = self.member().await?;
        for group in ["orders-consumer-group", "users-consumer-group"] {
            kills::forget(cx, group, &member).await?;
        }
        Ok(())
    }

    /// The id that its redb file keeps for it as a member of its groups.
    async fn member(&self) -> Result<String, Failed> {
        let store = RedbStore::open(&Env::system(), self.dir.join(STORE)).await?;
        let member = store.get("service", b"instance-id").await?.ok_or("the store keeps no member's id")?;
        Ok(String::from_utf8(member.value.to_vec())?)
    }

    /// All that it has written.
    pub(crate) fn log(&self) -> String {
        fs::read(self.dir.join("log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines that it wrote.
    pub(crate) fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }
}

fn free_port() -> Result<u16, Failed> {
    Ok(ports::free(1)?.pop().ok_or("no port")?)
}
