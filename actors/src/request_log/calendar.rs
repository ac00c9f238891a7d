//! Which day it is where the operator is.

use atelier_domain::time::Millis;
use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;

/// Days of one time zone.
#[derive(Debug, Clone, Copy)]
pub struct Calendar {
    zone: Tz,
}

impl Default for Calendar {
    /// The days of UTC.
    fn default() -> Self {
        Self { zone: Tz::UTC }
    }
}

impl Calendar {
    /// The days of the time zone with this IANA name, such as `Europe/Berlin`; none when there is none.
    pub fn of(zone: &str) -> Option<Self> {
        zone.parse().ok().map(|zone| Self { zone })
    }

    /// The day of this time, such as `2026-01-31`. Later days come later in the alphabet.
    pub fn day(&self, at: Millis) -> String {
        let time: DateTime<Utc> = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
        time.with_timezone(&self.zone).date_naive().to_string()
    }

    /// The last days up to this time, latest first.
    pub fn days(&self, at: Millis, many: u64) -> Vec<String> {
        let time: DateTime<Utc> = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
        let today = time.with_timezone(&self.zone).date_naive();
        let back = |days| today.checked_sub_days(Days::new(days)).map(|day| day.to_string());
        (0..many).filter_map(back).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn midnight_is_where_the_operator_is_and_summer_time_is_known() {
        let at = |text: &str| Millis(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
        for (zone, time, day) in [
            ("UTC", "2026-01-31T23:59:59Z", "2026-01-31"),
            ("UTC", "2026-02-01T00:00:00Z", "2026-02-01"),
            ("Asia/Shanghai", "2026-01-31T16:00:00Z", "2026-02-01"),
            ("Europe/Berlin", "2026-07-01T22:00:00Z", "2026-07-02"),
            ("Europe/Berlin", "2026-12-01T22:59:59Z", "2026-12-01"),
            ("America/Los_Angeles", "2026-01-01T07:59:59Z", "2025-12-31"),
        ] {
            assert_eq!(Calendar::of(zone).unwrap().day(at(time)), day, "{zone} {time}");
        }
        assert!(Calendar::of("Mars/Olympus").is_none());
        let utc = Calendar::of("UTC").unwrap();
        assert_eq!(utc.days(at("2026-03-01T00:00:00Z"), 2), ["2026-03-01", "2026-02-28"]);
    }
}
