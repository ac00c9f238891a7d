//! What the head of an answer means: a body to read, a redirect, or an error.

use atelier_domain::fetch::{FetchError, FetchErrorKind, FetchLimits};
use awc::http::{
    StatusCode, Version,
    header::{self, HeaderMap, HeaderName},
};

/// The longest media type that is worth keeping.
const LONGEST_TYPE: usize = 127;

/// What to do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Read its body.
    Body { media_type: Option<String>, length: Option<u64> },
    /// Ask there instead; as written, and not judged yet.
    Redirect(String),
}

/// Reads the head of an answer. `place` is the server, for the log.
pub(super) fn read(
    (version, status): (Version, StatusCode),
    headers: &HeaderMap,
    limits: FetchLimits,
    place: &str,
) -> Result<Answer, FetchError> {
    let failed = |kind, why: &str| FetchError::new(kind, format!("{place}: {why}"));
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        let location = text(headers, header::LOCATION);
        let nowhere = || failed(FetchErrorKind::BadRedirect("it is missing"), "a redirect to nowhere");
        return location.map(|location| Answer::Redirect(location.to_owned())).ok_or_else(nowhere);
    }
    if status != StatusCode::OK {
        return Err(failed(FetchErrorKind::Status(status.as_u16()), "not 200"));
    }
    let plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
    let mut codings = headers.get_all(header::CONTENT_ENCODING);
    if !codings.all(|coding| coding.to_str().is_ok_and(|coding| coding.split(',').all(plain))) {
        return Err(failed(FetchErrorKind::Encoded, "a body in a content coding"));
    }
    // awc takes an unreadable length for a broken head, so a length that is here is a number.
    let length = text(headers, header::CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
    if length.is_some_and(|length| length > limits.bytes) {
        return Err(failed(FetchErrorKind::TooLarge(limits.bytes), "the announced length is too large"));
    }
    // Such a body would last until the connection closes, and awc takes it for an empty one.
    if version == Version::HTTP_11 && length.is_none() && !headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(failed(FetchErrorKind::Broken, "a body with neither a length nor chunks"));
    }
    Ok(Answer::Body { media_type: media_type(headers), length })
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let essence = text(headers, header::CONTENT_TYPE)?.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty() && essence.len() <= LONGEST_TYPE).then_some(essence)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use awc::http::header::HeaderValue;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Result<Answer, FetchErrorKind> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let line = (Version::HTTP_11, StatusCode::from_u16(status).unwrap());
        read(line, &map, FetchLimits { bytes: 100 }, "a.example:80").map_err(|error| error.kind)
    }

    #[test]
    fn only_a_plain_200_of_a_known_end_has_a_body() {
        let body = |media_type: Option<&str>, length| {
            Ok(Answer::Body { media_type: media_type.map(str::to_owned), length })
        };
        let typed = [("content-length", "100"), ("content-type", "Image/PNG; x=y")];
        assert_eq!(answer(200, &typed), body(Some("image/png"), Some(100)));
        assert_eq!(answer(200, &[("transfer-encoding", "chunked")]), body(None, None));
        let identity = [("content-encoding", "identity"), ("content-length", "0")];
        assert_eq!(answer(200, &identity), body(None, Some(0)));
        for (coding, kind) in [("gzip", FetchErrorKind::Encoded), ("identity, br", FetchErrorKind::Encoded)] {
            assert_eq!(answer(200, &[("content-encoding", coding), ("content-length", "9")]), Err(kind));
        }
        assert_eq!(answer(200, &[("content-length", "101")]), Err(FetchErrorKind::TooLarge(100)));
        assert_eq!(answer(200, &[]), Err(FetchErrorKind::Broken));
        for status in [201, 204, 206, 300, 304, 404, 500] {
            assert_eq!(answer(status, &typed), Err(FetchErrorKind::Status(status)));
        }
    }

    #[test]
    fn a_redirect_names_its_target_or_is_none() {
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(answer(status, &[("location", "/x")]), Ok(Answer::Redirect("/x".to_owned())));
            assert_eq!(answer(status, &[]), Err(FetchErrorKind::BadRedirect("it is missing")));
        }
    }
}
