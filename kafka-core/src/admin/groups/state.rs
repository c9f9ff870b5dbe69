use std::fmt;

/// A group's state, in Kafka's words. Kafka: `GroupState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupState {
    /// Members join.
    PreparingRebalance,
    /// Members wait for the assignment.
    CompletingRebalance,
    /// Members have their assignment.
    Stable,
    /// It has no members, but offsets.
    Empty,
    /// It has neither.
    Dead,
    /// The coordinator works out the assignment (KIP-848).
    Assigning,
    /// Members move to their assignment (KIP-848).
    Reconciling,
    /// The broker does not say, or names a state that this client does not know.
    Unknown,
}

impl GroupState {
    const NAMED: [(&'static str, Self); 7] = [
        ("PreparingRebalance", Self::PreparingRebalance),
        ("CompletingRebalance", Self::CompletingRebalance),
        ("Stable", Self::Stable),
        ("Empty", Self::Empty),
        ("Dead", Self::Dead),
        ("Assigning", Self::Assigning),
        ("Reconciling", Self::Reconciling),
    ];

    pub(super) fn named(name: &str) -> Self {
        Self::NAMED.iter().find(|(known, _)| *known == name).map_or(Self::Unknown, |(_, state)| *state)
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::NAMED.iter().find(|(_, state)| state == self).map_or("Unknown", |(name, _)| name))
    }
}

/// By which protocol a group works. Kafka: `GroupType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupType {
    /// Members agree among themselves: JoinGroup and SyncGroup.
    Classic,
    /// The coordinator decides (KIP-848).
    Consumer,
    /// Members share partitions (KIP-932).
    Share,
    /// Kafka Streams (KIP-1071).
    Streams,
    /// The broker does not say, or names a type that this client does not know.
    Unknown,
}

impl GroupType {
    const NAMED: [(&'static str, Self); 4] =
        [("classic", Self::Classic), ("consumer", Self::Consumer), ("share", Self::Share), ("streams", Self::Streams)];

    pub(super) fn named(name: &str) -> Self {
        let known = Self::NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::Unknown, |(_, kind)| *kind)
    }
}

impl fmt::Display for GroupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::NAMED.iter().find(|(_, kind)| kind == self).map_or("unknown", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_words_are_read_and_written_back() {
        for (name, state) in GroupState::NAMED {
            assert_eq!((GroupState::named(name), state.to_string().as_str()), (state, name));
        }
        for (name, kind) in GroupType::NAMED {
            assert_eq!((GroupType::named(name), kind.to_string().as_str()), (kind, name));
        }
        assert_eq!(GroupType::named("Classic"), GroupType::Classic, "brokers have written it both ways");
        assert_eq!((GroupState::named(""), GroupType::named("new")), (GroupState::Unknown, GroupType::Unknown));
    }
}
