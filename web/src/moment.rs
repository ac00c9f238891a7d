//! Times as texts, where older clients know no other: UTC, with a `Z` that keeps browsers from taking them for local time.

use atelier_domain::time::Millis;
use chrono::{DateTime, NaiveDateTime, SecondsFormat};

/// Such as `2026-01-31T23:59:59Z`.
pub fn text(at: Millis) -> String {
    DateTime::from_timestamp_millis(at.0)
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default()
}

/// Reads a time with or without an offset (then it is UTC), or seconds since the epoch.
pub fn read(text: &str) -> Option<Millis> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return (0..=253_402_300_799).contains(&seconds).then_some(Millis(seconds * 1000));
    }
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_millis());
    let bare = || text.parse::<NaiveDateTime>().map(|time| time.and_utc().timestamp_millis());
    zoned.or_else(|_| bare()).ok().map(Millis)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_read_back_however_they_are_written() {
        let at = Millis(1_735_689_599_000);
        assert_eq!(text(at), "2024-12-31T23:59:59Z");
        for written in
            ["2024-12-31T23:59:59Z", "2024-12-31T23:59:59", "2025-01-01T07:59:59+08:00", "1735689599"]
        {
            assert_eq!(read(written), Some(at), "{written}");
        }
        for odd in ["", "tomorrow", "2024-12-31", "-1", "99999999999999"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
