//! Published works: published, taken back, looked at, liked (api.md §8).

use super::post_view::{Authors, PostView};
use crate::{
    auth::Caller,
    body,
    gateway::Gateway,
    native::feeds::{FeedPage, Paging},
    openai::answer,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Path, Query},
};
use atelier_actors::gallery::Feed;
use atelier_domain::{
    code::Code,
    ids::{JobId, PostId},
    post::{self, Post, TEXT_CHARS},
};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is said about a work that is published.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct Publish {
    /// At most 2,000 characters. For a work that is published already, the new text.
    text: Option<String>,
}

/// The job that an id names in any of its forms: the UUID is the same in all.
pub fn job_of(id: &str) -> Option<JobId> {
    let (prefix, digits) = id.split_once('_')?;
    let is_plain = digits.len() == 32 && digits.bytes().all(|digit| !digit.is_ascii_uppercase());
    let is_known = matches!(prefix, "job" | "video" | "task" | "resp" | "s");
    Uuid::try_parse(digits).ok().filter(|_| is_plain && is_known).map(JobId::from_uuid)
}

fn no_job() -> Problem {
    Problem::new(Code::JobNotFound, "this API key has no such job, or it is past its retention")
}

fn no_post() -> Problem {
    Problem::new(Code::PostNotFound, "there is no such post, or it was taken back")
}

fn post_id(id: &str) -> Result<PostId, Problem> {
    id.parse().map_err(|_| no_post())
}

async fn respond(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    post: &Post,
) -> Result<HttpResponse, Problem> {
    let origin = answer::origin(request);
    let mut authors = Authors::new(gateway, &origin);
    Ok(HttpResponse::Ok().json(PostView::of(&mut authors, post, Some(caller.0.id)).await?))
}

/// Publish what a completed job made: it gets a link that anybody may open, and stays until it is taken back, however long the job is
/// kept. Publishing again changes the text, if one is given.
#[utoipa::path(post, path = "/v1/jobs/{id}/publish", tag = "posts", request_body = Publish, params(("id" = String, Path, description = "The job, as `job_…`, `video_…` or `task_…`")),
    responses((status = 200, description = "The post", body = PostView), (status = 404, description = "`job_not_found`", body = ErrorBody), (status = 409, description = "`job_not_completed`", body = ErrorBody),
        (status = 413, description = "`storage_limit_exceeded`", body = ErrorBody), (status = 422, description = "`bad_text`", body = ErrorBody)))]
pub async fn publish(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object_or_empty(payload, gateway.limits.json_body).await?;
    let text = fields.text("text").map(|text| text.trim().to_owned());
    if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS) {
        fields.wrong("text", format!("text may have {TEXT_CHARS} characters at most"));
    }
    fields.check()?;
    let id = job_of(&id).ok_or_else(no_job)?;
    let job = gateway.jobs.get(caller.0.id, id)?.filter(|job| gateway.shows(job));
    let post = match job {
        Some(job) => gateway.gallery.publish(&job, text).await?,
        // The post stays when its job is gone.
        None => {
            let post = gateway.gallery.find(post::post_of(id))?.filter(|post| post.owner == caller.0.id);
            gateway.gallery.say(post.ok_or_else(no_job)?, text).await?
        }
    };
    tracing::info!(post = %post.id, key = %caller.0.id, "work published");
    respond(&request, &caller, &gateway, &post).await
}

/// Take a work back: its link leads nowhere from then on.
#[utoipa::path(delete, path = "/v1/jobs/{id}/publish", tag = "posts", params(("id" = String, Path, description = "The job, as `job_…`, `video_…`, `task_…` or `s_…`")),
    responses((status = 200, description = "`{id, object, deleted}`"), (status = 404, description = "`post_not_found`", body = ErrorBody)))]
pub async fn unpublish(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = post::post_of(job_of(&id).ok_or_else(no_post)?);
    if !gateway.gallery.unpublish(caller.0.id, id).await? {
        return Err(no_post());
    }
    tracing::info!(post = %id, key = %caller.0.id, "work taken back");
    Ok(HttpResponse::Ok().json(json!({ "id": id.to_string(), "object": "post.deleted", "deleted": true })))
}

/// A post. The first look of each key is counted.
#[utoipa::path(get, path = "/v1/posts/{id}", tag = "posts", params(("id" = String, Path, description = "`s_…`")),
    responses((status = 200, description = "The post", body = PostView), (status = 404, description = "`post_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let post = gateway.gallery.view(post_id(&id)?, caller.0.id).await?.ok_or_else(no_post)?;
    respond(&request, &caller, &gateway, &post).await
}

/// Like a post. Each key counts once.
#[utoipa::path(post, path = "/v1/posts/{id}/like", tag = "posts", params(("id" = String, Path, description = "`s_…`")),
    responses((status = 200, description = "The post", body = PostView), (status = 404, description = "`post_not_found`", body = ErrorBody)))]
pub async fn like(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let post = gateway.gallery.like(post_id(&id)?, caller.0.id, true).await?.ok_or_else(no_post)?;
    respond(&request, &caller, &gateway, &post).await
}

/// Like a post no more.
#[utoipa::path(delete, path = "/v1/posts/{id}/like", tag = "posts", params(("id" = String, Path, description = "`s_…`")),
    responses((status = 200, description = "The post", body = PostView), (status = 404, description = "`post_not_found`", body = ErrorBody)))]
pub async fn unlike(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let post = gateway.gallery.like(post_id(&id)?, caller.0.id, false).await?.ok_or_else(no_post)?;
    respond(&request, &caller, &gateway, &post).await
}

/// What derives from a post, the latest first.
#[utoipa::path(get, path = "/v1/posts/{id}/remixes", tag = "posts", params(("id" = String, Path, description = "`s_…`"), Paging),
    responses((status = 200, description = "A page", body = FeedPage), (status = 404, description = "`post_not_found`", body = ErrorBody), (status = 422, description = "`bad_cursor`", body = ErrorBody)))]
pub async fn remixes(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Problem> {
    let post = gateway.gallery.find(post_id(&id)?)?.ok_or_else(no_post)?;
    let page = paging.page(&request, &gateway, (&caller, Feed::Remixes(post.id))).await?;
    Ok(HttpResponse::Ok().json(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_every_form_of_its_id_and_by_nothing_else() {
        let hex = "0199abcd000070008000000000000001";
        for prefix in ["job", "video", "task", "resp", "s"] {
            assert!(job_of(&format!("{prefix}_{hex}")).is_some(), "{prefix}");
        }
        for wrong in ["", "job", "job_", hex, &format!("key_{hex}"), &format!("job_{}", hex.to_uppercase())] {
            assert_eq!(job_of(wrong), None, "{wrong}");
        }
    }
}
