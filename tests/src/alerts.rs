//! Prometheus's rules as this repository writes them: one shape, read strictly, so that no YAML is half understood.

use std::collections::BTreeSet;

use crate::promql::{self, Kind};

/// What is known at each depth: a key and whether something stands behind it.
const KEYS: [(usize, &str, bool); 12] = [
    (0, "groups", false),
    (2, "- name", true),
    (4, "rules", false),
    (6, "- alert", true),
    (8, "expr", true),
    (8, "for", true),
    (8, "labels", false),
    (10, "severity", true),
    (8, "annotations", false),
    (10, "summary", true),
    (10, "description", true),
    (8, "keep_firing_for", true),
];

/// What each alert has.
const NEEDED: [&str; 6] = ["expr", "labels", "severity", "annotations", "summary", "description"];

/// The names of the alerts in `text`.
///
/// # Errors
/// Everything that is wrong, a line each.
pub fn check(text: &str) -> Result<Vec<String>, Vec<String>> {
    let mut problems = Vec::new();
    let mut alerts: Vec<(String, BTreeSet<&str>)> = Vec::new();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    for line in lines {
        let indent = line.len() - line.trim_start().len();
        let (key, value) = line.trim_start().split_once(':').unwrap_or((line.trim_start(), ""));
        let Some((_, key, valued)) = KEYS.into_iter().find(|(depth, known, _)| *depth == indent && *known == key)
        else {
            problems.push(format!("'{line}': no such key here"));
            continue;
        };
        let value = scalar(value).unwrap_or_else(|problem| {
            problems.push(format!("'{line}': {problem}"));
            ""
        });
        if value.is_empty() == valued {
            problems.push(format!("'{line}': it has {} value", if valued { "no" } else { "a" }));
        }
        let name = alerts.last().map(|(name, _)| name.clone()).unwrap_or_default();
        problems.extend(wrong(key, value).map(|problem| format!("{name} {key}: {problem}")));
        if key == "- alert" {
            if alerts.iter().any(|(known, _)| known == value) {
                problems.push(format!("{value}: twice"));
            }
            alerts.push((value.to_owned(), BTreeSet::new()));
        } else if let Some((name, keys)) = alerts.last_mut()
            && !keys.insert(key)
        {
            problems.push(format!("{name}: '{key}' twice"));
        }
    }
    for (name, keys) in &alerts {
        problems.extend(NEEDED.iter().filter(|key| !keys.contains(*key)).map(|key| format!("{name}: no {key}")));
    }
    let names = alerts.into_iter().map(|(name, _)| name).collect();
    if problems.is_empty() { Ok(names) } else { Err(problems) }
}

/// What is wrong with a value.
fn wrong(key: &str, value: &str) -> Option<String> {
    match key {
        "expr" => match promql::check(value) {
            Ok(Kind::Vector) => None,
            Ok(kind) => Some(format!("a {kind:?} alerts nobody")),
            Err(problem) => Some(problem),
        },
        "for" | "keep_firing_for" => (!promql::is_duration(value)).then(|| format!("{value} is no time")),
        "severity" => (!["warning", "critical"].contains(&value)).then(|| format!("{value} is none")),
        "summary" | "description" => {
            let opened = value.matches("{{ $").count();
            let closed = value.matches(" }}").count();
            let braces = value.matches("{{").count().max(value.matches("}}").count());
            (opened != closed || opened != braces).then(|| "a template that is not whole".to_owned())
        }
        _ => None,
    }
}

/// A scalar on one line: plain, or in double quotes without escapes.
fn scalar(text: &str) -> Result<&str, &'static str> {
    if !text.is_empty() && !text.starts_with(' ') {
        return Err("no space after the colon");
    }
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('"') {
        let inner = rest.strip_suffix('"').ok_or("a quote without an end")?;
        return if inner.contains(['"', '\\']) { Err("a quote or an escape in quotes") } else { Ok(inner) };
    }
    // What YAML would read as something else than this text.
    let special = text.starts_with(|first: char| "&*!|>%@`'{}[],?#".contains(first));
    if special || text.contains(": ") || text.contains(" #") || text.ends_with(':') {
        return Err("YAML needs quotes here");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = include_str!("../../deploy/prometheus/ottla.rules.yml");

    #[test]
    fn the_alerts_are_rules_that_prometheus_takes() {
        let names = check(RULES).expect("nothing is wrong");
        assert!(names.len() >= 13, "{names:?}");
        for documented in ["KafkaConsumerLagHigh", "KafkaDeadLetters", "KafkaProcessingSlow"] {
            assert!(names.iter().any(|name| name == documented), "{names:?}");
        }
    }

    #[test]
    fn every_kind_of_mistake_is_found() {
        for (right, broken) in [
            (
                "expr: sum by (group, topic) (kafka_consumer_lag) > 1000",
                "expr: sum by (group, topic (kafka_consumer_lag) > 1000",
            ),
            ("rate(kafka_processing_duration_seconds_bucket[5m])", "rate(kafka_processing_duration_seconds_bucket)"),
            ("ottla_ready == 0", "ottla_ready[5m]"),
            ("up{job=~\"ottla.*\"} == 0", "up{job=~\"ottla.*} == 0"),
            ("for: 30s", "for: 30 seconds"),
            ("        for: 30s", "       for: 30s"),
            ("        labels:\n", "        label:\n"),
            ("severity: critical", "severity: bad"),
            ("- alert: OttlaDown", "- alert: OttlaNotReady"),
            ("{{ $labels.group }} is", "{{ $labels.group } is"),
            ("description: Its /health/ready says why.", "description: Its: /health/ready says why."),
            ("          description: Its /health/ready says why.\n", ""),
            ("      - alert: OttlaDown\n", ""),
            ("summary: \"{{ $labels.instance }} does not answer\"", "summary: {{ $labels.instance }} does not answer"),
        ] {
            assert!(RULES.contains(right), "{right}");
            assert!(check(&RULES.replacen(right, broken, 1)).is_err(), "{broken}");
        }
    }
}
