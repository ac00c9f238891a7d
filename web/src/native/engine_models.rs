//! `GET /v1/firefly/models` (api.md §7): what the accounts of one engine make, as the last looks at them found.

use crate::{auth::Caller, gateway::Gateway};
use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The models of an engine.
#[derive(Serialize, ToSchema)]
pub struct EngineModels {
    /// Always `list`.
    object: &'static str,
    /// Those that this key may use, by name.
    data: Vec<EngineModel>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct EngineModel {
    /// The name to send.
    #[schema(example = "gpt-image-2")]
    id: String,
    /// Always `model`.
    object: &'static str,
    /// `image` or `video`.
    kind: &'static str,
    /// What it is called there.
    #[schema(example = "flux:fluxPro")]
    upstream: Option<String>,
    /// How many accounts make it.
    accounts: usize,
}

/// What the accounts of the engine `firefly` make, as the last looks at them found. An account that was never looked at lists nothing.
#[utoipa::path(get, path = "/v1/firefly/models", tag = "models", responses((status = 200, description = "The models", body = EngineModels)))]
pub async fn firefly(caller: Caller, gateway: Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok().json(EngineModels { object: "list", data: made_by("firefly", &caller, &gateway) })
}

fn made_by(engine: &str, caller: &Caller, gateway: &Gateway) -> Vec<EngineModel> {
    let mut found: BTreeMap<String, EngineModel> = BTreeMap::new();
    let accounts = gateway.accounts.list();
    for account in accounts.iter().filter(|account| account.engine == engine && account.enabled) {
        let usable = account.models.iter().filter(|model| caller.0.may_use(&model.name, &model.name));
        for (model, kind) in usable.filter_map(|model| Some((model, model.kind?))) {
            let view = found.entry(model.name.clone()).or_insert_with(|| EngineModel {
                id: model.name.clone(),
                object: "model",
                kind: kind.word(),
                upstream: model.upstream.clone(),
                accounts: 0,
            });
            view.accounts += 1;
        }
    }
    found.into_values().collect()
}
