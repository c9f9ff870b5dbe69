//! A dead letter's headers: text, replaced and not appended, so that a record that fails again does not grow.

use ottla_kafka_core::record::Header;

use super::{FailureHistory, fingerprint::fingerprint};
use crate::record::DeliveryRecord;

const PREFIX: &str = "ottla-dlq-";
const RETRY_COUNT: &str = "retryCount";

/// The record's own headers, then ours.
pub(super) fn replaced(
    record: &DeliveryRecord,
    failure: &FailureHistory,
    group: &str,
    max_error_text: usize,
) -> Vec<Header> {
    let ours = |key: &[u8]| key.starts_with(PREFIX.as_bytes()) || key == RETRY_COUNT.as_bytes();
    let kept = record.headers().iter().filter(|header| !ours(&header.key)).cloned();
    let source = record.topic_partition();
    let kind = failure.class.as_str();
    let said = [
        ("source-topic", source.topic().to_owned()),
        ("source-partition", source.partition().to_string()),
        ("source-offset", record.offset().to_string()),
        ("source-timestamp", record.timestamp().to_string()),
        ("group", group.to_owned()),
        ("attempts", failure.attempts.to_string()),
        ("first-failure", failure.first_ms.to_string()),
        ("last-failure", failure.last_ms.to_string()),
        ("error-kind", kind.to_owned()),
        ("error-message", cut(&failure.error, max_error_text).to_owned()),
        ("fingerprint", fingerprint(source.topic(), kind, &failure.error)),
    ];
    let retries = failure.attempts.saturating_sub(1).to_string();
    kept.chain(said.into_iter().map(|(name, text)| Header::new(format!("{PREFIX}{name}"), text)))
        .chain([Header::new(RETRY_COUNT, retries)])
        .collect()
}

/// The first `limit` bytes of a text, less what would be half a character.
fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_kafka_core::TopicPartition;
    use proptest::prelude::*;

    use super::*;
    use crate::{dead_letter::DeadLetters, handler::ErrorClass};

    fn failure(error: &str) -> FailureHistory {
        FailureHistory {
            attempts: 4,
            first_ms: 1_700_000_000_000,
            last_ms: 1_700_000_000_700,
            class: ErrorClass::HANDLER,
            error: error.to_owned(),
        }
    }

    fn record() -> DeliveryRecord {
        DeliveryRecord::new(TopicPartition::new("orders", 2), 17, 1_600_000_000_000)
            .with_key("k")
            .with_value(Bytes::from_static(b"\xff\x00not utf-8"))
            .with_header(Header::new("traceparent", "00-1"))
            .with_header(Header { key: Bytes::from_static(b"\xfe"), value: None })
    }

    fn text(headers: &[Header], key: &str) -> Vec<String> {
        let of_key = headers.iter().filter(|header| header.key == key.as_bytes());
        of_key.map(|header| String::from_utf8_lossy(header.value.as_deref().unwrap_or_default()).into_owned()).collect()
    }

    #[test]
    fn a_letter_is_the_original_and_says_what_happened() {
        let letter = DeadLetters::default().letter(&record(), &failure("no stock"), "orders-consumer-group");
        assert_eq!((&*letter.topic, letter.timestamp), ("orders-dlq", Some(1_600_000_000_000)));
        assert_eq!((letter.key.as_ref(), letter.value.as_ref()), (record().key(), record().value()));
        assert_eq!(letter.headers[..2], *record().headers());
        for (key, value) in [
            ("ottla-dlq-source-topic", "orders"),
            ("ottla-dlq-source-partition", "2"),
            ("ottla-dlq-source-offset", "17"),
            ("ottla-dlq-source-timestamp", "1600000000000"),
            ("ottla-dlq-group", "orders-consumer-group"),
            ("ottla-dlq-attempts", "4"),
            ("ottla-dlq-first-failure", "1700000000000"),
            ("ottla-dlq-last-failure", "1700000000700"),
            ("ottla-dlq-error-kind", "handler"),
            ("ottla-dlq-error-message", "no stock"),
            ("retryCount", "3"),
        ] {
            assert_eq!(text(&letter.headers, key), [value], "{key}");
        }
        assert_eq!(text(&letter.headers, "ottla-dlq-fingerprint")[0].len(), 16);
        assert_eq!(letter.headers.len(), 2 + 12);
    }

    #[test]
    fn a_second_failure_replaces_the_first() {
        let first = DeadLetters::default().letter(&record(), &failure("no stock"), "g");
        let mut again = DeliveryRecord::new(TopicPartition::new("orders-dlq", 0), 3, 0);
        for header in first.headers.clone() {
            again = again.with_header(header);
        }
        let second = DeadLetters::suffix("-2").letter(&again, &failure("still no stock"), "g");
        assert_eq!(second.headers.len(), first.headers.len());
        assert_eq!(text(&second.headers, "ottla-dlq-error-message"), ["still no stock"]);
        assert_eq!(text(&second.headers, "ottla-dlq-source-topic"), ["orders-dlq"]);
    }

    #[test]
    fn the_error_text_is_cut_first() {
        let letters = DeadLetters::default().max_error_text(5);
        let letter = letters.letter(&record(), &failure("äöü and more"), "g");
        assert_eq!(text(&letter.headers, "ottla-dlq-error-message"), ["äö"]);
        let bare = letters.smallest(&record(), &failure("äöü"), "g");
        assert_eq!(text(&bare.headers, "ottla-dlq-error-message"), [""]);
        assert_eq!(text(&bare.headers, "ottla-dlq-source-offset"), ["17"]);
    }

    proptest! {
        #[test]
        fn a_cut_text_is_a_prefix_within_the_limit(text in "\\PC{0,40}", limit in 0_usize..60) {
            let short = cut(&text, limit);
            prop_assert!(text.starts_with(short) && short.len() <= limit);
            prop_assert!(text.len() > limit || short == text);
            prop_assert!(short.len() + 4 > limit.min(text.len()), "cut too much");
        }
    }
}
