//! The clock and the line of JSON.

use std::{fmt::Write, time::Duration};

use nix::sys::resource::{UsageWho, getrusage};
use ottla::Env;
use tokio::time::Instant;

/// Time and CPU time of all threads up to a moment.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    at: Instant,
    user_s: f64,
    system_s: f64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        let (user_s, system_s) = match getrusage(UsageWho::RUSAGE_SELF) {
            Ok(usage) => (seconds(usage.user_time()), seconds(usage.system_time())),
            Err(_) => (f64::NAN, f64::NAN),
        };
        Self { at: Instant::now(), user_s, system_s }
    }

    pub(crate) fn since(&self, earlier: Moment) -> Duration {
        self.at.duration_since(earlier.at)
    }
}

/// A measurement of `records` between two moments.
pub(crate) struct Run {
    pub(crate) operation: &'static str,
    pub(crate) start: Moment,
    pub(crate) records: u64,
    /// Of keys and values.
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
}

impl Run {
    /// Prints the result, `more` being further fields of it. The clock ends here.
    pub(crate) fn report(&self, more: &str) {
        let end = Moment::now();
        let wall = end.since(self.start).as_secs_f64();
        let (user, system) = (end.user_s - self.start.user_s, end.system_s - self.start.system_s);
        let records = self.records.max(1) as f64;
        println!(
            "{{\"backend\":\"ottla\",\"op\":\"{}\",\"records\":{},\"bytes\":{},\"errors\":{},\"wall_s\":{wall:.4},\
             \"cpu_user_s\":{user:.4},\"cpu_sys_s\":{system:.4},\"cpu_process_s\":{:.4},\"max_rss_kb\":{},\
             \"records_per_s\":{:.0},\"cpu_s_per_1m\":{:.4},\"cpu_s_per_gb\":{:.4}{more}}}",
            self.operation,
            self.records,
            self.bytes,
            self.errors,
            end.user_s + end.system_s,
            status_kb("VmHWM"),
            records / wall,
            (user + system) / records * 1e6,
            (user + system) / self.bytes.max(1) as f64 * 1e9,
        );
    }
}

/// What a process that does nothing costs.
pub(crate) fn report_idle(start: Moment, first_ack_ms: i64, records: u64) {
    let end = Moment::now();
    let cpu_ms = (end.user_s + end.system_s - start.user_s - start.system_s) * 1e3;
    println!(
        "{{\"backend\":\"ottla\",\"op\":\"idle\",\"rss_kb\":{},\"max_rss_kb\":{},\"threads\":{},\
         \"first_ack_ms\":{first_ack_ms},\"idle_cpu_ms_per_s\":{:.3},\"records\":{records},\"errors\":{}}}",
        status_kb("VmRSS"),
        status_kb("VmHWM"),
        status_kb("Threads"),
        cpu_ms / end.since(start).as_secs_f64(),
        u64::from(records == 0),
    );
}

/// Fields with the quantiles of `micros`.
pub(crate) fn quantiles(mut micros: Vec<u64>) -> String {
    micros.sort_unstable();
    let mut fields = String::new();
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
        let index = ((micros.len() as f64 * quantile) as usize).min(micros.len().saturating_sub(1));
        if let Some(value) = micros.get(index) {
            // Writing to a string does not fail.
            let _ = write!(fields, ",\"{name}_us\":{value}");
        }
    }
    fields
}

/// Milliseconds since the runner noted the time in `KBENCH_T0`, before it started this process.
pub(crate) fn since_started_ms() -> i64 {
    let noted = std::env::var("KBENCH_T0").ok().and_then(|text| text.parse::<i64>().ok());
    noted.map_or(-1, |nanos| Env::system().now_ms() - nanos / 1_000_000)
}

/// A number of `/proc/self/status`; 0 if it is not there.
fn status_kb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = |line: &str| line.strip_prefix(field)?.strip_prefix(':')?.split_whitespace().next()?.parse().ok();
    status.lines().find_map(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let fields = quantiles((1..=1000).rev().collect());
        assert_eq!(fields, ",\"p50_us\":501,\"p90_us\":901,\"p99_us\":991,\"p999_us\":1000,\"max_us\":1000");
        assert_eq!(quantiles(Vec::new()), "");
    }
}
