//! What older clients ask of the gateway as a whole: figures, and codes to invite with (api.md §8).

use crate::{accounts, auth::Caller, gateway::Gateway, problem::Problem};
use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct Figures {
    /// Accounts.
    total_tokens: usize,
    /// Accounts that are on.
    active_tokens: usize,
    /// Images made today.
    today_images: u64,
    /// Images made.
    total_images: u64,
    /// Videos made today.
    today_videos: u64,
    /// Videos made.
    total_videos: u64,
    /// Jobs that failed today.
    today_errors: u64,
    /// Jobs that failed.
    total_errors: u64,
}

/// Figures of the gateway.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsAnswer {
    /// Always true.
    success: bool,
    /// The figures.
    stats: Figures,
}

/// Figures of the gateway as a whole. A day begins at midnight where the gateway is configured to be.
#[utoipa::path(get, path = "/v1/stats", tag = "accounts", responses((status = 200, description = "The figures", body = StatsAnswer)))]
pub async fn stats(_: Caller, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let accounts = accounts::all(&gateway).await?;
    let total = gateway.requests.total()?;
    let today = gateway.requests.days(1)?.pop().map(|(_, counts)| counts).unwrap_or_default();
    let stats = Figures {
        total_tokens: accounts.len(),
        active_tokens: accounts.iter().filter(|one| one.standing.account.enabled).count(),
        today_images: today.images,
        total_images: total.images,
        today_videos: today.videos,
        total_videos: total.videos,
        today_errors: today.errors,
        total_errors: total.errors,
    };
    Ok(HttpResponse::Ok().json(StatsAnswer { success: true, stats }))
}

/// A code to invite somebody with.
#[derive(Debug, Serialize, ToSchema)]
pub struct InviteCode {
    /// Always true.
    success: bool,
    /// The code.
    invite_code: String,
    /// How many may still use it.
    remaining_count: u64,
    /// How many may altogether.
    total_count: u64,
    /// Whose it is.
    email: Option<String>,
}

/// A code to invite somebody with, of the account that has most of them left.
#[utoipa::path(get, path = "/v1/invite-codes", tag = "accounts",
    responses((status = 200, description = "A code, or `{success: false, message}` where there is none", body = InviteCode)))]
pub async fn invite_codes(_: Caller, gateway: Data<Gateway>) -> HttpResponse {
    let roster = gateway.pool.accounts();
    let inviting = roster.iter().filter(|(account, _)| account.enabled);
    let inviting = inviting.filter_map(|(account, _)| Some((account, account.checked.invites.as_ref()?)));
    let most = inviting.filter(|(_, invites)| invites.left() > 0).max_by_key(|(_, invites)| invites.left());
    let Some((account, invites)) = most else {
        let message = "No available invite codes with remaining quota";
        return HttpResponse::Ok().json(json!({ "success": false, "message": message }));
    };
    HttpResponse::Ok().json(InviteCode {
        success: true,
        invite_code: invites.code.clone(),
        remaining_count: invites.left(),
        total_count: invites.total,
        email: account.identity.email.clone(),
    })
}
