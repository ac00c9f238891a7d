//! When an upstream says that it will be well again: in headers, or in words.

use atelier_domain::time::Millis;
use awc::http::header::HeaderMap;
use std::time::{Duration, UNIX_EPOCH};

/// Nobody's hint is believed for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// What comes before a time in words.
const LEADS: &[&str] = &["try again in ", "retry in ", "retry after ", "resets in ", "again after ", "wait "];

/// The time that an answer names. `words` are in lower case.
pub(crate) fn retry_at(headers: Option<&HeaderMap>, words: &str, now: Millis) -> Option<Millis> {
    let header = |name: &str| headers?.get(name)?.to_str().ok().map(str::trim);
    let after_ms = header("retry-after-ms").and_then(number).map(|ms| ms / 1000.0);
    let after = || header("retry-after").and_then(|text| number(text).or_else(|| until(text, now)));
    let reset = || header("x-ratelimit-reset-requests").and_then(span);
    let seconds = after_ms.or_else(after).or_else(|| in_words(words)).or_else(reset)?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?.min(LONGEST);
    Some(now + wait)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// Seconds until an HTTP date.
fn until(text: &str, now: Millis) -> Option<f64> {
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let at = Millis(i64::try_from(at.as_millis()).ok()?);
    Some(at.since(now).as_secs_f64())
}

fn in_words(words: &str) -> Option<f64> {
    LEADS.iter().find_map(|lead| {
        let rest = &words[words.find(lead)? + lead.len()..];
        span(rest.trim_start_matches(['~', ' ']))
    })
}

/// Seconds in a span such as `20s`, `1m30.5s`, `350ms`, `6m0s`, `20 seconds`, `1h`; a bare number is seconds.
fn span(text: &str) -> Option<f64> {
    let mut rest = text.trim_start();
    let (mut total, mut found) = (0.0, false);
    loop {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let Some(value) = number(rest[..digits].trim_end_matches('.')) else { break };
        let after = rest[digits..].trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = match &after[..letters] {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => break,
        };
        total += value * unit;
        found = true;
        rest = &after[letters..];
    }
    found.then_some(total)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use awc::http::header::{HeaderName, HeaderValue};

    const NOW: Millis = Millis(784_111_777_000);

    fn wait(headers: &[(&'static str, &str)], words: &str) -> Option<i64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        retry_at(Some(&map), words, NOW).map(|at| at.0 - NOW.0)
    }

    #[test]
    fn every_way_to_name_a_time_is_read_and_the_most_exact_one_counts() {
        for (headers, words, expected) in [
            (&[("retry-after-ms", "1500.5"), ("retry-after", "9")][..], "", Some(1500)),
            (&[("retry-after", "20")], "try again in 5s", Some(20_000)),
            (&[("retry-after", "0.5")], "", Some(500)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], "", Some(60_000)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], "", Some(0)),
            (&[("retry-after", "soon")], "please try again in 20s. contact us", Some(20_000)),
            (&[], "please try again in 350ms.", Some(350)),
            (&[], "please try again in 1m30.5s", Some(90_500)),
            (&[], "please retry in 20.0s.", Some(20_000)),
            (&[], "your rate limit resets in ~30s.", Some(30_000)),
            (&[], "try again in 2 minutes", Some(120_000)),
            (&[("x-ratelimit-reset-requests", "6m0s")], "slow down", Some(360_000)),
            (&[("retry-after", "9999999999")], "", Some(86_400_000)),
            (&[("retry-after", "-1")], "", None),
            (&[], "try again later", None),
            (&[], "", None),
        ] {
            assert_eq!(wait(headers, words), expected, "{headers:?} {words}");
        }
    }
}
