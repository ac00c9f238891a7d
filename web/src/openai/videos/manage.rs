//! Videos that are there: one, a page of them, and their end.

use super::view::{self, VideoView};
use crate::{
    auth::Caller,
    gateway::Gateway,
    listing::{self, Listing},
    openai::dialect::Dialect,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use atelier_actors::job_supervisor::Listed;
use atelier_domain::{job::Job, remix::Target};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The caller's own video of this id, in any of its forms.
pub fn own_job(gateway: &Gateway, caller: &Caller, id: &str, dialect: Dialect) -> Result<Arc<Job>, Problem> {
    let target = Target::parse(id).ok_or_else(|| dialect.not_found())?;
    let job = gateway.jobs.get(caller.0.id, target.job())?.ok_or_else(|| dialect.not_found())?;
    if job.work.video().is_some() && gateway.shows(&job) { Ok(job) } else { Err(dialect.not_found()) }
}

/// A video as it is now.
#[utoipa::path(get, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path, description = "The video")),
    responses((status = 200, description = "The video", body = VideoView), (status = 404, description = "`video_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let dialect = Dialect::of(&gateway, &caller);
    let job = own_job(&gateway, &caller, &id, dialect)?;
    view::respond(&gateway, &job, dialect, 200)
}

/// A page of videos.
#[derive(Debug, Serialize, ToSchema)]
pub struct VideoList {
    /// Always `list`.
    object: &'static str,
    /// The videos.
    data: Vec<VideoView>,
    /// The first of them.
    first_id: Option<String>,
    /// The last of them: `after` for the next page.
    last_id: Option<String>,
    /// Whether there are more.
    has_more: bool,
}

/// This key's videos.
#[utoipa::path(get, path = "/v1/videos", tag = "videos", params(Listing),
    responses((status = 200, description = "A page of videos", body = VideoList), (status = 422, description = "`bad_after`, `bad_order`", body = ErrorBody)))]
pub async fn list(
    caller: Caller,
    gateway: Data<Gateway>,
    asked: Query<Listing>,
) -> Result<HttpResponse, Problem> {
    let dialect = Dialect::of(&gateway, &caller);
    let page = listing::page(&gateway, &caller, Listed::Videos, &asked)?;
    let views =
        page.jobs.iter().filter_map(|job| Some(view::view(&gateway, job, job.work.video()?, dialect)));
    let data: Vec<_> = views.collect();
    let id = |video: Option<&VideoView>| video.map(|video| video.id.clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    Ok(HttpResponse::Ok().json(VideoList {
        object: "list",
        data,
        first_id,
        last_id,
        has_more: page.has_more,
    }))
}

/// Delete a video: it is cancelled if it runs, and nobody is shown it any more.
#[utoipa::path(delete, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path, description = "The video")),
    responses((status = 200, description = "`{id, object, deleted}`"), (status = 404, description = "`video_not_found`", body = ErrorBody)))]
pub async fn delete(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let dialect = Dialect::of(&gateway, &caller);
    let job = own_job(&gateway, &caller, &id, dialect)?;
    let deleted = gateway.jobs.forget(caller.0.id, job.id).await?;
    let id = view::id_of(&job).to_string();
    Ok(HttpResponse::Ok()
        .json(serde_json::json!({ "id": id, "object": "video.deleted", "deleted": deleted })))
}
