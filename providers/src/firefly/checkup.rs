//! A look at an account: whether its token opens the upstream, whose it is, what is left of it, and which models are there.

use super::{
    models::{SERVICES, ServicesModel, WebModel},
    refusal::Asked,
    upstream::{Flavour, Note, Request, Upstream},
};
use crate::outbound::Payload;
use atelier_domain::{
    account::{AccountModel, Identity, Plan, Quota},
    engine::Checkup,
    fault::{Fault, FaultClass},
    ids::AccountId,
    job::JobKind,
};
use awc::http::{
    Method,
    header::{HeaderName, HeaderValue},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use url::Url;

/// Models of one list.
const MAX_MODELS: usize = 500;
/// Accounts whose films are counted; the first one goes.
const MAX_COUNTED: usize = 10_000;

/// How many Sora films each account has begun since this process did: no upstream tells what is left of them.
#[derive(Debug, Default)]
pub(super) struct SoraTally(Mutex<BTreeMap<AccountId, u64>>);

impl SoraTally {
    /// A film of this model was accepted.
    pub fn count(&self, account: AccountId, model: &str) {
        if WebModel::named(model).is_some_and(|model| model.id == "sora") {
            let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if counted.len() >= MAX_COUNTED && !counted.contains_key(&account) {
                counted.pop_first();
            }
            *counted.entry(account).or_default() += 1;
        }
    }

    fn of(&self, account: AccountId) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&account).copied().unwrap_or(0)
    }
}

/// Looks at the account.
///
/// # Errors
/// `auth` when the token is refused; anything else says nothing about it.
pub(super) async fn check(upstream: &Upstream, sora: &SoraTally) -> Result<Checkup, Fault> {
    match upstream.flavour {
        Flavour::Services => services(upstream).await,
        Flavour::Web => web(upstream, sora).await,
    }
}

/// Services tell nothing of an account: that a list is answered at all is what there is to see.
async fn services(upstream: &Upstream) -> Result<Checkup, Fault> {
    let url = upstream.url("/v3/custom-models")?;
    let id = format!("{:032x}", rand::random::<u128>());
    let header = HeaderValue::from_str(&id).map(|id| (HeaderName::from_static("x-request-id"), id));
    let headers: Vec<_> = header.into_iter().collect();
    let card = |model: &ServicesModel| AccountModel {
        name: model.name.to_owned(),
        upstream: None,
        kind: Some(model.kind),
    };
    let models = SERVICES.iter().map(card).collect();
    let found = || Checkup { models: Some(models), models_are_all: true, ..Checkup::default() };
    match upstream.ask(Request { headers: &headers, ..Request::look(&url) }).await {
        Ok(_) => Ok(found()),
        // Without custom models of its own it works as well.
        Err(fault) if fault.class == FaultClass::NotEntitled => Ok(found()),
        Err(fault) => Err(fault),
    }
}

async fn web(upstream: &Upstream, sora: &SoraTally) -> Result<Checkup, Fault> {
    let config = upstream.config();
    let profile = ask(upstream, &config.profile_url, &[]).await?.said;
    let text = |names: &[&str]| names.iter().find_map(|name| profile.get(*name)?.as_str()).map(str::to_owned);
    let identity = Identity { email: text(&["email"]), username: text(&["displayName", "name", "fullName"]) };
    let user = text(&["userId", "authId"]);
    let mut found = Checkup { identity, ..Checkup::default() };
    // That the balance is refused says nothing about what can be made.
    match balance(upstream, user).await {
        Ok(said) => {
            (found.plan, found.quota) =
                left(&said, config.sora_calls.saturating_sub(sora.of(upstream.account)))
        }
        Err(fault) => {
            tracing::info!(class = fault.class.name(), context = %fault.context, "no balance of an account")
        }
    }
    match discovery(upstream).await {
        Ok(said) => found.models = models(&said),
        Err(fault) => {
            tracing::info!(class = fault.class.name(), context = %fault.context, "no models of an account")
        }
    }
    found.models_are_all = found.models.is_some();
    Ok(found)
}

async fn ask(upstream: &Upstream, url: &str, headers: &[(HeaderName, HeaderValue)]) -> Result<Note, Fault> {
    let url = Url::parse(url).map_err(|error| {
        let message = "an address of the engine is not configured rightly";
        Fault::new(FaultClass::Internal, message).with_context(error.to_string())
    })?;
    upstream.ask(Request { headers, ..Request::look(&url) }).await
}

async fn balance(upstream: &Upstream, user: Option<String>) -> Result<Value, Fault> {
    let config = upstream.config();
    let own = [("x-api-key", Some(config.balance_api_key.clone())), ("x-account-id", user)];
    let headers: Vec<_> = own
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value?).ok()?))
        })
        .collect();
    Ok(ask(upstream, &config.balance_url, &headers).await?.said)
}

async fn discovery(upstream: &Upstream) -> Result<Value, Fault> {
    let url = upstream.url("/v2/models/discovery")?;
    let payload = Payload::Json(json!({ "filters": { "resolveSchema": true } }).to_string().into());
    let request = Request { method: Method::POST, url: &url, headers: &[], payload, asked: Asked::Look };
    Ok(upstream.ask(request).await?.said)
}

