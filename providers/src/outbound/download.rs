//! Files that an upstream names: its results. With the key as long as they are at the upstream's own origin, through the guard
//! and without it everywhere else.

use super::{Answer, Ask, Outbound, Payload, Unanswered};
use crate::{
    fetch::{redirect_target, target},
    http::ProxyUrl,
};
use awc::http::{
    Method,
    header::{HeaderName, HeaderValue},
};
use std::time::Duration;
use url::Url;

/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// What to get, and for whom.
pub(crate) struct Download<'a> {
    /// The file, absolute or from the base.
    pub url: &'a str,
    /// The upstream's base, whose origin the key belongs to.
    pub base: &'a Url,
    /// The key, as headers.
    pub key: &'a [(HeaderName, HeaderValue)],
    /// Longest wait for the head of each answer.
    pub patience: Duration,
    /// Through whom.
    pub proxy: Option<&'a ProxyUrl>,
}

/// Why there is no answer to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DownloadError {
    /// It is nothing that can be fetched.
    BadUrl(&'static str),
    /// More redirects than are followed.
    TooManyRedirects,
    /// It was asked for, and no answer came.
    Unanswered(Unanswered),
}

impl Outbound {
    /// Asks for a file and follows redirects, to the head of an answer of any other status.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub(crate) async fn download(&self, download: Download<'_>) -> Result<Answer, DownloadError> {
        let Download { url, base, key, patience, proxy } = download;
        let joined = base.join(url).map_err(|_| DownloadError::BadUrl("the URL of a result is malformed"))?;
        let mut url = target(joined.as_str()).map_err(DownloadError::BadUrl)?;
        for _ in 0..=REDIRECTS {
            let at_home = url.origin() == base.origin();
            let headers = if at_home { key } else { &[] };
            let ask =
                Ask { method: Method::GET, url: &url, headers, payload: Payload::Nothing, patience, proxy };
            let answer = if at_home { self.ask(ask).await } else { self.ask_guarded(ask).await };
            let answer = answer.map_err(DownloadError::Unanswered)?;
            if !matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer.header("location").unwrap_or_default();
            url = redirect_target(&url, location).map_err(DownloadError::BadUrl)?;
        }
        Err(DownloadError::TooManyRedirects)
    }
}
