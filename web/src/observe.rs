//! What surrounds every request: its id, its figures, its line in the log; and the paths that clients get slightly wrong.

use crate::problem::JOB_ID;
use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, Uri,
        header::{HeaderName, HeaderValue},
        uri::PathAndQuery,
    },
    middleware::Next,
};
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// The header that names the request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request, such as `req_0199…`.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id that [`observe`] gave to this request.
    pub fn of(request: &HttpRequest) -> String {
        request.extensions().get::<Self>().map(|id| id.0.clone()).unwrap_or_default()
    }
}

/// First segments of client paths that are also answered without `/v1`.
const CLIENT_ROOTS: [&str; 18] = [
    "images",
    "models",
    "credits",
    "quote",
    "videos",
    "chat",
    "files",
    "responses",
    "characters",
    "jobs",
    "tasks",
    "posts",
    "profiles",
    "users",
    "feed",
    "tokens",
    "enhance_prompt",
    "stats",
];

/// The path that a client means: `/v1` may be missing (a base URL without it) or doubled (older examples).
fn intended(path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("/v1/v1/") {
        return Some(format!("/v1/{rest}"));
    }
    let root = path.strip_prefix('/')?.split('/').next()?;
    CLIENT_ROOTS.contains(&root).then(|| format!("/v1{path}"))
}

fn rewrite(request: &mut ServiceRequest) {
    let Some(path) = intended(request.path()) else { return };
    let path = match request.query_string() {
        "" => path,
        query => format!("{path}?{query}"),
    };
    let mut parts = request.uri().clone().into_parts();
    let Ok(target) = PathAndQuery::from_maybe_shared(path) else { return };
    parts.path_and_query = Some(target);
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// The middleware.
pub async fn observe<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let begun = Instant::now();
    let id = format!("req_{}", Uuid::now_v7().simple());
    request.extensions_mut().insert(RequestId(id.clone()));
    rewrite(&mut request);
    let span = tracing::info_span!("request", id = %id);
    let method = request.method().clone();
    let response = next.call(request).instrument(span).await;
    let mut response = response?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    record(&response, &method, &id, begun);
    Ok(response)
}

/// The method as a label: any word may come as a method, and each would be a series for ever.
fn known(method: &Method) -> &'static str {
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let names = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    methods.iter().zip(names).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}

fn record<B>(response: &ServiceResponse<B>, method: &Method, id: &str, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    // The pattern, not the path: one series per route, however many ids there are.
    let route = response.request().match_pattern().unwrap_or_else(|| "none".to_owned());
    let status = response.status().as_u16();
    metrics::histogram!("atelier_http_request_seconds", "route" => route.clone()).record(seconds);
    metrics::counter!("atelier_http_requests_total", "method" => known(method), "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    let ms = (seconds * 1000.0).round();
    let job = response.headers().get(JOB_ID).and_then(|value| value.to_str().ok());
    if status >= 500 {
        tracing::warn!(request_id = id, %method, route, status, ms, job_id = job, "answered");
    } else if *method == Method::GET || *method == Method::HEAD || *method == Method::OPTIONS {
        tracing::debug!(request_id = id, %method, route, status, ms, job_id = job, "answered");
    } else {
        tracing::info!(request_id = id, %method, route, status, ms, job_id = job, "answered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_doubled_v1_is_understood_and_nothing_else_is_touched() {
        for (path, meant) in [
            ("/images/generations", Some("/v1/images/generations")),
            ("/v1/v1/images/jobs/job_1", Some("/v1/images/jobs/job_1")),
            ("/models", Some("/v1/models")),
            ("/v1/images/generations", None),
            ("/media/x", None),
            ("/api/keys", None),
            ("/", None),
            ("/imagesque", None),
        ] {
            assert_eq!(intended(path).as_deref(), meant, "{path}");
        }
    }
}
