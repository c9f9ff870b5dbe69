//! How fast a measured value grows.

/// The slope of the line through `samples` of (time, value) that fits them best (least squares), in value by time; 0 for
/// fewer than two times. A line through all samples hides neither a leak behind two lucky points nor noise as a leak.
pub fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (time, value) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let covariance: f64 = samples.iter().map(|(t, v)| (t - time) * (v - value)).sum();
    let variance: f64 = samples.iter().map(|(t, _)| (t - time).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

/// The value below which `share` (0 to 1) of `values` lie; 0 of none.
pub fn quantile<T: Copy + Ord + Default>(values: &mut [T], share: f64) -> T {
    values.sort_unstable();
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_seen_through_noise_and_noise_is_none() {
        let noise = |n: i32| f64::from((n * 7919) % 100) / 10.0;
        let line = |by: f64| (0..600).map(|n| (f64::from(n), by * f64::from(n) + noise(n))).collect::<Vec<_>>();
        assert!((slope(&line(0.5)) - 0.5).abs() < 0.01);
        assert!(slope(&line(0.0)).abs() < 0.01);
        assert!(slope(&[(1.0, 5.0)]).abs() < f64::EPSILON);
        assert!(slope(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let mut values: Vec<u32> = (1..=100).rev().collect();
        assert_eq!(
            (quantile(&mut values, 0.5), quantile(&mut values, 0.99), quantile(&mut values, 1.0)),
            (51, 100, 100)
        );
        assert_eq!(quantile::<u32>(&mut [], 0.5), 0);
    }
}
