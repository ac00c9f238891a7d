//! Many accounts at once. Each row stands or falls by itself, and the answer says which.

use super::{AccountBody, form, one::verdict};
use crate::{
    auth::Admin,
    body,
    fields::Fields,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data, Query},
};
use atelier_actors::{
    Refused,
    account_book::{Entry, Report, Revive, Switched, Written},
};
use atelier_domain::{code::Code, secret::Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// The longest list of accounts, in bytes.
const LIMIT: usize = 16 << 20;

/// Accounts in one list at most.
const MOST: usize = 2_000;

/// Accounts to add.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct BatchBody {
    /// At most 2000.
    tokens: Vec<AccountBody>,
}

/// What became of one row.
#[derive(Serialize, ToSchema)]
pub struct RowView {
    /// Its token, masked.
    token: String,
    /// `added`, `updated`, `skipped` (it is there already) or `failed`.
    status: &'static str,
    /// Whether it is there now because of this row.
    success: bool,
    /// The account's number.
    token_id: Option<u64>,
    /// Its address upstream.
    email: Option<String>,
    /// For people.
    message: String,
}

/// What became of a list.
#[derive(Serialize, ToSchema)]
pub struct Batched {
    /// Always true; errors have another body.
    success: bool,
    /// For people.
    message: String,
    /// Rows.
    total: usize,
    /// New accounts.
    added: usize,
    /// Changed accounts.
    updated: usize,
    /// Rows of accounts that were there already.
    skipped: usize,
    /// Rows that were refused.
    failed: usize,
    /// Each row, in order.
    details: Vec<RowView>,
    /// The same under the name that imports answer with.
    results: Vec<Value>,
}

/// A row as it was read: an entry to write, or why it is none.
struct Row {
    token: String,
    email: Option<String>,
    entry: Result<Entry, Problem>,
}

async fn rows(gateway: &Gateway, payload: web::Payload, imports: bool) -> Result<Vec<Row>, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let Some(Value::Array(items)) = fields.take("tokens") else {
        return Err(Problem::field("tokens", "tokens must be a list of accounts"));
    };
    if items.is_empty() || items.len() > MOST {
        return Err(Problem::field("tokens", format!("tokens must hold 1 to {MOST} accounts")));
    }
    Ok(items.into_iter().map(|item| row(gateway, item, imports)).collect())
}

fn row(gateway: &Gateway, item: Value, imports: bool) -> Row {
    let text = |name: &str| item[name].as_str().map(|text| text.trim().to_owned());
    let token = text("token").or_else(|| text("access_token")).unwrap_or_default();
    let (token, email) = (Secret::new(token).masked(), text("email").filter(|email| !email.is_empty()));
    let Value::Object(map) = item else {
        let entry = Err(Problem::field("tokens", "each of tokens must be an object"));
        return Row { token, email, entry };
    };
    let mut fields = Fields::new(map);
    let draft = form::draft(gateway, &mut fields, None);
    if imports && draft.email.clone().flatten().is_none() {
        fields.wrong("email", "email is missing: an import finds accounts by it");
    }
    let entry = fields.check().map(|()| Entry { draft, updates: imports });
    Row { token, email, entry }
}

async fn write(gateway: &Gateway, rows: Vec<Row>) -> Result<Batched, Problem> {
    let entries = rows.iter().filter_map(|row| row.entry.as_ref().ok().cloned()).collect();
    let mut written = gateway.accounts.write_all(entries).await?.into_iter();
    let mut details = Vec::with_capacity(rows.len());
    for row in rows {
        details.push(match row.entry {
            Ok(_) => match written.next() {
                Some(outcome) => told(row.token, row.email, outcome),
                None => failed(row.token, row.email, "it was not tried"),
            },
            Err(problem) => failed(row.token, row.email, &problem.to_string()),
        });
    }
    let count = |status: &str| details.iter().filter(|row| row.status == status).count();
    let (added, updated, skipped, refused) =
        (count("added"), count("updated"), count("skipped"), count("failed"));
    let message = format!("{added} added, {updated} updated, {skipped} skipped, {refused} failed");
    let result = |row: &RowView| {
        json!({ "email": row.email, "status": row.status, "success": row.success, "token_id": row.token_id,
            "error": (!row.success).then_some(&row.message) })
    };
    let results = details.iter().map(result).collect();
    Ok(Batched {
        success: true,
        message,
        total: details.len(),
        added,
        updated,
        skipped,
        failed: refused,
        details,
        results,
    })
}

fn told(token: String, email: Option<String>, outcome: Result<Written, Refused>) -> RowView {
    match outcome {
        Ok(Written { account, added }) => RowView {
            token,
            status: if added { "added" } else { "updated" },
            success: true,
            token_id: Some(account.number),
            email: account.identity.email.clone(),
            message: "nobody looked yet whether it works: POST /api/tokens/batch-test does".to_owned(),
        },
        Err(refused) if refused.code == Code::AccountExists => {
            RowView { status: "skipped", ..failed(token, email, &refused.message) }
        }
        Err(refused) => failed(token, email, &refused.message),
    }
}

fn failed(token: String, email: Option<String>, message: &str) -> RowView {
    let message = message.to_owned();
    RowView { token, status: "failed", success: false, token_id: None, email, message }
}

/// Add accounts. They are not looked at: `batch-test` does that.
#[utoipa::path(post, path = "/api/tokens/batch-add", tag = "admin: accounts", request_body = BatchBody,
    responses((status = 200, description = "What became of each", body = Batched), (status = 422, description = "`bad_tokens`", body = ErrorBody)))]
