//! Models as the operator sees them: every name, where its jobs may go, and who is there to do them.

use crate::{auth::Admin, gateway::Gateway, problem::Problem};
use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

/// A model.
#[derive(Serialize, ToSchema)]
pub struct AdminModel {
    /// The name that clients send.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// The model's own name, when this is an alias.
    alias_of: Option<String>,
    /// `image` or `video`.
    kind: &'static str,
    /// One line.
    description: String,
    /// The plan that an account must have.
    plan: Option<String>,
    /// The engines that may serve it, in order of preference.
    engines: Vec<String>,
    /// Accounts that are meant for it, by number, switched on or not.
    accounts: Vec<u64>,
    /// Whether one of them is on.
    available: bool,
    /// When its vendor switched it off or will.
    shutdown_date: Option<String>,
}

/// Models.
#[derive(Serialize, ToSchema)]
pub struct AdminModels {
    /// Always `list`.
    object: &'static str,
    /// The models, in the order of the catalogue; then those that only accounts list.
    data: Vec<AdminModel>,
}

/// Every model name, and who is there for it.
#[utoipa::path(get, path = "/api/models", tag = "admin: pool", responses((status = 200, description = "The models", body = AdminModels)))]
pub async fn list(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let roster = gateway.pool.accounts();
    let view = |model: &std::sync::Arc<atelier_domain::catalogue::Model>| {
        let is_meant = |account: &&std::sync::Arc<atelier_domain::account::Account>| {
            account.lane(Some(model.kind)).enabled
                && model.routes.iter().any(|route| {
                    let entitled = route.plan.as_deref().is_none_or(|plan| account.has_plan(plan));
                    entitled
                        && account.engine == route.engine
                        && account.serves(&route.model, Some(model.kind))
                })
        };
        let meant: Vec<_> = roster.iter().map(|(account, _)| account).filter(is_meant).collect();
        AdminModel {
            id: model.name.clone(),
            object: "model",
            alias_of: (model.name != model.canonical).then(|| model.canonical.clone()),
            kind: model.kind.word(),
            description: model.description.clone(),
            plan: model.plan.clone(),
            engines: model.routes.iter().map(|route| route.engine.clone()).collect(),
            accounts: meant.iter().map(|account| account.number).collect(),
            available: meant.iter().any(|account| account.enabled),
            shutdown_date: model.shutdown_date.clone(),
        }
    };
    Ok(HttpResponse::Ok()
        .json(AdminModels { object: "list", data: gateway.models().iter().map(view).collect() }))
}
