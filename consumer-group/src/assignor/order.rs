//! The order of members, which all clients of a mixed group must agree on, whoever leads it.

use std::cmp::Ordering;

use super::Subscriber;

/// Java's `MemberInfo`: static members first, by instance id; then dynamic ones, by member id.
pub(super) fn members(a: &Subscriber, b: &Subscriber) -> Ordering {
    match (&a.instance_id, &b.instance_id) {
        (Some(a), Some(b)) => java(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => java(&a.member_id, &b.member_id),
    }
}

/// Java compares UTF-16 units.
fn java(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}
