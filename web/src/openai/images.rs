//! `images/generations`, `images/edits`, `images/variations`, and the background jobs they make (api.md §1).

use super::{answer, ended, job_view, request, stream};
use crate::{
    auth::Caller,
    body,
    fields::Fields,
    form,
    gateway::Gateway,
    observe::RequestId,
    problem::{ErrorBody, JOB_ID, Problem, REPLAYED},
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::header::HeaderValue,
    web::{self, Data, Path},
};
use atelier_actors::job_supervisor::{NewJob, Submitted};
use atelier_domain::{
    code::Code,
    ids::JobId,
    job::{Job, JobKind, Work},
    price::{Facts, Price},
};
use request::{Asker, ImageRequest, Way};
use std::sync::Arc;

/// Where images are edited.
pub const EDITS: &str = "/v1/images/edits";

const GENERATIONS: &str = "/v1/images/generations";
const VARIATIONS: &str = "/v1/images/variations";

/// The longest Idempotency-Key, in characters.
const IDEMPOTENCY_KEY_CHARS: usize = 255;

/// Make images: waits for them, streams them, or (with `background: true`) answers with a job to poll.
#[utoipa::path(post, path = "/v1/images/generations", tag = "images", request_body = super::request_schema::CreateImage,
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 255 characters: the same key and body get the same answer for 24 h")),
    responses((status = 200, description = "Images, an event stream (`stream: true`), or an `image.job` (`background: true`)", body = answer::ImagesResponse),
        (status = 400, description = "`bad_body`, `missing_prompt`, `unknown_model`, `invalid_image_url`, `content_policy_violation`", body = ErrorBody),
        (status = 401, description = "`invalid_key`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 403, description = "`model_not_allowed`", body = ErrorBody), (status = 413, description = "`body_too_large`", body = ErrorBody),
        (status = 422, description = "`bad_…`, `idempotency_mismatch`", body = ErrorBody), (status = 429, description = "`rate_limit_exceeded`", body = ErrorBody),
        (status = 503, description = "`queue_full`, `upstream_saturated`", body = ErrorBody), (status = 504, description = "`timeout`", body = ErrorBody)))]
pub async fn generate(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let fields = body::json_object(payload, gateway.limits.json_body).await?;
    create(&request, caller, &gateway, fields, (GENERATIONS, Way::Generate)).await
}

