//! Which nodes there are, which of them are up, and which coordinates a group. Pure.

use std::collections::{BTreeMap, BTreeSet};

use ottla_kafka_core::BrokerAddr;

/// The cluster's nodes; their ids count from 1.
#[derive(Debug)]
pub(crate) struct Nodes {
    addrs: BTreeMap<i32, BrokerAddr>,
    alive: BTreeSet<i32>,
    /// Groups whose coordinator is not the one their name gives.
    coordinators: BTreeMap<String, i32>,
}

impl Nodes {
    /// Nodes that are all up.
    pub(crate) fn new(addrs: impl IntoIterator<Item = BrokerAddr>) -> Self {
        let addrs: BTreeMap<i32, BrokerAddr> = (1..).zip(addrs).collect();
        Self { alive: addrs.keys().copied().collect(), addrs, coordinators: BTreeMap::new() }
    }

    /// Where a node is reached.
    pub(crate) fn addr(&self, node: i32) -> Option<&BrokerAddr> {
        self.addrs.get(&node)
    }

    /// All ids, up or down.
    pub(crate) fn ids(&self) -> impl Iterator<Item = i32> {
        self.addrs.keys().copied()
    }

    pub(crate) fn is_alive(&self, node: i32) -> bool {
        self.alive.contains(&node)
    }

    /// The nodes that are up.
    pub(crate) fn alive(&self) -> impl Iterator<Item = (i32, &BrokerAddr)> {
        self.addrs.iter().filter(|(node, _)| self.is_alive(**node)).map(|(node, addr)| (*node, addr))
    }

    /// How many of these are up. Kafka: the in-sync replicas.
    pub(crate) fn count_alive(&self, replicas: &[i32]) -> usize {
        replicas.iter().filter(|node| self.is_alive(**node)).count()
    }

    /// The node that speaks for the cluster: the first that is up.
    pub(crate) fn controller(&self) -> Option<i32> {
        self.alive.first().copied()
    }

    pub(crate) fn set_alive(&mut self, node: i32, alive: bool) {
        if alive {
            self.alive.insert(node);
        } else {
            self.alive.remove(&node);
        }
    }

    /// A group's coordinator: where it was put, else the node its name gives, else the next that is up.
    pub(crate) fn coordinator(&self, group: &str) -> Option<i32> {
        let put = self.coordinators.get(group).copied();
        let home = put.or_else(|| {
            let slot = usize::try_from(crc32c::crc32c(group.as_bytes())).unwrap_or(0).checked_rem(self.addrs.len())?;
            self.addrs.keys().nth(slot).copied()
        })?;
        self.alive.range(home..).chain(self.alive.range(..home)).next().copied()
    }

    /// Puts a group's coordinator on a node.
    pub(crate) fn put_coordinator(&mut self, group: &str, node: i32) {
        self.coordinators.insert(group.to_owned(), node);
    }

    /// The nodes for a new partition's replicas, round about from its number.
    pub(crate) fn replicas(&self, partition: usize, factor: usize) -> Vec<i32> {
        self.addrs
            .keys()
            .copied()
            .cycle()
            .skip(partition.checked_rem(self.addrs.len()).unwrap_or(0))
            .take(factor)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_goes_on_with_the_next_node_and_stays_where_it_is_put() {
        let mut nodes = Nodes::new((1..=3).map(|port| BrokerAddr::new("broker", port)));
        let home = nodes.coordinator("group").unwrap();
        nodes.set_alive(home, false);
        assert_eq!(nodes.coordinator("group"), Some(home % 3 + 1));
        nodes.put_coordinator("group", home % 3 + 1);
        nodes.set_alive(home, true);
        assert_eq!(nodes.coordinator("group"), Some(home % 3 + 1));
        (1..=3).for_each(|node| nodes.set_alive(node, false));
        assert_eq!((nodes.coordinator("group"), nodes.controller()), (None, None));
        let names: BTreeSet<_> = (0..20)
            .map(|n| {
                (1..=3).for_each(|node| nodes.set_alive(node, true));
                nodes.coordinator(&format!("group-{n}"))
            })
            .collect();
        assert_eq!(names.len(), 3, "groups are spread over all nodes");
    }

    #[test]
    fn replicas_are_spread() {
        let nodes = Nodes::new((1..=3).map(|port| BrokerAddr::new("broker", port)));
        assert_eq!([0, 1, 2, 3].map(|partition| nodes.replicas(partition, 2)), [[1, 2], [2, 3], [3, 1], [1, 2]]);
    }
}
