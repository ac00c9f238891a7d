//! The endpoints of `/v1/responses`.

use super::{
    conversation::{self, Conversation, Made},
    order::{self, Action, Order},
    view::{self, Response},
    voice::Speaker,
};
use crate::{
    auth::Caller,
    body,
    fields::Fields,
    gateway::Gateway,
    openai::{
        answer, ended, follow,
        images::{new_job, sign},
        relay,
        request::{self, Asker, Way},
    },
    problem::{ErrorBody, Problem},
    references::{Given, Source, source},
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    web::{self, Data, Path},
};
use atelier_actors::job_supervisor::{NewJob, Submitted};
use atelier_domain::{
    code::Code,
    ids::ResponseId,
    job::{Job, JobKind},
};
use serde_json::{Value, json};
use std::sync::Arc;

const ENDPOINT: &str = "/v1/responses";

/// A request for a response, for the docs.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"model": "gpt-5.5", "input": "a lighthouse at dawn", "tools": [{"type": "image_generation", "size": "1024x1024"}]}))]
pub struct CreateResponse {
    /// Any main model, with the tool; or a model that draws.
    model: String,
    /// A text, or items: messages with `input_text` and `input_image`, and `image_generation_call` items of earlier responses.
    #[schema(value_type = Object)]
    input: Value,
    /// `[{"type": "image_generation", …}]` with the fields of `images/generations`, `input_image_mask` and `action`.
    #[schema(value_type = Vec<Object>)]
    tools: Option<Vec<Value>>,
    /// The response whose image this one goes on with.
    previous_response_id: Option<String>,
    /// Answer at once, to be asked again.
    background: Option<bool>,
    /// Answer with server-sent events.
    stream: Option<bool>,
    /// Whether it can be asked for again; true unless said otherwise.
    store: Option<bool>,
    /// Notes of the caller's own.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// Have an image made by the tool `image_generation`.
#[utoipa::path(post, path = "/v1/responses", tag = "responses", request_body = CreateResponse,
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 255 characters: the same key and body get the same answer for 24 h")),
    responses((status = 200, description = "The response, or an event stream (`stream: true`)", body = Response),
        (status = 400, description = "`bad_body`, `missing_prompt`, `missing_image`, `unknown_model`, `unknown_parameter`, `invalid_image_url`, `content_policy_violation`", body = ErrorBody),
        (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 404, description = "`model_not_found`, `response_not_found`, `file_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_…`, `idempotency_mismatch`", body = ErrorBody), (status = 429, description = "`rate_limit_exceeded`", body = ErrorBody),
        (status = 503, description = "`queue_full`, `upstream_saturated`", body = ErrorBody), (status = 504, description = "`timeout`", body = ErrorBody)))]
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, gateway.limits.json_body).await?;
    let is_text =
        fields.raw("model").and_then(Value::as_str).is_some_and(|name| relay::is_text(&gateway, name));
    if is_text && !order::wants_images(&fields) {
        return relay::pass(&gateway, &caller, "/responses", fields).await;
    }
    let body_hash = fields.hash(ENDPOINT);
    let is_image_model = |name: &str| gateway.model(name).is_some_and(|model| model.kind == JobKind::Image);
    let order = order::read(&mut fields, is_image_model)?;
    let conversation = conversation::read(fields.raw("input"))?;
    drop(fields);
    let (stream, background) = (order.stream, order.echo.background);
    let new = Box::pin(ordered(&request, &caller, &gateway, (order, conversation, body_hash))).await?;
    let submitted = gateway.jobs.submit(new).await?;
    let (id, replayed) = (submitted.id, submitted.replayed);
    let answered = if stream {
        let speaker = Speaker::new(gateway.get_ref().clone());
        Ok(follow::respond(gateway.get_ref().clone(), submitted.watch, speaker))
    } else if background {
        respond(&gateway, &submitted.watch.job()).await
    } else {
        wait(&gateway, submitted).await
    };
    let mut response = answered.unwrap_or_else(|problem| problem.error_response());
    sign(&mut response, id, replayed);
    Ok(response)
}

