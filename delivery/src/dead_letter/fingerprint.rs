//! One name for the same trouble, so that its dead letters can be counted and sent back together.

/// A fingerprint of 16 hex digits. Numbers in the error text do not count: "offset 17" and "offset 18" are one trouble.
pub(super) fn fingerprint(topic: &str, kind: &str, error: &str) -> String {
    let mut hash = Fnv1a(0xcbf2_9ce4_8422_2325);
    hash.text(topic);
    hash.text(kind);
    let mut in_number = false;
    for byte in error.bytes() {
        if !byte.is_ascii_digit() {
            hash.byte(byte);
        } else if !in_number {
            hash.byte(b'#');
        }
        in_number = byte.is_ascii_digit();
    }
    format!("{:016x}", hash.0)
}

/// FNV-1a with 64 bits: stable over versions and platforms, which std's hashers do not promise.
struct Fnv1a(u64);

impl Fnv1a {
    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    /// A text and an end mark, so that ("ab", "c") is not ("a", "bc").
    fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
        self.byte(0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_count_but_everything_else_does() {
        let first = fingerprint("orders", "handler", "no stock for item 17 at 12:30");
        assert_eq!(first.len(), 16);
        assert_eq!(first, fingerprint("orders", "handler", "no stock for item 4 at 9:05"));
        for other in [
            fingerprint("users", "handler", "no stock for item 17 at 12:30"),
            fingerprint("orders", "timeout", "no stock for item 17 at 12:30"),
            fingerprint("orders", "handler", "no stock for item x at 12:30"),
            fingerprint("ordersh", "andler", "no stock for item 17 at 12:30"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn it_never_changes() {
        assert_eq!(fingerprint("", "", ""), "0a99c907b6f64763".to_owned());
    }
}
