/// What is said of a name that nobody knows, with the known name that it is a slip of the pen away from.
pub(super) fn unknown(name: &str, known: impl IntoIterator<Item = String>) -> String {
    let close = known.into_iter().map(|known| (distance(name, &known), known)).min();
    match close {
        Some((slips, known)) if slips <= 2 => format!("{name} is not known: did you mean {known}?"),
        _ => format!("{name} is not known"),
    }
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

    #[test]
    fn the_distance_counts_slips() {
        for (a, b, slips) in [("", "", 0), ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "xbc", 1), ("", "abc", 3)] {
            assert_eq!(distance(a, b), slips, "{a} {b}");
        }
    }

    #[test]
    fn what_was_meant_is_named_where_it_is_close() {
        let known = || ["KAFKA_BROKERS".to_owned(), "KAFKA_SSL".to_owned()];
        assert_eq!(unknown("KAFKA_BROKER", known()), "KAFKA_BROKER is not known: did you mean KAFKA_BROKERS?");
        assert_eq!(unknown("KAFKA_PORT_9092_TCP", known()), "KAFKA_PORT_9092_TCP is not known");
    }
}