/// The plan, and what is left. Credits that are used up do not stop what is free, so nothing here says when they come back: they
/// only make other accounts come first. What is missing is not nothing.
fn left(said: &Value, sora: u64) -> (Option<Plan>, BTreeMap<String, Quota>) {
    let plan = said.pointer("/total/planCap").and_then(Value::as_str).map(|title| Plan {
        id: format!("firefly_{}", title.to_lowercase()),
        title: title.to_owned(),
        ends_at: None,
    });
    let mut quota = BTreeMap::new();
    let pools = said.get("credits").and_then(Value::as_object);
    let pooled =
        pools.map(|pools| pools.values().filter_map(|pool| pool.pointer("/quota/available")?.as_u64()).sum());
    let available = said.pointer("/total/quota/available").and_then(Value::as_u64).or(pooled);
    if let Some(remaining) = available {
        for family in ["gpt-image", "nano-banana"] {
            quota.insert(family.to_owned(), Quota { remaining, resets_at: None });
        }
    }
    if plan.as_ref().is_some_and(|plan| plan.id == "firefly_free") {
        quota.insert("sora".to_owned(), Quota { remaining: sora, resets_at: None });
    }
    (plan, quota)
}

/// The models of a list: under the catalogue's names, or under their own.
fn models(said: &Value) -> Option<Vec<AccountModel>> {
    let mut found = Vec::new();
    for family in said.get("models")?.as_array()? {
        let Some(id) = family.get("modelId").and_then(Value::as_str) else { continue };
        let versions = family.get("modelVersions").and_then(Value::as_object);
        for (version, card) in versions.into_iter().flatten() {
            let Some(model) = WebModel::named(&format!("{id}:{version}")) else { continue };
            if card.get("enabled") == Some(&Value::Bool(false)) || found.len() >= MAX_MODELS {
                continue;
            }
            let kind = Some(kind(card, &model));
            let known: Vec<_> = model.names().collect();
            for name in &known {
                found.push(AccountModel { name: (*name).to_owned(), upstream: None, kind });
            }
            if known.is_empty() {
                let upstream = Some(format!("{id}:{version}"));
                found.push(AccountModel { name: model.exact_name(), upstream, kind });
            }
        }
    }
    Some(found)
}

fn kind(card: &Value, model: &WebModel) -> JobKind {
    let made = card.get("outputModality").and_then(Value::as_array);
    let makes = |what: &str| made.is_some_and(|made| made.iter().any(|one| one == what));
    match (makes("video"), makes("image")) {
        (true, _) => JobKind::Video,
        (_, true) => JobKind::Image,
        _ => model.kind(),
    }
}

/// Whose a token of the web back end is, when it is a guest's: such a one may make nothing.
pub(super) fn is_guest(token: &str) -> bool {
    let body =
        token.split('.').nth(1).and_then(|body| URL_SAFE_NO_PAD.decode(body.trim_end_matches('=')).ok());
    let claims = body.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    let Some(claims) = claims else { return false };
    let user = ["user_id", "aa_id", "sub"].iter().find_map(|name| claims.get(*name)?.as_str());
    user.is_none_or(|user| user.ends_with("@GuestID"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_left_is_told_by_pool_and_what_is_missing_is_not_nothing() {
        let said = json!({
            "total": {"quota": {"total": 10, "used": 4, "available": 6}, "planCap": "FREE"},
            "credits": {"firefly_free_credit": {"quota": {"available": 6}}},
        });
        let (plan, quota) = left(&said, 2);
        assert_eq!(plan.unwrap().title, "FREE");
        assert_eq!((quota["gpt-image"].remaining, quota["sora"].remaining), (6, 2));
        let pooled = json!({"credits": {"a": {"quota": {"available": 1}}, "b": {"quota": {"available": 2}}}});
        assert_eq!(left(&pooled, 2).1["nano-banana"].remaining, 3);
        assert!(left(&json!({}), 2).1.is_empty());
    }

    #[test]
    fn a_list_names_what_the_catalogue_knows_and_leaves_out_what_is_off() {
        let card = |made: &str| json!({"outputModality": [made], "enabled": true});
        let said = json!({"models": [
            {"modelId": "gpt-image", "modelVersions": {"2": card("image"), "1.5": card("image")}},
            {"modelId": "gemini-flash", "modelVersions": {"nano-banana": {"enabled": false}}},
            {"modelId": "sora", "modelVersions": {"sora-2": card("video")}},
            {"modelId": "veo", "modelVersions": {"3.1-generate": {}}},
            {"modelId": "../x", "modelVersions": {"1": {}}}, {},
        ]});
        let found = models(&said).unwrap();
        let names: Vec<_> = found.iter().map(|model| (model.name.as_str(), model.kind.unwrap())).collect();
        let (image, video) = (JobKind::Image, JobKind::Video);
        assert_eq!(
            names,
            [
                ("gpt-image-1.5", image),
                ("gpt-image-2", image),
                ("sora-2", video),
                ("sora-2-pro", video),
                ("veo-3.1-generate", video)
            ]
        );
        assert_eq!(found[4].upstream.as_deref(), Some("veo:3.1-generate"));
        assert_eq!(models(&json!({"models": 1})), None);
    }
}
