//! The topic settings of Kafka 4.3, as its page "Topic Configs" lists them, and which values mean something here.

/// A setting's type, by Kafka's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum Kind {
    Boolean = 1,
    Text = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// Which values are taken.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Boolean,
    /// A whole number, at least this.
    AtLeast(i64),
    Fraction,
    /// One of these, or a list of them. Other values of Kafka's would promise what is not done here.
    Of(&'static [&'static str]),
    /// Replicas that are throttled: there is no replication traffic here.
    Nothing,
}

/// A setting of Kafka's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Kafka's default, unless the broker has one of its own.
    pub(crate) default: &'static str,
    rule: Rule,
}

pub(crate) const CLEANUP_POLICY: &str = "cleanup.policy";
pub(crate) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
pub(crate) const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
pub(crate) const RETENTION_BYTES: &str = "retention.bytes";
pub(crate) const RETENTION_MS: &str = "retention.ms";

/// Sorted by name. What is not about sizes, ages and replicas is about Kafka's files, and no client can tell.
const KNOWN: &[Known] = &[
    // A log that is never compacted is one that will be compacted later: both mean the same to a reader.
    known(CLEANUP_POLICY, Kind::List, "delete", Rule::Of(&["delete", "compact"])),
    known("compression.gzip.level", Kind::Int, "-1", Rule::AtLeast(-1)),
    known("compression.lz4.level", Kind::Int, "9", Rule::AtLeast(1)),
    // Batches are kept as they were sent.
    known("compression.type", Kind::Text, "producer", Rule::Of(&["producer"])),
    known("compression.zstd.level", Kind::Int, "3", Rule::AtLeast(-131_072)),
    known("delete.retention.ms", Kind::Long, "86400000", Rule::AtLeast(0)),
    known("file.delete.delay.ms", Kind::Long, "60000", Rule::AtLeast(0)),
    known("flush.messages", Kind::Long, "9223372036854775807", Rule::AtLeast(1)),
    known("flush.ms", Kind::Long, "9223372036854775807", Rule::AtLeast(0)),
    known("follower.replication.throttled.replicas", Kind::List, "", Rule::Nothing),
    known("index.interval.bytes", Kind::Int, "4096", Rule::AtLeast(0)),
    known("leader.replication.throttled.replicas", Kind::List, "", Rule::Nothing),
    known("local.retention.bytes", Kind::Long, "-2", Rule::AtLeast(-2)),
    known("local.retention.ms", Kind::Long, "-2", Rule::AtLeast(-2)),
    known("max.compaction.lag.ms", Kind::Long, "9223372036854775807", Rule::AtLeast(1)),
    known(MAX_MESSAGE_BYTES, Kind::Int, "1048588", Rule::AtLeast(0)),
    known("message.timestamp.after.max.ms", Kind::Long, "3600000", Rule::AtLeast(0)),
    known("message.timestamp.before.max.ms", Kind::Long, "9223372036854775807", Rule::AtLeast(0)),
    known("message.timestamp.type", Kind::Text, "CreateTime", Rule::Of(&["CreateTime"])),
    known("min.cleanable.dirty.ratio", Kind::Double, "0.5", Rule::Fraction),
    known("min.compaction.lag.ms", Kind::Long, "0", Rule::AtLeast(0)),
    known(MIN_INSYNC_REPLICAS, Kind::Int, "1", Rule::AtLeast(1)),
    known("preallocate", Kind::Boolean, "false", Rule::Boolean),
    known("remote.log.copy.disable", Kind::Boolean, "false", Rule::Of(&["false"])),
    known("remote.log.delete.on.disable", Kind::Boolean, "false", Rule::Of(&["false"])),
    known("remote.storage.enable", Kind::Boolean, "false", Rule::Of(&["false"])),
    known(RETENTION_BYTES, Kind::Long, "-1", Rule::AtLeast(-1)),
    known(RETENTION_MS, Kind::Long, "604800000", Rule::AtLeast(-1)),
    known("segment.bytes", Kind::Int, "1073741824", Rule::AtLeast(1_048_576)),
    known("segment.index.bytes", Kind::Int, "10485760", Rule::AtLeast(4)),
    known("segment.jitter.ms", Kind::Long, "0", Rule::AtLeast(0)),
    known("segment.ms", Kind::Long, "604800000", Rule::AtLeast(1)),
    known("unclean.leader.election.enable", Kind::Boolean, "false", Rule::Boolean),
];

const fn known(name: &'static str, kind: Kind, default: &'static str, rule: Rule) -> Known {
    Known { name, kind, default, rule }
}

/// Every setting of a topic, sorted by name.
pub(crate) fn all() -> &'static [Known] {
    KNOWN
}

/// The setting with this name.
pub(crate) fn find(name: &str) -> Result<&'static Known, String> {
    let found = KNOWN.iter().find(|known| known.name == name);
    found.ok_or_else(|| format!("Unknown topic config name: {}", name.escape_debug()))
}

impl Known {
    /// What is wrong with a value.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let (name, shown) = (self.name, value.escape_debug());
        match self.rule {
            Rule::Boolean if matches!(value, "true" | "false") => Ok(()),
            Rule::Boolean => Err(format!("{name} must be true or false, not '{shown}'")),
            Rule::AtLeast(least) => {
                let most = if self.kind == Kind::Int { i64::from(i32::MAX) } else { i64::MAX };
                match value.trim().parse::<i64>() {
                    Ok(number) if (least..=most).contains(&number) => Ok(()),
                    _ => Err(format!("{name} must be a whole number from {least} to {most}, not '{shown}'")),
                }
            }
            Rule::Fraction => match value.trim().parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Ok(()),
                _ => Err(format!("{name} must be a number from 0 to 1, not '{shown}'")),
            },
            Rule::Of(values) => match items(value).find(|item| !values.contains(item)) {
                Some(_) => {
                    Err(format!("{name} can only be {} on the embedded broker, not '{shown}'", values.join(", ")))
                }
                None if self.kind != Kind::List && items(value).count() != 1 => {
                    Err(format!("{name} must be one of {}, not '{shown}'", values.join(", ")))
                }
                None => Ok(()),
            },
            Rule::Nothing if value.is_empty() => Ok(()),
            Rule::Nothing => Err(format!("{name} has no meaning on the embedded broker")),
        }
    }
}

/// The items of a list's value.
pub(crate) fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}
