//! What Linux tells of this process, as every exporter of Prometheus names it.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// Read at each scrape; where there is no /proc there is nothing.
#[derive(Debug)]
pub(super) struct Process;

/// Times in /proc are in these: Linux has told user space 100 a second since there is a choice.
const TICKS_A_SECOND: f64 = 100.0;

/// What /proc says of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Status {
    cpu_seconds: Option<f64>,
    start_seconds: Option<f64>,
    threads: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    open_fds: Option<f64>,
    max_fds: Option<f64>,
}

impl Status {
    fn read() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut status = Self::parse(&read("/proc/self/stat"), &read("/proc/stat"), &read("/proc/self/status"));
        let limits = read("/proc/self/limits");
        status.max_fds = limits.lines().find_map(|line| line.strip_prefix("Max open files")).and_then(first_number);
        // The directory that is read is one of them.
        status.open_fds = fs::read_dir("/proc/self/fd").ok().map(|all| all.count().saturating_sub(1) as f64);
        status
    }

    fn parse(stat: &str, system: &str, status: &str) -> Self {
        // The name in parentheses may hold anything; what follows it begins with the third field.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect());
        let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<f64>().ok());
        let booted = system.lines().find_map(|line| line.strip_prefix("btime ")).and_then(first_number);
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(first_number).map(|kib| kib * 1024.0)
        };
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS_A_SECOND),
            start_seconds: booted.zip(field(22)).map(|(booted, after)| booted + after / TICKS_A_SECOND),
            threads: field(20),
            resident_bytes: bytes("VmRSS"),
            virtual_bytes: bytes("VmSize"),
            ..Self::default()
        }
    }
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let status = Status::read();
        if let Some(seconds) = status.cpu_seconds {
            let cpu = ConstCounter::new(seconds);
            let help = "Processor time used";
            cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)?;
        }
        for (name, help, value) in [
            ("process_start_time_seconds", "When it started, in seconds since 1970", status.start_seconds),
            ("process_resident_memory_bytes", "Memory that is in RAM", status.resident_bytes),
            ("process_virtual_memory_bytes", "Address space", status.virtual_bytes),
            ("process_threads", "Threads", status.threads),
            ("process_open_fds", "File descriptors that are open", status.open_fds),
            ("process_max_fds", "File descriptors that may be open", status.max_fds),
        ] {
            if let Some(value) = value {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_whatever_the_process_is_called() {
        let stat = "77 (a) R (b) S 1 77 77 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 3000 1000000 200 0";
        let status = "Name:\ta) R (b\nVmSize:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let read = Status::parse(stat, "cpu 1 2\nbtime 1700000000\n", status);
        assert_eq!((read.cpu_seconds, read.start_seconds, read.threads), (Some(3.0), Some(1_700_000_030.0), Some(4.0)));
        assert_eq!((read.resident_bytes, read.virtual_bytes), (Some(1_048_576.0), Some(2_097_152.0)));
    }

    #[test]
    fn a_proc_that_says_nothing_gives_nothing() {
        assert_eq!(Status::parse("", "", ""), Status::default());
        assert_eq!(Status::parse("1 (x", "btime soon", "VmRSS: much"), Status::default());
    }
}
