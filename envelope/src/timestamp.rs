use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

/// An instant in milliseconds since 1970, in the years 0 to 9999.
///
/// It is written like `2024-01-15T10:30:00.000Z`. It is read more leniently: with any offset, without one (UTC, as
/// Python's `isoformat` writes), and as a number of seconds or milliseconds (as Spring's Jackson writes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text or number that is no timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no timestamp like 2024-01-15T10:30:00.000Z")]
pub struct ParseTimestampError;

/// Whole numbers below are seconds (until the year 5138), above milliseconds (from 1973 on).
const SECONDS_BELOW: i64 = 100_000_000_000;

/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: what four digits of a year can say.
const FIRST_MS: i64 = -62_167_219_200_000;
const LAST_MS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The instant `ms` milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Outside the years 0 to 9999.
    pub fn from_millis(ms: i64) -> Result<Self, ParseTimestampError> {
        if (FIRST_MS..=LAST_MS).contains(&ms) { Ok(Self(ms)) } else { Err(ParseTimestampError) }
    }

    /// The instant `ms` milliseconds after 1970-01-01T00:00:00Z, or the nearest that can be written. For a clock's time.
    pub fn saturating_from_millis(ms: i64) -> Self {
        Self(ms.clamp(FIRST_MS, LAST_MS))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0
    }

    fn from_whole(number: i64) -> Result<Self, ParseTimestampError> {
        if number.unsigned_abs() < SECONDS_BELOW.unsigned_abs() {
            Self::from_millis(number.saturating_mul(1000))
        } else {
            Self::from_millis(number)
        }
    }

    fn from_seconds(seconds: f64) -> Result<Self, ParseTimestampError> {
        // Beyond this an f64 does not count milliseconds any more, and no year fits either.
        if seconds.abs() > 1e12 {
            return Err(ParseTimestampError);
        }
        Self::from_millis((seconds * 1000.0).round() as i64)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Self::from_millis(time.timestamp_millis());
        }
        let time = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .ok_or(ParseTimestampError)?;
        Self::from_millis(time.and_utc().timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            // The constructor refuses what chrono cannot write.
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lenient;

        impl Visitor<'_> for Lenient {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a timestamp")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Timestamp, E> {
                Timestamp::from_whole(number).map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Timestamp, E> {
                Timestamp::from_seconds(seconds).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Lenient)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read_and_one_is_written() {
        let check = |json: &str, written: &str| {
            let read: Timestamp = serde_json::from_str(json).expect(json);
            assert_eq!(read.to_string(), written, "{json}");
        };
        check(r#""2024-01-15T10:30:00.000Z""#, "2024-01-15T10:30:00.000Z");
        check(r#""2024-01-15T10:30:00Z""#, "2024-01-15T10:30:00.000Z");
        check(r#""2024-01-15T11:30:00.1234567+01:00""#, "2024-01-15T10:30:00.123Z");
        check(r#""2024-01-15T10:30:00.123456""#, "2024-01-15T10:30:00.123Z");
        check(r#""2024-01-15 10:30:00""#, "2024-01-15T10:30:00.000Z");
        check("1705314600", "2024-01-15T10:30:00.000Z");
        check("1705314600000", "2024-01-15T10:30:00.000Z");
        check("1705314600.123456789", "2024-01-15T10:30:00.123Z");
        check("-1", "1969-12-31T23:59:59.000Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for json in
            [r#""""#, r#""yesterday""#, r#""2024-13-15T10:30:00Z""#, "18446744073709551615", "1e300", "true", "[]"]
        {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_clock_beyond_the_calendar_stays_on_it() {
        assert_eq!(Timestamp::saturating_from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::saturating_from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert!(Timestamp::from_millis(LAST_MS + 1).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ms in FIRST_MS..=LAST_MS) {
            let timestamp = Timestamp::from_millis(ms).expect("in range");
            prop_assert_eq!(timestamp.to_string().len(), 24);
            prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
    }
}
