//! Which model a request means, and where a job for it may go: names of the catalogue, exact names of accounts, plans, and
//! what engines can do.

use crate::{gateway::Gateway, problem::Problem};
use atelier_actors::account_pool::{Offers, VideoWish, Wants};
use atelier_domain::{
    catalogue::Model,
    code::Code,
    job::{JobKind, Route},
    key::ApiKey,
    size::Size,
};
use std::sync::Arc;

/// The model of this kind that a client means by `name`, or the default.
///
/// # Errors
/// `unknown_model`, `model_not_allowed`.
pub fn model(
    gateway: &Gateway,
    key: &ApiKey,
    kind: JobKind,
    name: Option<&str>,
) -> Result<Arc<Model>, Problem> {
    let found = match name {
        Some(name) => gateway.model(name).filter(|model| model.kind == kind),
        None => gateway.catalogue.default_for(kind).cloned(),
    };
    let Some(model) = found else {
        let shown: String = name.unwrap_or_default().chars().take(80).collect();
        let message = format!("no {} model is called {shown:?}: GET /v1/models lists them", kind.word());
        return Err(Problem::new(Code::UnknownModel, message).param("model"));
    };
    if !key.may_use(&model.name, &model.canonical) {
        let message = format!("this API key may not use {}", model.name);
        return Err(Problem::new(Code::ModelNotAllowed, message).param("model"));
    }
    Ok(model)
}

/// Where jobs for the model may go at all.
///
/// # Errors
/// `no_account_available` when no account is meant for it; `plan_required` when none of those has the plan that it needs.
pub fn offers(gateway: &Gateway, model: &Model) -> Result<Offers, Problem> {
    let offers = gateway.pool.offers(Some(model.kind), &model.routes);
    if offers.is_empty() {
        let message = format!("no account here serves {}", model.name);
        return Err(Problem::new(Code::NoAccountAvailable, message).param("model"));
    }
    let entitled = offers.with_plan();
    if entitled.is_empty() {
        let message = format!("{} needs an account of a plan that none here has", model.name);
        return Err(Problem::new(Code::PlanRequired, message).param("model"));
    }
    Ok(entitled)
}

/// Where a job that asks for this may go.
///
/// # Errors
/// As [`offers`]; `remix_unsupported` when a video is to be made over another and nobody can; `bad_duration` or `bad_size` when
/// nobody makes one of this length and size.
pub fn routes(gateway: &Gateway, model: &Model, wants: &Wants) -> Result<Vec<Route>, Problem> {
    let offers = offers(gateway, model)?;
    let routes = offers.able(wants);
    if routes.is_empty() && wants.source.is_some() {
        let message = format!("no engine for {} makes videos over others, or over this one", model.name);
        return Err(Problem::new(Code::RemixUnsupported, message));
    }
    if let (true, Some(VideoWish { size, seconds })) = (routes.is_empty(), wants.video) {
        let message = format!("no account here makes {} in {size} with {seconds} seconds", model.name);
        let usual = VideoWish { size: model.default_size, seconds };
        let is_long = offers.able(&Wants { video: Some(usual), ..wants.clone() }).is_empty();
        return Err(Problem::field(if is_long { "duration" } else { "size" }, message));
    }
    Ok(routes)
}

/// The length of a video for which none is told: the usual one, or the first of the model's that an account here makes.
pub fn usual_seconds(gateway: &Gateway, model: &Model, (size, usual): (Size, u32)) -> u32 {
    let offers = gateway.pool.offers(Some(model.kind), &model.routes).with_plan();
    let is_made = |seconds: &u32| {
        let video = Some(VideoWish { size, seconds: *seconds });
        !offers.able(&Wants { video, ..Wants::default() }).is_empty()
    };
    std::iter::once(usual).chain(model.seconds.iter().copied()).find(is_made).unwrap_or(usual)
}
