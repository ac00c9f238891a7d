//! The proof of the books.

use crate::{auth::Admin, gateway::Gateway, problem::Problem};
use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

/// What a verification found.
#[derive(Serialize, ToSchema)]
pub struct VerdictView {
    /// Whether nothing is wrong.
    ok: bool,
    /// Entries read.
    entries: u64,
    /// Accounts with a balance.
    accounts: u64,
    /// Accounts whose kept balance differs from their entries.
    drift: Vec<DriftView>,
    /// What else is wrong.
    problems: Vec<String>,
    /// The hash of the last entry.
    head: String,
}

/// One account that drifted.
#[derive(Serialize, ToSchema)]
pub struct DriftView {
    /// The account.
    account: String,
    /// What its row says.
    kept: i64,
    /// What its entries say.
    computed: i64,
}

/// Prove the books from the entries alone. Exact while jobs come and go: credit stands still for the last moment of the proof.
#[utoipa::path(get, path = "/api/ledger/verify", tag = "admin: ledger", responses((status = 200, description = "What was found", body = VerdictView)))]
pub async fn verify(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let verdict = gateway.ledger.verify().await?;
    let drift = |d: &atelier_actors::credit_ledger::Drift| DriftView {
        account: d.account.clone(),
        kept: d.kept,
        computed: d.computed,
    };
    Ok(HttpResponse::Ok().json(VerdictView {
        ok: verdict.is_ok(),
        entries: verdict.entries,
        accounts: verdict.accounts,
        drift: verdict.drift.iter().map(drift).collect(),
        problems: verdict.problems,
        head: verdict.head,
    }))
}