/// The job that an order amounts to.
async fn ordered(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (order, conversation, body_hash): (Order, Conversation, String),
) -> Result<NewJob, Problem> {
    let Order { echo, mut drawing, mask, action, stream } = order;
    let prompt = conversation.prompt.clone();
    let mut given = Given::take(&mut drawing);
    for picture in pictures(gateway, caller, conversation, (action, echo.previous))? {
        given.images.push(("input".to_owned(), picture));
    }
    given.mask = match mask.as_ref().map(source).transpose() {
        Ok(mask) => mask.flatten(),
        Err(why) => return Err(Problem::field("input_image_mask", format!("input_image_mask: {why}"))),
    };
    let mut body: serde_json::Map<String, Value> = drawing.into_map();
    body.insert("prompt".to_owned(), json!(prompt));
    body.insert("stream".to_owned(), json!(stream));
    let origin = answer::origin(request);
    let asker = Asker { gateway, key: &caller.0, origin: &origin };
    let way = if action == Action::Edit { Way::Edit } else { Way::Generate };
    let asked = request::read_with(asker, &mut Fields::new(body), way, given).await?;
    let new = new_job(gateway, request, caller, (asked, ENDPOINT, body_hash))?;
    Ok(NewJob { echo: Some(Box::new(echo)), ..new })
}

/// What the image is made from: the last that the conversation made, then what came with the last words; failing both, what came
/// before.
fn pictures(
    gateway: &Gateway,
    caller: &Caller,
    conversation: Conversation,
    (action, previous): (Action, Option<ResponseId>),
) -> Result<Vec<Source>, Problem> {
    let previous = previous.map(|id| own_job(gateway, caller, &id.to_string())).transpose()?;
    let Conversation { mut pictures, earlier, made, .. } = conversation;
    let made = match made {
        _ if action == Action::Generate => None,
        Some(Made::By(id, kept)) => match (own_job(gateway, caller, &id.to_string()), kept) {
            (Ok(job), kept) => made_by(&job).or(kept),
            (Err(_), Some(kept)) => Some(kept),
            (Err(unknown), None) => return Err(unknown),
        },
        Some(Made::Kept(source)) => Some(source),
        None => previous.as_deref().and_then(made_by),
    };
    if let Some(made) = made {
        pictures.insert(0, made);
    } else if pictures.is_empty() {
        pictures = earlier;
    }
    Ok(pictures)
}

fn made_by(job: &Job) -> Option<Source> {
    job.outputs.first().map(|output| Source::Made(output.media))
}

fn own_job(gateway: &Gateway, caller: &Caller, id: &str) -> Result<Arc<Job>, Problem> {
    let unknown = || {
        Problem::new(Code::ResponseNotFound, "this API key has no such response, or it is past its retention")
    };
    let id: ResponseId = id.parse().map_err(|_| unknown())?;
    let job = gateway.jobs.get(caller.0.id, id.job())?.ok_or_else(unknown)?;
    let is_kept = job.echo.as_ref().is_some_and(|echo| echo.store);
    if is_kept && gateway.shows(&job) { Ok(job) } else { Err(unknown()) }
}

async fn respond(gateway: &Gateway, job: &Job) -> Result<HttpResponse, Problem> {
    let call = view::finished_call(gateway, job).await?;
    answer::json(job, view::response(gateway, job, call)?).await
}

async fn wait(gateway: &Gateway, submitted: Submitted) -> Result<HttpResponse, Problem> {
    let job = ended::completed(gateway, submitted, None).await?;
    respond(gateway, &job).await.map_err(|problem| problem.of_job(job.id))
}

/// A stored response, as far as it is.
#[utoipa::path(get, path = "/v1/responses/{id}", tag = "responses", params(("id" = String, Path, description = "The response")),
    responses((status = 200, description = "The response", body = Response), (status = 404, description = "`response_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    respond(&gateway, &*own_job(&gateway, &caller, &id)?).await
}

/// Cancel a response. One that has ended stays as it is.
#[utoipa::path(post, path = "/v1/responses/{id}/cancel", tag = "responses", params(("id" = String, Path, description = "The response")),
    responses((status = 200, description = "The response as it ended", body = Response), (status = 404, description = "`response_not_found`", body = ErrorBody)))]
pub async fn cancel(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = gateway.cancel(own_job(&gateway, &caller, &id)?).await?;
    respond(&gateway, &job).await
}

/// Delete a response: it is cancelled if it runs, and nobody is shown it any more.
#[utoipa::path(delete, path = "/v1/responses/{id}", tag = "responses", params(("id" = String, Path, description = "The response")),
    responses((status = 200, description = "`{id, object, deleted}`"), (status = 404, description = "`response_not_found`", body = ErrorBody)))]
pub async fn delete(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = own_job(&gateway, &caller, &id)?;
    let deleted = gateway.jobs.forget(caller.0.id, job.id).await?;
    let id = ResponseId::of(job.id).to_string();
    Ok(HttpResponse::Ok().json(json!({ "id": id, "object": "response", "deleted": deleted })))
}
