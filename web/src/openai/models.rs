//! `GET /v1/models` and `/v1/models/{id}` (api.md §7).

use crate::{
    auth::Caller,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use atelier_domain::{
    catalogue::Model,
    code::Code,
    price::{Facts, Price},
    size::Size,
};
use serde::Serialize;
use utoipa::ToSchema;

/// All models.
#[derive(Serialize, ToSchema)]
pub struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// The models that this key may use.
    data: Vec<ModelView>,
}

/// One model.
#[derive(Serialize, ToSchema)]
pub struct ModelView {
    /// The name to send.
    #[schema(example = "gpt-image-2")]
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When this gateway started to serve it, in seconds since the epoch.
    created: i64,
    /// The vendor.
    owned_by: String,
    /// One line.
    description: String,
    /// `image`, `video` or `text`.
    kind: &'static str,
    /// The sizes it makes, when they are few; else the rule. Nothing for text.
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<SizesView>,
    /// The lengths that a video model makes, in seconds, the default first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seconds: Vec<u32>,
    /// What one output at the default size costs.
    price: Option<PriceView>,
    /// When its vendor switched it off or will.
    shutdown_date: Option<String>,
}

/// Which sizes a model makes.
#[derive(Serialize, ToSchema)]
pub struct SizesView {
    /// What `auto` means.
    default: String,
    /// All of them, when they are few.
    only: Option<Vec<String>>,
    /// Both sides are multiples of this.
    multiple_of: u32,
    /// The shortest side.
    min_side: u32,
    /// The longest side.
    max_side: u32,
    /// Long side over short side at most.
    max_ratio: u32,
    /// The fewest pixels.
    min_pixels: u64,
    /// The most pixels.
    max_pixels: u64,
}

/// A price.
#[derive(Serialize, ToSchema)]
pub struct PriceView {
    /// How much.
    credits: i64,
    /// Of what: always `credits`.
    currency: &'static str,
}

fn sizes(model: &Model) -> SizesView {
    let rule = &model.sizes;
    SizesView {
        default: model.default_size.to_string(),
        only: (!rule.only.is_empty()).then(|| rule.only.iter().map(Size::to_string).collect()),
        multiple_of: rule.multiple_of,
        min_side: rule.min_side,
        max_side: rule.max_side,
        max_ratio: rule.max_ratio,
        min_pixels: rule.min_pixels,
        max_pixels: rule.max_pixels,
    }
}

fn price(gateway: &Gateway, model: &Model) -> Option<Price> {
    let facts = Facts {
        kind: model.kind,
        model: model.canonical.clone(),
        size: model.default_size,
        n: 1,
        quality: "auto".to_owned(),
        seconds: model.seconds.first().copied().unwrap_or(0),
    };
    gateway.prices.price(&facts).ok()
}

fn view(gateway: &Gateway, model: &Model) -> ModelView {
    ModelView {
        id: model.name.clone(),
        object: "model",
        created: gateway.started_at.seconds(),
        owned_by: model.owned_by.clone(),
        description: model.description.clone(),
        kind: model.kind.word(),
        sizes: Some(sizes(model)),
        seconds: model.seconds.clone(),
        price: price(gateway, model).map(|price| PriceView { credits: price.total, currency: "credits" }),
        shutdown_date: model.shutdown_date.clone(),
    }
}

/// A text model that an account lists.
fn text(gateway: &Gateway, name: String) -> ModelView {
    ModelView {
        description: format!("{name}, passed through to an account that lists it"),
        id: name,
        object: "model",
        created: gateway.started_at.seconds(),
        owned_by: "upstream".to_owned(),
        kind: "text",
        sizes: None,
        seconds: Vec::new(),
        price: None,
        shutdown_date: None,
    }
}

/// All models that this key may use, aliases included.
#[utoipa::path(get, path = "/v1/models", tag = "models", responses((status = 200, description = "The models", body = ModelList)))]
pub async fn list(caller: Caller, gateway: Data<Gateway>) -> HttpResponse {
    let models = gateway.models();
    let usable = models.iter().filter(|model| caller.0.may_use(&model.name, &model.canonical));
    let mut data: Vec<_> = usable.map(|model| view(&gateway, model)).collect();
    let texts = gateway.relay.models().into_iter().filter(|name| caller.0.may_use(name, name));
    data.extend(texts.map(|name| text(&gateway, name)));
    HttpResponse::Ok().json(ModelList { object: "list", data })
}

/// One model.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "models", params(("id" = String, Path, description = "Its name; may hold a slash")),
    responses((status = 200, description = "The model", body = ModelView), (status = 404, description = "`model_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let is_text = gateway.relay.models().contains(id.as_str()) && caller.0.may_use(&id, &id);
    if is_text {
        return Ok(HttpResponse::Ok().json(text(&gateway, id.into_inner())));
    }
    let model = gateway.model(&id).filter(|model| caller.0.may_use(&model.name, &model.canonical));
    let unknown = || {
        Problem::new(Code::ModelNotFound, "there is no model of this name: GET /v1/models lists them")
            .param("model")
    };
    Ok(HttpResponse::Ok().json(view(&gateway, &*model.ok_or_else(unknown)?)))
}
