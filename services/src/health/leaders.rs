//! Whether the leaders of a service's partitions answer: that some broker does is not enough to work.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use ottla::{
    Client, TopicPartition,
    kafka::{Cluster, OffsetSpec},
};
use tokio::time::{Instant, timeout_at};

/// What the leaders say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leaders {
    /// There is none to ask.
    Nobody,
    /// Each answers.
    Answer,
    /// Some are missing or silent: their partitions, named.
    Away(String),
    /// Not one answers.
    Silent(String),
}

/// Asks each leader of the topics this client works with where one of its logs ends. Names the partitions whose leaders
/// are missing, or do not answer by `deadline`.
pub(super) async fn ask(client: &Client, cluster: &Cluster, deadline: Instant) -> Leaders {
    let (leaderless, led) = by_leader(cluster);
    if !leaderless.is_empty() {
        return Leaders::Away(format!("{} has no leader", named(&leaderless)));
    }
    let leaders = led.len();
    let asking = led.into_iter().map(|(leader, partitions)| async move {
        // One partition is enough to know that its leader answers.
        let first = partitions.first().map(|partition| (partition.clone(), OffsetSpec::Latest));
        let asked = first.as_slice().to_vec();
        let answered = timeout_at(deadline, client.admin().list_offsets(&asked)).await;
        // Whatever it answers, it answers: a refusal is the business of whoever needs more.
        answered.is_err().then(|| format!("{} cannot be reached: its leader {leader} is silent", named(&partitions)))
    });
    let silent: Vec<String> = join_all(asking).await.into_iter().flatten().collect();
    match (silent.len(), silent.into_iter().next()) {
        (_, None) if leaders == 0 => Leaders::Nobody,
        (_, None) => Leaders::Answer,
        (count, Some(first)) if count == leaders => Leaders::Silent(first),
        (_, Some(first)) => Leaders::Away(first),
    }
}

/// The partitions without a leader, and those of each leader.
fn by_leader(cluster: &Cluster) -> (Vec<TopicPartition>, BTreeMap<i32, Vec<TopicPartition>>) {
    let (mut leaderless, mut led) = (Vec::new(), BTreeMap::<i32, Vec<TopicPartition>>::new());
    for (name, topic) in cluster.topics().iter().filter(|(_, topic)| topic.error().is_none()) {
        for (index, partition) in (0..).zip(topic.partitions()) {
            let topic_partition = TopicPartition::new(name.as_ref(), index);
            match partition.leader {
                Some(leader) => led.entry(leader).or_default().push(topic_partition),
                None => leaderless.push(topic_partition),
            }
        }
    }
    (leaderless, led)
}

/// The first few by name, the others by their number.
fn named(partitions: &[TopicPartition]) -> String {
    const FEW: usize = 3;
    let names: Vec<String> = partitions.iter().take(FEW).map(ToString::to_string).collect();
    let more = partitions.len().saturating_sub(FEW);
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_named_and_many_are_counted() {
        let partitions: Vec<_> = (0..5).map(|index| TopicPartition::new("orders", index)).collect();
        assert_eq!(named(&partitions[..1]), "orders-0");
        assert_eq!(named(&partitions), "orders-0, orders-1, orders-2 and 2 more");
    }
}
