//! How an account looks: every field that older clients know of a token, and what they did not.

use crate::moment;
use atelier_actors::{account_pool::Standing, request_log::AccountCounts};
use atelier_domain::{
    account::{Account, AccountModel, AccountSecrets, Off, Quota},
    job::JobKind,
    proxy,
    secret::Secret,
    time::Millis,
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The family of models whose quota older clients know as `sora2_…`.
const SORA: &str = "sora";

/// An account. Secrets are masked (`eyJh…3fQ`).
#[derive(Serialize, ToSchema)]
pub struct AccountView {
    /// Its number.
    id: u64,
    /// Its id, as jobs and the pool know it.
    account_id: String,
    /// Its engine.
    provider: String,
    /// The operator's name for it.
    name: String,
    /// The access token or API key.
    token: Option<String>,
    /// The session token.
    st: Option<String>,
    /// The refresh token.
    rt: Option<String>,
    /// The client that the refresh token was given to.
    client_id: Option<String>,
    /// Its secret.
    client_secret: Option<String>,
    /// Cookies.
    cookie: Option<String>,
    /// The `OpenAI-Organization` of a key with several.
    organization: Option<String>,
    /// The `OpenAI-Project` of such a key.
    project: Option<String>,
    /// The proxy that it goes out through, without user and password.
    proxy_url: Option<String>,
    /// Its address upstream.
    email: Option<String>,
    /// Its public name upstream.
    username: Option<String>,
    /// What the operator notes about it.
    remark: Option<String>,
    /// When its access token ends.
    expiry_time: Option<String>,
    /// Whether attempts may use it.
    is_active: bool,
    /// Whether its access token has ended and could not be renewed.
    is_expired: bool,
    /// Why it is off: `manual`, `error_limit`, `token_invalid`, `expired` or `billing`.
    disabled_reason: Option<&'static str>,
    /// Until when it rests, whatever the model.
    cooled_until: Option<String>,
    /// `ok`, `unverified` (nobody could look yet), `failed` (it was looked at and does not work), `resting` or `off`.
    health: &'static str,
    /// Why the last look at it found that it does not work.
    problem: Option<String>,
    /// When it was last looked at.
    checked_at: Option<String>,
    /// Since when it exists.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// When a job last used it.
    last_used_at: Option<String>,
    /// Jobs that it did, however they ended.
    use_count: u64,
    /// Images that it made.
    image_count: u64,
    /// Videos that it made.
    video_count: u64,
    /// Jobs that failed with it; those apart whose own content or form was refused.
    error_count: u64,
    /// The upstream's word for its plan.
    plan_type: Option<String>,
    /// Its plan, for people.
    plan_title: Option<String>,
    /// When its plan ends.
    subscription_end: Option<String>,
    /// Whether it has a quota of Sora 2.
    sora2_supported: bool,
    /// The code that it may invite with.
    sora2_invite_code: Option<String>,
    /// How many have used that.
    sora2_redeemed_count: u64,
    /// How many may.
    sora2_total_count: u64,
    /// What is left of its quota of Sora 2.
    sora2_remaining_count: u64,
    /// When a used-up quota of Sora 2 is full again.
    sora2_cooldown_until: Option<String>,
    /// Whether it takes images.
    image_enabled: bool,
    /// Whether it takes videos.
    video_enabled: bool,
    /// Images at once; −1 means no limit.
    image_concurrency: i32,
    /// Videos at once; −1 means no limit.
    video_concurrency: i32,
    /// Submits a minute.
    rpm: Option<u32>,
    /// Images a minute.
    ipm: Option<u32>,
    /// Start of its API; null means the engine's own. The engine `sora` has none: its service is closed.
    base_url: Option<String>,
    /// The profile of its dialect.
    dialect: Option<String>,
    /// The models that it serves; empty means whatever the catalogue sends to its engine.
    models: Vec<ModelView>,
    /// What is left, by family of models.
    quota: BTreeMap<String, QuotaView>,
    /// Attempts that it does now.
    in_flight: u32,
    /// Faults in a row.
    faults_in_a_row: u32,
}

/// A model of an account.
#[derive(Serialize, ToSchema)]
pub struct ModelView {
    /// The name that clients use.
    name: String,
    /// Its name upstream, when that is another.
    upstream: Option<String>,
    /// `image` or `video`; null for text.
    kind: Option<&'static str>,
}

/// What is left of a quota.
#[derive(Serialize, ToSchema)]
pub struct QuotaView {
    /// Generations that may still be made.
    remaining: u64,
    /// When it is full again.
    resets_at: Option<String>,
}

fn model(model: &AccountModel) -> ModelView {
    let (name, upstream) = (model.name.clone(), model.upstream.clone());
    ModelView { name, upstream, kind: model.kind.map(JobKind::word) }
}

fn quota(quota: &Quota) -> QuotaView {
    QuotaView { remaining: quota.remaining, resets_at: quota.resets_at.map(moment::text) }
}

fn health(account: &Account, standing: Option<&Standing>) -> &'static str {
    let banned = standing.is_some_and(|standing| standing.banned.is_some());
    let resting = standing.is_some_and(|standing| !standing.resting.is_empty());
    match (&account.checked.problem, account.checked.at) {
        _ if !account.enabled || banned => "off",
        _ if resting => "resting",
        (None, Some(_)) => "ok",
        (_, None) => "unverified",
        (Some(_), Some(_)) => "failed",
    }
}