pub async fn add(
    admin: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let rows = rows(&gateway, payload, false).await?;
    let batched = write(&gateway, rows).await?;
    admin.note(batched.message.as_str());
    Ok(HttpResponse::Ok().json(batched))
}

/// Add accounts, or change those whose `email` is there already at the same provider. `access_token`, `session_token` and `refresh_token`
/// are understood beside `token`, `st` and `rt`.
#[utoipa::path(post, path = "/api/tokens/import", tag = "admin: accounts", request_body = BatchBody,
    responses((status = 200, description = "What became of each", body = Batched), (status = 422, description = "`bad_tokens`", body = ErrorBody)))]
pub async fn import(
    admin: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let rows = rows(&gateway, payload, true).await?;
    let batched = write(&gateway, rows).await?;
    admin.note(batched.message.as_str());
    Ok(HttpResponse::Ok().json(batched))
}

/// Which accounts to look at.
#[derive(Deserialize, IntoParams)]
pub struct Which {
    /// Only those that are on (true unless `only_disabled`).
    only_active: Option<bool>,
    /// Only those that are off.
    #[serde(default)]
    only_disabled: bool,
}

/// What one look found.
#[derive(Serialize, ToSchema)]
pub struct LookView {
    /// The account's number.
    token_id: u64,
    /// Its address upstream.
    email: Option<String>,
    /// `success`, `failed`, or `not_tested` when time was up before its turn.
    status: &'static str,
    /// For people.
    message: String,
}

/// What many looks found.
#[derive(Serialize, ToSchema)]
pub struct Looked {
    /// Always true.
    success: bool,
    /// For people.
    message: String,
    /// Accounts that were meant.
    total: usize,
    /// Accounts that had their turn.
    tested: usize,
    /// Those that work.
    valid: usize,
    /// Those that do not.
    invalid: usize,
    /// Those that the look switched off.
    auto_disabled: usize,
    /// Those that the look switched on.
    auto_enabled: usize,
    /// Each account.
    results: Vec<LookView>,
}

/// Look at many accounts, five at once and for two minutes at most. As with one, only a refused credential switches off. With
/// `only_disabled`, or `only_active=false`, those that are off are looked at as well, and whichever works is switched on.
#[utoipa::path(post, path = "/api/tokens/batch-test", tag = "admin: accounts", params(Which),
    responses((status = 200, description = "What was found", body = Looked)))]
pub async fn test(_: Admin, gateway: Data<Gateway>, which: Query<Which>) -> Result<HttpResponse, Problem> {
    let is_meant = |enabled: bool| match (which.only_disabled, which.only_active.unwrap_or(true)) {
        (true, _) => !enabled,
        (false, true) => enabled,
        (false, false) => true,
    };
    let meant = gateway.accounts.list().into_iter().filter(|account| is_meant(account.enabled));
    let looks = gateway.checkups.check_all(meant.map(|account| account.number).collect(), Revive::All).await;
    let reports: Vec<&Report> = looks.iter().filter_map(|(_, report)| report.as_ref()).collect();
    let valid = reports.iter().filter(|report| report.problem.is_none()).count();
    let switched = |how| reports.iter().filter(|report| report.switched == Some(how)).count();
    let (off, on) = (switched(Switched::Off), switched(Switched::On));
    let invalid = reports.len() - valid;
    let message = format!("tested: {valid} valid, {invalid} invalid, {off} disabled, {on} enabled");
    let look = |(number, report): &(u64, Option<Report>)| {
        let (status, message) =
            report.as_ref().map_or_else(|| ("not_tested", "time was up before its turn".to_owned()), verdict);
        let email = report.as_ref().and_then(|report| report.account.identity.email.clone());
        LookView { token_id: *number, email, status, message }
    };
    Ok(HttpResponse::Ok().json(Looked {
        success: true,
        message,
        total: looks.len(),
        tested: reports.len(),
        valid,
        invalid,
        auto_disabled: off,
        auto_enabled: on,
        results: looks.iter().map(look).collect(),
    }))
}

/// Switch all accounts on that are off.
#[utoipa::path(post, path = "/api/tokens/batch-enable", tag = "admin: accounts", responses((status = 200, description = "`{success, message, enabled_count}`")))]
pub async fn enable(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let count = gateway.accounts.switch_all(true).await?;
    let message = format!("{count} accounts enabled");
    Ok(HttpResponse::Ok().json(json!({ "success": true, "message": message, "enabled_count": count })))
}

/// Switch all accounts off that are on.
#[utoipa::path(post, path = "/api/tokens/batch-disable", tag = "admin: accounts", responses((status = 200, description = "`{success, message, disabled_count}`")))]
pub async fn disable(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let count = gateway.accounts.switch_all(false).await?;
    let message = format!("{count} accounts disabled");
    Ok(HttpResponse::Ok().json(json!({ "success": true, "message": message, "disabled_count": count })))
}

/// Take away all accounts that are off.
#[utoipa::path(delete, path = "/api/tokens/batch-delete-disabled", tag = "admin: accounts", responses((status = 200, description = "`{success, message, deleted_count}`")))]
pub async fn delete_disabled(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let count = gateway.accounts.remove_disabled().await?;
    let message = format!("{count} accounts removed");
    Ok(HttpResponse::Ok().json(json!({ "success": true, "message": message, "deleted_count": count })))
}
