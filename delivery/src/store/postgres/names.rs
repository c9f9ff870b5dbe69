//! Names of tables: they come from code only, and are checked and quoted all the same.

use crate::store::StoreError;

/// PostgreSQL cuts longer names.
const LENGTH_MAX: usize = 63;

/// Why `name` cannot be a table of the store.
pub(super) fn check(name: &str) -> Result<(), String> {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if name.len() > LENGTH_MAX
        || !name.bytes().all(letters)
        || !name.starts_with(|first: char| first.is_ascii_lowercase())
    {
        return Err(format!(
            "'{}' is no name for a table: a letter, then letters, digits, _ or -, all small, {LENGTH_MAX} at most",
            name.escape_default()
        ));
    }
    if name.starts_with("pg_") || name.starts_with("ottla_") {
        return Err(format!("'{name}' is no name for a table: pg_ and ottla_ are taken"));
    }
    Ok(())
}

/// `name` as it stands in a statement.
pub(super) fn quoted(name: &str) -> Result<String, StoreError> {
    check(name).map_err(|problem| StoreError::Invalid { problems: vec![problem] })?;
    Ok(format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_need_no_escaping_are_taken() {
        let longest = "a".repeat(63);
        for name in ["orders", "order-states", "order_states", "t2", "a", &longest] {
            assert_eq!(quoted(name), Ok(format!("\"{name}\"")));
        }
        let too_long = "a".repeat(64);
        for name in
            ["", "Orders", "2t", "-t", "_t", "a\"; drop table b; --", "größe", "a b", "pg_x", "ottla_x", &too_long]
        {
            assert!(quoted(name).is_err(), "{name}");
        }
    }
}