/// Until when the whole account rests.
fn rests_until(standing: &Standing) -> Option<Millis> {
    let whole = standing.resting.iter().filter(|(what, ..)| what.is_empty());
    whole.map(|(_, until, _)| *until).max()
}

/// What others say of an account.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The pool.
    pub standing: Option<&'a Standing>,
    /// The figures.
    pub counts: AccountCounts,
}

impl AccountView {
    /// The account with what the pool says of it.
    pub fn of(account: &Account, secrets: &AccountSecrets, told: Told<'_>) -> Self {
        let Told { standing, counts } = told;
        let masked = |secret: &Option<Secret>| secret.as_ref().map(Secret::masked);
        let sora = account.checked.quota.get(SORA);
        let plan = account.checked.plan.as_ref();
        let invites = account.checked.invites.as_ref();
        let lent = standing.map(|standing| standing.last_used).filter(|at| at.0 > 0);
        let used = counts.last_used.into_iter().chain(lent).max();
        Self {
            id: account.number,
            account_id: account.id.to_string(),
            provider: account.engine.clone(),
            name: account.name.clone(),
            token: masked(&secrets.token),
            st: masked(&secrets.session_token),
            rt: masked(&secrets.refresh_token),
            client_id: masked(&secrets.client_id),
            client_secret: masked(&secrets.client_secret),
            cookie: masked(&secrets.cookie),
            organization: masked(&secrets.organization),
            project: masked(&secrets.project),
            proxy_url: secrets.proxy_url.as_ref().map(proxy::shown),
            email: account.identity.email.clone(),
            username: account.identity.username.clone(),
            remark: account.remark.clone(),
            expiry_time: account.expires_at.map(moment::text),
            is_active: account.enabled,
            is_expired: account.off == Some(Off::Expired),
            disabled_reason: account.off.map(Off::word),
            cooled_until: standing.and_then(rests_until).map(moment::text),
            health: health(account, standing),
            problem: account.checked.problem.clone(),
            checked_at: account.checked.at.map(moment::text),
            created_at: moment::text(account.created_at),
            updated_at: moment::text(account.updated_at),
            last_used_at: used.map(moment::text),
            use_count: counts.uses,
            image_count: counts.made.images,
            video_count: counts.made.videos,
            error_count: counts.made.errors,
            plan_type: plan.map(|plan| plan.id.clone()),
            plan_title: plan.map(|plan| plan.title.clone()),
            subscription_end: plan.and_then(|plan| plan.ends_at).map(moment::text),
            sora2_supported: sora.is_some(),
            sora2_invite_code: invites.map(|invites| invites.code.clone()),
            sora2_redeemed_count: invites.map_or(0, |invites| invites.redeemed),
            sora2_total_count: invites.map_or(0, |invites| invites.total),
            sora2_remaining_count: sora.map_or(0, |sora| sora.remaining),
            sora2_cooldown_until: sora
                .filter(|q| q.remaining == 0)
                .and_then(|q| q.resets_at)
                .map(moment::text),
            image_enabled: account.images.enabled,
            video_enabled: account.videos.enabled,
            image_concurrency: account.images.slots,
            video_concurrency: account.videos.slots,
            rpm: account.rpm,
            ipm: account.ipm,
            base_url: account.endpoint.base_url.clone(),
            dialect: account.endpoint.dialect.clone(),
            models: account.models.iter().map(model).collect(),
            quota: account.checked.quota.iter().map(|(family, left)| (family.clone(), quota(left))).collect(),
            in_flight: standing.map_or(0, |standing| standing.in_flight),
            faults_in_a_row: standing.map_or(0, |standing| standing.faults_in_a_row),
        }
    }
}
