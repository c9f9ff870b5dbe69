//! Which broker the suites run on, what a lane offers and what a test needs.

use std::{fmt, str::FromStr};

/// A broker for the suites, as `OTTLA_TEST_BROKER` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A cluster that somebody else runs: `external:HOST:PORT`.
    External(String),
    /// Apache Kafka in a container: `docker`.
    Docker,
    /// Apache Kafka from Maven's jars with this many nodes: `jvm` or `jvm:NODES`.
    Jvm(usize),
    /// The embedded broker, in this process: `embedded`.
    Embedded,
}

/// What a lane can do beyond being one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Brokers in the cluster.
    pub nodes: usize,
    /// Nodes can be killed and started again with their data.
    pub restart: bool,
    /// Nodes can be stopped in their tracks, connections open.
    pub pause: bool,
    /// It is Apache Kafka, so what works here works on Kafka.
    pub real_kafka: bool,
    /// Kafka's own command line tools can be run against it.
    pub tools: bool,
    /// There is kcat.
    pub kcat: bool,
    /// There is a Python with confluent-kafka and kafka-python.
    pub python: bool,
    /// There is Go with franz-go.
    pub go: bool,
    /// There is Node.js with KafkaJS.
    pub node: bool,
    /// There is Prometheus's promtool.
    pub promtool: bool,
    /// There is a PostgreSQL.
    pub postgres: bool,
    /// A test can have a PostgreSQL of its own, to stop and start it.
    pub own_postgres: bool,
    /// File systems can be mounted.
    pub mounts: bool,
    /// There is a release build of the command.
    pub release_binary: bool,
}

impl Offers {
    /// Whether the machine has every tool that a test may need, whatever the lane is.
    pub fn is_equipped(self) -> bool {
        let programs = self.tools && self.kcat && self.python && self.go && self.node && self.promtool;
        programs && self.postgres && self.own_postgres && self.mounts
    }
}

/// What a test asks of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    nodes: usize,
    restart: bool,
    pause: bool,
    real_kafka: bool,
    tools: bool,
    kcat: bool,
    python: bool,
    go: bool,
    node: bool,
    promtool: bool,
    postgres: bool,
    own_postgres: bool,
    mounts: bool,
    release_binary: bool,
    alone: bool,
}

impl Needs {
    /// Any broker will do.
    pub const ANY: Self = Self {
        nodes: 1,
        restart: false,
        pause: false,
        real_kafka: false,
        tools: false,
        kcat: false,
        python: false,
        go: false,
        node: false,
        promtool: false,
        postgres: false,
        own_postgres: false,
        mounts: false,
        release_binary: false,
        alone: false,
    };

    /// At least this many nodes.
    #[must_use]
    pub const fn nodes(self, nodes: usize) -> Self {
        Self { nodes, ..self }
    }

    /// Nodes are killed and started again; no other test runs meanwhile.
    #[must_use]
    pub const fn restart(self) -> Self {
        Self { restart: true, ..self }
    }

    /// Nodes are stopped in their tracks and go on later; no other test runs meanwhile.
    #[must_use]
    pub const fn pause(self) -> Self {
        Self { pause: true, ..self }
    }

    /// The embedded broker would prove nothing here.
    #[must_use]
    pub const fn real_kafka(self) -> Self {
        Self { real_kafka: true, ..self }
    }

    /// Kafka's own tools are called.
    #[must_use]
    pub const fn tools(self) -> Self {
        Self { tools: true, ..self }
    }

    /// kcat is called.
    #[must_use]
    pub const fn kcat(self) -> Self {
        Self { kcat: true, ..self }
    }

    /// Python's clients are called.
    #[must_use]
    pub const fn python(self) -> Self {
        Self { python: true, ..self }
    }

    /// Go's client is called.
    #[must_use]
    pub const fn go(self) -> Self {
        Self { go: true, ..self }
    }

    /// Rows are kept in PostgreSQL.
    #[must_use]
    pub const fn postgres(self) -> Self {
        Self { postgres: true, ..self }
    }

    /// A PostgreSQL of the test's own is stopped and started.
    #[must_use]
    pub const fn own_postgres(self) -> Self {
        Self { own_postgres: true, ..self }
    }

    /// KafkaJS is called.
    #[must_use]
    pub const fn node(self) -> Self {
        Self { node: true, ..self }
    }

    /// promtool is called.
    #[must_use]
    pub const fn promtool(self) -> Self {
        Self { promtool: true, ..self }
    }

    /// A file system is mounted, which needs root.
    #[must_use]
    pub const fn mounts(self) -> Self {
        Self { mounts: true, ..self }
    }

    /// Only what users run reaches what is measured.
    #[must_use]
    pub const fn release_binary(self) -> Self {
        Self { release_binary: true, ..self }
    }

    /// No other test runs meanwhile: it uses topics and groups whose names are not its own.
    #[must_use]
    pub const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Whether no other test may run meanwhile.
    pub fn is_alone(self) -> bool {
        self.alone || self.restart || self.pause
    }

