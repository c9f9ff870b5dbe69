use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

/// An amount in minor units (cents), in JSON a number with two decimals.
///
/// It is read from the number's digits and never passes through a floating-point number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// Not a number with at most two decimals that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount with at most 2 decimals")]
pub struct ParseMoneyError;

impl Money {
    /// So many minor units.
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// The minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// `quantity` times this amount; `None` if it does not fit.
    pub fn times(self, quantity: u32) -> Option<Self> {
        self.0.checked_mul(i64::from(quantity)).map(Self)
    }

    /// The sum; `None` if it does not fit.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl FromStr for Money {
    type Err = ParseMoneyError;

    /// Reads a JSON number, also one with an exponent.
    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| ParseMoneyError)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if whole.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(ParseMoneyError);
        }
        let significant = digits.trim_end_matches('0');
        // What the last significant digit counts, as a power of ten of minor units.
        let dropped = length(&digits)?.saturating_sub(length(significant)?);
        let power = exponent.saturating_sub(length(fraction)?).saturating_add(dropped).saturating_add(2);
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self(0));
        }
        // A negative power is a third decimal.
        let scale = u32::try_from(power).ok().and_then(|power| 10_i64.checked_pow(power)).ok_or(ParseMoneyError)?;
        let minor = significant.parse::<i64>().ok().and_then(|n| n.checked_mul(scale)).ok_or(ParseMoneyError)?;
        Ok(Self(if negative { -minor } else { minor }))
    }
}

fn length(digits: &str) -> Result<i32, ParseMoneyError> {
    i32::try_from(digits.len()).map_err(|_| ParseMoneyError)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let minor = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer)?.get().parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_by_their_digits() {
        let check = |json: &str, minor: Option<i64>| {
            assert_eq!(serde_json::from_str::<Money>(json).ok().map(Money::minor), minor, "{json}");
        };
        check("49.99", Some(4999));
        check("99.9", Some(9990));
        check("50", Some(5000));
        check("0.10", Some(10));
        check("-0.05", Some(-5));
        check("1.2300", Some(123));
        check("1e2", Some(10_000));
        check("1.5E+1", Some(1500));
        check("12300e-2", Some(12_300));
        check("0e999999999", Some(0));
        check("90071992547409.93", Some(9_007_199_254_740_993));
        check("92233720368547758.07", Some(i64::MAX));
        check("92233720368547758.08", None);
        check("1.005", None);
        check("1e-3", None);
        check("1e99", None);
        check("1e99999999999", None);
        check("\"49.99\"", None);
        check("true", None);
        check("null", None);
    }

    #[test]
    fn amounts_are_written_with_two_decimals() {
        for (minor, json) in [(4999, "49.99"), (5000, "50.00"), (-5, "-0.05"), (i64::MIN, "-92233720368547758.08")] {
            assert_eq!(serde_json::to_string(&Money(minor)).expect("writes"), json);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(minor in -i64::MAX..) {
            prop_assert_eq!(Money(minor).to_string().parse(), Ok(Money(minor)));
        }
    }
}
