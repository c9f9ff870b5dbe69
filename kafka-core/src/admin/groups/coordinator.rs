//! Which broker coordinates a group.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use tokio::time::Instant;

use crate::{
    admin::{
        asking::Asking,
        items::Results,
        wire::{text, verdict},
    },
    client::{Client, ConnectionKind, Target},
    connector::BrokerAddr,
    error::{Error, ErrorKind},
    protocol::{Api, by_version},
};

const API: &str = "FindCoordinator";
/// The first version that takes several groups (KIP-699).
const SEVERAL_SINCE: i16 = 4;

/// Groups by their coordinators, and those whose coordinator was not found.
struct ByCoordinator<V> {
    found: BTreeMap<BrokerAddr, Vec<String>>,
    failed: Results<String, V>,
}

/// Has `ask` ask each coordinator about its groups with a request `A`, all coordinators at once and until each group has
/// a result that stands, or time is up.
///
/// # Errors
/// No broker answered in time.
pub(super) async fn ask_coordinators<A, V, F>(
    client: &Client,
    groups: &[&str],
    ask: impl Fn(BrokerAddr, Vec<String>, Duration) -> F,
) -> Result<Results<String, V>, Error>
where
    A: Api,
    F: Future<Output = Result<Results<String, V>, Error>>,
{
    let mut asking = Asking::new::<A>(client, groups.iter().map(|group| (*group).to_owned()));
    while let Some(asked) = asking.next().await {
        let limit = asking.limit();
        let sorted = match by_coordinator(client, &asked, limit).await {
            Ok(sorted) => sorted,
            Err(error) => {
                asking.answer(&asked, Err(error));
                continue;
            }
        };
        let (of, calls): (Vec<_>, Vec<_>) = sorted
            .found
            .into_iter()
            .map(|(coordinator, groups)| (groups.clone(), ask(coordinator, groups, limit)))
            .unzip();
        for (groups, answer) in of.iter().zip(join_all(calls).await) {
            asking.answer(groups, answer);
        }
        let failed: Vec<_> = sorted.failed.keys().cloned().collect();
        asking.answer(&failed, Ok(sorted.failed));
    }
    asking.into_results()
}

/// Finds the coordinators of `groups`.
///
/// # Errors
/// No broker answered.
async fn by_coordinator<V>(client: &Client, groups: &[String], limit: Duration) -> Result<ByCoordinator<V>, Error> {
    let deadline = Instant::now() + limit;
    let mut sorted = ByCoordinator { found: BTreeMap::new(), failed: BTreeMap::new() };
    let mut left = groups;
    while let Some(first) = left.first() {
        let request = by_version(|version| request(left, version));
        let time = deadline.saturating_duration_since(Instant::now());
        let answer = client.call(Target::Any, ConnectionKind::Control, &request, time).await?;
        // A broker of an older version was asked for the first group only.
        let asked = if answer.coordinators.is_empty() { std::slice::from_ref(first) } else { left };
        let mut coordinators = read(answer, first);
        for group in asked {
            match coordinators.remove(group).unwrap_or_else(|| Err(missing(group))) {
                Ok(coordinator) => sorted.found.entry(coordinator).or_default().push(group.clone()),
                Err(error) => drop(sorted.failed.insert(group.clone(), Err(error))),
            }
        }
        left = left.get(asked.len()..).unwrap_or_default();
    }
    Ok(sorted)
}

/// Finds the coordinator of one group.
///
/// # Errors
/// It was not found, or no broker answered.
pub(super) async fn coordinator(client: &Client, group: &str, limit: Duration) -> Result<BrokerAddr, Error> {
    let groups = [group.to_owned()];
    let sorted: ByCoordinator<()> = by_coordinator(client, &groups, limit).await?;
    let failed = sorted.failed.into_values().find_map(Result::err);
    match (sorted.found.into_keys().next(), failed) {
        (Some(coordinator), _) => Ok(coordinator),
        (None, failed) => Err(failed.unwrap_or_else(|| missing(group))),
    }
}

fn missing(group: &str) -> Error {
    let detail = format!("{API} answered without group '{}'", group.escape_debug());
    Error::new(ErrorKind::Protocol { broker: None, detail })
}

fn request(groups: &[String], version: i16) -> FindCoordinatorRequest {
    let request = FindCoordinatorRequest::default();
    match groups.first() {
        Some(first) if version < SEVERAL_SINCE => request.with_key(text(first)),
        _ => request.with_coordinator_keys(groups.iter().map(|group| text(group)).collect()),
    }
}

/// The coordinators in either form of the answer; the older one is about the `first` group.
fn read(answer: FindCoordinatorResponse, first: &str) -> Results<String, BrokerAddr> {
    if answer.coordinators.is_empty() {
        let found = verdict(answer.error_code, API, answer.error_message)
            .and_then(|()| address(answer.host.as_str(), answer.port));
        return BTreeMap::from([(first.to_owned(), found)]);
    }
    let found = answer.coordinators.into_iter().map(|one| {
        let found = verdict(one.error_code, API, one.error_message).and_then(|()| address(one.host.as_str(), one.port));
        (one.key.to_string(), found)
    });
    found.collect()
}

fn address(host: &str, port: i32) -> Result<BrokerAddr, Error> {
    match u16::try_from(port) {
        Ok(port) if port > 0 && !host.is_empty() => Ok(BrokerAddr::new(host, port)),
        _ => {
            let detail = format!("{API} answered with the address '{}:{port}'", host.escape_debug());
            Err(Error::new(ErrorKind::Protocol { broker: None, detail }))
        }
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::find_coordinator_response::Coordinator;

    use super::*;
    use crate::protocol::{Api, ErrorCode};

    #[test]
    fn groups_are_named_in_every_version() {
        let groups = ["a".to_owned(), "b".to_owned()];
        for version in 0..=6 {
            let request = request(&groups, version);
            assert_eq!(Api::encode(&request, version, &mut Vec::new()), Ok(()), "version {version}");
            assert_eq!(request.coordinator_keys.len(), if version < SEVERAL_SINCE { 0 } else { 2 });
        }
    }

    #[test]
    fn both_forms_of_the_answer_say_the_same() {
        let old = FindCoordinatorResponse::default().with_host(text("localhost")).with_port(9092);
        let one = Coordinator::default().with_key(text("a")).with_host(text("localhost")).with_port(9092);
        let new = FindCoordinatorResponse::default().with_coordinators(vec![one]);
        for answer in [old, new] {
            let found = read(answer, "a").remove("a").and_then(Result::ok);
            assert_eq!(found, Some(BrokerAddr::new("localhost", 9092)));
        }
    }

    #[test]
    fn an_error_and_an_impossible_address_are_errors() {
        let away = Coordinator::default().with_key(text("a")).with_error_code(15);
        let strange = Coordinator::default().with_key(text("b")).with_host(text("h")).with_port(70_000);
        let mut read = read(FindCoordinatorResponse::default().with_coordinators(vec![away, strange]), "a");
        let error = read.remove("a").and_then(Result::err).expect("an error");
        assert_eq!(error.code(), Some(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        assert!(error.is_retriable());
        let error = read.remove("b").and_then(Result::err).expect("an error");
        assert!(matches!(error.kind(), ErrorKind::Protocol { .. }));
    }
}