/// Edit pictures: a form with `image` once or several times, or JSON with `image`, `images` or `references`.
#[utoipa::path(post, path = "/v1/images/edits", tag = "images",
    request_body(content((super::request_schema::EditImage = "multipart/form-data"), (super::request_schema::EditImage = "application/json"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 255 characters: the same key and body get the same answer for 24 h")),
    responses((status = 200, description = "Images, an event stream (`stream: true`), or an `image.job` (`background: true`)", body = answer::ImagesResponse),
        (status = 400, description = "`bad_body`, `missing_prompt`, `missing_image`, `unknown_model`, `invalid_image_url`, `markup_with_mask`, `content_policy_violation`", body = ErrorBody),
        (status = 401, description = "`invalid_key`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 403, description = "`model_not_allowed`", body = ErrorBody), (status = 404, description = "`file_not_found`", body = ErrorBody),
        (status = 413, description = "`body_too_large`, `storage_limit_exceeded`", body = ErrorBody),
        (status = 422, description = "`bad_…`, `too_many_references`, `mask_unsupported`, `idempotency_mismatch`", body = ErrorBody),
        (status = 429, description = "`rate_limit_exceeded`", body = ErrorBody),
        (status = 503, description = "`queue_full`, `upstream_saturated`", body = ErrorBody), (status = 504, description = "`timeout`", body = ErrorBody)))]
pub async fn edit(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let fields = form::fields(&request, payload, &gateway, &caller).await?;
    create(&request, caller, &gateway, fields, (EDITS, Way::Edit)).await
}

/// Make another picture like the one sent: an edit with words of its own.
#[utoipa::path(post, path = "/v1/images/variations", tag = "images",
    request_body(content((super::request_schema::VaryImage = "multipart/form-data"), (super::request_schema::VaryImage = "application/json"))),
    responses((status = 200, description = "Images", body = answer::ImagesResponse),
        (status = 400, description = "`missing_image`, `invalid_image_url`", body = ErrorBody),
        (status = 402, description = "`insufficient_credits`", body = ErrorBody), (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn vary(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let fields = form::fields(&request, payload, &gateway, &caller).await?;
    create(&request, caller, &gateway, fields, (VARIATIONS, Way::Vary)).await
}

async fn create(
    request: &HttpRequest,
    caller: Caller,
    gateway: &Gateway,
    mut fields: Fields,
    (endpoint, way): (&str, Way),
) -> Result<HttpResponse, Problem> {
    let body_hash = fields.hash(endpoint);
    let origin = answer::origin(request);
    let asker = Asker { gateway, key: &caller.0, origin: &origin };
    let asked = Box::pin(request::read(asker, &mut fields, way)).await?;
    // However long the body was, nothing of it waits for the job.
    drop(fields);
    let (in_background, stream) = (asked.in_background, asked.stream);
    let new = new_job(gateway, request, &caller, (asked, endpoint, body_hash))?;
    let submitted = gateway.jobs.submit(new).await?;
    let (id, replayed) = (submitted.id, submitted.replayed);
    let answered = if in_background {
        job_view::respond(gateway, &submitted.watch.job(), request).await
    } else if stream {
        Ok(stream::respond(gateway.clone(), submitted.watch))
    } else {
        wait(gateway, submitted, &origin).await
    };
    // How a job failed is its answer, too: it is signed like any other.
    let mut response = answered.unwrap_or_else(|problem| problem.error_response());
    sign(&mut response, id, replayed);
    Ok(response)
}

/// A checked request as the supervisor takes it.
pub fn new_job(
    gateway: &Gateway,
    request: &HttpRequest,
    caller: &Caller,
    (asked, endpoint, body_hash): (ImageRequest, &str, String),
) -> Result<NewJob, Problem> {
    let (idempotency_key, is_retry) = repeat_of(request)?;
    Ok(NewJob {
        key: caller.0.clone(),
        endpoint: endpoint.to_owned(),
        model: asked.model.canonical.clone(),
        routes: asked.routes,
        work: Work::Image(asked.image),
        uploads: asked.uploads,
        price: asked.price,
        timeout: gateway.timeout(JobKind::Image),
        awaited: !asked.in_background,
        body_hash,
        idempotency_key,
        is_retry,
        request_id: RequestId::of(request),
        echo: None,
    })
}

/// What a request says about being sent before: its Idempotency-Key, and whether an SDK says that it sends this again.
pub fn repeat_of(request: &HttpRequest) -> Result<(Option<String>, bool), Problem> {
    let retries = request.headers().get("x-stainless-retry-count").and_then(|value| value.to_str().ok());
    let is_retry = retries.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 0);
    Ok((idempotency_key(request)?, is_retry))
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_CHARS => Ok(Some(key.to_owned())),
        _ => {
            let message =
                format!("Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_CHARS} visible ASCII characters");
            Err(Problem::field("idempotency-key", message))
        }
    }
}

/// Says which job answers, and whether an earlier request made it.
pub fn sign(response: &mut HttpResponse, id: JobId, replayed: bool) {
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(JOB_ID, value);
    }
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
}

async fn wait(gateway: &Gateway, submitted: Submitted, origin: &str) -> Result<HttpResponse, Problem> {
    let job = ended::completed(gateway, submitted, None).await?;
    let images = answer::images(gateway, &job, origin).await.map_err(|problem| problem.of_job(job.id))?;
    answer::json(&job, images).await
}

fn own_job(gateway: &Gateway, caller: &Caller, id: &str) -> Result<Arc<Job>, Problem> {
    let unknown = || Problem::new(Code::JobNotFound, "this key has no such job, or it is past its retention");
    let id: JobId = id.parse().map_err(|_| unknown())?;
    let job = gateway.jobs.get(caller.0.id, id)?.ok_or_else(unknown)?;
    if gateway.shows(&job) { Ok(job) } else { Err(unknown()) }
}

/// How a background job is doing, with its images once they are made. Kept for an hour after its end.
#[utoipa::path(get, path = "/v1/images/jobs/{id}", tag = "images", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job", body = job_view::ImageJobView), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn job(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = own_job(&gateway, &caller, &id)?;
    job_view::respond(&gateway, &job, &request).await
}

/// Cancel a job. One that has ended stays as it is.
#[utoipa::path(delete, path = "/v1/images/jobs/{id}", tag = "images", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job as it ended", body = job_view::ImageJobView), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn cancel(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = gateway.cancel(own_job(&gateway, &caller, &id)?).await?;
    job_view::respond(&gateway, &job, &request).await
}

/// What a creating body would cost.
pub async fn quote(
    asker: Asker<'_>,
    fields: &mut Fields,
    endpoint: &str,
) -> Result<serde_json::Value, Problem> {
    let way = match endpoint {
        EDITS => Way::Edit,
        VARIATIONS => Way::Vary,
        _ => Way::Generate,
    };
    let asked = Box::pin(request::read(asker, fields, way)).await?;
    Ok(quoted(&asked.price, &asked.facts))
}

/// A price as a quote says it.
pub fn quoted(price: &Price, facts: &Facts) -> serde_json::Value {
    serde_json::json!({
        "object": "quote", "price": price.total, "currency": "credits", "rule": price.rule, "facts": facts,
    })
}
