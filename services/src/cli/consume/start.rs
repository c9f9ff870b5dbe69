//! Where reading begins.

use std::str::FromStr;

use chrono::DateTime;

/// `earliest`, `latest`, an offset, `-N` or `@TIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The first record there is.
    Earliest,
    /// The next record that is written.
    Latest,
    /// This offset.
    Offset(i64),
    /// So many offsets before the end.
    BeforeEnd(i64),
    /// The first record of at least this time, in milliseconds since 1970.
    Time(i64),
    /// The first record that is at most so many milliseconds old.
    Ago(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("'{text}' is not earliest, latest, an offset, -N or @TIME");
        match text {
            "earliest" | "beginning" => return Ok(Self::Earliest),
            "latest" | "end" => return Ok(Self::Latest),
            _ => {}
        }
        if let Some(time) = text.strip_prefix('@').or_else(|| text.strip_prefix("s@")) {
            return Self::at(time);
        }
        match text.strip_prefix('-') {
            Some(count) => digits(count).map(Self::BeforeEnd).ok_or_else(bad),
            None => digits(text).map(Self::Offset).ok_or_else(bad),
        }
    }
}

impl Start {
    fn at(time: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "'@{time}' is no time: @1763719200000 (milliseconds since 1970), @2026-11-21T10:00:00Z, or @-1h (also \
                 s, m, d) ago"
            )
        };
        if let Some(ago) = time.strip_prefix('-') {
            return ago_ms(ago).map(Self::Ago).ok_or_else(bad);
        }
        if let Some(ms) = digits(time) {
            return Ok(Self::Time(ms));
        }
        DateTime::parse_from_rfc3339(time).map(|time| Self::Time(time.timestamp_millis())).map_err(|_| bad())
    }
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn ago_ms(text: &str) -> Option<i64> {
    let split = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(split)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits(count)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_read() {
        for (text, start) in [
            ("earliest", Some(Start::Earliest)),
            ("beginning", Some(Start::Earliest)),
            ("latest", Some(Start::Latest)),
            ("0", Some(Start::Offset(0))),
            ("9223372036854775807", Some(Start::Offset(i64::MAX))),
            ("9223372036854775808", None),
            ("-5", Some(Start::BeforeEnd(5))),
            ("--5", None),
            ("-", None),
            ("", None),
            ("+5", None),
            ("@1700000000000", Some(Start::Time(1_700_000_000_000))),
            ("s@1700000000000", Some(Start::Time(1_700_000_000_000))),
            ("@2023-11-14T22:13:20Z", Some(Start::Time(1_700_000_000_000))),
            ("@2023-11-14T23:13:20.5+01:00", Some(Start::Time(1_700_000_000_500))),
            ("@-90s", Some(Start::Ago(90_000))),
            ("@-2d", Some(Start::Ago(172_800_000))),
            ("@-2", None),
            ("@-h", None),
            ("@yesterday", None),
            ("@", None),
            ("stored", None),
        ] {
            assert_eq!(text.parse().ok(), start, "{text}");
        }
    }
}
