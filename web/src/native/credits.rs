//! What a key has and how it came to that (api.md §7).

use crate::{
    auth::Caller,
    body,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data, Query},
};
use atelier_actors::credit_ledger::Numbered;
use atelier_domain::{credit::LedgerAccount, ids::KeyId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The longest body, in bytes.
const LIMIT: usize = 16 << 10;

/// The most entries on a page.
const MOST: usize = 100;

/// What a key has.
#[derive(Serialize, ToSchema)]
pub struct BalanceView {
    /// What can be spent, without what is held.
    balance: i64,
    /// What is set aside for open jobs.
    held: i64,
    /// Always `credits`.
    currency: &'static str,
    /// Whether jobs of this key cost credit at all.
    metered: bool,
}

/// One entry, as its owner sees it.
#[derive(Serialize, ToSchema)]
pub struct EntryView {
    /// Its number in the journal.
    pub id: u64,
    /// Always `credit.entry`.
    pub object: &'static str,
    /// `top_up`, `deduction`, `hold`, `capture` or `release`.
    pub kind: String,
    /// By how much it changed what can be spent.
    pub amount: i64,
    /// By how much it changed what is held.
    pub held: i64,
    /// The job it is about.
    pub job: Option<String>,
    /// The operator's words.
    pub reason: Option<String>,
    /// When, in seconds since the epoch.
    pub created: i64,
}

/// A page of entries, newest first.
#[derive(Serialize, ToSchema)]
pub struct EntryList {
    /// Always `list`.
    object: &'static str,
    /// The entries.
    data: Vec<EntryView>,
    /// Whether older ones follow.
    has_more: bool,
    /// What to send as `after` for the next page.
    last_id: Option<u64>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// The last entry of the page before.
    after: Option<u64>,
    /// How many, at most 100 (20).
    limit: Option<usize>,
}

/// What this key has.
#[utoipa::path(get, path = "/v1/credits", tag = "credits", responses((status = 200, description = "The balance", body = BalanceView)))]
pub async fn balance(caller: Caller, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let balance = gateway.ledger.balance(caller.0.id)?;
    Ok(HttpResponse::Ok().json(BalanceView {
        balance: balance.available,
        held: balance.held,
        currency: "credits",
        metered: caller.0.metered,
    }))
}

/// This key's entries, newest first.
#[utoipa::path(get, path = "/v1/credits/entries", tag = "credits", params(Page), responses((status = 200, description = "A page", body = EntryList)))]
pub async fn entries(
    caller: Caller,
    gateway: Data<Gateway>,
    page: Query<Page>,
) -> Result<HttpResponse, Problem> {
    let limit = page.limit.unwrap_or(20).clamp(1, MOST);
    let mut entries = gateway.ledger.statement(caller.0.id, page.after, limit + 1)?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let data: Vec<EntryView> = entries.iter().map(|entry| view(caller.0.id, entry)).collect();
    let last_id = data.last().map(|entry| entry.id);
    Ok(HttpResponse::Ok().json(EntryList { object: "list", data, has_more, last_id }))
}

/// An entry from the side of a key.
pub fn view(key: KeyId, numbered: &Numbered) -> EntryView {
    let entry = &numbered.entry;
    let change = |account| entry.postings.iter().filter(|p| p.account == account).map(|p| p.amount).sum();
    let kind = serde_json::to_value(entry.kind).ok().and_then(|word| word.as_str().map(str::to_owned));
    EntryView {
        id: numbered.seq,
        object: "credit.entry",
        kind: kind.unwrap_or_default(),
        amount: change(LedgerAccount::Available(key)),
        held: change(LedgerAccount::Held(key)),
        job: entry.job.map(|job| job.to_string()),
        reason: entry.reason.clone(),
        created: entry.at.seconds(),
    }
}

/// A code.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct RedeemBody {
    /// The code; dashes, spaces and the case of letters do not matter.
    code: String,
}

/// What a code gave.
#[derive(Serialize, ToSchema)]
pub struct RedeemView {
    /// What was credited.
    credited: i64,
    /// What can be spent now.
    balance: i64,
    /// What is set aside for open jobs.
    held: i64,
    /// Always `credits`.
    currency: &'static str,
}

/// Use a code: its credit is this key's, once.
#[utoipa::path(post, path = "/v1/credits/redeem", tag = "credits", request_body = RedeemBody,
    responses((status = 200, description = "Credited", body = RedeemView), (status = 404, description = "`redeem_code_not_found`", body = ErrorBody),
        (status = 409, description = "`redeem_code_used`, `redeem_code_expired`", body = ErrorBody), (status = 422, description = "`bad_code`", body = ErrorBody),
        (status = 429, description = "`redeem_throttled`", body = ErrorBody)))]
pub async fn redeem(
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let code = fields.filled("code").unwrap_or_default();
    if code.is_empty() && !fields.has("code") {
        fields.wrong("code", "code is missing");
    }
    fields.check()?;
    let credited = gateway.codes.redeem(caller.0.id, &code).await?;
    tracing::info!(key_id = %caller.0.id, amount = credited.amount, "redeem code used");
    Ok(HttpResponse::Ok().json(RedeemView {
        credited: credited.amount,
        balance: credited.balance.available,
        held: credited.balance.held,
        currency: "credits",
    }))
}
