//! Codes that give credit, as the operator makes them.

use crate::{
    auth::Admin,
    body,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data, Path, Query},
};
use atelier_actors::redemption::{MOST, NewCodes, RedeemCode};
use atelier_domain::{credit::MAX_AMOUNT, time::Millis};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

/// The longest body, in bytes.
const LIMIT: usize = 16 << 10;

/// Codes on one page at most, and when nobody says.
const MOST_LISTED: usize = 1_000;
const USUAL: usize = 100;

/// Codes to make.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct CodesBody {
    /// What each gives, in credits.
    amount: i64,
    /// How many, 1 to 1000 (1).
    count: Option<u32>,
    /// The operator's name for them.
    name: Option<String>,
    /// When they stop working, in seconds since the epoch; 0 means never.
    expires_at: Option<i64>,
}

/// A code.
#[derive(Serialize, ToSchema)]
pub struct CodeView {
    /// What it is called here.
    id: String,
    /// Always `redeem_code`.
    object: &'static str,
    /// Its first characters.
    prefix: String,
    /// The operator's name for it.
    name: String,
    /// What it gives.
    amount: i64,
    /// `unused`, `used` or `expired`.
    status: &'static str,
    /// The key that has its credit.
    redeemed_by: Option<String>,
    /// When that was, in seconds since the epoch.
    redeemed_at: Option<i64>,
    /// When it stops working.
    expires_at: Option<i64>,
    /// Since when it exists.
    created_at: i64,
}

/// Codes.
#[derive(Serialize, ToSchema)]
pub struct CodeList {
    /// Always `list`.
    object: &'static str,
    /// The codes, in no order that says anything.
    data: Vec<CodeView>,
    /// Whether others follow.
    has_more: bool,
}

/// New codes.
#[derive(Serialize, ToSchema)]
pub struct Made {
    /// Always true; errors have another body.
    success: bool,
    /// The codes themselves: only in this answer.
    codes: Vec<String>,
    /// What is known of each, in the same order.
    data: Vec<CodeView>,
}

fn view(row: &RedeemCode, now: Millis) -> CodeView {
    let is_over = row.expires_at.is_some_and(|end| end <= now);
    CodeView {
        id: row.id.clone(),
        object: "redeem_code",
        prefix: row.prefix.clone(),
        name: row.name.clone(),
        amount: row.amount,
        status: if row.redeemed.is_some() {
            "used"
        } else if is_over {
            "expired"
        } else {
            "unused"
        },
        redeemed_by: row.redeemed.as_ref().map(|used| used.key.to_string()),
        redeemed_at: row.redeemed.as_ref().map(|used| used.at.seconds()),
        expires_at: row.expires_at.map(Millis::seconds),
        created_at: row.created_at.seconds(),
    }
}

/// Make codes. They are in this answer and never again: only their hashes are kept.
#[utoipa::path(post, path = "/api/redeem-codes", tag = "admin: keys", request_body = CodesBody,
    responses((status = 201, description = "The codes", body = Made), (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn create(
    admin: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let amount = fields.integer("amount", 1..=MAX_AMOUNT);
    let count = fields.integer("count", 1..=MOST as i64).unwrap_or(1);
    let name = fields.text("name").unwrap_or_default().trim().to_owned();
    let expires_at = fields.integer("expires_at", 0..=253_402_300_799).filter(|at| *at > 0);
    let expires_at = expires_at.map(|at| Millis(at * 1000));
    if !fields.has("amount") {
        fields.wrong("amount", "amount is missing");
    }
    if name.chars().count() > 100 {
        fields.wrong("name", "name may have 100 characters at most");
    }
    if expires_at.is_some_and(|end| end <= gateway.clock.now()) {
        fields.wrong("expires_at", "expires_at is past");
    }
    fields.check()?;
    let count = usize::try_from(count).unwrap_or(1);
    let new = NewCodes { amount: amount.unwrap_or_default(), count, name, expires_at };
    let made = gateway.codes.create(&new).await?;
    admin.note(format!("{count} codes of {} credits", new.amount));
    let now = gateway.clock.now();
    let (data, codes) = made.iter().map(|(row, text)| (view(row, now), text.expose().to_owned())).collect();
    Ok(HttpResponse::Created().json(Made { success: true, codes, data }))
}

/// Which codes.
#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// How many, 1 to 1000 (100).
    limit: Option<usize>,
    /// Only those after this one: the last of the page before.
    after: Option<String>,
}

/// All codes, without their texts.
#[utoipa::path(get, path = "/api/redeem-codes", tag = "admin: keys", params(Page),
    responses((status = 200, description = "The codes", body = CodeList), (status = 422, description = "`bad_limit`", body = ErrorBody)))]
pub async fn list(_: Admin, gateway: Data<Gateway>, page: Query<Page>) -> Result<HttpResponse, Problem> {
    let limit = page.limit.unwrap_or(USUAL);
    if !(1..=MOST_LISTED).contains(&limit) {
        return Err(Problem::field("limit", format!("limit must be 1 to {MOST_LISTED}")));
    }
    let mut rows = gateway.codes.list(page.after.as_deref(), limit + 1)?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let now = gateway.clock.now();
    let data = rows.iter().map(|row| view(row, now)).collect();
    Ok(HttpResponse::Ok().json(CodeList { object: "list", data, has_more }))
}

/// Take a code away that nobody used.
#[utoipa::path(delete, path = "/api/redeem-codes/{id}", tag = "admin: keys", params(("id" = String, Path, description = "The code's id")),
    responses((status = 200, description = "`{id, object: redeem_code.deleted, deleted: true}`"), (status = 404, description = "`redeem_code_not_found`", body = ErrorBody),
        (status = 409, description = "`redeem_code_used`", body = ErrorBody)))]
pub async fn delete(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let row = gateway.codes.delete(&id).await?;
    Ok(HttpResponse::Ok().json(json!({ "id": row.id, "object": "redeem_code.deleted", "deleted": true })))
}
