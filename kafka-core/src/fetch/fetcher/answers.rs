//! What comes of the fetcher's requests.

use tokio::time::Instant;

use super::{Event, Fetched, Fetcher};
use crate::{
    admin::OffsetSpec,
    client::RETRY,
    error::{Error, ErrorKind, Recovery},
    fetch::{FetchedRecords, partitions::Asked},
    metadata::{Cluster, Topic},
    protocol::{ErrorCode, FetchAnswer, FetchedPartition},
};

/// How often in a row an answer may end within a partition's first batch.
const CUT_SHORT_MAX: u32 = 5;

impl Fetcher {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::OutOfRange { asked, log_start, high_watermark } => {
                self.out_of_range(asked, log_start, high_watermark);
            }
            Event::Refreshed(result) => {
                self.refreshing = false;
                self.refreshed_at = Some(Instant::now());
                if let Err(error) = result {
                    tracing::warn!(%error, "the fetcher's metadata could not be refreshed");
                }
            }
            Event::Answered { leader, asked, cluster, result } => {
                self.asking.remove(&leader);
                let result = result.and_then(|answer| match answer.code {
                    ErrorCode::NONE => Ok(answer),
                    code => Err(Error::broker(code, "Fetch")),
                });
                match result {
                    Ok(answer) => self.answered(asked, answer, &cluster),
                    Err(error) => {
                        tracing::debug!(leader, %error, "fetch failed");
                        self.stale = Some(cluster.generation());
                        for one in asked {
                            self.retry(&one);
                        }
                    }
                }
            }
        }
    }

    /// Asks again after a while; says how often in a row it did.
    fn retry(&mut self, asked: &Asked) -> u32 {
        if !self.partitions.is_current(&asked.topic_partition, asked.token) {
            return 0;
        }
        let env = self.client.env();
        self.partitions.retry(&asked.topic_partition, |failures| RETRY.after(failures, env))
    }

    fn answered(&mut self, asked: Vec<Asked>, answer: FetchAnswer, cluster: &Cluster) {
        let mut answers = answer.partitions;
        for one in asked {
            let topic = one.topic_partition.topic();
            let id = cluster.topic(topic).map(Topic::id).unwrap_or_default();
            let is_it = |part: &FetchedPartition| {
                let named = if part.topic.is_empty() { part.topic_id == id } else { part.topic == topic };
                named && part.partition == one.topic_partition.partition()
            };
            let part = answers.iter().position(is_it).map(|at| answers.swap_remove(at));
            if !self.partitions.is_current(&one.topic_partition, one.token) {
                continue;
            }
            match part {
                Some(part) => self.read(&one, part, cluster),
                None => drop(self.retry(&one)),
            }
        }
    }

    /// What became of one partition's question.
    fn read(&mut self, asked: &Asked, part: FetchedPartition, cluster: &Cluster) {
        let topic_partition = asked.topic_partition.clone();
        let failed = match part.code {
            ErrorCode::NONE => {
                let brought_bytes = !part.records.is_empty();
                match FetchedRecords::read(topic_partition.clone(), asked.offset, part, self.config.isolation) {
                    Ok(records) if records.next_offset() > asked.offset || !brought_bytes => {
                        return self.bring(asked, records);
                    }
                    // Only the beginning of a batch. A broker sends the first batch whole (KIP-74), so that other
                    // partitions may go short once, but not again and again.
                    Ok(_) if self.retry(asked) <= CUT_SHORT_MAX => return,
                    Ok(_) => {
                        let detail = format!("{topic_partition}: an incomplete batch at offset {}", asked.offset);
                        Error::new(ErrorKind::Protocol { broker: None, detail })
                    }
                    Err(error) => {
                        let detail = format!("{topic_partition}: {error}");
                        Error::new(ErrorKind::Protocol { broker: None, detail }).with_source(error)
                    }
                }
            }
            ErrorCode::OFFSET_OUT_OF_RANGE => return self.find_gap(asked.clone()),
            code => {
                let error = Error::new(ErrorKind::Broker {
                    code,
                    api: "Fetch",
                    topic_partition: Some(topic_partition.clone()),
                    message: None,
                });
                if matches!(error.recovery(), Recovery::Retry | Recovery::RefreshMetadata) {
                    tracing::debug!(%error, "the fetch is repeated");
                    self.stale = Some(cluster.generation());
                    self.retry(asked);
                    return;
                }
                error
            }
        };
        self.partitions.fail(&topic_partition);
        self.ready.push_back(Fetched::Failed { topic_partition, error: failed });
    }

    /// Asks what the log holds: Kafka refuses an offset without saying so.
    fn find_gap(&mut self, asked: Asked) {
        let client = self.client.clone();
        self.requests.push(Box::pin(async move {
            let find = async |spec| {
                let wanted = [(asked.topic_partition.clone(), spec)];
                let mut listed = client.admin().list_offsets(&wanted).await.ok()?;
                Some(listed.remove(&asked.topic_partition)?.ok()?.offset)
            };
            let (log_start, high_watermark) = (find(OffsetSpec::Earliest).await, find(OffsetSpec::Latest).await);
            Event::OutOfRange { asked, log_start, high_watermark }
        }));
    }

    fn out_of_range(&mut self, asked: Asked, log_start: Option<i64>, high_watermark: Option<i64>) {
        let Asked { topic_partition, offset, token } = asked;
        if !self.partitions.is_current(&topic_partition, token) {
            return;
        }
        self.partitions.fail(&topic_partition);
        let kind =
            ErrorKind::OffsetOutOfRange { topic_partition: topic_partition.clone(), offset, log_start, high_watermark };
        self.ready.push_back(Fetched::Failed { topic_partition, error: Error::new(kind) });
    }

    fn bring(&mut self, asked: &Asked, records: FetchedRecords) {
        let topic_partition = &asked.topic_partition;
        if !records.is_empty() {
            self.ready.push_back(Fetched::Records(records));
        } else if records.next_offset() > asked.offset {
            let offset = records.next_offset();
            let progress = Fetched::Progress { topic_partition: topic_partition.clone(), offset };
            self.ready.push_back(progress);
        } else {
            self.partitions.advance(topic_partition, asked.offset);
        }
    }
}
