//! Settings that can be changed while the gateway runs (api.md §9). What is stored here beats file and environment, and each answer says
//! under `sources` where a value has come from.
//!
//! Reading order: `general`, `proxies`, `media`, `upstreams`, `clearance`.

pub mod clearance;
pub mod general;
pub mod media;
pub mod proxies;
pub mod upstreams;

use crate::{gateway::Gateway, problem::Problem};
use actix_web::HttpResponse;
use atelier_actors::settings::{Change, Unfit};
use atelier_domain::secret::Secret;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The longest body of these endpoints, in bytes.
const LIMIT: usize = 1 << 20;

/// What a change answers.
#[derive(Serialize, ToSchema)]
pub struct Saved {
    /// Always true; errors have another body.
    success: bool,
    /// For people.
    message: String,
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit.field {
            Some(field) => Self::field(field, unfit.refused.message),
            None => unfit.refused.into(),
        }
    }
}

/// Makes a change and says so.
async fn save(gateway: &Gateway, change: Change, message: &str) -> Result<HttpResponse, Problem> {
    gateway.settings.change(change).await?;
    Ok(saved(message))
}

fn saved(message: &str) -> HttpResponse {
    HttpResponse::Ok().json(Saved { success: true, message: message.to_owned() })
}

/// Where these fields have their values from: each with the name of its setting.
fn sources(gateway: &Gateway, fields: &[(&str, &str)]) -> Value {
    let source = |(field, path): &(&str, &str)| ((*field).to_owned(), json!(gateway.settings.source(path)));
    Value::Object(fields.iter().map(source).collect::<Map<_, _>>())
}

/// Null for a text that says nothing.
fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A secret as it may be shown.
fn masked(secret: &Secret) -> Option<String> {
    (!secret.is_empty()).then(|| secret.masked())
}
