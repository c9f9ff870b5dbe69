//! What rustls-graviola asks of the processor. It checks at the first handshake, by a panic: we check when configured.

/// The features that this processor lacks.
pub(super) fn missing() -> Vec<&'static str> {
    lacking(&features())
}

fn lacking(features: &[(&'static str, bool)]) -> Vec<&'static str> {
    features.iter().filter_map(|(name, there)| (!there).then_some(*name)).collect()
}

#[cfg(target_arch = "x86_64")]
fn features() -> [(&'static str, bool); 7] {
    [
        ("adx", is_x86_feature_detected!("adx")),
        ("aes", is_x86_feature_detected!("aes")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi1", is_x86_feature_detected!("bmi1")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
    ]
}

#[cfg(target_arch = "aarch64")]
fn features() -> [(&'static str, bool); 4] {
    use std::arch::is_aarch64_feature_detected;
    [
        ("aes", is_aarch64_feature_detected!("aes")),
        ("neon", is_aarch64_feature_detected!("neon")),
        ("pmull", is_aarch64_feature_detected!("pmull")),
        ("sha2", is_aarch64_feature_detected!("sha2")),
    ]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> [(&'static str, bool); 1] {
    [("x86-64 or aarch64", false)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_feature_is_named() {
        assert_eq!(lacking(&[("adx", false), ("aes", true), ("avx2", false)]), ["adx", "avx2"]);
        assert_eq!(lacking(&[("adx", true)]), Vec::<&str>::new());
    }
}