    /// What `offers` lacks for these needs; `None` if it lacks nothing.
    pub fn unmet(self, offers: Offers) -> Option<String> {
        let missing: Vec<String> = [
            (self.nodes > offers.nodes, format!("{} nodes", self.nodes)),
            (self.restart && !offers.restart, "nodes that can be restarted".to_owned()),
            (self.pause && !offers.pause, "nodes that can be paused".to_owned()),
            (self.real_kafka && !offers.real_kafka, "Apache Kafka".to_owned()),
            (self.tools && !offers.tools, "Kafka's tools".to_owned()),
            (self.kcat && !offers.kcat, "kcat".to_owned()),
            (self.python && !offers.python, "Python's clients".to_owned()),
            (self.go && !offers.go, "Go's client".to_owned()),
            (self.node && !offers.node, "KafkaJS".to_owned()),
            (self.promtool && !offers.promtool, "promtool".to_owned()),
            (self.postgres && !offers.postgres, "PostgreSQL".to_owned()),
            (self.own_postgres && !offers.own_postgres, "a PostgreSQL to stop".to_owned()),
            (self.mounts && !offers.mounts, "root, to mount".to_owned()),
            (self.release_binary && !offers.release_binary, "a release build in OTTLA_TEST_BINARY".to_owned()),
        ]
        .into_iter()
        .filter_map(|(lacks, what)| lacks.then_some(what))
        .collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::External(address) => write!(f, "external:{address}"),
            Self::Docker => f.write_str("docker"),
            Self::Jvm(nodes) => write!(f, "jvm:{nodes}"),
            Self::Embedded => f.write_str("embedded"),
        }
    }
}

impl Lane {
    /// The lane's name in the list of allowed numbers of ignored tests: without an address.
    pub fn family(&self) -> String {
        match self {
            Self::External(_) => "external".to_owned(),
            other => other.to_string(),
        }
    }
}

impl FromStr for Lane {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        match (name, rest) {
            ("external", Some(address)) if address.contains(':') => Ok(Self::External(address.to_owned())),
            ("docker", None) => Ok(Self::Docker),
            ("embedded", None) => Ok(Self::Embedded),
            ("jvm", None) => Ok(Self::Jvm(1)),
            ("jvm", Some(nodes)) => match nodes.parse() {
                Ok(nodes @ 1..=9) => Ok(Self::Jvm(nodes)),
                _ => Err(format!("jvm:{nodes}: the number of nodes is 1 to 9")),
            },
            _ => Err(format!("'{text}' is none of external:HOST:PORT, docker, jvm, jvm:NODES, embedded")),
        }
    }
}

/// Reads the most tests that the lane called `family` may ignore: lines of a name, a number for a machine that has
/// every tool, and one for a bare machine; `#` starts a comment.
pub fn most_ignored(list: &str, family: &str, equipped: bool) -> Option<usize> {
    let mut lines = list.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    lines.find_map(|mut line| {
        let (name, numbers) = (line.next()?, [line.next()?, line.next()?]);
        (name == family).then(|| numbers[usize::from(!equipped)].parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_read_and_written_back() {
        for (text, lane) in [
            ("embedded", Some("embedded")),
            ("docker", Some("docker")),
            ("jvm", Some("jvm:1")),
            ("jvm:3", Some("jvm:3")),
            ("external:localhost:9092", Some("external:localhost:9092")),
            ("external:localhost", None),
            ("external", None),
            ("jvm:0", None),
            ("jvm:three", None),
            ("docker:2", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Lane>().ok().map(|lane| lane.to_string()).as_deref(), lane, "{text}");
        }
    }

    #[test]
    fn everything_that_is_missing_is_named() {
        let bare = Offers {
            nodes: 1,
            restart: false,
            pause: false,
            real_kafka: false,
            tools: false,
            kcat: false,
            python: false,
            go: false,
            node: false,
            promtool: false,
            postgres: false,
            own_postgres: false,
            mounts: false,
            release_binary: false,
        };
        let full = Offers {
            nodes: 3,
            restart: true,
            pause: true,
            real_kafka: true,
            tools: true,
            kcat: true,
            python: true,
            go: true,
            node: true,
            promtool: true,
            postgres: true,
            own_postgres: true,
            mounts: true,
            release_binary: true,
        };
        assert_eq!(Needs::ANY.unmet(bare), None);
        let much = Needs::ANY
            .nodes(3)
            .restart()
            .pause()
            .real_kafka()
            .tools()
            .kcat()
            .python()
            .go()
            .postgres()
            .own_postgres()
            .mounts()
            .release_binary();
        assert_eq!(much.unmet(full), None);
        let missing = much.unmet(bare);
        let all = "3 nodes, nodes that can be restarted, nodes that can be paused, Apache Kafka, Kafka's tools, kcat, Python's clients, Go's client, PostgreSQL, a PostgreSQL to stop, root, to mount, a release build in OTTLA_TEST_BINARY";
        assert_eq!(missing.as_deref(), Some(all));
    }

    #[test]
    fn the_allowed_number_is_found_by_the_lanes_name() {
        let list = "# comment\nembedded 4 9\njvm:1  2 3 # one node\n";
        assert_eq!(most_ignored(list, "embedded", true), Some(4));
        assert_eq!(most_ignored(list, "embedded", false), Some(9));
        assert_eq!(most_ignored(list, "jvm:1", true), Some(2));
        assert_eq!(most_ignored(list, "jvm", true), None);
        assert_eq!(most_ignored("docker many more", "docker", true), None);
    }
}
