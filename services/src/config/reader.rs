//! Reading variables one by one, and collecting every problem.

use std::{collections::BTreeMap, ffi::OsString, fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

/// The variables whose names begin so are ours.
const PREFIX: &str = "KAFKA_";

/// Known, but of other parts of the stack.
const ELSEWHERE: &[&str] = &["KAFKA_SCHEMA_REGISTRY_URL"];

/// Variables that are taken one by one; what is left is not known.
#[derive(Debug)]
pub(super) struct Reader {
    variables: BTreeMap<String, OsString>,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl Reader {
    /// Takes the variables that are ours and not empty.
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some((name, value)).filter(|(_, value)| !value.is_empty())
        };
        Self {
            variables: variables.into_iter().filter_map(ours).collect(),
            known: ELSEWHERE.to_vec(),
            problems: Vec::new(),
        }
    }

    /// The value of `name`, if it is set and valid.
    pub(super) fn take<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.known.push(name);
        let value = self.variables.remove(name)?;
        let Some(text) = value.to_str() else {
            self.problems.push(format!("{name} is not UTF-8"));
            return None;
        };
        match read(text) {
            Ok(value) => Some(value),
            // A secret's value is not repeated.
            Err(problem) => {
                self.problems.push(format!("{name}: {problem}"));
                None
            }
        }
    }

    /// Text as it is.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |text| Ok(text.to_owned()))
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.take(name, |text| match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(format!("'{}' is neither true nor false", text.escape_debug())),
        })
    }

    /// A number within `range`.
    pub(super) fn number<T>(&mut self, name: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.take(name, |text| {
            let (least, most) = (range.start(), range.end());
            let number = text.trim().parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| format!("'{}' is not a number from {least} to {most}", text.escape_debug()))
        })
    }

    /// Milliseconds, above 0.
    pub(super) fn millis(&mut self, name: &'static str) -> Option<Duration> {
        self.number(name, 1..=i32::MAX as u64).map(Duration::from_millis)
    }

    /// Another problem, found by looking at several variables.
    pub(super) fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// The names that were asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.known.iter().copied()
    }

    /// The problems, and a warning for each variable that nobody knows.
    pub(super) fn finish(mut self) -> (Vec<String>, Vec<String>) {
        self.variables.retain(|name, _| !self.known.contains(&name.as_str()));
        let warning = |name: &String| match nearest(name, &self.known) {
            Some(known) => format!("{name} is not known: did you mean {known}?"),
            None => format!("{name} is not known and has no effect"),
        };
        (self.problems, self.variables.keys().map(warning).collect())
    }
}

/// The known name that `name` is a slip of the pen away from.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = known.iter().map(|known| (distance(name, known), *known)).min()?;
    (close.0 <= 2).then_some(close.1)
}

/// How many letters must be put in, left out or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, of_a) in a.bytes().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
        for (j, of_b) in b.bytes().enumerate() {
            let left = row.get(j).copied().unwrap_or_default();
            let Some(cell) = row.get_mut(j.saturating_add(1)) else { continue };
            let replaced = diagonal.saturating_add(usize::from(of_a != of_b));
            diagonal = *cell;
            *cell = replaced.min(left.saturating_add(1)).min(diagonal.saturating_add(1));
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(variables: &[(&str, &str)]) -> Reader {
        Reader::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn an_unknown_variable_is_named_with_what_was_meant() {
        let mut reader = reader(&[
            ("KAFKA_BROKER", "x"),
            ("KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092"),
            ("KAFKA_SCHEMA_REGISTRY_URL", "http://x"),
            ("KAFKA_EMPTY", ""),
            ("OTHER", "x"),
        ]);
        assert_eq!(reader.text("KAFKA_BROKERS"), None);
        let (problems, warnings) = reader.finish();
        assert_eq!(problems, Vec::<String>::new());
        let expected = [
            "KAFKA_BROKER is not known: did you mean KAFKA_BROKERS?",
            "KAFKA_PORT_9092_TCP is not known and has no effect",
        ];
        assert_eq!(warnings, expected);
    }

    #[test]
    fn values_that_are_not_valid_are_collected() {
        let mut reader = reader(&[("KAFKA_A", "maybe"), ("KAFKA_B", "0"), ("KAFKA_C", "TRUE"), ("KAFKA_D", " 7 ")]);
        assert_eq!((reader.flag("KAFKA_A"), reader.millis("KAFKA_B")), (None, None));
        assert_eq!((reader.flag("KAFKA_C"), reader.number("KAFKA_D", 1..=9)), (Some(true), Some(7)));
        let (problems, _) = reader.finish();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("KAFKA_A: 'maybe'") && problems[1].starts_with("KAFKA_B: '0'"), "{problems:?}");
    }

    #[test]
    fn the_distance_counts_slips() {
        for (a, b, slips) in [("", "", 0), ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "xbc", 1), ("", "abc", 3)] {
            assert_eq!(distance(a, b), slips, "{a} {b}");
        }
    }
}
