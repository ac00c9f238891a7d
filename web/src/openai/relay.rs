//! Text requests: what no engine of ours makes, an account may. They are passed through as they are and streamed as they come.

use crate::{auth::Caller, fields::Fields, gateway::Gateway, problem::Problem};
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use atelier_actors::relay::TextRequest;
use atelier_domain::{code::Code, engine::Relayed, fetch::FetchBody, job::JobKind};
use futures_util::stream;
use std::io;

/// The longest name of a text model, in bytes. Nobody here knows them.
const LONGEST_MODEL: usize = 200;

/// Whether a request for this model is passed through: nobody makes pictures or videos under the name, and somebody has it.
pub fn is_text(gateway: &Gateway, model: &str) -> bool {
    gateway.model(model).is_none() && gateway.relay.has(model)
}

/// Passes the request through. `path` is below the upstream's base, such as `/chat/completions`.
///
/// # Errors
/// `model_not_allowed` for keys that may not, `model_not_found` and whatever the upstream's refusal means.
pub async fn pass(
    gateway: &Gateway,
    caller: &Caller,
    path: &'static str,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let model = fields.raw("model").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    if model.len() > LONGEST_MODEL {
        let why = format!("model: a name has at most {LONGEST_MODEL} bytes");
        return Err(Problem::new(Code::UnknownModel, why).param("model"));
    }
    let forbidden = |why: String| Problem::new(Code::ModelNotAllowed, why).param("model");
    if !caller.0.may_use(&model, &model) {
        return Err(forbidden(format!("this API key may not use {model}")));
    }
    if caller.0.metered {
        let why = format!("{model} makes text, which has no price here: only unmetered keys may use it");
        return Err(forbidden(why));
    }
    let timeout = gateway.timeout(JobKind::Image);
    let request = TextRequest { key: caller.0.id, model, path, body: fields.into_map(), timeout };
    let Relayed { status, media_type, body } = gateway.relay.send(request).await?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(Some(body), next)))
}

/// The next piece; after a failure nothing, so that the connection is cut and nobody takes the part for the whole.
async fn next(
    body: Option<Box<dyn FetchBody>>,
) -> Option<(io::Result<actix_web::web::Bytes>, Option<Box<dyn FetchBody>>)> {
    let mut body = body?;
    match body.chunk().await {
        Ok(Some(piece)) => Some((Ok(piece), Some(body))),
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(context = %error.context, "a relayed answer broke off");
            Some((Err(io::Error::other("the upstream broke off")), None))
        }
    }
}
