//! From measurements to figures.

use std::time::Duration;

/// The value below which the given share lies; zero of nothing.
pub fn quantile(waits: &mut [Duration], share: f64) -> Duration {
    waits.sort_unstable();
    let last = waits.len().saturating_sub(1);
    waits.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// The middle value; NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => (values[length / 2 - 1] + values[length / 2]) / 2.0,
    }
}

/// So many per second.
pub fn rate(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// In milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// CPU time per piece of work, in microseconds.
pub fn us_each(cpu: Duration, count: usize) -> f64 {
    cpu.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// `met` or `MISSED`, for the last column of a table.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_tail_are_where_they_should_be() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        let mut waits: Vec<_> = (1..=101).rev().map(Duration::from_millis).collect();
        assert_eq!(quantile(&mut waits, 0.5), Duration::from_millis(51));
        assert_eq!(quantile(&mut waits, 0.99), Duration::from_millis(100));
        assert_eq!(quantile(&mut [], 0.5), Duration::ZERO);
    }
}
