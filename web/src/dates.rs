//! Dates as older clients read them.

use atelier_domain::time::Millis;
use chrono::{DateTime, SecondsFormat};

/// A date in ISO 8601, to the second and in UTC, such as `2026-01-15T12:00:00Z`.
pub fn iso(at: Millis) -> String {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_in_utc_and_no_date_breaks_it() {
        assert_eq!(iso(Millis(1_768_478_400_999)), "2026-01-15T12:00:00Z");
        assert_eq!(iso(Millis(i64::MAX)), "1970-01-01T00:00:00Z");
    }
}
